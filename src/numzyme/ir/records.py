"""Where the floats of records lie: the memory of structured arrays, one record after another.

Decides how floats beside integers are described: as runs of equal floats in a period. Invariant: the runs of a layout
are in order, apart from each other, and inside of one period; bytes in no run hold no float.
"""

from __future__ import annotations

from dataclasses import dataclass

from .model import SIZES


@dataclass(frozen=True, slots=True, order=True)
class Run:
    """Floats side by side: how many, of which LLVM type, and where in the record the first one is, in bytes."""

    offset: int
    kind: str
    count: int

    @property
    def length(self) -> int:
        return self.count * SIZES[self.kind]

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Layout:
    """Memory that repeats every `size` bytes, with floats in `runs` and something else between them.

    >>> print(Layout.of(24, [Run(0, "double", 1), Run(8, "double", 1)]))
    24 bytes: double 0..16
    """

    size: int
    runs: tuple[Run, ...]

    @staticmethod
    def of(size: int, runs: list[Run]) -> Layout:
        """The layout of these runs, in any order; neighbours of one kind become one."""
        joined: list[Run] = []
        for run in sorted(runs):
            if joined and joined[-1].kind == run.kind and joined[-1].end == run.offset:
                run = Run(joined[-1].offset, run.kind, joined.pop().count + run.count)
            joined.append(run)
        return Layout(size, tuple(joined))

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(run.kind for run in self.runs)

    @property
    def only_kind(self) -> str | None:
        """The type of float that fills the memory without a gap; None when there is something else."""
        filled = len(self.runs) == 1 and self.runs[0].length == self.size
        return self.runs[0].kind if filled else None

    def seen_from(self, place: int) -> Layout | None:
        """The layout counted from `place` bytes behind the start of a record; None from inside of a float."""
        runs = []
        for run in self.runs:
            width = SIZES[run.kind]
            start = (run.offset - place) % self.size
            before = min(run.length, self.size - start)  # what wraps around begins the period
            if before % width:
                return None
            runs.append(Run(start, run.kind, before // width))
            if before < run.length:
                runs.append(Run(0, run.kind, (run.length - before) // width))
        return Layout.of(self.size, runs)

    def __str__(self) -> str:
        listed = ", ".join(f"{run.kind} {run.offset}..{run.end}" for run in self.runs)
        return f"{self.size} bytes: {listed or 'no floats'}"
