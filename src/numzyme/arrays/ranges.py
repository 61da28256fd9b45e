"""`LinRange`: evenly spaced numbers that are computed when they are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import VectorLike, check_same_shape


@dataclass(frozen=True, init=False, repr=False)
class LinRange(VectorLike):
    """`len` evenly spaced numbers from `start` to `stop`, both included.

    Arguments: `start`, `stop`, numbers; `len`, how many (one: `start` alone).
    Fields: these and `lendiv`, the number of steps. The sum takes constant time.

    >>> LinRange(0.0, 1.0, 5)[3]
    0.75
    >>> LinRange(0.0, 1.0, 5) * 4 + 1
    LinRange(1.0, 5.0, 5)
    """

    start: Any
    stop: Any
    len: int
    lendiv: int

    def __init__(self, start: Any, stop: Any, len: int) -> None:
        for name, value in zip(("start", "stop", "len", "lendiv"), self.arranged(start, stop, len), strict=True):
            object.__setattr__(self, name, value)

    @staticmethod
    def arranged(start: Any, stop: Any, len: int) -> tuple:
        """The fields for the constructor's arguments; what compiled code calls in place of `__init__`."""
        if len < 0:
            raise ValueError("the length of a LinRange is negative")
        return start, stop, len, max(len - 1, 1)

    def _shown_values(self) -> list[Any]:
        return [self.start, self.stop, self.len]

    @property
    def shape(self) -> tuple[int]:
        return (self.len,)

    @property
    def dtype(self) -> Any:
        return np.array((0.5 * self.start + 0.5 * self.stop,)).dtype

    def at(self, index: Any) -> Any:
        part = index[0] / self.lendiv
        # exact at both ends
        return (1 - part) * self.start + part * self.stop

    def mapped(self, operation: Any, argument: Any) -> Any:
        return LinRange(operation(self.start, argument), operation(self.stop, argument), self.len)

    def total(self) -> Any:
        parts = 0.5 * self.len * (self.len - 1) / self.lendiv
        return (self.len - parts) * self.start + parts * self.stop

    def plus_wrapper(self, other: Any) -> Any:
        if isinstance(other, LinRange):
            check_same_shape(self, other)
            return LinRange(self.start + other.start, self.stop + other.stop, self.len)
        return self.toarray() + other.toarray()
