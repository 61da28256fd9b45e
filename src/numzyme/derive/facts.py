"""All that the analyses say about one function under one signature, computed once for both sweeps.

Decides what is refused before anything is generated: calls without a rule that could carry a derivative, and
instructions that the differentiator does not know. Invariant: after `FunctionFacts` is built, each active instruction
belongs to a kind that the sweeps handle.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..analysis import (
    UNKNOWN,
    Activity,
    Cfg,
    Kinds,
    LoopForest,
    Memory,
    MemoryObject,
    Speculation,
    Status,
    Summaries,
    symbol_of,
)
from ..analysis.effects import ALLOCATORS, HARMLESS, PRINTING
from ..diagnostics import DifferentiationError, SourceLocation, UnknownCallError, UnsupportedCodeError
from ..ir import Function, Instruction, Module
from ..ir.model import CASTS, FLOAT_BINARY, FLOAT_TYPES, INTEGER_BINARY, SIZES
from ..ir.records import Layout
from ..ir.symbols import CONTAINED, FRAME, HOLD
from ..rules import is_inactive, operation_of, rule_for
from .copies import Block, block_of, clears_new_memory
from .request import Report

_KNOWN_OPCODES = (
    FLOAT_BINARY
    | INTEGER_BINARY
    | CASTS
    | frozenset(
        [
            "fneg",
            "icmp",
            "fcmp",
            "select",
            "phi",
            "load",
            "store",
            "getelementptr",
            "alloca",
            "call",
            "br",
            "switch",
            "ret",
            "unreachable",
        ]
    )
    | frozenset(["extractvalue", "insertvalue", "freeze"])
)
_BLAS = frozenset({"numba_xxdot", "numba_xxgemv", "numba_xxgemm", "numba_xxnrm2"})
# The first computes with shapes and strides only; the others hand values over to Python, which has no part in
# the derivative.
PUBLISH = "numzyme.arena.publish"  # hands an array to Python; in forward mode its tangent, too
_WITHOUT_DERIVATIVE = frozenset(
    {"numba_attempt_nocopy_reshape", PUBLISH, "numzyme.arena.publish_when_raising", "numzyme.escape"}
)
OPAQUE = "opaque"
_PASS_THROUGH = frozenset({"phi", "select", "freeze", "fptrunc", "fpext"})


@dataclass(frozen=True, slots=True)
class Signature:
    """How a function is differentiated: `kinds[i]` is what pointer parameter i points at; `unmodified[i]` says that
    nobody writes to that memory between the call and its reverse; `multiples`: integer parameters that are multiples
    of a number of bytes."""

    name: str
    statuses: tuple[Status, ...]
    kinds: tuple[str | Layout | None, ...]
    unmodified: tuple[bool, ...]
    labels: tuple[str, ...] = ()
    is_root: bool = False
    multiples: tuple[tuple[str, int], ...] = ()


class FunctionFacts:
    """The analyses of `function` under `signature`, and the classes of its instructions."""

    def __init__(
        self,
        module: Module,
        function: Function,
        signature: Signature,
        summaries: Summaries,
        report: Report,
        one_sweep: bool = False,
    ) -> None:
        """`one_sweep`: in forward mode, where what is written to a shadow is never taken back."""
        self.one_sweep = one_sweep
        self.module, self.function, self.signature, self.report = module, function, signature, report
        self.cfg = Cfg(function, not signature.is_root and function.name in summaries.caught)
        self.forest = self._with_location(lambda: LoopForest(self.cfg))
        names = [p.name for p in function.parameters]
        opaque = frozenset(n for n, kind in zip(names, signature.kinds, strict=True) if kind == OPAQUE)
        self.memory = Memory(module, self.cfg, summaries, opaque)
        self.status = dict(zip(names, signature.statuses, strict=True))
        self.labels = dict(zip(names, signature.labels, strict=False))
        seed = {
            MemoryObject("argument", n): k for n, k in zip(names, signature.kinds, strict=True) if k and k != OPAQUE
        }
        self.kinds = Kinds(self.memory, seed, dict(signature.multiples))
        self._blocks: dict[int, Block] = {}
        handed_over = _callers_of(PUBLISH, module) if one_sweep else frozenset()
        self.activity = Activity(self.cfg, self.memory, self.kinds, self.status, self.labels, is_inactive, handed_over)
        if signature.is_root:
            self.activity.refuse_lost_derivatives()
        self.speculation = Speculation(self.cfg, self.activity.values)
        self.site = {
            id(i): (label, index)
            for label in self.cfg.order
            for index, i in enumerate(self.cfg.blocks[label].instructions)
        }
        self._refuse_unknown()

    def _with_location(self, make):
        try:
            return make()
        except DifferentiationError as error:
            raise error.located(self.first_location()) from None

    def first_location(self) -> SourceLocation | None:
        """Some line of the function, for refusals that concern all of it."""
        for instruction in self.function.instructions():
            where = self.module.location(instruction)
            if where is not None:
                return where
        return None

    def location(self, instruction: Instruction) -> SourceLocation | None:
        """The user's line of `instruction`, or of the nearest one before it that has a line."""
        where = self.module.location(instruction)
        if where is not None or id(instruction) not in self.site:
            return where or self.first_location()
        label, index = self.site[id(instruction)]
        for earlier in reversed(self.cfg.blocks[label].instructions[:index]):
            where = self.module.location(earlier)
            if where is not None:
                return where
        return self.first_location()

    def line_of_value(self, name: str) -> SourceLocation | None:
        """The user's line of a stored value: its own, or the first one in its block for a phi, which has none."""
        made = self.forest.instruction.get(name)
        if made is None:
            return None
        label, index = self.site[id(made)]
        for i in self.cfg.blocks[label].instructions[index:]:
            where = self.module.location(i)
            if where is not None:
                return where
        return None

    # -- classes of instructions ------------------------------------------------------------------
    def is_active(self, value: str) -> bool:
        return value in self.activity.values

    def has_shadow(self, pointer: str) -> bool:
        return self.activity.has_shadow(pointer)

    def is_allocation(self, instruction: Instruction) -> bool:
        return instruction.opcode == "call" and symbol_of(instruction.callee) in ALLOCATORS

    def is_blas(self, instruction: Instruction) -> bool:
        return instruction.opcode == "call" and symbol_of(instruction.callee) in _BLAS

    def is_active_call(self, call: Instruction) -> bool:
        """A call to a function of the module that must be differentiated."""
        return id(call) in self._active_calls

    @cached_property
    def _active_calls(self) -> set[int]:
        found = set()
        for call in self.activity.instructions:
            if call.opcode == "call" and call.callee in self.module.functions:
                read, written = self.memory.call_memory(call)
                arguments = {v for v, k in zip(call.operands, call.types, strict=True) if k in FLOAT_TYPES}
                touched = (read | written) & self.activity.objects
                if arguments & self.activity.values or touched:
                    found.add(id(call))
        return found

    def private(self, an_object: MemoryObject) -> bool:
        """Memory that only this function knows of: made here and never stored where others could find it."""
        return an_object.kind in ("allocation", "header", "stack") and an_object not in self._escaping

    @cached_property
    def _escaping(self) -> frozenset[MemoryObject]:
        found: frozenset[MemoryObject] = frozenset()
        for holder, contents in self.memory.contents.items():
            if holder.kind not in ("allocation", "header", "stack"):
                found |= self.memory.closure(contents)
        return found

    # -- refusals ---------------------------------------------------------------------------------
    def _refuse_unknown(self) -> None:
        for instruction in self.activity.instructions:
            self._check_origin(instruction)
            if instruction.opcode not in _KNOWN_OPCODES:
                self._refuse_opcode(instruction)
            elif instruction.opcode == "call":
                self._check_call(instruction)
            elif instruction.name in self.activity.values:
                self._check_operation(instruction)
            elif instruction.opcode == "store":
                self._check_store(instruction)

    def _check_origin(self, i: Instruction) -> None:
        """Floats behind pointers of unknown origin may be those of an active array: refused where they count."""
        if i.opcode == "load":
            counts = i.type in FLOAT_TYPES and i.name in self.activity.useful
            pointers = i.operands
        elif i.opcode == "store":
            counts, pointers = i.types[0] in FLOAT_TYPES, i.operands[1:]
        elif i.opcode == "call" and symbol_of(i.callee) not in HARMLESS:
            counts, pointers = True, self._touched(i)
        else:
            return
        if counts and self.activity.varied_objects and any(self._is_of_unknown_origin(p) for p in pointers):
            raise UnsupportedCodeError(
                "memory is used whose origin is not known",
                where=self.location(i),
                why="it may belong to a differentiated array, and its derivative would be lost",
                todo=self.advice,
            )

    @property
    def advice(self) -> list[str]:
        """What helps where memory is not understood because a function stays a call: those that call themselves do."""
        calls = any(i.opcode == "call" and i.callee in self.module.functions for i in self.function.instructions())
        return ["hand arrays in place of lists and dicts to a function that calls itself"] if calls else []

    def _touched(self, call: Instruction) -> list[str]:
        """The pointers behind which a call may read or write."""
        pointers = [n for n, kind in enumerate(call.types) if kind == "ptr"]
        effects = self.memory.effects(call)
        if effects.known:
            pointers = [n for n in pointers if n in effects.reads | effects.writes | effects.deep]
        return [call.operands[n] for n in pointers]

    def _is_of_unknown_origin(self, pointer: str) -> bool:
        objects = self.memory.objects(pointer)
        if not objects and self.memory.is_loaded(pointer):
            return True  # it was stored as a number, or in parts
        for an_object in objects:
            if an_object == UNKNOWN:
                return True
            if an_object.kind == "content" and self.status.get(an_object.name) is not Status.CONST:
                return True
        return False

    def _refuse_opcode(self, instruction: Instruction) -> None:
        raise UnsupportedCodeError(
            f"the instruction `{instruction.opcode}` cannot be differentiated",
            where=self.location(instruction),
            why=f"numzyme has no rule for it: {instruction.text[:80]}",
        )

    def _check_operation(self, instruction: Instruction) -> None:
        if instruction.type not in FLOAT_TYPES:
            raise UnsupportedCodeError(
                f"a value of type {instruction.type} carries a derivative",
                where=self.location(instruction),
                why="only float and double values are differentiated",
            )
        if instruction.opcode == "load" or instruction.opcode in _PASS_THROUGH:
            return
        if rule_for(instruction) is None:
            self._refuse_opcode(instruction)

    def _check_store(self, store: Instruction) -> None:
        if store.types[0] in FLOAT_TYPES or store.operands[0] not in self.activity.carriers:
            return
        if self._touches_floats(store) and not self.memory.in_list_header(store.operands[1]):
            raise UnsupportedCodeError(
                "an integer is written to memory that holds differentiable floats",
                where=self.location(store),
                why="it may be the bits of a float, moved or computed in a way that loses the derivative",
                todo=self.advice,
            )

    def writes_over_floats(self, store: Instruction) -> bool:
        """Whether an integer store may replace a float with a derivative (LLVM may write 0.0 as an integer)."""
        return store.types[0] in ("i64", "i32") and self._touches_floats(store)

    def _touches_floats(self, store: Instruction) -> bool:
        pointer, size = store.operands[1], SIZES.get(store.types[0], 16)
        objects = self.memory.objects(pointer) & self.activity.objects
        return not self.kinds.is_integer(store) and any(self.kinds.floats_in(o, pointer, size) for o in objects)

    def is_in_records(self, pointer: str) -> bool:
        """Whether a pointer leads to the records of an argument."""
        return bool(self.memory.objects(pointer) & self.kinds.layouts.keys())

    def block_of(self, call: Instruction) -> Block:
        """What a block copy or fill of shadowed memory moves."""
        if id(call) not in self._blocks:
            self._blocks[id(call)] = block_of(self, call)
        return self._blocks[id(call)]

    def moves_floats(self, call: Instruction) -> bool:
        """Whether the reverse of a block copy or fill has something to do."""
        return not clears_new_memory(self, call) and self.block_of(call).has_floats

    def _check_printing(self, call: Instruction) -> None:
        """Python objects of differentiated values are for `print`: whoever else takes them may compute with them."""
        if not any(value in self.activity.varied for value in call.operands):
            return
        for other in self.function.instructions():
            name = symbol_of(other.callee) if other.opcode == "call" else ""
            if name.startswith(("Py", "_Py")) and name not in PRINTING and not name.startswith("PyErr_"):
                raise UnknownCallError(
                    "a differentiated value is handed to Python",
                    where=self.location(call),
                    why=f"the function also calls `{name}`, which may compute with it",
                    todo=["keep Python code out of the function, but for `print`"],
                )

    def _check_call(self, call: Instruction) -> None:
        symbol = symbol_of(call.callee)
        if symbol in PRINTING:
            self._check_printing(call)
        if self.is_active_call(call) and _has_nested_tapes(self.module, call.callee):
            raise UnsupportedCodeError(
                "the derivative of a function that calls itself is differentiated again",
                where=self.location(call),
                why="its tape leads to other tapes, whose shadows are not known",
                todo=["differentiate autodiff(Forward, ...), which has no tape", "write the recursion as a loop"],
            )
        if call.callee in self.module.functions or symbol in ALLOCATORS or symbol in HARMLESS or self.is_blas(call):
            return
        if symbol in _WITHOUT_DERIVATIVE or is_inactive(call):
            return
        if symbol.startswith(("llvm.memcpy", "llvm.memmove", "llvm.memset")):
            if self.has_shadow(call.operands[0]) and (self.one_sweep or not clears_new_memory(self, call)):
                self.block_of(call)
            return
        arguments = {v for v, k in zip(call.operands, call.types, strict=True) if k in FLOAT_TYPES}
        result_active = call.name in self.activity.values
        carries = bool(arguments & self.activity.varied)
        for value, kind in zip(call.operands, call.types, strict=True):
            if kind == "ptr":
                carries |= bool(self.memory.closure(self.memory.objects(value)) & self.activity.objects)
        rule = rule_for(call)
        if rule is not None or operation_of(call) is not None:
            if result_active and rule is None:
                raise UnknownCallError(
                    f"no derivative rule for `{operation_of(call)}`",
                    where=self.location(call),
                    why="its result depends on a differentiated argument",
                    todo=["write the function out in operations that have derivatives"],
                )
            return
        if carries:
            raise UnknownCallError(
                f"a call of {_shown(symbol)} cannot be differentiated",
                where=self.location(call),
                why="it has no rule, and a differentiated value or array reaches it",
                todo=[
                    "keep differentiated values out of the call",
                    "pass the argument that reaches it as Const",
                ],
            )
        self.report.inactive_calls[symbol] += 1


def _shown(symbol: str) -> str:
    """An external function in the user's words."""
    if symbol.startswith(("numba_ez_", "numba_xx")) and symbol not in _BLAS:
        return f"LAPACK (`{symbol}`)"
    if symbol.startswith(HOLD):
        return "singular values, whose fourth derivative is not known,"
    return f"the external function `{symbol}`"


def _has_nested_tapes(module: Module, name: str) -> bool:
    """Whether a function is one of the two sweeps, for a derivative inside, of a function that calls itself."""
    parameters = module.functions[name].parameters
    if not symbol_of(name).startswith(CONTAINED) or not any(p.name.endswith(FRAME) for p in parameters):
        return False
    waiting, seen = [name], set()
    while waiting:
        function = module.functions.get(waiting.pop())
        for i in function.instructions() if function is not None else ():
            if i.opcode == "call" and i.callee == name:
                return True
            if i.opcode == "call" and i.callee not in seen:
                seen.add(i.callee)
                waiting.append(i.callee)
    return False


def _callers_of(symbol: str, module: Module) -> frozenset[str]:
    """`symbol` and the functions of the module that may come to call it, as calls name them."""
    found = {symbol}
    if f"@{symbol}" not in module.declarations:
        return frozenset(found)
    changed = True
    while changed:
        callers = {
            symbol_of(name)
            for name, function in module.functions.items()
            if any(i.opcode == "call" and symbol_of(i.callee) in found for i in function.instructions())
        }
        changed = not callers <= found
        found |= callers
    return frozenset(found)
