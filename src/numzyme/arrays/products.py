"""Products of arrays by loops over their elements, for arrays that have nothing faster.

A matrix here is anything with `shape`, `dtype` and `at((row, column))`; vectors and the right factors are NumPy arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .operations import promoted


def check_inner(left: int, right: int) -> None:
    """Raises: ValueError unless the inner lengths of a product agree."""
    if left != right:
        raise ValueError("the shapes do not fit a product: the inner lengths differ")


def dot(left: Any, right: Any) -> Any:
    """The sum of products of two arrays with one axis."""
    check_inner(left.shape[0], right.shape[0])
    total = promoted(left, right).type(0)
    for index in range(left.shape[0]):
        total += left[index] * right[index]
    return total


def vector_times_matrix(vector: Any, matrix: Any) -> Any:
    """`vector @ matrix` of NumPy arrays."""
    check_inner(vector.shape[0], matrix.shape[0])
    out = np.zeros(matrix.shape[1], promoted(vector, matrix))
    for row in range(matrix.shape[0]):
        for column in range(matrix.shape[1]):
            out[column] += vector[row] * matrix[row, column]
    return out


def matrix_times_vector(matrix: Any, vector: Any) -> Any:
    """`matrix @ vector` from the elements of the matrix."""
    out = np.zeros(matrix.shape[0], promoted(matrix, vector))
    for row in range(matrix.shape[0]):
        total = out.dtype.type(0)
        for column in range(matrix.shape[1]):
            total += matrix.at((row, column)) * vector[column]
        out[row] = total
    return out


def matrix_times_matrix(matrix: Any, right: Any) -> Any:
    """`matrix @ right` from the elements of the matrix."""
    out = np.zeros((matrix.shape[0], right.shape[1]), promoted(matrix, right))
    for row in range(matrix.shape[0]):
        for inner in range(matrix.shape[1]):
            value = matrix.at((row, inner))
            for column in range(right.shape[1]):
                out[row, column] += value * right[inner, column]
    return out
