"""Primal values in the reverse sweep: read from where they were stored, reloaded, or computed again.

Decides where such code goes: a value that belongs to an outer loop is fetched once, in the block through which the
reverse sweep enters the inner loop. Invariant: `value(v)` in the reverse of block B is what v was when B ran.
"""

from __future__ import annotations

import re
from typing import Protocol

from ..analysis import Loop
from ..ir import Instruction
from .augment import Augmented
from .emitter import Emitter, TextBlock
from .saving import Recomputation
from .storage import FrameSlot, Place, RecordField, Storage, memory_type

_SSA = re.compile(r'%(?:"[^"]*"|[-\w.$]+)')


class Values(Protocol):
    """What the reverse sweep asks for primal values."""

    def value(self, name: str) -> str: ...


class NeedsRecorder:
    """Stands in for `Lookup` in the dry run that finds out which values the reverse sweep wants."""

    def __init__(self) -> None:
        self.needed: set[str] = set()

    def value(self, name: str) -> str:
        if name.startswith("%"):
            self.needed.add(name)
        return name

    def enter_block(self, label: str) -> None:
        """Nothing to remember."""


class Lookup:
    """Fetches primal values into the block that `emitter` is writing."""

    def __init__(
        self,
        emitter: Emitter,
        augmented: Augmented,
        storage: Storage,
        recomputation: Recomputation,
        entry_of: dict[Loop, str],
        stack_slots: dict[str, int],
    ) -> None:
        self.emitter, self.augmented, self.storage = emitter, augmented, storage
        self.recomputation, self.entry_of, self.stack_slots = recomputation, entry_of, stack_slots
        self.counters = {name: loop for loop, name in augmented.counter.items()}
        self.label = ""
        self._memo: dict[tuple[str, str], str] = {}

    def enter_block(self, label: str) -> None:
        """The sweep now writes (part of) the reverse of primal block `label`."""
        self.label = label

    # -- where ------------------------------------------------------------------------------------
    def _home(self, own: Loop | None) -> tuple[TextBlock, str]:
        """The block that fetches what belongs to loop `own`: here, or the way into the outermost loop around here that
        is inside `own`; with the primal block in whose reverse that code stands."""
        loop, home, label = self.storage.loop_of[self.label], self.emitter.block, self.label
        while loop is not own:
            if loop is None:
                raise AssertionError("a value of an inner loop was asked for outside it: not in LCSSA form")
            entry = self.entry_of.get(loop)
            if entry is None:
                return (home, label) if self._is_inside(own) else self._not_inside()
            home, label = self.emitter.blocks[entry], loop.preheader
            loop = loop.parent
        return home, label

    def _is_inside(self, own: Loop | None) -> bool:
        return own is None or self.label in own.blocks

    def _not_inside(self) -> tuple[TextBlock, str]:
        raise AssertionError("a value of an inner loop was asked for outside it: not in LCSSA form")

    def value(self, name: str) -> str:
        """The text of the primal value `name` (SSA name or constant) in the block being written."""
        if not name.startswith("%"):
            return name
        if name in self.stack_slots:
            here = (self.emitter.block, self.label)
            return self._memoised("stack " + name, here, lambda: self._frame(self.stack_slots[name]))
        if name not in self.augmented.definition or self.augmented.instruction[name].opcode == "alloca":
            return name  # a parameter, or a stack slot of the function that holds both sweeps
        if name in self.counters:
            return self._iteration(self.counters[name])
        home = self._home(self.storage.loop_of[self.augmented.definition[name]])
        return self._memoised(name, home, lambda: self._fetch(name))

    def _memoised(self, name: str, home: tuple[TextBlock, str], make) -> str:
        key = (home[0].label, name)
        if key not in self._memo:
            here = self.emitter.block, self.label
            self.emitter.block, self.label = home
            found = make()
            self.emitter.block, self.label = here
            self._memo[key] = found
        return self._memo[key]

    # -- how --------------------------------------------------------------------------------------
    def _fetch(self, name: str) -> str:
        place = self.storage.places.get(name)
        if place is not None:
            return self._read(place, self.augmented.instruction[name].type)
        if name in self.augmented.evolution:
            return self._evolve(name)
        return self._recompute(self.augmented.instruction[name])

    def _frame(self, offset: int) -> str:
        return self.emitter.offset("%frame", offset)

    def _iteration(self, loop: Loop) -> str:
        return self.emitter.load("i64", iteration_slot(loop))

    def address(self, place: Place) -> str:
        """Address of a place in the iteration that is being reversed."""
        if isinstance(place, FrameSlot):
            return self._frame(place.offset)
        if isinstance(place, RecordField):
            record = self.emitter.load("ptr", self._frame(self.storage.records[place.loop].top))
            return self.emitter.offset(record, place.offset)
        home = self._home(place.nest[-1].parent)
        base = self._memoised(place.name, home, lambda: self._read(place.pointer, "ptr"))
        index = self._iteration(place.nest[-1])
        for loop in reversed(place.nest[:-1]):
            count = self.emitter.define(f"add nsw i64 {self.value(self.augmented.trip[loop])}, 1")
            scaled = self.emitter.define(f"mul nsw i64 {index}, {count}")
            index = self.emitter.define(f"add nsw i64 {scaled}, {self._iteration(loop)}")
        return self.emitter.element(memory_type(place.kind), base, index)

    def _read(self, place: Place, kind: str) -> str:
        value = self.emitter.load(memory_type(kind), self.address(place))
        return self.emitter.define(f"trunc i8 {value} to i1") if kind == "i1" else value

    def _evolve(self, name: str) -> str:
        loop, evolution = self.augmented.evolution[name]
        iteration, start, step = (
            self._iteration(loop),
            self.value(evolution.start),
            self.value(evolution.step),
        )
        if evolution.type == "ptr":
            distance = self.emitter.define(f"mul i64 {iteration}, {step}")
            return self.emitter.define(f"getelementptr i8, ptr {start}, i64 {distance}")
        if evolution.type != "i64":
            iteration = self.emitter.define(f"trunc i64 {iteration} to {evolution.type}")
        distance = self.emitter.define(f"mul {evolution.type} {iteration}, {step}") if step != "1" else iteration
        return self.emitter.define(f"add {evolution.type} {start}, {distance}") if start != "0" else distance

    def _recompute(self, instruction: Instruction) -> str:
        if instruction.opcode == "phi":
            return self._recompute_phi(instruction)
        names = {operand: self.value(operand) for operand in instruction.operands if operand.startswith("%")}
        body = instruction.text.partition(" = ")[2]
        return self.emitter.define(_SSA.sub(lambda match: names.get(match.group(), match.group()), body))

    def _recompute_phi(self, phi: Instruction) -> str:
        loop = self.storage.loop_of[self.augmented.definition[phi.name]]
        if len(phi.operands) == 1 or loop is None:
            return self.value(phi.operands[0])
        incoming = dict(zip(phi.labels, phi.operands, strict=True))
        first, later = self.value(incoming[loop.preheader]), self.value(incoming[loop.latch])
        is_first = self.emitter.define(f"icmp eq i64 {self._iteration(loop)}, 0")
        return self.emitter.select(is_first, phi.type, first, later)


def iteration_slot(loop: Loop) -> str:
    """The stack slot of the reverse sweep that holds the number of the iteration being reversed."""
    return f'%"{loop.header[1:].strip(chr(34))}.reversed"'
