"""Loops that are entered in several places, made into loops with one header.

LLVM threads branches through loops until some have no header: two blocks that each can be reached without the other.
Every edge to one of these entries is led to a dispatcher instead, which knows by a phi where to go on, and has the phis
of all entries. What dominated an entry from outside dominates all of them, and so the dispatcher: nothing else changes.
The same idea as LLVM's pass `fix-irreducible`, which llvmlite does not have.

Invariants: the function computes what it computed before; afterwards every loop has one entry. It is not in
loop-simplify form.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..ir import Block, Function, Instruction, Module, read_instruction
from .exits import redirect

# what a phi is on its way to another entry, where nobody looks at it
_UNUSED = {"double": "0.000000e+00", "float": "0.000000e+00", "ptr": "null", "i1": "false"}


def make_reducible(module: Module) -> None:
    """Give every loop of the module's functions one entry, in place."""
    for function in module.functions.values():
        _Function(function).mend()


class _Function:
    def __init__(self, function: Function) -> None:
        self.function = function
        self.blocks = {block.label: block for block in function.blocks}
        self.made = 0
        self.reached = {function.entry.label}  # what is not reached dominates nothing, and is no way in
        stack = [function.entry]
        while stack:
            new = set(stack.pop().successors) - self.reached
            self.reached |= new
            stack += [self.blocks[label] for label in new]

    def mend(self) -> None:
        waiting = [self.reached]
        while waiting:
            for component in list(_components(self.blocks, waiting.pop())):
                entries = self._entries(component)
                if len(entries) > 1:
                    self._dispatch(entries)
                    waiting.append(component)
                else:
                    waiting.append(component - set(entries))

    def _entries(self, component: set[str]) -> list[str]:
        """The blocks of a component that are entered from outside of it."""
        outside = [label for label in self.blocks if label in self.reached and label not in component]
        entered = {successor for label in outside for successor in self.blocks[label].successors}
        return [label for label in self.blocks if label in component and label in entered]

    def _dispatch(self, entries: list[str]) -> None:
        while (dispatcher := f"%dispatch.{self.made}") in self.blocks:  # as where a derivative was mended before
            self.made += 1
        edges = list(self._led_to(dispatcher, entries))
        kind = "i1" if len(entries) == 2 else "i32"
        names = ("true", "false") if kind == "i1" else tuple(map(str, range(len(entries))))
        number = dict(zip(entries, names, strict=True))
        where = f"%where.{self.made}"
        phis = [_phi(where, kind, [(number[entry], edge.label) for _, entry, edge in edges])]
        for entry in entries:
            for phi in self.blocks[entry].phis:
                values = dict(zip(phi.labels, phi.operands, strict=True))
                incoming = [
                    (values[source] if target == entry else _unused(phi.type), edge.label)
                    for source, target, edge in edges
                ]
                phis.append(_phi(phi.name, phi.type, incoming, phi.debug))
        for entry in entries:
            block = self.blocks[entry]
            del block.instructions[: len(block.phis)]
        self._add(Block(dispatcher, [*phis, _branch(where, entries)]))

    def _led_to(self, dispatcher: str, entries: list[str]) -> Iterator[tuple[str, str, Block]]:
        """Every edge to an entry, with the block that is on it now, on the way to the dispatcher."""
        for source in list(self.blocks.values()):
            for target in dict.fromkeys(source.successors):
                if target in entries:
                    label = f"%enter.{self.made}.{len(self.blocks)}"
                    edge = Block(label, [read_instruction(f"br label {dispatcher}")])
                    redirect(source, target, label)
                    self._add(edge)
                    yield source.label, target, edge

    def _add(self, block: Block) -> None:
        self.blocks[block.label] = block
        self.reached.add(block.label)
        self.function.blocks.append(block)


def _unused(kind: str) -> str:
    return _UNUSED.get(kind, "0" if kind[0] == "i" else "zeroinitializer")


def _phi(name: str, kind: str, incoming: list[tuple[str, str]], debug: int = -1) -> Instruction:
    listed = ", ".join(f"[ {value}, {label} ]" for value, label in incoming)
    phi = read_instruction(f"{name} = phi {kind} {listed}")
    phi.debug = debug
    return phi


def _branch(where: str, entries: list[str]) -> Instruction:
    if len(entries) == 2:
        return read_instruction(f"br i1 {where}, label {entries[0]}, label {entries[1]}")
    cases = " ".join(f"i32 {number}, label {entry}" for number, entry in enumerate(entries) if number)
    return read_instruction(f"switch i32 {where}, label {entries[0]} [ {cases} ]")


def _components(blocks: dict[str, Block], within: set[str]) -> Iterator[set[str]]:
    """The strongly connected components of the blocks `within` that are loops (Tarjan 1972, without recursion)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    open_blocks: dict[str, None] = {}
    for root in blocks:
        if root not in within or root in number:
            continue
        path = [(root, iter(blocks[root].successors))]
        number[root] = low[root] = len(number)
        open_blocks[root] = None
        while path:
            label, successors = path[-1]
            following = next((s for s in successors if s in within and (s not in number or s in open_blocks)), None)
            if following is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[label])
                if low[label] == number[label]:
                    component = set()
                    while label not in component:
                        component.add(open_blocks.popitem()[0])
                    if len(component) > 1 or label in blocks[label].successors:
                        yield component
            elif following in number:
                low[label] = min(low[label], number[following])
            else:
                number[following] = low[following] = len(number)
                open_blocks[following] = None
                path.append((following, iter(blocks[following].successors)))
