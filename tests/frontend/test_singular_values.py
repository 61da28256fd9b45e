"""Singular values, in norms and condition numbers: derivatives against LAPACK's vectors and against differences."""

import numpy as np
import pytest
from numba import njit

from numzyme import Forward, Reverse, UnknownCallError, grad, gradient, value_and_grad


def largest(a):
    return np.linalg.norm(a, 2)


def smallest(a):
    return np.linalg.norm(a, -2)


def condition(a):
    return np.linalg.cond(a)


def on_a_line(t, a, direction):
    return np.linalg.norm(a + t * direction, 2) * np.linalg.norm(a + t * direction, -2)


SHAPES = [(3, 3), (5, 2), (2, 5), (1, 4), (4, 1), (1, 1)]


def matrix(*shape, kind=float):
    rng = np.random.default_rng(sum(shape))
    values = rng.normal(size=shape)
    return (values + 1j * rng.normal(size=shape) if np.dtype(kind).kind == "c" else values).astype(kind)


@pytest.mark.parametrize("kind", [float, complex, np.float32, np.complex64])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_the_product_of_the_singular_vectors(shape, kind):
    a = matrix(*shape, kind=kind)
    u, _, vh = np.linalg.svd(a)
    tolerance = 20 * np.finfo(kind).eps  # backward stable, and the gaps of these matrices are of order one
    for function, k in ((largest, 0), (smallest, min(shape) - 1)):
        value, gradient_of_a = value_and_grad(function)(a)
        assert value == njit(function)(a)
        assert gradient_of_a.dtype == a.dtype
        assert np.allclose(gradient_of_a, np.outer(u[:, k], vh[k]), rtol=0.0, atol=tolerance)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: a[::-1, ::2], lambda a: a.T])
def test_every_order_of_the_elements(layout):
    a = layout(matrix(4, 6))
    u, s, vh = np.linalg.svd(a)
    k = len(s) - 1
    of_condition = (np.outer(u[:, 0], vh[0]) - s[0] / s[k] * np.outer(u[:, k], vh[k])) / s[k]
    for mode in (Reverse, Forward):
        assert np.allclose(gradient(mode, condition, a), of_condition, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [float, complex])
@pytest.mark.parametrize("shape", SHAPES)
def test_second_and_third_derivatives_against_differences(shape, kind):
    a, direction = matrix(*shape, kind=kind), matrix(*reversed(shape), kind=kind).T
    first = grad(on_a_line)
    second = grad(first)
    third = grad(second)
    for lower, higher in ((first, second), (second, third)):
        step = 1e-4  # the error is of fourth order, the rounding 1e-12
        slopes = [lower(k * step, a, direction) * weight for k, weight in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0))]
        assert higher(0.0, a, direction) == pytest.approx(sum(slopes) / (12.0 * step), rel=1e-8, abs=1e-8)


def test_fourth_derivative_is_refused():
    fourth = grad(grad(grad(grad(on_a_line))))
    with pytest.raises(UnknownCallError, match="fourth derivative is not known") as refusal:
        fourth(0.0, matrix(3, 3), np.eye(3))
    assert refusal.value.where.function == "on_a_line"


def test_equal_singular_values_and_zero_have_a_slope_of_one_side():
    assert np.array_equal(np.abs(grad(largest)(np.eye(2))).sum(), 1.0)
    assert np.array_equal(np.abs(grad(smallest)(np.zeros((2, 3)))).sum(), 1.0)
    assert np.isfinite(grad(grad(on_a_line))(0.0, np.eye(2), np.ones((2, 2))))


def test_rank_has_no_derivative():
    def scaled(a):
        return np.linalg.matrix_rank(a) * a[0, 0]

    assert np.array_equal(grad(scaled)(np.ones((2, 2))), [[1.0, 0.0], [0.0, 0.0]])


def test_what_is_not_finite_or_empty_raises_as_without_derivative():
    for a in (np.full((2, 2), np.nan), np.ones((0, 2))):
        for function in (largest, condition):
            try:
                expected = njit(function)(a)
            except np.linalg.LinAlgError as error:
                with pytest.raises(np.linalg.LinAlgError, match=str(error)):
                    grad(function)(a)
            else:
                assert value_and_grad(function)(a)[0] == expected
