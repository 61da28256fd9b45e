"""Matrices of which one triangle says all: `Symmetric` and `Hermitian`.

Decides that the other triangle of `data`, and of a Hermitian diagonal the imaginary part, is never read. Sums and
multiples that stay symmetric (Hermitian) keep the kind. Products read each stored element once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .banded import SymmetricBanded, check_uplo
from .base import MatrixLike, check_same_shape
from .indices import COMPLEX
from .operations import conjugated, over, plus, promoted, times
from .triangular import check_square


class HalfStored(MatrixLike):
    """Base of the two: the stored triangle, and `mirrored`, what an element gives on the other side."""

    data: Any
    uplo: str

    @property
    def shape(self) -> tuple[int, int]:
        return self.data.shape[0], self.data.shape[1]

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    def mirrored(self, value: Any) -> Any:
        raise NotImplementedError

    def corner(self, row: int) -> Any:
        raise NotImplementedError

    def first(self, row: int) -> int:
        """The first column of a row that is stored, the diagonal aside."""
        if self.uplo == "L":
            return 0
        return row + 1

    def last(self, row: int) -> int:
        """The end of the columns of a row that are stored, the diagonal aside."""
        if self.uplo == "L":
            return row
        return self.data.shape[1]

    def at(self, index: Any) -> Any:
        row, column = index
        if row == column:
            return self.corner(row)
        if self.first(row) <= column < self.last(row):
            return self.data[row, column]
        return self.mirrored(self.data[column, row])

    def toarray(self) -> Any:
        out = np.empty(self.shape, self.dtype)
        for row in range(self.shape[0]):
            out[row, row] = self.corner(row)
            for column in range(self.first(row), self.last(row)):
                value = self.data[row, column]
                out[row, column] = value
                out[column, row] = self.mirrored(value)
        return out

    def total(self) -> Any:
        total = self.dtype.type(0)
        for row in range(self.shape[0]):
            total += self.corner(row)
            for column in range(self.first(row), self.last(row)):
                value = self.data[row, column]
                total += value + self.mirrored(value)
        return total

    def times_vector(self, vector: Any) -> Any:
        out = np.zeros(self.shape[0], promoted(self, vector))
        for row in range(self.shape[0]):
            total = self.corner(row) * vector[row]
            for column in range(self.first(row), self.last(row)):
                value = self.data[row, column]
                total += value * vector[column]
                out[column] += self.mirrored(value) * vector[row]
            out[row] += total
        return out

    def times_matrix(self, matrix: Any) -> Any:
        out = np.zeros((self.shape[0], matrix.shape[1]), promoted(self, matrix))
        for row in range(self.shape[0]):
            corner = self.corner(row)
            for column in range(matrix.shape[1]):
                out[row, column] += corner * matrix[row, column]
            for inner in range(self.first(row), self.last(row)):
                value = self.data[row, inner]
                mirrored = self.mirrored(value)
                for column in range(matrix.shape[1]):
                    out[row, column] += value * matrix[inner, column]
                    out[inner, column] += mirrored * matrix[row, column]
        return out


@dataclass(frozen=True, eq=False, repr=False)
class Symmetric(HalfStored):
    """A symmetric matrix, from one triangle.

    Fields: `data`, a square matrix; `uplo`, the triangle that is read: "U" (upper, the default) or "L" (lower).

    >>> import numpy as np
    >>> Symmetric(np.array([[1.0, 2.0], [0.0, 3.0]])).toarray()
    array([[1., 2.],
           [2., 3.]])
    """

    data: Any
    uplo: str = "U"

    def __post_init__(self) -> None:
        check_square(self.data)
        check_uplo(self.uplo)

    def mirrored(self, value: Any) -> Any:
        return value

    def corner(self, row: int) -> Any:
        return self.data[row, row]

    def mapped(self, operation: Any, argument: Any) -> Any:
        return Symmetric(operation(self.data, argument), self.uplo)

    @property
    def T(self) -> Any:
        return self

    def plus_banded(self, other: Any) -> Any:
        return self.plus_wrapper(other)

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, Symmetric):
            check_same_shape(self, other)
            if self.uplo == other.uplo:
                return Symmetric(self.data + other.data, self.uplo)
            return Symmetric(self.data + other.toarray(), self.uplo)
        if isinstance(other, SymmetricBanded):
            check_same_shape(self, other)
            return Symmetric(self.data + other.toarray(), self.uplo)
        return self.toarray() + other.toarray()


@dataclass(frozen=True, eq=False, repr=False)
class Hermitian(HalfStored):
    """A Hermitian matrix, from one triangle: the other one is its conjugate, and the diagonal is real.

    Fields: `data`, a square matrix; `uplo`, the triangle that is read: "U" (upper, the default) or "L" (lower).

    >>> import numpy as np
    >>> Hermitian(np.array([[1.0 + 9.0j, 2.0j], [0.0, 3.0]])).toarray()
    array([[1.+0.j, 0.+2.j],
           [0.-2.j, 3.+0.j]])
    """

    data: Any
    uplo: str = "U"

    def __post_init__(self) -> None:
        check_square(self.data)
        check_uplo(self.uplo)

    def mirrored(self, value: Any) -> Any:
        return value.conjugate()

    def corner(self, row: int) -> Any:
        return self.dtype.type(self.data[row, row].real)

    def mapped(self, operation: Any, argument: Any) -> Any:
        return Hermitian(operation(self.data, argument), self.uplo)

    @property
    def T(self) -> Any:
        return Hermitian(conjugated(self.data, 0), self.uplo)

    def scaled(self, factor: Any) -> Any:
        if isinstance(factor, COMPLEX):
            return self.toarray() * factor
        return self.mapped(times, factor)

    def divided(self, divisor: Any) -> Any:
        if isinstance(divisor, COMPLEX):
            return self.toarray() / divisor
        return self.mapped(over, divisor)

    def shifted(self, number: Any) -> Any:
        if isinstance(number, COMPLEX):
            return self.toarray() + number
        return self.mapped(plus, number)

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, Hermitian):
            check_same_shape(self, other)
            if self.uplo == other.uplo:
                return Hermitian(self.data + other.data, self.uplo)
            return Hermitian(self.data + other.toarray(), self.uplo)
        return self.toarray() + other.toarray()
