"""Arrays of records, and single records: the numbers in their fields.

Decides which dtypes of records can be differentiated, and that one buffer stays one buffer: a shadow has all fields of
its primal, those without a derivative as well. Invariant: what is done to the numbers leaves the other fields alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

_NUMBERS = frozenset(map(np.dtype, ("f4", "f8", "c8", "c16")))
Leaf = tuple[str, np.dtype, int]  # the path of a field, the dtype of its elements, bytes from the start


class _Memory:
    """What `numpy.asarray` makes a writable view of a record from: its own buffer is read-only."""

    def __init__(self, record: Any) -> None:
        self.record = record
        address = np.frombuffer(record, np.uint8).__array_interface__["data"][0]
        kind = f"|V{record.dtype.itemsize}"
        place = address, not record.flags.writeable
        self.__array_interface__ = {"version": 3, "shape": (), "typestr": kind, "data": place}


def array_of(value: Any) -> np.ndarray:
    """The array itself; for a single record the array of no dimensions on its memory.

    >>> record = np.zeros(2, [("x", "f8"), ("n", "i8")])[1]
    >>> array_of(record)["x"] = 3.0
    >>> record
    np.void((3.0, 0), dtype=[('x', '<f8'), ('n', '<i8')])
    """
    return np.asarray(_Memory(value)).view(value.dtype) if isinstance(value, np.void) else value


def like(value: Any, array: np.ndarray) -> Any:
    """`array` as what `value` is: an array of its class and dtype, or one record."""
    if isinstance(value, np.void):
        return array.view(value.dtype)[()]
    if type(value) is type(array) and array.dtype.type is value.dtype.type and array.dtype == value.dtype:
        return array
    return array.view(value.dtype).view(type(value))


def numbers_of(array: np.ndarray) -> list[np.ndarray]:
    """Views of all that has a derivative: the array itself, or fields of its records.

    >>> [view.tolist() for view in numbers_of(np.zeros(2, [("x", "f8"), ("n", "i8"), ("z", "c16")]))]
    [[0.0, 0.0], [0j, 0j]]
    """
    if array.dtype.names is None:
        return [array] if array.dtype in _NUMBERS else []
    return [view for name in array.dtype.names for view in numbers_of(np.asarray(array[name]))]


def mapped(fn: Callable[..., Any], array: np.ndarray, others: tuple[Any, ...]) -> np.ndarray:
    """A new array of records: `fn` of every number, and of what belongs to it in `others`; other fields as they are."""
    made = array.copy()
    for target, *given in zip(numbers_of(made), *map(numbers_of, others), strict=True):
        target[...] = fn(target.copy(), *given)
    return made


def clear(array: np.ndarray) -> None:
    """Set an array to zero, all fields of records alike."""
    array[...] = np.zeros((), array.dtype)


@lru_cache(maxsize=1024)
def has_numbers(dtype: np.dtype) -> bool:
    """Whether records of a dtype have fields with a derivative."""
    return any(kind in _NUMBERS for _, kind, _ in _leaves(dtype))


@lru_cache(maxsize=1024)
def problem_of(dtype: np.dtype) -> str | None:
    """Why records of this dtype are refused, by the name of the field; None when they are not."""
    taken = np.full(dtype.itemsize, -1)
    leaves = list(_leaves(dtype))
    for number, (path, kind, offset) in enumerate(leaves):
        if kind.hasobject:
            return f"the field {path} holds Python objects"
        if not kind.isnative:
            return f"the field {path} is byte-swapped ({kind.str})"
        if kind.kind in "fc" and kind not in _NUMBERS:
            return f"the field {path} is {kind}"
        if kind.kind not in "fciubSUmM":
            return f"the field {path} is of dtype {kind}"
        there = taken[offset : offset + kind.itemsize]
        if (there >= 0).any():
            return f"the fields {leaves[there.max()][0]} and {path} share memory"
        there[...] = number
    return None


def _leaves(dtype: np.dtype, path: str = "", offset: int = 0) -> Iterator[Leaf]:
    if dtype.subdtype is not None:
        inner, shape = dtype.subdtype
        for number in range(int(np.prod(shape))):
            yield from _leaves(inner, path, offset + number * inner.itemsize)
    elif dtype.names is not None:
        for name in dtype.names:
            field, start = dtype.fields[name][:2]  # type: ignore[index]
            yield from _leaves(field, f"{path}.{name}" if path else name, offset + start)
    else:
        yield path, dtype, offset


def write_labels(array: np.ndarray, labels: np.ndarray, low: int) -> bool:
    """Note in `labels` what each byte of an array is, counted from the address `low`; whether others agree with it."""
    for path, kind, offset in _leaves(array.dtype):
        del path
        width = kind.itemsize // (2 if kind.kind == "c" else 1)
        for byte in range(kind.itemsize):
            label = 16 * width + byte % width if kind in _NUMBERS else 1
            start = array.__array_interface__["data"][0] - low + offset + byte
            there = np.ndarray(array.shape, labels.dtype, labels.data, start * labels.itemsize, _scaled(array, labels))
            if not np.isin(there, (0, label)).all():
                return False
            there[...] = label
    return True


def _scaled(array: np.ndarray, labels: np.ndarray) -> tuple[int, ...]:
    return tuple(stride * labels.itemsize for stride in array.strides)
