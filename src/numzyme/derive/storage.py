"""Where stored values live between the two sweeps.

A value outside loops has a slot in the *frame* of the call. In a nest of counted loops it has a buffer, indexed by the
iteration numbers and allocated in front of the outermost loop of the nest whose size is known there. In any other
loop it has a field in the *record* of the iteration: records are a list, linked from the newest to the oldest, because
the reverse sweep visits iterations in exactly the opposite order, whatever the nesting.

Invariant: a slot is written once per execution of its definition and read only by the reverse of that execution.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..analysis import Loop
from ..ir.model import SIZES
from .augment import Augmented


@dataclass(frozen=True, slots=True)
class FrameSlot:
    offset: int


@dataclass(frozen=True, slots=True)
class RecordField:
    loop: Loop
    offset: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """One element per iteration of `nest` (innermost first); `pointer` is where its address is kept."""

    number: int
    kind: str
    nest: tuple[Loop, ...]
    pointer: FrameSlot | RecordField | Buffer

    @property
    def name(self) -> str:
        return f'%"buffer{self.number}"'


Place = FrameSlot | RecordField | Buffer


@dataclass(slots=True)
class Frame:
    """The fixed-size memory of one call; the caller provides it."""

    size: int = 0

    def reserve(self, size: int, alignment: int = 8) -> int:
        offset = -(-self.size // alignment) * alignment
        self.size = offset + size
        return offset


@dataclass(slots=True)
class Record:
    """Memory of one iteration: the link to the older record, then fields; `top` is the frame offset of the newest."""

    top: int
    size: int = 8


@dataclass(slots=True)
class Storage:
    """Gives places to values; `loop_of` tells the innermost loop of a block."""

    augmented: Augmented
    loop_of: dict[str, Loop | None]
    frame: Frame = field(default_factory=Frame)
    places: dict[str, Place] = field(default_factory=dict)
    records: dict[Loop, Record] = field(default_factory=dict)
    buffers: dict[Loop, list[Buffer]] = field(default_factory=dict)
    _count: int = 0

    def store(self, name: str, kind: str, label: str) -> Place:
        """Give the value `name`, defined in block `label`, a place of its own."""
        place = self._place(memory_type(kind), self.loop_of[label])
        self.places[name] = place
        return place

    def _place(self, kind: str, loop: Loop | None) -> Place:
        size = SIZES[kind]
        if loop is None:
            return FrameSlot(self.frame.reserve(size, size))
        nest = self._counted_nest(loop)
        if not nest:
            record = self.records.setdefault(loop, None) or self._new_record(loop)  # type: ignore[arg-type]
            offset = -(-record.size // size) * size
            record.size = offset + size
            return RecordField(loop, offset)
        outermost = nest[-1]
        self._count += 1
        buffer = Buffer(self._count, kind, tuple(nest), self._place("ptr", outermost.parent))
        self.buffers.setdefault(outermost, []).append(buffer)
        return buffer

    def _new_record(self, loop: Loop) -> Record:
        self.records[loop] = Record(self.frame.reserve(8))
        return self.records[loop]

    def _counted_nest(self, loop: Loop) -> list[Loop]:
        """The loops, innermost first, over which one buffer can be indexed: all counts known before the outermost."""
        nest: list[Loop] = []
        while loop is not None and loop.trip is not None:
            candidate = [*nest, loop]
            if not all(_contains(self.augmented.trip_home[inner], loop) for inner in candidate):
                break
            nest = candidate
            loop = loop.parent  # type: ignore[assignment]
        return nest


def _contains(outer: Loop, inner: Loop) -> bool:
    return outer is inner or inner.header in outer.blocks


def memory_type(kind: str) -> str:
    """The type a value has in memory: a bool takes a byte."""
    return "i8" if kind == "i1" else kind
