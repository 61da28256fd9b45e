"""Python that Numba 0.68 does not compile, and numzyme does: assignments in expressions, loops over unlike tuples,
objects that a function returns which calls itself."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from numzyme.testing.program import Corpus, array

CORPUS = Corpus()
program = CORPUS.program


@njit
def square(x):
    return x * x


@njit
def cube(x):
    return x**3


@program(array(6))
def walrus_in_while(x):
    count, total = 0, 0.0
    while (index := 2 * count) < x.size:
        total += x[index] ** 2
        count += 1
    else:
        total *= x[1]
    return total


@program(array(5))
def walrus_in_if_and_in_a_sum(x):
    total = 0.0
    for value in x:
        if (twice := 2.0 * value) > 0.5:
            total += twice * value
    return total + (first := x[0] * x[1]) * first + (last := first + 1.0) * last


@program(array(4))
def assigned_to_two_names(x):
    a = b = x[0] * x[1]
    a *= x[2]
    return a * b


@program(array(5))
def any_and_all(x):
    total = x[0] * 2.0 if any(x > 0.25) else x[1]
    if all(x > -100.0):
        total += x[2] ** 2
    if any([value > 100.0 for value in x]) or all((total > 0.0, False)):  # noqa: C419
        total *= x[3]
    return total * x[4]


@program(array(5))
def reversed_of_anything(x):
    total = 0.0
    for index in reversed(range(1, 5, 2)):
        total = 0.5 * total + x[index] * index
    for value in reversed(x):
        total = 0.5 * total + value * value
    listed = [x[0], x[1] * x[2]]
    for value in reversed(listed):
        total = 0.5 * total + value
    for number, value in enumerate(reversed((x[3], x[4]))):
        total = 0.5 * total + value * number
    return total


@program(array(4))
def rows_in_reverse(x):
    total = 0.0
    for row in reversed(np.outer(x, x)):
        total = 0.5 * total + row[0] * row[3]
    return total


@program(array(4))
def loop_over_functions(x):
    total = 0.0
    for function in (square, cube, np.sin):
        total += function(x[0] * total + x[1])
    for number, (function, factor) in enumerate(((square, 2.0), (cube, 3))):
        total += function(x[number]) * factor
    return total


@program(array(4))
def loop_over_unlike_numbers_and_arrays(x):
    total = 0.0
    for value in (1, 2.5, x[0], x):
        total += np.sum(value * x[1])
    return total


@program(array(3), array(2, 3))
def tiles(x, a):
    wide = np.tile(x, (4, 2)) * np.tile(a, 2)[1]
    return np.sum(wide**2) + np.sum(np.tile(a, (2, 1, 2)) ** 3) * np.tile(x[0], 5)[4]


@dataclass
class Sweep:
    values: np.ndarray
    slope: float
    count: int


def sweep(x, n):
    if n == 0:
        return Sweep(x * 1.0, x[2], 1)
    before = sweep(x, n - 1)
    return Sweep(before.values * x, before.slope + before.values[0], before.count + 1)


@program(array(3))
def results_of_recursion_dataclass(x):
    found = sweep(x, 4)
    return np.sum(found.values) * found.count + found.slope
