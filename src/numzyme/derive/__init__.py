"""The differentiator: canonical LLVM text in, LLVM text of the derivative out."""

from .driver import allocates_repeatedly, differentiate, parse, raises_memory
from .request import OUT_OF_TAPE, Activity, Counted, Derivative, Report, Request, Stored

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
]
