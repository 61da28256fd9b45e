"""Python implementations of the functions that Numba's code calls: intrinsics, libm, BLAS, allocation.

`EXTERNALS` maps a symbol (for intrinsics without the type suffix) to a function of interpreter, instruction
and arguments. A function that is missing here makes the oracle raise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from numzyme.ir import Instruction

from .functions import BINARY, UNARY
from .interpreter import External, Interpreter, rounded, signed
from .memory import OracleError
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


@external("llvm.lifetime.start", "llvm.lifetime.end", "llvm.assume", "llvm.dbg.value", "NRT_Free")
@external("llvm.experimental.noalias.scope.decl", "NRT_incref", "NRT_decref")
def _nothing(run: Interpreter, i: Instruction, values: Sequence[Any]) -> None:
    return None


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


@external("numzyme.allocate", "numzyme.allocate.list", "NRT_Allocate")
def _allocate(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    return run.memory.allocate(values[0] + _MEMINFO)


@external("numba_frexp", "numba_frexpf")
def _frexp(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Number:
    mantissa, exponent = math.frexp(values[0].value)
    run.memory.store(values[1], "i32", exponent % (1 << 32))
    return run.tape.record(mantissa, [(values[0], 2.0**-exponent)])


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


_KINDS = {ord("d"): "double", ord("s"): "float"}


def _linear(run: Interpreter, kind: str, terms: list[tuple[Number, Number]], extra: Number) -> Number:
    """`extra + sum of products`, one entry of the tape."""
    value = rounded(kind, extra.value + sum(a.value * b.value for a, b in terms))
    partials = [(extra, 1.0)]
    for a, b in terms:
        partials += [(a, b.value), (b, a.value)]
    return run.tape.record(value, partials)


@external("numba_xxdot")
def _dot(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    kind = _KINDS[values[0]]
    _, _, count, x, y, result = values
    left, right = run.memory.load_floats(x, kind, count), run.memory.load_floats(y, kind, count)
    run.memory.store(result, kind, _linear(run, kind, list(zip(left, right, strict=True)), Number(0.0)))
    return 0


@external("numba_xxnrm2")
def _norm(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    code, count, x, step, result = values
    kind = {**_KINDS, ord("z"): "double", ord("c"): "float"}[code]
    width = 1 if code in _KINDS else 2
    size = 8 if kind == "double" else 4
    places = [x + size * (width * step * n + part) for n in range(count) for part in range(width)]
    parts: list[Any] = [run.memory.load(place, kind) for place in places]
    norm = rounded(kind, float(np.linalg.norm([part.value for part in parts])))
    partials = [(part, part.value / norm if norm else 0.0) for part in parts]
    run.memory.store(result, kind, run.tape.record(norm, partials))
    return 0


class _Columns:
    """A BLAS matrix: column-major with a leading dimension, perhaps transposed."""

    def __init__(self, run: Interpreter, kind: str, address: int, leading: int, transposed: bool) -> None:
        self._load = lambda row, column: run.memory.load(
            address + (8 if kind == "double" else 4) * (column * leading + row), kind
        )
        self._transposed = transposed

    def __getitem__(self, place: tuple[int, int]) -> Any:
        return self._load(*(place[::-1] if self._transposed else place))


def _update(run: Interpreter, kind: str, terms: list, alpha: Number, beta: Number, old: Any) -> Number:
    scaled = [(run.operate(kind, BINARY_PRODUCT, (alpha, a)), b) for a, b in terms]
    kept = run.operate(kind, BINARY_PRODUCT, (beta, old)) if beta.value != 0.0 else Number(0.0)
    return _linear(run, kind, scaled, kept)


BINARY_PRODUCT = (np.multiply, lambda a, b, y: (b, a))


@external("numba_xxgemv")
def _matrix_vector(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    kind = _KINDS[values[0]]
    _, trans, m, n, alpha, a, leading, x, beta, y = values
    transposed = chr(trans).lower() != "n"
    matrix = _Columns(run, kind, a, leading, transposed)
    rows, columns = (n, m) if transposed else (m, n)
    scales = [run.memory.load(pointer, kind) for pointer in (alpha, beta)]
    vector, old = run.memory.load_floats(x, kind, columns), run.memory.load_floats(y, kind, rows)
    new = [
        _update(run, kind, [(matrix[r, c], vector[c]) for c in range(columns)], *scales, old[r])  # type: ignore
        for r in range(rows)
    ]
    run.memory.store_floats(y, kind, new)
    return 0


@external("numba_xxgemm")
def _matrix_matrix(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    kind = _KINDS[values[0]]
    _, trans_a, trans_b, m, n, k, alpha, a, lead_a, b, lead_b, beta, c, lead_c = values
    left = _Columns(run, kind, a, lead_a, chr(trans_a).lower() != "n")
    right = _Columns(run, kind, b, lead_b, chr(trans_b).lower() != "n")
    old = _Columns(run, kind, c, lead_c, False)
    scales = [run.memory.load(pointer, kind) for pointer in (alpha, beta)]
    for column in range(n):
        new = [
            _update(run, kind, [(left[r, p], right[p, column]) for p in range(k)], *scales, old[r, column])  # type: ignore
            for r in range(m)
        ]
        run.memory.store_floats(c + column * lead_c * (8 if kind == "double" else 4), kind, new)
    return 0
