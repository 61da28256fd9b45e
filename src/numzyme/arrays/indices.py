"""Indices and tuples of them, for code that also has to compile.

Decides how a tuple with computed elements is written: `build_tuple`, the one function here that compiled code has to
know by itself (its length is that of `like`, a constant of the type). Everything else is ordinary compilable Python.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# The classes of a single index, of complex scalars and of all scalars, for isinstance tests.
INTEGERS = (int, np.integer)
COMPLEX = (complex, np.complexfloating)
NUMBERS = (int, float, complex, np.number, np.bool_)


def build_tuple(function: Callable[..., Any], like: tuple, *arguments: Any) -> tuple:
    """A tuple as long as `like` with `function(position, *arguments)` at each position.

    >>> build_tuple(lambda position, first: first + position, (None, None), 10)
    (10, 11)
    """
    return tuple([function(position, *arguments) for position in range(len(like))])


build_tuple.compiled_as = "build_tuple"  # pyright: ignore[reportFunctionMemberAccess]


def place(index: Any, length: int) -> Any:
    """`index` counted from the front.

    Raises: IndexError when it is outside. Compiled code checks too, since an index into a wrapper is arithmetic.
    """
    if index < 0:
        index = index + length
    if index < 0 or index >= length:
        raise IndexError("index is out of range")
    return index


def placed(axis: int, key: tuple, shape: tuple) -> Any:
    """The place that the full index `key` has along `axis`."""
    return place(key[axis], shape[axis])


def product(lengths: tuple) -> int:
    """The product of a shape."""
    count = 1
    for length in lengths:
        count *= length
    return count


def position_in(index: tuple, lengths: tuple) -> Any:
    """The position of `index` in a C-ordered array of shape `lengths`."""
    position = 0
    for axis in range(len(lengths)):
        position = position * lengths[axis] + index[axis]
    return position


def coordinate(axis: int, position: int, lengths: tuple) -> int:
    """The index along `axis` of a position in a C-ordered array of shape `lengths`."""
    for inner in range(axis + 1, len(lengths)):
        position = position // lengths[inner]
    return position % lengths[axis]


def permuted_length(axis: int, lengths: tuple, perm: tuple) -> Any:
    """The length along `axis` of an array whose axes were permuted."""
    return lengths[perm[axis]]


def unpermuted(axis: int, index: tuple, perm: tuple) -> Any:
    """The index along the parent's `axis` that an index into the permuted array means."""
    found = index[0]
    for position in range(len(perm)):
        if perm[position] == axis:
            found = index[position]
    return found


def descending(axis: int, count: int) -> int:
    """`count - 1` at axis 0, down to 0."""
    return count - 1 - axis
