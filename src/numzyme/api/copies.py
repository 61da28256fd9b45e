"""Copies of a call: a function and its arguments as they are now, in memory of their own.

Decides what a function may change when it runs: its arguments, the object that it is a method of, the data that it
captures. Invariants: two arrays of a copy share an element exactly when the originals do; what was read-only still is;
what function and arguments share is shared in the copy.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .. import values
from ..plans import captured_data, captures
from .activities import Activity
from .memory_layout import Layout


def copied(call: Any) -> Any:
    """A deep copy of a value; of the functions in it that capture data, too.

    Data of modules that only methods of objects read are not copied.
    """
    memo: dict[int, Any] = {}
    made = _deep(call, memo)
    held = [value for value in memo.get(id(memo), ()) if _is_memory(value)]
    arrays = list(map(values.array_of, held))
    if any(len(group) > 1 for group in values.overlapping(arrays)):  # again, around arrays that overlap
        placed = map(values.like, held, Layout(arrays).copies().values)
        return _deep(call, {id(value): array for value, array in zip(held, placed, strict=True)})
    for value in held:
        if isinstance(value, np.ndarray) and not value.flags.writeable:
            memo[id(value)].flags.writeable = False
    return made


def _is_memory(value: Any) -> bool:
    if isinstance(value, np.void):
        return value.dtype.names is not None
    return isinstance(value, np.ndarray) and not value.dtype.hasobject


def _deep(call: Any, memo: dict[int, Any]) -> Any:
    for function in _functions_in(call, set()):
        _copy_function(function, memo)
    return copy.deepcopy(call, memo)


def _functions_in(value: Any, seen: set[int]) -> Iterator[FunctionType]:
    """The functions in a value that capture data; `seen`: what was looked through, by address."""
    if isinstance(value, Activity):
        value = value.primal
    if id(value) in seen:
        return
    seen.add(id(value))
    if captures(value):
        yield value
        return
    parts: list[Any] = []
    if isinstance(value, functools.partial):
        parts = [value.func, *value.args, *value.keywords.values()]
    elif isinstance(value, tuple | list | dict):
        parts = list(value.values() if isinstance(value, dict) else value)
    elif not isinstance(value, np.ndarray | np.generic | type | ModuleType | FunctionType):
        parts = [getattr(value, name, None) for name in values.all_fields(value)]
        parts += [value.__self__] if isinstance(value, MethodType) else []
    for part in parts:
        yield from _functions_in(part, seen)


def _copy_function(function: FunctionType, memo: dict[int, Any]) -> None:
    """Put into `memo` a function of the same code, around copies of the data that `function` captures.

    `copy.deepcopy` takes functions as they are, except for those that it finds there.
    """
    if id(function) in memo:
        return
    code, data = function.__code__, captured_data(function)
    cells = tuple(CellType() if name in data else cell for name, cell in _cells(function))
    names = function.__globals__
    elsewhere = {name: value for name, value in data.items() if name not in code.co_freevars}
    names = {**names} if elsewhere else names
    made = FunctionType(code, names, function.__name__, function.__defaults__, cells)
    made.__kwdefaults__, made.__qualname__ = function.__kwdefaults__, function.__qualname__
    made.__module__ = function.__module__
    memo[id(function)] = made
    for value in data.values():
        for inner in _functions_in(value, set()):
            _copy_function(inner, memo)
    names.update({name: copy.deepcopy(value, memo) for name, value in elsewhere.items()})
    for (name, _), cell in zip(_cells(function), cells, strict=True):
        if name in data:
            cell.cell_contents = copy.deepcopy(data[name], memo)


def _cells(function: FunctionType) -> list[tuple[str, CellType]]:
    return list(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
