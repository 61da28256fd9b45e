"""Control flow of one function: predecessors, order, dominators, and which blocks matter to a derivative.

Decides which blocks are on a path to a *good* return (status 0, or -2 for "None"): the others are error edges, which
are executed as they are and never reversed, unless the caller goes on after an error. Dominators by Cooper, Harvey and
Kennedy, "A simple, fast dominance algorithm" (2001).
"""

from __future__ import annotations

from functools import cached_property

from ..ir import Block, Function, Instruction

GOOD_STATUS = frozenset({"0", "-2"})


class Cfg:
    """Control-flow graph of `function`; blocks are named by their labels. `is_caught`: its errors are, by a caller."""

    def __init__(self, function: Function, is_caught: bool = False) -> None:
        self.function, self.is_caught = function, is_caught
        self.blocks: dict[str, Block] = {block.label: block for block in function.blocks}
        self.entry = function.entry.label
        self.successors = {label: list(dict.fromkeys(b.successors)) for label, b in self.blocks.items()}
        self.order = self._reverse_post_order()
        self.position = {label: i for i, label in enumerate(self.order)}
        self.predecessors: dict[str, list[str]] = {label: [] for label in self.blocks}
        for label in self.order:
            for successor in self.successors[label]:
                self.predecessors[successor].append(label)
        self.dominator = self._immediate_dominators()

    def _reverse_post_order(self) -> list[str]:
        seen, post, stack = {self.entry}, [], [(self.entry, iter(self.successors[self.entry]))]
        while stack:
            label, children = stack[-1]
            for child in children:
                if child not in seen:
                    seen.add(child)
                    stack.append((child, iter(self.successors[child])))
                    break
            else:
                post.append(label)
                stack.pop()
        return post[::-1]

    def _immediate_dominators(self) -> dict[str, str]:
        dominator = {self.entry: self.entry}
        changed = True
        while changed:
            changed = False
            for label in self.order[1:]:
                found = ""
                for predecessor in self.predecessors[label]:
                    if predecessor in dominator:
                        found = self._intersect(dominator, predecessor, found) if found else predecessor
                if dominator.get(label) != found:
                    dominator[label] = found
                    changed = True
        return dominator

    def _intersect(self, dominator: dict[str, str], a: str, b: str) -> str:
        while a != b:
            while self.position[a] > self.position[b]:
                a = dominator[a]
            while self.position[b] > self.position[a]:
                b = dominator[b]
        return a

    def dominates(self, a: str, b: str) -> bool:
        """Whether every path from the entry to `b` goes through `a`."""
        while self.position[b] > self.position[a]:
            b = self.dominator[b]
        return a == b

    @cached_property
    def returns(self) -> list[str]:
        """Blocks that may return with a good status; where errors are caught, with any."""
        found = []
        for label in self.order:
            terminator = self.blocks[label].terminator
            if terminator.opcode != "ret" or not (self.is_caught or is_good_return(terminator)):
                continue
            if self.is_caught or not (terminator.operands and self._has_failed(label, terminator.operands[0])):
                found.append(label)
        return found

    def _has_failed(self, label: str, status: str) -> bool:
        """Whether every way into block `label` has found that `status`, that of a call, is not 0."""
        predecessors = self.predecessors[label]
        return bool(predecessors) and all(self._excludes_zero(p, label, status) for p in predecessors)

    def _excludes_zero(self, predecessor: str, label: str, status: str) -> bool:
        branch = self.blocks[predecessor].terminator
        if len(branch.operands) != 1 or branch.labels[0] == branch.labels[1]:
            return False
        for test in self.blocks[predecessor].instructions:
            if test.name == branch.operands[0] and test.opcode == "icmp" and set(test.operands) == {status, "0"}:
                return {"ne": branch.labels[0], "eq": branch.labels[1]}.get(test.predicate) == label
        return False

    @cached_property
    def relevant(self) -> frozenset[str]:
        """Blocks from which a good return can be reached: those that are reversed."""
        seen, stack = set(self.returns), list(self.returns)
        while stack:
            for predecessor in self.predecessors[stack.pop()]:
                if predecessor not in seen:
                    seen.add(predecessor)
                    stack.append(predecessor)
        return frozenset(seen)

    def relevant_predecessors(self, label: str) -> list[str]:
        return [p for p in self.predecessors[label] if p in self.relevant]

    def reachable_from(self, label: str, barrier: str | None = None) -> set[str]:
        """Blocks that can run after `label` has been left, on paths that do not pass through `barrier`."""
        seen: set[str] = set()
        stack = [s for s in self.successors[label] if s != barrier]
        while stack:
            current = stack.pop()
            if current in seen:
                continue
            seen.add(current)
            stack += [s for s in self.successors[current] if s != barrier]
        return seen

    def describe(self) -> str:
        """Printed form for `python -m numzyme.opt --print cfg`."""
        lines = []
        for label in self.order:
            kind = "" if label in self.relevant else " (error edge: never reversed)"
            entered = "the entry"
            if label != self.entry:
                entered = f"from {' '.join(self.predecessors[label])}, dominated by {self.dominator[label]}"
            left = " ".join(self.successors[label]) or self.blocks[label].terminator.text
            lines.append(f"{label}: {entered}; to {left}{kind}")
        return "\n".join(lines)


def is_good_return(terminator: Instruction) -> bool:
    """A status that is good or not known before the run; a status constant of an error is neither."""
    if not terminator.operands:
        return True
    value = terminator.operands[0]
    return value in GOOD_STATUS or not _is_integer(value)


def _is_integer(text: str) -> bool:
    return text.lstrip("-").isdigit()
