"""Products of vectors and matrices, through BLAS where Numba calls it."""

import numpy as np

from numzyme.testing.program import Corpus, array, exactly, real

CORPUS = Corpus()
program = CORPUS.program


@program(array(6), array(6), analytic=True)
def dot_of_vectors(x, y):
    return np.dot(x, y) * (x @ x)


@program(array(4, 3), array(3), analytic=True)
def matrix_times_vector(a, x):
    return np.sum((a @ x) ** 2)


@program(array(4, 3), array(4), analytic=True)
def vector_times_matrix(a, x):
    return np.sum(np.sin(x @ a))


@program(array(4, 3), array(3, 2), analytic=True)
def matrix_times_matrix(a, b):
    c = a @ b
    return np.sum(c * c * c)


@program(array(3, 4), array(3, 2), analytic=True)
def transposed_products(a, b):
    return np.sum(np.dot(a.T, b) ** 2) + np.sum(np.dot(b.T, a)[1])


@program(array(3, 4, layout="F"), array(4, layout="C"), analytic=True)
def fortran_matrix_times_vector(a, x):
    return np.sum(np.dot(a, x) ** 2)


@program(array(3, 3), analytic=True)
def matrix_power_by_products(a):
    power = a.copy()
    for _ in range(3):
        power = power @ a
    return power[0, 0] + power[1, 2] * power[2, 1]


@program(array(3, 4), array(4), array(3), analytic=True)
def dot_with_output_argument(a, x, out):
    out[0] += 1.0
    total = out[0] * out[1]
    np.dot(a, x, out)
    return total * out[2] + out[0]


@program(array(4, 3), array(3, 5), array(4, 5), analytic=True)
def matrix_product_with_output_argument(a, b, out):
    np.dot(a, b, out)
    return out[0, 0] * out[3, 4]


@program(array(3, 4), array(4), analytic=True)
def operand_overwritten_after_product(a, x):
    y = a @ x
    x[:] = 0.5
    a[0, 0] = y[0] * y[1]
    return np.sum(y * y) + x[0] * a[0, 0]


@program(array(4, 3), array(4, low=-2.0, high=2.0), real(), analytic=True)
def two_layer_network(w, v, bias):
    hidden = np.tanh(w @ np.ones(3) + bias)
    return np.dot(hidden, v) ** 2


@program(array(4, 4), array(4), analytic=True)
def quadratic_form(a, x):
    return x @ (a @ x)


@program(array(3, 6), array(3), analytic=True)
def product_with_matrix_slice(a, x):
    return np.sum((np.ascontiguousarray(a[:, ::2]) @ x) ** 2) + np.dot(a[0, :3], x)


@program(array(3, 3), array(3), exactly(3), analytic=True)
def power_iteration(a, x, steps):
    v = x.copy()
    for _ in range(steps):
        v = a @ v
        v = v / np.sqrt(np.dot(v, v))
    return v[0] * v[1] + v[2]


@program(array(3, 4), array(4, 2), analytic=True)
def triple_loop_product(a, b):
    c = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]
    return np.sum(c * c)


@program(array(5), array(5))
def norm_by_dot(x, y):
    return np.sqrt(np.dot(x - y, x - y))


@program(array(4, 3, dtype=np.float32), array(3, dtype=np.float32))
def single_precision_product(a, x):
    y = a @ x
    return y[0] * y[1] + np.dot(y, y)
