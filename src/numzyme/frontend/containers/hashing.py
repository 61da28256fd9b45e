"""The hash table of a dict, as functions over its four lists.

`keys`, `values` and `hashes` hold the entries in the order in which they came; the hash of a deleted entry is DELETED.
`table` holds three numbers (how many keys there are, how often it was made anew, how many slots were ever taken) and
then slots: positions of entries, FREE or DUMMY. Invariants: the number of slots is a power of two, and at most two
thirds of them are taken, so that every search ends. Sizes are those of Numba's dict, since an iteration ends when the
table is made anew.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from numba.core import errors, types

FREE, DUMMY, DELETED, ABSENT = -1, -2, -1, -1
USED, GENERATION, TAKEN, SLOTS = 0, 1, 2, 3  # positions in the table
SMALLEST = 8
OK, REPLACED, EMPTY = 0, 1, -4  # what Numba's own functions expect


def _same_float(one: Any, other: Any) -> Any:
    # Numba compares bits
    if one == 0.0 and other == 0.0:
        return math.copysign(1.0, one) == math.copysign(1.0, other)
    return one == other or (one != one and other != other)


def _same(one: Any, other: Any) -> Any:
    return one == other


def _comparison(kind: Any) -> Callable[[Any, Any], Any]:
    """Whether two keys of this type are one."""
    members: Any = kind
    if isinstance(kind, types.Integer | types.Boolean | types.UnicodeType | types.IntEnumMember):
        return _same
    if isinstance(kind, types.Float):
        return _same_float
    if isinstance(kind, types.BaseTuple):
        return _tuple_comparison(tuple(map(_comparison, members)))
    raise errors.UnsupportedError(f"dicts with keys of type {kind} are not known in differentiated code")


@functools.cache
def _tuple_comparison(parts: tuple[Callable[[Any, Any], Any], ...]) -> Callable[[Any, Any], Any]:
    lines = [f"    if not same{i}(one[{i}], other[{i}]):\n        return False\n" for i in range(len(parts))]
    names: dict[str, Any] = {f"same{i}": part for i, part in enumerate(parts)}
    exec(f"def same(one, other):\n{''.join(lines)}    return True\n", names)
    return names["same"]


@functools.cache
def table_functions(same: Callable[[Any, Any], Any]) -> SimpleNamespace:
    """The functions of a table whose keys `same` compares."""

    def lookup(keys, hashes, table, key, hashed):
        """The position of an entry, or ABSENT."""
        mask = len(table) - SLOTS - 1
        slot, step = hashed & mask, 1
        while True:
            entry = table[SLOTS + slot]
            if entry == FREE:
                return ABSENT
            if entry >= 0 and hashes[entry] == hashed and same(keys[entry], key):
                return entry
            slot, step = (slot + step) & mask, step + 1

    def insert(keys, values, hashes, table, key, hashed, value):
        entry = lookup(keys, hashes, table, key, hashed)
        if entry >= 0:
            values[entry] = value
            return REPLACED
        if table[TAKEN] >= (len(table) - SLOTS) * 2 // 3:
            rebuild(keys, values, hashes, table)
        place(table, hashed, len(keys))
        keys.append(key)
        values.append(value)
        hashes.append(hashed)
        table[USED] += 1
        return OK

    return SimpleNamespace(lookup=lookup, insert=insert)


def functions_of(key: Any) -> SimpleNamespace:
    """The functions of a table with keys of type `key`."""
    return table_functions(_comparison(key))


def clear(table: Any, size: Any) -> None:
    """Make `size` slots, all free."""
    while len(table) < SLOTS + size:
        table.append(0)
    for slot in range(SLOTS, len(table)):
        table[slot] = FREE
    table[TAKEN] = 0


def place(table: Any, hashed: Any, entry: Any) -> None:
    """Take the first free slot for an entry that is not there yet."""
    mask = len(table) - SLOTS - 1
    slot, step = hashed & mask, 1
    while table[SLOTS + slot] != FREE:
        slot, step = (slot + step) & mask, step + 1
    table[SLOTS + slot] = entry
    table[TAKEN] += 1


def rebuild(keys: Any, values: Any, hashes: Any, table: Any) -> None:
    """Close the gaps of deleted entries, and make room for as many again."""
    count = 0
    for entry in range(len(keys)):
        if hashes[entry] != DELETED:
            keys[count], values[count], hashes[count] = keys[entry], values[entry], hashes[entry]
            count += 1
    truncate(keys, values, hashes, count)
    size = SMALLEST
    while size < 3 * count:
        size *= 2
    while len(table) > SLOTS + size:
        table.pop()
    clear(table, size)
    for entry in range(count):
        place(table, hashes[entry], entry)
    table[GENERATION] += 1


def truncate(keys: Any, values: Any, hashes: Any, count: Any) -> None:
    """Keep the first `count` entries."""
    while len(keys) > count:
        keys.pop()
        values.pop()
        hashes.pop()


def delete(hashes: Any, table: Any, hashed: Any, entry: Any) -> None:
    """Mark an entry as deleted; its key and value stay until the table is made anew."""
    mask = len(table) - SLOTS - 1
    slot, step = hashed & mask, 1
    while table[SLOTS + slot] != entry:
        slot, step = (slot + step) & mask, step + 1
    table[SLOTS + slot] = DUMMY
    hashes[entry] = DELETED
    table[USED] -= 1


def last(hashes: Any) -> Any:
    """The position of the last entry, or ABSENT."""
    entry = len(hashes) - 1
    while entry >= 0 and hashes[entry] == DELETED:
        entry -= 1
    return entry


def remove_last(keys: Any, values: Any, hashes: Any, table: Any, entry: Any) -> None:
    """Remove the last entry."""
    delete(hashes, table, hashes[entry], entry)
    truncate(keys, values, hashes, entry)


def following(hashes: Any, table: Any, entry: Any, used: Any, generation: Any) -> Any:
    """The first entry from `entry` on; ABSENT at the end, or if the dict was changed in the meantime."""
    if table[USED] != used or table[GENERATION] != generation:
        return ABSENT
    while entry < len(hashes) and hashes[entry] == DELETED:
        entry += 1
    return entry if entry < len(hashes) else ABSENT
