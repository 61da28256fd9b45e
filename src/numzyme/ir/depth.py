"""How deep compilers may recurse along a user's program, whose length Python's limit of 1000 calls knows nothing of.

Invariant: the limit is only raised, and is back where it was afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nested_calls(count: int) -> Iterator[None]:
    """Let Python nest up to `count` calls meanwhile."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, count))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
