"""Selects whose untaken side is carried around loops for nothing.

Numba's broadcasting keeps the last index of every operand: `index = select(is_broadcast, previous index, loop index)`,
where the condition never changes. Under that condition `previous index` is what it was before the loops, so the select
can name that value, the loop-carried chain is dead, the loop can be vectorised, and the reverse sweep need not store
the index.

Invariant: a select is rewritten only if, with its condition fixed, the phis and selects behind one of its sides have
exactly one value that enters from outside, and that value is defined wherever the select is.
"""

from __future__ import annotations

from ..ir import Instruction
from .cfg import Cfg
from .loops import LoopForest

_MOST_VALUES = 32


def settle_carried_selects(cfg: Cfg, forest: LoopForest) -> int:
    """Rewrite such selects in place; returns how many sides were replaced."""
    count = 0
    for label in cfg.order:
        if forest.of[label] is None:
            continue
        for i in cfg.blocks[label].instructions:
            if i.opcode == "select" and i.operands[0].startswith("%"):
                count += _settle(cfg, forest, i, label)
    return count


def _settle(cfg: Cfg, forest: LoopForest, select: Instruction, label: str) -> int:
    count = 0
    for position, truth in ((1, True), (2, False)):
        side = select.operands[position]
        carried = forest.instruction.get(side)
        if carried is None or carried.opcode != "phi":
            continue
        entering = _entering(forest, side, select.operands[0], truth)
        if entering is None or len(entering) != 1:
            continue
        value = entering.pop()
        home = forest.definition.get(value)
        if value != side and (home is None or (home != label and cfg.dominates(home, label))):
            select.operands[position] = value
            kind, (a, b) = select.types[1], select.operands[1:]
            flags = f"{select.flags} " if select.flags else ""
            select.text = f"{select.name} = select {flags}i1 {select.operands[0]}, {kind} {a}, {kind} {b}"
            count += 1
    return count


def _entering(forest: LoopForest, start: str, condition: str, truth: bool) -> set[str] | None:
    """The values that flow into `start` from outside the web of phis and selects, while `condition` is `truth`."""
    found: set[str] = set()
    seen: set[str] = set()
    stack = [start]
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        instruction = forest.instruction.get(name)
        if len(seen) > _MOST_VALUES:
            return None
        if instruction is not None and instruction.opcode == "phi":
            loop = forest.of[forest.definition[name]]
            if loop is not None and not forest.is_invariant(condition, loop):
                found.add(name)  # the condition may have been another one when this value was made
                continue
            stack += instruction.operands
        elif instruction is not None and instruction.opcode == "select" and instruction.operands[0] == condition:
            stack.append(instruction.operands[1 if truth else 2])
        else:
            found.add(name)
    return found
