"""Derivatives as callees: a function that calls a derivative is compiled with that derivative's text in its module.

So derivatives of derivatives need no machinery of their own: the outer one differentiates the inner one's code as it
does a user's. Decides that the memory of the inner derivative, its tape included, belongs to the outer one: what was
taken from an arena is an allocation like any other; tapes by a name of their own: they have no meminfo in front.

Invariant: symbols are unique in the process; of a provided module, only the derivative itself is visible.
"""

from __future__ import annotations

import hashlib
import re

import llvmlite.binding as llvm

from ..diagnostics import UnsupportedCodeError
from ..ir.symbols import CONTAINED, FRAME, IN_ARENA

_texts: dict[str, str] = {}
_ENTER = re.compile(r"call ptr @numzyme\.arena\.enter\(\)")
_LEAVE = re.compile(r"^\s*call void @numzyme\.arena\.leave\(ptr [^)]*\)\n", re.M)
_ALLOCATE = re.compile(r"@(numzyme\.arena\.allocate[.\w]*)\(ptr [^,]*, ")
_DECLARATIONS = re.compile(r"^declare [^\n]*@numzyme\.arena\.[^\n]*\n", re.M)
_BLAS = re.compile(r"^declare i32 @numba_xx[^\n]*$", re.M)
_OUTSIDE = {arena: allocator for allocator, arena in IN_ARENA.items()}
_OTHER = re.compile(r"@\"?numzyme\.(?:arena|blocks)\.[\w.]+")


def provide(symbol: str, text: str) -> str:
    """Make the derivative `symbol` of the module `text` known; the name by which it is called."""
    name = f"{symbol}.{hashlib.sha256(text.encode()).hexdigest()[:20]}"
    if name not in _texts:
        _texts[name] = _as_callee(symbol, name, text)
    return name


def link_provided(module: llvm.ModuleRef) -> None:
    """Link the derivatives that `module` calls, and those that they call."""
    while True:
        missing = [f.name for f in module.functions if f.is_declaration and f.name in _texts]
        if not missing:
            return
        for name in missing:
            module.link_in(llvm.parse_assembly(_texts[name]))


def _as_callee(symbol: str, name: str, text: str) -> str:
    text = _DECLARATIONS.sub("", text)
    text = _LEAVE.sub("", _ENTER.sub("getelementptr i8, ptr null, i64 0", text))
    text = _ALLOCATE.sub(lambda found: f"@{_OUTSIDE[found[1]]}(", text)
    text = _BLAS.sub(lambda found: found[0].replace(" captures(none)", "").split(")")[0] + ")", text)
    other = _OTHER.search(text)
    if other is not None:
        raise UnsupportedCodeError(
            "a derivative inside a derivative hands memory to Python",
            why=f"it calls {other[0]}, which has no derivative",
            todo=["return numbers, or write into an array that is an argument"],
        )
    for allocator in _OUTSIDE.values():
        if f"@{allocator}(" in text:
            text += f"\ndeclare noalias ptr @{allocator}(i64)\n"
    module = llvm.parse_assembly(text)
    for value in (*module.functions, *module.global_variables):
        if value.name == symbol:
            value.name = name
        elif not value.is_declaration and value.name.startswith("numzyme."):
            value.name = f"{CONTAINED}{name}.{value.name}"  # helpers: the outer derivative has its own
            value.linkage = llvm.Linkage.internal
    for function in module.functions:
        if not function.is_declaration:
            _rename(function)
            if function.name != name:
                function.linkage = llvm.Linkage.internal
    return str(module)


def _rename(function: llvm.ValueRef) -> None:
    """Give parameters, blocks and values names that no derivative makes: the outer one names its own after them."""
    for position, argument in enumerate(function.arguments):
        argument.name = f"{CONTAINED}{position}{FRAME if argument.name.endswith(FRAME) else ''}"
    number = 0
    for block in function.blocks:
        block.name = f"q{number}"
        for instruction in block.instructions:
            number += 1
            if instruction.name:
                instruction.name = f"q{number}"
