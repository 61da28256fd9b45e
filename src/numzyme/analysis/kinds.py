"""What kind of scalar lives in each memory object.

Decides, from the argument types that Numba gives and from typed accesses, which objects hold floats (and may need a
shadow), which hold only integers (never do), which hold pointers, and where in objects that hold several kinds the
floats are. `retype` turns copies of floats through integer registers, which LLVM makes of plain copies, back into float
copies; what it cannot turn back stays an integer, and the differentiator refuses integer writes to differentiable
memory.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ..ir import Instruction
from ..ir.model import FLOAT_TYPES, SIZES
from ..ir.records import Layout
from .effects import symbol_of
from .memory import Memory, MemoryObject
from .places import Floats, Places
from .positions import Positions

_AS_FLOAT = {"i64": "double", "i32": "float"}
_BLAS_KINDS = {"100": "double", "115": "float", "122": "double", "99": "float"}  # d, s, and complex z, c
_COPIES = ("phi", "select", "freeze")


# what lies between the floats of a record
_BYTES = "bytes"


class Kinds:
    """Scalar types seen in each object; `seed` gives those of the arguments: one type, or where floats of records lie.

    `multiples`: integer parameters that are multiples of a number of bytes.
    """

    def __init__(
        self,
        memory: Memory,
        seed: Mapping[MemoryObject, str | Layout],
        multiples: Mapping[str, int] | None = None,
    ) -> None:
        self.memory, self._seed, self.seeded = memory, seed, set(seed)
        self.layouts = {an_object: kind for an_object, kind in seed.items() if isinstance(kind, Layout)}
        self.positions = Positions(memory, multiples or {})
        self._collect()
        while retype(memory, self):
            self._collect()  # anew: copies may have spread what was an integer then
        self._settle_constants()
        self._propagate_copies()

    def _collect(self) -> None:
        self.of: dict[MemoryObject, set[str]] = {
            an_object: {*kind.kinds, _BYTES} if isinstance(kind, Layout) else {kind}
            for an_object, kind in self._seed.items()
        }
        self._places = Places(self.memory, self.positions, self.layouts)
        for instruction in self.memory.function.instructions():
            if instruction.opcode == "load":
                self._see(instruction.operands[0], instruction.type)
            elif instruction.opcode == "store" and not _is_integer_constant(instruction):
                self._see(instruction.operands[1], instruction.types[0])
        self._propagate_copies()
        self._propagate_blas()

    def _settle_constants(self) -> None:
        """An integer constant stored to memory that holds nothing but floats of its size is a float constant."""
        for store in filter(_is_integer_constant, self.memory.function.instructions()):
            pointer, kind = store.operands[1], _AS_FLOAT[store.types[0]]
            known = set().union(*(self.of.get(o, set()) for o in self.memory.objects(pointer)))
            if known == {kind}:
                _rewrite(store, store.types[0], kind)
            self._see(pointer, store.types[0])

    def _see(self, pointer: str, kind: str) -> None:
        if self.memory.in_meminfo(pointer):
            return  # Numba's bookkeeping in front of the data, which is never copied with it
        for an_object in self.memory.objects(pointer):
            if an_object not in self.seeded:
                self.of.setdefault(an_object, set()).add(kind)

    def _propagate_copies(self) -> None:
        changed = True
        while changed:
            changed = False
            for instruction in self.memory.function.instructions():
                if instruction.opcode != "call" or not symbol_of(instruction.callee).startswith("llvm.mem"):
                    continue
                if symbol_of(instruction.callee).startswith("llvm.memset"):
                    continue
                ends = self.memory.objects(instruction.operands[0]) | self.memory.objects(instruction.operands[1])
                kinds = set().union(*(self.of.get(o, set()) for o in ends)) - {"i8"}
                for an_object in ends:
                    known = self.of.setdefault(an_object, set())
                    if an_object not in self.seeded and not kinds <= known:
                        known |= kinds
                        changed = True

    def _propagate_blas(self) -> None:
        for instruction in self.memory.function.instructions():
            if instruction.opcode == "call" and symbol_of(instruction.callee).startswith("numba_xx"):
                kind = _BLAS_KINDS.get(instruction.operands[0])
                for operand, type_ in zip(instruction.operands, instruction.types, strict=True):
                    if kind and type_ == "ptr":
                        self._see(operand, kind)

    def float_of(self, pointer: str) -> str | None:
        """`double`, `float` or None: the one float type behind `pointer`; None when there is none or more than one."""
        found = set()
        for an_object in self.memory.objects(pointer):
            found |= self.of.get(an_object, set()) & FLOAT_TYPES
        return found.pop() if len(found) == 1 else None

    def floats_at(self, pointer: str, size: int) -> set[str]:
        """The kinds of floats that some of the `size` bytes behind `pointer` may be of."""
        return set().union(*(self.floats_in(o, pointer, size) for o in self.memory.objects(pointer)))

    def floats_in(self, an_object: MemoryObject, pointer: str, size: int) -> set[str]:
        """The same for one object that `pointer` may lead to."""
        kinds = self.of.get(an_object, set())
        floats = kinds & FLOAT_TYPES
        if not floats or len(kinds) == 1 or not self._places.are_known(an_object):
            return floats
        here = self.positions.of(pointer, an_object)
        return {found.kind for found in self._places.of(an_object) if here.meets(size, found.place, found.length)}

    def is_integer(self, access: Instruction) -> bool:
        """Whether a load or store is of an integer beside floats, as the function means it."""
        objects = self.memory.objects(access.operands[-1])
        return access.integer and all(len(self.of.get(o, set())) > 1 for o in objects)

    def places_of_floats(self, an_object: MemoryObject) -> frozenset[Floats] | None:
        """Where an object that was made here holds floats, and maybe something else; None when that is not known."""
        return self._places.of(an_object) if self._places.are_known(an_object) else None

    def only_integers(self, an_object: MemoryObject) -> bool:
        """Whether an object is known to hold integers and nothing else."""
        kinds = self.of.get(an_object, set())
        return bool(kinds) and all(k.startswith("i") for k in kinds)

    def holds_floats(self, an_object: MemoryObject) -> bool:
        return bool(self.of.get(an_object, set()) & FLOAT_TYPES)

    def describe(self) -> str:
        """Printed form for `python -m numzyme.opt --print kinds`."""
        lines = []
        for an_object, kinds in self.of.items():
            source = " (given)" if an_object in self.seeded else ""
            lines.append(f"{an_object} holds {', '.join(sorted(kinds)) or 'nothing'}{source}")
        return "\n".join(lines) or "no memory"


def _is_integer_constant(instruction: Instruction) -> bool:
    if instruction.opcode != "store" or instruction.types[0] not in _AS_FLOAT:
        return False
    return instruction.operands[0].lstrip("-").isdigit()


def retype(memory: Memory, kinds: Kinds) -> bool:
    """Turn integer copies of floats into float copies, in place; returns whether anything changed."""
    function = memory.function
    users: dict[str, list[Instruction]] = {}
    definitions: dict[str, Instruction] = {}
    for instruction in function.instructions():
        if instruction.name:
            definitions[instruction.name] = instruction
        for operand in instruction.operands:
            if operand.startswith("%"):
                users.setdefault(operand, []).append(instruction)
    changed, seen = False, set()
    for instruction in list(function.instructions()):
        if instruction.opcode == "load" and instruction.type in _AS_FLOAT and instruction.name not in seen:
            web = _Web(instruction, definitions, users)
            seen |= web.names
            if web.is_copy and web.touches_floats(memory, kinds):
                web.rewrite()
                changed = True
    return changed


class _Web:
    """Integer values of one type that are connected by copies, from loads to stores."""

    def __init__(self, start: Instruction, definitions: dict, users: dict) -> None:
        self.type = start.type
        self.members: dict[int, Instruction] = {}
        self.names: set[str] = set()
        self.is_copy = True
        stack = [start]
        while stack:
            instruction = stack.pop()
            if id(instruction) in self.members:
                continue
            if not self._admit(instruction):
                self.is_copy = False
                continue
            self.members[id(instruction)] = instruction
            if instruction.name:
                self.names.add(instruction.name)
                if instruction.opcode != "bitcast":
                    stack += users.get(instruction.name, [])
            stack += [definitions[v] for v in self._copied(instruction) if v in definitions]
            if any(v.startswith("%") and v not in definitions for v in self._copied(instruction)):
                self.is_copy = False  # an integer argument

    def _copied(self, instruction: Instruction) -> list[str]:
        if instruction.opcode == "store":
            return instruction.operands[:1]
        if instruction.opcode == "select":
            return instruction.operands[1:]
        return instruction.operands if instruction.opcode in ("phi", "freeze") else []

    def _admit(self, instruction: Instruction) -> bool:
        if instruction.opcode == "load" or instruction.opcode in _COPIES:
            return instruction.type == self.type
        if instruction.opcode == "bitcast":
            return {instruction.type, instruction.types[0]} == {self.type, _AS_FLOAT[self.type]}
        return instruction.opcode == "store" and instruction.types[0] == self.type

    def touches_floats(self, memory: Memory, kinds: Kinds) -> bool:
        """Whether some end of the web is float memory, and no end holds only integers by its argument type."""
        touched, size = False, SIZES[self.type]
        for instruction in self.members.values():
            if instruction.opcode in ("load", "store"):
                pointer = instruction.operands[-1]
                if kinds.is_integer(instruction):
                    return False
                touched |= kinds.floats_at(pointer, size) == {_AS_FLOAT[self.type]}
                if any(o in kinds.seeded and not kinds.floats_in(o, pointer, size) for o in memory.objects(pointer)):
                    return False
            touched |= instruction.opcode == "bitcast"
        return touched

    def rewrite(self) -> None:
        for instruction in self.members.values():
            _rewrite(instruction, self.type, _AS_FLOAT[self.type])


def _rewrite(instruction: Instruction, old: str, new: str) -> None:
    if instruction.opcode == "bitcast":
        value = instruction.operands[0]
        instruction.opcode, instruction.type, instruction.types = "freeze", new, [new]
        instruction.text = f"{instruction.name} = freeze {new} {value}"
        return
    for i, value in enumerate(instruction.operands):
        if instruction.types[i] == old:
            instruction.types[i] = new
            if value.lstrip("-").isdigit():
                instruction.operands[i] = float_bits(int(value), new)
                instruction.text = instruction.text.replace(f"[ {value},", f"[ {instruction.operands[i]},")
                instruction.text = instruction.text.replace(f"{old} {value}", f"{old} {instruction.operands[i]}")
    instruction.text = instruction.text.replace(f" {old} ", f" {new} ").replace(f" {old},", f" {new},")
    if instruction.type == old:
        instruction.type = new


def float_bits(bits: int, kind: str) -> str:
    """LLVM's spelling of the float constant with the given bits (a float is printed as the double of its value)."""
    if kind == "double":
        return f"0x{bits & 0xFFFFFFFFFFFFFFFF:016X}"
    value = struct.unpack("<f", struct.pack("<I", bits & 0xFFFFFFFF))[0]
    return "0x" + struct.pack(">d", value).hex().upper()
