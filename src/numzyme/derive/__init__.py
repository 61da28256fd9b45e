"""The differentiator: canonical LLVM text in, LLVM text of the derivative out.

It is loaded with the first derivative: `import numzyme` is to be quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    for module, names in _LATER.items():
        if name in names:
            found = globals()[name] = getattr(importlib.import_module(f".{module}", __name__), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
