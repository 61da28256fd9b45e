"""Values and partial derivatives of float functions, from textbook formulas.

Written apart from numzyme's own rules on purpose: two tables that agree were hardly wrong in the same way.
`UNARY[name]` is (value, derivative from argument and value); `BINARY[name]` gives both derivatives.
Functions that are piecewise constant have derivative zero; at ties the first argument counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import special

ROOT_PI = math.sqrt(math.pi)


def _zero(x: float, y: float) -> float:
    return 0.0


UNARY: dict[str, tuple[Callable, Callable[[float, float], float]]] = {
    "sqrt": (np.sqrt, lambda x, y: 0.5 / y if y else math.inf),
    "cbrt": (np.cbrt, lambda x, y: y / (3.0 * x)),
    "exp": (np.exp, lambda x, y: y),
    "exp2": (np.exp2, lambda x, y: y * math.log(2.0)),
    "exp10": (lambda x: np.power(10.0, x), lambda x, y: y * math.log(10.0)),
    "expm1": (np.expm1, lambda x, y: y + 1.0),
    "log": (np.log, lambda x, y: 1.0 / x),
    "log2": (np.log2, lambda x, y: 1.0 / (x * math.log(2.0))),
    "log10": (np.log10, lambda x, y: 1.0 / (x * math.log(10.0))),
    "log1p": (np.log1p, lambda x, y: 1.0 / (1.0 + x)),
    "sin": (np.sin, lambda x, y: math.cos(x)),
    "cos": (np.cos, lambda x, y: -math.sin(x)),
    "tan": (np.tan, lambda x, y: 1.0 / math.cos(x) ** 2),
    "asin": (np.arcsin, lambda x, y: 1.0 / math.sqrt((1.0 - x) * (1.0 + x))),
    "acos": (np.arccos, lambda x, y: -1.0 / math.sqrt((1.0 - x) * (1.0 + x))),
    "atan": (np.arctan, lambda x, y: 1.0 / (1.0 + x * x)),
    "sinh": (np.sinh, lambda x, y: math.cosh(x)),
    "cosh": (np.cosh, lambda x, y: math.sinh(x)),
    "tanh": (np.tanh, lambda x, y: 1.0 / math.cosh(x) ** 2 if abs(x) < 300 else 0.0),
    "asinh": (np.arcsinh, lambda x, y: 1.0 / math.sqrt(x * x + 1.0)),
    "acosh": (np.arccosh, lambda x, y: 1.0 / math.sqrt((x - 1.0) * (x + 1.0))),
    "atanh": (np.arctanh, lambda x, y: 1.0 / ((1.0 - x) * (1.0 + x))),
    "erf": (special.erf, lambda x, y: 2.0 / ROOT_PI * math.exp(-x * x)),
    "erfc": (special.erfc, lambda x, y: -2.0 / ROOT_PI * math.exp(-x * x)),
    "gamma": (special.gamma, lambda x, y: y * float(special.digamma(x))),
    "lgamma": (special.gammaln, lambda x, y: float(special.digamma(x))),
    "fabs": (np.abs, lambda x, y: math.copysign(1.0, x)),
    "floor": (np.floor, _zero),
    "ceil": (np.ceil, _zero),
    "trunc": (np.trunc, _zero),
    "rint": (np.rint, _zero),
    "round": (lambda x: np.trunc(x + np.copysign(0.5, x)), _zero),
}
UNARY["tgamma"] = UNARY["numba_gamma"] = UNARY["gamma"]
UNARY["nearbyint"] = UNARY["roundeven"] = UNARY["rint"]


def _power(a: float, b: float, y: float) -> tuple[float, float]:
    first = 0.0 if b == 0.0 else b * float(np.power(a, b - 1.0))
    second = y * math.log(a) if a > 0.0 else 0.0 if a == 0.0 else math.nan
    return first, second


def _copysign(a: float, b: float, y: float) -> tuple[float, float]:
    return math.copysign(1.0, a) * math.copysign(1.0, b), 0.0


BINARY: dict[str, tuple[Callable, Callable[[float, float, float], tuple[float, float]]]] = {
    "pow": (np.power, _power),
    "atan2": (np.arctan2, lambda a, b, y: (b / (a * a + b * b), -a / (a * a + b * b))),
    "hypot": (np.hypot, lambda a, b, y: (a / y, b / y)),
    "copysign": (np.copysign, _copysign),
    "fmod": (np.fmod, lambda a, b, y: (1.0, -math.trunc(a / b))),
    "minnum": (np.fmin, lambda a, b, y: (1.0, 0.0) if y == a else (0.0, 1.0)),
    "maxnum": (np.fmax, lambda a, b, y: (1.0, 0.0) if y == a else (0.0, 1.0)),
    "minimum": (np.minimum, lambda a, b, y: (1.0, 0.0) if y == a else (0.0, 1.0)),
    "maximum": (np.maximum, lambda a, b, y: (1.0, 0.0) if y == a else (0.0, 1.0)),
    "nextafter": (np.nextafter, lambda a, b, y: (1.0, 0.0)),
}
BINARY["fmin"], BINARY["fmax"] = BINARY["minnum"], BINARY["maxnum"]

ARITHMETIC: dict[str, tuple[Callable, Callable[[float, float, float], tuple[float, float]]]] = {
    "fadd": (np.add, lambda a, b, y: (1.0, 1.0)),
    "fsub": (np.subtract, lambda a, b, y: (1.0, -1.0)),
    "fmul": (np.multiply, lambda a, b, y: (b, a)),
    "fdiv": (np.divide, lambda a, b, y: (1.0 / b, -a / (b * b)) if b else (math.inf, math.nan)),
    "frem": BINARY["fmod"],
}
