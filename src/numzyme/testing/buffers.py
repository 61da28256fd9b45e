"""Buffers of numbers, or of records that hold numbers: the floats in them.

Decides, from NumPy's dtypes alone, which parts of a buffer can have a derivative, and in which order they count: as
they lie in memory. Invariant: what is done to the parts leaves the rest of a buffer as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Place = tuple[int, np.dtype, int]  # bytes from the start of a record, float type, how many


def is_record(dtype: np.dtype) -> bool:
    return dtype.names is not None


def parts(buffer: np.ndarray) -> list[np.ndarray]:
    """Views of all floats of a buffer: itself, or each field of its records."""
    if is_record(buffer.dtype):
        return [part for name in buffer.dtype.names or () for part in parts(buffer[name])]
    return [buffer] if np.issubdtype(buffer.dtype, np.inexact) else []


def is_float(buffer: np.ndarray) -> bool:
    """Whether a buffer can have a derivative."""
    return bool(parts(buffer))


def copied(buffer: np.ndarray) -> np.ndarray:
    """A copy, of the bytes between the fields of records too."""
    made = buffer.copy()
    if is_record(buffer.dtype):
        _rows(made)[...] = _rows(buffer)
    return made


def mapped(fn: Callable[..., Any], buffer: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """A buffer like `buffer`, whose floats are `fn` of its floats and those of `others`."""
    if not is_record(buffer.dtype):
        return fn(buffer, *others)
    made = copied(buffer)
    for target, *given in zip(parts(made), *map(parts, (buffer, *others)), strict=True):
        target[...] = fn(*given)
    return made


def assign(target: np.ndarray, source: np.ndarray) -> None:
    """Write the floats of `source` to `target`."""
    for to, of in zip(parts(target), parts(source), strict=True):
        to[...] = of


def widened(dtype: np.dtype, real: Any) -> np.dtype:
    """A dtype with `real` for its real floats, and complex128 for its complex ones."""
    if dtype.subdtype is not None:
        return np.dtype((widened(dtype.subdtype[0], real), dtype.subdtype[1]))
    if dtype.names is not None:
        return np.dtype([(name, widened(dtype[name], real)) for name in dtype.names], align=dtype.isalignedstruct)
    if dtype.kind == "c":
        return np.dtype(np.complex128)
    return np.dtype(real) if dtype.kind == "f" else dtype


def places(dtype: np.dtype, start: int = 0) -> Iterator[Place]:
    """Where the floats of one element are; a complex number is two."""
    if dtype.subdtype is not None:
        inner, shape = dtype.subdtype
        count = int(np.prod(shape))
        if inner.names is None:
            yield from ((offset, kind, number * count) for offset, kind, number in places(inner, start))
            return
        for number in range(count):
            yield from places(inner, start + number * inner.itemsize)
    elif dtype.names is not None:
        for name in sorted(dtype.names, key=lambda name: dtype.fields[name][1]):  # type: ignore[index]
            field, offset = dtype.fields[name][:2]  # type: ignore[index]
            yield from places(field, start + offset)
    elif dtype.kind == "c":
        yield start, np.dtype(f"f{dtype.itemsize // 2}"), 2
    elif dtype.kind == "f":
        yield start, dtype, 1


def with_attributes(value: Any) -> Any:
    """The same value for plain Python: records have their fields as attributes, as they have in compiled code."""
    if isinstance(value, tuple):
        members = map(with_attributes, value)
        return type(value)(*members) if hasattr(value, "_fields") else tuple(members)
    return value.view(np.recarray) if isinstance(value, np.ndarray) and is_record(value.dtype) else value


def others(buffer: np.ndarray) -> np.ndarray:
    """The bytes of records that belong to no float, one row for each record; none for other buffers."""
    if not is_record(buffer.dtype):
        return np.zeros((buffer.size, 0), np.uint8)
    return _rows(buffer)[:, _other_bytes(buffer.dtype)]


def scramble(buffer: np.ndarray, rng: np.random.Generator) -> None:
    """Write random bytes where no float is in the records of a buffer."""
    if is_record(buffer.dtype):
        chosen = _other_bytes(buffer.dtype)
        _rows(buffer)[:, chosen] = rng.integers(0, 256, (buffer.size, int(chosen.sum())), np.uint8)


def _rows(buffer: np.ndarray) -> np.ndarray:
    return buffer.reshape(-1).view(np.uint8).reshape(buffer.size, buffer.dtype.itemsize)


def _other_bytes(dtype: np.dtype) -> np.ndarray:
    chosen = np.ones(dtype.itemsize, np.bool_)
    for offset, kind, count in places(dtype):
        chosen[offset : offset + count * kind.itemsize] = False
    return chosen


def reals(buffer: np.ndarray) -> np.ndarray:
    """All floats of a buffer as real numbers, in the order of memory."""
    flat = np.ascontiguousarray(buffer).reshape(-1)
    if not is_record(flat.dtype):
        return flat.view(np.real(flat).dtype) if np.iscomplexobj(flat) else flat
    columns = [column.astype(np.float64) for column in _columns(flat)]
    return np.concatenate(columns, axis=1).reshape(-1) if columns else np.zeros(0)


def with_reals(original: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """A buffer like `original` with these floats, which are in the order of `reals`."""
    if not is_record(original.dtype):
        numbers = numbers[0::2] + 1j * numbers[1::2] if np.iscomplexobj(original) else numbers
        return numbers.reshape(original.shape)
    made = original.copy()
    columns = _columns(made.reshape(-1))
    table = numbers.reshape(made.size, sum(column.shape[1] for column in columns))
    start = 0
    for column in columns:
        column[...] = table[:, start : start + column.shape[1]]
        start += column.shape[1]
    return made


def _columns(flat: np.ndarray) -> list[np.ndarray]:
    """Views of the floats of records: one row for each record."""
    size = flat.dtype.itemsize
    return [
        np.ndarray((flat.size, count), kind, flat, offset, (size, kind.itemsize))
        for offset, kind, count in places(flat.dtype)
    ]
