"""Whether an exception that compiled code has caught is of a class: `except ValueError:`.

Numba's records name the class in pickled form, which no machine code can read: it asks here, by the symbol `MATCHES`.
Invariant: the answer is that of `issubclass`, for the class that Python would raise.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import llvmlite.binding as llvm

from ..ir.exceptions import CHAINED, MATCHES, Record


@ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
def matches(record: int, classes: int) -> int:
    """Called by compiled code: whether the exception of a record is of one of the pickled classes."""
    found = Record.from_address(record)
    while found.count == CHAINED:
        found = Record.from_address(ctypes.c_int64.from_address(found.arguments).value)
    wanted = Record.from_address(classes)
    return int(issubclass(_loaded(found.content())[0], _loaded(wanted.content())))


@functools.lru_cache(maxsize=1024)
def _loaded(content: bytes) -> Any:
    from numba.core import serialize

    return serialize.loads(content)


def register() -> None:
    """Make the symbol known to LLVM."""
    llvm.add_symbol(MATCHES, ctypes.cast(matches, ctypes.c_void_p).value or 0)


register()
