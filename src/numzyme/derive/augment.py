"""The primal with its bookkeeping: shadow pointers, loop counters, trip counts and where control came from.

Decides nothing about adjoints. It adds to the function, as ordinary instructions that LLVM removes where nobody uses
them: for each pointer with a shadow the computation of the shadow; for each loop a counter from zero and, where it can
be known, the number of the last iteration; for each join of control a phi that says which edge was taken. The saving
plan then treats all of these like any other value.

Invariant: the function still computes what it computed, in the same order, with the same labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..analysis import Evolution, Loop, TripCount, symbol_of
from ..diagnostics import UnsupportedCodeError
from ..ir import Block, Instruction, read_instruction
from .emitter import quoted
from .facts import FunctionFacts


@dataclass(slots=True)
class Augmented:
    """The augmented body. `definition` and `instruction` cover primal and added values alike."""

    blocks: dict[str, list[Instruction]]
    shadow: dict[str, str] = field(default_factory=dict)
    counter: dict[Loop, str] = field(default_factory=dict)
    trip: dict[Loop, str] = field(default_factory=dict)
    trip_home: dict[Loop, Loop] = field(default_factory=dict)
    last: dict[tuple[str, Loop], str] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    evolution: dict[str, tuple[Loop, Evolution]] = field(default_factory=dict)
    definition: dict[str, str] = field(default_factory=dict)
    instruction: dict[str, Instruction] = field(default_factory=dict)


def augment(facts: FunctionFacts, *, counters: bool) -> Augmented:
    """Augment the function; `counters` adds the bookkeeping of loops and joins (reverse mode only)."""
    builder = _Augmenter(facts)
    builder.add_shadows()
    if counters:
        for loop in facts.forest.loops:
            builder.add_counter(loop)
        for loop in facts.forest.loops:
            builder.add_trip(loop)
        builder.add_origins()
    return builder.finish()


class _Augmenter:
    def __init__(self, facts: FunctionFacts) -> None:
        self.facts, self.cfg = facts, facts.cfg
        self.phis: dict[str, list[Instruction]] = {label: [] for label in facts.cfg.order}
        self.after: dict[int, list[Instruction]] = {}
        self.at_end: dict[str, list[Instruction]] = {label: [] for label in facts.cfg.order}
        self.result = Augmented({})

    def finish(self) -> Augmented:
        result = self.result
        for label in self.cfg.order:
            block: Block = self.cfg.blocks[label]
            body: list[Instruction] = []
            for instruction in block.phis:
                body += [instruction, *self.after.get(id(instruction), [])]
            body += self.phis[label]
            for instruction in block.instructions[len(block.phis) : -1]:
                body += [instruction, *self.after.get(id(instruction), [])]
            body += [*self.at_end[label], block.terminator]
            result.blocks[label] = body
            for instruction in body:
                if instruction.name:
                    result.definition[instruction.name] = label
                    result.instruction[instruction.name] = instruction
        self._collect_evolutions()
        return result

    def _collect_evolutions(self) -> None:
        """Header phis that step evenly; the shadow of a stepping pointer steps alike."""
        result = self.result
        for name, (loop, evolution) in self.facts.forest.evolutions.items():
            if result.instruction[name].opcode != "phi":
                continue
            result.evolution[name] = loop, evolution
            if name in result.shadow and evolution.start in result.shadow:
                start = result.shadow[evolution.start]
                result.evolution[result.shadow[name]] = loop, replace(evolution, start=start)

    # -- shadows ----------------------------------------------------------------------------------
    def add_shadows(self) -> None:
        """Where an exception is on its way nothing has a shadow: whoever leaves releases them all."""
        facts = self.facts
        for parameter in facts.function.parameters:
            if facts.status.get(parameter.name, None) is not None and facts.has_shadow(parameter.name):
                self.result.shadow[parameter.name] = quoted(parameter.name, ".shadow")
        needed = []
        for label in self.cfg.order:
            if label not in self.cfg.relevant:
                continue
            for i in self.cfg.blocks[label].instructions:
                if i.type == "ptr" and i.name and facts.has_shadow(i.name):
                    self.result.shadow[i.name] = quoted(i.name, ".shadow")
                    needed.append(i)
        for instruction in needed:
            self._shadow_of_instruction(instruction)

    def _add(self, anchor: Instruction, text: str) -> None:
        added = read_instruction(text)
        self.after.setdefault(id(anchor), []).append(added)

    def _shadow_of_instruction(self, i: Instruction) -> None:
        name = self.result.shadow[i.name]
        if i.opcode == "getelementptr":
            pairs = ", ".join(f"{k} {v}" for k, v in zip(i.types[1:], i.operands[1:], strict=True))
            base = self.shadow_operand(i.operands[0], i)
            self._add(i, f"{name} = getelementptr {i.flags} {i.element_type}, ptr {base}, {pairs}")
        elif i.opcode == "phi":
            incoming = ", ".join(
                f"[ {self.shadow_operand(v, i)}, {label} ]" for v, label in zip(i.operands, i.labels, strict=True)
            )
            self._add(i, f"{name} = phi ptr {incoming}")
        elif i.opcode == "select":
            a, b = (self.shadow_operand(v, i) for v in i.operands[1:])
            self._add(i, f"{name} = select i1 {i.operands[0]}, ptr {a}, ptr {b}")
        elif i.opcode == "freeze":
            self._add(i, f"{name} = freeze ptr {self.shadow_operand(i.operands[0], i)}")
        elif i.opcode == "load":
            self._add(i, f"{name} = load ptr, ptr {self.shadow_operand(i.operands[0], i)}")
        elif i.opcode == "alloca":
            self._add(i, f"{name} = alloca {i.element_type}, align 16")
        elif i.opcode == "call" and self.facts.is_allocation(i):
            arguments = ", ".join(f"{k} {v}" for k, v in zip(i.types, i.operands, strict=True))
            self._add(i, f"{name} = call noalias ptr {i.callee}({arguments})")
        else:
            raise UnsupportedCodeError(
                f"a pointer to differentiable memory comes from `{i.opcode} {symbol_of(i.callee) if i.callee else ''}`",
                where=self.facts.location(i),
                why="numzyme does not know where the shadow of that memory is",
            )

    def shadow_operand(self, pointer: str, user: Instruction) -> str:
        return shadow_operand(self.facts, self.result.shadow, pointer, user)

    # -- loops ------------------------------------------------------------------------------------
    def add_counter(self, loop: Loop) -> None:
        counter, following = quoted(loop.header, ".iteration"), quoted(loop.header, ".iteration.next")
        self.phis[loop.header].append(
            read_instruction(f"{counter} = phi i64 [ 0, {loop.preheader} ], [ {following}, {loop.latch} ]")
        )
        self.at_end[loop.latch].append(read_instruction(f"{following} = add nuw nsw i64 {counter}, 1"))
        self.result.counter[loop] = counter

    def add_trip(self, loop: Loop) -> None:
        """The number of the last iteration: computed ahead where it can be, else taken where the loop is left."""
        if loop.trip is not None:
            home = self._trip_home(loop, loop.trip)
            self.result.trip_home[loop] = home
            self.result.trip[loop] = self._emit_trip(loop, loop.trip, home.preheader)
            return
        for exit_label in dict.fromkeys(outside for _, outside in loop.exits):
            inside = self._incoming(exit_label)
            name = quoted(exit_label, f".last.{loop.header[1:].strip(chr(34))}")
            incoming = ", ".join(f"[ {self.result.counter[loop]}, {p} ]" for p in inside)
            self.phis[exit_label].append(read_instruction(f"{name} = phi i64 {incoming}"))
            self.result.last[exit_label, loop] = name

    def _incoming(self, label: str) -> list[str]:
        """Predecessors as a phi has to name them: a switch with two cases to one block counts twice."""
        return [p for p in self.cfg.predecessors[label] for s in self.cfg.blocks[p].successors if s == label]

    def _trip_home(self, loop: Loop, trip: TripCount) -> Loop:
        """The outermost loop in whose preheader the operands of the trip count are known."""
        home = loop
        while home.parent is not None and all(
            self.facts.forest.is_invariant(operand, home.parent) for operand in trip.operands
        ):
            home = home.parent
        return home

    def _emit_trip(self, loop: Loop, trip: TripCount, label: str) -> str:
        lines = trip_text(quoted(loop.header, ".trip"), trip)
        self.at_end[label] += [read_instruction(line) for line in lines]
        return lines[-1].split(" = ")[0]

    # -- joins ------------------------------------------------------------------------------------
    def add_origins(self) -> None:
        headers = {loop.header for loop in self.facts.forest.loops}
        for label in self.cfg.order:
            predecessors = self.cfg.relevant_predecessors(label)
            if label in headers or len(predecessors) < 2 or label not in self.cfg.relevant:
                continue
            name = quoted(label, ".origin")
            numbers = {p: n for n, p in enumerate(predecessors)}
            incoming = ", ".join(f"[ {numbers.get(p, 0)}, {p} ]" for p in self._incoming(label))
            self.phis[label].append(read_instruction(f"{name} = phi {numbering(len(predecessors))} {incoming}"))
            self.result.origin[label] = name


def numbering(count: int) -> str:
    """The type of a number that tells `count` blocks apart."""
    return "i8" if count <= 1 << 8 else "i32"


def trip_text(name: str, trip: TripCount) -> list[str]:
    """Instructions that compute the number of the last iteration of a counted loop as an i64; the last one has it.

    The loop goes on while `start + offset + step*i PREDICATE limit`; the answer is the first i for which that fails,
    and may be any value when the loop is not entered.
    """

    def sub(suffix: str) -> str:
        return quoted(name, suffix)

    kind, lines = trip.type, []
    start, limit = trip.start, trip.limit
    if kind != "i64":
        extension = "zext" if trip.predicate[0] == "u" else "sext"
        for value, suffix in ((start, ".start"), (limit, ".limit")):
            if value.startswith("%"):
                lines.append(f"{sub(suffix)} = {extension} {kind} {value} to i64")
        start = sub(".start") if start.startswith("%") else start
        limit = sub(".limit") if limit.startswith("%") else limit
    lines.append(f"{sub('.first')} = add i64 {start}, {trip.offset}")
    first, size = sub(".first"), abs(trip.step)
    up = trip.step > 0
    high, low = (limit, first) if up else (first, limit)
    lines.append(f"{sub('.distance')} = sub i64 {high}, {low}")
    distance = sub(".distance")
    inclusive = trip.predicate in ("sle", "sge", "ule", "uge")
    if trip.predicate == "ne":
        lines.append(f"{name} = sdiv i64 {distance}, {size}" if size > 1 else f"{name} = add i64 {distance}, 0")
        return lines
    # first i with start + step*i past the limit: ceil(distance / size), one more at equality when inclusive
    addend = size if inclusive else size - 1
    lines.append(f"{sub('.padded')} = add i64 {distance}, {addend}")
    lines.append(f"{sub('.quotient')} = {'udiv' if trip.predicate[0] == 'u' else 'sdiv'} i64 {sub('.padded')}, {size}")
    test = {"sle": "sle", "sge": "sge", "ule": "ule", "uge": "uge"}.get(trip.predicate, trip.predicate)
    lines.append(f"{sub('.entered')} = icmp {test} i64 {first}, {limit}")
    lines.append(f"{name} = select i1 {sub('.entered')}, i64 {sub('.quotient')}, i64 0")
    return lines


def shadow_operand(facts: FunctionFacts, shadows: dict[str, str], pointer: str, user: Instruction) -> str:
    """The name of the shadow of a pointer operand; refused when it may be constant on one path only."""
    objects = facts.memory.objects(pointer)
    if not objects:
        return pointer  # null or undefined on both sides
    missing = [o for o in objects - facts.activity.objects if o.kind != "content"]
    if pointer in shadows and not missing:
        return shadows[pointer]
    if user.opcode in ("phi", "select") and all(facts.kinds.only_integers(o) for o in facts.memory.objects(user.name)):
        return "null"
    labels = ", ".join(sorted(facts.labels.get(o.name, o.name) for o in missing)) or pointer
    raise UnsupportedCodeError(
        "a pointer is differentiable on one path and constant on another",
        where=facts.location(user),
        why=f"the constant side is {labels}; which shadow to use is known only at run time",
        todo=["pass the array as Duplicated", "copy the constant array first"],
    )
