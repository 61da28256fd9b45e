"""The process-wide pool of arenas as Python sees it: its memory, its registration with LLVM, its counters.

Decides that compiled code finds the pool and the functions on it by symbol, so that neither forking (the
child has its own copy of the pool) nor storing compiled code needs care. Invariant: when no derivative is
running, `entries` equals `exits` and `bytes_in_use` is zero, whatever exceptions were raised.
"""

from __future__ import annotations

import ctypes
import struct
from typing import NamedTuple

import llvmlite.binding as llvm
from numba.core.compiler_lock import global_compiler_lock

from . import arena_text, complex_text, escape_text, hand_written

_pool = ctypes.create_string_buffer(arena_text.POOL_BYTES + arena_text.SLOT_BYTES)
_start = -ctypes.addressof(_pool) % arena_text.SLOT_BYTES  # each slot on cache lines of its own
_functions: dict[str, int] = {}


class Memory(NamedTuple):
    """What tapes occupy. `arenas` counts those that hold memory or are in use."""

    arenas: int
    bytes_reserved: int
    bytes_in_use: int
    peak_bytes: int
    entries: int
    exits: int
    allocations: int


@global_compiler_lock
def register() -> None:
    """Make the arena known to LLVM; needed once per process before anything that uses it is finalised."""
    if _functions:
        return
    llvm.add_symbol("numzyme.arena.pool", ctypes.addressof(_pool) + _start)
    names = [f"numzyme.arena.{name}" for name in arena_text.API]
    _functions.update(hand_written.register("numzyme.arena", arena_text.definitions(), names))
    names = [f"numzyme.arena.{name}" for name in escape_text.API]
    _functions.update(hand_written.register("numzyme.escape", escape_text.definitions(), names))
    names = [f"numzyme.{name}" for name in complex_text.API]
    hand_written.register("numzyme.complex", complex_text.definitions(), names)


def memory() -> Memory:
    """Bytes and counters of the arenas that hold tapes, over all threads.

    `peak_bytes` is the largest tape of one call since the start or the last `release_memory()`.
    """
    dropped = struct.unpack_from("3q", _pool, _start + arena_text.DROPPED_ENTRIES)
    entries, allocations, peak = dropped
    exits, arenas, reserved, in_use = entries, 0, 0, 0
    for slot in range(arena_text.SLOTS):
        values = struct.unpack_from(f"{len(arena_text.SLOT_FIELDS)}q", _pool, _start + slot * arena_text.SLOT_BYTES)
        field = dict(zip(arena_text.SLOT_FIELDS, values, strict=True))
        entries += field["entries"]
        exits += field["exits"]
        allocations += field["allocations"]
        reserved += field["reserved"]
        arenas += bool(field["busy"] or field["reserved"])
        in_use += field["before"] + field["bump"] - field["base"]
        peak = max(peak, field["highest"])
    return Memory(arenas, reserved, in_use, peak, entries, exits, allocations)


def release_memory() -> int:
    """Give the memory of idle arenas back to the system; returns how many bytes that were."""
    register()
    return ctypes.CFUNCTYPE(ctypes.c_int64)(_functions["numzyme.arena.trim"])()
