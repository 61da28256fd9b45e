"""What stands for a scipy.sparse array in compiled code: `CSC`, `CSR` and `COO`, plain dataclasses of its arrays.

Decides that a mirror shares every array with what it mirrors. Invariant: nothing here but `toarray` makes a dense
matrix; operations visit the stored elements, where unsummed duplicates add up and explicit zeros stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import MatrixLike, Structured, check_same_shape
from .operations import promoted


class Mirror(Structured, MatrixLike):
    """Base of the mirrors.

    A mirror has `same_pattern(data)`, one with other stored elements in the same places, and `nnz`, how many there are.
    """

    data: Any

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    @property
    def nnz(self) -> Any:
        raise NotImplementedError

    def same_pattern(self, data: Any) -> Any:
        raise NotImplementedError

    def mapped(self, operation: Any, argument: Any) -> Any:
        return self.same_pattern(operation(self.data, argument))

    def __len__(self) -> int:
        raise TypeError("the length of a sparse matrix is ambiguous; use .nnz or .shape[0]")

    def total(self) -> Any:
        total = self.dtype.type(0)
        for position in range(self.nnz):
            total += self.data[position]
        return total

    def add_product(self, vector: Any, out: Any) -> None:
        """Add the product with a vector to `out`."""
        raise NotImplementedError

    def times_vector(self, vector: Any) -> Any:
        out = np.zeros(self.shape[0], promoted(self, vector))
        self.add_product(vector, out)
        return out

    def times_matrix(self, matrix: Any) -> Any:
        out = np.zeros((self.shape[0], matrix.shape[1]), promoted(self, matrix))
        for column in range(matrix.shape[1]):
            self.add_product(matrix[:, column], out[:, column])
        return out

    def times_wrapper(self, other: Any) -> Any:
        if isinstance(other, Mirror):
            raise TypeError("@ of two sparse matrices is not available in compiled code")
        return self.times_array(other.toarray())

    def plus_banded(self, other: Any) -> Any:
        return self.plus_wrapper(other)

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, Structured):
            raise TypeError("+ between a sparse matrix and another structured one is not available in compiled code")
        check_same_shape(self, other)
        return self.toarray() + other.toarray()


@dataclass(frozen=True, eq=False, repr=False)
class CSC(Mirror):
    """Mirror of scipy's csc_array and csc_matrix, whose columns are stored one after the other.

    Fields: `data`, the stored elements; `indices`, their rows; `indptr`, where each column begins; `shape`.

    >>> import numpy as np
    >>> CSC(np.array([1.0, 2.0]), np.array([0, 1]), np.array([0, 1, 2]), (2, 2)) @ np.array([1.0, 1.0])
    array([1., 2.])
    """

    data: Any
    indices: Any
    indptr: Any
    shape: tuple

    @property
    def nnz(self) -> Any:
        return self.indptr[-1]

    def same_pattern(self, data: Any) -> Any:
        return CSC(data, self.indices, self.indptr, self.shape)

    @property
    def T(self) -> Any:
        return CSR(self.data, self.indices, self.indptr, (self.shape[1], self.shape[0]))

    def at(self, index: Any) -> Any:
        row, column = index
        return stored_sum(self, column, row)

    def toarray(self) -> Any:
        out = np.zeros(self.shape, self.dtype)
        for column in range(self.shape[1]):
            for position in range(self.indptr[column], self.indptr[column + 1]):
                out[self.indices[position], column] += self.data[position]
        return out

    def add_product(self, vector: Any, out: Any) -> None:
        for column in range(self.shape[1]):
            factor = vector[column]
            for position in range(self.indptr[column], self.indptr[column + 1]):
                out[self.indices[position]] += self.data[position] * factor


@dataclass(frozen=True, eq=False, repr=False)
class CSR(Mirror):
    """Mirror of scipy's csr_array and csr_matrix, whose rows are stored one after the other.

    Fields: `data`, the stored elements; `indices`, their columns; `indptr`, where each row begins; `shape`.

    >>> import numpy as np
    >>> CSR(np.array([1.0, 2.0]), np.array([0, 1]), np.array([0, 1, 2]), (2, 2))[1, 1]
    np.float64(2.0)
    """

    data: Any
    indices: Any
    indptr: Any
    shape: tuple

    @property
    def nnz(self) -> Any:
        return self.indptr[-1]

    def same_pattern(self, data: Any) -> Any:
        return CSR(data, self.indices, self.indptr, self.shape)

    @property
    def T(self) -> Any:
        return CSC(self.data, self.indices, self.indptr, (self.shape[1], self.shape[0]))

    def at(self, index: Any) -> Any:
        row, column = index
        return stored_sum(self, row, column)

    def toarray(self) -> Any:
        out = np.zeros(self.shape, self.dtype)
        for row in range(self.shape[0]):
            for position in range(self.indptr[row], self.indptr[row + 1]):
                out[row, self.indices[position]] += self.data[position]
        return out

    def add_product(self, vector: Any, out: Any) -> None:
        for row in range(self.shape[0]):
            total = out[row]
            for position in range(self.indptr[row], self.indptr[row + 1]):
                total += self.data[position] * vector[self.indices[position]]
            out[row] = total


def stored_sum(mirror: Any, line: Any, place: Any) -> Any:
    """The sum of what a CSR row, or a CSC column, stores at one place."""
    total = mirror.data.dtype.type(0)
    for position in range(mirror.indptr[line], mirror.indptr[line + 1]):
        if mirror.indices[position] == place:
            total += mirror.data[position]
    return total


@dataclass(frozen=True, eq=False, repr=False)
class COO(Mirror):
    """Mirror of scipy's coo_array and coo_matrix: elements with their rows and columns, in any order.

    Fields: `data`, the stored elements; `row`, `col`, where they stand; `shape`.

    >>> import numpy as np
    >>> COO(np.array([1.0, 2.0]), np.array([0, 0]), np.array([1, 1]), (2, 2))[0, 1]
    np.float64(3.0)
    """

    data: Any
    row: Any
    col: Any
    shape: tuple

    @property
    def nnz(self) -> Any:
        return self.data.shape[0]

    def same_pattern(self, data: Any) -> Any:
        return COO(data, self.row, self.col, self.shape)

    @property
    def T(self) -> Any:
        return COO(self.data, self.col, self.row, (self.shape[1], self.shape[0]))

    def at(self, index: Any) -> Any:
        row, column = index
        total = self.dtype.type(0)
        for position in range(self.nnz):
            if self.row[position] == row and self.col[position] == column:
                total += self.data[position]
        return total

    def toarray(self) -> Any:
        out = np.zeros(self.shape, self.dtype)
        for position in range(self.nnz):
            out[self.row[position], self.col[position]] += self.data[position]
        return out

    def add_product(self, vector: Any, out: Any) -> None:
        for position in range(self.nnz):
            out[self.row[position]] += self.data[position] * vector[self.col[position]]
