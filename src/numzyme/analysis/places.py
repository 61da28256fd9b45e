"""Where in an object the floats are, when it holds something else too.

Decides by the layout of the argument, or for memory that is made here by every typed access and every copy. Invariant:
a float that this function reads, writes or copies as one lies in one of the places; these may be too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from ..ir.model import FLOAT_TYPES, SIZES
from ..ir.records import Layout
from .effects import HARMLESS, symbol_of
from .memory import Memory, MemoryObject
from .positions import ANYWHERE, Positions, Residue

_COPIES = ("llvm.memcpy", "llvm.memmove")
_MOST_PLACES = 64  # of one object; more are taken for floats anywhere


class Floats(NamedTuple):
    """Floats of one kind, side by side, at a place and at all its multiples."""

    place: Residue
    length: int
    kind: str


class Places:
    """The floats of all objects of a function; `layouts` are those of its arguments."""

    def __init__(self, memory: Memory, positions: Positions, layouts: Mapping[MemoryObject, Layout]) -> None:
        self.memory, self.positions, self._layouts = memory, positions, layouts

    def of(self, an_object: MemoryObject) -> frozenset[Floats]:
        return self._found.get(an_object, frozenset())

    def are_known(self, an_object: MemoryObject) -> bool:
        """Whether no other function may read or write floats there."""
        if an_object in self._layouts:
            return True
        return an_object.kind in ("allocation", "stack") and an_object not in self._handed_on

    @cached_property
    def _handed_on(self) -> frozenset[MemoryObject]:
        found: frozenset[MemoryObject] = frozenset()
        for i in self.memory.function.instructions():
            if (
                i.opcode == "call"
                and not symbol_of(i.callee).startswith("llvm.")
                and symbol_of(i.callee) not in HARMLESS
            ):
                for operand, kind in zip(i.operands, i.types, strict=True):
                    if kind == "ptr":
                        found |= self.memory.closure(self.memory.objects(operand))
        return found

    @cached_property
    def _found(self) -> dict[MemoryObject, frozenset[Floats]]:
        found = {
            an_object: frozenset(Floats(Residue(r.offset, layout.size), r.length, r.kind) for r in layout.runs)
            for an_object, layout in self._layouts.items()
        }
        for i in self.memory.function.instructions():
            if i.opcode in ("load", "store"):
                kind = i.type if i.opcode == "load" else i.types[0]
                if kind in FLOAT_TYPES:
                    for an_object in self.memory.objects(i.operands[-1]) - self._layouts.keys():
                        place = self.positions.of(i.operands[-1], an_object)
                        new = frozenset({Floats(place, SIZES[kind], kind)})
                        found[an_object] = found.get(an_object, frozenset()) | new
        while self._copy(found):
            pass
        return found

    def _copy(self, found: dict[MemoryObject, frozenset[Floats]]) -> bool:
        """Both ends of a copy hold floats at the same places; whether that was news."""
        changed = False
        for i in self.memory.function.instructions():
            if i.opcode != "call" or not symbol_of(i.callee).startswith(_COPIES):
                continue
            target, source = i.operands[:2]
            for a, b in ((target, source), (source, target)):
                for to in self.memory.objects(a) - self._layouts.keys():
                    for of in self.memory.objects(b):
                        away = self.positions.of(a, to) + self.positions.of(b, of).negative()
                        moved = {Floats(f.place + away, f.length, f.kind) for f in found.get(of, frozenset())}
                        both = _bounded(found.get(to, frozenset()) | moved)
                        changed |= both != found.get(to, frozenset())
                        found[to] = both
        return changed


def _bounded(floats: frozenset[Floats]) -> frozenset[Floats]:
    """The same places, or more: copies within one object could go on for ever."""
    crowded = {f.kind for f in floats if len(floats) > _MOST_PLACES or f.place == ANYWHERE}
    anywhere = frozenset(Floats(ANYWHERE, SIZES[kind], kind) for kind in crowded)
    return anywhere | {f for f in floats if f.kind not in crowded}
