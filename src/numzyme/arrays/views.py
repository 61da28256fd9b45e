"""Other arrangements of a parent: `Adjoint`, `Transpose`, `PermutedDims`, `Reshaped`.

A parent is a NumPy array, a wrapper or a scipy.sparse array. Decides that operations are handed on to the parent
wherever they have a meaning there, so that a view of a sparse array stays one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import ArrayLike, MatrixLike, check_same_shape
from .indices import (
    INTEGERS,
    build_tuple,
    coordinate,
    descending,
    permuted_length,
    place,
    placed,
    position_in,
    product,
    unpermuted,
)
from .operations import conjugated, dense_of
from .products import dot, vector_times_matrix


def element_of(parent: Any, index: Any) -> Any:
    """The element of a parent at a full tuple of places in range."""
    if isinstance(parent, ArrayLike):
        return parent.at(index)
    return parent[index]


def check_vector_or_matrix(parent: Any) -> None:
    """Raises: ValueError unless a parent has one or two axes."""
    if len(parent.shape) != 1 and len(parent.shape) != 2:
        raise ValueError("a parent must have one axis or two; see PermutedDims")


class Turned(MatrixLike):
    """Base of `Adjoint` and `Transpose`; a vector turned is one row."""

    parent: Any

    @property
    def structured(self) -> Any:
        return getattr(self.parent, "structured", not isinstance(self.parent, np.ndarray))

    @property
    def shape(self) -> tuple[int, int]:
        if len(self.parent.shape) == 1:
            return 1, self.parent.shape[0]
        return self.parent.shape[1], self.parent.shape[0]

    @property
    def dtype(self) -> Any:
        return self.parent.dtype

    def turned_element(self, index: Any) -> Any:
        """The parent's element that stands at `index`."""
        row, column = index
        if len(self.parent.shape) == 1:
            return element_of(self.parent, (column,))
        return element_of(self.parent, (column, row))

    def row_times(self, vector: Any, other: Any) -> Any:
        """The product of a vector as one row with a NumPy vector or matrix: with one row itself."""
        if len(other.shape) == 1:
            return np.array((dot(vector, other),))
        return np.expand_dims(vector_times_matrix(vector, other), 0)


@dataclass(frozen=True, eq=False, repr=False)
class Transpose(Turned):
    """The transpose of a matrix, or of a vector (one row).

    Fields: `parent`, an array with one axis or two.

    >>> import numpy as np
    >>> Transpose(np.array([1.0, 2.0])).shape
    (1, 2)
    """

    parent: Any

    def __post_init__(self) -> None:
        check_vector_or_matrix(self.parent)

    def at(self, index: Any) -> Any:
        return self.turned_element(index)

    def mapped(self, operation: Any, argument: Any) -> Any:
        return Transpose(operation(self.parent, argument))

    @property
    def T(self) -> Any:
        if len(self.parent.shape) == 2:
            return self.parent
        return Reshaped(self.parent, (self.parent.shape[0], 1))

    def total(self) -> Any:
        return self.parent.sum()

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, Transpose) and len(self.parent.shape) == len(other.parent.shape):
            check_same_shape(self, other)
            return Transpose(self.parent + other.parent)
        return self.toarray() + other.toarray()

    def times_wrapper(self, other: Any) -> Any:
        if len(self.parent.shape) == 2:
            return times_transposed(self.parent, other)
        return self.row_times(dense_of(self.parent), other.toarray())

    def times_array(self, array: Any) -> Any:
        if len(self.parent.shape) == 2:
            return times_transposed(self.parent, array)
        return self.row_times(dense_of(self.parent), array)


@dataclass(frozen=True, eq=False, repr=False)
class Adjoint(Turned):
    """The conjugate transpose of a matrix, or of a vector (one row).

    Fields: `parent`, an array with one axis or two.

    >>> Adjoint(SVector(1.0, 2.0 + 1.0j)).toarray()
    array([[1.+0.j, 2.-1.j]])
    """

    parent: Any

    def __post_init__(self) -> None:
        check_vector_or_matrix(self.parent)

    def at(self, index: Any) -> Any:
        return self.turned_element(index).conjugate()

    def mapped(self, operation: Any, argument: Any) -> Any:
        return Adjoint(operation(self.parent, argument.conjugate()))

    @property
    def T(self) -> Any:
        if len(self.parent.shape) == 2:
            return conjugated(self.parent, 0)
        return Reshaped(conjugated(self.parent, 0), (self.parent.shape[0], 1))

    def total(self) -> Any:
        return self.parent.sum().conjugate()

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, Adjoint) and len(self.parent.shape) == len(other.parent.shape):
            check_same_shape(self, other)
            return Adjoint(self.parent + other.parent)
        return self.toarray() + other.toarray()

    def times_wrapper(self, other: Any) -> Any:
        if len(self.parent.shape) == 2:
            return conjugated(times_transposed(self.parent, conjugated(other, 0)), 0)
        return self.row_times(conjugated(dense_of(self.parent), 0), other.toarray())

    def times_array(self, array: Any) -> Any:
        if len(self.parent.shape) == 2:
            return conjugated(times_transposed(self.parent, conjugated(array, 0)), 0)
        return self.row_times(conjugated(dense_of(self.parent), 0), array)


class View(ArrayLike):
    """Base of the views with any number of axes."""

    parent: Any

    @property
    def structured(self) -> Any:
        return getattr(self.parent, "structured", not isinstance(self.parent, np.ndarray))

    @property
    def dtype(self) -> Any:
        return self.parent.dtype

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            if len(key) == len(self.shape) and isinstance(key[0], INTEGERS) and isinstance(key[-1], INTEGERS):
                if len(self.shape) < 3:
                    return self.item(key)
                if isinstance(key[1], INTEGERS) and isinstance(key[-2], INTEGERS):
                    return self.item(key)
        elif isinstance(key, INTEGERS):
            return self.slab(place(key, self.shape[0]))
        return self.toarray()[key]

    def item(self, key: Any) -> Any:
        return self.at(build_tuple(placed, key, key, self.shape))

    def slab(self, index: Any) -> Any:
        if len(self.shape) == 1:
            return self.at((index,))
        if len(self.shape) == 2:
            row = np.empty(self.shape[1], self.dtype)
            for column in range(self.shape[1]):
                row[column] = self.at((index, column))
            return row
        return self.toarray()[index]

    def total(self) -> Any:
        return self.parent.sum()

    def transposed_times(self, other: Any) -> Any:
        """`self.T @ other`."""
        return self.T @ other

    def __rmatmul__(self, other: Any) -> Any:
        if len(self.shape) == 2:
            if len(other.shape) == 1:
                return self.transposed_times(other)
            if len(other.shape) == 2:
                return self.transposed_times(other.T).T
        return other @ self.toarray()


def times_transposed(parent: Any, other: Any) -> Any:
    """`parent.T @ other`."""
    if isinstance(parent, ArrayLike):
        return parent.transposed_times(other)
    if isinstance(parent, np.ndarray):
        return np.dot(parent.T, dense_of(other))
    # not parent.T @ other: for a view that leads back here, and the compiler looks at both branches before it drops one
    return (dense_of(other).T @ parent).T


@dataclass(frozen=True, eq=False, repr=False)
class PermutedDims(View):
    """An array with its axes in another order, as `numpy.transpose` gives it.

    Fields: `parent`, an array; `perm`, a tuple: axis k of the view is axis `perm[k]` of the parent.

    >>> import numpy as np
    >>> PermutedDims(np.array([[1.0, 2.0]]), (1, 0)).toarray()
    array([[1.],
           [2.]])
    """

    parent: Any
    perm: tuple

    def __post_init__(self) -> None:
        if len(self.perm) != len(self.parent.shape):
            raise ValueError("perm must name each axis of the parent once")
        for axis in range(len(self.perm)):
            found = False
            for other in self.perm:
                if other == axis:
                    found = True
            if not found:
                raise ValueError("perm must name each axis of the parent once")

    @property
    def ndim(self) -> int:
        return len(self.perm)

    @property
    def shape(self) -> Any:
        return build_tuple(permuted_length, self.perm, self.parent.shape, self.perm)

    def at(self, index: Any) -> Any:
        return element_of(self.parent, build_tuple(unpermuted, self.perm, index, self.perm))

    def mapped(self, operation: Any, argument: Any) -> Any:
        return PermutedDims(operation(self.parent, argument), self.perm)

    def toarray(self) -> Any:
        dense = dense_of(self.parent)
        # np.transpose with axes that are not literal goes through memory in compiled code: only where nothing else does
        if len(self.shape) == 1:
            return dense.copy()
        if len(self.shape) == 2:
            if self.perm[0] == 0:
                return np.ascontiguousarray(dense).copy()
            return np.ascontiguousarray(dense.T).copy()
        if isinstance(self.parent, np.ndarray):
            return np.transpose(dense, self.perm).copy()
        out = np.empty(self.size, self.dtype)
        for position in range(self.size):
            index = build_tuple(coordinate, self.shape, position, self.shape)
            out[position] = dense[build_tuple(unpermuted, self.perm, index, self.perm)]
        return out.reshape(self.shape)

    @property
    def T(self) -> Any:
        return PermutedDims(self.parent, self.perm[::-1])

    def times_wrapper(self, other: Any) -> Any:
        if len(self.shape) == 2 and not isinstance(self.parent, np.ndarray):
            if self.perm[0] == 0:
                return self.parent @ other
            return times_transposed(self.parent, other)
        return self.toarray() @ other

    def times_array(self, array: Any) -> Any:
        if len(self.shape) == 2 and not isinstance(self.parent, np.ndarray):
            if self.perm[0] == 0:
                return self.parent @ array
            return times_transposed(self.parent, array)
        return self.toarray() @ array


@dataclass(frozen=True, eq=False, repr=False)
class Reshaped(View):
    """An array with its elements, in C order, in another shape.

    Fields: `parent`, an array; `dims`, the new shape.

    >>> Reshaped(SVector(1.0, 2.0, 3.0, 4.0), (2, 2)).toarray()
    array([[1., 2.],
           [3., 4.]])
    """

    parent: Any
    dims: tuple

    def __post_init__(self) -> None:
        if product(self.dims) != product(self.parent.shape):
            raise ValueError("dims must have as many elements as the parent")

    @property
    def ndim(self) -> int:
        return len(self.dims)

    @property
    def shape(self) -> Any:
        return self.dims

    def at(self, index: Any) -> Any:
        position = position_in(index, self.dims)
        lengths = self.parent.shape
        return element_of(self.parent, build_tuple(coordinate, lengths, position, lengths))

    def mapped(self, operation: Any, argument: Any) -> Any:
        return Reshaped(operation(self.parent, argument), self.dims)

    def toarray(self) -> Any:
        return np.ascontiguousarray(dense_of(self.parent)).reshape(self.dims).copy()

    @property
    def T(self) -> Any:
        if len(self.shape) == 1:
            return self
        if len(self.shape) == 2:
            return Transpose(self)
        return PermutedDims(self, build_tuple(descending, self.dims, len(self.dims)))

    def times_wrapper(self, other: Any) -> Any:
        return self.toarray() @ other

    def times_array(self, array: Any) -> Any:
        return self.toarray() @ array

    def transposed_times(self, other: Any) -> Any:
        # not self.T @ other: the transpose is a view that asks its parent
        return self.toarray().T @ other
