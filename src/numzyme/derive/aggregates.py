"""Structs in registers taken apart: every scalar that goes through an aggregate is named by itself.

LLVM sometimes leaves whole arrays of Numba (a struct of pointers and sizes) in one register, joined by phis. The
analyses follow scalars and pointers only, so this pass replaces each `extractvalue` by the scalar that was inserted,
with phis and selects of scalars where aggregates were joined.

Invariant: the function computes what it computed before.
"""

from __future__ import annotations

import re

from ..ir import Block, Function, Instruction, read_instruction
from ..ir.layout import is_aggregate
from ..ir.reader import element_types, split_commas, split_type

_SSA = re.compile(r'%(?:"[^"]*"|[-\w.$]+)')
_JOINED = frozenset({"insertvalue", "extractvalue", "phi", "select"})
_ZERO = {"ptr": "null", "double": "0.0", "float": "0.0"}


def split_aggregates(function: Function) -> None:
    """Replace extractions from aggregates that are built or joined in registers, in place."""
    if any(i.opcode == "extractvalue" for i in function.instructions()):
        _Splitter(function).run()


class _Splitter:
    def __init__(self, function: Function) -> None:
        self.function = function
        self.home: dict[str, Block] = {}
        self.definition: dict[str, Instruction] = {}
        for block in function.blocks:
            for i in block.instructions:
                if i.name:
                    self.home[i.name], self.definition[i.name] = block, i
        self.leaves: dict[tuple[str, tuple[int, ...]], str] = {}
        self.after: dict[str, list[Instruction]] = {}
        self.replaced: dict[str, str] = {}

    def run(self) -> None:
        for i in list(self.function.instructions()):
            if i.opcode == "extractvalue" and not is_aggregate(i.type) and self._is_joined(i.operands[0]):
                self.replaced[i.name] = self._leaf(i.operands[0], i.types[0], i.indices)
        if self.replaced:
            self._rewrite()
            self._remove_dead()

    def _is_joined(self, value: str) -> bool:
        made = self.definition.get(value)
        return made is not None and made.opcode in _JOINED

    def _leaf(self, value: str, kind: str, path: tuple[int, ...]) -> str:
        """The scalar at `path` of the aggregate `value`."""
        if not path:
            return value
        if not value.startswith("%"):
            return _constant_leaf(value, kind, path)
        key = (value, path)
        if key in self.leaves:
            return self.leaves[key]
        made = self.definition.get(value)
        opcode = made.opcode if made is not None else ""
        if made is not None and opcode == "insertvalue":
            found = self._inserted(made, path)
        elif made is not None and opcode == "extractvalue":
            found = self._leaf(made.operands[0], made.types[0], made.indices + path)
        elif made is not None and opcode in ("phi", "select"):
            return self._join(made, kind, path)
        else:
            found = self._extract(value, kind, path)
        self.leaves[key] = found
        return found

    def _inserted(self, made: Instruction, path: tuple[int, ...]) -> str:
        depth = len(made.indices)
        if path[:depth] == made.indices:
            return self._leaf(made.operands[1], made.types[1], path[depth:])
        return self._leaf(made.operands[0], made.types[0], path)

    def _name(self, value: str, path: tuple[int, ...]) -> str:
        return f'%"{value[1:].strip(chr(34))}.leaf.{".".join(map(str, path))}"'

    def _join(self, made: Instruction, kind: str, path: tuple[int, ...]) -> str:
        name = self.leaves[made.name, path] = self._name(made.name, path)
        leaf = _type_at(kind, path)
        placeholder = Instruction(made.opcode, name, leaf, debug=made.debug)
        self.after.setdefault(made.name, []).append(placeholder)  # a phi may need its own leaf
        if made.opcode == "phi":
            parts = [
                f"[ {self._leaf(v, kind, path)}, {label} ]" for v, label in zip(made.operands, made.labels, strict=True)
            ]
            placeholder.text = f"{name} = phi {leaf} {', '.join(parts)}"
        else:
            a, b = (self._leaf(v, kind, path) for v in made.operands[1:])
            placeholder.text = f"{name} = select i1 {made.operands[0]}, {leaf} {a}, {leaf} {b}"
        return name

    def _extract(self, value: str, kind: str, path: tuple[int, ...]) -> str:
        name = self._name(value, path)
        text = f"{name} = extractvalue {kind} {value}, {', '.join(map(str, path))}"
        self.after.setdefault(value, []).append(read_instruction(text))
        return name

    def _resolve(self, name: str) -> str:
        while name in self.replaced:
            name = self.replaced[name]
        return name

    def _rewrite(self) -> None:
        for block in self.function.blocks:
            if block is self.function.entry:  # leaves of parameters
                for parameter in self.function.parameters:
                    block.instructions[:0] = self.after.get(parameter.name, [])
            body, phis = [], len(block.phis)
            late: list[Instruction] = []
            for position, i in enumerate(block.instructions):
                if position == phis:
                    body += late
                if i.name not in self.replaced:
                    body.append(i)
                for added in self.after.get(i.name, []) if i.name else []:
                    # phis stay together; what follows a phi waits until all phis are there
                    (late if position < phis and added.opcode != "phi" else body).append(added)
            block.instructions = [self._renamed(i) for i in body]

    def _renamed(self, i: Instruction) -> Instruction:
        text = _SSA.sub(lambda match: self._resolve(match.group()), i.text)
        if text == i.text and i.operands:
            return i
        renamed = read_instruction(text)
        renamed.debug = i.debug
        return renamed

    def _remove_dead(self) -> None:
        """Aggregates that only other dead aggregates use are removed."""
        definition = {i.name: i for i in self.function.instructions() if i.name}

        def is_candidate(i: Instruction) -> bool:
            return i.opcode in _JOINED and bool(i.name) and is_aggregate(i.type)

        stack = [v for i in self.function.instructions() if not is_candidate(i) for v in i.operands]
        live: set[str] = set()
        while stack:
            name = stack.pop()
            if name in definition and name not in live:
                live.add(name)
                stack += definition[name].operands
        for block in self.function.blocks:
            block.instructions = [i for i in block.instructions if not is_candidate(i) or i.name in live]


def _type_at(kind: str, path: tuple[int, ...]) -> str:
    for index in path:
        kind = element_types(kind)[index]
    return kind


def _constant_leaf(value: str, kind: str, path: tuple[int, ...]) -> str:
    for index in path:
        if value in ("undef", "poison"):
            return value
        kind = element_types(kind)[index]
        if value == "zeroinitializer":
            continue
        kind, value = split_type(split_commas(value[1:-1].strip())[index])
    if value == "zeroinitializer" and not is_aggregate(kind):
        return _ZERO.get(kind, "0")
    return value
