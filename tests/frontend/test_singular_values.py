"""Singular values, in norms and condition numbers: derivatives against LAPACK's vectors and against differences."""

import numpy as np
import pytest
from numba import njit

from numzyme import Const, Duplicated, Forward, Reverse, UnknownCallError, autodiff, grad, gradient, value_and_grad


def norm(a, order):
    return np.linalg.norm(a, order)


def condition(a):
    return np.linalg.cond(a)


def on_a_line(t, a, direction):
    return np.linalg.norm(a + t * direction, -2)


SHAPES = [(3, 3), (5, 2), (2, 5), (1, 4), (4, 1), (1, 1)]


def matrix(*shape, kind=float):
    rng = np.random.default_rng(sum(shape))
    values = rng.normal(size=shape)
    return (values + 1j * rng.normal(size=shape) if np.dtype(kind).kind == "c" else values).astype(kind)


@pytest.mark.parametrize("kind", [float, complex, np.float32])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_the_product_of_the_singular_vectors(shape, kind):
    a = matrix(*shape, kind=kind)
    u, _, vh = np.linalg.svd(a)
    tolerance = 20 * np.finfo(kind).eps  # backward stable, and the gaps of these matrices are of order one
    for order, k in ((2, 0), (-2, min(shape) - 1)):
        value, gradient_of_a = value_and_grad(norm)(a, order)
        assert value == njit(norm)(a, order)
        assert gradient_of_a.dtype == a.dtype
        assert np.allclose(gradient_of_a, np.outer(u[:, k], vh[k]), rtol=0.0, atol=tolerance)


@pytest.mark.parametrize("layout", [lambda a: a[::-1, ::2], lambda a: a.T])
def test_every_order_of_the_elements(layout):
    a = layout(matrix(4, 6))
    u, s, vh = np.linalg.svd(a)
    k = len(s) - 1
    of_condition = (np.outer(u[:, 0], vh[0]) - s[0] / s[k] * np.outer(u[:, k], vh[k])) / s[k]
    for mode in (Reverse, Forward):
        assert np.allclose(gradient(mode, condition, a), of_condition, rtol=1e-12, atol=1e-12)


def first(t, a, direction):
    return autodiff(Forward, on_a_line, Duplicated(t, 1.0), Const(a), Const(direction))


def second(t, a, direction):
    return autodiff(Forward, first, Duplicated(t, 1.0), Const(a), Const(direction))


def third(t, a, direction):
    return autodiff(Forward, second, Duplicated(t, 1.0), Const(a), Const(direction))


def fourth(t, a, direction):
    return autodiff(Forward, third, Duplicated(t, 1.0), Const(a), Const(direction))


def slope(function, a, direction):
    """Of fourth order in a step of 1e-4: its error is rounding, of some 1e-12."""
    weights = ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0))
    return sum(function(k * 1e-4, a, direction) * weight for k, weight in weights) / 12e-4


@pytest.mark.parametrize("kind", [float, complex])
def test_second_and_third_derivatives_against_differences(kind):
    for shape in SHAPES:
        a, direction = matrix(*shape, kind=kind), np.ascontiguousarray(matrix(*reversed(shape), kind=kind).T)
        for lower, higher in ((first, second), (second, third)):
            assert higher(0.0, a, direction) == pytest.approx(slope(lower, a, direction), rel=1e-8, abs=1e-8)


def test_second_derivative_in_reverse_mode():
    a, direction = matrix(4, 3), matrix(3, 4).T.copy()
    assert grad(grad(on_a_line))(0.0, a, direction) == pytest.approx(second(0.0, a, direction), rel=1e-12)


def test_fourth_derivative_is_refused():
    with pytest.raises(UnknownCallError, match="fourth derivative is not known") as refusal:
        fourth(0.0, matrix(3, 3), np.eye(3))
    assert refusal.value.where.function == "third"


def test_equal_singular_values_and_zero_have_a_slope_of_one_side():
    assert np.array_equal(np.abs(grad(norm)(np.eye(2), 2)).sum(), 1.0)
    assert np.array_equal(np.abs(grad(norm)(np.zeros((2, 3)), -2)).sum(), 1.0)
    assert np.isfinite(second(0.0, np.eye(2), np.ones((2, 2))))


def test_subnormal_singular_values_were_no_numbers():
    a = np.array([[1.0, 0.0], [0.0, 3e-320], [0.0, 0.0]])
    value, gradient_of_a = value_and_grad(norm)(a, -2)
    assert value == njit(norm)(a, -2) > 0.0
    assert np.array_equal(np.abs(gradient_of_a), [[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    tiny = a * 1e-320
    assert value_and_grad(norm)(tiny, 2)[0] == njit(norm)(tiny, 2) > 0.0


def test_rank_has_no_derivative():
    def scaled(a):
        return np.linalg.matrix_rank(a) * a[0, 0]

    assert np.array_equal(grad(scaled)(np.ones((2, 2))), [[1.0, 0.0], [0.0, 0.0]])


def test_what_is_not_finite_or_empty_raises_as_without_derivative():
    for a in (np.full((2, 2), np.nan), np.ones((0, 2))):
        try:
            expected = njit(norm)(a, 2)
        except np.linalg.LinAlgError as error:
            with pytest.raises(np.linalg.LinAlgError, match=str(error)):
                grad(norm)(a, 2)
        else:
            assert value_and_grad(norm)(a, 2)[0] == expected
    with pytest.raises(np.linalg.LinAlgError):
        grad(condition)(np.ones((0, 2)))
