"""A derivative's LLVM text to something callable.

Decides that every derivative is a library of its own with one visible function, named after the content of
its text, so that equal text is compiled once and unequal text never collides in the engine. Debug information
is removed first: it served error messages until here, and the code generator would choke on it. The name is known to
LLVM, so that code which calls the derivative can be moved to another process together with it.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass

import llvmlite.binding as llvm
from numba.core.compiler_lock import global_compiler_lock

from ..ir.exceptions import DROP
from . import arena, arena_text, blocks, blocks_text, escape_text, exception_classes, held
from .machine_code import DerivativeLibrary, compile_text
from .objects import ObjectCode, address_in_engine, load_object, object_code

# Text of at most this many lines is compiled again where compiled code calls it, to be inlined there: the
# calling convention has seven arguments for an array and its shadow.
SMALL_LINES = 1500

_linked: dict[str, LinkedFunction] = {}
_objects: dict[str, ObjectCode | None] = {}  # of all derivatives, by symbol
_adopted: dict[str, int] = {}  # symbol -> address


@dataclass(frozen=True)
class LinkedFunction:
    """Machine code of one derivative.

    `small`: worth compiling again where it is called, to be inlined; `self_contained`: needs no symbol of ours, so
    that Numba may cache on disk what it was inlined into.
    """

    library: DerivativeLibrary
    symbol: str
    address: int
    small: bool
    self_contained: bool
    seconds: float


@global_compiler_lock
def link(text: str, symbol: str, movable: bool = True) -> LinkedFunction:
    """Optimise and compile the module `text`, whose function `symbol` is to be called.

    `movable`: nothing in the text is an address of this process.
    """
    digest = hashlib.sha256(f"{symbol}\n{text}".encode()).hexdigest()[:20]
    if digest not in _linked:
        arena.register()
        blocks.register()
        start = time.perf_counter()
        unique = f"{symbol}.{digest}"
        if unique in _adopted:
            unique += ".again"  # the engine has that name from disk
        library = compile_text(unique, _with_runtime(strip_debug(text)), keep={symbol: unique})
        address = library.get_pointer_to_function(unique)
        llvm.add_symbol(unique, address)
        _objects[unique] = object_code(library) if movable else None
        _linked[digest] = LinkedFunction(
            library=library,
            symbol=unique,
            address=address,
            small=text.count("\n") <= SMALL_LINES,
            self_contained=not any(
                value.name.startswith("numzyme.") for value in library._final_module.functions if value.is_declaration
            ),
            seconds=time.perf_counter() - start,
        )
    return _linked[digest]


def object_of(symbol: str) -> ObjectCode | None:
    """The machine code of the derivative that is linked as `symbol`, for another process; None if it has to stay."""
    return _objects.get(symbol)


def is_derivative(symbol: str) -> bool:
    """Whether `symbol` is that of a derivative of this process."""
    return symbol in _objects


@global_compiler_lock
def adopt(symbol: str, code: ObjectCode) -> int:
    """The address of a derivative that another process compiled; nothing of what it needs is missing."""
    for linked in _linked.values():
        if linked.symbol == symbol:
            return linked.address
    if symbol not in _adopted:
        load_object(code.content)
        _adopted[symbol] = address_in_engine(symbol)
        llvm.add_symbol(symbol, _adopted[symbol])
        _objects[symbol] = code
    return _adopted[symbol]


def prepare_process() -> None:
    """Make known what moved code may need from Numba's runtime and from ours; loads no part of Numba's compiler."""
    arena.register()
    blocks.register()
    exception_classes.register()
    held.register()


def strip_debug(text: str) -> str:
    """The module without debug locations; the nodes that they named stay, unreferenced."""
    without_uses = re.sub(r",? !dbg !\d+", "", text)
    return re.sub(r"^!llvm\.dbg\.cu = .*\n?", "", without_uses, flags=re.MULTILINE)


def _with_runtime(text: str) -> str:
    """Our own declarations of our runtime, which say what it may touch, instead of those in the text."""
    if "@numzyme.blocks.leave(" in text:
        text = _with_counting(text)
    text = with_records(text)
    text = re.sub(r"@numzyme\.arena\.allocate\.(?:block|list)\(", "@numzyme.arena.allocate(", text)
    others = re.sub(r"^declare .*@\"?numzyme\.(?:arena|blocks)\..*\n", "", text, flags=re.MULTILINE)
    return others + arena_text.DECLARATIONS + escape_text.DECLARATIONS + blocks_text.DECLARATIONS


def with_records(text: str) -> str:
    """The module with Numba's allocator for the records of exceptions, which Python, or a handler, frees."""
    if "@numzyme.record(" in text and "@NRT_Allocate(" in text:
        text = re.sub(r"^declare .*@numzyme\.record\(.*\n", "", text, flags=re.MULTILINE)
    text = text.replace("@numzyme.record(", "@NRT_Allocate(")
    if f"@{DROP}(" not in text:
        return text
    text = re.sub(r"^declare .*@(?:numzyme\.drop|NRT_Free)\(.*\n", "", text, flags=re.MULTILINE)
    return text + escape_text.DROP


def _with_counting(text: str) -> str:
    """The module with reference counts of our own in the place of Numba's functions, which Numba's optimiser moves."""
    text = re.sub(r"^declare .*@NRT_(?:incref|decref)\(.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"@NRT_(incref|decref)\b", r"@numzyme.blocks.\1", text)
    dtor = "" if "@NRT_MemInfo_call_dtor(" in text else "declare void @NRT_MemInfo_call_dtor(ptr)\n"
    return text + blocks_text.COUNTING + dtor
