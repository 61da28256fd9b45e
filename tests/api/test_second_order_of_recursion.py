"""Derivatives of derivatives of functions that call themselves: LLVM keeps their calls, and so do derivatives.

References: central differences of second order of first derivatives (step 1e-5, error about 1e-10 and rounding 1e-11:
1e-8 is far above both), and agreement of modes to 1e-12.
"""

import math

import pytest

from numzyme import Const, DifferentiationError, Duplicated, Forward, Reverse, autodiff, grad, gradient


def tower(x, n):
    return x if n == 0 else math.sin(tower(x, n - 1)) * x + x


def even(x, n):
    return x if n == 0 else math.sin(odd(x, n - 1)) + x


def odd(x, n):
    return x if n == 0 else math.cos(even(x, n - 1)) * x


@pytest.mark.parametrize("f", [tower, even], ids=lambda f: f.__name__)
def test_over_forward_mode(f):
    """Parameters of derivatives inside had names that derivatives give: LLVM did not take the text.

    `Forward` itself was taken for data from outside, and three derivatives in a row were refused.
    """

    def slope(x):
        return autodiff(Forward, f, Duplicated(x, 1.0), Const(5))

    def curvature(x):
        return autodiff(Forward, slope, Duplicated(x, 1.0))

    assert slope(0.5) == pytest.approx(grad(f)(0.5, 5), rel=1e-12)
    step = 1e-5
    expected = (slope(0.5 + step) - slope(0.5 - step)) / (2.0 * step)
    second = grad(slope)(0.5)
    assert second == pytest.approx(expected, abs=1e-8)
    assert gradient(Forward, slope, 0.5) == pytest.approx(second, rel=1e-12)
    expected = (curvature(0.5 + step) - curvature(0.5 - step)) / (2.0 * step)
    assert grad(curvature)(0.5) == pytest.approx(expected, abs=1e-7)  # the values are larger


@pytest.mark.parametrize("mode", [Forward, Reverse])
def test_derivative_inside_that_is_constant(mode):
    """A copy of its functions takes the arena, by a name that they had for theirs: LLVM did not take the text."""

    def scaled(x, y):
        return x * x * grad(even)(y, 5)

    assert gradient(mode, scaled, 1.5, Const(0.5))[0] == pytest.approx(3.0 * grad(even)(0.5, 5), rel=1e-14)


@pytest.mark.parametrize("f", [tower, even], ids=lambda f: f.__name__)
@pytest.mark.parametrize("mode", [Forward, Reverse])
def test_over_reverse_mode_is_refused(f, mode):
    with pytest.raises(DifferentiationError, match="calls itself is differentiated again"):
        gradient(mode, lambda x: grad(f)(x, 5), 0.5)


def factorial(n):
    return 1 if n <= 1 else n * factorial(n - 1)


def test_helper_of_what_has_no_derivative():
    """Its copies for the inner and for the outer derivative took two arenas by one name: LLVM did not take the text."""

    def f(x):
        return factorial(4) * x**3

    def slope(x):
        return autodiff(Forward, f, Duplicated(x, 1.0))

    assert grad(grad(f))(1.0) == grad(slope)(1.0) == 144.0
    assert gradient(Forward, grad(f), 1.0) == gradient(Forward, slope, 1.0) == 144.0


def cube(x):
    return x**3


def test_function_made_inside_that_calls_a_derivative():
    def f(x):
        def slope(y):
            return grad(cube)(y) * y

        return grad(slope)(x) + slope(x * 0.5)

    assert grad(f)(2.0) == pytest.approx(18.0 * 2.0 + 9.0 / 8.0 * 4.0, rel=1e-14)
