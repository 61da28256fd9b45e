"""What is asked of the differentiator and what it gives back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from ..analysis import Status as Activity
from ..diagnostics import SourceLocation
from ..ir.records import Layout

OUT_OF_TAPE = 77  # status of a derivative that found no memory for its tape


@dataclass(frozen=True, slots=True)
class Counted:
    """Forward mode of a function that counts references.

    `result` and `exception` name the parameters through which both are returned, `meminfos` those that are counted.
    `result_words`: how many words of the result may name blocks, None if it may hold them in other ways as well.
    `contained`: blocks cannot get into the arguments.
    """

    result: str
    exception: str
    meminfos: tuple[str, ...]
    result_words: int | None
    contained: bool


@dataclass(frozen=True, slots=True)
class Request:
    """One derivative of the function `symbol`; `activities`, `memory` and `labels` have one entry per LLVM parameter.

    `memory` gives the scalar type that a pointer parameter points at, where the floats are if these are records,
    "opaque" if nobody looks behind it, or None; `labels` are for messages;
    without `keep_primal` the result of the function need not be computed; `nonnegative` names integer parameters that
    are never negative (the shapes of arrays); `counted` goes with text that counts references.
    """

    mode: Literal["forward", "reverse"]
    symbol: str
    activities: tuple[Activity, ...]
    memory: tuple[str | Layout | None, ...]
    labels: tuple[str, ...]
    keep_primal: bool = True
    nonnegative: frozenset[str] = frozenset()
    multiples: tuple[tuple[str, int], ...] = ()
    counted: Counted | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """One value that the forward sweep keeps for the reverse sweep."""

    value: str
    bytes: int
    loops: int
    where: SourceLocation | None
    why: str


@dataclass(slots=True)
class Report:
    """What `explain` shows: values stored with bytes per iteration, rules used, calls taken as inactive."""

    stored: list[Stored] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    inactive_calls: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Derivative:
    """LLVM text of a derivative, its symbol (without `@`), and the report on how it was made."""

    text: str
    symbol: str
    report: Report
