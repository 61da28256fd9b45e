"""Returns told apart: a return block that is reached with a known status gets a copy for each status.

Decides nothing about derivatives. After this pass a `ret i32` of a phi of constants is gone: error edges end in
returns of their own, so that `Cfg.relevant` does not see them, and loops with checks inside have one relevant exit.
Invariant: the function computes what it computed before.
"""

from __future__ import annotations

import re

from ..analysis.cfg import GOOD_STATUS
from ..ir import Block, Function, Instruction, read_instruction

_SSA = re.compile(r'%(?:"[^"]*"|[-\w.$]+)')
_LARGEST_COPY = 40


def split_returns(function: Function) -> None:
    """Split return blocks by the status that flows into them, in place."""
    counter = 0
    changed = True
    while changed:
        changed = False
        blocks = {block.label: block for block in function.blocks}
        predecessors: dict[str, list[str]] = {label: [] for label in blocks}
        for block in function.blocks:
            for successor in dict.fromkeys(block.successors):
                predecessors[successor].append(block.label)
        for block in list(function.blocks):
            edges = _edges_to_split(block, blocks)
            if edges:
                for label in edges:
                    counter += 1
                    copy = _copy_for(block, blocks[label], counter)
                    if len(blocks[label].successors) == 1:
                        blocks[label].instructions[-1:] = copy.instructions
                    else:
                        redirect(blocks[label], block.label, copy.label)
                        function.blocks.append(copy)
                _remove_edges(block, edges)
                if not set(predecessors[block.label]) - set(edges):
                    function.blocks.remove(block)
                changed = True
                break


def _status_phi(block: Block) -> Instruction | None:
    terminator = block.terminator
    if terminator.opcode != "ret" or not terminator.operands or len(block.instructions) > _LARGEST_COPY:
        return None
    return next((phi for phi in block.phis if phi.name == terminator.operands[0]), None)


def _edges_to_split(block: Block, blocks: dict[str, Block]) -> list[str]:
    """Predecessors whose status is known to be bad, or is a phi of their own that can be split in turn."""
    phi = _status_phi(block)
    if phi is None:
        return []
    statuses = dict(zip(phi.labels, phi.operands, strict=True))
    bad = [label for label, value in statuses.items() if value.lstrip("-").isdigit() and value not in GOOD_STATUS]
    chained = [
        label
        for label, value in statuses.items()
        if blocks[label].terminator.opcode == "br"
        and len(blocks[label].successors) == 1
        and any(p.name == value for p in blocks[label].phis)
    ]
    if len(bad) == len(statuses):
        return chained
    return bad + chained


def _copy_for(block: Block, predecessor: Block, number: int) -> Block:
    """A copy of `block` for one predecessor; an unconditional predecessor absorbs the copy."""
    names = {}
    for instruction in block.instructions:
        if instruction.name and instruction.opcode != "phi":
            names[instruction.name] = f'%"{instruction.name.strip(chr(37)).strip(chr(34))}.exit{number}"'
    for phi in block.phis:
        names[phi.name] = phi.operands[phi.labels.index(predecessor.label)]
    body = []
    for instruction in block.instructions[len(block.phis) :]:
        text = _SSA.sub(lambda match: names.get(match.group(), match.group()), instruction.text)
        copy = read_instruction(text)
        copy.debug = instruction.debug
        body.append(copy)
    label = f'%"exit{number}.{block.label[1:].strip(chr(34))}"'
    return Block(label, body)


def redirect(block: Block, old: str, new: str) -> None:
    """Let the terminator of `block` lead to `new` instead of `old`."""
    terminator = block.terminator
    terminator.labels = [new if label == old else label for label in terminator.labels]
    pattern = re.compile(rf"label {re.escape(old)}(?![-\w.$])")
    terminator.text = pattern.sub(lambda _: f"label {new}", terminator.text)


def _remove_edges(block: Block, labels: list[str]) -> None:
    for phi in block.phis:
        kept = [(v, p) for v, p in zip(phi.operands, phi.labels, strict=True) if p not in labels]
        phi.operands, phi.labels = [v for v, _ in kept], [p for _, p in kept]
        phi.types = [phi.type] * len(kept)
        incoming = ", ".join(f"[ {v}, {p} ]" for v, p in kept)
        phi.text = f"{phi.name} = phi {phi.type} {incoming}"
