"""Powers with a literal integer exponent, as straight-line code.

Numba raises to an integer power in a loop over the bits of the exponent, which a derivative would have to keep
a tape for. Invariant: the multiplications emitted here are those of that loop, in its order, so the result is
bit for bit the same.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import signature

_LARGEST_EXPONENT = 0x10000  # Numba calls `pow` above this
_NUMBA_POWER = "int_power_impl.<locals>.int_power"


def is_literal_power(implementation: Any, call_signature: Any, arguments: Any) -> bool:
    """Is this a call of Numba's power helper with an exponent known now?"""
    if implementation.__qualname__ != _NUMBA_POWER or not isinstance(arguments[1], ir.Constant):
        return False
    exponent = arguments[1].constant
    if not isinstance(exponent, int) or abs(exponent) > _LARGEST_EXPONENT:
        return False
    return exponent >= 0 or isinstance(call_signature.args[0], types.Float)


def literal_power(context: Any, builder: Any, call_signature: Any, arguments: Any) -> ir.Value:
    """Emit the multiplications, and for a negative exponent the division that may raise."""
    kind = call_signature.return_type
    exponent = arguments[1].constant
    factor = context.cast(builder, arguments[0], call_signature.args[0], kind)
    multiply = builder.mul if isinstance(kind, types.Integer) else builder.fmul
    result = factor.type(1)
    remaining = abs(exponent)
    while remaining:
        if remaining & 1:
            result = multiply(result, factor)
        remaining >>= 1
        if remaining:
            factor = multiply(factor, factor)
    if exponent >= 0:
        return result

    def inverse(value):
        return 1.0 / value

    return context.compile_internal(builder, inverse, signature(kind, kind), (result,))
