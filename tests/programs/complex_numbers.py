"""Complex numbers, as arguments, inside and as results of forward mode."""

import cmath
import math
from typing import Literal

import numpy as np

from numzyme.testing.program import Corpus, Maker, array, exactly, integers, real

CORPUS = Corpus()
program = CORPUS.program


def number(low: float = -1.0, high: float = 1.0, kind: type = complex) -> Maker:
    return lambda rng: kind(complex(rng.uniform(low, high), rng.uniform(low, high)))


def numbers(*shape: int, dtype=np.complex128, order: Literal["C", "F"] = "C") -> Maker:
    return lambda rng: (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(dtype, order=order)


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


@program(numbers(5), numbers(5))
def complex_dot(x, y):
    return (np.dot(x, y) * (x @ y)).imag + np.dot(x, x).real


@program(numbers(5), numbers(5))
def complex_vdot(x, y):
    overlap = np.vdot(x, y)
    return (overlap * overlap).real + overlap.imag + np.vdot(x, x).real ** 2


@program(numbers(5), numbers(5))
def complex_dots_of_constants(x, y):
    weights = np.exp(1j * np.arange(5.0))
    return (np.dot(x, weights) * np.vdot(y, weights) * np.vdot(weights, y)).real


@program(numbers(7), numbers(3))
def complex_dot_of_strided_views(x, y):
    return (np.dot(x[::3], y) * np.vdot(x[1::2], y[::-1])).real


@program(numbers(4, 3), numbers(3))
def complex_matrix_times_vector(a, x):
    y = a @ x
    return np.sum(np.abs(y) ** 2) + y[1].imag


@program(numbers(4, 3, order="F"), numbers(3), numbers(4))
def complex_fortran_matrix_times_vector(a, x, w):
    y = np.dot(a, x)
    return (y[0] * y[3]).imag + np.vdot(w, y).real


@program(numbers(4, 3), numbers(4), numbers(3))
def complex_vector_times_matrix(a, x, w):
    return np.sum((x @ a) ** 2).real + np.vdot(w, x @ a).imag


@program(numbers(4, 3, order="F"), numbers(4), numbers(3))
def complex_vector_times_fortran_matrix(a, x, w):
    return np.sum((x @ a) ** 2).real + np.vdot(w, x @ a).imag


@program(numbers(4, 3), numbers(3, 2))
def complex_matrix_times_matrix(a, b):
    c = a @ b
    return np.sum(c * c * c).real + np.sum(np.abs(c))


@program(numbers(3, 4), numbers(3, 2), numbers(2, 3))
def complex_transposed_products(a, b, d):
    return (np.sum(np.dot(a.T, b) ** 2) + np.sum(np.dot(b.T, a)[1]) + np.sum((a.T @ d.T) ** 2)).imag


@program(numbers(4, 3), numbers(2, 3))
def complex_transposed_right_factor(a, b):
    c = a @ b.T
    return np.sum(np.abs(c) ** 2) + c[1, 1].imag


@program(numbers(3, 4), numbers(3, 2))
def complex_hermitian_transpose(a, b):
    c = np.conj(a).T @ b
    return np.sum(np.abs(c) ** 2) + c[0, 1].imag


@program(numbers(3, 4))
def complex_gram_matrices(a):
    return np.sum(np.abs(a @ a.T)) + (a.T @ a)[0, 2].imag + np.sum((a @ a.conj().T) ** 2).real


@program(numbers(3, 4, order="F"), numbers(4, 2, order="F"), numbers(4, 2))
def complex_fortran_products(a, b, c):
    return np.sum((a @ b) ** 2).real + np.sum((a @ c) ** 2).imag


@program(numbers(1, 3), numbers(3, 1), numbers(3, 4))
def complex_matrices_of_one_row_or_column(row, column, a):
    one, outer = row @ column, column @ row
    return (one[0, 0] ** 2).imag + np.sum(np.abs(outer) ** 2) + np.sum((row @ a) ** 2).real + (a.T @ column)[2, 0].imag


@program(numbers(3, 0), numbers(0, 2), numbers(3))
def complex_products_over_nothing(a, b, x):
    return np.sum(np.abs(a @ b)) + np.vdot(x, x).real


@program(numbers(3, 4), numbers(4), numbers(3))
def complex_dot_with_output_argument(a, x, out):
    out[0] += 1.0
    total = out[0] * out[1]
    np.dot(a, x, out)
    return (total * out[2] + out[0]).real


@program(numbers(4, 3), numbers(5, 3), numbers(4, 5))
def complex_matrix_product_with_output_argument(a, b, out):
    b[0] = out[0, :3]
    np.dot(a, b.T, out)
    return (out[0, 0] * out[3, 4]).imag


@program(numbers(3, 4), numbers(4), numbers(4, 2))
def complex_operand_overwritten_after_product(a, x, b):
    y, c = a @ x, a @ b
    x[:] = 0.5j
    a[0, 0] = y[0] * y[1]
    b[1] = c[0]
    return np.vdot(y, y).real + (x[0] * a[0, 0]).imag + np.sum(np.abs(c) ** 2)


@program(numbers(3, 3), numbers(3), exactly(3))
def complex_power_iteration(a, x, steps):
    v = x.copy()
    for _ in range(steps):
        v = a @ v
        v = v / np.sqrt(np.vdot(v, v).real)
    return (v[0] * v[1] + v[2]).imag


@program(numbers(3, 3))
def complex_matrix_power_by_products(a):
    power = a.copy()
    for _ in range(3):
        power = power @ a
    return abs(power[0, 0] + power[1, 2] * power[2, 1])


@program(numbers(4, 3), numbers(3), constant=(0,))
def complex_constant_matrix(a, x):
    return np.sum(np.abs(a @ x) ** 2) + (a @ (a.T @ a))[1, 0].imag * x[0].real


@program(numbers(4, 3), numbers(3, 3), constant=(1,))
def complex_constant_factor(a, b):
    return np.sum(np.abs(a @ b) ** 2) + np.sum((a @ b.T) ** 2).imag + np.sum((b @ a.T) ** 2).real


@program(numbers(3, 4), numbers(4, 2))
def complex_product_as_result(a, b):
    return a @ b


@program(numbers(4), numbers(4))
def complex_products_as_results(x, y):
    return np.vdot(x, y), np.dot(x, y), np.linalg.norm(x)


@program(numbers(4, 3, dtype=np.complex64), numbers(3, dtype=np.complex64), numbers(2, 3, dtype=np.complex64))
def complex_single_precision_products(a, x, b):
    y, c = a @ x, a @ b.T
    return np.float64((y[0] * y[1]).imag + np.vdot(y, y).real + (c[0, 1] * c[2, 0]).real + np.dot(x, x).imag)


def _overlap(a, x):
    return np.vdot(x, a @ x)


@program(numbers(3, 3), numbers(3), failing=((np.ones((3, 2), complex), np.ones(3, complex)),))
def complex_quadratic_form(a, x):
    return _overlap(a, x).real * _overlap(a.T, x).imag


@program(numbers(4, 3), numbers(6))
def complex_norms(a, x):
    rows = np.linalg.norm(a[1]) + np.linalg.norm(a[:, 0]) * np.linalg.norm(x[::2])
    return np.linalg.norm(a) * rows + np.linalg.norm(a.T) + np.linalg.norm(x[1:], 1) + np.linalg.norm(x, np.inf)


@program(numbers(4, 3))
def complex_norm_by_singular_values(a):
    return np.linalg.norm(a, 2)


@program(numbers(4, dtype=np.complex64))
def complex_single_precision_norm(x):
    return np.float64(np.linalg.norm(x)) ** 2
