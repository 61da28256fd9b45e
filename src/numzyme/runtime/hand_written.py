"""Our own LLVM text to machine code: the same in every process, so it is kept on disk as derivatives are.

Invariant: each text is compiled or loaded at most once in a process, and its functions are known to LLVM by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys

from . import store
from .machine_code import DerivativeLibrary, HandWrittenLibrary, compile_text
from .objects import address_in_engine, load_object, missing, object_code

_libraries: list[DerivativeLibrary] = []


def register(name: str, text: str, functions: Sequence[str]) -> dict[str, int]:
    """Addresses of the `functions` of `text`, made known to LLVM; the caller holds Numba's compiler lock."""
    rtsys.initialize(cpu_target.target_context)  # the names of Numba's own functions
    key = _key(name, text)
    entry = store.load(key)
    if entry is not None and not missing(entry.about["needs"]):
        load_object(entry.blobs[0])
        addresses = {function: address_in_engine(function) for function in functions}
    else:
        library = compile_text(name, text, dict(zip(functions, functions, strict=True)), HandWrittenLibrary)
        _libraries.append(library)
        addresses = {function: library.get_pointer_to_function(function) for function in functions}
        code = object_code(library)
        if code is not None:
            store.save(key, {"needs": code.needs}, [code.content])
    for function, address in addresses.items():
        llvm.add_symbol(function, address)
    return addresses


def _key(name: str, text: str) -> bytes:
    context: Any = cpu_target.target_context
    parts = (name, text, numba.__version__, llvmlite.__version__, context.codegen().magic_tuple())
    return hashlib.sha256(repr(parts).encode()).digest()
