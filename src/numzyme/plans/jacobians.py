"""Jacobians with respect to objects: the output's container outside, the argument's inside.

Decides that an array of the argument has an array with the output's axes first, a number one with the output's axes
alone, and that every object is structural: no wrapper could hold such parts. Invariant: one mutable object of the
argument has one object here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import types

from .. import values
from ..diagnostics import DifferentiationTypeError
from ..frontend.objects.classes import is_named_tuple_class
from ..frontend.objects.construct import Skeleton
from ..frontend.objects.kinds import DictType, EvenList, MixedList
from ..frontend.objects.results import Returned
from ..values import Kind
from .plan import Flattened


def jacobian(
    flattened: Flattened, returned: list[Returned], derivatives: Any, value: Any, constant: tuple[bool, ...]
) -> Any:
    """The Jacobian of a function of objects.

    `derivatives` and `value`: those of the flat function; `returned`: how its result is made, when that is an object;
    `constant`: which arguments have no derivative.
    """
    first = len(flattened.values) - len(constant)

    def entries(parts: Any) -> Any:
        read = _Reader(list(parts[:-3]), np.asarray(parts[-3]))
        pairs = zip(flattened.values[first:], flattened.skeletons[first:], constant, strict=True)
        found = tuple(None if fixed else read(one, skeleton) for one, skeleton, fixed in pairs)
        return found[0] if len(found) == 1 else found

    if not returned:
        return _of_output(derivatives, value, entries)
    return _of_object(returned[0], derivatives, value, entries)


def _of_output(derivatives: Any, value: Any, entries: Callable[[Any], Any]) -> Any:
    """`entries` for each part of an output that Numba gives."""
    if isinstance(value, tuple):
        parts = [_of_output(*pair, entries) for pair in zip(derivatives, value, strict=True)]
        return tuple.__new__(type(value), parts)
    return None if derivatives is None else entries(derivatives)


def _of_object(returned: Returned, derivatives: Any, parts: Any, entries: Callable[[Any], Any]) -> Any:
    """`entries` for each part of an output that is, or holds, an object."""
    if returned.source == "native":
        return _of_output(derivatives[returned.index], parts[returned.index], entries)
    kind: Any = returned.kind
    members = [_of_object(member, derivatives, parts, entries) for member in returned.members]
    if returned.source == "members":
        return members if isinstance(kind, EvenList | MixedList) else tuple(members)
    if returned.source != "fields":
        return None
    if isinstance(kind, DictType):
        return dict(zip(kind.fields, members, strict=True))
    if is_named_tuple_class(kind.python_class):
        return tuple.__new__(kind.python_class, members)
    return values.structural_type(kind.python_class, tuple(kind.fields))._make(members)


class _Reader:
    """The Jacobian of one output with respect to a value. `floats`: its last axis belongs to the numbers."""

    def __init__(self, arrays: list[Any], floats: np.ndarray) -> None:
        self.arrays, self.floats = arrays, floats
        self.memo: dict[int, Any] = {}

    def __call__(self, value: Any, skeleton: Skeleton) -> Any:
        if skeleton.source in ("array", "record"):
            return self.arrays[skeleton.index]
        if skeleton.source == "float":
            found = self.floats[..., skeleton.index]
            if isinstance(skeleton.kind, types.Complex):  # two numbers of the buffer
                if np.iscomplexobj(self.floats):
                    raise DifferentiationTypeError(
                        "the Jacobian of a complex result with respect to a complex number is not one number",
                        why="the result changes in two ways, with its real and with its imaginary part",
                        todo=("autodiff(Forward, f, Duplicated(x, direction)) for the change in one direction",),
                    )
                found = found + 1j * self.floats[..., skeleton.index + 1]
            return found.copy() if found.ndim else found.item()
        if skeleton.source == "after":
            raise DifferentiationTypeError(
                "Jacobians with respect to objects in a cycle of references are not available"
            )
        kind = values.classify(value)
        if kind is Kind.CONSTANT:
            return None
        if id(value) in self.memo:
            return self.memo[id(value)]
        steps = values.children(value)
        members = [self(*pair) for pair in zip((part for _, part in steps), skeleton.members, strict=False)]
        made = self._container(kind, value, [step.key for step, _ in steps], members)
        if values.is_mutable(value):
            self.memo[id(value)] = made
        return made

    def _container(self, kind: Kind, value: Any, names: list[Any], members: list[Any]) -> Any:
        if kind is Kind.LIST:
            return type(value)(members)
        if kind is Kind.DICT:
            return dict(zip(names, members, strict=True))
        if kind in (Kind.TUPLE, Kind.NAMED_TUPLE):
            return tuple.__new__(type(value), members)
        return values.structural_type(type(value), names)._make(members)
