"""Which memory a pointer can point at, and whether what was read there is still there at the end.

Decides, by one flow-insensitive pass to a fixed point (Andersen, "Program analysis and specialization for the C
programming language", 1994), the set of objects behind every pointer, the parts of what is made here told apart; and,
sensitive to flow, whether a value that was loaded may be overwritten later (`overwritten_after`). An object is an
argument's memory, one allocation site, one stack slot, a global, or what a call or a load brought from elsewhere.

Invariant: sets may be too large, never too small; `unknown` stands for memory that nothing is known of.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..ir import Function, Instruction, Module
from ..ir.symbols import symbol_of
from .cfg import Cfg
from .effects import DIRECT_ALLOCATORS, FRESH, LIST_ALLOCATOR, WITH_MEMINFO, Effects, external_effects
from .failing import caught_functions

Objects = frozenset["MemoryObject"]


@dataclass(frozen=True, slots=True)
class MemoryObject:
    """`kind`: argument, allocation, header (of an allocation), stack, global, frozen (a global array that Numba takes
    by its address, as a constant), result (of a call), content (behind an argument) or unknown."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}({self.name})"


class Region(enum.Enum):
    """Some offset that is not known, behind the meminfo that Numba keeps in front of data. Pointers into the data lead
    to data, whatever the index: one that is out of bounds has no meaning."""

    DATA = "data"


Offset = int | Region | None  # in bytes from the start of an object; None: not known

UNKNOWN = MemoryObject("unknown", "?")
EMPTY: Objects = frozenset()
_GLOBAL_NAME = re.compile(r'@(?:"[^"]*"|[-\w.$]+)')
_COPIES = ("llvm.memcpy", "llvm.memmove")
_NEAR_NULL = re.compile(r"inttoptr \(i64 (\d+) to ptr\)|getelementptr (?:inbounds )?\(i8, ptr null, i64 (\d+)\)")
_FIRST_PAGE = 4096
_ADDRESS_OF_ARRAY = " global ptr inttoptr "
_WITH_PARTS = ("stack", "allocation")
_MEMINFO, _LIST_HEADER = range(64), range(64, 88)  # in a list: how many members, how many have room, changed or not
_PRIVATE = ("allocation", "header", "stack")


class Memory:
    """Points-to sets of `function`, and the writes that it makes."""

    def __init__(self, module: Module, cfg: Cfg, summaries: Summaries, opaque: frozenset[str] = frozenset()) -> None:
        """`opaque`: parameters whose memory nobody reads or writes (Numba's bookkeeping of an array)."""
        self.module, self.cfg, self.function = module, cfg, cfg.function
        self.summaries = summaries
        self.exclusive = {
            MemoryObject("argument", p.name) for p in self.function.parameters if "noalias" in p.attributes
        }
        self.points_to: dict[str, Objects] = {}
        self.contents: dict[MemoryObject, Objects] = {}
        # Of memory whose parts are told apart: what is stored where, and how far pointers are from the start of their
        # objects.
        self._parts: dict[MemoryObject, dict[Offset, tuple[Objects, Offset]]] = {}
        self._offset: dict[str, Offset] = {}
        for parameter in self.function.parameters:
            if parameter.type == "ptr" and parameter.name not in opaque:
                self.points_to[parameter.name] = frozenset({MemoryObject("argument", parameter.name)})
        self.site: dict[MemoryObject, str] = {}
        self._with_meminfo: set[MemoryObject] = set()
        self._lists: set[MemoryObject] = set()
        self._definitions = {i.name: i for i in self.function.instructions() if i.name}
        self._solve()
        self.writes = list(self._writes())

    # -- objects behind pointers ------------------------------------------------------------------
    def objects(self, pointer: str) -> Objects:
        """The objects that the value `pointer` (SSA name, global or constant) may point at."""
        if pointer.startswith("%"):
            return self.points_to.get(pointer, EMPTY)
        if pointer in ("null", "undef", "poison", "zeroinitializer"):
            return EMPTY
        if _is_near_null(pointer):
            return EMPTY  # where the data would be, had the allocation not failed
        names = _GLOBAL_NAME.findall(pointer)
        return frozenset(MemoryObject("global", n) for n in names) or frozenset({UNKNOWN})

    def effects(self, call: Instruction) -> Effects:
        """Effects of a call on the memory behind its arguments."""
        if call.callee in self.module.functions:
            return self.summaries.of(call.callee)
        return external_effects(call)

    def _solve(self) -> None:
        self._changed = True
        while self._changed:
            self._changed = False
            for label in self.cfg.order:
                for instruction in self.cfg.blocks[label].instructions:
                    self._transfer(instruction, label)

    def _add(self, name: str, objects: Objects, offset: Offset = None) -> None:
        known = self.points_to.get(name, EMPTY)
        if objects:
            joined = _either(self._offset.get(name, offset), offset)
            if name not in self._offset or self._offset[name] != joined:
                self._offset[name] = joined
                self._changed = True
        if not objects <= known:
            self.points_to[name] = known | objects
            self._changed = True

    def _add_contents(
        self, holders: Iterable[MemoryObject], objects: Objects, place: Offset = None, offset: Offset = None
    ) -> None:
        """`place`: where in the holders; `offset`: where in the objects the stored pointers point."""
        for holder in holders:
            known = self.contents.get(holder, EMPTY)
            if not objects <= known:
                self.contents[holder] = known | objects
                self._changed = True
            if holder.kind in _WITH_PARTS and objects:
                parts = self._parts.setdefault(holder, {})
                stored, there = parts.get(place, (EMPTY, offset))
                joined = stored | objects, _either(there, offset)
                if parts.get(place) != joined:
                    parts[place] = joined
                    self._changed = True

    def _transfer(self, instruction: Instruction, label: str) -> None:
        opcode, name, operands = instruction.opcode, instruction.name, instruction.operands
        if opcode == "call":
            self._transfer_call(instruction, label)
        elif opcode == "store":
            if instruction.types[0] == "ptr":
                place, offset = self.offset_of(operands[1]), self.offset_of(operands[0])
                self._add_contents(self.objects(operands[1]), self.objects(operands[0]), place, offset)
        elif instruction.type != "ptr":
            return
        elif opcode == "getelementptr":
            by_bytes = instruction.element_type == "i8" and len(operands) == 2
            step = int(operands[1]) if by_bytes and operands[1].lstrip("-").isdigit() else None
            self._add(name, self.objects(operands[0]), _moved(self.offset_of(operands[0]), step))
        elif opcode in ("phi", "freeze"):
            for operand in operands:
                self._add(name, self.objects(operand), self.offset_of(operand))
        elif opcode == "select":
            for operand in operands[1:]:
                self._add(name, self.objects(operand), self.offset_of(operand))
        elif opcode == "load":
            for objects, offset in self._parts_loaded(operands[0]):
                self._add(name, objects, offset)
        elif opcode == "alloca":
            self._new(name, "stack", label)
        else:
            self._add(name, frozenset({UNKNOWN}))

    def loaded(self, pointer: str) -> Objects:
        """What a pointer that is loaded from `pointer` may point at."""
        return frozenset().union(*(objects for objects, _ in self._parts_loaded(pointer)))

    def _parts_loaded(self, pointer: str, behind: bool = False) -> Iterator[tuple[Objects, Offset]]:
        """What may be loaded from `pointer`, or from behind it, and where in its objects it points."""
        place = _behind(self.offset_of(pointer)) if behind else self.offset_of(pointer)
        for holder in self.objects(pointer):
            yield from self._stored(holder, place)
            if holder.kind in ("argument", "content"):
                yield frozenset({MemoryObject("content", holder.name)}), None
            elif holder.kind in ("unknown", "result"):
                yield frozenset({UNKNOWN if holder.kind == "unknown" else holder}), None
            elif holder.kind == "global" and _ADDRESS_OF_ARRAY in self.module.globals.get(holder.name, ""):
                yield frozenset({MemoryObject("frozen", holder.name)}), None

    def _stored(self, holder: MemoryObject, place: Offset) -> Iterator[tuple[Objects, Offset]]:
        """What this function has stored in `holder`, at one place or anywhere."""
        if holder.kind not in _WITH_PARTS:
            yield self.contents.get(holder, EMPTY), None
            return
        parts = [*self._parts.get(holder, {}).items()]  # whoever reads may add to them
        has_meminfo = holder in self._with_meminfo
        yield from (part for at, part in parts if _may_meet(at, place, has_meminfo))

    def offset_of(self, pointer: str) -> Offset:
        """How many bytes a pointer is from the start of all that it points at."""
        return self._offset.get(pointer)

    def offset(self, pointer: str) -> int | None:
        """How many bytes from the start of its object `pointer` leads, if that is known."""
        if pointer.startswith("@"):
            return 0 if _GLOBAL_NAME.fullmatch(pointer) else None
        offset = self.offset_of(pointer)
        return offset if isinstance(offset, int) else None

    def in_list_header(self, pointer: str) -> bool:
        """Whether `pointer` leads to the integers that the memory of a list begins with, never to its members.

        Numba checks every index of a list, so that no pointer with a variable part leads there.
        """
        objects = self.objects(pointer)
        offset = self.offset_of(pointer)
        return isinstance(offset, int) and offset in _LIST_HEADER and bool(objects) and objects <= self._lists

    def in_meminfo(self, pointer: str) -> bool:
        """Whether `pointer` leads to what Numba keeps in front of the data that it allocates."""
        objects = self.objects(pointer)
        offset = self.offset_of(pointer)
        return isinstance(offset, int) and offset in _MEMINFO and bool(objects) and objects <= self._with_meminfo

    def _new(self, name: str, kind: str, label: str) -> None:
        made = MemoryObject(kind, name)
        self.site[made] = label
        self._add(name, frozenset({made}), 0)

    def _new_allocation(self, call: Instruction, label: str) -> None:
        """Numba's allocators return a header that holds the address of the data; in an arena both are one block."""
        if symbol_of(call.callee) in DIRECT_ALLOCATORS:
            self._new(call.name, "allocation", label)
            if symbol_of(call.callee) in WITH_MEMINFO:
                self._with_meminfo.add(MemoryObject("allocation", call.name))
            if symbol_of(call.callee) == LIST_ALLOCATOR:
                self._lists.add(MemoryObject("allocation", call.name))
            return
        self._new(call.name, "header", label)
        data = MemoryObject("allocation", call.name)
        self.site[data] = label
        self._add_contents([MemoryObject("header", call.name)], frozenset({data}))

    def _transfer_call(self, call: Instruction, label: str) -> None:
        effects = self.effects(call)
        if effects.allocates:
            self._new_allocation(call, label)
            return
        if symbol_of(call.callee).startswith(_COPIES):
            for objects, offset in self._parts_loaded(call.operands[1], behind=True):
                place = _behind(self.offset_of(call.operands[0]))
                self._add_contents(self.objects(call.operands[0]), objects, place, offset)
            return
        arguments = {n: self.objects(v) for n, v in enumerate(call.operands) if call.types[n] == "ptr"}
        if call.type == "ptr" and call.name:
            self._new(call.name, "result", label)
            self._add(call.name, self.closure(frozenset().union(*arguments.values())) if arguments else EMPTY)
        for holder, target in effects.stores:
            if target == FRESH:
                fresh = MemoryObject("result", f"{call.name or label}/{holder}")
                self.site[fresh] = label
                stored = frozenset({fresh})
            else:
                stored = arguments.get(target, EMPTY)
                stored = self.closure(stored) if target in effects.deep else stored
            holders = arguments.get(holder, EMPTY)
            self._add_contents(self.closure(holders) if holder in effects.deep else holders, stored)

    def closure(self, objects: Objects) -> Objects:
        """`objects` and everything that can be reached from them through stored pointers."""
        seen, stack = set(objects), list(objects)
        while stack:
            for target in self.contents.get(stack.pop(), EMPTY):
                if target not in seen:
                    seen.add(target)
                    stack.append(target)
        return frozenset(seen)

    # -- aliasing ---------------------------------------------------------------------------------
    def may_alias(self, a: MemoryObject, b: MemoryObject) -> bool:
        """Whether two objects can share memory."""
        if a == b:
            return True
        if a.kind in _PRIVATE or b.kind in _PRIVATE:
            return False  # pointers to them are followed by the points-to sets themselves
        if UNKNOWN in (a, b):
            return not (self._is_constant(a) or self._is_constant(b))
        if "global" in (a.kind, b.kind):
            return False
        return not (a in self.exclusive or b in self.exclusive)

    def _is_constant(self, an_object: MemoryObject) -> bool:
        return an_object.kind == "global" and " constant " in self.module.globals.get(an_object.name, "")

    def overlap(self, first: Objects, second: Objects) -> bool:
        return any(self.may_alias(a, b) for a in first for b in second)

    # -- writes -----------------------------------------------------------------------------------
    def written_by(self, instruction: Instruction) -> Objects:
        """The objects that an instruction may write."""
        if instruction.opcode == "store":
            return self.objects(instruction.operands[1])
        if instruction.opcode == "call":
            return self.call_memory(instruction)[1]
        if instruction.opcode in ("atomicrmw", "cmpxchg", "unknown"):
            return frozenset({UNKNOWN})
        return EMPTY

    def call_memory(self, call: Instruction) -> tuple[Objects, Objects]:
        """The objects that a call may read and those that it may write."""
        effects = self.effects(call)
        read = written = EMPTY
        for position in effects.reads | effects.writes:
            objects = self.objects(call.operands[position])
            objects = self.closure(objects) if position in effects.deep else objects
            read |= objects if position in effects.reads else EMPTY
            written |= objects if position in effects.writes else EMPTY
        return read, written

    def results_of(self, call: Instruction) -> Objects:
        """The memory that a call makes and hands over through its pointer arguments."""
        name = call.name
        return frozenset(o for o in self.site if o.kind == "result" and o.name.partition("/")[0] == name)

    def _writes(self):
        for label in self.cfg.order:
            if label not in self.cfg.relevant:
                continue
            for index, instruction in enumerate(self.cfg.blocks[label].instructions):
                written = self.written_by(instruction)
                if written:
                    yield label, index, instruction, written

    def overwritten_after(self, label: str, index: int, objects: Objects) -> bool:
        """Whether memory of `objects`, read by instruction `index` of block `label`, may be written later.

        An allocation that runs again makes another instance of its object. A write through a pointer that comes
        straight from the allocation goes to the newest instance, so for such writes paths end where the object is
        made again; a pointer that was carried around a loop may still mean an older instance.
        """
        for an_object in objects:
            site = self.site.get(an_object) if an_object.kind in _PRIVATE else None
            anywhere = self._later(label, None)
            same_instance = self._later(label, site) if site is not None else anywhere
            for where, position, instruction, written in self.writes:
                if not any(self.may_alias(an_object, w) for w in written):
                    continue
                later = same_instance if self._is_straight(instruction, an_object) else anywhere
                if where in later or (where == label and position > index):
                    return True
        return False

    def _is_straight(self, write: Instruction, an_object: MemoryObject) -> bool:
        """Whether all pointers of `write` into `an_object` are computed from its allocation without phis or loads."""
        if write.opcode == "call" and write.callee in self.module.functions:
            return False
        for operand, kind in zip(write.operands, write.types, strict=True):
            if kind == "ptr" and an_object in self.objects(operand) and self._root(operand) != an_object.name:
                return False
        return True

    def is_loaded(self, pointer: str) -> bool:
        """Whether a pointer is read from memory, or computed from one that is; from memory that there can be."""
        made = self._definitions.get(self._root(pointer))
        return made is not None and made.opcode == "load" and not self._is_nowhere(made.operands[0])

    def _is_nowhere(self, address: str) -> bool:
        """Whether an address, or what it was read from, is one next to null: no code that runs reads there."""
        made = self._definitions.get(self._root(address))
        if made is not None and made.opcode == "load":
            return not self.objects(address) and self._is_nowhere(made.operands[0])
        return _is_near_null(self._root(address))

    def _root(self, pointer: str) -> str:
        while (made := self._definitions.get(pointer)) is not None and made.opcode == "getelementptr":
            pointer = made.operands[0]
        return pointer

    def _later(self, label: str, barrier: str | None) -> set[str]:
        key = (label, barrier)
        cache = self.__dict__.setdefault("_later_cache", {})
        if key not in cache:
            cache[key] = self.cfg.reachable_from(label, barrier)
        return cache[key]

    def describe(self) -> str:
        """Printed form for `python -m numzyme.opt --print memory`."""
        lines = [f"{name} points at {_listed(objects)}" for name, objects in self.points_to.items()]
        lines += [f"{holder} holds pointers to {_listed(objects)}" for holder, objects in self.contents.items()]
        for label, _, instruction, written in self.writes:
            lines.append(f"in {label}, {_listed(written)} is written: {instruction}")
        for label in self.cfg.order:
            for index, instruction in enumerate(self.cfg.blocks[label].instructions):
                if instruction.opcode == "load":
                    objects = self.objects(instruction.operands[0])
                    changed = self.overwritten_after(label, index, objects)
                    fate = "may be overwritten later" if changed else "is still there at the end"
                    lines.append(f"{instruction.name}, read from {_listed(objects)}, {fate}")
        return "\n".join(lines)


def _either(first: Offset, second: Offset) -> Offset:
    """What is known of an offset that is one of two."""
    if first == second:
        return first
    return Region.DATA if _in_data(first) and _in_data(second) else None


def _moved(offset: Offset, step: int | None) -> Offset:
    """The offset after a step of so many bytes, or of an index times something."""
    if isinstance(offset, int) and step is not None:
        moved = offset + step
        # Only an index of LLVM's own goes back from data to what is in front of it: `-1` of `data[n - 1]`, taken first.
        return Region.DATA if _in_data(offset) and moved <= _MEMINFO[-1] else moved
    return _behind(offset)


def _behind(offset: Offset) -> Offset:
    """What is known of the offsets that an index leads to from here, or a copy of many bytes."""
    return Region.DATA if _in_data(offset) else None


def _in_data(offset: Offset) -> bool:
    return offset is Region.DATA or (isinstance(offset, int) and offset not in _MEMINFO and offset > 0)


def _may_meet(first: Offset, second: Offset, has_meminfo: bool) -> bool:
    """Whether two offsets in one object can be the same; `has_meminfo`: data begins behind one in it."""
    if isinstance(first, int) and isinstance(second, int):
        return first == second
    if has_meminfo and Region.DATA in (first, second):
        return all(_in_data(offset) or offset is None for offset in (first, second))
    return True


def _listed(objects: Objects) -> str:
    return ", ".join(sorted(map(str, objects))) or "nothing"


class Summaries:
    """Effects of the functions of a module on their pointer arguments, to a fixed point over recursion.

    `caught`: the functions whose errors may be caught, so that what they do on the way there counts.
    """

    def __init__(self, module: Module) -> None:
        self.module, self.caught = module, caught_functions(module)
        self._effects = dict.fromkeys(module.functions, Effects())
        changed = True
        while changed:
            changed = False
            for name, function in module.functions.items():
                effects = self._summarise(function)
                if effects != self._effects[name]:
                    self._effects[name], changed = effects, True

    def of(self, name: str) -> Effects:
        return self._effects[name]

    def _summarise(self, function: Function) -> Effects:
        calls_inside = any(i.opcode == "call" and i.callee in self.module.functions for i in function.instructions())
        if not calls_inside and self._effects[function.name] != Effects():
            return self._effects[function.name]
        memory = Memory(self.module, Cfg(function, function.name in self.caught), self)
        everything = frozenset(i for i, p in enumerate(function.parameters) if p.type == "ptr")
        direct = {MemoryObject("argument", p.name): i for i, p in enumerate(function.parameters)}
        behind = {MemoryObject("content", p.name): i for i, p in enumerate(function.parameters)}
        positions = direct | behind
        reads: set[int] = set()
        writes: set[int] = set()
        deep: set[int] = set()
        known = True
        for _, _, _, written in memory.writes:
            writes |= everything if UNKNOWN in written else {positions[w] for w in written if w in positions}
            deep |= everything if UNKNOWN in written else {behind[w] for w in written if w in behind}
        for instruction in function.instructions():
            if instruction.opcode == "call":
                known &= memory.effects(instruction).known
            if instruction.opcode in ("load", "call"):
                reads |= {positions[o] for o in self._read_by(instruction, memory) if o in positions}
                deep |= {behind[o] for o in _pointed_at(instruction, memory) if o in behind}
        stores = _stored_pointers(memory, direct, behind)
        return Effects(frozenset(reads), frozenset(writes), frozenset(deep), stores, known=known)

    def _read_by(self, instruction: Instruction, memory: Memory) -> Objects:
        """What a load or call may read; calls of the module's own functions by what these do."""
        if instruction.callee not in self.module.functions:
            return _pointed_at(instruction, memory)
        read, written = memory.call_memory(instruction)
        return read | written


def _pointed_at(instruction: Instruction, memory: Memory) -> Objects:
    pointers = (v for v, kind in zip(instruction.operands, instruction.types, strict=True) if kind == "ptr")
    return EMPTY.union(*(memory.objects(pointer) for pointer in pointers))


def _stored_pointers(memory: Memory, direct: dict, behind: dict) -> frozenset[tuple[int, int]]:
    """Which parameters' pointers end up in which parameters' memory."""
    stores: set[tuple[int, int]] = set()
    for holder, contents in memory.contents.items():
        position = direct.get(holder, behind.get(holder))
        if position is None:
            if holder.kind not in ("unknown",):
                continue
            position = next(iter(direct.values()), None)
            if position is None:
                continue
        for target in memory.closure(contents):
            if target in direct or target in behind:
                stores.add((position, direct.get(target, behind.get(target, FRESH))))
            elif target.kind != "global":
                stores.add((position, FRESH))
    return frozenset(stores)


def _is_near_null(pointer: str) -> bool:
    """Whether a constant is an address in the first page of memory, which nobody has."""
    found = _NEAR_NULL.fullmatch(pointer)
    return found is not None and int(found[1] or found[2]) < _FIRST_PAGE
