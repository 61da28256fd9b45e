"""Forward mode under Numba's reference counts: every block is entered in a list that the root settles when it leaves.

Numba's code forgets what is alive when an exception leaves it, and counts on its arguments too. So allocations become
calls of `numzyme.blocks.allocate` on the head of the list, which callees get as they get an arena, and the root lends
stand-ins of the meminfos that it is given. What these functions do is told in `runtime.blocks_text`.

Invariant: all that outlives the root is what its result names, or what the arguments of its exception name.
"""

from __future__ import annotations

from ..analysis.cfg import GOOD_STATUS
from ..analysis.effects import LIST_ALLOCATOR
from ..ir import Function, Instruction, Module
from ..ir.symbols import symbol_of
from .emitter import Emitter, quoted
from .request import Counted

HEAD_BYTES = 16
MEMINFO_BYTES = 48
KEEP_ALL = -1
DECLARATIONS = {
    "@numzyme.blocks.enter": "declare void @numzyme.blocks.enter(ptr)",
    "@numzyme.blocks.lend": "declare ptr @numzyme.blocks.lend(ptr, ptr)",
    "@numzyme.blocks.allocate": "declare noalias ptr @numzyme.blocks.allocate(ptr, i64, i32, ptr)",
    "@numzyme.blocks.memory": "declare noalias ptr @numzyme.blocks.memory(ptr, i64)",
    "@numzyme.blocks.zeroed": "declare noalias ptr @numzyme.blocks.zeroed(ptr, i64, i32)",
    "@numzyme.blocks.list": "declare noalias ptr @numzyme.blocks.list(ptr, i64)",
    "@numzyme.blocks.leave": "declare void @numzyme.blocks.leave(ptr, ptr, i64, ptr, i64, ptr, i64)",
}
_WHERE_MALLOC_IS = "i32 16"  # already aligned
_UNWRAP = "__excinfo_unwrap_args"  # Numba's functions that make Python objects of an exception's arguments


# -- allocations ----------------------------------------------------------------------------------
def allocation(i: Instruction) -> str | None:
    """The call that stands for call `i` of one of Numba's allocators of counted blocks; None for all others."""
    symbol = symbol_of(i.callee)
    operands = [f"{kind} {value}" for kind, value in zip(i.types, i.operands, strict=True)]
    if symbol in ("NRT_MemInfo_alloc", "NRT_MemInfo_alloc_safe"):
        return _allocate(operands[0], _WHERE_MALLOC_IS, "ptr null")
    if symbol in ("NRT_MemInfo_alloc_aligned", "NRT_MemInfo_alloc_safe_aligned"):
        return _allocate(operands[0], operands[1], "ptr null")
    if symbol in ("NRT_MemInfo_alloc_dtor", "NRT_MemInfo_alloc_dtor_safe"):
        return _allocate(operands[0], _WHERE_MALLOC_IS, operands[1])
    return None


def memory(i: Instruction) -> str:
    """The call that stands for the allocation of a list, or of a derivative that this function contains."""
    kind = "list" if symbol_of(i.callee) == LIST_ALLOCATOR else "memory"
    return f"call noalias ptr @numzyme.blocks.{kind}(ptr %arena, i64 {i.operands[0]})"


def _allocate(size: str, alignment: str, destructor: str) -> str:
    return f"call noalias ptr @numzyme.blocks.allocate(ptr %arena, {size}, {alignment}, {destructor})"


def shadow_allocation(i: Instruction) -> str:
    """The call for the shadow of a block: zero, and without the destructor."""
    alignment = f"i32 {i.operands[1]}" if symbol_of(i.callee).endswith("_aligned") else _WHERE_MALLOC_IS
    return f"call noalias ptr @numzyme.blocks.zeroed(ptr %arena, i64 {i.operands[0]}, {alignment})"


# -- the root -------------------------------------------------------------------------------------
def given(name: str) -> str:
    """The name under which the root gets a meminfo for which it lends a stand-in called `name`."""
    return quoted(name, ".given")


def entry(lent: list[str]) -> list[str]:
    """The first instructions of a root: an empty list, and the stand-ins `lent`."""
    lines = [
        f"%arena = alloca [{HEAD_BYTES} x i8], align 16",
        f'%"numzyme.lent" = alloca [{MEMINFO_BYTES * max(1, len(lent))} x i8], align 16',
        "call void @numzyme.blocks.enter(ptr %arena)",
    ]
    for position, name in enumerate(lent):
        place = quoted(name, ".place")
        lines.append(f'{place} = getelementptr i8, ptr %"numzyme.lent", i64 {MEMINFO_BYTES * position}')
        lines.append(f"{name} = call ptr @numzyme.blocks.lend(ptr {place}, ptr {given(name)})")
    return lines


def leave(
    emitter: Emitter, counted: Counted, exits: dict[str, int], lent: int, shadow: str | None, terminator: Instruction
) -> None:
    """Settle the list in front of a return. `exits`: as from `exceptions`; `shadow`: that of the result."""
    if not counted.contained:
        emitter.line(_settle(0, "null", KEEP_ALL, "null", 0))
        return
    status, words = terminator.operands[0], counted.result_words
    first, first_words = counted.result, str(KEEP_ALL if words is None else words)
    second_words = str(words or 0) if shadow else "0"
    if status not in GOOD_STATUS:
        raised = emitter.load("ptr", counted.exception) if exits else "null"
        good = "false"
        if not status.lstrip("-").isdigit():
            tests = [emitter.define(f"icmp eq i32 {status}, {value}") for value in sorted(GOOD_STATUS)]
            good = emitter.define(f"or i1 {tests[0]}, {tests[1]}")
        raised = emitter.select(good, "ptr", "null", raised)
        arguments, count = _arguments_of(emitter, raised, exits)
        first = emitter.select(good, "ptr", first, arguments)
        first_words = emitter.select(good, "i64", first_words, count)
        second_words = emitter.select(good, "i64", second_words, "0")
    emitter.line(_settle(lent, first, first_words, shadow or "null", second_words))


def _settle(lent: int, first: str, first_words: str | int, second: str, second_words: str | int) -> str:
    return (
        f'call void @numzyme.blocks.leave(ptr %arena, ptr %"numzyme.lent", i64 {lent}, '
        f"ptr {first}, i64 {first_words}, ptr {second}, i64 {second_words})"
    )


# -- exceptions -----------------------------------------------------------------------------------
def _arguments_of(emitter: Emitter, raised: str, exits: dict[str, int]) -> tuple[str, str]:
    """Where the runtime arguments of an exception (null if there is none) are, and how many words of them matter."""
    if not exits:
        return "null", "0"
    pair = emitter.define(f"call {{ ptr, i64 }} @numzyme.raised(ptr {raised})")
    arguments = emitter.define(f"extractvalue {{ ptr, i64 }} {pair}, 0")
    return arguments, emitter.define(f"extractvalue {{ ptr, i64 }} {pair}, 1")


def raised_text(exits: dict[str, int]) -> str:
    """The function that `_arguments_of` calls. Numba's record of an exception: text, size, arguments, unwrap, count."""
    lines = ["define internal { ptr, i64 } @numzyme.raised(ptr %record) {", "entry:"]
    lines += ["  %none = icmp eq ptr %record, null", "  br i1 %none, label %static, label %look", "look:"]
    lines += ["  %count.at = getelementptr i8, ptr %record, i64 32", "  %count = load i32, ptr %count.at"]
    lines += ["  %some = icmp sgt i32 %count, 0", "  br i1 %some, label %dynamic, label %static", "dynamic:"]
    lines += ["  %arguments.at = getelementptr i8, ptr %record, i64 16", "  %arguments = load ptr, ptr %arguments.at"]
    lines += ["  %unwrap.at = getelementptr i8, ptr %record, i64 24", "  %unwrap = load ptr, ptr %unwrap.at"]
    words = "0"
    for number, (name, count) in enumerate(exits.items()):
        lines.append(f"  %is.{number} = icmp eq ptr %unwrap, {name}")
        lines.append(f"  %words.{number} = select i1 %is.{number}, i64 {count}, i64 {words}")
        words = f"%words.{number}"
    lines += ["  %first = insertvalue { ptr, i64 } undef, ptr %arguments, 0"]
    lines += [f"  %both = insertvalue {{ ptr, i64 }} %first, i64 {words}, 1", "  ret { ptr, i64 } %both"]
    return "\n".join([*lines, "static:", "  ret { ptr, i64 } zeroinitializer", "}"])


def exceptions(module: Module) -> dict[str, int] | None:
    """The functions that unwrap exceptions whose arguments name memory, with the number of words that these occupy.

    None when it cannot be told what the arguments of some exception are.
    """
    found = {}
    for function in module.functions.values():
        if symbol_of(function.name).startswith(_UNWRAP):
            words = _words_of_arguments(function)
            if words is None:
                return None
            if words:
                found[function.name] = words
    return found


def _words_of_arguments(function: Function) -> int | None:
    """Words up to the last pointer that the function loads from its parameter; None if it does something else there."""
    offsets, last = {function.parameters[0].name: 0}, 0
    for i in function.instructions():
        base = next((value for value in i.operands if value in offsets), None)
        if base is None or (i.opcode == "call" and symbol_of(i.callee) == "NRT_Free"):
            continue
        if i.opcode == "getelementptr" and i.element_type == "i8" and i.operands[1].isdigit():
            offsets[i.name] = offsets[base] + int(i.operands[1])
        elif i.opcode == "load":
            last = max(last, offsets[base] // 8 + 1 if i.type == "ptr" else 0)
        else:
            return None
    return last
