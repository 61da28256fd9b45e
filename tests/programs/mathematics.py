"""The functions of `math`, NumPy's ufuncs, and powers."""

import math

import numpy as np

from numzyme.testing.program import Corpus, array, exactly, real

CORPUS = Corpus()
program = CORPUS.program


@program(real(), real(), analytic=True)
def math_trigonometric(x, y):
    return math.sin(x) * math.cos(y) + math.tan(x * y)


@program(real(-0.9, 0.9), real(), analytic=True)
def math_inverse_trigonometric(x, y):
    return math.asin(x) * math.acos(x * 0.5) + math.atan(x * y)


@program(real(0.2, 1.0), real(0.2, 1.0), analytic=True)
def math_two_arguments(x, y):
    return math.atan2(y, x) + math.hypot(x, 2.0 * y) + math.pow(x, y)


@program(real(), real(), analytic=True)
def math_hyperbolic(x, y):
    return math.sinh(x) * math.cosh(y) + math.tanh(x + y)


@program(real(-0.9, 0.9), real(1.1, 2.0), analytic=True)
def math_inverse_hyperbolic(x, y):
    return math.asinh(x) + math.acosh(y) * math.atanh(x)


@program(real(0.5, 2.0), analytic=True)
def math_exponentials(x):
    return math.exp(-x) + math.expm1(x) * math.log(x) + math.log1p(x)


@program(real(0.5, 2.0), analytic=True)
def math_other_logarithms(x):
    return math.log10(x) * x + math.log2(x) + math.sqrt(x)


@program(real(0.5, 2.0), analytic=True)
def math_special_functions(x):
    return math.erf(x) + math.erfc(0.5 * x) + math.lgamma(x + 1.0) * x


@program(real(0.6, 2.0), analytic=True)
def math_gamma(x):
    return math.gamma(x) * x


@program(real(), real())
def math_absolute_values(x, y):
    return math.fabs(x) * y + abs(y) + math.copysign(x, y)


@program(real(0.1, 0.8), real(1.2, 1.8))
def math_rounding_has_no_slope(x, y):
    return math.floor(x) + math.ceil(y) * x + round(y * 10.0) * y + int(y) * x


@program(real(3.0, 4.0), real(1.1, 1.4))
def math_remainders(x, y):
    return np.fmod(x, y) * x + x % y + x // y


@program(real(), real())
def math_min_and_max(x, y):
    return min(x, y) * 2.0 + max(x * x, y) + min(x, y, 0.1)


@program(array(5), analytic=True)
def ufunc_trigonometric(x):
    return np.sum(np.sin(x) + np.cos(x) * np.tan(x) - np.arctan(x))


@program(array(5, low=-0.9, high=0.9), analytic=True)
def ufunc_inverse(x):
    return np.sum(np.arcsin(x) * np.arccos(x) + np.arcsinh(x) + np.arctanh(x))


@program(array(5, low=0.5, high=2.0), analytic=True)
def ufunc_exponentials(x):
    return np.sum(np.exp(x) * np.log(x) + np.expm1(-x) + np.log1p(x) + np.sqrt(x))


@program(array(5, low=0.5, high=2.0), analytic=True)
def ufunc_other_logarithms(x):
    return np.sum(np.log2(x) + np.log10(x) * np.sinh(x) - np.cosh(x) + np.tanh(x))


@program(array(5, low=0.5, high=2.0), analytic=True)
def ufunc_exp2_and_cbrt(x):
    return np.sum(np.exp2(x) * np.cbrt(x))


@program(array(5, low=0.5, high=2.0), array(5, low=0.5, high=2.0), analytic=True)
def ufunc_two_arguments(x, y):
    return np.sum(np.hypot(x, y) + np.arctan2(x, y) + np.power(x, y) + np.divide(x, y))


@program(array(5), array(5))
def ufunc_nonsmooth(x, y):
    return np.sum(np.abs(x) * np.sign(y) + np.floor(3.0 * x) * y + np.fmax(x, y))


@program(array(5), analytic=True)
def ufunc_square_and_reciprocal(x):
    return np.sum(np.square(x) + np.reciprocal(x + 3.0) - np.negative(x) * x)


@program(array(5), analytic=True)
def ufunc_with_output_argument(x):
    out = np.empty_like(x)
    np.sin(x, out)
    np.multiply(out, x, out)
    return np.sum(out)


@program(array(5))
def ufunc_angles(x):
    return np.sum(np.deg2rad(x) * np.rad2deg(x * x))


@program(real(), analytic=True)
def power_small_integers(x):
    return x**2 + x**3 * 0.5 - x**5 + x**1 + x**0


@program(real(0.5, 1.5), analytic=True)
def power_negative_integers(x):
    return x**-1 + x**-3


@program(real(0.5, 1.5), real(), analytic=True)
def power_real_exponent(x, p):
    return x**2.5 + x**p + x**0.5


@program(real(0.5, 1.5), exactly(4), analytic=True)
def power_variable_integer(x, n):
    return x**n * 2.0 ** (x * n)


@program(array(5), analytic=True)
def power_of_array(x):
    return np.sum(x**2 * x + x**3 - (x + 2.0) ** 1.5)


@program(real(-0.8, 0.8))
def constant_in_one_branch(x):
    y = 1.0 if x > 5.0 else x
    return y * math.exp(y)


@program(real(0.5, 1.5), real(0.5, 1.5), analytic=True)
def division_and_negation(x, y):
    return -(x / y) + 1.0 / x - y / 2.0 - (-y)


@program(real(0.2, 0.8), real(0.2, 0.8), analytic=True)
def long_chain_of_operations(x, y):
    a = math.sin(x * y)
    b = math.exp(a - x)
    c = math.sqrt(b + a * a)
    return (a + b * c) / (c + y) - math.log(b + c)


@program(array(4), exactly(3))
def math_ldexp_and_frexp(x, n):
    total = 0.0
    for i in range(x.size):
        mantissa, exponent = math.frexp(x[i] * x[0])
        total += math.ldexp(mantissa * x[1], exponent - n * i)
    return total + np.sum(np.ldexp(x, n) * x)
