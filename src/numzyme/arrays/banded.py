"""Matrices of a few diagonals: `Diagonal`, `Bidiagonal`, `Tridiagonal`, `SymTridiagonal`, `UniformScaling`.

Decides that sums keep the narrowest kind that holds both operands. Invariant: everything but conversion to a dense
array takes time and memory of the order of the diagonals (times the columns of a matrix factor). Loops, not assignments
to slices: Numba compiles those to ten times the code, most of it for the message of an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import MatrixLike, Structured, check_same_shape
from .operations import promoted
from .products import check_inner


def check_off_diagonal(off_diagonal: Any, diagonal: Any) -> None:
    """Raises: ValueError unless an off-diagonal is one shorter than the diagonal."""
    if off_diagonal.shape[0] != max(diagonal.shape[0] - 1, 0):
        raise ValueError("an off-diagonal must be one shorter than the diagonal")


class Banded(Structured, MatrixLike):
    """A square matrix with a diagonal `main()` and off-diagonals `below()` and `above()`."""

    def main(self) -> Any:
        raise NotImplementedError

    def below(self) -> Any:
        return np.zeros(max(self.shape[0] - 1, 0), self.dtype)

    def above(self) -> Any:
        return np.zeros(max(self.shape[0] - 1, 0), self.dtype)

    def times_matrix(self, matrix: Any) -> Any:
        out = np.zeros(matrix.shape, promoted(self, matrix))
        for column in range(matrix.shape[1]):
            product = self.times_vector(matrix[:, column])
            for row in range(matrix.shape[0]):
                out[row, column] = product[row]
        return out

    def toarray(self) -> Any:
        count = self.shape[0]
        out = np.zeros((count, count), self.dtype)
        main, below, above = self.main(), self.below(), self.above()
        for index in range(count):
            out[index, index] = main[index]
        for index in range(count - 1):
            out[index + 1, index] = below[index]
            out[index, index + 1] = above[index]
        return out

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, Banded):
            check_same_shape(self, other)
            return add_banded(self, other)
        return other.plus_banded(self)

    def times_wrapper(self, other: Any) -> Any:
        if isinstance(other, Banded):
            check_inner(self.shape[1], other.shape[0])
            if isinstance(self, DiagonalKind):
                return scale_rows(self.main(), other)
            if isinstance(other, DiagonalKind):
                return scale_rows(other.main(), self.T).T
        return self.times_array(other.toarray())


class SymmetricBanded(Banded):
    """A banded matrix that is its own transpose."""

    @property
    def T(self) -> Any:
        return self


class DiagonalKind(SymmetricBanded):
    """A matrix with nothing off its diagonal."""


def add_banded(left: Any, right: Any) -> Any:
    """The sum of two banded matrices of one shape, of the narrowest kind that the types allow."""
    if isinstance(left, UniformScaling) and isinstance(right, UniformScaling):
        return UniformScaling(left.value + right.value, left.n)
    if isinstance(left, DiagonalKind):
        if isinstance(right, DiagonalKind):
            return Diagonal(left.main() + right.main())
        if isinstance(right, Bidiagonal):
            return Bidiagonal(left.main() + right.dv, left.below() + right.ev, right.uplo)
    if isinstance(left, Bidiagonal):
        if isinstance(right, DiagonalKind):
            return Bidiagonal(left.dv + right.main(), left.ev + right.below(), left.uplo)
        if isinstance(right, Bidiagonal) and left.uplo == right.uplo:
            return Bidiagonal(left.dv + right.dv, left.ev + right.ev, left.uplo)
    if isinstance(left, SymmetricBanded) and isinstance(right, SymmetricBanded):
        return SymTridiagonal(left.main() + right.main(), left.below() + right.below())
    return Tridiagonal(left.below() + right.below(), left.main() + right.main(), left.above() + right.above())


def scale_rows(factors: Any, matrix: Any) -> Any:
    """The product of a diagonal matrix and a banded one."""
    if isinstance(matrix, DiagonalKind):
        return Diagonal(factors * matrix.main())
    if isinstance(matrix, Bidiagonal):
        if matrix.uplo == "U":
            return Bidiagonal(factors * matrix.dv, factors[:-1] * matrix.ev, "U")
        return Bidiagonal(factors * matrix.dv, factors[1:] * matrix.ev, "L")
    return Tridiagonal(factors[1:] * matrix.below(), factors * matrix.main(), factors[:-1] * matrix.above())


@dataclass(frozen=True, eq=False, repr=False)
class Diagonal(DiagonalKind):
    """A diagonal matrix.

    Fields: `diag`, the n elements of the diagonal, an array with one axis. The shape is (n, n).

    >>> import numpy as np
    >>> matrix = Diagonal(np.array([1.0, 2.0]))
    >>> matrix
    Diagonal([1., 2.])
    >>> matrix @ np.array([1.0, 1.0])
    array([1., 2.])
    >>> matrix * 2 + matrix
    Diagonal([3., 6.])
    """

    diag: Any

    @property
    def shape(self) -> tuple[int, int]:
        return self.diag.shape[0], self.diag.shape[0]

    @property
    def dtype(self) -> Any:
        return self.diag.dtype

    def at(self, index: Any) -> Any:
        row, column = index
        if row == column:
            return self.diag[row]
        return self.dtype.type(0)

    def mapped(self, operation: Any, argument: Any) -> Any:
        return Diagonal(operation(self.diag, argument))

    def main(self) -> Any:
        return self.diag

    def total(self) -> Any:
        return self.diag.sum()

    def times_vector(self, vector: Any) -> Any:
        return self.diag * vector


@dataclass(frozen=True, eq=False, repr=False)
class UniformScaling(DiagonalKind):
    """A multiple of the identity.

    Fields: `value`, a number; `n`, the number of rows and columns.

    >>> UniformScaling(2.0, 3).sum()
    6.0
    """

    value: Any
    n: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.n, self.n

    @property
    def dtype(self) -> Any:
        return np.array((self.value,)).dtype

    def at(self, index: Any) -> Any:
        row, column = index
        if row == column:
            return self.value
        return 0

    def mapped(self, operation: Any, argument: Any) -> Any:
        return UniformScaling(operation(self.value, argument), self.n)

    def main(self) -> Any:
        return np.full(self.n, self.value)

    def total(self) -> Any:
        return self.value * self.n

    def times_vector(self, vector: Any) -> Any:
        return self.value * vector

    def times_wrapper(self, other: Any) -> Any:
        check_inner(self.n, other.shape[0])
        return other * self.value


@dataclass(frozen=True, eq=False, repr=False)
class Bidiagonal(Banded):
    """A matrix with a diagonal and one next to it.

    Fields: `dv`, the n elements of the diagonal; `ev`, the n - 1 next to it; `uplo`, "U" when `ev` lies above
    the diagonal, "L" below.

    >>> import numpy as np
    >>> Bidiagonal(np.array([1.0, 2.0]), np.array([5.0]), "U").toarray()
    array([[1., 5.],
           [0., 2.]])
    """

    dv: Any
    ev: Any
    uplo: str

    def __post_init__(self) -> None:
        check_off_diagonal(self.ev, self.dv)
        check_uplo(self.uplo)

    @property
    def shape(self) -> tuple[int, int]:
        return self.dv.shape[0], self.dv.shape[0]

    @property
    def dtype(self) -> Any:
        return promoted(self.dv, self.ev)

    def at(self, index: Any) -> Any:
        row, column = index
        if row == column:
            return self.dv[row]
        if self.uplo == "U":
            if column == row + 1:
                return self.ev[row]
        elif row == column + 1:
            return self.ev[column]
        return self.dv.dtype.type(0)

    def mapped(self, operation: Any, argument: Any) -> Any:
        return Bidiagonal(operation(self.dv, argument), operation(self.ev, argument), self.uplo)

    @property
    def T(self) -> Any:
        if self.uplo == "U":
            return Bidiagonal(self.dv, self.ev, "L")
        return Bidiagonal(self.dv, self.ev, "U")

    def main(self) -> Any:
        return self.dv

    def below(self) -> Any:
        if self.uplo == "L":
            return self.ev
        return np.zeros(self.ev.shape[0], self.ev.dtype)

    def above(self) -> Any:
        if self.uplo == "U":
            return self.ev
        return np.zeros(self.ev.shape[0], self.ev.dtype)

    def total(self) -> Any:
        return self.dv.sum() + self.ev.sum()

    def times_vector(self, vector: Any) -> Any:
        out = np.zeros(vector.shape, promoted(self, vector))
        for row in range(self.dv.shape[0]):
            out[row] = self.dv[row] * vector[row]
        for place in range(self.ev.shape[0]):
            if self.uplo == "U":
                out[place] += self.ev[place] * vector[place + 1]
            else:
                out[place + 1] += self.ev[place] * vector[place]
        return out


@dataclass(frozen=True, eq=False, repr=False)
class Tridiagonal(Banded):
    """A matrix with a diagonal and one on each side of it.

    Fields: `dl`, the n - 1 elements below the diagonal; `d`, the n on it; `du`, the n - 1 above it.

    >>> import numpy as np
    >>> Tridiagonal(np.array([5.0]), np.array([1.0, 2.0]), np.array([7.0])).toarray()
    array([[1., 7.],
           [5., 2.]])
    """

    dl: Any
    d: Any
    du: Any

    def __post_init__(self) -> None:
        check_off_diagonal(self.dl, self.d)
        check_off_diagonal(self.du, self.d)

    @property
    def shape(self) -> tuple[int, int]:
        return self.d.shape[0], self.d.shape[0]

    @property
    def dtype(self) -> Any:
        return promoted(np.empty(0, promoted(self.dl, self.d)), self.du)

    def at(self, index: Any) -> Any:
        row, column = index
        if row == column:
            return self.d[row]
        if row == column + 1:
            return self.dl[column]
        if column == row + 1:
            return self.du[row]
        return self.d.dtype.type(0)

    def mapped(self, operation: Any, argument: Any) -> Any:
        return Tridiagonal(operation(self.dl, argument), operation(self.d, argument), operation(self.du, argument))

    @property
    def T(self) -> Any:
        return Tridiagonal(self.du, self.d, self.dl)

    def main(self) -> Any:
        return self.d

    def below(self) -> Any:
        return self.dl

    def above(self) -> Any:
        return self.du

    def total(self) -> Any:
        return self.dl.sum() + self.d.sum() + self.du.sum()

    def times_vector(self, vector: Any) -> Any:
        return three_bands(self.dl, self.d, self.du, vector, promoted(self, vector))


@dataclass(frozen=True, eq=False, repr=False)
class SymTridiagonal(SymmetricBanded):
    """A symmetric matrix with a diagonal and the same elements on each side of it.

    Fields: `dv`, the n elements of the diagonal; `ev`, the n - 1 next to it, each stored once and used twice.

    >>> import numpy as np
    >>> SymTridiagonal(np.array([1.0, 2.0]), np.array([5.0])).sum()
    np.float64(13.0)
    """

    dv: Any
    ev: Any

    def __post_init__(self) -> None:
        check_off_diagonal(self.ev, self.dv)

    @property
    def shape(self) -> tuple[int, int]:
        return self.dv.shape[0], self.dv.shape[0]

    @property
    def dtype(self) -> Any:
        return promoted(self.dv, self.ev)

    def at(self, index: Any) -> Any:
        row, column = index
        if row == column:
            return self.dv[row]
        if abs(row - column) == 1:
            return self.ev[min(row, column)]
        return self.dv.dtype.type(0)

    def mapped(self, operation: Any, argument: Any) -> Any:
        return SymTridiagonal(operation(self.dv, argument), operation(self.ev, argument))

    def main(self) -> Any:
        return self.dv

    def below(self) -> Any:
        return self.ev

    def above(self) -> Any:
        return self.ev

    def total(self) -> Any:
        return self.dv.sum() + 2 * self.ev.sum()

    def times_vector(self, vector: Any) -> Any:
        return three_bands(self.ev, self.dv, self.ev, vector, promoted(self, vector))


def three_bands(below: Any, main: Any, above: Any, vector: Any, dtype: Any) -> Any:
    """The product of a tridiagonal matrix with a vector."""
    out = np.zeros(vector.shape, dtype)
    for row in range(main.shape[0]):
        out[row] = main[row] * vector[row]
    for place in range(below.shape[0]):
        out[place + 1] += below[place] * vector[place]
        out[place] += above[place] * vector[place + 1]
    return out


def check_uplo(uplo: str) -> None:
    """Raises: ValueError unless `uplo` names a triangle."""
    if uplo != "U" and uplo != "L":
        raise ValueError('uplo is "U" (upper) or "L" (lower)')
