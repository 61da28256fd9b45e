"""NumPy functions at the points where Numba has a value of its own: their derivatives are those of what is around."""

import math

import numpy as np
import pytest
from numba import njit

from numzyme import (
    Const,
    DifferentiationError,
    Forward,
    Reverse,
    grad,
    gradient,
    value_and_grad,
    vjp,
)


def softplus_sum(w, x):
    return np.sum(np.logaddexp(0.0, x @ w))


def test_logarithm_of_sum_of_equal_numbers():
    x = np.array([[1.0, 2.0], [3.0, -1.0]])
    for mode in (Reverse, Forward):
        assert np.allclose(gradient(mode, softplus_sum, np.zeros(2), Const(x))[0], x.sum(axis=0) / 2.0, rtol=1e-15)
    assert grad(np.logaddexp)(1.5, 1.5) == 0.5
    assert grad(grad(lambda x: np.logaddexp(x, 0.5)))(0.5) == pytest.approx(0.25, rel=1e-15)
    assert grad(grad(lambda x: np.logaddexp2(x, 0.5)))(0.5) == pytest.approx(math.log(2.0) / 4.0, rel=1e-15)


@pytest.mark.parametrize("function", [lambda a, b: np.logaddexp(a, b), lambda a, b: np.logaddexp2(a, b)])
@pytest.mark.parametrize("kind", [float, np.float32])
def test_logarithm_of_sum_is_numbas_to_the_bit(function, kind):
    values = [0.0, 1.0, -1.0, 0.1, 700.0, -745.0, 1e30, 1e-30, math.inf, -math.inf, math.nan]
    plain, differentiated = njit(function), value_and_grad(function)
    for a in map(kind, values):
        for b in map(kind, values):
            np.testing.assert_array_equal(differentiated(a, b)[0], plain(a, b))


def table(x, knots, heights):
    return np.sum(np.interp(x, knots, heights) * np.arange(1.0, x.size + 1.0))


def test_interpolation_at_knots_has_the_slope_of_the_piece_on_the_right():
    x, knots, heights = np.array([0.0, 1.0, 0.5, 1.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 5.0])
    of_x, of_knots, of_heights = gradient(Reverse, table, x, knots, heights)
    assert of_x.tolist() == [2.0, 6.0, 6.0, 12.0]
    assert of_knots.tolist() == [-2.0 - 3.0, -3.0 * (2.0 + 4.0) - 3.0, 0.0]
    assert of_heights.tolist() == [1.0 + 1.5, 2.0 + 4.0 + 1.5, 0.0]


@pytest.mark.parametrize("seed", range(12))
def test_interpolation_is_numbas_to_the_bit(seed):
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 6)
    knots = np.sort(rng.integers(0, 5, size=count).astype(float))
    heights = rng.choice([0.0, 1.0, 2.5, np.inf, -np.inf, np.nan], size=count)
    x = np.array([-1.0, 0.0, 0.5, 1.0, 1.7, 2.0, 3.0, 4.0, 9.0, np.nan, np.inf])

    def function(x, knots, heights):
        return np.interp(x, knots, heights)

    np.testing.assert_array_equal(vjp(function, x, Const(knots), Const(heights))[0], njit(function)(x, knots, heights))


def test_second_derivative_of_sinc_at_zero():
    assert grad(grad(lambda x: np.sinc(x)))(0.0) == pytest.approx(-(math.pi**2) / 3.0, rel=1e-15)
    x = np.array([0.0, 0.5, -2.3])
    value, derivative = value_and_grad(lambda x: np.sum(np.sinc(x)))(x)
    assert value == njit(lambda x: np.sum(np.sinc(x)))(x)
    expected = [0.0, *((np.cos(np.pi * x[1:]) - np.sinc(x[1:])) / x[1:])]
    assert np.allclose(derivative, expected, rtol=1e-13)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_sign_had_a_slope_at_zero(kind):
    x = np.array([0.0, -0.0, 2.0, -3.0, np.inf, np.nan], dtype=kind)
    for mode in (Reverse, Forward):
        np.testing.assert_array_equal(gradient(mode, lambda x: np.sum(np.sign(x[:5]) * 3.0), x)[:5], np.zeros(5))
        assert gradient(mode, lambda x: x * np.sign(x), kind(0.0)) == 0.0
    result, _ = vjp(lambda x: np.sign(x), x)
    np.testing.assert_array_equal(result, np.sign(x))
    np.testing.assert_array_equal(np.signbit(result), np.signbit(njit(lambda x: np.sign(x))(x)))


def tiled(x, times):
    return np.tile(x, times)


A = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("x", [A[0, 0], A[0], A[0].T, A[:, ::2, 1], A, A[:0]], ids=lambda x: str(x.shape))
@pytest.mark.parametrize("times", [2, 0, (), (2,), (3, 2), (1, 2, 2), (2, 1, 1, 2)], ids=str)
def test_tile_is_numpys(x, times):
    result, pullback = vjp(tiled, x, times)
    expected = np.tile(x, times)
    np.testing.assert_array_equal(result, expected)
    assert result.shape == expected.shape
    weights = np.sin(np.arange(expected.size)).reshape(expected.shape)
    sources = np.tile(np.arange(x.size).reshape(x.shape), times)
    sums = np.bincount(sources.ravel(), weights.ravel(), minlength=x.size).reshape(x.shape)
    np.testing.assert_allclose(pullback(weights)[0], sums, rtol=1e-14, atol=1e-14)


def test_tile_of_what_is_no_array():
    assert grad(lambda x: np.sum(np.tile(x, (2, 3)) ** 2))(1.5) == 18.0
    assert grad(lambda x: np.sum(np.tile([x, 2.0 * x], 3)))(1.5) == 9.0
    assert gradient(Forward, lambda x: np.sum(np.tile(A=(x, x * x), reps=2)), 1.5) == 8.0


def test_tile_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="negative dimensions"):
        grad(lambda x, n: np.sum(np.tile(x, n)))(A[0, 0], -1)
    with pytest.raises(DifferentiationError, match="integer, or as a tuple"):
        grad(lambda x: np.sum(np.tile(x, 2.5)))(A[0, 0])


NORMS = {
    1: lambda a: np.linalg.norm(a, 1),
    -1: lambda a: np.linalg.norm(a, -1.0),
    math.inf: lambda a: np.linalg.norm(a, np.inf),
    -math.inf: lambda a: np.linalg.norm(a, ord=-np.inf),
}


@pytest.mark.parametrize("order", NORMS)
def test_norm_of_matrix_was_refused_for_the_singular_values_of_other_orders(order):
    a = np.array([[0.5, -2.0, 1.0], [3.0, 0.25, -1.5]])
    axis, best = (0, int(np.sign(order))) if abs(order) == 1 else (1, int(np.sign(order)))
    sums = np.abs(a).sum(axis=axis) * best
    chosen = np.zeros(a.shape)
    chosen[(slice(None), sums.argmax()) if axis == 0 else sums.argmax()] = 1.0
    for mode in (Reverse, Forward):
        result = gradient(mode, NORMS[order], a)
        np.testing.assert_array_equal(result, np.sign(a) * chosen)
