"""Natural loops, how often they run, and values that step evenly.

Decides for every loop whether its trip count is known before it starts (`TripCount`), and for header phis whether they
are affine in the iteration number (`Evolution`). Expects LLVM's loop-simplify form: a preheader, one latch, exits of
its own. LLVM's scalar evolution is not exposed by llvmlite; this is the part of it that is needed here.

Invariant: the iteration number of a loop counts visits of its header from zero. `TripCount` gives the number of the
*last* visit, under the assumption that the loop is entered and left through its one relevant exit.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..diagnostics import UnsupportedCodeError
from ..ir import Instruction
from .cfg import Cfg


class IrreducibleFlowError(UnsupportedCodeError):
    """A loop is entered in two places; `derive.reducible` mends that."""


@dataclass(slots=True)
class Loop:
    """A natural loop; `exits` are the edges (inside, outside) on which a good return can still be reached."""

    header: str
    latch: str
    preheader: str
    blocks: set[str]
    parent: Loop | None = None
    exits: list[tuple[str, str]] = field(default_factory=list)
    trip: TripCount | None = None

    @property
    def depth(self) -> int:
        return 1 + (self.parent.depth if self.parent else 0)

    def chain(self) -> list[Loop]:
        """This loop and those around it, innermost first."""
        found, loop = [], self
        while loop is not None:
            found.append(loop)
            loop = loop.parent
        return found

    def __hash__(self) -> int:
        return hash(self.header)

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass(frozen=True, slots=True)
class Evolution:
    """`start + offset + step * iteration`; `start` is an operand, `step` an operand or a number (of bytes)."""

    start: str
    offset: int
    step: str
    type: str


@dataclass(frozen=True, slots=True)
class TripCount:
    """The loop continues while `start + step * iteration  PREDICATE  limit`; all three are known in the preheader."""

    start: str
    offset: int
    step: int
    predicate: str
    limit: str
    type: str

    @property
    def operands(self) -> list[str]:
        return [self.start, self.limit]


INVERSE = {
    "eq": "ne", "ne": "eq", "slt": "sge", "sge": "slt", "sgt": "sle", "sle": "sgt",
    "ult": "uge", "uge": "ult", "ugt": "ule", "ule": "ugt",
}  # fmt: skip
SWAPPED = {
    "eq": "eq", "ne": "ne", "slt": "sgt", "sgt": "slt", "sle": "sge", "sge": "sle",
    "ult": "ugt", "ugt": "ult", "ule": "uge", "uge": "ule",
}  # fmt: skip


class LoopForest:
    """All loops of a function; `of[label]` is the innermost loop of a block or None."""

    def __init__(self, cfg: Cfg) -> None:
        self.cfg = cfg
        self.definition: dict[str, str] = {}
        self.instruction: dict[str, Instruction] = {}
        for label in cfg.order:
            for instruction in cfg.blocks[label].instructions:
                if instruction.name:
                    self.definition[instruction.name] = label
                    self.instruction[instruction.name] = instruction
        self.loops = self._find()
        self.of: dict[str, Loop | None] = dict.fromkeys(cfg.blocks)
        for loop in sorted(self.loops, key=lambda candidate: -len(candidate.blocks)):
            for label in loop.blocks:
                self.of[label] = loop
        self.evolutions: dict[str, tuple[Loop, Evolution]] = {}
        for loop in self.loops:
            self._set_parent_and_exits(loop)
        for loop in self.loops:
            self._find_evolutions(loop)
            loop.trip = self._trip_count(loop)

    def _find(self) -> list[Loop]:
        cfg, latches = self.cfg, {}
        for label in cfg.order:
            for successor in cfg.successors[label]:
                if cfg.position[successor] <= cfg.position[label]:
                    if not cfg.dominates(successor, label):
                        raise IrreducibleFlowError(
                            "a loop with two entries cannot be reversed",
                            why=f"block {successor} is entered from outside and from {label} (irreducible flow)",
                        )
                    latches.setdefault(successor, []).append(label)
        loops = []
        for header, backs in latches.items():
            outside = [p for p in cfg.predecessors[header] if p not in backs]
            if len(backs) > 1 or len(outside) != 1:
                raise UnsupportedCodeError(
                    "a loop is not in simplified form",
                    why=f"header {header}: latches {backs}, entries {outside}",
                )
            loops.append(Loop(header, backs[0], outside[0], self._body(header, backs[0])))
        return loops

    def _body(self, header: str, latch: str) -> set[str]:
        body, stack = {header, latch}, [latch]
        while stack:
            label = stack.pop()
            if label == header:
                continue
            for predecessor in self.cfg.predecessors[label]:
                if predecessor not in body:
                    body.add(predecessor)
                    stack.append(predecessor)
        return body

    def _set_parent_and_exits(self, loop: Loop) -> None:
        around = [o for o in self.loops if o is not loop and loop.header in o.blocks]
        loop.parent = min(around, key=lambda o: len(o.blocks), default=None)
        for label in sorted(loop.blocks, key=self.cfg.position.__getitem__):
            for successor in self.cfg.successors[label]:
                if successor not in loop.blocks and successor in self.cfg.relevant:
                    loop.exits.append((label, successor))

    def is_invariant(self, operand: str, loop: Loop) -> bool:
        """Whether `operand` is defined outside `loop`."""
        return self.definition.get(operand) not in loop.blocks

    def loop_of(self, operand: str) -> Loop | None:
        """The innermost loop in which `operand` is defined."""
        label = self.definition.get(operand)
        return self.of[label] if label is not None else None

    def _find_evolutions(self, loop: Loop) -> None:
        for phi in self.cfg.blocks[loop.header].phis:
            if len(phi.operands) != 2 or phi.type not in ("i64", "i32", "ptr"):
                continue
            latch = phi.labels.index(loop.latch)
            following, start = phi.operands[latch], phi.operands[1 - latch]
            step = self._step(phi.name, following, loop)
            if step is None:
                continue
            self.evolutions[phi.name] = loop, Evolution(start, 0, step, phi.type)
            if not step.startswith("%"):
                self.evolutions[following] = loop, Evolution(start, int(step), step, phi.type)

    def _step(self, phi: str, following: str, loop: Loop) -> str | None:
        update = self.instruction.get(following)
        if update is None or self.definition[following] not in loop.blocks or phi not in update.operands:
            return None
        if update.opcode == "add":
            other = update.operands[1 - update.operands.index(phi)]
        elif update.opcode == "getelementptr" and update.operands[0] == phi and len(update.operands) == 2:
            size = {"i8": 1, "double": 8, "i64": 8, "float": 4, "i32": 4, "i16": 2, "ptr": 8}.get(update.element_type)
            other = update.operands[1]
            if size is None or (size != 1 and other.startswith("%")):
                return None
            return other if other.startswith("%") and self.is_invariant(other, loop) else _scaled(other, size)
        else:
            return None
        if other.startswith("%"):
            return other if self.is_invariant(other, loop) and other != phi else None
        return other if _is_number(other) else None

    def _two_iterations(self, loop: Loop) -> TripCount | None:
        """LLVM turns the test of a loop that runs twice into a flag: false at first, true from the second time on."""
        tests = {exiting: self.cfg.blocks[exiting].terminator for exiting, _ in loop.exits}
        exits = dict(loop.exits)
        conditions = {test.operands[0] for test in tests.values() if test.opcode == "br" and len(test.operands) == 1}
        if len(conditions) != 1 or len(tests) != len(loop.exits):
            return None
        flag = self.instruction.get(conditions.pop())
        if flag is None or flag.opcode != "phi" or self.definition[flag.name] != loop.header or flag.type != "i1":
            return None
        incoming = dict(zip(flag.labels, flag.operands, strict=True))
        first, later = incoming[loop.preheader], incoming[loop.latch]
        leaves_on = {"true" if test.labels[0] == exits[where] else "false" for where, test in tests.items()}
        if leaves_on != {later} or {first, later} != {"true", "false"} or self._latch_avoids(loop, set(tests)):
            return None
        return TripCount("0", 0, 1, "ne", "1", "i64")

    def _latch_avoids(self, loop: Loop, tests: set[str]) -> bool:
        """Whether the latch can be reached from the header without one of the tests."""
        seen, stack = set(), [] if loop.header in tests else [loop.header]
        while stack:
            label = stack.pop()
            if label == loop.latch:
                return True
            seen.add(label)
            stack += [s for s in self.cfg.successors[label] if s in loop.blocks and s not in seen | tests]
        return False

    def is_first_or_later(self, phi: Instruction) -> Loop | None:
        """The loop of a header phi that has one value in the first iteration and one in all others, known outside."""
        loop = self.of[self.definition[phi.name]]
        if loop is None or self.definition[phi.name] != loop.header or len(phi.operands) != 2:
            return None
        return loop if all(self.is_invariant(value, loop) for value in phi.operands) else None

    def _trip_count(self, loop: Loop) -> TripCount | None:
        flagged = self._two_iterations(loop) if loop.exits else None
        if flagged is not None:
            return flagged
        if len(loop.exits) != 1 or not self.cfg.dominates(loop.exits[0][0], loop.latch):
            return None
        exiting, outside = loop.exits[0]
        if self.of[exiting] is not loop:
            return None
        branch = self.cfg.blocks[exiting].terminator
        if branch.opcode != "br" or len(branch.operands) != 1:
            return None
        test = self.instruction.get(branch.operands[0])
        if test is None or test.opcode != "icmp" or test.types[0] not in ("i64", "i32"):
            return None
        predicate = test.predicate if branch.labels[1] == outside else INVERSE[test.predicate]
        for value, limit, relation in (
            (test.operands[0], test.operands[1], predicate),
            (test.operands[1], test.operands[0], SWAPPED[predicate]),
        ):
            if value in self.evolutions and self.is_invariant(limit, loop):
                owner, evolution = self.evolutions[value]
                if owner is loop and _is_number(evolution.step) and _terminates(relation, int(evolution.step)):
                    return TripCount(
                        evolution.start,
                        evolution.offset,
                        int(evolution.step),
                        relation,
                        limit,
                        evolution.type,
                    )
        return None

    def describe(self) -> str:
        """Printed form for `python -m numzyme.opt --print loops`."""
        lines = []
        for loop in sorted(self.loops, key=lambda candidate: self.cfg.position[candidate.header]):
            trip = loop.trip
            count = "not counted"
            if trip is not None:
                value = _affine(trip.start, trip.offset, str(trip.step))
                count = f"continues while {value} {trip.predicate} {trip.limit}"
            exits = ", ".join(f"{a} to {b}" for a, b in loop.exits)
            lines.append(f"loop {loop.header}, depth {loop.depth}: {count}; leaves {exits or 'never'}")
            for name, (owner, evolution) in self.evolutions.items():
                if owner is loop:
                    unit = " bytes" if evolution.type == "ptr" else ""
                    value = _affine(evolution.start, evolution.offset, evolution.step)
                    lines.append(f"  {name} = {value}{unit} in iteration i")
        return "\n".join(lines) or "no loops"


def _affine(start: str, offset: int, step: str) -> str:
    """`start + offset + step*i`, without what is zero or one."""
    constant = int(start) + offset if _is_number(start) else offset
    terms = [] if _is_number(start) else [start]
    terms += [str(constant)] if constant else []
    terms += [{"1": "i", "-1": "-i"}.get(step, f"{step}*i")]
    return " + ".join(terms).replace(" + -", " - ")


def _is_number(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _scaled(text: str, size: int) -> str | None:
    return str(int(text) * size) if _is_number(text) else None


def _terminates(predicate: str, step: int) -> bool:
    """Whether the test can be turned into a count: the value moves towards the limit."""
    if predicate == "ne":
        return step != 0
    return (
        step > 0
        if predicate in ("slt", "sle", "ult", "ule")
        else step < 0 and predicate in ("sgt", "sge", "ugt", "uge")
    )
