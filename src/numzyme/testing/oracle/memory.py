"""Byte-addressed memory that remembers which tape entry each float in it came from.

Decides what a load finds: the bytes, and the node if the last store to exactly these bytes was that float.
A store over part of a float forgets its node. Fresh memory is filled with 0xFF (NaN), so that reading what
was never written shows. Address 0 is null; everything outside of what was allocated raises.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from .tape import CONSTANT, Number

FORMATS = {
    "double": "<d",
    "float": "<f",
    "i64": "<Q",
    "i32": "<I",
    "i16": "<H",
    "i8": "<B",
    "i1": "<B",
    "ptr": "<Q",
}
FLOATS = frozenset({"double", "float"})
_START = 4096
_WIDEST = 8


class OracleError(Exception):
    """The oracle met something that it does not know; never a wrong answer."""


class Bits(int):
    """An integer that is the bit pattern of a float with a node: what copying floats as integers needs."""

    node: int

    def __new__(cls, value: int, node: int) -> Bits:
        made = super().__new__(cls, value)
        made.node = node
        return made


class Memory:
    """One heap; allocation never reuses an address."""

    def __init__(self) -> None:
        self._bytes = bytearray(_START)
        self._nodes: dict[int, tuple[int, int]] = {}  # address -> (node, size)

    def allocate(self, size: int, alignment: int = 32) -> int:
        address = -(-len(self._bytes) // alignment) * alignment
        self._bytes += b"\xff" * (address - len(self._bytes) + size)
        return address

    def load(self, address: int, kind: str) -> int | Number:
        size = struct.calcsize(FORMATS[kind])
        bits = struct.unpack_from(FORMATS[kind], self._checked(address, size), address)[0]
        node, stored = self._nodes.get(address, (CONSTANT, size))
        if stored != size:
            node = CONSTANT
        if kind in FLOATS:
            return Number(bits, node)
        return Bits(bits, node) if node != CONSTANT else bits

    def store(self, address: int, kind: str, value: int | Number) -> None:
        size = struct.calcsize(FORMATS[kind])
        heap = self._checked(address, size)
        self._forget(address, size)
        if isinstance(value, Number):
            struct.pack_into(FORMATS[kind], heap, address, value.value)
            node = value.node
        else:
            struct.pack_into(FORMATS[kind], heap, address, value)
            node = value.node if isinstance(value, Bits) else CONSTANT
        if node != CONSTANT:
            self._nodes[address] = (node, size)

    def fill(self, address: int, byte: int, size: int) -> None:
        self._checked(address, size)[address : address + size] = bytes([byte]) * size
        self._forget(address, size)

    def write(self, address: int, data: bytes) -> None:
        self._checked(address, len(data))[address : address + len(data)] = data
        self._forget(address, len(data))

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._checked(address, size)[address : address + size])

    def copy(self, target: int, source: int, size: int) -> None:
        heap = self._checked(source, size)
        data = bytes(heap[source : source + size])
        held = [(at - source, self._nodes[at]) for at in range(source, source + size) if at in self._nodes]
        self.write(target, data)
        self._nodes.update((target + offset, node) for offset, node in held if offset + node[1] <= size)

    def load_floats(self, address: int, kind: str, count: int, step: int = 1) -> list[Number]:
        size = struct.calcsize(FORMATS[kind])
        return [_number(self.load(address + i * step * size, kind)) for i in range(count)]

    def store_floats(self, address: int, kind: str, values: Iterable[Number]) -> None:
        size = struct.calcsize(FORMATS[kind])
        for i, value in enumerate(values):
            self.store(address + i * size, kind, value)

    def _checked(self, address: int, size: int) -> bytearray:
        if size and not _START <= address <= len(self._bytes) - size:
            raise OracleError(f"access of {size} bytes at {address:#x}, outside of what was allocated")
        return self._bytes

    def _forget(self, address: int, size: int) -> None:
        for at in range(address - _WIDEST + 1, address + size):
            if at in self._nodes and at + self._nodes[at][1] > address:
                del self._nodes[at]


def _number(value: int | Number) -> Number:
    assert isinstance(value, Number)
    return value
