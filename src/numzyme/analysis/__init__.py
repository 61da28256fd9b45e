"""Facts about LLVM IR, each with a printed form: control flow, loops, memory, kinds of memory, activity."""

from .activity import Activity, Status
from .carried import settle_carried_selects
from .cfg import Cfg
from .effects import Effects, symbol_of
from .kinds import Kinds
from .loops import Evolution, Loop, LoopForest, TripCount
from .memory import UNKNOWN, Memory, MemoryObject, Summaries
from .positions import Residue
from .signs import Signs, fold_sign_tests
from .speculation import Speculation

__all__ = [
    "UNKNOWN",
    "Activity",
    "Cfg",
    "Effects",
    "Evolution",
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
