"""Derivatives of Numba's BLAS helpers: products of matrices and vectors, as products again, and Euclidean norms.

The helpers are column-major, as BLAS is; C = op(A) op(B) has the adjoints A += C op(B)^T and B += op(A)^T C,
with the transposes moved around (Giles, "An extended collection of matrix derivative results", 2008). Only the
constant factors that Numba and derivatives pass are accepted: alpha = 1, beta = 0 or, where products are added, 1.

What BLAS makes of a vector with a negative step, Numba's norm of `x[::-1]`, is not its norm but depends on the library:
the derivative is NaN, so that nobody takes it for one.

Invariant: an operand that is overwritten after the call is copied to the tape before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..analysis import symbol_of
from ..diagnostics import UnsupportedCodeError
from ..ir import Instruction
from .emitter import Emitter
from .facts import FunctionFacts

if TYPE_CHECKING:
    from .reverse_sweep import ReverseSweep

N, T = "110", "116"  # ASCII codes of the transpose flags
_KINDS = {"100": "double", "115": "float"}
_NORM = "numba_xxnrm2"
_NORM_KINDS = {**_KINDS, "122": "double", "99": "float"}  # that of complex numbers is that of their parts
_OUTPUT = {"numba_xxdot": 5, "numba_xxgemv": 9, "numba_xxgemm": 12, _NORM: 4}
_INPUTS = {"numba_xxdot": (3, 4), "numba_xxgemv": (5, 7), "numba_xxgemm": (7, 9), _NORM: (2, 2)}
_FACTORS = {"numba_xxgemv": {4: (1.0,), 8: (0.0, 1.0)}, "numba_xxgemm": {6: (1.0,), 11: (0.0, 1.0)}}
_BETA = {"numba_xxgemv": 8, "numba_xxgemm": 11}
_CONSTANT = re.compile(r" constant (?:double|float) (\S+?)(?:,|$)")
_GEMM_TYPES = ["i8", "i8", "i8", "i64", "i64", "i64", "ptr", "ptr", "i64", "ptr", "i64", "ptr", "ptr", "i64"]
_GEMV_TYPES = ["i8", "i8", "i64", "i64", "ptr", "ptr", "i64", "ptr", "ptr", "ptr"]


def output(call: Instruction) -> int:
    """Position of the argument that the helper writes."""
    return _OUTPUT[symbol_of(call.callee)]


def inputs(call: Instruction) -> tuple[int, int]:
    """Positions of the two factors; of a norm, twice that of its vector."""
    return _INPUTS[symbol_of(call.callee)]


def kind_of(facts: FunctionFacts, call: Instruction) -> str:
    """`double` or `float`; complex products are refused."""
    if symbol_of(call.callee) == _NORM:
        return _NORM_KINDS[call.operands[0]]
    kind = _KINDS.get(call.operands[0])
    if kind is None:
        raise UnsupportedCodeError("a complex matrix product cannot be differentiated yet", where=facts.location(call))
    for position, expected in _FACTORS.get(symbol_of(call.callee), {}).items():
        if constant_behind(facts, call.operands[position]) not in expected:
            raise UnsupportedCodeError(
                "a scaled matrix product cannot be differentiated yet",
                where=facts.location(call),
                why=f"argument {position} of {symbol_of(call.callee)} is not the constant {expected[0]}",
            )
    if call.operands[1] not in ((N, T) if symbol_of(call.callee) != "numba_xxdot" else ("0", "1")):
        raise UnsupportedCodeError("the transpose flag of a product is not a constant", where=facts.location(call))
    return kind


def adds(facts: FunctionFacts, call: Instruction) -> bool:
    """Whether a product is added to what its target holds."""
    position = _BETA.get(symbol_of(call.callee))
    return position is not None and constant_behind(facts, call.operands[position]) == 1.0


def constant_behind(facts: FunctionFacts, pointer: str) -> float | None:
    """The one constant that is ever stored where `pointer` points, or that a global holds, if that is so."""
    constant = _CONSTANT.search(facts.module.globals.get(pointer, ""))
    if constant is not None:
        return float(constant[1])
    objects = facts.memory.objects(pointer)
    values = set()
    for _, _, instruction, written in facts.memory.writes:
        if written & objects:
            values.add(instruction.operands[0] if instruction.opcode == "store" else None)
    only = values.pop() if len(values) == 1 else None
    if only is None or only.startswith("%"):
        return None
    return float(only)


def copied_operands(facts: FunctionFacts, call: Instruction) -> list[int]:
    """Positions of factors that the reverse needs and that are overwritten after the call."""
    label, index = facts.site[id(call)]
    first, second = inputs(call)
    found = []
    for position, other in ((first, second), (second, first)):
        objects = facts.memory.objects(call.operands[position])
        needed = facts.has_shadow(call.operands[other]) and position not in found
        if needed and not _stays(facts, label, index, objects):
            found.append(position)
    return found


def _stays(facts: FunctionFacts, label: str, index: int, objects) -> bool:
    from .calls import is_kept

    return all(is_kept(facts, o) for o in objects) and not facts.memory.overwritten_after(label, index, objects)


def copy_name(call: Instruction, position: int) -> str:
    """The SSA name of the tape's copy of an operand."""
    return f'%"copy {position} of {call.name[1:].strip(chr(34))}"'


def operand_elements(emitter: Emitter, call: Instruction, position: int) -> str:
    """How many elements lie behind an operand, as an i64."""
    o, symbol = call.operands, symbol_of(call.callee)
    if symbol == "numba_xxdot":
        return o[2]
    if symbol == _NORM:
        # BLAS counts from the first element on, and reads nothing more where the step is negative
        backwards = emitter.define(f"icmp slt i64 {o[3]}, 1")
        span = emitter.define(f"mul i64 {o[1]}, {emitter.select(backwards, 'i64', '1', o[3])}")
        return span if o[0] in _KINDS else emitter.define(f"mul i64 {span}, 2")
    if symbol == "numba_xxgemv":
        if position == 5:
            return emitter.define(f"mul i64 {o[6]}, {o[3]}")
        return o[3] if o[1] == N else o[2]
    leading = o[8] if position == 7 else o[10]
    flag = o[1] if position == 7 else o[2]
    rows, columns = (o[3], o[5]) if position == 7 else (o[5], o[4])
    return emitter.define(f"mul i64 {leading}, {columns if flag == N else rows}")


@dataclass(slots=True)
class _Writer:
    """Writes calls of the helpers; `beta` is 1 (add to the target) or 0."""

    emitter: Emitter
    kind: str
    declarations: dict[str, str]
    helpers: set[str]

    def _factor(self, value: int) -> str:
        self.helpers.add(f"numzyme.constant.{self.kind}")
        return f'@"numzyme.{"one" if value else "zero"}.{self.kind}"'

    def _call(self, symbol: str, types: list[str], arguments: list[str]) -> None:
        self.declarations[f"@{symbol}"] = f"declare i32 @{symbol}({', '.join(types)})"
        self.emitter.call("i32", f"@{symbol}", list(zip(types, arguments, strict=True)))

    def gemm(self, flags, m, n, k, a, lda, b, ldb, c, ldc, beta=1) -> None:
        """c (m x n) = op(a) op(b) + beta c."""
        code = "100" if self.kind == "double" else "115"
        arguments = [code, *flags, m, n, k, self._factor(1), a, lda, b, ldb, self._factor(beta), c, ldc]
        self._call("numba_xxgemm", _GEMM_TYPES, arguments)

    def gemv(self, flag, m, n, a, lda, x, y, beta=1) -> None:
        """y = op(a) x + beta y, a is m x n."""
        code = "100" if self.kind == "double" else "115"
        self._call("numba_xxgemv", _GEMV_TYPES, [code, flag, m, n, self._factor(1), a, lda, x, self._factor(beta), y])

    def norm(self, code: str, count: str, x: str, step: str, result: str) -> str:
        """The norm of x, which also goes to the memory at `result`."""
        self._call(_NORM, ["i8", "i64", "ptr", "i64", "ptr"], [code, count, x, step, result])
        return self.emitter.load(self.kind, result)

    def parts(self, code: str, step: str, *pointers: str) -> list[tuple[str, ...]]:
        """The step of a vector and where it starts; the parts of complex numbers are two vectors."""
        if code in _KINDS:
            return [(step, *pointers)]
        twice = self.emitter.define(f"mul i64 {step}, 2")
        width = 8 if self.kind == "double" else 4
        return [(twice, *pointers), (twice, *(self.emitter.offset(pointer, width) for pointer in pointers))]

    def over_norm(self, value: str, norm: str, count: str, step: str) -> str:
        """A value divided by the norm of `count` numbers; zero where the norm is, NaN where it is none."""
        zero = self.emitter.define(f"fcmp oeq {self.kind} {norm}, 0.000000e+00")
        quotient = self.emitter.define(f"fdiv {self.kind} {value}, {norm}")
        quotient = self.emitter.select(zero, self.kind, "0.000000e+00", quotient)
        several = self.emitter.define(f"icmp sgt i64 {count}, 1")
        backwards = self.emitter.define(f"icmp slt i64 {step}, 1")
        no_norm = self.emitter.define(f"and i1 {several}, {backwards}")
        return self.emitter.select(no_norm, self.kind, "0x7FF8000000000000", quotient)

    def dot(self, count: str, x: str, y: str, step: str = "1") -> str:
        """The product of vectors whose elements are `step` apart."""
        self.helpers.add(f"numzyme.dot.{self.kind}")
        arguments = [("i64", count), ("i64", step), ("ptr", x), ("ptr", y)]
        return self.emitter.call(self.kind, f'@"numzyme.dot.{self.kind}"', arguments)

    def axpy(self, count: str, factor: str, x: str, y: str, step: str = "1") -> None:
        """y += factor x, of such vectors."""
        self.helpers.add(f"numzyme.axpy.{self.kind}")
        arguments = [("i64", count), ("i64", step), (self.kind, factor), ("ptr", x), ("ptr", y)]
        self.emitter.call("void", f'@"numzyme.axpy.{self.kind}"', arguments)

    def clear(self, pointer: str, count: str) -> None:
        size = self.emitter.define(f"mul i64 {count}, {8 if self.kind == 'double' else 4}")
        self.declarations["@llvm.memset.p0.i64"] = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
        self.emitter.line(f"call void @llvm.memset.p0.i64(ptr {pointer}, i8 0, i64 {size}, i1 false)")


def reverse(sweep: ReverseSweep, call: Instruction) -> None:
    """The reverse of a product: products for the adjoints of the factors, then the target's shadow is cleared."""
    facts, values = sweep.facts, sweep.values
    writer = _Writer(sweep.emitter, kind_of(facts, call), sweep.writer.declarations, sweep.helpers)
    sweep.context.report.rules[symbol_of(call.callee)] += 1
    copies = copied_operands(facts, call)

    def primal(position: int) -> str:
        return values.value(copy_name(call, position) if position in copies else call.operands[position])

    def shadow(position: int) -> str:
        return sweep.shadow(call.operands[position], call)

    active = {position for position in inputs(call) if facts.has_shadow(call.operands[position])}
    sizes = [values.value(v) if k == "i64" else v for v, k in zip(call.operands, call.types, strict=True)]
    if symbol_of(call.callee) == _NORM:
        _reverse_norm(writer, sizes, primal(2), shadow(2), shadow(4))
        return
    {"numba_xxdot": _reverse_dot, "numba_xxgemv": _reverse_gemv, "numba_xxgemm": _reverse_gemm}[symbol_of(call.callee)](
        writer, sizes, active, primal, shadow
    )
    if symbol_of(call.callee) in _BETA and not adds(facts, call):
        writer.clear(shadow(output(call)), _target_elements(sweep.emitter, call, sizes))


def _reverse_norm(writer: _Writer, o: list[str], x: str, shadow: str, result: str) -> None:
    adjoint = writer.emitter.load(writer.kind, result)
    norm = writer.norm(o[0], o[1], x, o[3], result)  # the adjoint's place is free from here on
    writer.emitter.store(writer.kind, "0.000000e+00", result)
    factor = writer.over_norm(adjoint, norm, o[1], o[3])
    for step, x_part, shadow_part in writer.parts(o[0], o[3], x, shadow):
        writer.axpy(o[1], factor, x_part, shadow_part, step)


def _reverse_dot(writer: _Writer, o: list[str], active: set[int], primal, shadow) -> None:
    result = shadow(5)
    adjoint = writer.emitter.load(writer.kind, result)
    writer.emitter.store(writer.kind, "0.000000e+00", result)
    for position, other in ((3, 4), (4, 3)):
        if position in active:
            writer.axpy(o[2], adjoint, primal(other), shadow(position))


def _reverse_gemv(writer: _Writer, o: list[str], active: set[int], primal, shadow) -> None:
    flag, m, n, lda = o[1], o[2], o[3], o[6]
    target = shadow(9)
    if 5 in active:
        left, right = (target, primal(7)) if flag == N else (primal(7), target)
        writer.gemm((N, N), m, n, "1", left, m, right, "1", shadow(5), lda)
    if 7 in active:
        writer.gemv(T if flag == N else N, m, n, primal(5), lda, target, shadow(7))


def _reverse_gemm(writer: _Writer, o: list[str], active: set[int], primal, shadow) -> None:
    ta, tb, m, n, k, lda, ldb, ldc = o[1], o[2], o[3], o[4], o[5], o[8], o[10], o[13]
    target = shadow(12)
    flip = {N: T, T: N}
    if 7 in active:
        if ta == N:
            writer.gemm((N, flip[tb]), m, k, n, target, ldc, primal(9), ldb, shadow(7), lda)
        else:
            writer.gemm((tb, T), k, m, n, primal(9), ldb, target, ldc, shadow(7), lda)
    if 9 in active:
        if tb == N:
            writer.gemm((flip[ta], N), k, n, m, primal(7), lda, target, ldc, shadow(9), ldb)
        else:
            writer.gemm((T, ta), n, k, m, target, ldc, primal(7), lda, shadow(9), ldb)


def _target_elements(emitter: Emitter, call: Instruction, o: list[str]) -> str:
    if symbol_of(call.callee) == "numba_xxgemv":
        return o[2] if o[1] == N else o[3]
    return emitter.define(f"mul i64 {o[13]}, {o[4]}")


def forward(emitter: Emitter, facts: FunctionFacts, call: Instruction, shadow, declarations, helpers) -> None:
    """The tangent of a product, by the product rule; `shadow(position)` is the tangent of an argument."""
    writer = _Writer(emitter, kind_of(facts, call), declarations, helpers)
    o, symbol = call.operands, symbol_of(call.callee)
    if symbol == _NORM:
        dot = "0.000000e+00"
        for step, x, tangent in writer.parts(o[0], o[3], o[2], shadow(2)) if facts.has_shadow(o[2]) else ():
            dot = emitter.sum(writer.kind, dot, writer.dot(o[1], x, tangent, step))
        emitter.store(writer.kind, writer.over_norm(dot, emitter.load(writer.kind, o[4]), o[1], o[3]), shadow(4))
        return
    first, second = inputs(call)
    target, beta = shadow(output(call)), int(adds(facts, call))
    for position in (first, second):
        if not facts.has_shadow(o[position]):
            continue
        a, b = (shadow(first), o[second]) if position == first else (o[first], shadow(second))
        if symbol == "numba_xxgemm":
            writer.gemm((o[1], o[2]), o[3], o[4], o[5], a, o[8], b, o[10], target, o[13], beta)
        elif symbol == "numba_xxgemv":
            writer.gemv(o[1], o[2], o[3], a, o[6], b, target, beta)
        else:
            part = writer.dot(o[2], a, b)
            before = emitter.load(writer.kind, target) if beta else "-0.000000e+00"
            emitter.store(writer.kind, emitter.sum(writer.kind, before, part), target)
        beta = 1
    if not beta:
        writer.clear(target, "1" if symbol == "numba_xxdot" else _target_elements(emitter, call, o))
