"""Structural gradients of objects: named tuples called after the class of the primal.

Decides what such a type offers. Invariants: equal fields of equal classes give the same type; JAX, optree and torch
take it for a `collections.namedtuple`, and it takes any field name.
"""

from __future__ import annotations

import copy
import operator
import reprlib
import threading
from collections.abc import Iterable
from typing import Any

_PROTOCOL = ("_fields", "_field_defaults", "_make", "_asdict", "_replace", "_primal")
# Names that a field must not take from the tuple itself: it is read by position or `_asdict` then.
_RESERVED = frozenset(name for name in dir(tuple) if name.startswith("__")) | {*_PROTOCOL, "__slots__", "__dict__"}

_types: dict[tuple, type] = {}
_lock = threading.Lock()


def structural_type(cls: type, fields: Iterable[str]) -> Any:
    """The type of structural gradients of instances of `cls` that have these fields.

    Arguments: the class of the primal, the names of its fields: any strings.
    Returns: a subclass of tuple with `_fields`, `_make`, `_asdict` and `_replace`, constructed by position.

    >>> class Layer: ...
    >>> structural_type(Layer, ("weight", "_scale"))([1.0], None)
    Layer(weight=[1.0], _scale=None)
    """
    return _type_of(cls.__module__, cls.__qualname__, tuple(fields))


def is_structural(value: Any) -> bool:
    """Whether a value is a structural gradient of an object.

    >>> is_structural((1.0, 2.0))
    False
    """
    return isinstance(value, tuple) and hasattr(type(value), "_primal")


def in_a_cycle(structural: Any) -> Any:
    """The type for gradients like `structural` that lead back to themselves.

    A tuple cannot contain itself. So a reference that closes a cycle is an attribute only: the place in the tuple holds
    None, and whoever walks over the tuple (JAX, optree) meets every object once.
    """
    with _lock:
        if structural not in _in_cycles:
            fields = structural._fields
            namespace: dict[str, Any] = {
                **{name: _late_reader(n, name) for n, name in enumerate(fields) if name not in _RESERVED},
                "__module__": structural.__module__,
                "__doc__": structural.__doc__,
                "__reduce__": _reduce_cycle,
                "_asdict": _asdict_of_cycle,
            }
            _in_cycles[structural] = type(structural.__name__, (structural,), namespace)
        return _in_cycles[structural]


def part_of(gradient: Any, field: str) -> Any:
    """The part of a structural gradient that belongs to a field."""
    late = getattr(gradient, "__dict__", None)
    return late[field] if late and field in late else gradient[gradient._fields.index(field)]


_in_cycles: dict[type, type] = {}


def _late_reader(index: int, field: str) -> property:
    return property(lambda self: self.__dict__.get(field, self[index]), doc=f"The gradient of the field {field}.")


def _asdict_of_cycle(self: Any) -> dict[str, Any]:
    """The fields by name, those that close a cycle too."""
    return {**dict(zip(self._fields, self, strict=True)), **self.__dict__}


def _reduce_cycle(self: Any) -> tuple:
    return _restore_in_cycle, (*self._primal, self._fields, tuple(self)), dict(self.__dict__)


def _restore_in_cycle(module: str, qualified_name: str, fields: tuple[str, ...], values: Iterable[Any]) -> Any:
    return in_a_cycle(_type_of(module, qualified_name, fields))._make(values)


def _type_of(module: str, qualified_name: str, fields: tuple[str, ...]) -> Any:
    # by name, so that a class that is defined anew (a notebook's cell) and unpickled gradients have the same type
    key = (module, qualified_name, fields)
    with _lock:
        if key not in _types:
            _types[key] = _make_type(*key)
        return _types[key]


def _make_type(module: str, qualified_name: str, fields: tuple[str, ...]) -> type:
    name = qualified_name.rpartition(".")[2]
    namespace: dict[str, Any] = {
        **{field: _reader(index, field) for index, field in enumerate(fields) if field not in _RESERVED},
        "__slots__": (),
        "__module__": module,
        "__doc__": f"The structural gradient of {qualified_name}: {', '.join(fields)}.",
        "__match_args__": fields,
        "__new__": _new,
        "__repr__": _repr,
        "__reduce__": _reduce,
        "__deepcopy__": _deepcopy,
        "__getnewargs__": tuple,
        "_primal": (module, qualified_name),
        "_fields": fields,
        "_field_defaults": {},
        "_make": classmethod(_make),
        "_asdict": _asdict,
        "_replace": _replace,
    }
    return type(name, (tuple,), namespace)


def _reader(index: int, field: str) -> property:
    return property(operator.itemgetter(index), doc=f"The gradient of the field {field}.")


def _new(cls: Any, *values: Any) -> Any:
    return _make(cls, values)


def _make(cls: Any, values: Iterable[Any]) -> Any:
    """Like `_make` of a named tuple: from one iterable."""
    made = tuple.__new__(cls, values)
    if len(made) != len(cls._fields):
        raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, got {len(made)}")
    return made


def _asdict(self: Any) -> dict[str, Any]:
    """The fields by name."""
    return dict(zip(self._fields, self, strict=True))


def _replace(self: Any, /, **changes: Any) -> Any:
    """Like this one, with some fields changed."""
    unknown = [name for name in changes if name not in self._fields]
    if unknown:
        raise ValueError(f"{type(self).__name__} has no fields {unknown}")
    return self._make({**_asdict(self), **changes}.values())


@reprlib.recursive_repr()
def _repr(self: Any) -> str:
    return (
        f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in type(self)._asdict(self).items())})"
    )


def _reduce(self: Any) -> tuple:
    return _restore, (*self._primal, self._fields, tuple(self))


def _deepcopy(self: Any, memo: dict[int, Any]) -> Any:
    """A copy of the parts; a gradient in a cycle may have been copied by the time that its parts are."""
    parts = [copy.deepcopy(part, memo) for part in self]
    if id(self) not in memo:
        memo[id(self)] = made = tuple.__new__(type(self), parts)
        for name, part in getattr(self, "__dict__", {}).items():
            made.__dict__[name] = copy.deepcopy(part, memo)
    return memo[id(self)]


def _restore(module: str, qualified_name: str, fields: tuple[str, ...], values: Iterable[Any]) -> Any:
    """How pickles and copies come back."""
    return _type_of(module, qualified_name, fields)._make(values)
