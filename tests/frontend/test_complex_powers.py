"""Powers of complex numbers: derivatives by an exponent of 2; values Numba's, squares in single precision almost."""

import cmath

import numpy as np
import pytest
from numba import njit

from numzyme import Forward, Reverse, grad, gradient, value_and_grad


def power(z, p):
    return (z**p).real


def power_in_place(z, p):
    z **= p
    return z.real


@pytest.mark.parametrize("f", [power, power_in_place])
@pytest.mark.parametrize("mode", [Forward, Reverse])
@pytest.mark.parametrize("z", [1.0 + 2.0j, -0.5 + 0.25j, 3.0 - 1.0j])
def test_exponent_of_two_had_no_derivative(f, mode, z):
    for p in (2.0 + 0.0j, 2.0 + 0.5j, 3.0 + 0.0j):
        of_base, of_exponent = gradient(mode, f, z, p)
        # d/dx + i d/dy of the real part of an analytic function is the conjugate of its derivative
        assert of_base == pytest.approx((p * z ** (p - 1.0)).conjugate(), rel=1e-13)
        assert of_exponent == pytest.approx((z**p * cmath.log(z)).conjugate(), rel=1e-13)
    assert gradient(mode, f, z, 2.0)[1] == pytest.approx((z * z * cmath.log(z)).real, rel=1e-13)


@pytest.mark.parametrize("kind", [complex, np.complex64])
def test_values_are_numbas_to_the_bit(kind):
    plain, differentiated = njit(power), value_and_grad(power)
    for z in (1.1 + 2.3j, -0.3 + 0.7j, 0.1j, 3.7 + 0.0j):
        for p in (2.0 + 0.0j, 2.0 - 0.1j, 3.0 + 0.0j, 0.5 + 0.0j, -2.0 + 0.0j):
            value, expected = differentiated(kind(z), kind(p))[0], plain(kind(z), kind(p))
            if kind is np.complex64 and p == 2.0:  # rounded from double precision
                assert abs(value - expected) <= np.finfo(np.float32).eps * abs(z) ** 2
            else:
                assert value == expected


@pytest.mark.parametrize("mode", [Forward, Reverse])
def test_exponent_of_two_in_single_precision(mode):
    z = np.complex64(1.0 + 2.0j)
    of_exponent = gradient(mode, power, z, np.complex64(2.0))[1]
    assert of_exponent == pytest.approx((complex(z) ** 2 * cmath.log(z)).conjugate(), rel=1e-6)  # 24 bits


def square(z):
    return (z**2).real


def square_by_name(z):
    n = 2.0
    return (z**n).real


def square_of_many(z):
    return np.sum((z**2.0).real)


def test_squares_are_products():
    """Exact, as `pow` would not be: what is written out is multiplied."""
    z = 1.1 + 2.3j
    assert grad(square)(z) == grad(square_by_name)(z) == 2.0 * z.conjugate()
    np.testing.assert_array_equal(grad(square_of_many)(np.array([z, 3.0])), [2.0 * z.conjugate(), 6.0])
