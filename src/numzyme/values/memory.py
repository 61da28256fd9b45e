"""Memory of shadows: arrays that overlap get shadows that overlap in the same way.

Decides where each shadow is laid. Invariant: two elements of two shadows are the same memory exactly when the two
elements of their primals are; broadcast arrays (stride 0) are the exception, their shadows are dense.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..diagnostics import DifferentiationValueError
from .paths import Path
from .records import write_labels

# `np.shares_memory` is exact but may take long on many dimensions; beyond this bounds decide.
_EXACT_WORK: Any = 100_000
# A strided array whose span is larger than both is given a dense shadow: its zeros would cost more than copies save.
_SPARSE_SPAN, _LARGE_SPAN = 4, 1 << 26
_BYTE = np.dtype("u1")


def shadows_of(arrays: Sequence[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
    """Zero shadows of distinct array objects, laid out like them.

    Arguments: the arrays; the paths to them, for messages.
    Raises: `DifferentiationValueError` for arrays that share memory as different types of numbers.
    """
    shadows: list[Any] = [None] * len(arrays)
    for group in overlapping(arrays):
        members = [arrays[i] for i in group]
        laid = [_alone(members[0])] if len(group) == 1 else _together(members, [paths[i] for i in group])
        for index, shadow in zip(group, laid, strict=True):
            shadows[index] = shadow
    return shadows


def overlapping(arrays: Sequence[np.ndarray]) -> list[list[int]]:
    """Indices of the arrays in groups that share memory; an array that shares none is a group of its own."""
    leaders = list(range(len(arrays)))

    def leader(index: int) -> int:
        while leaders[index] != index:
            leaders[index] = index = leaders[leaders[index]]
        return index

    bounds = {i: bounds_of(array) for i, array in enumerate(arrays) if array.size and not is_broadcast(array)}
    before: list[int] = []  # those that end behind the start of the present one
    for index in sorted(bounds, key=lambda i: bounds[i]):
        before = [i for i in before if bounds[i][1] > bounds[index][0]]
        for other in before:
            if leader(other) != leader(index) and _share(arrays[other], arrays[index]):
                leaders[leader(index)] = leader(other)
        before.append(index)
    groups: dict[int, list[int]] = {}
    for index in range(len(arrays)):
        groups.setdefault(leader(index), []).append(index)
    return list(groups.values())


def bounds_of(array: np.ndarray) -> tuple[int, int]:
    """The addresses of the first byte and behind the last."""
    return np.lib.array_utils.byte_bounds(array)


def address_of(array: np.ndarray) -> int:
    """The address of the first element."""
    return array.__array_interface__["data"][0]


def is_broadcast(array: np.ndarray) -> bool:
    """Whether elements along some axis are one and the same."""
    if not array.size:
        return False  # whatever NumPy says of its strides
    return any(n > 1 and stride == 0 for n, stride in zip(array.shape, array.strides, strict=True))


def same_layout(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> bool:
    """Whether the arrays of one group lie to each other as those of the other do."""
    starts = [(address_of(a) - address_of(first[0]), a.strides) for a in first]
    return starts == [(address_of(a) - address_of(second[0]), a.strides) for a in second]


def _share(a: np.ndarray, b: np.ndarray) -> bool:
    try:
        return np.shares_memory(a, b, max_work=_EXACT_WORK)
    except np.exceptions.TooHardError:
        return True


def _alone(array: np.ndarray) -> np.ndarray:
    if is_broadcast(array):
        return np.zeros(array.shape, array.dtype)
    if array.flags.c_contiguous or array.flags.f_contiguous:
        return np.zeros(array.shape, array.dtype, "C" if array.flags.c_contiguous else "F")
    low, high = bounds_of(array) if array.size else (0, 0)
    component = _component(array)
    aligned = all(stride % component.itemsize == 0 for stride in array.strides)
    if not array.size or not aligned or high - low > max(_SPARSE_SPAN * array.nbytes, _LARGE_SPAN):
        return np.zeros_like(array, order="K")
    return _view(np.zeros((high - low) // component.itemsize, component), array, low)


def _together(arrays: Sequence[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
    low = min(bounds_of(array)[0] for array in arrays)
    high = max(bounds_of(array)[1] for array in arrays)
    component = _component(arrays[0])
    if any(array.dtype.names is not None for array in arrays):
        component = _BYTE
        _check_fields(arrays, paths, low, high)
    for array, path in zip(arrays, paths, strict=True):
        offsets = (address_of(array) - low, *array.strides)
        differs = component != _BYTE and _component(array) != component
        if differs or any(offset % component.itemsize for offset in offsets):
            raise _as_different_numbers(arrays, paths, array, path)
    memory = np.zeros((high - low) // component.itemsize, component)
    return [_view(memory, array, low) for array in arrays]


def _check_fields(arrays: Sequence[np.ndarray], paths: Sequence[Path], low: int, high: int) -> None:
    """A number in a field of a record is the same number in all arrays that hold it."""
    labels = np.zeros(high - low, np.uint16)
    for array, path in zip(arrays, paths, strict=True):
        if not write_labels(array, labels, low):
            raise _as_different_numbers(arrays, paths, array, path)


def _as_different_numbers(
    arrays: Sequence[np.ndarray], paths: Sequence[Path], array: np.ndarray, path: Path
) -> DifferentiationValueError:
    return DifferentiationValueError(
        f"{paths[0]} and {path} share memory as different numbers ({arrays[0].dtype} and {array.dtype})",
        why="the bits of a derivative mean nothing as another type of number",
        todo=("pass a copy of one of them",),
    )


def _view(memory: np.ndarray, array: np.ndarray, low: int) -> np.ndarray:
    """The place in `memory`, whose start stands for the address `low`, that `array` has there."""
    return np.ndarray(array.shape, array.dtype, memory.data, address_of(array) - low, array.strides)


def _component(array: np.ndarray) -> np.dtype:
    """The floats that the elements consist of; single bytes for records."""
    if array.dtype.names is not None:
        return _BYTE
    return np.dtype("f4") if array.dtype in (np.dtype("f4"), np.dtype("c8")) else np.dtype("f8")
