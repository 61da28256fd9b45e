"""Derivatives of Numba's BLAS helpers: products of matrices and vectors, as products again, and Euclidean norms.

The helpers are column-major, as BLAS is; C = op(A) op(B) has the adjoints A += C op(B)^T and B += op(A)^T C,
with the transposes moved around (Giles, "An extended collection of matrix derivative results", 2008). The adjoint of a
complex number is that of its two parts, so the transposes of complex products are conjugated as well. Only the
constant factors that Numba and derivatives pass are accepted: alpha = 1, beta = 0 or, where products are added, 1.

What BLAS makes of a vector with a negative step, Numba's norm of `x[::-1]`, is not its norm but depends on the library:
the derivative is NaN, so that nobody takes it for one.

Invariant: an operand that is overwritten after the call is copied to the tape before it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..analysis import symbol_of
from ..diagnostics import UnsupportedCodeError
from ..ir import Instruction
from ..ir.model import SIZES
from .blas_writer import COMPLEX, KINDS, NORM, BlasWriter, C, Matrix, N, T
from .emitter import Emitter
from .facts import FunctionFacts

if TYPE_CHECKING:
    from .reverse_sweep import ReverseSweep

_OUTPUT = {"numba_xxdot": 5, "numba_xxgemv": 9, "numba_xxgemm": 12, NORM: 4}
_INPUTS = {"numba_xxdot": (3, 4), "numba_xxgemv": (5, 7), "numba_xxgemm": (7, 9), NORM: (2, 2)}
_FACTORS = {"numba_xxgemv": {4: (1.0,), 8: (0.0, 1.0)}, "numba_xxgemm": {6: (1.0,), 11: (0.0, 1.0)}}
_TRANSPOSES = {"numba_xxgemv": (1,), "numba_xxgemm": (1, 2)}  # positions of the flags
_BETA = {"numba_xxgemv": 8, "numba_xxgemm": 11}
_CONSTANT = re.compile(r" constant (.*)")
_FLOAT = re.compile(r"(?:double|float) ([-+.\w]+)")
_ZERO = "0.000000e+00"


def output(call: Instruction) -> int:
    """Position of the argument that the helper writes."""
    return _OUTPUT[symbol_of(call.callee)]


def inputs(call: Instruction) -> tuple[int, int]:
    """Positions of the two factors; of a norm, twice that of its vector."""
    return _INPUTS[symbol_of(call.callee)]


def kind_of(facts: FunctionFacts, call: Instruction) -> str:
    """`double` or `float`, of complex numbers that of their parts; what has no derivative here is refused."""
    symbol = symbol_of(call.callee)
    for position, expected in _FACTORS.get(symbol, {}).items():
        if factor_behind(facts, call, position) not in expected:
            raise UnsupportedCodeError(
                "a scaled matrix product cannot be differentiated yet",
                where=facts.location(call),
                why=f"argument {position} of {symbol} is not the constant {expected[0]}",
            )
    flags = (N, T, C) if call.operands[0] in COMPLEX else (N, T)
    wrong = any(call.operands[position] not in flags for position in _TRANSPOSES.get(symbol, ()))
    if wrong or (symbol == "numba_xxdot" and call.operands[1] not in ("0", "1")):
        raise UnsupportedCodeError("the transpose flag of a product is not a constant", where=facts.location(call))
    return KINDS[call.operands[0]]


def adds(facts: FunctionFacts, call: Instruction) -> bool:
    """Whether a product is added to what its target holds."""
    position = _BETA.get(symbol_of(call.callee))
    return position is not None and factor_behind(facts, call, position) == 1.0


def factor_behind(facts: FunctionFacts, call: Instruction, position: int) -> complex | None:
    """The one constant that an argument of a product ever points at, if that is so."""
    pointer, letter = call.operands[position], call.operands[0]
    constant = _CONSTANT.search(facts.module.globals.get(pointer, ""))
    if constant is None:
        parts = _stored_parts(facts, pointer, KINDS[letter])
    elif constant[1].split(",")[0].endswith("zeroinitializer"):
        parts = [{_ZERO}, {_ZERO}]
    else:
        parts = [{part} for part in _FLOAT.findall(constant[1])]
    wanted = parts[: 2 if letter in COMPLEX else 1]
    if not wanted or any(len(part) != 1 for part in wanted) or (letter in COMPLEX and len(wanted) < 2):
        return None
    try:
        return complex(*(float(value) for (value,) in wanted))
    except ValueError:
        return None  # computed, or in LLVM's hexadecimal: neither is 0 or 1


def _stored_parts(facts: FunctionFacts, pointer: str, kind: str) -> list[set[str]]:
    """All that is ever stored as the float where `pointer` points, and as the next one; empty if more may be."""
    memory = facts.memory
    objects, start = memory.objects(pointer), memory.offset(pointer)
    if start is None:
        return []
    parts: list[set[str]] = [set(), set()]
    places: dict[int | None, set[str]] = {start: parts[0], start + SIZES[kind]: parts[1]}
    for _, _, write, written in memory.writes:
        if not written & objects:
            continue
        place = memory.offset(write.operands[1]) if write.opcode == "store" and write.types[0] == kind else None
        if place is not None and place in places:
            places[place].add(write.operands[0])
        elif write.opcode == "call" and symbol_of(write.callee).startswith("llvm.memset") and write.operands[1] == "0":
            for part in parts:
                part.add(_ZERO)
        else:
            return []
    return parts


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


def operand_floats(emitter: Emitter, call: Instruction, position: int) -> str:
    """How many floats lie behind an operand, as an i64."""
    numbers = _operand_numbers(emitter, call, position)
    return emitter.define(f"mul i64 {numbers}, 2") if call.operands[0] in COMPLEX else numbers


def _operand_numbers(emitter: Emitter, call: Instruction, position: int) -> str:
    o, symbol = call.operands, symbol_of(call.callee)
    if symbol == "numba_xxdot":
        return o[2]
    if symbol == NORM:
        # BLAS counts from the first element on, and reads nothing more where the step is negative
        backwards = emitter.define(f"icmp slt i64 {o[3]}, 1")
        return emitter.define(f"mul i64 {o[1]}, {emitter.select(backwards, 'i64', '1', o[3])}")
    if symbol == "numba_xxgemv":
        if position == 5:
            return _extent(emitter, o[2], o[3], o[6])
        return o[3] if o[1] == N else o[2]
    leading = o[8] if position == 7 else o[10]
    flag = o[1] if position == 7 else o[2]
    rows, columns = (o[3], o[5]) if position == 7 else (o[5], o[4])
    return _extent(emitter, *((rows, columns) if flag == N else (columns, rows)), leading)


def _extent(emitter: Emitter, rows: str, columns: str, leading: str) -> str:
    """From the first number of a matrix to its last: behind the rows of the last column memory may end."""
    before = emitter.define(f"mul i64 {emitter.define(f'add i64 {columns}, -1')}, {leading}")
    empty = emitter.define(f"icmp slt i64 {columns}, 1")
    return emitter.select(empty, "i64", "0", emitter.define(f"add i64 {before}, {rows}"))


def _target(call: Instruction, o: list[str]) -> tuple[str, str, str]:
    """Rows, columns and leading dimension of what a product writes; a vector is a column."""
    if symbol_of(call.callee) == "numba_xxdot":
        return "1", "1", "1"
    if symbol_of(call.callee) == "numba_xxgemv":
        rows = o[2] if o[1] == N else o[3]
        return rows, "1", rows
    return o[3], o[4], o[13]


# -- reverse mode -----------------------------------------------------------------------------------
def reverse(sweep: ReverseSweep, call: Instruction) -> None:
    """The reverse of a product: products for the adjoints of the factors, then the target's shadow is cleared."""
    facts, values, symbol = sweep.facts, sweep.values, symbol_of(call.callee)
    kind_of(facts, call)
    writer = BlasWriter(sweep.emitter, call.operands[0], sweep.writer.declarations, sweep.helpers)
    sweep.context.report.rules[symbol] += 1
    copies = copied_operands(facts, call)

    def primal(position: int) -> str:
        return values.value(copy_name(call, position) if position in copies else call.operands[position])

    def shadow(position: int) -> str:
        return sweep.shadow(call.operands[position], call)

    active = {position for position in inputs(call) if facts.has_shadow(call.operands[position])}
    sizes = [values.value(v) if k == "i64" else v for v, k in zip(call.operands, call.types, strict=True)]
    if symbol == NORM:
        _reverse_norm(writer, sizes, primal(2), shadow(2), shadow(4))
        return
    {"numba_xxdot": _reverse_dot, "numba_xxgemv": _reverse_gemv, "numba_xxgemm": _reverse_gemm}[symbol](
        writer, sizes, active, primal, shadow
    )
    if symbol in _BETA and not adds(facts, call):
        writer.clear(*_target(call, sizes), shadow(output(call)))


def _reverse_norm(writer: BlasWriter, o: list[str], x: str, shadow: str, result: str) -> None:
    adjoint = writer.emitter.load(writer.kind, result)
    norm = writer.norm(o[1], x, o[3], result)  # the adjoint's place is free from here on
    writer.emitter.store(writer.kind, "0.000000e+00", result)
    factor = writer.over_norm(adjoint, norm, o[1], o[3])
    for step, x_part, shadow_part in writer.parts(o[3], x, shadow):
        writer.axpy(o[1], factor, x_part, shadow_part, step)


def _reverse_dot(writer: BlasWriter, o: list[str], active: set[int], primal, shadow) -> None:
    adjoint = writer.take(shadow(5))
    conjugates_first = o[1] == "1"
    for position, other in ((3, 4), (4, 3)):
        if position not in active:
            continue
        if not writer.is_complex:
            writer.axpy(o[2], adjoint[0], primal(other), shadow(position))
            continue
        factor = adjoint
        if conjugates_first and position == 3:
            factor = (adjoint[0], writer.emitter.negative(writer.kind, adjoint[1]))
        writer.complex_axpy(o[2], factor, primal(other), shadow(position), conjugate=not conjugates_first)


def _reverse_gemv(writer: BlasWriter, o: list[str], active: set[int], primal, shadow) -> None:
    """A vector may be taken for a row or for a column, so that it can always be transposed when it is conjugated."""
    flag, m, n, lda = o[1], o[2], o[3], o[6]
    target, adjoint = shadow(9), C if writer.is_complex else T
    if 5 in active:
        if flag == N:
            writer.gemm((N, adjoint), m, n, "1", target, m, primal(7), n, shadow(5), lda)
        elif flag == T:
            writer.gemm((adjoint, N), m, n, "1", primal(7), "1", target, "1", shadow(5), lda)
        else:
            writer.gemm((N, C), m, n, "1", primal(7), m, target, n, shadow(5), lda)
    if 7 not in active:
        return
    vectors: list[Matrix] = []
    if writer.is_complex and flag == T:
        vectors = [(n, "1", n, target), (m, "1", m, shadow(7))]
    with writer.conjugated(*vectors):
        writer.gemv(adjoint if flag == N else N, m, n, primal(5), lda, target, shadow(7))


def _reverse_gemm(writer: BlasWriter, o: list[str], active: set[int], primal, shadow) -> None:
    """Where one factor is transposed and the other is not, a complex one would have to be conjugated and not
    transposed; between conjugated shadows the formulas are those of real products."""
    ta, tb, m, n, k, lda, ldb, ldc = o[1], o[2], o[3], o[4], o[5], o[8], o[10], o[13]
    target = shadow(12)
    mixed = writer.is_complex and {ta, tb} == {N, T}
    adjoint = C if writer.is_complex and not mixed else T
    opposite = {N: adjoint, adjoint: N}
    conjugate = {T: C, C: T} if adjoint == C else {N: N, T: T}

    def conjugated(*matrices: Matrix):
        return writer.conjugated(*(matrices if mixed else ()))

    with conjugated((m, n, ldc, target)):
        if 7 in active:
            with conjugated((*((m, k) if ta == N else (k, m)), lda, shadow(7))):
                if ta == N:
                    writer.gemm((N, opposite[tb]), m, k, n, target, ldc, primal(9), ldb, shadow(7), lda)
                else:
                    first = conjugate[tb] if ta == T else tb
                    writer.gemm((first, ta), k, m, n, primal(9), ldb, target, ldc, shadow(7), lda)
        if 9 in active:
            with conjugated((*((k, n) if tb == N else (n, k)), ldb, shadow(9))):
                if tb == N:
                    writer.gemm((opposite[ta], N), k, n, m, primal(7), lda, target, ldc, shadow(9), ldb)
                else:
                    second = conjugate[ta] if tb == T else ta
                    writer.gemm((tb, second), n, k, m, target, ldc, primal(7), lda, shadow(9), ldb)


# -- forward mode -----------------------------------------------------------------------------------
def forward(emitter: Emitter, facts: FunctionFacts, call: Instruction, shadow, declarations, helpers) -> None:
    """The tangent of a product, by the product rule; `shadow(position)` is the tangent of an argument."""
    kind_of(facts, call)
    writer = BlasWriter(emitter, call.operands[0], declarations, helpers)
    o, symbol = call.operands, symbol_of(call.callee)
    if symbol == NORM:
        dot = "0.000000e+00"
        for step, x, tangent in writer.parts(o[3], o[2], shadow(2)) if facts.has_shadow(o[2]) else ():
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
            _forward_dot(writer, o, a, b, target, beta)
        beta = 1
    if not beta:
        writer.clear(*_target(call, o), target)


def _forward_dot(writer: BlasWriter, o: list[str], a: str, b: str, target: str, beta: int) -> None:
    if writer.is_complex:
        if not beta:
            writer.clear("1", "1", "1", target)
        writer.complex_dot(o[2], a, b, target, conjugate=o[1] == "1")
        return
    part = writer.dot(o[2], a, b)
    before = writer.emitter.load(writer.kind, target) if beta else "-0.000000e+00"
    writer.emitter.store(writer.kind, writer.emitter.sum(writer.kind, before, part), target)
