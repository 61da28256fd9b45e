"""Exceptions: raised for some inputs only, by statements and by checks; caught inside."""

import math

import numpy as np
from numba import njit

from numzyme.testing.program import Corpus, array, exactly, integers, real

CORPUS = Corpus()
program = CORPUS.program


@njit
def checked_square_root(x):
    if x < 0.0:
        raise ValueError("negative")
    return math.sqrt(x)


@program(array(5, low=0.1), failing=((np.array([0.5, -1.0, 2.0]),),))
def raise_in_loop(x):
    total = 0.0
    for i in range(x.size):
        if x[i] < 0.0:
            raise ValueError("an element is negative")
        total += math.sqrt(x[i]) * x[0]
    return total


@program(array(4), failing=((np.array([np.nan, 1.0, 2.0, 0.0]),),))
def raise_without_message(x):
    if x[0] != x[0]:
        raise ArithmeticError
    return x[0] * x[1]


@program(array(4), exactly(2), failing=((np.ones(4), 9),))
def raise_with_dynamic_message(x, n):
    if n > 5:
        raise IndexError("too many", n)
    return x[0] * n


@program(array(4), real(0.1, 1.0), failing=((np.ones(4), -2.0),))
def assert_condition(x, a):
    assert a > 0.0, "a must be positive"
    return np.sum(x * a) * a


@program(array(4), array(4), failing=((np.ones(4), np.zeros(4)),))
def assert_after_mutation(x, y):
    for i in range(x.size):
        x[i] = x[i] * y[i]
        assert y[i] != 0.0
    return x[0] * x[1]


@program(array(4), exactly(2), failing=((np.ones(4), 4), (np.ones(4), -5)))
def index_out_of_bounds(x, i):
    return x[i] * x[0]


@program(array(5), integers(4, low=0, high=5), failing=((np.ones(5), np.array([1, 2, 77])),))
def store_out_of_bounds(x, index):
    for i in range(index.size):
        x[index[i]] *= 2.0
    return x[0] * x[1]


@program(array(3, 4), exactly(1), failing=((np.ones((3, 4)), 3),))
def row_out_of_bounds(a, i):
    return np.sum(a[i] * a[0])


@program(real(0.5, 1.0), real(0.5, 1.0), failing=((1.0, 0.0),))
def division_by_zero(x, y):
    return x / y + math.sin(x)


@program(array(4), exactly(3), failing=((np.ones(4), 0),))
def integer_division_by_zero(x, n):
    return x[7 % n] * (9 // n)


@program(real(0.5, 1.0), failing=((-1.0,),))
def raise_in_helper(x):
    return checked_square_root(x) * x


@program(array(5, low=0.1), failing=((np.array([1.0, 2.0, -1.0, 1.0, 1.0]),),))
def raise_in_helper_after_allocation(x):
    work = np.zeros(x.size)
    for i in range(x.size):
        part = x[: i + 1] * 2.0
        work[i] = checked_square_root(x[i]) + part[0]
    return np.sum(work * work)


@program(array(3), array(3), failing=((np.ones(3), np.ones(4)),))
def shapes_that_do_not_broadcast(x, y):
    return np.sum(x * y)


@program(array(2, 3), array(3), failing=((np.ones((2, 3)), np.ones(4)),))
def shapes_that_do_not_multiply(a, x):
    return np.sum(a @ x)


@program(array(4))
def try_except_not_raised(x):
    total = 0.0
    try:
        for i in range(x.size):
            total += x[i] * x[i]
    except Exception:
        total = 0.0
    return total


@program(array(4))
def try_except_raised(x):
    total = x[0]
    try:
        total = total * x[1]
        if x[2] > -2.0:
            raise ValueError("always")
        total = total * 100.0
    except Exception:
        total = total + x[3]
    return total * total


@program(array(5), failing=((np.zeros(0),),))
def maximum_of_empty(x):
    return np.max(x) * x[0]


@program(array(4), exactly(0), failing=((np.ones(4), 1), (np.ones(4), 2)))
def different_exceptions(x, kind):
    if kind == 1:
        raise KeyError("one")
    if kind == 2:
        raise RuntimeError("two")
    return x[0] * x[3]


@program(array(4, low=0.1, high=0.9), exactly(True))
def list_and_copy_before_raise_in_try(x, flag):
    """LLVM reads an address next to null on the way where the list could not be allocated."""
    try:
        values = [1.0 * x[0]]
        for i in range(2):
            if 0.77 * x[1] < x[-3]:
                values.append(math.sin(x[2]) + 0.1 * i * values[-1])
        total = math.sin(sum(values) + values[0] * values[-1])
        copy = x.copy()
        if flag:
            raise ValueError("caught")
        total = total + copy[0]
    except Exception:
        total = x[0] * x[1]
    return total
