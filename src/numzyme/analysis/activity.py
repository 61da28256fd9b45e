"""Which values and which memory carry a derivative.

Decides activity by two passes to a fixed point over values and memory objects: *varied* (depends on an active input)
and *useful* (an output with a derivative depends on it); active is both. (Hascoët, Naumann, Pascual, "To be recorded
analysis in reverse-mode automatic differentiation", 2005.) Objects that one pointer can reach share their fate: when
one is active, allocations beside it get a shadow too. Bits of floats in integer registers are followed as *carriers*,
so that what moves them in a way that is not understood can be refused.

Invariant: what is not marked active has a derivative of exactly zero, or one that nobody asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..diagnostics import UnsupportedCodeError
from ..ir import Instruction
from ..ir.model import FLOAT_TYPES
from .cfg import Cfg
from .effects import HARMLESS, symbol_of
from .kinds import Kinds
from .memory import EMPTY, Memory, MemoryObject, Objects
from .status import Status

# integers that may be a float or a part of one, and what moves or combines their bits
_CARRIER_BYTES = {"i8": 1, "i16": 2, "i32": 4, "i64": 8, "i128": 16}
_BIT_OPERATIONS = frozenset(
    ["add", "sub", "and", "or", "xor", "shl", "lshr", "ashr", "phi", "select", "freeze", "trunc", "zext", "sext"]
)
# memory that can be given a shadow when it is found to need one
PROMOTABLE = ("allocation", "header", "stack", "result")


_DIFFERENTIABLE_OPCODES = frozenset(
    [
        "fadd",
        "fsub",
        "fmul",
        "fdiv",
        "frem",
        "fneg",
        "fptrunc",
        "fpext",
        "phi",
        "select",
        "freeze",
        "extractvalue",
        "insertvalue",
    ]
)


class Activity:
    """Active SSA values (`values`) and memory objects (`objects`) of one function under given parameter statuses."""

    def __init__(
        self,
        cfg: Cfg,
        memory: Memory,
        kinds: Kinds,
        statuses: Mapping[str, Status],
        labels: Mapping[str, str],
        is_inactive: Callable[[Instruction], bool] = lambda instruction: False,
        outputs: frozenset[str] = frozenset(),
    ) -> None:
        """`is_inactive` tells operations whose derivative is zero wherever it exists (`floor`).

        `outputs`: functions that hand the memory that they read to someone who wants its derivative.
        """
        self.cfg, self.memory, self.kinds = cfg, memory, kinds
        self.statuses, self.labels, self._is_inactive = statuses, labels, is_inactive
        self.instructions = [i for label in cfg.order if label in cfg.relevant for i in cfg.blocks[label].instructions]
        self.shadowed = frozenset(
            MemoryObject("argument", n) for n, status in statuses.items() if status is Status.DUPLICATED
        )
        self.varied: set[str] = {n for n, status in statuses.items() if status is Status.ACTIVE}
        self.varied_objects: set[MemoryObject] = set(self.shadowed)
        self.carriers: set[str] = set()
        self.carrier_objects: set[MemoryObject] = set()
        self.useful: set[str] = set()
        # whoever sees the shadow of an argument may follow the pointers in it: a returned array is an output
        held = frozenset().union(*(memory.contents.get(o, EMPTY) for o in self.shadowed))
        self.handed_over = self.shadowed | memory.closure(held)
        self.useful_objects: set[MemoryObject] = set(self.handed_over)
        for call in self.instructions:
            if call.opcode == "call" and symbol_of(call.callee) in outputs:
                self.useful_objects |= memory.call_memory(call)[0]
        self._to_fixed_point(self._spread_varied, self.instructions)
        self._to_fixed_point(self._spread_useful, self.instructions[::-1])
        self.values = set(self.varied & self.useful)
        self.objects: set[MemoryObject] = self._active_objects()

    def _to_fixed_point(self, spread, instructions: list[Instruction]) -> None:
        self._changed = True
        while self._changed:
            self._changed = False
            for instruction in instructions:
                spread(instruction)

    def _mark(self, names: set, name) -> None:
        if name not in names:
            names.add(name)
            self._changed = True

    def _mark_objects(self, objects: set[MemoryObject], found: Objects) -> None:
        for an_object in found:
            if an_object not in objects and not self.kinds.only_integers(an_object):
                objects.add(an_object)
                self._changed = True

    # -- inputs and outputs of an instruction -----------------------------------------------------
    def _is_float(self, kind: str) -> bool:
        return kind in FLOAT_TYPES or (kind[0] in "{[<" and ("double" in kind or "float" in kind))

    def _spread_varied(self, i: Instruction) -> None:
        self._spread_carriers(i)
        if i.opcode == "load":
            if self._is_float(i.type) and self.memory.objects(i.operands[0]) & self.varied_objects:
                self._mark(self.varied, i.name)
        elif i.opcode == "store":
            if i.operands[0] in self.varied:
                self._mark_objects(self.varied_objects, self.memory.objects(i.operands[1]))
        elif i.opcode == "bitcast" and self._is_float(i.type):
            if i.operands[0] in self.varied | self.carriers:
                self._mark(self.varied, i.name)
        elif i.opcode == "call":
            if symbol_of(i.callee) in HARMLESS or self._is_inactive(i):
                return
            read, written = self.memory.call_memory(i)
            if any(v in self.varied for v in i.operands) or read & self.varied_objects:
                self._mark_objects(self.varied_objects, written)
                self._mark_objects(self.varied_objects, self.memory.results_of(i))
                if i.name and self._is_float(i.type):
                    self._mark(self.varied, i.name)
        elif i.name and self._is_float(i.type) and self._differentiable_operands(i) & self.varied:
            self._mark(self.varied, i.name)

    def _spread_carriers(self, i: Instruction) -> None:
        """Integers that may hold the bits of a varied float: loaded from float memory, or computed from such."""
        if i.opcode == "store":
            if i.operands[0] in self.carriers:
                new = self.memory.objects(i.operands[1]) - self.carrier_objects
                self.carrier_objects |= new
                self._changed |= bool(new)
            return
        if not i.name or i.type not in _CARRIER_BYTES:
            return
        if i.opcode == "load":
            if self.memory.in_list_header(i.operands[0]):
                return
            objects, size = self.memory.objects(i.operands[0]), _CARRIER_BYTES[i.type]
            carries = bool(objects & self.carrier_objects)
            if not carries and not self.kinds.is_integer(i):
                carries = any(self.kinds.floats_in(o, i.operands[0], size) for o in objects & self.varied_objects)
        elif i.opcode == "bitcast":
            carries = i.operands[0] in self.varied | self.carriers
        else:
            carries = i.opcode in _BIT_OPERATIONS and any(v in self.carriers for v in i.operands)
        if carries:
            self._mark(self.carriers, i.name)

    def _differentiable_operands(self, i: Instruction) -> set[str]:
        if i.opcode not in _DIFFERENTIABLE_OPCODES:
            return set()
        return set(i.operands[1:] if i.opcode == "select" else i.operands)

    def _spread_useful(self, i: Instruction) -> None:
        if i.opcode == "load":
            if i.name in self.useful:
                self._mark_objects(self.useful_objects, self.memory.objects(i.operands[0]))
        elif i.opcode == "store":
            if self._is_float(i.types[0]) and self.memory.objects(i.operands[1]) & self.useful_objects:
                self._mark(self.useful, i.operands[0])
        elif i.opcode == "call":
            if self._is_inactive(i):
                return
            read, written = self.memory.call_memory(i)
            results = self.memory.results_of(i) if i.callee in self.memory.module.functions else EMPTY
            if i.name in self.useful or (written | results) & self.useful_objects:
                self._mark_objects(self.useful_objects, read)
                for value, kind in zip(i.operands, i.types, strict=True):
                    if kind in FLOAT_TYPES:
                        self._mark(self.useful, value)
        elif i.name in self.useful:
            for value in self._differentiable_operands(i):
                self._mark(self.useful, value)

    # -- objects ----------------------------------------------------------------------------------
    def refuse_lost_derivatives(self) -> None:
        """Refuse the function when a varied value is stored in a constant argument: its derivative would be lost."""
        for instruction in self.instructions:
            if instruction.opcode == "store":
                if instruction.operands[0] in self.varied:
                    self._refuse_constant(instruction, self.memory.objects(instruction.operands[1]))
            elif instruction.opcode == "call" and symbol_of(instruction.callee) not in HARMLESS:
                read, written = self.memory.call_memory(instruction)
                if written and (set(instruction.operands) & self.varied or read & self.varied_objects):
                    self._refuse_constant(instruction, written)

    def _refuse_constant(self, instruction: Instruction, objects: Objects) -> None:
        for an_object in objects:
            if an_object.kind != "argument" or self.statuses.get(an_object.name) is not Status.CONST:
                continue
            if self.kinds.only_integers(an_object) or not self.kinds.holds_floats(an_object):
                continue
            label = self.labels.get(an_object.name, an_object.name)
            raise UnsupportedCodeError(
                f"a value with a derivative is stored in the constant argument {label}",
                where=self.memory.module.location(instruction),
                why="its derivative would be lost",
                todo=[f"pass {label} as Duplicated with a shadow of zeros"],
            )

    def _active_objects(self) -> set[MemoryObject]:
        active = set(self.varied_objects & self.useful_objects)
        for holder in self.shadowed:  # whoever sees the shadow of a holder may follow the pointers in it
            active |= {
                o for o in self.memory.closure(self.memory.contents.get(holder, EMPTY)) if self._may_hold_floats(o)
            }
        changed = True
        while changed:
            changed = False
            for objects in self.memory.points_to.values():
                if objects & active:
                    for an_object in objects - active:
                        if an_object.kind in PROMOTABLE:
                            active.add(an_object)
                            changed = True
            for holder, contents in self.memory.contents.items():
                if holder not in active and contents & active and holder.kind in PROMOTABLE:
                    active.add(holder)
                    changed = True
        return active

    def _may_hold_floats(self, an_object: MemoryObject) -> bool:
        if an_object.kind == "argument" and self.statuses.get(an_object.name) is Status.CONST:
            return False
        return not self.kinds.only_integers(an_object) and an_object.kind != "content"

    def has_shadow(self, pointer: str) -> bool:
        """Whether some memory behind `pointer` has a shadow."""
        return bool(self.memory.objects(pointer) & self.objects)

    def is_active(self, value: str) -> bool:
        return value in self.values

    def describe(self) -> str:
        """Printed form for `python -m numzyme.opt --print activity`."""
        values = [name for name in self.statuses if name in self.values]
        values += [i.name for i in self.instructions if i.name in self.values]
        objects = sorted(map(str, self.objects))
        return f"active values: {' '.join(values) or 'none'}\nmemory with a shadow: {' '.join(objects) or 'none'}"
