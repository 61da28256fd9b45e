"""Python implementations of the functions that Numba's code calls: intrinsics, libm, allocation; BLAS is in `blas`.

`EXTERNALS` maps a symbol (for intrinsics without the type suffix) to a function of interpreter, instruction
and arguments. A function that is missing here makes the oracle raise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba.core import serialize

from numzyme.ir import Instruction
from numzyme.ir.exceptions import CHAINED, MATCHES, Record
from numzyme.ir.symbols import HELD, HOLD

from .functions import BINARY, UNARY
from .interpreter import External, Interpreter, rounded, signed
from .memory import Memory, OracleError
from .tape import Number

EXTERNALS: dict[str, External] = {}
_MEMINFO = 64  # bytes in front of the data, as the contract of canonical text says


def _float_kind(instruction: Instruction) -> str:
    return instruction.type


def _unary(name: str) -> External:
    return lambda run, i, values: run.operate(_float_kind(i), UNARY[name], values[:1])


def _binary(name: str) -> External:
    return lambda run, i, values: run.operate(_float_kind(i), BINARY[name], values[:2])


for _name in UNARY:
    EXTERNALS[_name] = EXTERNALS[f"{_name}f"] = EXTERNALS[f"llvm.{_name}"] = _unary(_name)
for _name in BINARY:
    EXTERNALS[_name] = EXTERNALS[f"{_name}f"] = EXTERNALS[f"llvm.{_name}"] = _binary(_name)


def external(*names: str):
    def register(function: External) -> External:
        EXTERNALS.update(dict.fromkeys(names, function))
        return function

    return register


@external("llvm.lifetime.start", "llvm.lifetime.end", "llvm.assume", "llvm.dbg.value", "NRT_Free", "numzyme.drop")
@external("llvm.experimental.noalias.scope.decl", "NRT_incref", "NRT_decref")
def _nothing(run: Interpreter, i: Instruction, values: Sequence[Any]) -> None:
    return None


@external(MATCHES)
def _matches(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    """Whether an exception is of a class: what is pickled in its record, or in that which its record keeps."""
    record: Any = values[0]
    memory: Any = run.memory
    while memory.load(record + Record.count.offset, "i32") == CHAINED:
        record = memory.load(memory.load(record + Record.arguments.offset, "ptr"), "i64")
    kind, wanted = (_unpickled(memory, place) for place in (record, values[1]))
    return int(issubclass(kind[0], wanted))


def _unpickled(memory: Memory, record: int) -> Any:
    place, length = (memory.load(record + offset, kind) for offset, kind in ((0, "ptr"), (Record.length.offset, "i32")))
    return serialize.loads(memory.read(int(place), int(length)))  # type: ignore[arg-type]


@external(*(f"{HOLD}{count}" for count in range(HELD + 1)))
def _held(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    """A copy of the bytes, not of what they were computed from."""
    target, source, size = values
    run.memory.write(target, run.memory.read(source, size))
    return target


@external("llvm.powi")
def _integer_power(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Number:
    n = signed(values[1], i.types[1])
    rule = (lambda x: np.power(x, float(n)), lambda x, y: n * float(np.power(x, float(n - 1))))
    return run.operate(i.type, rule, values[:1])


@external("llvm.fma", "llvm.fmuladd", "fma")
def _multiply_add(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Number:
    a, b, c = values
    value = rounded(i.type, a.value * b.value + c.value)
    return run.tape.record(value, ((a, b.value), (b, a.value), (c, 1.0)))


@external("numzyme.power.real", "numzyme.power.imag")
def _complex_power(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Number:
    base, exponent = (complex(values[n].value, values[n + 1].value) for n in (0, 2))
    power = complex(base**exponent)
    by_base = complex(exponent * base ** (exponent - 1.0)) if base else 0j
    by_exponent = complex(power * np.log(base)) if base else 0j
    if i.callee.strip('@"').endswith("real"):
        value, partials = power.real, (by_base.real, -by_base.imag, by_exponent.real, -by_exponent.imag)
    else:
        value, partials = power.imag, (by_base.imag, by_base.real, by_exponent.imag, by_exponent.real)
    return run.tape.record(rounded(i.type, value), tuple(zip(values, partials, strict=True)))


@external("llvm.memset")
def _memset(run: Interpreter, i: Instruction, values: Sequence[Any]) -> None:
    run.memory.fill(values[0], values[1], values[2])


@external("llvm.memcpy", "llvm.memmove")
def _memcpy(run: Interpreter, i: Instruction, values: Sequence[Any]) -> None:
    run.memory.copy(values[0], values[1], values[2])


@external("numzyme.allocate", "numzyme.allocate.list", "numzyme.record", "NRT_Allocate")
def _allocate(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    return run.memory.allocate(values[0] + _MEMINFO)


@external("numba_frexp", "numba_frexpf")
def _frexp(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Number:
    mantissa, exponent = math.frexp(values[0].value)
    run.memory.store(values[1], "i32", exponent % (1 << 32))
    return run.tape.record(mantissa, [(values[0], 2.0**-exponent)])


@external("numba_ldexp", "numba_ldexpf", "llvm.ldexp")
def _ldexp(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Number:
    exponent = signed(values[1], "i32")
    return run.tape.record(math.ldexp(values[0].value, exponent), [(values[0], 2.0**exponent)])


@external("numzyme.escape")
def _escape(run: Interpreter, i: Instruction, values: Sequence[Any]) -> None:
    """What leaves compiled code has no part in the derivative."""


@external("llvm.smax", "llvm.smin", "llvm.umax", "llvm.umin")
def _extreme(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    kind, which = i.type, i.callee.split(".")[1]
    pick = max if which.endswith("max") else min
    return pick(values[:2], key=lambda v: signed(v, kind) if which.startswith("s") else int(v))


@external("llvm.abs")
def _absolute(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    return abs(signed(values[0], i.type)) % (1 << int(i.type[1:]))


@external("llvm.ctlz", "llvm.cttz", "llvm.ctpop")
def _count_bits(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    digits = format(values[0], f"0{int(i.type[1:])}b")
    if "ctpop" in i.callee:
        return digits.count("1")
    ordered = digits if "ctlz" in i.callee else digits[::-1]
    return len(ordered) - len(ordered.lstrip("0"))


@external("llvm.smul.with.overflow", "llvm.umul.with.overflow", "llvm.sadd.with.overflow")
@external("llvm.uadd.with.overflow", "llvm.ssub.with.overflow", "llvm.usub.with.overflow")
def _with_overflow(run: Interpreter, i: Instruction, values: Sequence[Any]) -> tuple[int, int]:
    operation, kind = i.callee.split(".")[1], i.types[0]
    a, b = (signed(v, kind) for v in values) if operation[0] == "s" else values
    exact = {"mul": a * b, "add": a + b, "sub": a - b}[operation[1:]]
    wrapped = exact % (1 << int(kind[1:]))
    return wrapped, int((signed(wrapped, kind) if operation[0] == "s" else wrapped) != exact)


@external("llvm.usub.sat")
def _saturating_subtraction(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    return max(values[0] - values[1], 0)


@external("llvm.is.fpclass")
def _is_class(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    if values[1] != 3:
        raise OracleError(f"unknown float class: {i}")
    return int(np.isnan(values[0].value))


@external("llvm.fshl", "llvm.fshr")
def _funnel_shift(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    width = int(i.type[1:])
    both, shift = values[0] << width | values[1], values[2] % width
    return (both << shift >> width if "fshl" in i.callee else both >> shift) % (1 << width)


@external("numba_attempt_nocopy_reshape")
def _reshape(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    """Fill in the strides of a reshaped view; 0 when there is none."""
    count, dims, strides, new_count, new_dims, new_strides, itemsize, _fortran = values

    def numbers(address: int, many: int) -> list[int]:
        return [signed(run.memory.load(address + 8 * k, "i64"), "i64") for k in range(many)]  # type: ignore

    shape = tuple(numbers(dims, count))
    pretend = np.lib.stride_tricks.as_strided(np.zeros(1, np.dtype(("V", itemsize))), shape, numbers(strides, count))
    try:
        view = pretend.reshape(tuple(numbers(new_dims, new_count)), copy=False)
    except ValueError:
        return 0
    for k, stride in enumerate(view.strides):
        run.memory.store(new_strides + 8 * k, "i64", stride % (1 << 64))
    return 1
