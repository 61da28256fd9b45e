"""Block copies and fills of memory that has a shadow: what of it is floats.

Decides whether a block is floats of one type, pointers and integers alone, or records whose floats are told apart, or
whether the function is refused. Invariant: the pieces of a block hold every float of it that can have a derivative, and
nothing that could be told from one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..analysis import MemoryObject, Residue, symbol_of
from ..diagnostics import UnsupportedCodeError
from ..ir import Instruction
from ..ir.model import FLOAT_TYPES, SIZES
from ..ir.records import Layout

if TYPE_CHECKING:
    from .emitter import Emitter
    from .facts import FunctionFacts


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """Floats in a block: from `first` on `length` bytes, and again every `period` bytes."""

    first: int
    length: int
    period: int
    kind: str


@dataclass(frozen=True, slots=True)
class Block:
    """What a copy moves: floats of type `kind` all through, or in `pieces`; else nothing that has an adjoint."""

    kind: str | None = None
    pieces: tuple[Piece, ...] = ()

    @property
    def has_floats(self) -> bool:
        return self.kind is not None or bool(self.pieces)


_PLAIN = Block()
_NO_ACCESS = frozenset({"getelementptr", "icmp", "br"})  # whatever pointers they take


def block_of(facts: FunctionFacts, call: Instruction) -> Block:
    """What the copy or fill `call` moves; refused, with its line, when that cannot be told."""
    target, is_fill = call.operands[0], symbol_of(call.callee).startswith("llvm.memset")
    ends = [target] if is_fill else call.operands[:2]
    objects = facts.memory.objects(target)
    kinds = set().union(*(facts.kinds.of.get(o, set()) for o in objects))
    if any(facts.memory.objects(end) & facts.kinds.layouts.keys() for end in ends):
        pieces = _pieces_of_records(facts, ends)
        if pieces is not None:
            return Block(pieces=pieces)
        if is_fill:
            return Block(facts.kinds.float_of(target) or "double")  # zero bytes are zeros of any kind
        raise _refused(facts, call, kinds, "the fields of a record that are copied here cannot be told apart")
    if not kinds & FLOAT_TYPES or len(kinds) == 1:
        return Block(facts.kinds.float_of(target))
    if "ptr" not in kinds and all(map(facts.private, _copied(facts, ends))):
        floats = _floats_among(facts, ends, call.operands[2])
        if len(floats) == 1:
            # shadows that are made here hold zeros where integers are, which add up as floats do
            return Block(floats.pop())
        pieces = _pieces_of_own_memory(facts, ends)
        if pieces is not None:
            return Block(pieces=pieces)
    if is_fill and (facts.one_sweep or "ptr" not in kinds):
        return Block(facts.kinds.float_of(target) or "double")  # numbers as well as pointers
    raise _refused(facts, call, kinds, "differentiable numbers are copied together with something else")


def clears_new_memory(facts: FunctionFacts, call: Instruction) -> bool:
    """Whether `call` fills memory with zeros that has just been allocated: its shadow is zero, and nobody wrote yet."""
    if not symbol_of(call.callee).startswith("llvm.memset") or call.operands[1] != "0":
        return False
    objects = facts.memory.objects(call.operands[0])
    if len(objects) != 1 or next(iter(objects)).kind != "allocation":
        return False
    allocation = next(iter(objects)).name
    label, index = facts.site[id(call)]
    while True:
        for i in reversed(facts.cfg.blocks[label].instructions[:index]):
            if i.name == allocation:
                return True
            if i.opcode not in _NO_ACCESS and any(facts.memory.objects(v) & objects for v in i.operands):
                return False
        if len(facts.cfg.predecessors[label]) != 1:
            return False
        label, index = facts.cfg.predecessors[label][0], None


def _refused(facts: FunctionFacts, call: Instruction, kinds: set[str], what: str) -> UnsupportedCodeError:
    lists = ", as a list does when it grows" if "told apart" not in what else ""
    return UnsupportedCodeError(
        what + lists,
        where=facts.location(call),
        why=f"only blocks of floats of one type have an adjoint (this one holds {', '.join(sorted(kinds))})",
        todo=(["use an array of the final size instead of a list"] if lists else ["copy field by field"])
        + facts.advice,
    )


def _copied(facts: FunctionFacts, ends: Iterable[str]) -> frozenset[MemoryObject]:
    return frozenset().union(*(facts.memory.objects(end) for end in ends))


def _floats_among(facts: FunctionFacts, ends: Iterable[str], size: str) -> set[str]:
    """The kinds of floats that may lie in a block."""
    if size.isdigit():
        return set().union(*(facts.kinds.floats_at(end, int(size)) for end in ends))
    return {kind for o in _copied(facts, ends) for kind in facts.kinds.of.get(o, set()) if kind in FLOAT_TYPES}


def _pieces_of_records(facts: FunctionFacts, ends: Iterable[str]) -> tuple[Piece, ...] | None:
    """By the layout of the arguments among the ends; they must agree. None when the place in a record is not known."""
    found = set()
    for end in ends:
        for an_object in facts.memory.objects(end) & facts.kinds.layouts.keys():
            layout = layout_behind(facts, end, an_object)
            if layout is None:
                return None
            found.add(layout)
    if len(found) != 1:
        return None
    layout = found.pop()
    return tuple(Piece(run.offset, run.length, layout.size, run.kind) for run in layout.runs)


def layout_behind(facts: FunctionFacts, pointer: str, an_object: MemoryObject) -> Layout | None:
    """The layout of an argument's records, counted from a pointer; None when its place is not known."""
    layout, place = facts.kinds.layouts[an_object], facts.kinds.positions.of(pointer, an_object)
    return None if place.step % layout.size else layout.seen_from(place.offset)


def _pieces_of_own_memory(facts: FunctionFacts, ends: Iterable[str]) -> tuple[Piece, ...] | None:
    """By what this function does with memory that it made: both ends hold floats at the same places."""
    pieces = set()
    for end in ends:
        for an_object in facts.memory.objects(end):
            floats = facts.kinds.places_of_floats(an_object)
            if floats is None:
                return None
            here = facts.kinds.positions.of(end, an_object).negative()
            for found in floats:
                place = found.place + here
                if place.step and place.step < found.length:
                    return None
                if place.step or place.offset >= 0:  # what is in front of the block is not moved
                    pieces.add(Piece(place.offset, found.length, place.step or _ONCE, found.kind))
    largest = sorted(piece for piece in pieces if not any(_is_within(piece, other) for other in pieces - {piece}))
    return tuple(largest) if _are_apart(largest) else None


_ONCE = 1 << 62  # bytes to the next piece when there is none


def _is_within(piece: Piece, other: Piece) -> bool:
    """Whether all floats of a piece are among those of another."""
    if piece.kind != other.kind or (piece.period != _ONCE and piece.period % other.period):
        return False
    inside = (piece.first - other.first) % other.period
    return not inside % SIZES[piece.kind] and inside + piece.length <= other.length


def _are_apart(pieces: list[Piece]) -> bool:
    """Whether no byte is taken for floats of two kinds, or twice."""
    return not any(
        Residue(a.first, a.period % _ONCE).meets(a.length, Residue(b.first, b.period % _ONCE), b.length)
        for n, a in enumerate(pieces)
        for b in pieces[n + 1 :]
    )


# -- the code ---------------------------------------------------------------------------------------------------------
def write_adjoint(emitter: Emitter, block: Block, target: str, source: str, size: str) -> set[str]:
    """Add the shadow of the target to that of the source and clear it; returns the helpers that do so."""
    if block.kind is not None:
        helper = f"numzyme.adjoint_copy.{block.kind}"
        emitter.line(f'call void @"{helper}"(ptr {target}, ptr {source}, i64 {size})')
        return {helper}
    helpers = set()
    for piece in block.pieces:
        helper = f"numzyme.fields.adjoint_copy.{piece.kind}"
        helpers |= {helper, f"numzyme.adjoint_copy.{piece.kind}"}
        emitter.line(f'call void @"{helper}"(ptr {target}, ptr {source}, {_of_fields(piece, size)})')
    return helpers


def write_copy(emitter: Emitter, block: Block, target: str, source: str, size: str) -> set[str]:
    """Copy the floats of `source` to `target`; for blocks in pieces."""
    for piece in block.pieces:
        emitter.line(f'call void @"numzyme.fields.copy"(ptr {target}, ptr {source}, {_of_fields(piece, size)})')
    return {"numzyme.fields.copy"}


def write_zeros(emitter: Emitter, block: Block, target: str, size: str) -> set[str]:
    """Clear the floats of `target`; for blocks in pieces."""
    for piece in block.pieces:
        emitter.line(f'call void @"numzyme.fields.clear"(ptr {target}, ptr {target}, {_of_fields(piece, size)})')
    return {"numzyme.fields.clear"}


def _of_fields(piece: Piece, size: str) -> str:
    return f"i64 {size}, i64 {piece.first}, i64 {piece.length}, i64 {piece.period}"
