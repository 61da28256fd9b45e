"""Functions that draw random numbers: one derivative is of one realisation, whatever passes it takes."""

from __future__ import annotations

import random

import numpy as np
from numba import njit

from numzyme import Forward, ForwardWithPrimal, Reverse, gradient, vjp

X = np.array([1.0, 2.0, 3.0])


@njit
def seed(number):
    np.random.seed(number)
    random.seed(number)


@njit
def noisy(x):
    """Normal numbers come in pairs: the second of one is part of the state."""
    return np.random.normal(0.0, 1.0) * np.sum(x**2) + np.random.random() * x[0] + random.random() * x[1]


@njit
def draw():
    return np.random.normal(0.0, 1.0), np.random.random(), random.random()


def test_every_pass_of_forward_mode_drew_other_numbers() -> None:
    found, following = [], []
    for mode in (Reverse, Forward):
        seed(3)
        found.append(gradient(mode, noisy, X))
        following.append(draw())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-14)
    seed(3)
    value = noisy(X)
    assert following == [draw()] * 2  # the stream goes on as after one plain call
    seed(3)
    assert gradient(ForwardWithPrimal, noisy, X).val == value


def test_random_integers_of_a_differentiated_rate_are_constants() -> None:
    def counted(rate, x):
        np.random.seed(7)
        return np.random.poisson(rate * 20.0) * x + np.random.noncentral_chisquare(2.0, rate) * 0.0

    count = njit(counted)(0.5, 1.0)
    assert count > 0.0
    for mode in (Reverse, Forward):
        assert gradient(mode, counted, 0.5, 1.0) == (0.0, count)


def test_pullback_drew_other_numbers_than_its_value() -> None:
    seed(5)
    out, pullback = vjp(lambda x: np.random.normal(0.0, 1.0) * x, X)
    following = draw()
    np.testing.assert_allclose(pullback(np.ones(3))[0], out / X, rtol=1e-14)
    after = draw()
    seed(5)
    draw_of_value = njit(lambda: np.random.normal(0.0, 1.0))()
    np.testing.assert_allclose(out, draw_of_value * X)
    assert (draw(), draw()) == (following, after)  # pulling back moves the stream no further
