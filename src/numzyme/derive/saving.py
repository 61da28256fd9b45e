"""The saving plan: which values the reverse sweep recomputes, reloads, or finds stored.

Decides by a minimum cut. Nodes are the values that the reverse sweep wants and those from which they could be computed
again; a node's capacity is its size in bytes times an estimate of how often its loops run. Values that cannot be
computed again (loop-carried values, overwritten memory, calls) hang on the source, wanted ones on the sink; the cut
is what is stored. (The idea is that of Griewank and Walther, "Evaluating Derivatives" 2008, ch. 12, as a graph cut.)

Invariant: recomputing an instruction in the reverse of its block gives the bits that the forward sweep had.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..analysis import symbol_of
from ..ir import Instruction
from ..ir.model import CASTS, FLOAT_BINARY, INTEGER_BINARY, SIZES
from ..rules import INACTIVE, operation_of, rule_for
from .augment import Augmented
from .facts import FunctionFacts
from .storage import memory_type

_PURE = (
    FLOAT_BINARY
    | INTEGER_BINARY
    | CASTS
    | frozenset(["fneg", "icmp", "fcmp", "select", "getelementptr", "extractvalue", "insertvalue"])
)
_UNBOUNDED = 1 << 30
_TRIPS_PER_LOOP = 64
_DEEPEST = 4


@dataclass(slots=True)
class Recomputation:
    """Knows which values are free in the reverse sweep and which can be computed again, and from what."""

    facts: FunctionFacts
    augmented: Augmented
    free: set[str]
    live_forward: set[str]

    def is_free(self, name: str) -> bool:
        return not name.startswith("%") or name in self.free

    def operands(self, name: str) -> list[str] | None:
        """What `name` is computed from, or None when it cannot be computed again in the reverse sweep."""
        instruction = self.augmented.instruction[name]
        if name in self.augmented.evolution:
            _, evolution = self.augmented.evolution[name]
            return [evolution.start, evolution.step]
        if instruction.opcode in _PURE:
            return None if instruction.opcode == "fdiv" and self._is_at_hand(name) else instruction.operands
        if instruction.opcode == "load":
            return instruction.operands if self.can_reload(instruction) else None
        if instruction.opcode == "phi" and len(instruction.operands) == 1:
            inner = self.augmented.definition.get(instruction.operands[0])
            same = inner is None or self.facts.forest.of[inner] is self.facts.forest.of[self.augmented.definition[name]]
            return instruction.operands if same else None
        if instruction.opcode == "phi" and name in self.facts.forest.instruction:
            return instruction.operands if self.facts.forest.is_first_or_later(instruction) else None
        if instruction.opcode == "call":
            return self._call_operands(name, instruction)
        return None

    def _call_operands(self, name: str, call: Instruction) -> list[str] | None:
        operation = operation_of(call)
        if operation is None or call.callee in self.facts.module.functions:
            return None
        rule = rule_for(call)
        cheap = operation in INACTIVE or (rule is not None and not rule.expensive)
        cheap = cheap or symbol_of(call.callee).startswith(
            ("llvm.smax", "llvm.smin", "llvm.umax", "llvm.umin", "llvm.abs")
        )
        if operation == "sqrt" and self._is_at_hand(name):
            return None
        return call.operands if cheap or name not in self.live_forward else None

    def _is_at_hand(self, name: str) -> bool:
        """Whether keeping a value costs nothing: it is computed anyway, once, outside loops."""
        return name in self.live_forward and self.facts.forest.of[self.augmented.definition[name]] is None

    def can_reload(self, load: Instruction) -> bool:
        """Whether the memory still holds at the reverse of `load` what it held there."""
        facts = self.facts
        if "volatile" in load.flags or id(load) not in facts.site:
            return False
        objects = facts.memory.objects(load.operands[0])
        if not objects:
            return False
        for an_object in objects:
            if an_object.kind == "argument":
                position = next(i for i, p in enumerate(facts.function.parameters) if p.name == an_object.name)
                if not facts.signature.unmodified[position]:
                    return False
            elif an_object.kind == "global":
                if " constant " not in facts.module.globals.get(an_object.name, ""):
                    return False
            elif not facts.private(an_object):
                return False
        return not facts.memory.overwritten_after(*facts.site[id(load)], objects)


def live_in_forward_sweep(facts: FunctionFacts, keep_primal: bool) -> set[str]:
    """Values that the forward sweep computes anyway: those that reach control flow or memory that counts."""
    result = facts.function.parameters[0].name if facts.function.parameters else ""
    live: set[str] = set()
    stack: list[str] = []
    for label in facts.cfg.order:
        for i in facts.cfg.blocks[label].instructions:
            if i.opcode in ("br", "switch", "ret") or (i.opcode == "call" and operation_of(i) is None):
                stack += i.operands
            elif i.opcode == "store":
                objects = facts.memory.objects(i.operands[1])
                only_result = all(o.kind == "argument" and o.name == result for o in objects)
                if keep_primal or not only_result:
                    stack += i.operands
    while stack:
        name = stack.pop()
        if name in live or name not in facts.forest.instruction:
            continue
        live.add(name)
        stack += facts.forest.instruction[name].operands
    return live


def choose(recomputation: Recomputation, needed: set[str], depth_of: Callable[[str], int]) -> set[str]:
    """The values to store so that all of `needed` can be had in the reverse sweep at the least memory traffic."""
    operands: dict[str, list[str] | None] = {}
    stack = [n for n in needed if not recomputation.is_free(n)]
    while stack:
        name = stack.pop()
        if name in operands:
            continue
        operands[name] = recomputation.operands(name)
        stack += [o for o in operands[name] or [] if not recomputation.is_free(o)]
    if not any(value is None for value in operands.values()):
        return set()
    return _minimum_cut(recomputation, needed, operands, depth_of)


def _capacity(recomputation: Recomputation, name: str, depth_of: Callable[[str], int]) -> int:
    instruction = recomputation.augmented.instruction[name]
    size = SIZES.get(memory_type(instruction.type))
    if size is None:
        return _UNBOUNDED
    depth = min(depth_of(recomputation.augmented.definition[name]), _DEEPEST)
    return size * _TRIPS_PER_LOOP**depth


def _minimum_cut(recomputation, needed: set[str], operands: dict[str, list[str] | None], depth_of) -> set[str]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    number = {name: 2 * i + 2 for i, name in enumerate(operands)}
    source, sink = 0, 1
    edges: dict[tuple[int, int], int] = {}
    for name, inputs in operands.items():
        node = number[name]
        edges[node, node + 1] = _capacity(recomputation, name, depth_of)
        if inputs is None:
            edges[source, node] = _UNBOUNDED
        for operand in inputs or []:
            if operand in number:
                edges[number[operand] + 1, node] = _UNBOUNDED
        if name in needed:
            edges[node + 1, sink] = _UNBOUNDED
    size = 2 * len(operands) + 2
    rows, columns = zip(*edges, strict=True)
    capacity = csr_array((list(edges.values()), (rows, columns)), shape=(size, size), dtype="int32")
    residual = capacity - maximum_flow(csr_array(capacity), source, sink).flow
    residual.eliminate_zeros()
    residual.data[residual.data < 0] = 0
    residual.eliminate_zeros()
    # of all minimum cuts, the one nearest to the sink recomputes least
    reaches_sink = set(breadth_first_order(residual.T.tocsr(), sink, return_predecessors=False).tolist())
    return {name for name, node in number.items() if node not in reaches_sink and node + 1 in reaches_sink}
