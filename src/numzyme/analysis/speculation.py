"""Values that are computed whether or not they are wanted: by the user in a branch, by LLVM ahead of it.

Decides for which values a zero adjoint means that the program did not use them. LLVM computes what cannot raise ahead
of a branch (`select` instead of a diamond, quotients in front of loops); where the branch is not taken, the partial
derivatives may be infinite or NaN, and 0 times these is not the derivative of a program that never computed them.
Invariant: a value that reaches a store, a return or a call on every good path from its definition is not in the set.
"""

from __future__ import annotations

from collections.abc import Set
from functools import cached_property

from ..ir import Instruction
from .cfg import Cfg


class Speculation:
    """Which of the values `active` of a function are used under a condition only."""

    def __init__(self, cfg: Cfg, active: Set[str]) -> None:
        self._cfg, self._active = cfg, active

    def is_conditional(self, name: str) -> bool:
        """Whether every use of `name` is on some paths only, or by values of which that holds."""
        return name not in self._wanted

    @cached_property
    def _wanted(self) -> Set[str]:
        """The values that reach something else than a value whenever they are computed."""
        wanted: set[str] = set()
        operands: dict[str, list[str]] = {}  # of values, as far as they are used whenever they are there
        for label in self._cfg.order:
            if label in self._cfg.relevant:
                for user in self._cfg.blocks[label].instructions:
                    always = [v for position, v in enumerate(user.operands) if self._is_always(user, label, position)]
                    if user.name in self._active:
                        operands[user.name] = always
                    elif not user.name or user.opcode == "call":
                        wanted.update(always)
        stack = list(wanted)
        while stack:
            for operand in operands.get(stack.pop(), ()):
                if operand not in wanted:
                    wanted.add(operand)
                    stack.append(operand)
        return wanted

    def _is_always(self, user: Instruction, label: str, position: int) -> bool:
        """Whether `user` takes this operand whenever the operand is computed."""
        operand = user.operands[position]
        if operand not in self._active or (user.opcode == "select" and position > 0):
            return False
        if user.opcode == "phi":
            label = user.labels[position]
            if label not in self._cfg.relevant or len(self._relevant_successors(label)) > 1:
                return False
        home = self._definition.get(operand, self._cfg.entry)
        return bool(self._post_dominators.get(home, 0) >> self._cfg.position[label] & 1)

    def _relevant_successors(self, label: str) -> list[str]:
        return [s for s in self._cfg.successors[label] if s in self._cfg.relevant]

    @cached_property
    def _post_dominators(self) -> dict[str, int]:
        """For each relevant block, as bits by position: the blocks on every path from it to a good return."""
        relevant = [label for label in reversed(self._cfg.order) if label in self._cfg.relevant]
        everything = (1 << len(self._cfg.order)) - 1
        found = dict.fromkeys(relevant, everything)
        changed = True
        while changed:
            changed = False
            for label in relevant:
                common = everything
                for successor in self._relevant_successors(label):
                    common &= found[successor]
                if label in self._cfg.returns:
                    common = 0
                common |= 1 << self._cfg.position[label]
                if common != found[label]:
                    found[label], changed = common, True
        return found

    @cached_property
    def _definition(self) -> dict[str, str]:
        blocks = self._cfg.blocks
        return {i.name: label for label in self._cfg.order for i in blocks[label].instructions if i.name}
