"""`dataclasses.replace(x, name=value)` and `x._replace(name=value)` in compiled code.

Decides by the names that are given: a function that calls the class with them, and with the fields of the object for
the others, as Python does. Invariant: a dataclass is made by its constructor, `__post_init__` included.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

from numba.core import errors, types
from numba.core.datamodel import models
from numba.core.extending import register_model
from numba.core.typing import templates
from numba.extending import intrinsic

from .attributes import current_typing_context, function_type_of
from .kinds import ObjectType, SequenceType

_Callable: Any = types.Callable
_Dummy: Any = types.Dummy


class FieldReplacer(_Callable, _Dummy):
    """The type of `dataclasses.replace`, and of the plain function behind `_replace`."""

    def __init__(self) -> None:
        super().__init__("replace")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        if len(args) != 1 or not isinstance(args[0], ObjectType):
            raise errors.TypingError("replace is known for a dataclass or NamedTuple and keywords")
        return function_type_of(context, replacing(args[0], tuple(kws))).get_call_type(context, args, kws)

    def get_call_signatures(self) -> Any:
        return (), True

    def get_impl_key(self, sig: Any) -> Any:
        if sig.pysig is None:
            raise errors.TypingError("_replace is known where objects are arguments of the function")
        names = tuple(sig.pysig.parameters)[1:]
        return function_type_of(current_typing_context(), replacing(sig.args[0], names)).get_impl_key(sig)


def replacing(kind: Any, names: tuple[str, ...]) -> Any:
    """The function that makes an object like one of type `kind`, with other values for `names`."""
    return _replacing(kind.python_class, isinstance(kind, SequenceType), names)


class ItemGetter(_Callable, _Dummy):
    """The type of the plain function behind `get` of a dict, until its key is known."""

    def __init__(self) -> None:
        super().__init__("get")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return None if kws else templates.signature(types.none, *args)

    def get_call_signatures(self) -> Any:
        return (), True

    def get_impl_key(self, sig: Any) -> Any:
        raise errors.TypingError("the key that `get` of a dict asks for must be known when it is compiled: write it")


register_model(FieldReplacer)(models.OpaqueModel)
register_model(ItemGetter)(models.OpaqueModel)


@intrinsic
def receiver_of(typing_context: Any, method: Any) -> Any:
    """The object that a bound method belongs to."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        context.nrt.incref(builder, method.receiver, args[0])
        return args[0]

    return method.receiver(method), generate


@functools.cache
def _replacing(python_class: type, is_tuple: bool, names: tuple[str, ...]) -> Any:
    """The function that makes a `python_class` with other values for `names`."""
    from .construct import _new_object

    shown = python_class.__qualname__
    fields = getattr(python_class, "_fields" if is_tuple else "__dataclass_fields__", None)
    if fields is None:
        raise errors.TypingError(f"replace: {shown} is no dataclass")
    unknown = [name for name in names if name not in fields]
    if unknown:
        raise errors.TypingError(f"replace: {shown} has no field {unknown[0]!r}")
    if is_tuple:
        make: Any = _new_object(python_class, list(fields))
        parts = [name if name in names else f"object.{name}" for name in fields]
    else:
        make = python_class
        parts = [part for field in fields.values() if (part := _dataclass_part(shown, field, names))]
    listed = "".join(f", {name}" for name in names)
    scope = {"make": make}
    exec(f"def replace(object{listed}):\n    return make({', '.join(parts)})\n", scope)
    return scope["replace"]


def _dataclass_part(shown: str, field: Any, names: tuple[str, ...]) -> str:
    """How the constructor gets a field."""
    kind, name = field._field_type.name, field.name
    if kind == "_FIELD_CLASSVAR":
        return ""
    if not field.init:
        if name in names:
            raise errors.TypingError(f"field {name} is declared with init=False, it cannot be specified with replace()")
        return ""
    if name in names:
        return f"{name}={name}"
    if kind == "_FIELD_INITVAR":
        if field.default is dataclasses.MISSING:
            raise errors.TypingError(f"InitVar {name!r} of {shown} must be specified with replace()")
        return ""
    return f"{name}=object.{name}"
