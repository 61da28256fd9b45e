"""Derivatives of derivatives, in every order of modes.

References: central differences of fourth order of first derivatives (step 1e-3 of smooth functions of size one, error
about 1e-11, rounding 1e-12: 1e-8 is far above both), and agreement of the three orders of modes to 1e-12.
"""

from __future__ import annotations

import functools
import gc
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]
from numba.core.runtime.nrt import rtsys

from numzyme import (
    Active,
    Const,
    DifferentiationError,
    Duplicated,
    Forward,
    Reverse,
    ReverseWithPrimal,
    autodiff,
    grad,
    gradient,
    memory,
    value_and_grad,
    vjp,
)
from numzyme.plans import plan

X, V = np.array([0.7, -0.4, 1.1]), np.array([0.3, -0.2, 0.9])


def differences(function, x, direction, step=1e-3):
    ends = [function(x + k * step * direction) for k in (-2, -1, 1, 2)]
    return (ends[0] - 8.0 * ends[1] + 8.0 * ends[2] - ends[3]) / (12.0 * step)


def scalar(x):
    return x**3 * math.sin(x) + math.exp(-x) / (1.0 + x * x)


def test_scalar_derivatives_up_to_the_fourth():
    lower = grad(scalar)
    for _ in range(3):
        higher = grad(lower)
        assert higher(0.8) == pytest.approx(differences(lower, 0.8, 1.0), abs=1e-8)
        lower = higher


@njit
def plain_loop(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] ** 3 * np.sin(x[i]) * x[0]
    return total


@njit
def carried_product(x):
    """The reverse sweep keeps every product on a tape."""
    y = 1.0
    for i in range(9):
        y = y * math.sin(x[i % 3] + y) + x[0]
    return y


@njit
def trips_that_depend_on_data(x):
    y, n = x[0], 0
    while y * y < 50.0 and n < 40:
        y = y * 1.3 + x[n % 3] * y * y * 0.01 + 0.1
        n += 1
    return y


@njit
def temporaries_and_products(x):
    a = np.outer(x, np.cos(x))
    y = np.tanh(a @ x)
    y[0] = y[1] * x[2]
    return np.sum(y**2) + np.linalg.norm(x) + np.dot(y, x)


@njit
def branch_in_loop(x):
    total = 0.0
    for i in range(7):
        value = x[i % 3]
        if value > 0.5:
            total += value**4
        else:
            total = total * value + math.exp(value)
    return total


@njit
def complex_products(x):
    """Their reverse has conjugated transposes, and matrices that are conjugated in place."""
    z = x + 1j * np.cos(x)
    a = np.outer(z, z * z + 1.0)
    a[0, 1] = 2j * x[2]
    y, c = a @ z, a @ a.T
    y[0] = y[1] * x[2]
    products = np.vdot(y, z).real + np.dot(y, z).imag + np.sum(np.abs(z @ a) ** 2) + (a.T @ c)[0, 1].imag
    return np.linalg.norm(c) + products


@njit
def largest_and_smallest(x):
    """LLVM threads branches through the loops of their reverse: refused once, as loops with two entries."""
    y = x**3 + x[0]
    return np.max(y) * np.min(y) + x[2] ** 2


@njit
def a_list_that_grows(x):
    """Its header lies in one block with numbers: fills of such blocks were refused."""
    powers = [x[0]]
    for i in range(5):
        powers.append(powers[-1] * x[i % 3] + math.sin(powers[i // 2]))
    return sum(powers) * powers[2] + sum([a**3 for a in x])


@njit
def pieces(x):
    halves, inside = np.split(np.concatenate((x, x**2)), 2), np.partition(x, 1)
    return np.sum(halves[0] * halves[1] ** 2) * inside[1] + np.sum(np.unique(x) ** 3)


FUNCTIONS = [
    plain_loop,
    carried_product,
    trips_that_depend_on_data,
    temporaries_and_products,
    branch_in_loop,
    complex_products,
    largest_and_smallest,
    a_list_that_grows,
    pieces,
]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_hessian_times_vector(f):
    def reverse_over_forward(x, v):
        return autodiff(Forward, f, Duplicated(x, v))

    def reverse_over_reverse(x, v):
        return np.sum(gradient(Reverse, f, x) * v)

    def forward_over_reverse(x):
        return gradient(Reverse, f, x)

    expected = differences(lambda x: gradient(Reverse, f, x), X, V)
    first = gradient(Reverse, reverse_over_forward, X, Const(V))[0]
    second = gradient(Reverse, reverse_over_reverse, X, Const(V))[0]
    third = autodiff(Forward, forward_over_reverse, Duplicated(X, V))
    np.testing.assert_allclose(first, expected, atol=1e-8)
    np.testing.assert_allclose(second, first, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(third, first, rtol=1e-12, atol=1e-13)


def test_hessian_times_vector_in_the_complex_plane() -> None:
    """Of the change of the gradient with a complex direction, all orders of modes know both parts."""

    @njit
    def f(z):
        a = np.outer(z, z * z + 1.0)
        y = a @ z
        return np.vdot(y, z).real + np.dot(y, a.T @ z).imag

    z, v = X + 0.5j * V, V - 1j * X

    def reverse_over_forward(z, v):
        return autodiff(Forward, f, Duplicated(z, v))

    def reverse_over_reverse(z, v):
        return np.vdot(gradient(Reverse, f, z), v).real

    def forward_over_reverse(z):
        return gradient(Reverse, f, z)

    expected = differences(lambda z: gradient(Reverse, f, z), z, v)
    assert autodiff(Forward, f, Duplicated(z, v)) == pytest.approx(differences(f, z, v), rel=1e-9)
    first = gradient(Reverse, reverse_over_forward, z, Const(v))[0]
    np.testing.assert_allclose(first, expected, rtol=1e-8)
    np.testing.assert_allclose(gradient(Reverse, reverse_over_reverse, z, Const(v))[0], first, rtol=1e-12)
    np.testing.assert_allclose(autodiff(Forward, forward_over_reverse, Duplicated(z, v)), first, rtol=1e-12)


def test_third_derivative_of_complex_products() -> None:
    def f(t):
        z = t * np.exp(1j * np.arange(3.0) * t)
        a = np.outer(z, z * z)
        return np.vdot(a @ z, z).real + np.dot(a.T @ z, z).imag

    second = grad(grad(f))
    assert grad(second)(0.7) == pytest.approx(differences(second, 0.7, 1.0), rel=1e-8)


def test_hessian_is_the_jacobian_of_the_gradient():
    hessian = gradient(Forward, grad(carried_product), X)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(hessian @ V, differences(grad(carried_product), X, V), atol=1e-8)


def test_value_and_gradient_inside():
    def loss(x, rate):
        value, slope = value_and_grad(plain_loop)(x)
        return value - rate * np.sum(slope**2)

    derivative = gradient(Reverse, loss, X, 0.1)
    slope = grad(plain_loop)(X)
    curvature = gradient(Forward, grad(plain_loop), X) @ slope
    np.testing.assert_allclose(derivative[0], slope - 0.2 * curvature, rtol=1e-12)
    assert derivative[1] == pytest.approx(-np.sum(slope**2), rel=1e-12)


def test_learning_through_a_step_of_descent():
    """What meta-learning differentiates: the loss after a step against the gradient."""

    def after_step(x, rate):
        return branch_in_loop(x - rate * grad(branch_in_loop)(x))

    slope = gradient(Reverse, after_step, Const(X), 0.05)[1]
    step = 1e-5
    expected = (after_step(X, 0.05 + step) - after_step(X, 0.05 - step)) / (2 * step)
    assert slope == pytest.approx(expected, rel=1e-7)


def test_arrays_that_overlap_inside_are_refused_when_it_happens():
    @njit
    def product(x, y):
        x[0] = x[0] * 2.0
        return x[0] * y[0]

    def inner(x):
        dx, dy = np.zeros(2), np.zeros(2)
        autodiff(Reverse, product, Duplicated(x[:2], dx), Duplicated(x[1:], dy))
        return dx[0] + dy[0]

    with pytest.raises(DifferentiationError, match="overlap"):
        gradient(Reverse, inner, X.copy())


@dataclass
class Holder:
    x: Any


def test_what_is_refused():
    scale = Holder(2.0)

    def captures(x):
        return scale.x * x * x

    with pytest.raises(DifferentiationError, match="uses data from outside"):
        grad(grad(captures))(1.0)
    with pytest.raises(DifferentiationError, match="is a derivative itself"):
        gradient(Reverse, grad(lambda h: np.sum(h.x**3)), Holder(X))


@njit
def cubes(x):
    return x * x * x


def test_inner_array_that_is_returned_was_freed() -> None:
    """Its memory ended with the outer derivative: a crash."""

    def tangent(x, v):
        return autodiff(Forward, cubes, Duplicated(x, v))

    with pytest.raises(DifferentiationError, match="derivative of a function that returns an array"):
        autodiff(Forward, tangent, Duplicated(X, V), Const(V))

    def squared(x, v):
        return np.sum(autodiff(Forward, cubes, Duplicated(x, v)) ** 2)

    for mode in (Reverse, Forward):
        np.testing.assert_allclose(gradient(mode, squared, X, Const(V))[0], 36.0 * X**3 * V**2, rtol=1e-13)


def test_tapes_of_inner_derivatives_are_released() -> None:
    def slopes(x):
        return gradient(Reverse, carried_product, x)

    _nrt_python.memsys_enable_stats()
    autodiff(Forward, slopes, Duplicated(X, V))
    gc.collect()
    before, arena = rtsys.get_allocation_stats(), memory()
    for _ in range(50):
        autodiff(Forward, slopes, Duplicated(X, V))
        gradient(Reverse, lambda x: np.sum(gradient(Reverse, carried_product, x)), X)
    gc.collect()
    after, final = rtsys.get_allocation_stats(), memory()
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free
    assert after.alloc - before.alloc == after.free - before.free
    assert final.entries - arena.entries == final.exits - arena.exits


SCALE, RATE, POWER = np.array([2.0, -1.0, 0.5]), 0.75, 3


def captures_globals(x):
    return np.sum(SCALE * x**POWER) * RATE


def calls_what_captures(x):
    return captures_globals(x * RATE) + x[0] ** 4 * captures_globals(x)


@pytest.mark.parametrize("f", [captures_globals, calls_what_captures])
def test_data_from_outside_have_their_values_of_the_call(f, monkeypatch):
    slope = grad(f)
    anew = [(SCALE[::-1], 1.5, 2)] if f is captures_globals else []  # compiled again
    for scale, rate, power in [(SCALE, 0.75, 3), (SCALE * 2.0, -0.5, 3), *anew]:
        for name, value in (("SCALE", scale), ("RATE", rate), ("POWER", power)):
            monkeypatch.setitem(globals(), name, value)
        expected = differences(lambda x: gradient(Reverse, f, x), X, V)
        np.testing.assert_allclose(autodiff(Forward, slope, Duplicated(X, V)), expected, atol=1e-8)
        np.testing.assert_allclose(gradient(Forward, slope, X) @ V, expected, atol=1e-8)
        out, pullback = vjp(slope, X)
        np.testing.assert_allclose(out, slope(X), rtol=1e-14)
        np.testing.assert_allclose(pullback(V)[0], expected, atol=1e-8)


def test_new_closures_with_other_data():
    def make(a, n):
        def power(x, c=2.0):
            return a * x**n * c

        return power

    for a, n in ((1.5, 3), (-0.5, 3), (1.5, 4)):
        f = make(a, n)
        second = 2.0 * a * n * (n - 1) * 1.25 ** (n - 2)
        assert grad(grad(f))(1.25) == pytest.approx(second, rel=1e-14)
        assert value_and_grad(grad(f))(1.25) == pytest.approx((grad(f)(1.25), second), rel=1e-14)
        assert grad(grad(grad(f)))(1.25) == pytest.approx(2 * a * n * (n - 1) * (n - 2) * 1.25 ** (n - 3), rel=1e-14)
        assert grad(grad(f, argnums=1))(1.25, 4.0) == pytest.approx(a * n * 1.25 ** (n - 1), rel=1e-14)
        assert autodiff(Reverse, grad(f), Active, Active(1.25)) == (pytest.approx(second, rel=1e-14),)


def cubed(x):
    return x**3


def to_the_fourth(x):
    return x**4


helper = cubed


def uses_helper(x):
    return helper(x)


slope_of_helper = grad(uses_helper)


def uses_slope(x):
    return slope_of_helper(x) ** 2


def test_helper_that_was_defined_anew(monkeypatch):
    """Derivatives of derivatives were those of the helper that was there first: wrong, without a word."""
    second, of_slope = grad(grad(uses_helper)), grad(uses_slope)
    assert (second(2.0), of_slope(2.0)) == (12.0, 288.0)
    assert gradient(Reverse, slope_of_helper, 2.0) == autodiff(Forward, slope_of_helper, Duplicated(2.0, 1.0)) == 12.0
    monkeypatch.setitem(globals(), "helper", to_the_fourth)
    assert (second(2.0), of_slope(2.0)) == (48.0, 3072.0)
    assert gradient(Reverse, slope_of_helper, 2.0) == autodiff(Forward, slope_of_helper, Duplicated(2.0, 1.0)) == 48.0


slope_with_data = grad(captures_globals)
value_with_data = value_and_grad(captures_globals)


def product_of_both(x):
    value, slope = value_with_data(x)
    return value * np.sum(slope * SCALE)


def sum_of_squares(x):
    return np.sum(gradient(Reverse, captures_globals, x) ** 2) * RATE


def with_a_shadow(x):
    slope = np.zeros_like(x)
    value = autodiff(ReverseWithPrimal, captures_globals, Active, Duplicated(x, slope)).val
    return value * np.sum(slope * SCALE)


def along_a_derivative(x):
    return np.sum(autodiff(Forward, slope_with_data, Duplicated(x, V)) ** 2)


@pytest.mark.parametrize("f", [product_of_both, sum_of_squares, with_a_shadow, along_a_derivative])
def test_derivatives_inside_of_functions_have_the_data_of_the_call(f, monkeypatch):
    def plain(x):
        value, slope = np.sum(SCALE * x**POWER) * RATE, RATE * POWER * SCALE * x ** (POWER - 1)
        if f is along_a_derivative:
            return np.sum((RATE * POWER * (POWER - 1) * SCALE * V * x ** (POWER - 2)) ** 2)
        return np.sum(slope**2) * RATE if f is sum_of_squares else value * np.sum(slope * SCALE)

    for scale, rate, power in ((SCALE, 0.75, 3), (SCALE * 2.0, -0.5, 3)):
        for name, value in (("SCALE", scale), ("RATE", rate), ("POWER", power)):
            monkeypatch.setitem(globals(), name, value)
        expected = [differences(plain, X, unit) for unit in np.eye(3)]
        for found in (gradient(Reverse, f, X), gradient(Forward, f, X), grad(f)(X)):
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_closures_over_derivatives_share_their_code():
    def make(a):
        slope = grad(lambda x: a * x**3)
        return lambda x: slope(x) ** 2

    assert grad(make(1.0))(1.0) == pytest.approx(36.0, rel=1e-14)
    plans = len(plan._plans)
    assert grad(make(2.0))(1.0) == pytest.approx(144.0, rel=1e-14)
    assert len(plan._plans) == plans


def calls_its_own_derivative(x):
    return RATE * x**3 if x > 0.0 else own_derivative(x)


own_derivative = grad(calls_its_own_derivative)


def test_function_that_calls_its_own_derivative_is_refused():
    for derivative in (own_derivative, grad(own_derivative), grad(calls_its_own_derivative)):
        with pytest.raises(DifferentiationError):
            derivative(1.5)


class Holds:
    @staticmethod
    def method(x):
        return helper(x)


through_partial = functools.partial(uses_helper)


def in_a_class(x):
    return Holds.method(x)


def as_a_default(x, function=uses_helper):
    return function(x)


def derivative_of_a_partial(x):
    return gradient(Reverse, through_partial, x)


@pytest.mark.parametrize("f", [in_a_class, as_a_default, derivative_of_a_partial])
def test_helper_behind_something_else_was_defined_anew(f, monkeypatch):
    """Each kept the helper that was there first: wrong, without a word."""
    order = 3 if f is derivative_of_a_partial else 2
    first = {2: (12.0, 32.0), 3: (12.0, 48.0)}[order]
    slope = grad(f)
    assert (slope(2.0), gradient(Forward, f, 2.0)) == (first[0], first[0])
    monkeypatch.setitem(globals(), "helper", to_the_fourth)
    assert (slope(2.0), gradient(Forward, f, 2.0)) == (first[1], first[1])


def takes_any(*numbers):
    return RATE * numbers[0] ** 3


partial_with_data = functools.partial(lambda x: RATE * x**3)


def derivative_of_any(x):
    return gradient(Reverse, takes_any, x) ** 2


def derivative_of_partial_with_data(x):
    return gradient(Reverse, partial_with_data, x) ** 2


@pytest.mark.parametrize("f", [derivative_of_any, derivative_of_partial_with_data, grad(partial_with_data)])
def test_captured_data_behind_a_wrapper_are_refused(f):
    """They were frozen into the derivative."""
    with pytest.raises(DifferentiationError, match="uses data from outside"):
        gradient(Reverse, f, 1.5)


def sum_of_helper(x):
    return np.sum(helper(x))


def sum_of_sines(x):
    return np.sum(np.sin(x))


def test_pullbacks_of_derivatives_are_told_apart(monkeypatch):
    """The quick way of one derivative was taken for another one, and for one whose helper was defined anew."""
    first, second = grad(sum_of_helper), grad(sum_of_sines)
    for _ in range(3):
        out, pullback = vjp(first, X)
        np.testing.assert_allclose((out, *pullback(V)), (3.0 * X**2, 6.0 * X * V), rtol=1e-14)
    out, pullback = vjp(second, X)
    np.testing.assert_allclose((out, *pullback(V)), (np.cos(X), -np.sin(X) * V), rtol=1e-14)
    monkeypatch.setitem(globals(), "helper", to_the_fourth)
    out, pullback = vjp(first, X)
    np.testing.assert_allclose((out, *pullback(V)), (4.0 * X**3, 12.0 * X**2 * V), rtol=1e-14)
