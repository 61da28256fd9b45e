"""Sizes of LLVM types, as x86-64's and AArch64's data layouts give them."""

from __future__ import annotations

from ..ir.model import SIZES
from ..ir.reader import element_types


def alignment_of(kind: str) -> int:
    """Natural alignment in bytes."""
    if kind in SIZES:
        return SIZES[kind]
    return max((alignment_of(member) for member in element_types(kind)), default=1)


def size_of(kind: str) -> int:
    """Size in bytes, padding included."""
    if kind in SIZES:
        return SIZES[kind]
    if kind.startswith("["):
        count, member = kind[1:-1].split(" x ", 1)
        return int(count) * size_of(member)
    offset = 0
    for member in element_types(kind):
        alignment = alignment_of(member)
        offset = -(-offset // alignment) * alignment + size_of(member)
    alignment = alignment_of(kind)
    return -(-offset // alignment) * alignment
