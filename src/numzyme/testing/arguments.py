"""The arguments of a call as a point of a vector space: clones, shadows, directions, inner products.

An argument is a float, int, bool, array (of numbers or of records), or a tuple of these. `Arguments` separates the
arrangement (tuples, views, constants) from the `Vector` of all floats: one number per scalar, one flat buffer per owner
of memory. Values are rebuilt from arrangement and vector, so clones and shadows overlap exactly as the originals do,
have the same strides, and an inner product counts every element of memory once.

    arguments = Arguments((x, x[1:], 2.0))                     # two overlapping arrays and a scalar
    shadow = arguments.build(arguments.direction(rng), writable=True)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .buffers import copied, is_float, mapped, parts, scramble


@dataclass(frozen=True)
class View:
    """An array: a window on a buffer; offset and strides count elements."""

    buffer: int
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]
    writable: bool
    kind: type = np.ndarray


@dataclass(frozen=True)
class Scalar:
    """A float or complex scalar: which number of the vector, and of what type."""

    index: int
    kind: type


@dataclass
class Vector:
    """The floats of some arguments.

    Buffers of integers and booleans, and what else is in records, come along; they have no tangent.
    """

    scalars: list[Any]
    buffers: list[np.ndarray]

    def copy(self) -> Vector:
        return Vector(list(self.scalars), [copied(buffer) for buffer in self.buffers])

    def moved(self, step: Any, direction: Vector) -> Vector:
        """`self + step * direction`, as wide as `self` and `step` are: complex for a complex step."""
        pairs = zip(self.scalars, direction.scalars, strict=True)
        scalars = [x + step * (d if isinstance(x, np.inexact) else type(x)(d)) for x, d in pairs]
        pairs = zip(self.buffers, direction.buffers, strict=True)
        return Vector(scalars, [_moved(b, step, d) if is_float(b) else copied(b) for b, d in pairs])

    def map(self, fn) -> Vector:
        """`fn` of every float scalar and every float buffer."""
        return Vector([fn(x) for x in self.scalars], [mapped(fn, b) if is_float(b) else b for b in self.buffers])

    def flat(self) -> np.ndarray:
        """All floats, in one array of the widest type."""
        found = [np.asarray(x).ravel() for x in self.scalars]
        found += [part.ravel() for b in self.buffers for part in parts(b)]
        return np.concatenate(found) if found else np.zeros(0)


class Arguments:
    """The arrangement of the argument tuple `values`, and the point at which they are."""

    def __init__(self, values: tuple) -> None:
        self._owners: dict[tuple[int, str], int] = {}
        self.point = Vector([], [])
        self.arrangement = tuple(self._arrange(value) for value in values)

    def _arrange(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return _like(value, [self._arrange(member) for member in value])
        if isinstance(value, np.ndarray):
            return self._arrange_array(value)
        if isinstance(value, (float, complex, np.inexact)):
            self.point.scalars.append(value)
            return Scalar(len(self.point.scalars) - 1, type(value))
        return value

    def _arrange_array(self, array: np.ndarray) -> View:
        owner = _owner(array)
        key = (_address(owner), array.dtype.str)
        if key not in self._owners:
            self._owners[key] = len(self.point.buffers)
            self.point.buffers.append(np.array(owner.ravel("K")))  # NumPy keeps no subclass here
        offset, strides = _address(array) - _address(owner), array.strides
        itemsize = array.itemsize
        return View(
            self._owners[key], array.shape, offset // itemsize, tuple(s // itemsize for s in strides),
            array.flags.writeable, type(array),
        )  # fmt: skip

    def build(self, vector: Vector, *, writable: bool = False) -> tuple:
        """Values over the memory of `vector`; `writable` ignores that an original was read-only."""
        return tuple(_build(part, vector, writable) for part in self.arrangement)

    def values(self) -> tuple:
        """The values in fresh memory."""
        return self.build(self.point.copy())

    def zeros(self) -> Vector:
        return self.point.map(lambda x: x * 0)

    def direction(self, rng: np.random.Generator, constant: tuple[int, ...] = ()) -> Vector:
        """A random vector in [-1, 1), zero for the arguments at the positions `constant`.

        What is beside the floats of records is random as well: it must not matter.
        """
        vector = self.point.map(lambda x: _uniform(rng, np.shape(x), np.asarray(x).dtype))
        for buffer in filter(is_float, vector.buffers):
            scramble(buffer, rng)
        return self.masked(vector, constant)

    def masked(self, vector: Vector, constant: tuple[int, ...]) -> Vector:
        """`vector`, with zeros written over the arguments at the positions `constant`."""
        for position in constant:
            _erase(self.arrangement[position], vector)
        return vector


def _like(original: tuple, members: list) -> tuple:
    return type(original)(*members) if hasattr(original, "_fields") else tuple(members)


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    values = rng.uniform(-1, 1, shape)
    if dtype.kind == "c":
        values = values + 1j * rng.uniform(-1, 1, shape)
    return np.asarray(values).astype(dtype)[()]


def count_views(part: Any) -> int:
    """How many arrays there are in an arrangement."""
    if isinstance(part, tuple):
        return sum(count_views(member) for member in part)
    return int(isinstance(part, View))


def _moved(buffer: np.ndarray, step: Any, direction: np.ndarray) -> np.ndarray:
    return mapped(lambda x, d: x + step * d.astype(x.dtype), buffer, direction)


def inner(left: Any, right: Any) -> float:
    """The inner product of two values of the same structure (numbers, arrays, tuples, None), in float64.

    That of complex numbers is that of the vectors of their two parts.
    """
    if isinstance(left, tuple):
        return sum((inner(x, y) for x, y in zip(left, right, strict=True)), 0.0)
    if left is None or right is None or isinstance(left, (bool, int, np.integer, np.bool_)):
        return 0.0
    if isinstance(left, np.ndarray) and (left.dtype.names is not None or not is_float(left)):
        return inner(tuple(parts(left)), tuple(parts(right)))
    left, right = (np.asarray(side, np.complex128 if np.iscomplexobj(side) else np.float64) for side in (left, right))
    return float(np.sum(np.real(np.conj(left) * right)))


def inner_vectors(left: Vector, right: Vector) -> float:
    return inner((tuple(left.scalars), tuple(left.buffers)), (tuple(right.scalars), tuple(right.buffers)))


def _build(part: Any, vector: Vector, writable: bool) -> Any:
    if isinstance(part, tuple):
        return _like(part, [_build(member, vector, writable) for member in part])
    if isinstance(part, Scalar):
        value = vector.scalars[part.index]
        return float(value) if part.kind is float and not isinstance(value, complex) else value
    if isinstance(part, View):
        buffer = vector.buffers[part.buffer]
        item = buffer.itemsize
        strides = tuple(s * item for s in part.strides)
        if buffer.size == 0 or 0 in part.shape:
            return np.zeros(part.shape, buffer.dtype).view(part.kind)
        array = np.ndarray(part.shape, buffer.dtype, buffer, part.offset * item, strides)
        array.flags.writeable = part.writable or writable
        return array.view(part.kind)
    return part


def _erase(part: Any, vector: Vector) -> None:
    if isinstance(part, tuple):
        for member in part:
            _erase(member, vector)
    elif isinstance(part, Scalar):
        vector.scalars[part.index] = part.kind(0)
    elif isinstance(part, View) and is_float(vector.buffers[part.buffer]):
        for floats in parts(vector.buffers[part.buffer]):
            floats[...] = 0


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _owner(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory, or the array itself where that is not one block of the same type."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    block = owner.flags.c_contiguous or owner.flags.f_contiguous
    return owner if block and owner.dtype == array.dtype else array
