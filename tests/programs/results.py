"""Results other than one float: arrays, tuples, several arrays. Forward mode only."""

import math

import numpy as np
from numba import njit

from numzyme.testing.program import Corpus, array, exactly, real

CORPUS = Corpus()
program = CORPUS.program


@njit
def powers_by_recursion(x, out, n):
    if n < 0:
        return out
    out[n] = x**2 * n
    return powers_by_recursion(x * 0.9, out, n - 1)


@program(array(4), analytic=True)
def returns_new_array(x):
    return np.sin(x) * x[::-1]


@program(array(4), real(), analytic=True)
def returns_array_filled_in_loop(x, a):
    out = np.zeros(x.size + 1)
    for i in range(x.size):
        out[i + 1] = out[i] * a + x[i]
    return out


@program(array(2, 3), analytic=True)
def returns_matrix(a):
    return a.T @ a


@program(array(5), analytic=True)
def returns_argument(x):
    x[0] = x[1] * x[2]
    return x


@program(array(6), analytic=True)
def returns_view_of_argument(x):
    x[3] *= x[0]
    return x[1:5:2]


@program(array(6), analytic=True)
def returns_view_of_buffer(x):
    work = x * x
    return work[2:]


@program(real(), real(), analytic=True)
def returns_tuple_of_floats(x, y):
    return x * y, math.sin(x)


@program(real(), exactly(3), analytic=True)
def returns_float_and_integer(x, n):
    return x**n, n * 2


@program(array(4), real(), analytic=True)
def returns_array_and_float(x, a):
    return x * a, np.sum(x) * a


@program(array(4), analytic=True)
def returns_two_arrays(x):
    return np.cos(x), x[::2] * 2.0


@program(array(4), exactly(True))
def returns_one_of_two_arrays(x, flag):
    first = x * 2.0
    second = x * x
    if flag:
        return first
    return second


@program(array(3, dtype=np.float32))
def returns_single_precision(x):
    return x * x


@program(array(4), analytic=True)
def returns_nested_tuple(x):
    return (x[0] * x[1], (x[2] ** 2, x * 3.0))


@program(real(), analytic=True)
def returns_array_from_recursion(x):
    return powers_by_recursion(x, np.zeros(4), 3)


@program(array(3), array(3), analytic=True)
def returns_array_and_mutates(x, y):
    y += x * y
    return y * x


@program(array(4))
def returns_array_of_a_list(x):
    values = [x[0]]
    for i in range(1, 4):
        values.append(values[-1] * x[i])
    return np.array(values)


@program(array(4))
def returns_array_out_of_a_list_of_arrays(x):
    rows = []
    for i in range(3):
        row = np.sin(x * i)
        row[0] = x[1] * x[2]
        rows.append(row)
    rows[0] = rows[1] * rows[2]
    rows.pop(1)
    return rows[0]


@program(array(4))
def returns_array_out_of_a_dict(x):
    rows = {}
    for i in range(5):
        rows[i % 3] = x * (i + 1.0)
    rows[1][0] = x[3] * x[3]
    return rows[1]


@program(failing=((np.array([1.0, 2.0, 3.0, -4.0]),),), together=lambda rng: (rng.uniform(0.1, 1.0, 4),))
def returns_array_of_a_list_or_raises(x):
    values = []
    for value in x:
        if value < 0.0:
            raise ValueError("negative")
        values.append(x * value)
    total = np.zeros(4)
    for row in values:
        total += row * row
    return total
