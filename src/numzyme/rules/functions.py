"""Elementary functions for use inside rules: on expressions they build a node, on numbers they compute with mpmath.

`INTRINSICS` are those that LLVM spells as an intrinsic (`llvm.sin`); the others are functions of the C library (`tan`).
"""

from __future__ import annotations

from .expression import Expression
from .expression import where as _where_expression

INTRINSICS = frozenset(
    [
        "sin",
        "cos",
        "exp",
        "exp2",
        "log",
        "log2",
        "log10",
        "pow",
        "fabs",
        "sqrt",
        "floor",
        "ceil",
        "trunc",
        "rint",
        "copysign",
        "round",
        "nearbyint",
        "fma",
    ]
)


def _function(name: str, numeric):
    def apply(*arguments):
        if any(isinstance(a, Expression) for a in arguments):
            from .expression import call

            return call(name, *arguments)
        return numeric(*arguments)

    apply.__name__ = name
    return apply


def _mp(name: str):
    def compute(*arguments):
        import mpmath

        return getattr(mpmath, name)(*arguments)

    return compute


sin, cos, sinh, cosh = (_function(n, _mp(n)) for n in ("sin", "cos", "sinh", "cosh"))
exp, log, sqrt = (_function(n, _mp(n)) for n in ("exp", "log", "sqrt"))
digamma = _function("digamma", _mp("digamma"))
atan2 = _function("atan2", _mp("atan2"))
copysign = _function("copysign", lambda a, b: abs(a) if b >= 0 else -abs(a))
rint = _function("rint", lambda a: round(a))
power = _function("pow", _mp("power"))


exp2 = _function("exp2", lambda a: _mp("power")(2, a))


def number(a):
    """An integer operand, of 32 bits, as a float."""
    return Expression("number", (a,)) if isinstance(a, Expression) else a


def where(condition, a, b):
    """`a` where the condition holds, else `b`."""
    if isinstance(condition, Expression):
        return _where_expression(condition, a, b)
    return a if condition else b


def equals(a, b):
    """Comparison for equality that works on expressions too."""
    return a.equals(b) if isinstance(a, Expression) else a == b
