"""Registration with LLVM of the functions that own the blocks of a running derivative in forward mode.

Decides that they are machine code of their own that lives as long as the process: a returned array calls them when it
is freed, whatever became of the derivative that made it. Compiled code finds them by symbol, so it can be stored.
"""

from __future__ import annotations

from numba.core.compiler_lock import global_compiler_lock

from . import blocks_text, hand_written

_functions: dict[str, int] = {}


@global_compiler_lock
def register() -> None:
    """Make the functions known to LLVM; needed once per process before anything that uses them is finalised."""
    if _functions:
        return
    names = [f"numzyme.blocks.{name}" for name in blocks_text.API]
    _functions.update(hand_written.register("numzyme.blocks", blocks_text.definitions(), names))
