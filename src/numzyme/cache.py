"""The cache of compiled derivatives on disk, for users: where it is, what it did, and how to empty it.

A gradient that one process compiled is loaded by the next, as long as nothing that it was compiled from has changed:
the code of every function and class in the call graph, values of globals, types, options, versions, the processor.

The folder is `numzyme` in the user's cache folder (`$XDG_CACHE_HOME` or `~/.cache`); `NUMZYME_CACHE_DIR` names another
one, and `NUMZYME_CACHE_DIR=off` switches the cache off. A folder or entry that belongs to another user, or that others
can write to, is not used. What was used longest ago goes when there is more than half a gigabyte.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .runtime import store


class Statistics(NamedTuple):
    """What the cache did in this process, and what is in it.

    `hits`, `misses`: calls whose code was or was not there; `stored`: entries written. `not_stored`: code that only
    this process can use; `ignored`: entries and folders that could not be used. `reasons`: why, the last ones.
    """

    hits: int
    misses: int
    stored: int
    not_stored: int
    ignored: int
    reasons: tuple[str, ...]
    entries: int
    bytes: int


def directory() -> Path | None:
    """The folder of the cache, which is made when the first entry is; None when the cache is off."""
    return store.directory()


def clear() -> int:
    """Remove all entries; returns how many there were. What this process has compiled or loaded stays in use."""
    return store.clear()


def statistics() -> Statistics:
    """Counters of this process, and the number and size of the entries on disk."""
    events = store.counters.events
    entries, size = store.size()
    return Statistics(
        hits=events["hits"],
        misses=events["misses"],
        stored=events["stored"],
        not_stored=events["not stored"],
        ignored=events["ignored"],
        reasons=tuple(store.counters.reasons),
        entries=entries,
        bytes=size,
    )
