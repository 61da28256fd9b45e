"""Functions that call themselves and return numbers, sizes and arrays side by side."""

from collections import namedtuple

import numpy as np

from numzyme.testing.program import Corpus, array, exactly, real

CORPUS = Corpus()
program = CORPUS.program
Split = namedtuple("Split", "values slope count")


def powers(x, n):
    if n == 0:
        return x * 1.0, 1.0
    y, total = powers(x, n - 1)
    return y * x, total + y[0]


@program(array(4))
def results_of_recursion_array_and_number(x):
    y, total = powers(x, 3)
    return np.sum(y) * total


def unlike(x, n):
    if n == 0:
        return (x * 1.0, 2), x[0], x[1]
    if n % 2 == 0:
        return unlike(x, n - 1)
    (y, k), a, b = unlike(x, n - 1)
    return (y * x, k + 1), a + y[0] * b, b * x[0]


@program(array(3))
def results_of_recursion_nested(x):
    (y, k), a, b = unlike(x, 5)
    return np.sum(y) * k + a * b


def split(x, n):
    if n == 0:
        return Split(x * 1.0, x[2], 1)
    one = split(x, n - 1)
    other = split(x, n - 2) if n > 1 else one
    return Split(one.values * other.slope, other.slope + one.values[0], one.count + other.count)


@program(array(3))
def results_of_recursion_named(x):
    found = split(x, 4)
    return np.sum(found.values) * found.count + found.slope


def even(x, n):
    if n == 0:
        return x[0], x * 1.0
    a, y = odd(x, n - 1)
    return a * x[1], y * a


def odd(x, n):
    if n == 0:
        return x[1], x * 2.0
    a, y = even(x, n - 1)
    return a + x[0], y + a


@program(array(3), exactly(5))
def results_of_mutual_recursion(x, n):
    a, y = even(x, n)
    return np.sum(y) * a


def caught(x, n):
    if n < 0:
        raise ValueError("below")
    y = x * (n + 1)
    a = x[0]
    try:
        a, y = caught(x, n - 1)
    except Exception:
        a *= x[1]
    return a * x[1] + n, y * a


@program(array(3))
def results_of_recursion_caught(x):
    a, y = caught(x, 3)
    return np.sum(y) * a


def maybe(x, n, nothing):
    if n == 0:
        return None if nothing else x[0], x * 1.0
    a, y = maybe(x, n - 1, nothing)
    if a is None:
        return a, y * 2.0
    return a * x[1], y * a


@program(array(3))
def results_of_recursion_optional(x):
    a, y = maybe(x, 3, False)
    b, z = maybe(x, 3, True)
    return np.sum(y) * a + np.sum(z) if a is not None and b is None else 0.0


def largest(x, low, high):
    if high - low == 1:
        return x[low], low, x[low:high] * 2.0
    middle = (low + high) // 2
    a, i, y = largest(x, low, middle)
    b, j, z = largest(x, middle, high)
    if a > b:
        return a, i, np.concatenate((y, z * a))
    return b, j, np.concatenate((y * b, z))


@program(array(5))
def results_of_recursion_halves(x):
    a, i, y = largest(x, 0, x.size)
    return a * x[i] + np.sum(y * x)


def turned(z, n):
    if n == 0:
        return z, z.real, z * np.ones(2)
    a, b, c = turned(z, n - 1)
    return a * z, b + a.imag, c * a


@program(real(), real())
def results_of_recursion_complex(x, y):
    a, b, c = turned(complex(x, y), 3)
    return abs(a) + b + np.sum(c.real * c.imag)


def raising(x, n, bad):
    if n == bad:
        raise ValueError("at the bottom")
    if n == 0:
        return x * 1.0, 1.0
    y, a = raising(x, n - 1, bad)
    x[0] += a
    return y * x, a + y[0]


@program(array(3), exactly(7), failing=((np.ones(3), 1),))
def results_of_recursion_or_raises(x, bad):
    y, a = raising(x, 3, bad)
    return np.sum(y) * a


@program(array(3))
def results_of_recursion_as_results(x):
    y, total = powers(x, 2)
    return total, y


def handed_on(x, n):
    if n == 0:
        return x[0], x * 2.0, 3
    a, y, k = handed_on(x, n - 1)
    _, z, _ = handed_on(x * a, n - 1)
    b, _, _ = handed_on(y, n - 1)
    return np.sin(b + a), z + y, k


@program(array(3))
def results_of_recursion_handed_on(x):
    a, y, k = handed_on(x, 3)
    return a * np.sum(np.sin(y)) * k
