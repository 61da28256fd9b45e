"""A tape: every float operation with the partial derivatives it had, in the order in which it ran.

Invariant: an entry refers only to earlier entries, so one sweep backwards is the reverse mode and one sweep
forwards is the forward mode. Node -1 stands for whatever does not depend on an input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

CONSTANT = -1


class Number(NamedTuple):
    """A float, and the entry of the tape that it came from."""

    value: float
    node: int = CONSTANT


class Tape:
    """Entries are tuples of (earlier node, partial derivative)."""

    def __init__(self) -> None:
        self.entries: list[tuple[tuple[int, float], ...]] = []

    def variable(self, value: float) -> Number:
        """A new input."""
        self.entries.append(())
        return Number(value, len(self.entries) - 1)

    def record(self, value: float, partials: Iterable[tuple[Number, float]]) -> Number:
        """The result of an operation, with its partial derivative for each operand."""
        entry = tuple((operand.node, partial) for operand, partial in partials if operand.node != CONSTANT)
        if not entry:
            return Number(value)
        self.entries.append(entry)
        return Number(value, len(self.entries) - 1)

    def reverse(self, seeds: Iterable[tuple[int, float]]) -> list[float]:
        """The adjoint of every node, from (node, adjoint) pairs of the outputs."""
        adjoints = [0.0] * len(self.entries)
        for node, seed in seeds:
            if node != CONSTANT:
                adjoints[node] += seed
        for node in range(len(self.entries) - 1, -1, -1):
            if adjoints[node] != 0.0:
                for operand, partial in self.entries[node]:
                    adjoints[operand] += partial * adjoints[node]
        return adjoints

    def forward(self, tangents: Mapping[int, float]) -> list[float]:
        """The tangent of every node, from the tangents of the inputs."""
        found = [0.0] * len(self.entries)
        for node, entry in enumerate(self.entries):
            found[node] = tangents.get(node, 0.0) + sum(partial * found[operand] for operand, partial in entry)
        return found
