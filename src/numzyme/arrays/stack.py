"""Small arrays whose elements are members of tuples: `SVector` and `SMatrix`; compiled, they live on the stack.

Decides that operations between them give them again, so that nothing is allocated; with a NumPy array they give
an array.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import MatrixLike, VectorLike, check_same_shape
from .indices import build_tuple
from .operations import dense_of
from .products import check_inner


def mapped_element(position: int, values: tuple, operation: Any, argument: Any) -> Any:
    return operation(values[position], argument)


def mapped_row(position: int, rows: tuple, operation: Any, argument: Any) -> Any:
    return build_tuple(mapped_element, rows[position], rows[position], operation, argument)


def sum_element(position: int, left: tuple, right: tuple) -> Any:
    return left[position] + right[position]


def sum_row(position: int, left: tuple, right: tuple) -> Any:
    return build_tuple(sum_element, left[position], left[position], right[position])


def product_element(position: int, left: tuple, right: tuple) -> Any:
    return left[position] * right[position]


def quotient_element(position: int, left: tuple, right: tuple) -> Any:
    return left[position] / right[position]


def element_of_row(position: int, row: Any) -> Any:
    return row[position]


def row_of(position: int, rows: Any) -> Any:
    """Row `position` as a tuple."""
    return build_tuple(element_of_row, rows[position], rows[position])


def column_element(position: int, rows: tuple, column: int) -> Any:
    return rows[position][column]


def column_of(position: int, rows: tuple) -> Any:
    """Column `position` as a tuple."""
    return build_tuple(column_element, rows, rows, position)


def tuple_dot(left: tuple, right: tuple) -> Any:
    """The sum of products of two tuples of one length, not empty."""
    total = left[0] * right[0]
    for position in range(1, len(left)):
        total += left[position] * right[position]
    return total


def row_dot(position: int, rows: tuple, vector: tuple) -> Any:
    return tuple_dot(rows[position], vector)


def row_dots(position: int, rows: tuple, columns: tuple) -> Any:
    """Row `position` of a product of matrices."""
    return build_tuple(row_dot, columns, columns, rows[position])


@dataclass(frozen=True, init=False, repr=False)
class SVector(VectorLike):
    """A small vector of given values.

    Arguments: the values, numbers of one type. Field: `data`, the tuple of them.

    >>> SVector(1.0, 2.0) + SVector(3.0, 4.0) * 2
    SVector(7.0, 10.0)
    """

    data: tuple

    def __init__(self, *values: Any) -> None:
        object.__setattr__(self, "data", values)

    def _shown_values(self) -> list[Any]:
        return list(self.data)

    @property
    def shape(self) -> tuple[int]:
        return (len(self.data),)

    @property
    def dtype(self) -> Any:
        return np.array(self.data).dtype

    def at(self, index: Any) -> Any:
        return self.data[index[0]]

    def toarray(self) -> Any:
        return np.array(self.data)

    def mapped(self, operation: Any, argument: Any) -> Any:
        return SVector(*build_tuple(mapped_element, self.data, self.data, operation, argument))

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, SVector):
            check_same_shape(self, other)
            return SVector(*build_tuple(sum_element, self.data, self.data, other.data))
        return self.toarray() + other.toarray()

    def times_elements(self, other: Any) -> Any:
        if isinstance(other, SVector):
            check_same_shape(self, other)
            return SVector(*build_tuple(product_element, self.data, self.data, other.data))
        return self.toarray() * dense_of(other)

    def over_elements(self, other: Any) -> Any:
        if isinstance(other, SVector):
            check_same_shape(self, other)
            return SVector(*build_tuple(quotient_element, self.data, self.data, other.data))
        return self.toarray() / dense_of(other)

    def times_wrapper(self, other: Any) -> Any:
        if isinstance(other, SVector):
            check_inner(len(self.data), len(other.data))
            if len(self.data) > 0:
                return tuple_dot(self.data, other.data)
        if len(other.shape) == 2:
            return other.transposed_times(self)
        return self.times_array(other.toarray())


@dataclass(frozen=True, init=False, repr=False)
class SMatrix(MatrixLike):
    """A small matrix of given rows.

    Arguments: `rows`, a sequence of rows of one length, each of numbers of one type.
    Fields: `data`, the tuple of the rows, themselves tuples; `shape`.

    >>> SMatrix(((1.0, 2.0), (3.0, 4.0))) @ SVector(1.0, 1.0)
    SVector(3.0, 7.0)
    """

    data: tuple
    shape: tuple

    def __init__(self, rows: Any) -> None:
        data, shape = self.arranged(rows)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "shape", shape)

    @staticmethod
    def arranged(rows: Any) -> tuple:
        """The fields for the constructor's arguments; what compiled code calls in place of `__init__`."""
        if len(rows) == 0:
            return (), (0, 0)
        columns = len(rows[0])
        for row in rows:
            if len(row) != columns:
                raise ValueError("the rows of an SMatrix must have one length")
        return build_tuple(row_of, rows, rows), (len(rows), columns)

    def _shown_values(self) -> list[Any]:
        return [self.data]

    @property
    def dtype(self) -> Any:
        return np.array(self.data).dtype

    def at(self, index: Any) -> Any:
        row, column = index
        return self.data[row][column]

    def mapped(self, operation: Any, argument: Any) -> Any:
        return SMatrix(build_tuple(mapped_row, self.data, self.data, operation, argument))

    @property
    def T(self) -> Any:
        if len(self.data) == 0:
            return self
        return SMatrix(build_tuple(column_of, self.data[0], self.data))

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, SMatrix):
            check_same_shape(self, other)
            return SMatrix(build_tuple(sum_row, self.data, self.data, other.data))
        return self.toarray() + other.toarray()

    def times_wrapper(self, other: Any) -> Any:
        if isinstance(other, SVector):
            check_inner(self.shape[1], len(other.data))
            if len(other.data) > 0:
                return SVector(*build_tuple(row_dot, self.data, self.data, other.data))
        if isinstance(other, SMatrix):
            check_inner(self.shape[1], other.shape[0])
            if len(other.data) > 0:
                return SMatrix(build_tuple(row_dots, self.data, self.data, other.T.data))
        return self.times_array(other.toarray())
