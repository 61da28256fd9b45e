"""Functions made by `numba.vectorize` and `numba.guvectorize`: the options of their kernels, and what is refused."""

import numpy as np
import pytest
from numba import guvectorize, njit, vectorize

from numzyme import DifferentiationTypeError, Reverse, ReverseWithPrimal, gradient


@guvectorize(["void(float64[:], float64[:], float64[:])"], "(n),(n)->()")
def inner(x, y, out):
    out[0] = 0.0
    for i in range(x.size):
        out[0] += x[i] * y[i]


@guvectorize("(n)->(n)")
def inverted(x, out):
    for i in range(x.size):
        out[i] = 1.0 / x[i]


@vectorize
def inverse(x):
    return 1.0 / x


def by_kernel(x):
    out = np.zeros_like(x)
    inverted(x, out)
    return out[0] + out[1]


@pytest.mark.parametrize("f", [lambda x: np.sum(inverse(x)), by_kernel])
def test_division_by_zero_is_infinite_as_in_numba(f):
    x = np.array([0.0, 2.0])
    g, value = gradient(ReverseWithPrimal, f, x)
    assert value == njit(f)(x) == np.inf
    assert g.tolist() == [-np.inf, -0.25]


def test_one_kernel_under_two_signatures():
    def kernel(x, out):
        for i in range(x.size):
            out[i] = x[i] * x[i]

    by_row, alone = guvectorize("(n)->(n)")(kernel), guvectorize("(n)->(n)")(kernel)

    def both(x):
        a, b = np.zeros((2, 3)), np.zeros(3)
        by_row(x, a)
        alone(x[0], b)
        return a.sum() + b.sum()

    assert gradient(Reverse, both, np.ones((2, 3))).tolist() == [[4.0] * 3, [2.0] * 3]


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda x: inner(x, 2.0, np.zeros(1)), "input 1 is float64, not an array"),
        (
            lambda x: inner(x, np.ones(3, np.float32), np.zeros(1)),
            "an array of float32 where the function was made for",
        ),
        (lambda x: inner(x, x[0], np.zeros(1)), "input 1 is float64"),
    ],
)
def test_calls_that_do_not_fit_are_refused_by_name(call, why):
    def f(x):
        call(x)
        return x[0]

    call = njit(call)
    with pytest.raises(DifferentiationTypeError, match="`inner`, made by guvectorize") as caught:
        gradient(Reverse, f, np.ones(3))
    assert why in str(caught.value)
