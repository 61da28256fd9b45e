"""Results of functions of objects, put together again from what compiled code gave back.

Invariants: an object that came in comes back as itself, and its shadow as the tangent; an object that compiled code
made is made once, of its own class, and no code of the user's runs for it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import MethodType
from typing import Any

import numpy as np
from numba.core import types

from ..diagnostics import DifferentiationTypeError, DifferentiationValueError
from ..frontend.objects.classes import is_named_tuple_class
from ..frontend.objects.kinds import ConstantType, DictType, EvenList, MixedList, identity_of
from ..frontend.objects.results import Returned
from ..values import Kind, classify
from .walk import Walk, is_partial_class

_UNKNOWN = object()


def put_together(returned: Returned, parts: Sequence[Any], walk: Walk) -> Any:
    """The result of the function, from its `parts`."""
    return _Reader(parts, walk)(returned)


def tangent_of(returned: Returned, tangents: Sequence[Any], parts: Sequence[Any], walk: Walk, shadows: Walk) -> Any:
    """The tangent of the result. What has no derivative is None in tuples, and in objects what it is there."""
    return _TangentReader(tangents, parts, walk, shadows).whole(returned)


class _Reader:
    """Makes values. `parts`: what Numba made of the result; `walk`: that of the arguments."""

    def __init__(self, parts: Sequence[Any], walk: Walk) -> None:
        self.parts, self.walk = parts, walk
        self.identities = parts
        self.made: dict[int, Any] = {}  # new objects, by identity

    def __call__(self, returned: Returned) -> Any:
        return getattr(self, "_" + returned.source)(returned)

    def _native(self, returned: Returned) -> Any:
        return self.parts[returned.index]

    def _static(self, returned: Returned) -> Any:
        value = _static_value(returned.kind)
        if value is _UNKNOWN:
            raise _not_returned(returned.kind)
        return value

    def _unknown(self, returned: Returned) -> Any:
        raise _not_returned(returned.kind)

    def _method(self, returned: Returned) -> Any:
        return MethodType(returned.kind.function_type.dispatcher.origin, self(returned.members[0]))

    def _members(self, returned: Returned) -> Any:
        members = tuple(map(self, returned.members))
        if isinstance(returned.kind, types.LiteralStrKeyDict):
            return dict(zip(returned.kind.tuple_ty._fields, members, strict=True))
        if not isinstance(returned.kind, EvenList | MixedList):
            return members
        same = [one for one in self._lists() if len(one) == len(members) and all(map(_is_one, one, members))]
        if len(same) > 1:
            raise DifferentiationValueError(
                "a list that is returned could be either of two arguments",
                why="they have the same members",
                todo=("return the object that holds the list", "return a tuple"),
            )
        return same[0] if same else list(members)

    def _lists(self) -> list[list]:
        return [value for value in self.walk.kept if type(value) is list]

    def _fields(self, returned: Returned) -> Any:
        kind = returned.kind
        if not kind.mutable:
            return self._new(kind, list(map(self, returned.members)))
        number = self.identities[returned.index]
        identity = identity_of(number)
        if identity is not None:
            return self._known(identity)
        if number not in self.made:
            self.made[number] = self._new(kind, list(map(self, returned.members)))
        return self.made[number]

    def _reference(self, returned: Returned) -> Any:
        identity = identity_of(self.identities[returned.index])
        return None if identity is None else self._known(identity)

    def _known(self, identity: int) -> Any:
        return self.walk.kept[identity]

    def _new(self, kind: Any, members: list[Any]) -> Any:
        python_class, names = kind.python_class, list(kind.fields)
        if isinstance(kind, DictType):
            return dict(zip(names, members, strict=True))
        if is_named_tuple_class(python_class):
            return tuple.__new__(python_class, members)
        if is_partial_class(python_class):
            given = dict(zip(names, members, strict=True))
            positional = [given.pop(name) for name in names if name.startswith("value") and name[5:].isdigit()]
            return functools.partial(given.pop("func"), *positional, **given)
        if python_class.__module__ == "numzyme.arrays.mirrors":
            return self._sparse(kind, members)
        if python_class.__module__ == "builtins":
            raise _not_returned(kind)
        made = object.__new__(python_class)
        for name, member in zip(names, members, strict=True):
            object.__setattr__(made, name, member)
        return made

    def _sparse(self, kind: Any, members: list[Any]) -> Any:
        """What a mirror stands for: the argument that it mirrors, or a new one of the class of the arguments."""
        from ..arrays import mirror_of, sparse_of

        given = [value for value in self.walk.kept if classify(value) is Kind.SPARSE]
        for value in given:
            mirror = mirror_of(value)
            if type(mirror) is kind.python_class:
                known = [getattr(mirror, name) for name in kind.fields]
                if all(map(_is_one, known, members)):
                    return self._argument(value)
        return sparse_of(kind.python_class(*members), like=given[0] if given else None)

    def _argument(self, value: Any) -> Any:
        """What comes back when an argument that has no number of its own is returned."""
        return value


class _TangentReader(_Reader):
    """Makes tangents."""

    def __init__(self, tangents: Sequence[Any], parts: Sequence[Any], walk: Walk, shadows: Walk) -> None:
        super().__init__(tangents, walk)
        self.primal, self.shadows, self.identities = parts, shadows, parts

    def whole(self, returned: Returned) -> Any:
        """The tangent of what is not inside an object."""
        if returned.source == "static":
            return None
        if returned.source == "native":
            return self.parts[returned.index]
        if returned.source == "members" and type(returned.kind) in (types.Tuple, types.UniTuple):
            return tuple(map(self.whole, returned.members))
        return self(returned)

    def _native(self, returned: Returned) -> Any:
        return _completed(self.parts[returned.index], self.primal[returned.index])

    def _known(self, identity: int) -> Any:
        return self.shadows.kept[identity]

    def _lists(self) -> list[list]:
        return [value for value in self.shadows.kept if type(value) is list]


def _completed(tangent: Any, primal: Any) -> Any:
    """A tangent with the primal's own in the places that have none."""
    if isinstance(tangent, tuple):
        return tuple.__new__(type(tangent), map(_completed, tangent, primal))
    return primal if tangent is None else tangent


def _static_value(kind: Any) -> Any:
    """The Python value that a type stands for."""
    if isinstance(kind, types.NoneType):
        return None
    if isinstance(kind, types.Literal) and isinstance(kind.literal_value, str | int | bool):
        return kind.literal_value
    if isinstance(kind, ConstantType):
        return kind.value
    if isinstance(kind, types.Dispatcher):
        return getattr(kind.dispatcher, "origin", _UNKNOWN)
    if isinstance(kind, types.Function):
        return kind.typing_key
    return _UNKNOWN


def _is_one(first: Any, second: Any) -> bool:
    """Whether two values are one object, or cannot be told apart."""
    if first is second:
        return True
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        places = [(one.__array_interface__["data"][0], one.shape, one.strides, one.dtype) for one in (first, second)]
        return places[0] == places[1] and first.size > 0
    if type(first) is not type(second):
        return False
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(_is_one, first, second))
    return isinstance(first, float | int | complex | str) and repr(first) == repr(second)


def _not_returned(kind: Any) -> DifferentiationTypeError:
    return DifferentiationTypeError(
        f"the function returns {kind}, which compiled code cannot give back",
        todo=("return numbers, arrays, tuples, or objects of these",),
    )
