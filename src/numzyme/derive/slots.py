"""Slots that functions share taken apart: what a call returns in memory gets one slot for each scalar.

Numba's functions return tuples through a pointer. Where a function stays a call, because it calls itself, the slot of
a tuple of an array and a float holds numbers, sizes and pointers side by side, which the analyses of the two functions
would take for one thing. This pass does what LLVM's scalar replacement does, across calls: a stack slot and the
parameters that it is handed to become one slot and one parameter for each scalar in them.

Decides which slots: those of which every use, in every function that sees them, is a load, a store, a fill with zeros
or a call that hands on all of the slot, and that hold a float beside something else. Invariant: the module computes
what it computed before.
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from collections.abc import Iterator

from ..ir import Function, Instruction, Module, Parameter, read_instruction
from ..ir.model import FLOAT_TYPES, SIZES
from ..ir.reader import matching, split_commas
from ..ir.symbols import CONTAINED, symbol_of

_GLOBAL = re.compile(r'@(?:"[^"]*"|[-\w.$]+)')
_ZEROS = {"ptr": "null", "double": "0.0", "float": "0.0"}
Node = tuple[str, str]  # a function, and its parameter or stack slot


def split_slots(module: Module, root: str) -> None:
    """Take apart the slots that the functions of `module` share, in place; the parameters of `root` stay."""
    if not any(i.opcode == "alloca" and i.element_type[:1] in "{[<" for i in _instructions(module)):
        return
    _copy_for_calls(module, root)
    slots = _Slots(module, root)
    for name, function in module.functions.items():
        fields = {node[1]: slots.fields_of(node) for node in slots.parent if node[0] == name}
        _Rewriting(slots, function, {pointer: found for pointer, found in fields.items() if found}).run()
    slots.rewrite_headers()


def _copy_for_calls(module: Module, root: str) -> None:
    """Let calls of `root` lead to a copy of it, where slots that it is handed can be taken apart."""
    calls = [i for i in _instructions(module) if i.opcode == "call" and i.callee == root]
    if not calls or not _Slots(module, None).takes_apart(root):
        return
    name = f'@"{symbol_of(root)}.called"'
    for call in calls:
        call.text, call.callee = call.text.replace(f"{root}(", f"{name}(", 1), name
    copied = copy.deepcopy(module.functions[root])
    start, end = copied.header.split(f"{root}(", 1)
    linkage = "define internal " + start.removeprefix("define ").removeprefix("internal ")
    copied.name, copied.header = name, f"{linkage}{name}({end}"
    module.functions[name] = copied


def _instructions(module: Module) -> Iterator[Instruction]:
    for function in module.functions.values():
        yield from function.instructions()


class _Slots:
    """Stack slots and parameters joined by calls, with the scalars that lie in them."""

    def __init__(self, module: Module, root: str | None) -> None:
        self.module = module
        taken = {name for i in _instructions(module) for name in _handled(i)}
        taken |= {name for text in module.globals.values() for name in _GLOBAL.findall(text.partition(" = ")[2])}
        self.inner = {
            name: function
            for name, function in module.functions.items()
            if name not in taken and name != root and not symbol_of(name).startswith((CONTAINED, "numzyme."))
        }
        self.parent: dict[Node, Node] = {}
        self.places: dict[str, dict[str, tuple[str, int]]] = {}  # by function: pointer -> slot, bytes from its start
        self.accesses: dict[Node, set[tuple[int, str]]] = defaultdict(set)
        self.fills: dict[Node, set[tuple[int, int]]] = defaultdict(set)
        self.spoilt: set[Node] = set()
        for name, function in module.functions.items():
            slots = [i.name for i in function.instructions() if i.opcode == "alloca"]
            slots += [p.name for p in function.parameters if p.type == "ptr" and name in self.inner]
            self.parent |= {(name, slot): (name, slot) for slot in slots}
            self.places[name] = _places(function, slots)
        for name, function in module.functions.items():
            for i in function.instructions():
                self._see(name, i)
        self._found = self._settle()

    def fields_of(self, node: Node) -> tuple[tuple[int, str], ...]:
        """Where the scalars of a slot lie, and their types; nothing when it stays whole."""
        return self._found.get(self._top(node), ())

    def takes_apart(self, name: str) -> bool:
        """Whether some parameter of a function becomes several."""
        parameters = self.inner[name].parameters if name in self.inner else ()
        return any(self.fields_of((name, p.name)) for p in parameters if p.type == "ptr")

    def _top(self, node: Node) -> Node:
        while self.parent[node] != node:
            node = self.parent[node]
        return node

    def _see(self, name: str, i: Instruction) -> None:
        places = self.places[name]
        used = [(n, (name, places[v][0]), places[v][1]) for n, v in enumerate(i.operands) if v in places]
        if i.opcode == "call" and i.callee in self.inner:
            self._see_call(name, i)
            return
        for n, node, offset in used:
            plain = "volatile" not in i.flags and "atomic" not in i.flags
            if i.opcode == "load" and plain and i.type in SIZES:
                self.accesses[node].add((offset, i.type))
            elif i.opcode == "store" and plain and n == 1 and i.types[0] in SIZES:
                self.accesses[node].add((offset, i.types[0]))
            elif i.opcode == "call" and _is_fill(i):
                self.fills[node].add((offset, int(i.operands[2])))
            elif not (i.opcode == "getelementptr" and i.name in places) and not _is_lifetime(i):
                self.spoilt.add(node)

    def _see_call(self, name: str, call: Instruction) -> None:
        places = self.places[name]
        for parameter, value in zip(self.inner[call.callee].parameters, call.operands, strict=True):
            if parameter.type != "ptr":
                continue
            other = (call.callee, parameter.name)
            if places.get(value, ("", 1))[1] == 0:
                first, second = self._top((name, places[value][0])), self._top(other)
                self.parent[first] = second
            else:
                self.spoilt.add(other)
                if value in places:
                    self.spoilt.add((name, places[value][0]))

    def _settle(self) -> dict[Node, tuple[tuple[int, str], ...]]:
        groups: dict[Node, list[Node]] = defaultdict(list)
        for node in self.parent:
            groups[self._top(node)].append(node)
        found = {}
        for top, nodes in groups.items():
            if len(nodes) > 1 and not self.spoilt & set(nodes):
                fields = _fields(set().union(*(self.accesses[n] for n in nodes)))
                fills = set().union(*(self.fills[n] for n in nodes))
                if fields and all(_covers(fill, field) is not None for fill in fills for field in fields):
                    found[top] = fields
        return found

    def rewrite_headers(self) -> None:
        """Parameters in the `define` lines, and in the functions."""
        for name, function in self.inner.items():
            if not self.takes_apart(name):
                continue
            start = function.header.index("(", function.header.index(name))
            close = matching(function.header, start)
            texts = split_commas(function.header[start + 1 : close])
            parameters, listed = [], []
            for parameter, text in zip(function.parameters, texts, strict=True):
                fields = self.fields_of((name, parameter.name)) if parameter.type == "ptr" else ()
                kept = "noalias" if "noalias" in parameter.attributes.split() else ""
                for offset, _ in fields:
                    parameters.append(Parameter(_field(parameter.name, offset), "ptr", kept))
                    listed.append(" ".join(filter(None, ("ptr", kept, parameters[-1].name))))
                if not fields:
                    parameters.append(parameter)
                    listed.append(text)
            function.parameters = parameters
            function.header = f"{function.header[: start + 1]}{', '.join(listed)}{function.header[close:]}"


def _handled(i: Instruction) -> list[str]:
    """The functions whose address an instruction takes."""
    names = _GLOBAL.findall(i.text)
    if i.opcode == "call" and i.callee in names:
        names.remove(i.callee)
    return names


def _places(function: Function, slots: list[str]) -> dict[str, tuple[str, int]]:
    """Pointers a known number of bytes behind the start of a slot."""
    places = {slot: (slot, 0) for slot in slots}
    steps = [i for i in function.instructions() if i.opcode == "getelementptr" and i.element_type == "i8"]
    steps = [i for i in steps if len(i.operands) == 2 and i.operands[1].isdigit()]
    before = -1
    while before != len(places):
        before = len(places)
        for i in steps:
            if i.operands[0] in places:
                slot, offset = places[i.operands[0]]
                places[i.name] = slot, offset + int(i.operands[1])
    return places


def _is_fill(call: Instruction) -> bool:
    operands = call.operands
    is_memset = symbol_of(call.callee).startswith("llvm.memset")
    return is_memset and operands[1] == "0" and operands[2].isdigit() and operands[3] in ("false", "0")


def _is_lifetime(i: Instruction) -> bool:
    return i.opcode == "call" and symbol_of(i.callee).startswith("llvm.lifetime.")


def _fields(accesses: set[tuple[int, str]]) -> tuple[tuple[int, str], ...] | None:
    """The scalars that are accessed, when they lie apart and a float is beside something else."""
    kinds: dict[int, set[str]] = defaultdict(set)
    for offset, kind in accesses:
        kinds[offset].add(kind)
    fields, end = [], 0
    for offset in sorted(kinds):
        sizes = {SIZES[kind] for kind in kinds[offset]}
        if len(sizes) > 1 or offset < end:
            return None
        end = offset + sizes.pop()
        fields.append((offset, min(kinds[offset], key=lambda kind: (kind not in FLOAT_TYPES, kind))))
    found = {kind for _, kind in fields}
    return tuple(fields) if found & FLOAT_TYPES and len(found) > 1 else None


def _covers(fill: tuple[int, int], field: tuple[int, str]) -> bool | None:
    """Whether a fill writes all of a scalar (True) or nothing of it (False); None for a part."""
    (start, length), (offset, kind) = fill, field
    end = offset + SIZES[kind]
    if start <= offset and end <= start + length:
        return True
    return False if end <= start or start + length <= offset else None


def _field(slot: str, offset: int) -> str:
    return f'%"{slot[1:].strip(chr(34))}.slot.{offset}"'


class _Rewriting:
    """One function with its slots taken apart; `fields` are those of its parameters and stack slots."""

    def __init__(self, slots: _Slots, function: Function, fields: dict[str, tuple[tuple[int, str], ...]]) -> None:
        self.slots, self.function, self.fields = slots, function, fields
        self.places = {p: at for p, at in slots.places[function.name].items() if at[0] in fields}

    def run(self) -> None:
        for block in self.function.blocks if self.fields else ():
            body = []
            for i in block.instructions:
                touched = i.name in self.places or any(v in self.places for v in i.operands)
                body += self._replaced(i) if touched else [i]
            block.instructions = body

    def _replaced(self, i: Instruction) -> list[Instruction]:
        if i.opcode == "getelementptr" or _is_lifetime(i):
            return []
        if i.opcode == "alloca":
            texts = [f"{_field(i.name, offset)} = alloca {kind}, align 16" for offset, kind in self.fields[i.name]]
        elif i.opcode == "call" and _is_fill(i):
            texts = self._filled(i)
        elif i.opcode == "call":
            texts = [self._call(i)]
        else:
            pointer = i.operands[-1]
            texts = [_with_pointer(i.text, pointer, _field(*self.places[pointer]))]
        made = [read_instruction(text) for text in texts]
        for instruction in made:
            instruction.debug, instruction.integer = i.debug, i.integer
        return made

    def _filled(self, fill: Instruction) -> list[str]:
        slot, start = self.places[fill.operands[0]]
        covered = (start, int(fill.operands[2]))
        return [
            f"store {kind} {_ZEROS.get(kind, '0')}, ptr {_field(slot, offset)}"
            for offset, kind in self.fields[slot]
            if _covers(covered, (offset, kind))
        ]

    def _call(self, call: Instruction) -> str:
        start = call.text.index("(", call.text.index(call.callee))
        close = matching(call.text, start)
        listed = []
        for value, text in zip(call.operands, split_commas(call.text[start + 1 : close]), strict=True):
            if value in self.places:
                slot = self.places[value][0]
                listed += [f"ptr {_field(slot, offset)}" for offset, _ in self.fields[slot]]
            else:
                listed.append(text)
        return f"{call.text[: start + 1]}{', '.join(listed)}{call.text[close:]}"


def _with_pointer(text: str, old: str, new: str) -> str:
    """A load or store at another place: the pointer is its last operand."""
    head, _, tail = text.rpartition(f"ptr {old}")
    return f"{head}ptr {new}{tail}"
