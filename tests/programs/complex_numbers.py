"""Complex numbers, as arguments, inside and as results of forward mode."""

import cmath
import math

import numpy as np

from numzyme.testing.program import Corpus, Maker, array, exactly, integers, real

CORPUS = Corpus()
program = CORPUS.program


def number(low: float = -1.0, high: float = 1.0, kind: type = complex) -> Maker:
    return lambda rng: kind(complex(rng.uniform(low, high), rng.uniform(low, high)))


def numbers(*shape: int, dtype=np.complex128) -> Maker:
    return lambda rng: (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(dtype)


@program(number())
def complex_squared_modulus(z):
    return z.real**2 + z.imag**2


@program(number(), number())
def complex_arithmetic(z, w):
    return ((z + w) * z - w / (z + 3.0) + 2.0 * w.conjugate()).imag


@program(number(), real())
def complex_and_real(z, x):
    return (z * x + x).real + abs(z - 1j * x)


@program(number(0.5, 2.0))
def complex_cmath(z):
    value = cmath.exp(z) + cmath.log(z) + cmath.sqrt(z) + cmath.sin(z) * cmath.cos(z) - cmath.tan(z)
    return (value + cmath.sinh(z) / cmath.cosh(z) + cmath.tanh(z)).real


@program(number(0.1, 0.6))
def complex_cmath_inverses(z):
    value = cmath.asin(z) + cmath.acos(z) * cmath.atan(z) - cmath.asinh(z) + cmath.acosh(z + 1.5) + cmath.atanh(z)
    return value.imag + value.real


@program(number(0.5, 2.0))
def complex_polar(z):
    modulus, angle = cmath.polar(z)
    return modulus * angle + cmath.phase(z) + (cmath.rect(modulus, 2.0 * angle)).real


@program(number(0.5, 2.0), number())
def complex_powers(z, w):
    return (z**w + z**3 + z**2 + z**-1 + 2.0**w).real


@program(numbers(5))
def complex_array_sum_of_squares(a):
    return np.sum(np.abs(a) ** 2)


@program(numbers(5), numbers(5))
def complex_arrays(a, b):
    total = 0j
    for i in range(a.size):
        total += a[i] * np.conj(b[i]) + np.exp(1j * a[i])
    return total.real - total.imag


@program(numbers(3, 4))
def complex_ufuncs(a):
    c = np.exp(a) * np.sin(a) + np.sqrt(a + 2.0) - a.conj() / (2.0 + np.cos(a))
    return np.sum(c.real * c.imag)


@program(numbers(4), number())
def complex_updates(a, z):
    for i in range(1, a.size):
        a[i] = a[i - 1] * z + a[i]
        z = a[i] - z
    a[0] = z
    return abs(z)


@program(numbers(6))
def complex_strided_view(a):
    b = a[::2]
    b *= 1j
    return np.sum(b).real + np.sum(a.imag)


@program(numbers(4))
def complex_parts_are_views(a):
    x, y = a.real, a.imag
    total = 0.0
    for i in range(a.size):
        total += x[i] * y[i] ** 2
    return total


@program(array(4), array(4))
def complex_from_parts(x, y):
    z = x + 1j * y
    return np.abs(np.prod(z))


@program(number())
def complex_result(z):
    return z * z + z.conjugate()


@program(numbers(4), number())
def complex_array_result(a, z):
    return np.exp(a * z)


@program(real())
def complex_of_real(x):
    return complex(x, 2.0 * x) ** 2


@program(number(kind=np.complex64), numbers(3, dtype=np.complex64))
def complex_single_precision(z, a):
    return np.float64((z * a[0] + a[1] / (z + np.complex64(3.0)) + a[2] * a[2]).real)


@program(number())
def complex_branch(z):
    if z.imag > 0.0 and abs(z) > 0.2:
        return (z * z).real
    return (z + 1j).imag ** 3


@program(number(), exactly(12))
def complex_iteration(c, n):
    z = 0j
    for _ in range(n):
        z = z * z + 0.3 * c
        if abs(z) > 2.0:
            break
    return abs(z)


@program(numbers(8))
def complex_discrete_fourier_transform(a):
    n = a.size
    power = 0.0
    for k in range(n):
        s = 0j
        for j in range(n):
            s += a[j] * cmath.exp(-2j * math.pi * j * k / n)
        power += (k + 1.0) * (s.real**2 + s.imag**2)
    return power


@program(numbers(4), integers(4, low=0, high=4))
def complex_gathered(a, index):
    return np.sum(np.abs(a[index]) ** 2)


@program(numbers(4))
def complex_constant_argument(a):
    return np.sum(np.angle(a)) + np.sum(np.real(a)) * np.sum(np.imag(a))


def _halves(z, w):
    return z * w, z / (w + 2.0)


@program(number(), number())
def complex_tuples(z, w):
    left, right = _halves(z, w)
    pair = (left, right.real)
    return abs(pair[0]) + pair[1]
