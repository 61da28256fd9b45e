"""Only the branch that was taken counts, although LLVM computes both sides, or one of them ahead of a loop.

The expected derivatives are those of the branch taken, written down by hand: at zero, the other side is infinite.
"""

import math

import numpy as np
import pytest
from numba import njit

from numzyme import Const, Duplicated, Forward, Reverse, autodiff, grad, gradient


def root(x, y):
    value = math.sqrt(x) * y if x > 0 else 3.0 * y
    return value + x


def logarithm(x, y):
    return math.log(x) * y if x > 0 else 3.0 * y + x


def quotient(x, y):
    if x != 0:  # noqa: SIM108
        value = y / x
    else:
        value = 3.0 * y + x
    return value


def power(x, y):
    return x**0.5 * y if x > 0 else 3.0 * y + x


def product_of_infinite_values(x, y):
    inverse = 1.0 / x if x != 0 else math.inf
    return inverse * y * y if x != 0 else 3.0 * y + x


def chain_in_front_of_a_loop(x, y):
    total = x
    for i in range(3):
        total += math.exp(y / x) * math.sqrt(x) * i if x > 0 else y
    return total


def complex_quotient_in_front_of_a_loop(x, y):
    total = 0.0
    for _ in range(3):
        z = complex(y, 0.5) / complex(2.0, x)  # by x where x is the larger part
        total += z.real * 2.0
    return total / 3.0 + x + (3.0 - 1.0) * y


def values_of_memory(x, y):
    cells = np.array([x, y])
    total = x
    for _ in range(3):
        total += np.log(cells[0]) / cells[0] if cells[0] > 0 else cells[1]
    return total


PROGRAMS = [
    root, logarithm, quotient, power, product_of_infinite_values, chain_in_front_of_a_loop,
    complex_quotient_in_front_of_a_loop, values_of_memory,
]  # fmt: skip


@pytest.mark.parametrize("mode", [Reverse, Forward])
@pytest.mark.parametrize("model", ["python", "numpy"])
@pytest.mark.parametrize("function", PROGRAMS)
def test_branch_not_taken_is_left_out(function, model, mode):
    found = gradient(mode, njit(error_model=model)(function), 0.0, 0.7)
    expected = (1.0 + 0.5 / 2.0, 3.0) if function is complex_quotient_in_front_of_a_loop else (1.0, 3.0)
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_branch_that_was_taken_keeps_its_infinite_slope():
    def slope(x, y):
        return math.sqrt(x) * y if x >= 0 else x

    assert gradient(Reverse, slope, 0.0, 0.7) == (math.inf, 0.0)
    assert gradient(Forward, slope, 0.0, 0.7)[0] == math.inf


def test_square_root_that_is_used_at_zero_depends_on_it():
    """`0 * inf`, as the contract has it: the array of roots is computed and read."""

    def chosen(x):
        return np.where(x > 0, np.sqrt(x), 0.0).sum()

    assert np.isnan(gradient(Reverse, chosen, np.array([0.0, 4.0]))[0])


def residuals(x):
    total = 0.0
    for i in range(len(x) - 1):
        total += 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def squared_where_positive(x):
    total = 0.0
    for i in range(len(x)):
        gap = x[i] - 1.0
        total += gap * gap * x[i] if x[i] > 0 else x[0] * x[0]
    return total


@pytest.mark.parametrize("x", [np.array([-1.0, 1.0, 1.0]), np.ones(3), np.array([0.5, 0.25, 0.0625])])
def test_second_derivative_where_the_adjoint_is_zero(x):
    """It was lost, when whatever had a zero adjoint was left out."""
    expected = np.zeros((3, 3))
    for i in range(2):
        expected[i, i] += -400.0 * (x[i + 1] - x[i] ** 2) + 800.0 * x[i] ** 2 + 2.0
        expected[i + 1, i + 1] += 200.0
        expected[i, i + 1] = expected[i + 1, i] = -400.0 * x[i]
    np.testing.assert_allclose(gradient(Forward, grad(residuals), x), expected, atol=1e-12)

    def along(x, v):
        return autodiff(Forward, residuals, Duplicated(x, v))

    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(gradient(Reverse, along, x, Const(v))[0], expected @ v, atol=1e-12)

    def weighted(x, v):
        return np.sum(grad(residuals)(x) * v)

    np.testing.assert_allclose(gradient(Reverse, weighted, x, Const(v))[0], expected @ v, atol=1e-12)


def test_second_derivative_of_a_branch_where_the_adjoint_is_zero():
    x = np.array([1.0, 1.0])
    np.testing.assert_allclose(gradient(Forward, grad(squared_where_positive), x), 2.0 * np.eye(2), atol=1e-12)


@pytest.mark.parametrize("outer", [Reverse, Forward])
@pytest.mark.parametrize("function", [logarithm, quotient, power])
def test_second_derivative_leaves_the_branch_not_taken_out(function, outer):
    def slope(x, y):
        return grad(function)(x, y) * y + x * y  # y + x y

    np.testing.assert_allclose(gradient(outer, slope, 0.0, 0.7), (0.7, 1.0), rtol=1e-14)
