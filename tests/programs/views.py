"""Slices, strides, transposes, and indexing of arrays of two and three dimensions."""

import numpy as np

from numzyme.testing.program import Corpus, array, exactly

CORPUS = Corpus()
program = CORPUS.program


@program(array(8), analytic=True)
def slice_contiguous(x):
    left, right = x[:4], x[4:]
    return np.sum(left * right * left)


@program(array(9), analytic=True)
def slice_with_step(x):
    return np.sum(x[::2] ** 2) * np.sum(x[1::3])


@program(array(7), analytic=True)
def slice_reversed(x):
    return np.sum(x[::-1] * x * np.arange(7))


@program(array(7), analytic=True)
def negative_indices(x):
    return x[-1] * x[-2] + x[-7] ** 2


@program(array(7), exactly(2), exactly(6), analytic=True)
def slice_with_variable_bounds(x, low, high):
    part = x[low:high]
    total = 0.0
    for i in range(part.size):
        total += part[i] * x[i]
    return total


@program(array(6), analytic=True)
def slice_updated_in_place(x):
    view = x[1:5]
    view *= 2.0
    view[0] += x[0] * x[5]
    return x[1] * x[2]


@program(array(6), analytic=True)
def overlapping_slice_assignment(x):
    x[1:] = x[:-1] * 0.5
    return x[1] * x[2]


@program(array(6), analytic=True)
def slice_of_slice(x):
    part = x[1:][::2]
    part[1] = part[0] * part[2]
    return x[3] * x[1]


@program(array(3, 4), analytic=True)
def transpose_of_matrix(a):
    b = a.T
    total = 0.0
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            total += b[i, j] * a[j, 0] * (i + 2 * j)
    return total


@program(array(3, 4), analytic=True)
def write_through_transpose(a):
    b = a.T
    for i in range(b.shape[0]):
        b[i, 1] = b[i, 0] * b[i, 2]
    return a[1, 2] * a[1, 3]


@program(array(3, 4), analytic=True)
def row_and_column_views(a):
    row, column = a[1], a[:, 2]
    return np.sum(row * row) * np.sum(column * np.sin(column))


@program(array(4, 4), analytic=True)
def matrix_block(a):
    block = a[1:3, ::2]
    block[0, 1] *= block[1, 0]
    return np.sum(block * block)


@program(array(2, 3, 4), analytic=True)
def three_dimensional_indexing(a):
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(a.shape[2]):
                total += a[i, j, k] * a[1 - i, j, k] * (k + 1)
    return total


@program(array(2, 3, 4), analytic=True)
def three_dimensional_transpose(a):
    b = a.transpose((2, 0, 1))
    return np.sum(b[0] * b[3]) + b[1, 1, 2] ** 3


@program(array(2, 3, 4), analytic=True)
def plane_of_three_dimensions(a):
    plane = a[:, 1, :]
    plane[1] = plane[0] * a[0, 0]
    return np.sum(a[1] * a[1])


@program(array(3, 4), analytic=True)
def reshape_and_ravel(a):
    flat = a.ravel()
    square = flat.reshape(2, 6)
    return np.sum(square[0] * square[1]) + flat[7] ** 2


@program(array(4, 4), analytic=True)
def diagonal_loop(a):
    total = 1.0
    for i in range(a.shape[0]):
        total *= a[i, i] + a[i, -1 - i] + 2.0
    return total


@program(array(3, 4, layout="F"), analytic=True)
def fortran_ordered(a):
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += a[i, j] * a[i, j] * (i - j)
    a[1, 2] = total
    return total * a[0, 0]


@program(array(6, layout="strided"), analytic=True)
def strided_argument(x):
    x[2] *= x[3]
    return np.sum(x * x)


@program(array(6, layout="reversed"), analytic=True)
def reversed_argument(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i] * i
    x[0] = x[1] * total
    return total


@program(array(3, 4, layout="strided"), array(3, 4, layout="reversed"), analytic=True)
def strided_matrices(a, b):
    return np.sum(a * b * b)


@program(array(6, layout="readonly"), analytic=True)
def read_only_argument(x):
    return np.sum(np.sin(x) * x)


@program(array(0), analytic=True)
def empty_argument(x):
    total = 3.0
    for i in range(x.size):
        total += x[i]
    return total


@program(array(0), array(3), analytic=True)
def empty_array_in_expression(x, y):
    return np.sum(x * x) + np.sum(y * y)


@program(array(), array(4), analytic=True)
def zero_dimensional_argument(a, x):
    a[()] = a[()] * x[1]
    return a[()] * np.sum(x)


@program(together=lambda rng: (np.broadcast_to(rng.uniform(-1, 1, 3), (4, 3)), rng.uniform(-1, 1, (4, 3))),
         constant=(0,), analytic=True)  # fmt: skip
def broadcast_view_argument(a, b):
    return np.sum(a * b * a)
