"""Where the scalars of structs and arrays lie in memory, as on x86-64. Numba spells every type out: none has a name."""

from __future__ import annotations

from functools import lru_cache

from .model import SIZES
from .reader import element_types

Path = tuple[int, ...]


def is_aggregate(kind: str) -> bool:
    """Whether values of the type are structs or arrays."""
    return kind[:1] in ("{", "[") or kind.startswith("<{")


@lru_cache(maxsize=1024)
def leaves_of(kind: str) -> tuple[tuple[Path, int, str], ...]:
    """Every scalar in a value of type `kind`: the indices that lead to it, its offset in bytes, its type.

    >>> leaves_of("{ i8, { double, i32 } }")
    (((0,), 0, 'i8'), ((1, 0), 8, 'double'), ((1, 1), 16, 'i32'))
    """
    if not is_aggregate(kind):
        return (((), 0, kind),)
    leaves, offset, packed = [], 0, kind.startswith("<{")
    for index, member in enumerate(element_types(kind)):
        offset = offset if packed else _rounded(offset, alignment_of(member))
        leaves += [((index, *path), offset + inside, scalar) for path, inside, scalar in leaves_of(member)]
        offset += size_of(member)
    return tuple(leaves)


@lru_cache(maxsize=1024)
def size_of(kind: str) -> int:
    """Bytes of a value in memory, with the padding at its end."""
    if not is_aggregate(kind):
        return SIZES[kind]
    offset, packed = 0, kind.startswith("<{")
    for member in element_types(kind):
        offset = (offset if packed else _rounded(offset, alignment_of(member))) + size_of(member)
    return offset if packed else _rounded(offset, alignment_of(kind))


def alignment_of(kind: str) -> int:
    """The alignment in bytes that LLVM gives values of the type."""
    if not is_aggregate(kind):
        return SIZES[kind]
    return 1 if kind.startswith("<{") else max(map(alignment_of, element_types(kind)), default=1)


def member_offset(kind: str, index: int) -> int:
    """Bytes in front of a member of a struct.

    >>> member_offset("{ i8, double }", 1), member_offset("<{ i8, double }>", 1)
    (8, 1)
    """
    offset, start, packed = 0, 0, kind.startswith("<{")
    for member in element_types(kind)[: index + 1]:
        offset = start = offset if packed else _rounded(offset, alignment_of(member))
        offset += size_of(member)
    return start


def _rounded(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment
