"""Calls that stay calls: differentiated functions of the module, and plain copies of the others.

A function that is called in two sweeps is split: `augmented` runs it and keeps what its reverse needs in a frame that
the caller provides, `reverse` runs it backwards. Recursion is no special case. Each (function, signature) is generated
once. Frame sizes are known only when a function is written, so text refers to them by a token that is replaced last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..analysis import Status, Summaries
from ..analysis.effects import is_arena_allocation
from ..diagnostics import UnsupportedCodeError
from ..ir import Function, Instruction, Module
from ..ir.model import FLOAT_TYPES
from ..ir.records import Layout
from ..ir.symbols import IN_ARENA, TAPE_ALLOCATOR, symbol_of
from . import owned
from .copies import layout_behind
from .facts import OPAQUE, FunctionFacts, Signature
from .request import Counted, Report

if TYPE_CHECKING:
    from .reverse_sweep import ReverseSweep


@dataclass(slots=True)
class Context:
    """What all functions of one derivative share."""

    module: Module
    summaries: Summaries
    report: Report
    wanted: dict[Signature, int] = field(default_factory=dict)
    plain: dict[str, None] = field(default_factory=dict)
    helpers: set[str] = field(default_factory=set)
    declarations: dict[str, str] = field(default_factory=dict)
    frame_sizes: dict[int, int] = field(default_factory=dict)
    extra_functions: dict[str, str] = field(default_factory=dict)
    counted: Counted | None = None

    def number(self, signature: Signature) -> int:
        """Ask for the derivative of a function; equal signatures share one."""
        return self.wanted.setdefault(signature, len(self.wanted))


def plain_name(callee: str) -> str:
    return f'@"{callee[1:].strip(chr(34))}.plain"'


def derived_name(kind: str, signature: Signature, number: int) -> str:
    return f'@"numzyme.{kind}.{signature.name[1:].strip(chr(34))}.{number}"'


def frame_token(number: int) -> str:
    return f"FRAME_SIZE_{number}_"


def signature_of(facts: FunctionFacts, call: Instruction) -> Signature:
    """How the callee of an active call is to be differentiated."""
    statuses, kinds, unmodified = [], [], []
    label, index = facts.site[id(call)]
    for value, kind in zip(call.operands, call.types, strict=True):
        status, memory, safe = Status.CONST, None, False
        if kind == "ptr":
            objects = facts.memory.objects(value)
            status = Status.DUPLICATED if facts.has_shadow(value) else Status.CONST
            memory = _memory_behind(facts, call, value) if objects else OPAQUE
            if memory is None and objects and all(facts.kinds.only_integers(o) for o in objects):
                memory = "i64"
            safe = bool(objects) and all(is_kept(facts, o) for o in objects)
            safe = safe and not facts.memory.overwritten_after(label, index, objects)
        elif kind in FLOAT_TYPES and facts.is_active(value):
            status = Status.ACTIVE
        statuses.append(status)
        kinds.append(memory)
        unmodified.append(safe)
    return Signature(call.callee, tuple(statuses), tuple(kinds), tuple(unmodified))


def _memory_behind(facts: FunctionFacts, call: Instruction, pointer: str) -> str | Layout | None:
    """What a pointer that is handed on points at, as far as one description says it."""
    records = facts.memory.objects(pointer) & facts.kinds.layouts.keys()
    if not records:
        return facts.kinds.float_of(pointer)
    found = {layout_behind(facts, pointer, an_object) for an_object in records}
    if len(found) != 1 or None in found:
        raise UnsupportedCodeError(
            "a place inside of records is handed to a function that is not inlined",
            where=facts.location(call),
            why="which field it is cannot be told",
            todo=["pass the record, or the array and an index"],
        )
    return found.pop()


def is_kept(facts: FunctionFacts, an_object) -> bool:
    """Whether nobody outside this function writes to the object between the two sweeps."""
    if an_object.kind == "argument":
        position = [p.name for p in facts.function.parameters].index(an_object.name)
        return facts.signature.unmodified[position]
    if an_object.kind == "global":
        return " constant " in facts.module.globals.get(an_object.name, "")
    return facts.private(an_object)


def reverse_call(sweep: ReverseSweep, call: Instruction) -> None:
    """The reverse of a call: run the callee backwards on its frame, then collect the adjoints of its scalars."""
    signature = signature_of(sweep.facts, call)
    number = sweep.context.number(signature)
    emitter, values = sweep.emitter, sweep.values
    arguments = [(kind, values.value(v)) for v, kind in zip(call.operands, call.types, strict=True)]
    for value, status in zip(call.operands, signature.statuses, strict=True):
        if status is Status.DUPLICATED:
            arguments.append(("ptr", sweep.shadow(value, call)))
    active = [v for v, status in zip(call.operands, signature.statuses, strict=True) if status is Status.ACTIVE]
    adjoints = f'%"adjoints of {call_key(call)}"'
    sweep.stack.append(f"{adjoints} = alloca [{max(1, len(active))} x double]")
    arguments += [("ptr", adjoints), ("ptr", values.value(frame_name(call))), ("ptr", "%arena")]
    emitter.call("void", derived_name("reverse", signature, number), arguments)
    for position, value in enumerate(active):
        kind = call.types[call.operands.index(value)]
        sweep.adjoints.add(value, emitter.load(kind, emitter.offset(adjoints, 8 * position)))


def frame_name(call: Instruction) -> str:
    """The SSA name of the frame of an active call."""
    return f'%"frame of {call_key(call)}"'


def call_key(call: Instruction) -> str:
    """A name for a call that is unique in its function, also when it has no result."""
    return call.name[1:].strip(chr(34)) if call.name else f"call {id(call)}"


def replace_callee(text: str, callee: str, new_callee: str, extra: str) -> str:
    """A call with another callee and `extra` arguments at the end; attributes of the call are dropped."""
    head, _, rest = text.partition(callee + "(")
    depth, end = 1, 0
    while depth:
        depth += {"(": 1, ")": -1}.get(rest[end], 0)
        end += 1
    arguments = rest[: end - 1]
    return f"{head.replace('tail call', 'call')}{new_callee}({arguments}{', ' if arguments and extra else ''}{extra})"


def plain_function(context: Context, function: Function) -> str:
    """A copy of a function that is not differentiated; its allocations belong to the arena or list it is given."""
    parameters = ", ".join(f"{p.type} {p.name}" for p in function.parameters)
    comma = ", " if parameters else ""
    lines = [f"define internal {function.return_type} {plain_name(function.name)}({parameters}{comma}ptr %arena) {{"]
    for block in function.blocks:
        lines.append(block.label[1:] + ":")
        lines += ["  " + plain_instruction(context, i) for i in block.instructions]
    return "\n".join([*lines, "}"])


_ATTRIBUTE_GROUP = re.compile(r" #\d+$")


def arena_allocation(i: Instruction) -> str:
    """The call that stands for the allocation `i` where memory comes from an arena."""
    function = IN_ARENA.get(symbol_of(i.callee), IN_ARENA[TAPE_ALLOCATOR])
    return f"call ptr @{function}(ptr %arena, i64 {i.operands[0]})"


def plain_instruction(context: Context, instruction: Instruction) -> str:
    """The text of an instruction of the primal in a derivative: calls go to plain copies, allocations to the arena.

    Where references are counted `%arena` is the list of what was allocated.
    """
    if instruction.opcode != "call":
        return instruction.text
    text = _ATTRIBUTE_GROUP.sub("", instruction.text)
    if instruction.callee in context.module.functions:
        context.plain.setdefault(instruction.callee)
        return replace_callee(text, instruction.callee, plain_name(instruction.callee), "ptr %arena")
    if is_arena_allocation(instruction) and context.counted:
        return f"{instruction.name} = {owned.memory(instruction)}"
    if is_arena_allocation(instruction):
        return f"{instruction.name} = {arena_allocation(instruction)}"
    if symbol_of(instruction.callee) == "numzyme.escape":
        listed = ", ".join(f"{k} {v}" for k, v in zip(instruction.types, instruction.operands, strict=True))
        return f"call void @numzyme.arena.escape(ptr %arena, {listed})"
    owner = owned.allocation(instruction) if context.counted else None
    return f"{instruction.name} = {owner}" if owner else text
