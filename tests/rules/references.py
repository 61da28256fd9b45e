"""What the functions are, in mpmath with 50 digits: the reference for rules and compiled derivatives.

Decides that a partial derivative is a difference quotient of the function itself at 50 digits, so it owes nothing to
the rule that it checks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mpmath
from mpmath import mp, mpf

DIGITS = 50
Function = Callable[..., mpf]


def _truncated(x: mpf) -> mpf:
    return mp.floor(x) if x >= 0 else mp.ceil(x)


def _nearest_even(x: mpf) -> mpf:
    return mp.nint(x)


def remainder_of_division(a: mpf, b: mpf) -> mpf:
    """C's `fmod`: the sign of `a`."""
    return a - b * _truncated(a / b)


def nearest_remainder(a: mpf, b: mpf) -> mpf:
    """C's `remainder`."""
    return a - b * _nearest_even(a / b)


def modulo(a: mpf, b: mpf) -> mpf:
    """Python's `%`: the sign of `b`."""
    return a - b * mp.floor(a / b)


def sign(x: mpf) -> mpf:
    return mpf(-1) if x < 0 else mpf(1)


def real_power(a: mpf, b: mpf) -> mpf:
    """`a ** b`; for negative bases where `b` is an integer."""
    return mp.power(a, b) if a >= 0 else sign(mpf(-1) ** int(mp.nint(b))) * mp.power(-a, b)


def cube_root(x: mpf) -> mpf:
    return sign(x) * mp.cbrt(abs(x))


def mantissa(x: mpf) -> mpf:
    """The first result of `frexp`."""
    return x / mpf(2) ** (int(mp.floor(mp.log(abs(x), 2))) + 1)


def log_of_gamma(x: mpf) -> mpf:
    return mp.log(abs(mp.gamma(x)))


def sinc(x: mpf) -> mpf:
    return mp.sin(mp.pi * x) / (mp.pi * x) if x else mpf(1)


def partial(function: Function, point: Sequence[float], position: int) -> mpf:
    """The partial derivative of `function` with respect to argument `position`, at 50 digits."""
    with mp.workdps(DIGITS):
        orders = tuple(int(i == position) for i in range(len(point)))
        return mpmath.diff(function, tuple(mpf(float(p)) for p in point), orders)


COMPLEX_POWERS = [(1.5, 0.5, 2.5, 0.0), (-0.75, 0.25, 3.0, 0.0), (2.0, 0.0, 0.5, -1.25), (-0.5, -2.0, -1.0, 0.75)]

# rows of the table: function and points; domain borders are approached from inside
ROWS: dict[str, tuple[Function, list[tuple[float, ...]]]] = {
    "fadd": (lambda a, b: a + b, [(1.5, -2.25)]),
    "fsub": (lambda a, b: a - b, [(1.5, -2.25)]),
    "fmul": (lambda a, b: a * b, [(1.5, -2.25), (0.0, 3.0)]),
    "fdiv": (lambda a, b: a / b, [(1.5, -2.25), (0.0, 3.0), (1.5, 1e-3), (2.0, 1e5)]),
    "frem": (remainder_of_division, [(7.25, 2.0), (-7.25, 2.0), (7.25, -2.0), (0.5, 3.0), (1.0, 0.1), (1e6, 0.3)]),
    "fneg": (lambda x: -x, [(1.5,)]),
    "fma": (lambda a, b, c: a * b + c, [(1.5, -2.25, 0.5)]),
    "fmuladd": (lambda a, b, c: a * b + c, [(1.5, -2.25, 0.5)]),
    "fabs": (abs, [(1.5,), (-1.5,), (1e-3,)]),
    "copysign": (lambda a, b: abs(a) * sign(b), [(1.5, -2.0), (-1.5, -2.0), (1.5, 2.0), (-1.5, 2.0)]),
    "minnum": (min, [(1.5, 2.0), (2.0, 1.5), (-1.0, 1.0)]),
    "maxnum": (max, [(1.5, 2.0), (2.0, 1.5), (-1.0, 1.0)]),
    "fmod": (remainder_of_division, [(7.25, 2.0), (-7.25, 2.0), (1.0, 0.1)]),
    "fixed_fmod": (remainder_of_division, [(7.25, 2.0), (-7.25, 2.0), (1.0, 0.1)]),
    "remainder": (nearest_remainder, [(7.25, 2.0), (-7.25, 2.0), (6.75, 2.0), (1.0, 0.15)]),
    "frexp": (lambda x, _: mantissa(x), [(1.5, 0.0), (-3.7, 0.0), (1e-3, 0.0)]),
    "ldexp": (lambda x, n: x * mpf(2) ** n, [(1.5, 3.0), (-3.7, -4.0), (0.0, 2.0)]),
    "nextafter": (lambda a, b: a, [(1.5, 2.0)]),
    "sqrt": (mp.sqrt, [(1.5,), (1e-8,), (1e8,)]),
    "cbrt": (cube_root, [(1.5,), (-1.5,), (1e-6,), (1e6,)]),
    "hypot": (mp.hypot, [(3.0, 4.0), (-3.0, 0.5), (1e-5, 1.0), (0.0, 2.0)]),
    "pow": (real_power, [(1.5, 2.5), (0.3, -1.25), (2.0, 0.0), (7.0, 1.0), (1e-3, 0.5), (1.0, 9.0)]),
    "power.real": (lambda ar, ai, br, bi: (mp.mpc(ar, ai) ** mp.mpc(br, bi)).real, COMPLEX_POWERS),
    "power.imag": (lambda ar, ai, br, bi: (mp.mpc(ar, ai) ** mp.mpc(br, bi)).imag, COMPLEX_POWERS),
    "exp": (mp.exp, [(1.5,), (-20.0,), (20.0,), (0.0,)]),
    "exp2": (lambda x: mpf(2) ** x, [(1.5,), (-20.0,), (20.0,)]),
    "exp10": (lambda x: mpf(10) ** x, [(1.5,), (-5.0,)]),
    "expm1": (mp.expm1, [(1.5,), (1e-9,), (-1e-9,), (-3.0,)]),
    "log": (mp.log, [(1.5,), (1e-6,), (1e6,), (1.0,)]),
    "log2": (lambda x: mp.log(x) / mp.log(2), [(1.5,), (1e-6,), (1e6,)]),
    "log10": (mp.log10, [(1.5,), (1e-6,), (1e6,)]),
    "log1p": (mp.log1p, [(1.5,), (1e-9,), (-0.99,), (1e6,)]),
    "sin": (mp.sin, [(1.5,), (0.0,), (-2.0,), (50.0,)]),
    "cos": (mp.cos, [(1.5,), (0.0,), (-2.0,), (50.0,)]),
    "tan": (mp.tan, [(1.5,), (0.0,), (-1.25,), (3.0,)]),
    "asin": (mp.asin, [(0.5,), (0.0,), (-0.75,), (0.9999,)]),
    "acos": (mp.acos, [(0.5,), (0.0,), (-0.75,), (0.9999,)]),
    "atan": (mp.atan, [(1.5,), (0.0,), (-100.0,)]),
    "atan2": (mp.atan2, [(1.5, 2.0), (1.5, -2.0), (-1.5, -2.0), (0.0, 1.0), (1.0, 0.0)]),
    "sinh": (mp.sinh, [(1.5,), (0.0,), (-5.0,)]),
    "cosh": (mp.cosh, [(1.5,), (0.0,), (-5.0,)]),
    "tanh": (mp.tanh, [(0.5,), (0.0,), (-1.5,)]),
    "asinh": (mp.asinh, [(1.5,), (0.0,), (-100.0,)]),
    "acosh": (mp.acosh, [(1.5,), (1.0001,), (100.0,)]),
    "atanh": (mp.atanh, [(0.5,), (0.0,), (-0.75,), (0.9999,)]),
    "erf": (mp.erf, [(0.5,), (0.0,), (-1.5,), (4.0,)]),
    "erfc": (mp.erfc, [(0.5,), (0.0,), (-1.5,), (4.0,)]),
    "gamma": (mp.gamma, [(0.5,), (4.5,), (-1.5,), (0.01,), (12.0,)]),
    "lgamma": (log_of_gamma, [(0.5,), (4.5,), (-1.5,), (0.01,), (30.0,)]),
}  # fmt: skip
