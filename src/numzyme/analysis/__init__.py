"""Facts about LLVM IR, each with a printed form: control flow, loops, memory, kinds of memory, activity.

The modules are loaded when the first function is analysed: `import numzyme` is to be quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ir.later import loaded_later
from .status import Status

if TYPE_CHECKING:
    from .activity import Activity
    from .carried import settle_carried_selects
    from .cfg import Cfg
    from .effects import Effects, symbol_of
    from .kinds import Kinds
    from .loops import Evolution, IrreducibleFlowError, Loop, LoopForest, TripCount
    from .memory import UNKNOWN, Memory, MemoryObject, Summaries
    from .positions import Residue
    from .signs import Signs, fold_sign_tests
    from .speculation import Speculation

_LATER = {
    "activity": ("Activity",),
    "carried": ("settle_carried_selects",),
    "cfg": ("Cfg",),
    "effects": ("Effects", "symbol_of"),
    "kinds": ("Kinds",),
    "loops": ("Evolution", "IrreducibleFlowError", "Loop", "LoopForest", "TripCount"),
    "memory": ("UNKNOWN", "Memory", "MemoryObject", "Summaries"),
    "positions": ("Residue",),
    "signs": ("Signs", "fold_sign_tests"),
    "speculation": ("Speculation",),
}

__all__ = [
    "UNKNOWN",
    "Activity",
    "Cfg",
    "Effects",
    "Evolution",
    "IrreducibleFlowError",
    "Kinds",
    "Loop",
    "LoopForest",
    "Memory",
    "MemoryObject",
    "Residue",
    "Signs",
    "Speculation",
    "Status",
    "Summaries",
    "TripCount",
    "fold_sign_tests",
    "settle_carried_selects",
    "symbol_of",
]

__getattr__ = loaded_later(__name__, _LATER)
