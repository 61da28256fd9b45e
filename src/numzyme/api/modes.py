"""Modes: in which direction to differentiate, and whether the primal result is wanted too.

A mode is a frozen value; it pickles by name, so that the same object comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple


@dataclass(frozen=True, repr=False)
class Mode:
    """One of the names below. `with_primal`: the result is `DerivativesAndValue`."""

    name: str
    direction: Literal["forward", "reverse"]
    with_primal: bool

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name


class DerivativesAndValue(NamedTuple):
    """What the modes with a primal return: the derivatives and the function's own value."""

    derivs: Any
    val: Any


Forward = Mode("Forward", "forward", False)
ForwardWithPrimal = Mode("ForwardWithPrimal", "forward", True)
Reverse = Mode("Reverse", "reverse", False)
ReverseWithPrimal = Mode("ReverseWithPrimal", "reverse", True)
