"""What calls do to memory: for functions outside the module by name, for functions inside by their own code.

Decides which pointer arguments a call may read and write, whether it makes fresh memory, and whether it may store a
pointer in memory. Unknown functions may do everything. Invariant: an effect may be overstated, never understated.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ir import Instruction
from ..ir.exceptions import DROP, MATCHES
from ..ir.symbols import BLOCK_ALLOCATOR, HOLD, LIST_ALLOCATOR, MATH, TAPE_ALLOCATOR, symbol_of


@dataclass(frozen=True, slots=True)
class Effects:
    """Positions of the pointer arguments that a call reads and writes.

    `deep` positions are those behind whose pointers the call may follow further pointers; `stores` holds pairs
    (holder, target): a pointer to the memory of argument `target` may be stored in that of `holder`; FRESH as target is
    memory that the call makes.
    """

    reads: frozenset[int] = frozenset()
    writes: frozenset[int] = frozenset()
    deep: frozenset[int] = frozenset()
    stores: frozenset[tuple[int, int]] = frozenset()
    allocates: bool = False
    known: bool = True


FRESH = -1
NONE = Effects()
_ALLOCATION = Effects(allocates=True)

# of what an exception says: Python frees it
RECORD_ALLOCATOR = "numzyme.record"
WITH_MEMINFO = frozenset({BLOCK_ALLOCATOR, LIST_ALLOCATOR})
ARENA_ALLOCATORS = frozenset({*WITH_MEMINFO, TAPE_ALLOCATOR})
ALLOCATORS = frozenset(
    {
        *ARENA_ALLOCATORS,
        RECORD_ALLOCATOR,
        "NRT_Allocate",
        "NRT_MemInfo_alloc_aligned",
        "NRT_MemInfo_alloc_safe_aligned",
        "NRT_MemInfo_alloc",
        "NRT_MemInfo_alloc_safe",
        "NRT_MemInfo_alloc_dtor_safe",
    }
)

# what `print` is made of: Python objects, of which no derivative is taken, and which lead nowhere but to the screen
PRINTING = frozenset(
    {
        "PyBool_FromLong",
        "PyComplex_FromDoubles",
        "PyFloat_FromDouble",
        "PyLong_FromLongLong",
        "PyLong_FromUnsignedLongLong",
        "PyObject_Str",
        "PySys_FormatStdout",
        "PyTuple_New",
        "PyTuple_SetItem",
        "PyUnicode_AsUTF8",
        "PyUnicode_FromKindAndData",
        "PyUnicode_FromString",
        "Py_DecRef",
        "Py_IncRef",
    }
)

# symbols that touch no memory that a derivative could see: bookkeeping of Numba and LLVM
HARMLESS = frozenset(
    {
        "NRT_incref",
        "NRT_decref",
        "NRT_Free",
        DROP,
        MATCHES,
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
        *PRINTING,
    }
)

_BY_NAME = {
    # int numba_xxgemm(kind, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    "numba_xxgemm": Effects(frozenset({6, 7, 9, 11, 12}), frozenset({12})),
    # int numba_xxgemv(kind, trans, m, n, alpha, a, lda, x, beta, y)
    "numba_xxgemv": Effects(frozenset({4, 5, 7, 8, 9}), frozenset({9})),
    # int numba_xxdot(kind, conjugate, n, x, y, result)
    "numba_xxdot": Effects(frozenset({3, 4}), frozenset({5})),
    # int numba_xxnrm2(kind, n, x, incx, result)
    "numba_xxnrm2": Effects(frozenset({2}), frozenset({4})),
    # i64 numba_poisson_ptrs(state, lam): the state of the generator holds integers
    "numba_poisson_ptrs": Effects(frozenset({0}), frozenset({0})),
    # double numba_frexp(x, exponent)
    "numba_frexp": Effects(writes=frozenset({1})),
    "numba_frexpf": Effects(writes=frozenset({1})),
    # void numzyme.arena.publish(slot, data, size): a copy of the data, whose address goes to the slot
    "numzyme.arena.publish": Effects(frozenset({1}), frozenset({0})),
    "numzyme.arena.publish_when_raising": Effects(frozenset({1}), frozenset({0})),
    # void numzyme.escape(records, record, meminfo, low, size): where the memory at low is from now on goes to record
    "numzyme.escape": Effects(frozenset({0, 1, 3}), frozenset({0, 1})),
    # int numba_attempt_nocopy_reshape(nd, dims, strides, newnd, newdims, newstrides, itemsize, is_f_order)
    "numba_attempt_nocopy_reshape": Effects(frozenset({1, 2, 4}), frozenset({5})),
}


def external_effects(instruction: Instruction) -> Effects:
    """Effects of a call to a function that is not defined in the module."""
    symbol = symbol_of(instruction.callee)
    if symbol in ALLOCATORS:
        return _ALLOCATION
    if symbol in HARMLESS:
        return NONE
    if symbol in _BY_NAME:
        return _BY_NAME[symbol]
    if symbol.startswith(("llvm.memcpy", "llvm.memmove", HOLD)):
        return Effects(frozenset({1}), frozenset({0}))
    if symbol.startswith("llvm.memset"):
        return Effects(writes=frozenset({0}))
    if MATH.match(symbol):
        return NONE
    pointers = frozenset(i for i, kind in enumerate(instruction.types) if kind == "ptr")
    stores = frozenset((holder, target) for holder in pointers for target in (*pointers, FRESH))
    return Effects(pointers, pointers, pointers, stores, known=False)


def is_arena_allocation(instruction: Instruction) -> bool:
    return instruction.opcode == "call" and symbol_of(instruction.callee) in ARENA_ALLOCATORS


# allocators that return the data itself; the others return a header that holds its address
DIRECT_ALLOCATORS = frozenset({*ARENA_ALLOCATORS, RECORD_ALLOCATOR, "NRT_Allocate"})
