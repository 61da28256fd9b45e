"""Triangular matrices, with or without ones on the diagonal: what the other triangle of `data` holds is never read.

Decides that scaling and adding a unit triangular matrix gives a plain one, whose diagonal is stored. The four classes
share their loops; `lower` and `unit` are constants of the class. Products read n²/2 elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .banded import DiagonalKind
from .base import MatrixLike, Structured, check_same_shape
from .operations import conjugated, promoted


def check_square(data: Any) -> None:
    """Raises: ValueError unless `data` has as many rows as columns."""
    if data.shape[0] != data.shape[1]:
        raise ValueError("the data of the wrapper must be a square matrix")


class Triangular(Structured, MatrixLike):
    """Base of the triangular matrices."""

    data: Any
    lower = True
    unit = False

    @property
    def shape(self) -> tuple[int, int]:
        return self.data.shape[0], self.data.shape[1]

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    def first(self, row: int) -> int:
        """The first column of a row that is stored, the diagonal aside."""
        if self.lower:
            return 0
        return row + 1

    def last(self, row: int) -> int:
        """The end of the columns of a row that are stored, the diagonal aside."""
        if self.lower:
            return row
        return self.data.shape[1]

    def corner(self, row: int) -> Any:
        """The element on the diagonal."""
        if self.unit:
            return self.dtype.type(1)
        return self.data[row, row]

    def at(self, index: Any) -> Any:
        row, column = index
        if row == column:
            return self.corner(row)
        if self.first(row) <= column < self.last(row):
            return self.data[row, column]
        return self.dtype.type(0)

    def toarray(self) -> Any:
        out = np.zeros(self.shape, self.dtype)
        for row in range(self.shape[0]):
            out[row, row] = self.corner(row)
            for column in range(self.first(row), self.last(row)):
                out[row, column] = self.data[row, column]
        return out

    def total(self) -> Any:
        total = self.dtype.type(0)
        for row in range(self.shape[0]):
            total += self.corner(row)
            for column in range(self.first(row), self.last(row)):
                total += self.data[row, column]
        return total

    def times_vector(self, vector: Any) -> Any:
        out = np.zeros(self.shape[0], promoted(self, vector))
        for row in range(self.shape[0]):
            total = self.corner(row) * vector[row]
            for column in range(self.first(row), self.last(row)):
                total += self.data[row, column] * vector[column]
            out[row] = total
        return out

    def times_matrix(self, matrix: Any) -> Any:
        out = np.zeros((self.shape[0], matrix.shape[1]), promoted(self, matrix))
        for row in range(self.shape[0]):
            corner = self.corner(row)
            for column in range(matrix.shape[1]):
                out[row, column] = corner * matrix[row, column]
            for inner in range(self.first(row), self.last(row)):
                value = self.data[row, inner]
                for column in range(matrix.shape[1]):
                    out[row, column] += value * matrix[inner, column]
        return out

    def stored(self) -> Any:
        """An array with the stored triangle and the diagonal in place; the rest is anything."""
        if self.unit:
            return self.toarray()
        return self.data

    def mapped(self, operation: Any, argument: Any) -> Any:
        if self.lower:
            return LowerTriangular(operation(self.stored(), argument))
        return UpperTriangular(operation(self.stored(), argument))

    def plus_banded(self, other: Any) -> Any:
        return self.plus_wrapper(other)

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, DiagonalKind):
            check_same_shape(self, other)
            if self.lower:
                return LowerTriangular(self.stored() + other.toarray())
            return UpperTriangular(self.stored() + other.toarray())
        if isinstance(other, Triangular):
            check_same_shape(self, other)
            if self.lower:
                if other.lower:
                    return LowerTriangular(self.stored() + other.stored())
            elif not other.lower:
                return UpperTriangular(self.stored() + other.stored())
        return self.toarray() + other.toarray()


@dataclass(frozen=True, eq=False, repr=False)
class LowerTriangular(Triangular):
    """The lower triangle of a square matrix, with its diagonal.

    Fields: `data`, a square matrix; what stands above its diagonal is never read.

    >>> import numpy as np
    >>> LowerTriangular(np.ones((2, 2))).toarray()
    array([[1., 0.],
           [1., 1.]])
    """

    data: Any
    lower = True
    unit = False

    def __post_init__(self) -> None:
        check_square(self.data)

    @property
    def T(self) -> Any:
        return UpperTriangular(self.data.T)


@dataclass(frozen=True, eq=False, repr=False)
class UpperTriangular(Triangular):
    """The upper triangle of a square matrix, with its diagonal.

    Fields: `data`, a square matrix; what stands below its diagonal is never read.

    >>> import numpy as np
    >>> UpperTriangular(np.ones((2, 2))) @ np.array([1.0, 1.0])
    array([2., 1.])
    """

    data: Any
    lower = False
    unit = False

    def __post_init__(self) -> None:
        check_square(self.data)

    @property
    def T(self) -> Any:
        return LowerTriangular(self.data.T)


@dataclass(frozen=True, eq=False, repr=False)
class UnitLowerTriangular(Triangular):
    """The lower triangle of a square matrix, with ones on the diagonal.

    Fields: `data`, a square matrix; what stands on and above its diagonal is never read.

    >>> import numpy as np
    >>> UnitLowerTriangular(np.full((2, 2), 5.0)).toarray()
    array([[1., 0.],
           [5., 1.]])
    """

    data: Any
    lower = True
    unit = True

    def __post_init__(self) -> None:
        check_square(self.data)

    @property
    def T(self) -> Any:
        return UnitUpperTriangular(self.data.T)

    def conjugate(self) -> Any:
        return UnitLowerTriangular(conjugated(self.data, 0))


@dataclass(frozen=True, eq=False, repr=False)
class UnitUpperTriangular(Triangular):
    """The upper triangle of a square matrix, with ones on the diagonal.

    Fields: `data`, a square matrix; what stands on and below its diagonal is never read.

    >>> import numpy as np
    >>> UnitUpperTriangular(np.full((2, 2), 5.0)).sum()
    np.float64(7.0)
    """

    data: Any
    lower = False
    unit = True

    def __post_init__(self) -> None:
        check_square(self.data)

    @property
    def T(self) -> Any:
        return UnitLowerTriangular(self.data.T)

    def conjugate(self) -> Any:
        return UnitUpperTriangular(conjugated(self.data, 0))
