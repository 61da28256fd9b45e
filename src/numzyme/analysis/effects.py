"""What calls do to memory: for functions outside the module by name, for functions inside by their own code.

Decides which pointer arguments a call may read and write, whether it makes fresh memory, and whether it may store a
pointer in memory. Unknown functions may do everything. Invariant: an effect may be overstated, never understated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..ir import Instruction


@dataclass(frozen=True, slots=True)
class Effects:
    """Positions of the pointer arguments that a call reads and writes."""

    reads: frozenset[int] = frozenset()
    writes: frozenset[int] = frozenset()
    allocates: bool = False
    stores_pointers: bool = False
    known: bool = True


NONE = Effects()
_ALLOCATION = Effects(allocates=True)

ALLOCATORS = frozenset(
    {
        "numzyme.allocate",
        "NRT_MemInfo_alloc_aligned",
        "NRT_MemInfo_alloc_safe_aligned",
        "NRT_MemInfo_alloc",
        "NRT_MemInfo_alloc_safe",
        "NRT_MemInfo_alloc_dtor_safe",
    }
)

# symbols that touch no memory that a derivative could see: bookkeeping of Numba and LLVM
HARMLESS = frozenset(
    {
        "NRT_incref",
        "NRT_decref",
        "llvm.assume",
        "llvm.lifetime.start.p0",
        "llvm.lifetime.end.p0",
        "llvm.experimental.noalias.scope.decl",
        "llvm.donothing",
        "llvm.stacksave.p0",
        "llvm.stackrestore.p0",
        "llvm.sideeffect",
        "numba_gil_ensure",
        "numba_gil_release",
    }
)

_BY_NAME = {
    # int numba_xxgemm(kind, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    "numba_xxgemm": Effects(frozenset({6, 7, 9, 11, 12}), frozenset({12})),
    # int numba_xxgemv(kind, trans, m, n, alpha, a, lda, x, beta, y)
    "numba_xxgemv": Effects(frozenset({4, 5, 7, 8, 9}), frozenset({9})),
    # int numba_xxdot(kind, conjugate, n, x, y, result)
    "numba_xxdot": Effects(frozenset({3, 4}), frozenset({5})),
}

MATH = re.compile(
    r"^(?:llvm\.(?!mem|assume|lifetime|va_|stack|experimental|trap|ubsan|eh)|"
    r"(?:sqrt|tan|tanh|sin|cos|sinh|cosh|asin|acos|atan|atan2|asinh|acosh|atanh|exp|exp2|expm1|log|log2|log10|log1p|"
    r"cbrt|hypot|erf|erfc|lgamma|tgamma|pow|fmod|floor|ceil|trunc|rint|round|copysign|fabs|nextafter|ldexp|remainder|"
    r"fma|fmin|fmax|exp10|log_gamma)f?$|"
    r"numba_(?:gamma|lgamma|erf|erfc|gammaf|lgammaf|erff|erfcf|fixed_fmod|fixed_fmodf|cpow|ldexp|frexp)$)"
)


def symbol_of(callee: str) -> str:
    """`@"name"` -> `name`."""
    return callee[1:].strip('"')


def external_effects(instruction: Instruction) -> Effects:
    """Effects of a call to a function that is not defined in the module."""
    symbol = symbol_of(instruction.callee)
    if symbol in ALLOCATORS:
        return _ALLOCATION
    if symbol in HARMLESS:
        return NONE
    if symbol in _BY_NAME:
        return _BY_NAME[symbol]
    if symbol.startswith(("llvm.memcpy", "llvm.memmove")):
        return Effects(frozenset({1}), frozenset({0}))
    if symbol.startswith("llvm.memset"):
        return Effects(writes=frozenset({0}))
    if MATH.match(symbol):
        return NONE
    pointers = frozenset(i for i, kind in enumerate(instruction.types) if kind == "ptr")
    return Effects(pointers, pointers, stores_pointers=True, known=False)
