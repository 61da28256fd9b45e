"""How far a pointer is from the start of what it points at, up to multiples of something.

Decides which field of a record an address leads to, whatever the record: `base + 40*i + 8` is 8, in steps of 40. One
pass to a fixed point over the residues of integers and pointers (Granger, "Static analysis of arithmetical
congruences", 1989). Invariant: the place that a pointer has in an object is always `offset + step * (some integer)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import gcd
from typing import NamedTuple

from ..ir import Instruction
from ..ir.layout import is_aggregate, member_offset, size_of
from ..ir.reader import element_types
from .memory import Memory, MemoryObject


class Residue(NamedTuple):
    """All numbers `offset + step * n`; with step 0 the offset alone."""

    offset: int
    step: int

    def __add__(self, other: Residue) -> Residue:  # type: ignore[override]
        return _normal(self.offset + other.offset, gcd(self.step, other.step))

    def negative(self) -> Residue:
        return _normal(-self.offset, self.step)

    def times(self, other: Residue) -> Residue:
        steps = (self.offset * other.step, other.offset * self.step, self.step * other.step)
        return _normal(self.offset * other.offset, gcd(*steps))

    def joined(self, other: Residue) -> Residue:
        return _normal(self.offset, gcd(self.step, other.step, self.offset - other.offset))

    def meets(self, width: int, other: Residue, length: int) -> bool:
        """Whether `width` bytes here and `length` bytes there may have one in common."""
        step = gcd(self.step, other.step)
        if not step:
            return self.offset < other.offset + length and other.offset < self.offset + width
        ahead = (other.offset - self.offset) % step
        return ahead < width or ahead + length > step


ANYWHERE = Residue(0, 1)
START = Residue(0, 0)
_Places = Mapping[MemoryObject, Residue]


def _normal(offset: int, step: int) -> Residue:
    return Residue(offset % step if step else offset, step)


class Positions:
    """The places of all pointers of a function; `multiples`: parameters that are multiples of a number of bytes."""

    def __init__(self, memory: Memory, multiples: Mapping[str, int]) -> None:
        self.memory, self._multiples = memory, multiples

    def of(self, pointer: str, an_object: MemoryObject) -> Residue:
        """Where in `an_object` a pointer leads that may lead there."""
        return self._places_of(self._solved[1], pointer).get(an_object, ANYWHERE)

    @cached_property
    def _solved(self) -> tuple[dict[str, Residue], dict[str, _Places]]:
        numbers: dict[str, Residue] = {name: Residue(0, step) for name, step in self._multiples.items()}
        places: dict[str, _Places] = {}
        for parameter in self.memory.function.parameters:
            numbers.setdefault(parameter.name, ANYWHERE)
        instructions = [i for label in self.memory.cfg.order for i in self.memory.cfg.blocks[label].instructions]
        changed = True
        while changed:
            changed = False
            for i in instructions:
                if not i.name:
                    continue
                if i.type == "ptr":
                    found = self._pointer(i, numbers, places)
                    known = places.get(i.name)
                    found = found if known is None else _joined(known, found)
                    changed |= found != known
                    places[i.name] = found
                elif i.type == "i64":
                    number = self._number(i, numbers)
                    before = numbers.get(i.name)
                    number = number if before is None or number is None else before.joined(number)
                    if number is not None and number != before:
                        numbers[i.name], changed = number, True
        return numbers, places

    # -- integers
    def _number(self, i: Instruction, numbers: dict[str, Residue]) -> Residue | None:
        """None as long as nothing is known of what it is made of: a loop is entered from outside."""
        if i.opcode not in ("add", "sub", "mul", "shl", "or", "phi", "select", "freeze"):
            return ANYWHERE
        values = i.operands[1:] if i.opcode == "select" else i.operands
        found = [_constant(v) if v.lstrip("-").isdigit() else numbers.get(v) for v in values]
        known = [residue for residue in found if residue is not None]
        if i.opcode in ("phi", "select", "freeze"):
            return _all_joined(known) if known else None
        if len(known) < 2:
            return None if all(v.startswith("%") or v.lstrip("-").isdigit() for v in values) else ANYWHERE
        first, second = known
        if i.opcode == "mul":
            return first.times(second)
        if i.opcode == "shl":
            return first.times(Residue(1 << second.offset, 0)) if not second.step and second.offset < 64 else ANYWHERE
        if i.opcode == "or":
            return first + second if "disjoint" in i.flags else ANYWHERE
        return first + (second if i.opcode == "add" else second.negative())

    # -- pointers
    def _pointer(self, i: Instruction, numbers: dict[str, Residue], places: dict[str, _Places]) -> _Places:
        if i.opcode == "getelementptr":
            step = _step(i, numbers)
            return {o: place + step for o, place in self._places_of(places, i.operands[0]).items()}
        if i.opcode in ("phi", "select", "freeze"):
            found: _Places = {}
            for operand in i.operands[1:] if i.opcode == "select" else i.operands:
                found = _joined(found, self._places_of(places, operand))
            return found
        objects = self.memory.objects(i.name)
        if i.opcode == "load":
            return self._loaded(i, objects)
        own = {o for o in objects if o.kind != "content" and o.name == i.name and o in self.memory.site}
        return {o: START if o in own and o.kind != "result" else ANYWHERE for o in objects}

    def _loaded(self, load: Instruction, objects: frozenset[MemoryObject]) -> _Places:
        """Headers hold the address of their data, other memory what was stored there."""
        headers = {o.name for o in self.memory.objects(load.operands[0]) if o.kind == "header"}
        offset = self.memory.offset_of(load.name)
        exact = Residue(offset, 0) if isinstance(offset, int) else ANYWHERE
        return {o: START if o.kind == "allocation" and headers == {o.name} else exact for o in objects}

    def _places_of(self, places: Mapping[str, _Places], pointer: str) -> _Places:
        """Those of a pointer operand; what the fixed point has not reached yet leads nowhere."""
        if pointer in places:
            return places[pointer]
        objects = self.memory.objects(pointer)
        if pointer.startswith("%"):
            is_parameter = any(p.name == pointer for p in self.memory.function.parameters)
            return {o: START if o.kind == "argument" else ANYWHERE for o in objects} if is_parameter else {}
        return {o: START if o.name == pointer else ANYWHERE for o in objects}


def _joined(first: _Places, second: _Places) -> _Places:
    both = dict(first)
    for an_object, place in second.items():
        both[an_object] = both[an_object].joined(place) if an_object in both else place
    return both


def _all_joined(residues: list[Residue]) -> Residue:
    found = residues[0]
    for residue in residues[1:]:
        found = found.joined(residue)
    return found


def _constant(text: str) -> Residue:
    return Residue(int(text), 0)


def _step(gep: Instruction, numbers: dict[str, Residue]) -> Residue:
    """How far a `getelementptr` moves its pointer."""
    total, kind = START, gep.element_type
    for depth, index in enumerate(gep.operands[1:]):
        exact = _constant(index) if index.lstrip("-").isdigit() else None
        number = exact or numbers.get(index, ANYWHERE)
        if depth == 0:
            total += number.times(Residue(size_of(kind), 0))
        elif kind.startswith("["):
            kind = kind[1:-1].split(" x ", 1)[1]
            total += number.times(Residue(size_of(kind), 0))
        elif is_aggregate(kind) and exact is not None:
            total += Residue(member_offset(kind, exact.offset), 0)
            kind = element_types(kind)[exact.offset]
        else:
            return ANYWHERE
    return total
