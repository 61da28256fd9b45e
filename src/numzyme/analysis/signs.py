"""Which integers cannot be negative.

Numba lets an index be negative and wraps it: `select (i < 0), i + n, i`. LLVM often cannot see that a loop's index is
never negative, and the select keeps loops from being vectorised, in the primal and more so in its derivative. This
analysis proves what it can, as a greatest fixed point: every integer is taken as non-negative until an operation says
otherwise, so values that depend on each other around a loop support each other (induction over the run).

Invariant: a value named here is non-negative, or poison, whenever its block runs.
"""

from __future__ import annotations

from ..ir import Instruction
from ..ir.symbols import symbol_of
from .cfg import Cfg
from .loops import INVERSE, SWAPPED, LoopForest

_MOST_STEPS = 64


class Signs:
    """Non-negative integers of a function; `positive` names parameters that are known to be (array shapes)."""

    def __init__(self, cfg: Cfg, forest: LoopForest, shapes: frozenset[str] = frozenset()) -> None:
        self.cfg, self.forest = cfg, forest
        self.known = set(shapes)
        integers = {n: i for n, i in forest.instruction.items() if i.type in ("i64", "i32")}
        self.known |= set(integers)
        changed = True
        while changed:
            changed = False
            for name, instruction in integers.items():
                if name in self.known and not self._holds(instruction, forest.definition[name]):
                    self.known.discard(name)
                    changed = True

    def is_nonnegative(self, value: str, label: str) -> bool:
        """Whether `value` is non-negative whenever block `label` runs."""
        if not value.startswith("%"):
            return value.isdigit()
        return value in self.known or self._is_guarded(value, label)

    def _holds(self, i: Instruction, label: str) -> bool:
        def good(position: int) -> bool:
            return self.is_nonnegative(i.operands[position], label)

        match i.opcode:
            case "add" | "mul" | "shl":
                return ("nsw" in i.flags and good(0) and good(1)) or self._is_bounded_evolution(i.name)
            case "phi":
                return self._phi_holds(i)
            case "zext":
                return True
            case "sext":
                return good(0)
            case "select":
                return good(1) and good(2)
            case "and":
                return good(0) or good(1)
            case "sdiv" | "udiv":
                return good(0) and good(1)
            case "srem" | "urem":
                return good(0)
            case "lshr":
                return i.operands[1].isdigit() and i.operands[1] != "0"
            case "call":
                name = symbol_of(i.callee)
                if name.startswith(("llvm.smax", "llvm.umin")):
                    return good(0) or good(1)
                return name.startswith("llvm.smin") and good(0) and good(1)
        return False

    def _phi_holds(self, phi: Instruction) -> bool:
        if self._is_bounded_evolution(phi.name):
            return True
        return all(self.is_nonnegative(v, p) for v, p in zip(phi.operands, phi.labels, strict=True))

    def _is_bounded_evolution(self, name: str) -> bool:
        """A value that climbs by one from a non-negative start to a limit that is known to be above the start."""
        if name not in self.forest.evolutions:
            return False
        loop, evolution = self.forest.evolutions[name]
        trip = loop.trip
        if trip is None or trip.predicate != "ne" or trip.step != 1 or evolution.step != "1":
            return False
        if evolution.start != trip.start or evolution.offset > trip.offset:
            return False
        if not self.is_nonnegative(trip.start, loop.preheader):
            return False
        return any(self._implies_less(fact, trip.start, trip.limit) for fact in self._facts(loop.preheader))

    def _implies_less(self, fact: tuple[str, str, str], low: str, high: str) -> bool:
        predicate, a, b = fact
        if (predicate, a, b) == ("sgt", high, low):
            return True
        # start constant: high > c or high >= c + 1
        if a == high and low.lstrip("-").isdigit() and b.lstrip("-").isdigit():
            return (predicate == "sgt" and int(b) >= int(low)) or (predicate == "sge" and int(b) > int(low))
        return False

    def _facts(self, label: str):
        """Comparisons `(predicate, a, b)` that hold in block `label`, as seen on the branches that lead to it."""
        current, steps = label, 0
        while steps < _MOST_STEPS:
            predecessors = self.cfg.predecessors[current]
            if len(predecessors) == 1:
                yield from self._edge_facts(predecessors[0], current)
            above = self.cfg.dominator[current]
            if above == current:
                return
            current = above
            steps += 1

    def _edge_facts(self, source: str, target: str):
        branch = self.cfg.blocks[source].terminator
        if branch.opcode != "br" or len(branch.operands) != 1 or branch.labels[0] == branch.labels[1]:
            return
        yield from self._consequences(branch.operands[0], branch.labels[0] == target)

    def _consequences(self, condition: str, holds: bool):
        """Comparisons that follow from the truth value of a condition, through `and` and `or`."""
        test = self.forest.instruction.get(condition)
        if test is None:
            return
        if test.type == "i1" and test.opcode == ("and" if holds else "or"):
            for operand in test.operands:
                yield from self._consequences(operand, holds)
        elif test.opcode == "select" and test.type == "i1":  # LLVM's form of the same, which stops at the first
            first, then, otherwise = test.operands
            if (holds, otherwise) == (True, "false") or (holds, then) == (False, "true"):
                yield from self._consequences(first, holds)
                yield from self._consequences(then if holds else otherwise, holds)
        elif test.opcode == "icmp" and test.types[0] in ("i64", "i32"):
            predicate = test.predicate if holds else INVERSE[test.predicate]
            a, b = test.operands
            yield predicate, a, b
            yield SWAPPED[predicate], b, a

    def _is_guarded(self, value: str, label: str) -> bool:
        for predicate, a, b in self._facts(label):
            if a == value and predicate in ("sgt", "sge", "eq"):
                if b.lstrip("-").isdigit():
                    if int(b) >= (-1 if predicate == "sgt" else 0):
                        return True
                elif b in self.known:
                    return True
        return False

    def describe(self) -> str:
        """Printed form for `python -m numzyme.opt --print signs`."""
        return "non-negative: " + (" ".join(sorted(self.known)) or "none")


def fold_sign_tests(cfg: Cfg, forest: LoopForest, shapes: frozenset[str] = frozenset()) -> int:
    """Replace tests for negative values whose answer is known, in place; returns how many were replaced."""
    tests = [
        (label, i)
        for label in cfg.order
        for i in cfg.blocks[label].instructions
        if i.opcode == "icmp" and (i.predicate, i.operands[1]) in (("slt", "0"), ("sgt", "-1"))
    ]
    if not tests:
        return 0
    signs, count = Signs(cfg, forest, shapes), 0
    for label, i in tests:
        if signs.is_nonnegative(i.operands[0], label):
            i.operands[0] = "0"
            i.text = f"{i.name} = icmp {i.predicate} {i.types[0]} 0, {i.operands[1]}"
            count += 1
    return count
