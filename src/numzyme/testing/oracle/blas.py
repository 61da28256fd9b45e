"""Python implementations of Numba's helpers for BLAS, and of one for LAPACK, real and complex, for the oracle.

Every part of a number of a result is one entry of the tape, whose partial derivatives are the parts of what was
multiplied: no adjoint of a matrix is ever written down here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import linalg

from numzyme.ir import Instruction

from .interpreter import External, Interpreter, rounded
from .memory import OracleError
from .tape import CONSTANT, Number

_KINDS = {ord("d"): "double", ord("s"): "float", ord("z"): "double", ord("c"): "float"}
_SIZES = {"double": 8, "float": 4}
_ONE, _ZERO = Number(1.0), Number(0.0)

Parts = tuple[Number, ...]  # of a number: one float if it is real, two if it is complex


class _Numbers:
    """The numbers of one call in memory."""

    def __init__(self, run: Interpreter, letter: int) -> None:
        self.run, self.kind, self.parts = run, _KINDS[letter], 2 if chr(letter) in "zc" else 1
        self.size = _SIZES[self.kind] * self.parts

    def load(self, address: int) -> Parts:
        return tuple(self.run.memory.load_floats(address, self.kind, self.parts))

    def vector(self, address: int, count: int) -> list[Parts]:
        return [self.load(address + self.size * n) for n in range(count)]

    def store(self, address: int, number: Parts) -> None:
        self.run.memory.store_floats(address, self.kind, number)

    def matrix(self, address: int, rows: int, columns: int, leading: int, flag: str = "n") -> list[list[Parts]]:
        """The rows of op(a); `rows` and `columns` are those of what lies in memory, column by column."""
        table = [[self.load(address + self.size * (c * leading + r)) for c in range(columns)] for r in range(rows)]
        if flag == "n":
            return table
        if flag not in "tc":
            raise OracleError(f"unknown transpose flag {flag}")
        return [[_conjugate(self.run, n) if flag == "c" else n for n in column] for column in zip(*table, strict=True)]

    def sum_of_products(self, pairs: list[tuple[Parts, Parts]]) -> Parts:
        """Each part is one entry of the tape."""
        return tuple(self._part(part, pairs) for part in range(self.parts))

    def _part(self, part: int, pairs: list[tuple[Parts, Parts]]) -> Number:
        found = np.asarray([[_value(a), _value(b)] for a, b in pairs]).reshape(-1, 2)
        total = np.dot(found[:, 0], found[:, 1])
        partials = []
        for number, other in [*pairs, *((b, a) for a, b in pairs)]:
            factor = _value(other)
            slopes = (factor.real, -factor.imag) if part == 0 else (factor.imag, factor.real)
            partials += zip(number, slopes, strict=False)
        return self.run.tape.record(rounded(self.kind, total.real if part == 0 else total.imag), partials)

    def update(self, terms: list[tuple[Parts, Parts]], alpha: Parts, beta: Parts, address: int) -> None:
        """target = alpha * terms + beta * target; what is multiplied by zero is not read."""
        product = self.sum_of_products([(alpha, self.sum_of_products(terms))])
        if _value(beta) != 0.0:
            one = (_ONE, _ZERO)[: self.parts]
            product = self.sum_of_products([(beta, self.load(address)), (one, product)])
        self.store(address, product)


def _value(number: Parts) -> complex:
    return complex(*(part.value for part in number))


def _conjugate(run: Interpreter, number: Parts) -> Parts:
    return number[:1] + tuple(run.tape.record(-part.value, [(part, -1.0)]) for part in number[1:])


def _dot(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    letter, conjugate, count, x, y, result = values
    numbers = _Numbers(run, letter)
    left = [_conjugate(run, number) if conjugate else number for number in numbers.vector(x, count)]
    numbers.store(result, numbers.sum_of_products(list(zip(left, numbers.vector(y, count), strict=True))))
    return 0


def _matrix_vector(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    letter, flag, m, n, alpha, a, leading, x, beta, y = values
    numbers = _Numbers(run, letter)
    table = numbers.matrix(a, m, n, leading, chr(flag).lower())
    scales, vector = (numbers.load(alpha), numbers.load(beta)), numbers.vector(x, len(table[0]))
    for r, row in enumerate(table):
        numbers.update(list(zip(row, vector, strict=True)), *scales, y + numbers.size * r)
    return 0


def _matrix_matrix(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    letter, flag_a, flag_b, m, n, k, alpha, a, lead_a, b, lead_b, beta, c, lead_c = values
    numbers = _Numbers(run, letter)
    transpose_a, transpose_b = chr(flag_a).lower(), chr(flag_b).lower()
    left = numbers.matrix(a, *((m, k) if transpose_a == "n" else (k, m)), lead_a, transpose_a)
    right = numbers.matrix(b, *((k, n) if transpose_b == "n" else (n, k)), lead_b, transpose_b)
    scales = numbers.load(alpha), numbers.load(beta)
    for column in range(n):
        for r in range(m):
            terms = [(left[r][p], right[p][column]) for p in range(k)]
            numbers.update(terms, *scales, c + numbers.size * (column * lead_c + r))
    return 0


def _norm(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    letter, count, x, step, result = values
    numbers = _Numbers(run, letter)
    parts = [part for n in range(count) for part in numbers.load(x + numbers.size * step * n)]
    norm = rounded(numbers.kind, float(np.linalg.norm([part.value for part in parts])))
    partials = [(part, part.value / norm if norm else 0.0) for part in parts]
    run.memory.store(result, numbers.kind, run.tape.record(norm, partials))
    return 0


def _singular_values(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    """As SciPy's LAPACK has it, of what no derivative goes through."""
    letter, job, m, n, a, lead_a, s, u, lead_u, v, lead_v = values
    numbers = _Numbers(run, letter)
    table = numbers.matrix(a, m, n, lead_a)
    if any(part.node != CONSTANT for row in table for number in row for part in number):
        raise OracleError("no rule for singular values")
    kind = np.dtype({"s": "f4", "d": "f8", "c": "c8", "z": "c16"}[chr(letter)])
    matrix = np.array([[_value(number) for number in row] for row in table]).astype(kind)
    found = linalg.svd(matrix, full_matrices=chr(job) == "A", compute_uv=chr(job) != "N")
    vectors = (u, lead_u, found[0]), (v, lead_v, found[2])
    for address, leading, columns in vectors if chr(job) != "N" else ():
        for (r, c), value in np.ndenumerate(columns):
            parts = tuple(map(Number, (float(value.real), float(value.imag))[: numbers.parts]))
            numbers.store(address + numbers.size * (c * leading + r), parts)
    run.memory.store_floats(s, numbers.kind, [Number(float(v)) for v in (found if chr(job) == "N" else found[1])])
    return 0


BLAS: dict[str, External] = {
    "numba_ez_gesdd": _singular_values,
    "numba_xxdot": _dot,
    "numba_xxgemv": _matrix_vector,
    "numba_xxgemm": _matrix_matrix,
    "numba_xxnrm2": _norm,
}
