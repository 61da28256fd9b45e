"""Powers in a form that has a derivative: integer exponents as straight-line code, complex powers by value.

Numba raises to an integer power in a loop over the bits of the exponent, which a derivative would have to keep
a tape for. Invariant: the multiplications emitted here are those of that loop, in its order, so the result is
bit for bit the same. Powers of complex numbers are a call that writes its result to memory; here they become two pure
functions, of the runtime, that give one part of the same result each.
"""

from __future__ import annotations

import re
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


POWER_PARTS = ("numzyme.power.real", "numzyme.power.imag")
_DECLARATION = re.compile(r"^declare void @(numba_cpowf?)\(ptr[^,]*, ptr[^,]*, ptr[^)]*\).*$", re.M)
_SLOTS = ("a", "b")


def with_powers_by_value(text: str) -> str:
    """`text` with Numba's powers of complex numbers defined by functions of floats, which LLVM knows to be pure."""
    if not _DECLARATION.search(text):
        return text
    attributes = "memory(none) nounwind willreturn"
    declared = "".join(f"\ndeclare double @{name}(double, double, double, double) {attributes}" for name in POWER_PARTS)
    return _DECLARATION.sub(lambda found: _definition(found[1]), text) + declared + "\n"


def _definition(name: str) -> str:
    kind, width = ("float", 4) if name.endswith("f") else ("double", 8)
    lines = [f"define internal void @{name}(ptr %a, ptr %b, ptr %out) alwaysinline {{"]
    values = []
    for slot in _SLOTS:
        for part, offset in (("real", 0), ("imag", width)):
            value = f"%{slot}.{part}"
            lines += [
                f"  {value}.at = getelementptr i8, ptr %{slot}, i64 {offset}",
                f"  {value}.{kind} = load {kind}, ptr {value}.at",
            ]
            if kind == "float":
                lines.append(f"  {value}.double = fpext float {value}.float to double")
            values.append(f"double {value}.double")
    for function, offset in zip(POWER_PARTS, (0, width), strict=True):
        result = f"%result.{offset}"
        lines.append(f"  {result}.double = call double @{function}({', '.join(values)})")
        if kind == "float":
            lines.append(f"  {result}.float = fptrunc double {result}.double to float")
        lines += [
            f"  {result}.at = getelementptr i8, ptr %out, i64 {offset}",
            f"  store {kind} {result}.{kind}, ptr {result}.at",
        ]
    return "\n".join([*lines, "  ret void", "}"])
