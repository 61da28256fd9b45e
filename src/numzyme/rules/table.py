"""The derivative rules of scalar functions: one line of mathematics each.

A rule gives the partial derivative with respect to each operand, written in the operands and in `y`, the result.
Forward mode, reverse mode, the documentation and the tests are made from this table. At points where a function has no
derivative a rule gives the value that its line shows: `fabs` at 0 the derivative on the side of the zero's sign, ties
of `min` and `max` all to the first operand, `hypot` at the origin 0, the base 0 of a power (complex ones too) no
derivative with respect to the exponent. `tests/rules/test_edges.py` lists all such points.

Keys are operation names: LLVM opcodes (`fmul`), and function names without `llvm.`, type suffix or the `f` of single
precision. `INACTIVE` names those whose derivative is zero everywhere it exists.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from . import complex_numbers as z
from .expression import Expression, lift, symbol
from .functions import (
    copysign,
    cos,
    cosh,
    digamma,
    equals,
    exp,
    exp2,
    log,
    number,
    power,
    rint,
    sin,
    sinh,
    sqrt,
    where,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Partial derivatives of `name`; `arity` operands; `partials(*operands, y)` returns one value per operand."""

    name: str
    arity: int
    partials: Callable
    expensive: bool = True

    def expressions(self) -> tuple[Expression, ...]:
        """The partials as expressions in the symbols `x0`, `x1`, ... and `y`."""
        result = self.partials(*(symbol(f"x{i}") for i in range(self.arity)), symbol("y"))
        return tuple(lift(p) for p in (result if isinstance(result, tuple) else (result,)))


TABLE: dict[str, Rule] = {}


def scalar(name: str, partials: Callable, *, expensive: bool = True) -> None:
    """Add a rule; the number of operands is that of the lambda without `y`."""
    TABLE[name] = Rule(name, partials.__code__.co_argcount - 1, partials, expensive)


def holomorphic(name: str, derivatives: Callable) -> None:
    """Add the rules of both parts of a function of complex numbers; `derivatives` gives one for each operand."""
    arity = derivatives.__code__.co_argcount
    for part, partials in zip(("real", "imag"), z.partials_of_parts(derivatives, arity), strict=True):
        TABLE[f"{name}.{part}"] = Rule(f"{name}.{part}", 2 * arity, partials)


# arithmetic
scalar("fadd", lambda a, b, y: (1.0, 1.0), expensive=False)
scalar("fsub", lambda a, b, y: (1.0, -1.0), expensive=False)
scalar("fmul", lambda a, b, y: (b, a), expensive=False)
scalar("fdiv", lambda a, b, y: (1.0 / b, -y / b), expensive=False)
scalar("frem", lambda a, b, y: (1.0, -rint((a - y) / b)))
scalar("fneg", lambda x, y: -1.0, expensive=False)
scalar("fma", lambda a, b, c, y: (b, a, 1.0), expensive=False)
scalar("fmuladd", lambda a, b, c, y: (b, a, 1.0), expensive=False)
scalar("fabs", lambda x, y: copysign(1.0, x), expensive=False)
scalar("copysign", lambda a, b, y: (copysign(1.0, a) * copysign(1.0, b), 0.0), expensive=False)
scalar("minnum", lambda a, b, y: (where(equals(a, y), 1.0, 0.0), where(equals(a, y), 0.0, 1.0)), expensive=False)
scalar("maxnum", lambda a, b, y: (where(equals(a, y), 1.0, 0.0), where(equals(a, y), 0.0, 1.0)), expensive=False)
scalar("fmod", lambda a, b, y: (1.0, -rint((a - y) / b)))
scalar("fixed_fmod", lambda a, b, y: (1.0, -rint((a - y) / b)))
scalar("remainder", lambda a, b, y: (1.0, -rint((a - y) / b)))
scalar("frexp", lambda x, exponent, y: (where(equals(x, 0.0), 1.0, y / x), 0.0))
scalar("ldexp", lambda x, exponent, y: (exp2(number(exponent)), 0.0))
scalar("nextafter", lambda a, b, y: (1.0, 0.0), expensive=False)

# roots and powers
scalar("sqrt", lambda x, y: 0.5 / y, expensive=False)
scalar("cbrt", lambda x, y: 1.0 / (3.0 * y * y))
scalar("hypot", lambda a, b, y: (where(equals(y, 0.0), 0.0, a / y), where(equals(y, 0.0), 0.0, b / y)))
scalar(
    "pow",
    lambda a, b, y: (
        where(equals(b, 0.0), 0.0, b * power(a, b - 1.0)),
        where(equals(y, 0.0), 0.0, where(equals(a, 0.0), 0.0, y * log(a))),
    ),
)

# exponentials and logarithms
scalar("exp", lambda x, y: y)
scalar("exp2", lambda x, y: y * math.log(2.0))
scalar("exp10", lambda x, y: y * math.log(10.0))
scalar("expm1", lambda x, y: y + 1.0)
scalar("log", lambda x, y: 1.0 / x)
scalar("log2", lambda x, y: 1.0 / (x * math.log(2.0)))
scalar("log10", lambda x, y: 1.0 / (x * math.log(10.0)))
scalar("log1p", lambda x, y: 1.0 / (1.0 + x))

# trigonometric
scalar("sin", lambda x, y: cos(x))
scalar("cos", lambda x, y: -sin(x))
scalar("tan", lambda x, y: 1.0 + y * y)
scalar("asin", lambda x, y: 1.0 / sqrt((1.0 - x) * (1.0 + x)))
scalar("acos", lambda x, y: -1.0 / sqrt((1.0 - x) * (1.0 + x)))
scalar("atan", lambda x, y: 1.0 / (1.0 + x * x))
scalar("atan2", lambda a, b, y: (b / (a * a + b * b), -a / (a * a + b * b)))

# hyperbolic
scalar("sinh", lambda x, y: cosh(x))
scalar("cosh", lambda x, y: sinh(x))
scalar("tanh", lambda x, y: 1.0 - y * y)
scalar("asinh", lambda x, y: 1.0 / sqrt(x * x + 1.0))
scalar("acosh", lambda x, y: 1.0 / sqrt((x - 1.0) * (x + 1.0)))
scalar("atanh", lambda x, y: 1.0 / ((1.0 - x) * (1.0 + x)))

# special functions
scalar("erf", lambda x, y: 2.0 / math.sqrt(math.pi) * exp(-(x * x)))
scalar("erfc", lambda x, y: -2.0 / math.sqrt(math.pi) * exp(-(x * x)))
scalar("gamma", lambda x, y: y * digamma(x))
scalar("lgamma", lambda x, y: digamma(x))

# complex numbers: the two parts of a function are two rows, `name.real` and `name.imag`
holomorphic(
    "power",
    lambda a, b: (
        z.unless_zero(a, b * z.exp((b - 1.0) * z.principal_log(a)), z.slope_at_zero(a, b)),
        z.unless_zero(a, z.exp(b * z.principal_log(a)) * z.principal_log(a), 0.0),
    ),
)

INACTIVE = frozenset(["floor", "ceil", "trunc", "rint", "round", "nearbyint", "roundeven"])
__all__ = ["INACTIVE", "TABLE", "Rule", "scalar"]
