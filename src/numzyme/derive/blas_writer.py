"""Writes calls of Numba's BLAS helpers, and of our own loops over vectors, into a derivative.

Decides how real and complex products differ in the text: the letter of the kind, and two floats to a number. BLAS
conjugates a matrix only where it transposes it; what is to be conjugated and not transposed is conjugated in place and
back (`conjugated`), which needs no memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..ir.model import SIZES
from .emitter import Emitter

N, T, C = "110", "116", "99"  # ASCII codes of the transpose flags: as it is, transposed, transposed and conjugated
KINDS = {"100": "double", "115": "float", "122": "double", "99": "float"}  # of parts, where numbers are complex
COMPLEX = frozenset({"122", "99"})
NORM = "numba_xxnrm2"
_GEMM_TYPES = ["i8", "i8", "i8", "i64", "i64", "i64", "ptr", "ptr", "i64", "ptr", "i64", "ptr", "ptr", "i64"]
_GEMV_TYPES = ["i8", "i8", "i64", "i64", "ptr", "ptr", "i64", "ptr", "ptr", "ptr"]

Matrix = tuple[str, str, str, str]  # rows, columns, leading dimension, where it begins


@dataclass(slots=True)
class BlasWriter:
    """Writes calls for numbers of the kind with the letter `code`; `beta` is 1 (add to the target) or 0."""

    emitter: Emitter
    code: str
    declarations: dict[str, str]
    helpers: set[str]

    @property
    def kind(self) -> str:
        """The type of a float, of which a complex number has two."""
        return KINDS[self.code]

    @property
    def is_complex(self) -> bool:
        return self.code in COMPLEX

    @property
    def width(self) -> int:
        """Bytes of a number."""
        return SIZES[self.kind] * (2 if self.is_complex else 1)

    # -- BLAS -------------------------------------------------------------------------------------
    def _factor(self, value: int) -> str:
        self.helpers.add(f"numzyme.constant.{self.kind}")
        return f'@"numzyme.{"one" if value else "zero"}.{self.kind}"'

    def _call(self, symbol: str, types: list[str], arguments: list[str]) -> None:
        self.declarations[f"@{symbol}"] = f"declare i32 @{symbol}({', '.join(types)})"
        self.emitter.call("i32", f"@{symbol}", list(zip(types, arguments, strict=True)))

    def gemm(self, flags, m, n, k, a, lda, b, ldb, c, ldc, beta=1) -> None:
        """c (m x n) = op(a) op(b) + beta c."""
        arguments = [self.code, *flags, m, n, k, self._factor(1), a, lda, b, ldb, self._factor(beta), c, ldc]
        self._call("numba_xxgemm", _GEMM_TYPES, arguments)

    def gemv(self, flag, m, n, a, lda, x, y, beta=1) -> None:
        """y = op(a) x + beta y, a is m x n."""
        arguments = [self.code, flag, m, n, self._factor(1), a, lda, x, self._factor(beta), y]
        self._call("numba_xxgemv", _GEMV_TYPES, arguments)

    def norm(self, count: str, x: str, step: str, result: str) -> str:
        """The norm of x, which also goes to the memory at `result`."""
        self._call(NORM, ["i8", "i64", "ptr", "i64", "ptr"], [self.code, count, x, step, result])
        return self.emitter.load(self.kind, result)

    # -- numbers and vectors ----------------------------------------------------------------------
    def numbers(self, count: str) -> str:
        """So many numbers in floats."""
        return self.emitter.define(f"mul i64 {count}, 2") if self.is_complex else count

    def imaginary(self, pointer: str) -> str:
        """Where the imaginary part of a complex number is."""
        return self.emitter.offset(pointer, SIZES[self.kind])

    def parts(self, step: str, *pointers: str) -> list[tuple[str, ...]]:
        """The step of a vector and where it starts; the parts of complex numbers are two vectors."""
        if not self.is_complex:
            return [(step, *pointers)]
        return [(twice := self.numbers(step), *pointers), (twice, *map(self.imaginary, pointers))]

    def take(self, pointer: str) -> tuple[str, ...]:
        """The adjoint of a number, one float or two; its place is cleared."""
        places = (pointer, self.imaginary(pointer)) if self.is_complex else (pointer,)
        taken = tuple(self.emitter.load(self.kind, place) for place in places)
        for place in places:
            self.emitter.store(self.kind, "0.000000e+00", place)
        return taken

    def over_norm(self, value: str, norm: str, count: str, step: str) -> str:
        """A value divided by the norm of `count` numbers; zero where the norm is, NaN where it is none."""
        zero = self.emitter.define(f"fcmp oeq {self.kind} {norm}, 0.000000e+00")
        quotient = self.emitter.define(f"fdiv {self.kind} {value}, {norm}")
        quotient = self.emitter.select(zero, self.kind, "0.000000e+00", quotient)
        several = self.emitter.define(f"icmp sgt i64 {count}, 1")
        backwards = self.emitter.define(f"icmp slt i64 {step}, 1")
        no_norm = self.emitter.define(f"and i1 {several}, {backwards}")
        return self.emitter.select(no_norm, self.kind, "0x7FF8000000000000", quotient)

    def _helper(self, result: str, name: str, arguments: list[tuple[str, str]]) -> str:
        self.helpers.add(f"numzyme.{name}.{self.kind}")
        return self.emitter.call(result, f'@"numzyme.{name}.{self.kind}"', arguments)

    def dot(self, count: str, x: str, y: str, step: str = "1") -> str:
        """The product of vectors of floats that are `step` apart."""
        return self._helper(self.kind, "dot", [("i64", count), ("i64", step), ("ptr", x), ("ptr", y)])

    def axpy(self, count: str, factor: str, x: str, y: str, step: str = "1") -> None:
        """y += factor x, of such vectors."""
        arguments = [("i64", count), ("i64", step), (self.kind, factor), ("ptr", x), ("ptr", y)]
        self._helper("void", "axpy", arguments)

    def complex_dot(self, count: str, x: str, y: str, target: str, *, conjugate: bool) -> None:
        """target += x y, of complex vectors, x perhaps conjugated."""
        arguments = [("i64", count), (self.kind, _sign(conjugate)), ("ptr", x), ("ptr", y), ("ptr", target)]
        self._helper("void", "complex_dot", arguments)

    def complex_axpy(self, count: str, factor: Sequence[str], x: str, y: str, *, conjugate: bool) -> None:
        """y += factor x, of complex vectors, x perhaps conjugated."""
        floats = [(self.kind, part) for part in (*factor, _sign(conjugate))]
        self._helper("void", "complex_axpy", [("i64", count), *floats, ("ptr", x), ("ptr", y)])

    @contextmanager
    def conjugated(self, *matrices: Matrix) -> Iterator[None]:
        """What is written in between finds complex matrices conjugated."""
        self._conjugate(matrices)
        yield
        self._conjugate(matrices)

    def _conjugate(self, matrices: Sequence[Matrix]) -> None:
        for rows, columns, leading, pointer in matrices:
            sizes = [("i64", rows), ("i64", columns), ("i64", leading)]
            self._helper("void", "conjugate", [*sizes, ("ptr", pointer)])

    def clear(self, rows: str, columns: str, leading: str, pointer: str) -> None:
        """Set a matrix to zero."""
        sizes = [self.emitter.define(f"mul i64 {count}, {self.width}") for count in (rows, leading)]
        self.declarations["@llvm.memset.p0.i64"] = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
        self.helpers.add("numzyme.clear")
        arguments = [("i64", sizes[0]), ("i64", columns), ("i64", sizes[1]), ("ptr", pointer)]
        self.emitter.call("void", '@"numzyme.clear"', arguments)


def _sign(conjugate: bool) -> str:
    return "-1.000000e+00" if conjugate else "1.000000e+00"
