"""The differentiator: canonical LLVM text in, LLVM text of the derivative out.

It is loaded with the first derivative: `import numzyme` is to be quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir.later import loaded_later
from .request import OUT_OF_TAPE, Activity, Counted, Derivative, Report, Request, Stored

if TYPE_CHECKING:
    from .driver import allocates_repeatedly, differentiate, parse, raises_memory, with_reducible_loops

_LATER = {
    "driver": ("allocates_repeatedly", "differentiate", "parse", "raises_memory", "with_reducible_loops"),
}

__all__ = [
    "OUT_OF_TAPE",
    "Activity",
    "Counted",
    "Derivative",
    "Report",
    "Request",
    "Stored",
    "allocates_repeatedly",
    "differentiate",
    "parse",
    "raises_memory",
    "with_reducible_loops",
]

__getattr__ = loaded_later(__name__, _LATER)
