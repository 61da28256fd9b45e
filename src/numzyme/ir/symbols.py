"""Names of external functions: how a callee is spelled, and which symbols are pure mathematics."""

from __future__ import annotations

import re

MATH = re.compile(
    r"^(?:llvm\.(?!mem|assume|lifetime|va_|stack|experimental|trap|ubsan|eh)|"
    r"(?:sqrt|tan|tanh|sin|cos|sinh|cosh|asin|acos|atan|atan2|asinh|acosh|atanh|exp|exp2|expm1|log|log2|log10|log1p|"
    r"cbrt|hypot|erf|erfc|lgamma|tgamma|pow|fmod|floor|ceil|trunc|rint|round|copysign|fabs|nextafter|ldexp|remainder|"
    r"fma|fmin|fmax|exp10|log_gamma)f?$|"
    r"numba_(?:gamma|lgamma|erf|erfc|gammaf|lgammaf|erff|erfcf|fixed_fmod|fixed_fmodf|ldexpf?|frexpf?|nextafterf?)$|"
    r"numzyme\.power\.(?:real|imag)$)"
)


def symbol_of(callee: str) -> str:
    """`@"name"` -> `name`."""
    return callee[1:].strip('"')
