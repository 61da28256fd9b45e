"""Calls: plain and compiled helpers, inlined or not, recursion, functions as values."""

import math

import numpy as np
from numba import njit

from numzyme.testing.program import Corpus, array, exactly, real

CORPUS = Corpus()
program = CORPUS.program
SCALE = 1.5
WEIGHTS = np.array([0.5, -1.0, 2.0, 0.25])


def plain_square(x):
    return x * x * SCALE


@njit
def compiled_wave(x, k):
    return math.sin(k * x) / k


@njit(inline="always")
def always_inlined(x):
    return x * math.exp(-x)


@njit(inline="never")
def never_inlined(x, y):
    if x > y:
        return x * y
    return x - math.sin(y)


@njit
def magnitude(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i]
    return math.sqrt(total)


@njit
def magnitude_with_temporary(x):
    return math.sqrt(np.sum(x * x))


def update_in_place(x, a):
    for i in range(x.size):
        x[i] = x[i] * a + 1.0


def twice(x):
    return x + plain_square(plain_square(x))


def chain_first(x, n):
    return chain_second(x * 0.9, n) + x


def chain_second(x, n):
    return math.cos(x) * compiled_wave(x, n)


@njit
def power_by_recursion(x, n):
    if n == 0:
        return 1.0
    if n % 2 == 1:
        return x * power_by_recursion(x, n - 1)
    half = power_by_recursion(x, n // 2)
    return half * half


@njit
def sum_by_recursion(x, low, high):
    if high - low == 1:
        return x[low] * x[low]
    middle = (low + high) // 2
    return sum_by_recursion(x, low, middle) * 0.5 + sum_by_recursion(x, middle, high)


@njit
def scale_by_recursion(x, low, high):
    if high - low < 1:
        return 0.0
    x[low] = math.sin(x[low]) * x[low]
    return scale_by_recursion(x, low + 1, high) + x[low]


@njit
def ping(x, n):
    if n == 0:
        return x
    return pong(x * 0.7, n - 1) + math.sin(x)


@njit
def pong(x, n):
    if n <= 0:
        return x * x
    return ping(x + 0.2, n - 1) * x


@njit
def looping_ping(x, n):
    total = 0.0
    for i in range(3):
        total += x * i
    if n <= 0:
        return x * total
    return looping_pong(x * 0.7, n - 1) + math.sin(total)


@njit
def looping_pong(x, n):
    for i in range(2):
        x += x * i
    if n <= 0:
        return x * x
    return looping_ping(x * 0.3, n - 1) * x


@njit
def fresh_ramp(n, a):
    out = np.empty(n)
    for i in range(n):
        out[i] = a * i + a * a
    return out


@njit
def several_results(x, y):
    return x * y, x - y, 3


@program(array(5), analytic=True)
def call_plain_helper(x):
    total = 0.0
    for i in range(x.size):
        total += plain_square(x[i])
    return total


@program(array(5), analytic=True)
def call_compiled_helper(x):
    total = 0.0
    for i in range(x.size):
        total += compiled_wave(x[i], i + 1.0)
    return total


@program(real(), analytic=True)
def call_helper_inlined_by_numba(x):
    return always_inlined(x) * always_inlined(2.0 * x)


@program(array(5))
def call_helper_never_inlined(x):
    total = 0.5
    for i in range(x.size):
        total = never_inlined(total, x[i]) + 0.1
    return total


@program(real(), analytic=True)
def call_helper_of_helper(x):
    return twice(x) * chain_first(x, 3.0)


@program(array(5), array(5), analytic=True)
def call_hoisted_out_of_loop(x, out):
    for i in range(x.size):
        out[i] = x[i] / magnitude(x)
    return out[0] * out[1]


@program(array(5), array(5), analytic=True)
def call_hoisted_with_temporary(x, out):
    for i in range(x.size):
        out[i] = x[i] / magnitude_with_temporary(x)
    return out[0] * out[1]


@program(array(5), analytic=True)
def call_not_hoisted_because_of_writes(x):
    for i in range(x.size):
        x[i] = x[i] / magnitude(x)
    return x[0] * x[1]


@program(array(4), real(), analytic=True)
def call_that_mutates(x, a):
    for _ in range(3):
        update_in_place(x, a)
    return x[0] * x[1]


@program(real(0.5, 1.2), exactly(7), analytic=True)
def recursion_on_scalar(x, n):
    return power_by_recursion(x, n) + power_by_recursion(x * x, 3)


@program(array(6), analytic=True)
def recursion_on_array(x):
    return sum_by_recursion(x, 0, x.size) * x[0]


@program(array(5), analytic=True)
def recursion_that_mutates(x):
    return scale_by_recursion(x, 0, x.size)


@program(real(), exactly(4), analytic=True)
def recursion_mutual(x, n):
    return ping(x, n)


@program(real(), exactly(4), analytic=True)  # whose calls LLVM took out of loops, by value
def recursion_mutual_with_loops(x, n):
    return looping_ping(x, n)


@program(real(), array(4), analytic=True)
def call_returning_array(a, x):
    ramp = fresh_ramp(x.size, a)
    return np.sum(ramp * x)


@program(real(), real(), analytic=True)
def call_returning_tuple(x, y):
    product, difference, count = several_results(x, y)
    return product * difference + count * product


@program(array(4), analytic=True)
def closure_over_local(x):
    scale = x[0] * 2.0

    def inner(value):
        return value * scale

    total = 0.0
    for i in range(x.size):
        total += inner(x[i])
    return total


@program(array(4), analytic=True)
def global_array_as_constant(x):
    total = 0.0
    for i in range(x.size):
        total += WEIGHTS[i] * x[i] * x[i]
    return total


@program(array(4), analytic=True)
def list_comprehension_into_array(x):
    doubled = np.array([value * value for value in x])
    return doubled[0] * doubled[1] + doubled[3]


@program(array(4), analytic=True)
def helper_with_view_argument(x):
    return magnitude(x[1:]) * magnitude(x[::2])
