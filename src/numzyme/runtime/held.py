"""The copies of memory through which no derivative goes: for machine code all of them are `memmove`."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm

from ..ir.symbols import HELD, HOLD


def register() -> None:
    """Make the symbols known to LLVM."""
    address = ctypes.cast(ctypes.memmove, ctypes.c_void_p).value or 0
    for count in range(HELD + 1):
        llvm.add_symbol(f"{HOLD}{count}", address)


register()
