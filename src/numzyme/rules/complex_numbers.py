"""Complex numbers inside rules: pairs of expressions, and what rules of holomorphic functions are made of.

Compiled code knows the two parts of a complex number as two floats, and a complex function as two functions of floats.
A holomorphic f with derivative f' = p + iq has (Cauchy and Riemann) the partials p, -q of its real part and q, p of its
imaginary part, with respect to the parts of its argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .functions import atan2, cos, equals, log, sin, where
from .functions import exp as real_exp


@dataclass(frozen=True, slots=True)
class Complex:
    """`real` and `imag`: expressions, or numbers of mpmath."""

    real: Any
    imag: Any

    def __mul__(self, other: Complex) -> Complex:
        return Complex(
            self.real * other.real - self.imag * other.imag,
            self.real * other.imag + self.imag * other.real,
        )

    def __sub__(self, other: float) -> Complex:
        return Complex(self.real - other, self.imag)


def exp(z: Complex) -> Complex:
    return Complex(real_exp(z.real) * cos(z.imag), real_exp(z.real) * sin(z.imag))


def principal_log(z: Complex) -> Complex:
    return Complex(0.5 * log(z.real * z.real + z.imag * z.imag), atan2(z.imag, z.real))


def slope_at_zero(base: Complex, exponent: Complex) -> Any:
    """The derivative of a power where its base is 0: 0 above the first power and at the zeroth, else without end."""
    infinity = 1.0 / (base.real * base.real)
    first = where(equals(exponent.real, 1.0), where(equals(exponent.imag, 0.0), 1.0, infinity), infinity)
    zeroth = where(equals(exponent.real, 0.0), where(equals(exponent.imag, 0.0), 0.0, infinity), first)
    return where(exponent.real > 1.0, 0.0, zeroth)


def unless_zero(z: Complex, value: Complex, at_zero: Any) -> Complex:
    """`value`, and a real number where `z` is zero."""
    zero = equals(z.real * z.real + z.imag * z.imag, 0.0)
    return Complex(where(zero, at_zero, value.real), where(zero, 0.0, value.imag))


def partials_of_parts(derivatives: Callable[..., tuple[Complex, ...]], arity: int) -> tuple[Callable, Callable]:
    """The partials of the real and of the imaginary part of a function of `arity` complex numbers, as rules have them.

    `derivatives(*operands)` gives one complex derivative for each operand.
    """

    def found(operands: tuple) -> tuple[Complex, ...]:
        return derivatives(*(Complex(*operands[2 * n : 2 * n + 2]) for n in range(arity)))

    def of_real(*operands_and_y: Any) -> tuple:
        return tuple(part for d in found(operands_and_y[:-1]) for part in (d.real, -d.imag))

    def of_imaginary(*operands_and_y: Any) -> tuple:
        return tuple(part for d in found(operands_and_y[:-1]) for part in (d.imag, d.real))

    return of_real, of_imaginary
