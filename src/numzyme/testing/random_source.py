"""Source text of random programs: `random_source(seed)`.

The text defines `program`, `arguments(rng)` and `CONSTANT`, and needs nothing but NumPy, math and Numba. Seeds from
`WIDE` on use all of the language; those before it arithmetic, loops and arrays, so that they keep their text.
"""

from __future__ import annotations

from .random_language import WideWriter
from .random_statements import Writer

WIDE = 1_000_000


def random_source(seed: int) -> str:
    """The program of a seed: always the same text."""
    return (WideWriter if seed >= WIDE else Writer)(seed).write()
