"""Functions made by `numba.guvectorize`, called with arrays for their outputs, with and without loop dimensions."""

import math

import numpy as np
from numba import guvectorize, njit

from numzyme.testing.program import Corpus, array, integers, real

CORPUS = Corpus()
program = CORPUS.program


@guvectorize(["void(float64[:], float64[:], float64[:])"], "(n),(n)->()")
def inner(x, y, out):
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
    out[0] = total


@guvectorize(["void(float64[:], float64, float64[:])"], "(n),()->(n)")
def scaled(x, a, out):
    for i in range(x.size):
        out[i] = math.sin(a) * x[i]


@guvectorize("(m,n),(n)->(m)")
def applied(matrix, x, out):
    for i in range(matrix.shape[0]):
        out[i] = 0.0
        for j in range(matrix.shape[1]):
            out[i] += matrix[i, j] * x[j]


@guvectorize("(n)->(n),()")
def halved_and_summed(x, half, total):
    total[0] = 0.0
    for i in range(x.size):
        half[i] = 0.5 * x[i]
        total[0] += x[i] * x[i]


@guvectorize(["void(float64, float64, float64[:])"], "(),()->()")
def product(a, b, out):
    out[0] = a * b * b


@guvectorize(["void(int64[:], float64[:], float64[:])"], "(k),(n)->(k)")
def gathered(where, x, out):
    for i in range(where.size):
        out[i] = x[where[i]] ** 2


@guvectorize(["void(float64[:], float64[:])"], "(n)->()", writable_args=(0,))
def normalised(x, out):
    out[0] = 0.0
    for i in range(x.size):
        out[0] += x[i] * x[i]
    for i in range(x.size):
        x[i] /= out[0]


@program(array(4), array(4))
def gufunc_without_loop(x, y):
    out = np.zeros(1)
    inner(x, y, out)
    return out[0] * out[0]


@program(array(4), array(4))
def gufunc_into_no_dimensions(x, y):
    out = np.zeros(())
    inner(x, y, out)
    return out[()] * x[0]


@program(array(2, 3, 4), array(2, 3, 4))
def gufunc_over_two_dimensions(x, y):
    out = np.zeros((2, 3))
    inner(x, y, out)
    return np.sum(out * out)


@program(array(3, 4), array(4))
def gufunc_uses_a_row_again(x, y):
    out = np.zeros(3)
    inner(x, y, out)
    return out[0] * out[2]


@program(array(3, 4), array(3))
def gufunc_with_numbers_for_rows(x, a):
    out = np.zeros((3, 4))
    scaled(x, a, out)
    return np.sum(out * out)


@program(array(3, 4), real())
def gufunc_with_one_number(x, a):
    out = np.zeros((3, 4))
    scaled(x, a, out)
    scaled(x, 2, out[:, ::-1])
    return out[0, 0] * out[2, 1]


@program(array(4), real())
def gufunc_in_place(x, a):
    scaled(x, a, x)
    return x[0] * x[1]


@program(array(3, 4, layout="F"), real())
def gufunc_over_columns(x, a):
    out = np.zeros((4, 3)).T
    scaled(x, a, out)
    return np.sum(out[1] * x[0])


@program(array(2, 3), array(3))
def gufunc_matrix_and_vector(a, x):
    out = np.zeros(2)
    applied(a, x, out)
    return out[0] * out[1]


@program(array(2, 2, 3), array(2, 3))
def gufunc_matrices_and_vectors(a, x):
    out = np.zeros((2, 2))
    applied(a, x, out)
    applied(a, x * out[0, 0], out)
    return np.sum(out * out)


@program(array(2, 3, layout="strided"))
def gufunc_with_two_outputs(x):
    half, total = np.zeros((2, 3)), np.zeros(2)
    halved_and_summed(x, half, total)
    return np.sum(half) * total[0] + total[1]


@program(array(3), real())
def gufunc_of_numbers(x, a):
    out = np.zeros(3)
    product(x, a, out)
    product(a, x, out[::-1])
    return out[0] * out[1]


@program(integers(3, high=4), array(4))
def gufunc_with_integers(where, x):
    out = np.zeros(3)
    gathered(where, x, out)
    return np.sum(out)


@program(array(2, 3, low=0.5))
def gufunc_that_writes_its_input(x):
    out = np.zeros(2)
    normalised(x, out)
    return out[0] * x[1, 2]


@njit
def norm_of(x):
    out = np.zeros(1)
    inner(x, x, out)
    return math.sqrt(out[0])


@program(array(2, 4, low=0.1))
def gufunc_in_a_helper(x):
    return norm_of(x[0]) * norm_of(x[:, 1])


@program(array(4), array(4), failing=((np.ones(4), np.ones(3)),))
def gufunc_with_shapes_that_do_not_fit(x, y):
    out = np.zeros(1)
    x[0] *= 2.0
    inner(x, y, out)
    return out[0]


@program(array(2, 4), array(2, 4), failing=((np.ones((2, 4)), np.ones((1, 4))),))
def gufunc_with_loops_that_do_not_fit(x, y):
    out = np.zeros(2)
    inner(x, y, out)
    return out[0] * out[1]
