"""`x % y` and `divmod(x, y)` of floats: derivatives where nothing remains, values to the bit."""

import math

import numpy as np
import pytest
from numba import njit

from numzyme import Forward, Reverse, grad, gradient, value_and_grad


def remainder(x, y):
    return x % y


def in_place(x, y):
    x %= y
    return x


def both(x, y):
    quotient, rest = divmod(x, y)
    return 3.0 * quotient + rest


@pytest.mark.parametrize("f", [remainder, in_place, both])
@pytest.mark.parametrize("mode", [Forward, Reverse])
def test_slope_where_nothing_remains_was_zero(f, mode):
    for x, y in [(0.0, 1.0), (-0.0, 1.0), (2.0, 1.0), (-6.0, 1.5), (6.0, -1.5), (-6.0, -1.5), (0.0, -2.0)]:
        assert gradient(mode, f, x, y) == (1.0, -(x // y)), (x, y)
        for beside in (0.25, -0.25):
            assert gradient(mode, f, x + beside, y) == (1.0, -((x + beside) // y)), (x, y, beside)
    slope = gradient(mode, lambda t: np.sum((t % 0.5) * np.arange(5.0)), np.linspace(0.0, 1.0, 5))
    np.testing.assert_array_equal(slope, np.arange(5.0))
    assert grad(grad(lambda x: (x % 1.0) ** 2))(2.0) == 2.0


@pytest.mark.parametrize("f", [remainder, in_place, both])
@pytest.mark.parametrize("kind", [float, np.float32])
def test_values_are_numbas_to_the_bit(f, kind):
    numbers = [0.0, 1.0, 0.25, 3.0, 7.3, 1e30, 5e-324, 0.1, math.inf, math.nan]
    plain, differentiated = njit(f), value_and_grad(f)
    for x in (*numbers, *(-number for number in numbers)):
        for y in (*numbers, *(-number for number in numbers)):
            x_, y_ = kind(x), kind(y)
            if y_ == 0.0:
                with pytest.raises(ZeroDivisionError):
                    differentiated(x_, y_)
                continue
            expected, value = plain(x_, y_), differentiated(x_, y_)[0]
            np.testing.assert_array_equal(value, expected)
            assert np.signbit(value) == np.signbit(expected) or np.isnan(value)
