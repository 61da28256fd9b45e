"""Numba types as data that is the same in every process.

Decides which types have such a description; names of Numba types do not serve, for some hold addresses.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any, Protocol

from numba.core import types

from .objects.kinds import ObjectType, TupleBuilder

_NAMED = (
    types.Integer, types.Float, types.Complex, types.Boolean, types.NoneType, types.UnicodeType, types.SliceType,
    types.EllipsisType, types.RangeType,
)  # fmt: skip
# class of types -> the attributes that make one of them
_MADE_OF: dict[type, tuple[str, ...]] = {
    TupleBuilder: (),
    types.Array: ("dtype", "ndim", "layout", "mutable", "aligned"),
    types.NestedArray: ("dtype", "shape"),
    types.CharSeq: ("count",),
    types.UnicodeCharSeq: ("count",),
    types.NPDatetime: ("unit",),
    types.NPTimedelta: ("unit",),
    types.Omitted: ("value",),
    types.Optional: ("type",),
    types.CPointer: ("dtype",),
    types.NumberClass: ("instance_type",),
    types.DType: ("dtype",),
    types.Module: ("pymod",),
    types.Function: ("typing_key",),
    types.Dispatcher: ("dispatcher",),
    types.Tuple: ("types",),
    types.UniTuple: ("types",),
    types.NamedTuple: ("types", "instance_class"),
    types.NamedUniTuple: ("types", "instance_class"),
}
_Literal: Any = types.Literal


class Walk(Protocol):
    """What a type needs of the fingerprint that it is part of."""

    def token(self, value: Any) -> Any:
        """What stands for a value in it."""
        ...

    def closure(self, kind: Any) -> Any:
        """What stands for the function of a closure's type."""
        ...

    def fail(self, why: str) -> Any:
        """What stands for something that has no description."""
        ...


def type_token(kind: Any, walk: Walk) -> Any:
    """What stands for the type `kind`."""
    name, token = type(kind).__name__, walk.token
    if isinstance(getattr(kind, "function", None), FunctionType) and isinstance(kind, ObjectType):
        return "type", name, walk.closure(kind), token(list(kind.fields.items()))
    if type(kind).__module__.startswith("numzyme.") and isinstance(kind.key, tuple):
        return "type", name, token(kind.key)  # our own say in full what they are made of
    if isinstance(kind, _Literal):
        return "type", name, token(kind.literal_value)
    if isinstance(kind, _NAMED) and type(kind).__module__.startswith("numba."):
        return "type", name, str(kind)
    if isinstance(kind, types.Record):
        fields = [(key, *field) for key, field in kind.fields.items()]
        return "type", name, token(fields), token((kind.size, kind.aligned))
    parts = _MADE_OF.get(type(kind))
    if parts is None:
        return walk.fail(f"the Numba type {name} has no stable description")
    return "type", name, token([getattr(kind, part) for part in parts])
