"""Registration with LLVM of the functions that own the blocks of a running derivative in forward mode.

Decides that they are machine code of their own that lives as long as the process: a returned array calls them when it
is freed, whatever became of the derivative that made it. Compiled code finds them by symbol, so it can be stored.
"""

from __future__ import annotations

import llvmlite.binding as llvm
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys

from . import blocks_text
from .machine_code import DerivativeLibrary, HandWrittenLibrary, compile_text

_library: list[DerivativeLibrary] = []


@global_compiler_lock
def register() -> None:
    """Make the functions known to LLVM; needed once per process before anything that uses them is finalised."""
    if _library:
        return
    rtsys.initialize(cpu_target.target_context)  # the names of Numba's own functions
    names = [f"numzyme.blocks.{name}" for name in blocks_text.API]
    library = compile_text(
        "numzyme.blocks", blocks_text.definitions(), dict(zip(names, names, strict=True)), HandWrittenLibrary
    )
    for name in names:
        llvm.add_symbol(name, library.get_pointer_to_function(name))
    _library.append(library)
