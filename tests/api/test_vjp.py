"""`vjp`: adjoints of functions whose result is more than one float, against central differences of the whole map.

Differences with a step of 1e-6 of smooth functions of size one: 1e-8 absolute is a hundred times their error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numba import njit

from numzyme import Const, DifferentiationError, DifferentiationValueError, vjp

STEP, TOLERANCE = 1e-6, 1e-8
RNG = np.random.default_rng(5)


def differences(function, x, cotangent):
    """The adjoint of a real array argument, one element at a time."""
    found = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        ends = []
        for sign in (1.0, -1.0):
            moved = x.copy()
            moved[index] += sign * STEP
            ends.append(function(moved))
        found[index] = np.sum(np.real(np.conj(cotangent) * (ends[0] - ends[1]))) / (2 * STEP)
    return found


@njit
def smooth(x):
    y = np.sin(x) * x[0]
    y[1] += x[2] ** 2
    return y


def test_array_result_several_times():
    x = RNG.normal(size=4)
    out, pullback = vjp(smooth, x)
    assert np.array_equal(out, smooth(x))
    for _ in range(3):
        cotangent = RNG.normal(size=4)
        (adjoint,) = pullback(cotangent)
        np.testing.assert_allclose(adjoint, differences(smooth, x, cotangent), atol=TOLERANCE)


def moves(a, x, n):
    y = a @ x
    y[0] = x[0]
    x[1] = 5.0
    return y, np.sum(a) * 2.0, n


def test_arguments_are_changed_once_and_pulled_back_as_they_were():
    a, x = np.arange(6.0).reshape(2, 3), np.ones(3)
    out, pullback = vjp(moves, a, x, 3)
    assert np.array_equal(x, [1.0, 5.0, 1.0]) and out[2] == 3
    for _ in range(2):
        adjoint_a, adjoint_x, nothing = pullback((np.array([1.0, 2.0]), 0.5, None))
        np.testing.assert_array_equal(adjoint_a, [[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]])
        np.testing.assert_array_equal(adjoint_x, [1.0 + 2 * 3.0, 2 * 4.0, 2 * 5.0])
        assert nothing is None
    assert np.array_equal(x, [1.0, 5.0, 1.0])
    np.testing.assert_array_equal(pullback((None, 1.0, None))[1], np.zeros(3))


def test_constants_and_mutation_of_what_was_given_afterwards():
    x = np.array([1.0, 2.0])
    _, pullback = vjp(lambda x, c: c * x**2, x, Const(3.0))
    x[:] = 100.0
    adjoint, nothing = pullback(np.ones(2))
    assert np.array_equal(adjoint, [6.0, 12.0]) and nothing is None


@dataclass
class Layer:
    weight: Any
    bias: float

    def __call__(self, x):
        return np.tanh(self.weight @ x + self.bias)


def test_objects_as_arguments():
    weight, x, cotangent = RNG.normal(size=(2, 3)), RNG.normal(size=3), RNG.normal(size=2)
    out, pullback = vjp(lambda layer, x: layer(x), Layer(weight, 0.5), x)
    adjoint, adjoint_x = pullback(cotangent)
    inner = cotangent * (1.0 - out**2)
    np.testing.assert_allclose(adjoint.weight, np.outer(inner, x), atol=1e-14)
    np.testing.assert_allclose(adjoint.bias, inner.sum(), atol=1e-14)
    np.testing.assert_allclose(adjoint_x, weight.T @ inner, atol=1e-14)


def test_complex_results():
    z, cotangent = RNG.normal(size=3) + 1j * RNG.normal(size=3), RNG.normal(size=3) + 1j * RNG.normal(size=3)
    out, pullback = vjp(lambda z: np.exp(z), z)
    np.testing.assert_allclose(pullback(cotangent)[0], np.conj(np.exp(z)) * cotangent, atol=1e-14)
    value, pullback = vjp(lambda x: x * 1j + x**2, 2.0)
    assert value == 4.0 + 2.0j and pullback(1.0 + 3.0j) == (4.0 + 3.0,)


@pytest.mark.parametrize(
    "cotangent", [1.0, (np.ones(3), 1.0, None), (np.ones(2), 1j, None), (np.ones(2), 1.0)], ids=str
)
def test_cotangents_that_do_not_fit(cotangent):
    _, pullback = vjp(moves, np.ones((2, 3)), np.ones(3), 3)
    with pytest.raises(DifferentiationValueError, match="cotangent does not fit the result of `moves`"):
        pullback(cotangent)


def test_nothing_to_start_from():
    with pytest.raises(DifferentiationError, match="no result to start from"):
        vjp(lambda x: 3, 2.0)
    with pytest.raises(DifferentiationError, match="no argument to differentiate"):
        vjp(lambda x: x, Const(2.0))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.reshape(2, 3),
        lambda x: x.reshape(2, 3).T,
        lambda x: np.rot90(x.reshape(2, 3)),
        lambda x: x.reshape(2, 3)[:, 1],
        lambda x: (x.reshape(3, 2), x.reshape(6)[::-1]),
    ],
)
def test_argument_in_another_shape_as_result_was_refused(f):
    x = np.arange(6.0)
    out, pullback = vjp(f, x)
    parts, expected = (out if isinstance(out, tuple) else (out,)), f(x)
    for part, plain in zip(parts, expected if isinstance(expected, tuple) else (expected,), strict=True):
        assert np.array_equal(part, plain) and np.shares_memory(part, x)  # as the plain call
    seeds = tuple(np.random.default_rng(3).normal(size=part.shape) for part in parts)
    (found,) = pullback(seeds if isinstance(out, tuple) else seeds[0])
    jacobian = np.stack([_flat(f(unit)) for unit in np.eye(6)])
    assert np.allclose(found, jacobian @ np.concatenate([seed.ravel() for seed in seeds]), rtol=1e-14)


def _flat(out):
    return np.concatenate([part.ravel() for part in (out if isinstance(out, tuple) else (out,))])
