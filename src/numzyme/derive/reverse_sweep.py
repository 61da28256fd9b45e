"""The reverse sweep: for each block of the primal, backwards, the adjoint of each of its instructions.

The reverse of block B is `r.B`. It undoes B's instructions from last to first, gives the adjoints of B's phis to the
values that came in, and goes to the reverse of the block that control had come from: known, decided by the branch
condition or by a stored number, or, at a loop header, by the count of iterations. Regions and loops without any adjoint
work are jumped over.

The sweep is written twice with the same code: once to find out which primal values it wants, once for real.
"""

from __future__ import annotations

from ..analysis import Loop, symbol_of
from ..ir import Instruction
from ..ir.model import FLOAT_TYPES
from ..rules import operation_of, rule_for
from ..rules.expression import Expression
from . import blas, calls, copies
from .accesses import alignment_of_access
from .adjoints import Adjoints, ExpressionWriter, symbols_of
from .augment import Augmented, numbering, shadow_operand
from .emitter import ZERO, Emitter
from .facts import FunctionFacts
from .lookup import iteration_slot
from .storage import Storage


def reverse_label(label: str) -> str:
    return f'%"r.{label[1:].strip(chr(34))}"'


def edge_label(label: str, predecessor: str) -> str:
    return f'%"r.{label[1:].strip(chr(34))} to {predecessor[1:].strip(chr(34))}"'


class ReverseSweep:
    """Writes the reverse blocks of one function into `emitter`; `values` answers for primal values."""

    def __init__(self, facts: FunctionFacts, augmented: Augmented, emitter: Emitter, context: calls.Context) -> None:
        self.facts, self.augmented, self.emitter, self.context = facts, augmented, emitter, context
        self.cfg, self.forest = facts.cfg, facts.forest
        self.adjoints = Adjoints(emitter, facts)
        self.writer = ExpressionWriter(emitter)
        self.helpers: set[str] = set()
        self.stack: list[str] = []
        self.working = {label for label in self.cfg.order if label in self.cfg.relevant and self._has_work(label)}
        self.working_loops = {loop for loop in self.forest.loops if loop.blocks & self.working}
        self.entry_of = {
            loop: edge_label(loop.exits[0][1], loop.exits[0][0]) for loop in self.working_loops if len(loop.exits) == 1
        }
        self.storage: Storage | None = None
        self._functions = {
            (operation_of(i), i.operands[0]): i.name
            for i in facts.activity.instructions
            if i.opcode == "call" and len(i.operands) == 1 and i.operands[0].startswith("%") and operation_of(i)
        }

    # -- what there is to do ----------------------------------------------------------------------
    def _has_work(self, label: str) -> bool:
        return any(self.is_reversed(i) for i in self.cfg.blocks[label].instructions)

    def is_reversed(self, i: Instruction) -> bool:
        """Whether the reverse sweep does anything for an instruction."""
        facts = self.facts
        if i.opcode == "store":
            return facts.writes_over_floats(i) or (i.types[0] in FLOAT_TYPES and facts.has_shadow(i.operands[1]))
        if i.opcode == "call" and i.name not in facts.activity.values:
            if symbol_of(i.callee).startswith(("llvm.memcpy", "llvm.memmove", "llvm.memset")):
                return facts.has_shadow(i.operands[0]) and facts.moves_floats(i)
            if facts.is_blas(i):
                return facts.has_shadow(i.operands[blas.output(i)])
            return facts.is_active_call(i)
        return i.name in facts.activity.values

    def write(self, values, finish: str) -> None:
        """Write all reverse blocks; the last one goes to block `finish`."""
        self.values, self.finish = values, finish
        for label in reversed(self.cfg.order):
            if label in self.cfg.relevant:
                self._prepare_edges(label)
        self.reached = set(self.cfg.returns)
        written: set[str] = set()
        while self.reached - written:
            for label in reversed(self.cfg.order):
                if label in self.reached and label not in written:
                    written.add(label)
                    self._write_block(label)
        for label in [label for label, block in self.emitter.blocks.items() if not block.terminator]:
            del self.emitter.blocks[label]

    def _go(self, label: str) -> str:
        """The label of the reverse of a primal block, which is thereby asked for."""
        self.reached.add(label)
        return reverse_label(label)

    def _prepare_edges(self, label: str) -> None:
        """The blocks through which the sweep enters loops exist before anything is fetched into them."""
        for predecessor in self.cfg.relevant_predecessors(label):
            self.emitter.start(edge_label(label, predecessor))

    def _write_block(self, label: str) -> None:
        self.emitter.start(reverse_label(label))
        self.values.enter_block(label)
        block = self.cfg.blocks[label]
        for instruction in reversed(block.instructions):
            if instruction.opcode != "phi" and self.is_reversed(instruction):
                self._reverse(instruction)
        taken = []
        for phi in block.phis:
            if self.facts.is_active(phi.name):
                taken.append((phi, self.adjoints.take(phi.name)))
        self._leave(label, [(phi, value) for phi, value in taken if value is not None])

    # -- instructions -----------------------------------------------------------------------------
    def _reverse(self, i: Instruction) -> None:
        if i.opcode == "load":
            self._reverse_load(i)
        elif i.opcode == "store":
            self._reverse_store(i)
        elif i.opcode == "select":
            self._reverse_select(i)
        elif i.opcode in ("fptrunc", "fpext", "freeze"):
            self._reverse_cast(i)
        elif i.opcode == "call" and i.callee in self.facts.module.functions:
            calls.reverse_call(self, i)
        elif i.opcode == "call" and symbol_of(i.callee).startswith("llvm.mem"):
            self._reverse_copy(i)
        elif self.facts.is_blas(i):
            blas.reverse(self, i)
        else:
            self._reverse_operation(i)

    def _reverse_operation(self, i: Instruction) -> None:
        rule, adjoint = rule_for(i), self.adjoints.take(i.name)
        if adjoint is None or rule is None:
            return
        self.context.report.rules[operation_of(i) or i.opcode] += 1
        symbols = symbols_of(i, self.values)
        self.writer.reuse(lambda name, arguments: self._computed_before(i, name, arguments))
        for operand, partial in zip(i.operands, rule.expressions(), strict=False):
            if self.facts.is_active(operand):
                contribution = self.writer.times(adjoint, partial, symbols, i.type)
                self.adjoints.add(operand, self._if_wanted(i, adjoint, partial, contribution))

    def _if_wanted(self, i: Instruction, adjoint: str, partial: Expression, contribution: str | None) -> str | None:
        """No contribution of a value that the program did not use, where the partial derivative is infinite or NaN.

        Where it is finite, zero comes out by itself; a zero put in its place would hide how the contribution changes
        with the adjoint from a derivative of this derivative.
        """
        if contribution is None or partial.operator == "constant" or not self.facts.speculation.is_conditional(i.name):
            return contribution
        unused = self.emitter.define(f"fcmp oeq {i.type} {adjoint}, 0.000000e+00")
        undefined = self.emitter.define(f"fcmp uno {i.type} {contribution}, 0.000000e+00")
        left_out = self.emitter.define(f"and i1 {unused}, {undefined}")
        return self.emitter.select(left_out, i.type, ZERO, contribution)

    def _computed_before(self, i: Instruction, name: str, arguments: tuple[Expression, ...]) -> str | None:
        """The primal's own `name` of the operand of `i`, where it runs whenever `i` does (sine beside cosine)."""
        if len(arguments) != 1 or arguments[0].operator != "symbol" or arguments[0].name == "y":
            return None
        operand = i.operands[int(arguments[0].name[1:])]
        found = self._functions.get((name, operand))
        home, here = self.forest.definition.get(found or ""), self.forest.definition[i.name]
        return self.values.value(found) if found and (home == here or self.cfg.dominates(home or "", here)) else None

    def _reverse_load(self, i: Instruction) -> None:
        adjoint = self.adjoints.take(i.name)
        if adjoint is None:
            return
        shadow, alignment = self.shadow(i.operands[0], i), alignment_of_access(i)
        total = self.emitter.sum(i.type, self.emitter.load(i.type, shadow, alignment), adjoint)
        self.emitter.store(i.type, total, shadow, alignment)

    def _reverse_store(self, i: Instruction) -> None:
        kind, shadow, alignment = i.types[0], self.shadow(i.operands[1], i), alignment_of_access(i)
        if kind not in FLOAT_TYPES:
            self.emitter.store(kind, "0", shadow, alignment)
            return
        adjoint = self.emitter.load(kind, shadow, alignment)
        self.emitter.store(kind, "0.000000e+00", shadow, alignment)
        self.adjoints.add(i.operands[0], adjoint)

    def _reverse_select(self, i: Instruction) -> None:
        adjoint = self.adjoints.take(i.name)
        if adjoint is None:
            return
        condition = self.values.value(i.operands[0])
        self.adjoints.add(i.operands[1], self.emitter.select(condition, i.type, adjoint, "-0.000000e+00"))
        self.adjoints.add(i.operands[2], self.emitter.select(condition, i.type, "-0.000000e+00", adjoint))

    def _reverse_cast(self, i: Instruction) -> None:
        adjoint = self.adjoints.take(i.name)
        if adjoint is None:
            return
        inverse = {"fptrunc": "fpext", "fpext": "fptrunc"}.get(i.opcode)
        if inverse:
            adjoint = self.emitter.define(f"{inverse} {i.type} {adjoint} to {i.types[0]}")
        self.adjoints.add(i.operands[0], adjoint)

    def _reverse_copy(self, i: Instruction) -> None:
        """memcpy and memmove add the shadow of the target to that of the source and clear it; memset clears it."""
        target, source, size = i.operands[0], i.operands[1], self.values.value(i.operands[2])
        shadow, block = self.shadow(target, i), self.facts.block_of(i)
        if not symbol_of(i.callee).startswith("llvm.memset") and self.facts.has_shadow(source):
            self.helpers |= copies.write_adjoint(self.emitter, block, shadow, self.shadow(source, i), size)
        elif block.pieces:
            self.helpers |= copies.write_zeros(self.emitter, block, shadow, size)
        else:
            self.emitter.line(f"call void @llvm.memset.p0.i64(ptr {shadow}, i8 0, i64 {size}, i1 false)")
            self.writer.declarations["@llvm.memset.p0.i64"] = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"

    def shadow(self, pointer: str, user: Instruction) -> str:
        """The shadow of a pointer, in the reverse of its user."""
        return self.values.value(shadow_operand(self.facts, self.augmented.shadow, pointer, user))

    # -- control ----------------------------------------------------------------------------------
    def _leave(self, label: str, phis: list[tuple[Instruction, str]]) -> None:
        """Go from the reverse of `label` to the reverse of what ran before it."""
        predecessors = self.cfg.relevant_predecessors(label)
        if not predecessors:
            self.emitter.branch(self.finish)
            return
        loop = self.forest.of[label]
        if loop is not None and loop.header == label:
            self._leave_header(loop)
        else:
            target = None if phis else self._jump_target(label)
            if target is not None:
                self.emitter.branch(self._go(target))
            elif len(predecessors) == 1:
                self.emitter.branch(edge_label(label, predecessors[0]))
            else:
                self._select_edge(label, predecessors)
        for predecessor in predecessors:
            self._write_edge(label, predecessor, phis)

    def _leave_header(self, loop: Loop) -> None:
        slot = iteration_slot(loop)
        iteration = self.emitter.load("i64", slot)
        first = self.emitter.define(f"icmp eq i64 {iteration}, 0")
        if self.storage is not None and loop in self.storage.records:
            top = self.emitter.offset("%frame", self.storage.records[loop].top)
            older = self.emitter.load("ptr", self.emitter.load("ptr", top))
            self.emitter.store("ptr", older, top)
        self.emitter.store("i64", self.emitter.define(f"add nsw i64 {iteration}, -1"), slot)
        self.emitter.branch_if(first, edge_label(loop.header, loop.preheader), edge_label(loop.header, loop.latch))

    def _select_edge(self, label: str, predecessors: list[str]) -> None:
        condition = self._deciding_condition(label, predecessors)
        if condition is not None:
            value, then, otherwise = condition
            self.emitter.branch_if(self.values.value(value), edge_label(label, then), edge_label(label, otherwise))
            return
        origin = self.values.value(self.augmented.origin[label])
        kind = numbering(len(predecessors))
        cases = " ".join(f"{kind} {n}, label {edge_label(label, p)}" for n, p in enumerate(predecessors) if n > 0)
        self.emitter.terminate(f"switch {kind} {origin}, label {edge_label(label, predecessors[0])} [ {cases} ]")

    def _deciding_condition(self, label: str, predecessors: list[str]) -> tuple[str, str, str] | None:
        """(condition, predecessor if true, predecessor if false) when the branch that dominates the join decides."""
        dominator = self.cfg.dominator[label]
        branch = self.cfg.blocks[dominator].terminator
        if len(predecessors) != 2 or branch.opcode != "br" or len(branch.operands) != 1:
            return None
        if self.forest.of[dominator] is not self.forest.of[label] or branch.labels[0] == branch.labels[1]:
            return None
        sides = []
        for successor in branch.labels:
            if successor == label:
                found = [p for p in predecessors if p == dominator]
            elif self.cfg.predecessors[successor] == [dominator]:
                found = [p for p in predecessors if self.cfg.dominates(successor, p)]
            else:
                return None  # the successor can also be reached from the other side
            if len(found) != 1:
                return None
            sides.append(found[0])
        return (branch.operands[0], sides[0], sides[1]) if sides[0] != sides[1] else None

    def _jump_target(self, label: str) -> str | None:
        """A dominator of `label` in the same loop with no work between; the sweep may go there directly."""
        loop, target = self.forest.of[label], self.cfg.dominator[label]
        while self.forest.of[target] is not loop and target != self.cfg.entry:
            target = self.cfg.dominator[target]
        if self.forest.of[target] is not loop:
            return None
        seen: set[str] = set()
        stack = [p for p in self.cfg.relevant_predecessors(label) if p != target]
        while stack:
            current = stack.pop()
            if current in seen:
                continue
            if current in self.working:
                return None
            seen.add(current)
            stack += [p for p in self.cfg.relevant_predecessors(current) if p != target]
        return target

    def _write_edge(self, label: str, predecessor: str, phis: list[tuple[Instruction, str]]) -> None:
        self.emitter.block = self.emitter.blocks[edge_label(label, predecessor)]
        self.values.enter_block(label)
        for phi, adjoint in phis:
            self.adjoints.add(phi.operands[phi.labels.index(predecessor)], adjoint)
        loop, entered = self.forest.of[predecessor], []
        while loop is not None and label not in loop.blocks:
            entered.append(loop)
            loop = loop.parent
        target = predecessor
        for inner in entered:
            if inner not in self.working_loops:
                target = inner.preheader
                continue
            known = self.augmented.trip.get(inner) or self.augmented.last.get((label, inner))
            if known is not None:
                self.emitter.store("i64", self.values.value(known), iteration_slot(inner))
        self.emitter.branch(self._go(target))

    def stack_text(self) -> list[str]:
        """Stack slots of the sweep, for the entry block of its function."""
        lines = self.adjoints.stack_text() + self.stack
        return lines + [f"{iteration_slot(loop)} = alloca i64" for loop in self.forest.loops]
