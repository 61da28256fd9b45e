"""Kinds of arguments: float32, integers, booleans, tuples, constants, and mixtures of them."""

import math

import numpy as np

from numzyme.testing.program import Corpus, array, exactly, integers, members, real

CORPUS = Corpus()
program = CORPUS.program


@program(array(5, dtype=np.float32))
def single_precision_loop(x):
    total = np.float32(0.0)
    for i in range(x.size):
        total += x[i] * np.float32(0.5) * x[i]
    return total


@program(array(5, dtype=np.float32), real(kind=np.float32))
def single_precision_functions(x, a):
    return np.sum(np.sin(x) * np.exp(a * x))


@program(array(5, dtype=np.float32), array(5))
def mixed_precision(x, y):
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
        x[i] = y[i] * y[i]
    return total * x[0]


@program(real(), exactly(3), exactly(False), analytic=True)
def integer_and_boolean_arguments(x, n, flag):
    y = x * n if flag else x + n
    return y * y


@program(exactly(4), real(), analytic=True)
def integer_arithmetic(n, x):
    k = (n * 7 + 3) // 2
    k = (k ^ 5) & 31 | (n << 2)
    return x * k + float(n) / 3.0 * x


@program(integers(6, low=-5, high=5), real(), analytic=True)
def integer_array(k, x):
    total = 0.0
    for i in range(k.size):
        total += k[i] * x ** (abs(i) % 3)
    return total


@program(exactly(np.array([True, False, True, True])), array(4), analytic=True)
def boolean_array(mask, x):
    total = 1.0
    for i in range(mask.size):
        if mask[i]:
            total *= x[i] + 2.0
    return total


@program(members(real(), real()), real(), analytic=True)
def tuple_of_floats(pair, x):
    return pair[0] * x + math.sin(pair[1])


@program(members(array(4), array(3)), analytic=True)
def tuple_of_arrays(pair):
    x, y = pair
    x[0] = x[1] * y[2]
    return np.sum(x * x) + y[0] * y[1]


@program(members(array(3), array(3), array(3)), analytic=True)
def tuple_of_equal_arrays_in_loop(rows):
    total = 0.0
    for row in rows:
        total += row[0] * row[1] + total * row[2]
    return total


@program(members(real(), members(array(3), real())), analytic=True)
def nested_tuple(parts):
    a, (x, b) = parts
    return a * b + np.sum(x * x) * a


@program(members(exactly(2), array(4)), analytic=True)
def tuple_with_integer(pair):
    return pair[1][pair[0]] * pair[1][0]


@program(array(4), array(4), constant=(1,), analytic=True)
def constant_array(x, weights):
    return np.sum(x * x * weights)


@program(real(), real(), constant=(0,), analytic=True)
def constant_scalar(a, x):
    return math.exp(a * x)


@program(array(5), array(5), constant=(1,), analytic=True)
def constant_array_copied(x, start):
    state = start.copy()
    for i in range(x.size):
        state[i] += x[i] * state[i - 1]
    return state[4] * state[0]


@program(real(0.2, 0.9), analytic=True)
def scalar_only(x):
    return x * math.sin(x) + 1.0 / x


@program(real(), exactly(3))
def result_independent_of_argument(x, n):
    k = 0
    for i in range(n):
        k += i
    return float(k)


@program(array(3), analytic=True)
def no_result(x):
    x[0] = x[1] * x[2]


@program(array(4), real())
def integer_result(x, a):
    x *= a
    return x.size


@program(array(4), analytic=True)
def shape_arithmetic(x):
    return np.sum(x) * x.shape[0] / (len(x) + x.ndim)


@program(array(5))
def boolean_from_values(x):
    rising = True
    total = 0.0
    for i in range(1, x.size):
        rising = rising and x[i] > x[i - 1]
        total += x[i] * x[i] if rising or x[i] > 0.0 else -x[i]
    return total


@program(array(4, low=0.5, high=3.5))
def integer_from_value(x):
    total = 0.0
    for i in range(x.size):
        total += x[int(x[i])] * x[i]
    return total


@program(real(), real(), real(), real(), real(), real(), analytic=True)
def many_scalars(a, b, c, d, e, f):
    return a * b + c * d * e - math.sin(f) * a


@program(array(6), analytic=True, options={"error_model": "numpy"})
def division_without_checks(x):
    return np.sum(x) / (x[0] + 3.0) + x[1] / 2.0


@program(array(6), tolerance=1e-7, options={"fastmath": True})
def fast_math(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i] / (1.0 + x[i] * x[i])
    return total
