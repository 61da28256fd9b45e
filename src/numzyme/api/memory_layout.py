"""Copies and shadows of arguments that overlap exactly as the arguments do.

Decides by the ranges of the arrays which of them go into one block of memory; a broadcast array stands for
itself, as a dense copy. Invariant: equal array objects stay equal, and two arrays share an element exactly
when the originals do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class _Block:
    """The bytes from `low` to `high` that some arrays span."""

    low: int
    high: int
    arrays: list[np.ndarray]


@dataclass
class Copies:
    """Values in memory of their own, which `renew` makes what it was at first; they are the same objects then."""

    values: list[Any]
    _memories: list[np.ndarray]
    _contents: list[np.ndarray]

    def renew(self) -> list[Any]:
        for memory, content in zip(self._memories, self._contents, strict=True):
            memory[...] = content
        return self.values


class Layout:
    """The arrays in `values` (a list of scalars, arrays and tuples of these)."""

    def __init__(self, values: list[Any]) -> None:
        self._arrays: dict[int, np.ndarray] = {}
        self._values = [self._register(value) for value in values]
        self._blocks = self._make_blocks()
        self._snapshots = [self._bytes(block) for block in self._blocks]

    def originals(self) -> list[Any]:
        """The values themselves (dense copies of broadcast arrays)."""
        return self._values

    def copies(self) -> Copies:
        """The values as they were at the start; what was read-only still is."""
        memories = [snapshot.copy() for snapshot in self._snapshots]
        return Copies(self._on(memories, lambda scalar: scalar, keep_readonly=True), memories, self._snapshots)

    def shadows(self) -> Copies:
        """Zeros in the same layout; scalars become 0.0."""
        memories = [np.zeros_like(snapshot) for snapshot in self._snapshots]
        return Copies(self._on(memories, lambda scalar: 0.0), memories, [np.zeros(1, np.uint8)] * len(memories))

    def _register(self, value: Any) -> Any:
        if isinstance(value, tuple):
            members = [self._register(member) for member in value]
            return type(value)(*members) if hasattr(value, "_fields") else tuple(members)
        if isinstance(value, np.ndarray):
            if id(value) not in self._arrays:
                broadcast = any(n > 1 and s == 0 for n, s in zip(value.shape, value.strides, strict=True))
                self._arrays[id(value)] = value.copy("C") if broadcast else value
            return self._arrays[id(value)]
        return value

    def _make_blocks(self) -> list[_Block]:
        bounds = [(*np.lib.array_utils.byte_bounds(a), a) for a in self._arrays.values() if a.size]
        blocks: list[_Block] = []
        for low, high, array in sorted(bounds, key=lambda bound: bound[:2]):
            if blocks and low < blocks[-1].high:
                blocks[-1].high = max(blocks[-1].high, high)
                blocks[-1].arrays.append(array)
            else:
                blocks.append(_Block(low, high, [array]))
        return blocks

    def _bytes(self, block: _Block) -> np.ndarray:
        """What the arrays in `block` hold; bytes between them stay zero, for they are not ours to read."""
        memory = np.zeros(block.high - block.low, np.uint8)
        for array in block.arrays:
            self._view(array, block, memory)[...] = array
        return memory

    def _on(self, memories: list[np.ndarray], scalar: Any, keep_readonly: bool = False) -> list[Any]:
        made: dict[int, np.ndarray] = {}
        for block, memory in zip(self._blocks, memories, strict=True):
            made.update({id(array): self._view(array, block, memory) for array in block.arrays})
        for array in self._arrays.values():
            made.setdefault(id(array), np.zeros_like(array))
            if keep_readonly and not array.flags.writeable:
                made[id(array)].setflags(write=False)

        def rebuild(value: Any) -> Any:
            if isinstance(value, tuple):
                members = [rebuild(member) for member in value]
                return type(value)(*members) if hasattr(value, "_fields") else tuple(members)
            return made[id(value)] if isinstance(value, np.ndarray) else scalar(value)

        return [rebuild(value) for value in self._values]

    @staticmethod
    def _view(array: np.ndarray, block: _Block, memory: np.ndarray) -> np.ndarray:
        return np.ndarray(array.shape, array.dtype, memory, _address(array) - block.low, array.strides)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
