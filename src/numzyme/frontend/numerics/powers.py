"""Powers in a form that has a derivative: integer exponents as straight-line code, complex powers by value.

Numba raises to an integer power in a loop over the bits of the exponent, which a derivative would have to keep
a tape for. Invariant: the multiplications emitted here are those of that loop, in its order, so the result is
bit for bit the same. Powers of complex numbers are a call that writes its result to memory; here they become two pure
functions, of the runtime, that give one part of the same result each. Numba multiplies where the exponent is 2, in a
branch in which the exponent has no derivative; it stays where the exponent is written out. In single precision, other
squares are those of double precision, rounded: they may differ from Numba's in the last bit.
"""

from __future__ import annotations

import operator
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


def complex_power(context: Any, builder: Any, call_signature: Any, arguments: Any) -> Any:
    """Numba's complex power, whose branch for squares is left to the function that is called."""
    from numba.core import cgutils  # these load Numba's compiler
    from numba.cpython import numbers

    kind, (base, exponent) = call_signature.return_type, arguments
    if _is_written_out(exponent):
        return numbers.complex_power_impl(context, builder, call_signature, arguments)
    values = [context.make_helper(builder, kind, value=value) for value in (base, exponent)]
    places = [value._getpointer() for value in (*values, context.make_helper(builder, kind))]
    function_type = ir.FunctionType(ir.VoidType(), [place.type for place in places])
    name = "numba_cpowf" if kind == types.complex64 else "numba_cpow"
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    builder.call(function, places)
    return builder.load(places[2])


def _is_written_out(value: Any) -> bool:
    """Whether a value is made of constants alone, as the complex number of a literal is, by way of memory, too."""
    if not isinstance(value, ir.Instruction):
        return isinstance(value, ir.Constant)
    if value.opname in ("insertvalue", "sitofp"):
        return all(map(_is_written_out, value.operands))
    return value.opname == "load" and _holds_constants(value.operands[0], value.function)


def _holds_constants(place: Any, function: Any) -> bool:
    """Whether nothing but constants is ever stored where `place`, of the stack, points."""
    if not isinstance(place, ir.AllocaInstr):
        return False
    places, stored = [place], []
    for i in (i for block in function.blocks for i in block.instructions):
        used = [operand for operand in i.operands if any(operand is known for known in places)]
        if not used or i.opname == "load":
            continue
        if i.opname == "getelementptr":
            places.append(i)
        elif i.opname == "store" and not any(i.operands[0] is known for known in places):
            stored.append(i.operands[0])
        else:
            return False
    return bool(stored) and all(map(_is_written_out, stored))


LOWERING: dict[Any, Any] = {
    (operation, types.Complex, types.Complex): complex_power for operation in (operator.pow, operator.ipow, pow)
}

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
