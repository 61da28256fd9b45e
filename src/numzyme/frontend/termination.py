"""Termination: loops that end because a counter must reach its limit.

Invariant: `loops_end` says yes only when every edge back to an earlier block is guarded, in each round, by a test of
a counter that moves by a constant towards a value fixed before the loop.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..ir import Block, Function, Instruction

_OPPOSITE = {
    "eq": "ne", "ne": "eq", "slt": "sge", "sge": "slt", "sgt": "sle", "sle": "sgt",
    "ult": "uge", "uge": "ult", "ugt": "ule", "ule": "ugt",
}  # fmt: skip
_SWAPPED = {
    "eq": "eq", "ne": "ne", "slt": "sgt", "sge": "sle", "sgt": "slt", "sle": "sge",
    "ult": "ugt", "uge": "ule", "ugt": "ult", "ule": "uge",
}  # fmt: skip


def loops_end(function: Function) -> bool:
    """Does every loop of `function` certainly end?"""
    finder = _Finder(function)
    return all(
        any(finder.is_counted(label, header, latch, body) for label in (latch, header))
        for header, latch, body in finder.cycles()
    )


def blocks_in_loops(function: Function) -> set[str]:
    """Labels of the blocks that may be executed again."""
    return {label for _, _, body in _Finder(function).cycles() for label in body}


class _Finder:
    def __init__(self, function: Function) -> None:
        self.entry = function.entry.label
        self.blocks: dict[str, Block] = {block.label: block for block in function.blocks}
        self.definitions: dict[str, Instruction] = {}
        self.home: dict[str, str] = {}
        self.predecessors: dict[str, list[str]] = {}
        for block in function.blocks:
            for instruction in block.instructions:
                if instruction.name:
                    self.definitions[instruction.name] = instruction
                    self.home[instruction.name] = block.label
            for successor in block.successors:
                self.predecessors.setdefault(successor, []).append(block.label)

    def cycles(self) -> Iterator[tuple[str, str, set[str]]]:
        """(header, latch, body) of every edge back to a block on the path of a depth-first walk."""
        on_path = {self.entry: True}
        stack = [(self.entry, iter(self.blocks[self.entry].successors))]
        while stack:
            label, successors = stack[-1]
            for successor in successors:
                if on_path.get(successor):
                    yield successor, label, self._body(successor, label)
                elif successor not in on_path:
                    on_path[successor] = True
                    stack.append((successor, iter(self.blocks[successor].successors)))
                    break
            else:
                on_path[label] = False
                stack.pop()

    def _body(self, header: str, latch: str) -> set[str]:
        body, waiting = {header}, [latch]
        while waiting:
            label = waiting.pop()
            if label not in body:
                body.add(label)
                waiting.extend(self.predecessors.get(label, ()))
        return body

    def is_counted(self, label: str, header: str, latch: str, body: set[str]) -> bool:
        """Is block `label` left for good when a counter of the loop reaches its limit?"""
        branch = self.blocks[label].terminator
        test = self.definitions.get(branch.operands[0]) if branch.opcode == "br" and branch.operands else None
        if test is None or test.opcode != "icmp":
            return False
        leaves = [target not in body for target in branch.labels]
        if leaves[0] == leaves[1]:
            return False
        stays = test.predicate if leaves[1] else _OPPOSITE[test.predicate]
        counter, limit = test.operands
        return self._reaches(counter, stays, limit, header, latch, body) or self._reaches(
            limit, _SWAPPED[stays], counter, header, latch, body
        )

    def _reaches(self, counter: str, stays: str, limit: str, header: str, latch: str, body: set[str]) -> bool:
        """Does `counter stays limit` become false?"""
        step = self._step(counter, header, latch)
        if step is None or self.home.get(limit) in body:
            return False
        amount, never_wraps = step
        if stays == "ne":
            return abs(amount) == 1  # it takes every value there is
        if stays == "eq":
            return True  # it moves on
        towards = (amount > 0) == (stays[1] == "l")
        # One step at a time never jumps over the limit itself, where a strict comparison fails.
        return towards and (never_wraps or (abs(amount) == 1 and stays.endswith("t")))

    def _step(self, counter: str, header: str, latch: str) -> tuple[int, bool] | None:
        """Step of `counter`, a phi of the header or that phi after its step, and whether it never wraps."""
        for phi in self.blocks[header].phis:
            following = self.definitions.get(dict(zip(phi.labels, phi.operands, strict=True)).get(latch, ""))
            if following is None or following.opcode != "add" or phi.name not in following.operands:
                continue
            if counter not in (phi.name, following.name):
                continue
            amount = following.operands[1 - following.operands.index(phi.name)]
            if amount.lstrip("-").isdigit() and int(amount):
                return int(amount), "nsw" in following.flags or "nuw" in following.flags
        return None
