"""Modes: in which direction to differentiate, and whether the primal result is wanted too.

A mode is a frozen value; it pickles by name, so that the same object comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple


@dataclass(frozen=True, repr=False)
class Mode:
    """`Forward`, `Reverse` or `ReverseHolomorphic`, and each of them `WithPrimal`.

    Fields: `name`; `direction`, "forward" or "reverse"; `with_primal`, whether the result is a `DerivativesAndValue`;
    `holomorphic`, whether `df/dz` is wanted of a complex result, rather than `d/dx + i d/dy` of a real one.

    >>> from numzyme import Reverse
    >>> Reverse, Reverse.direction, Reverse.with_primal
    (Reverse, 'reverse', False)
    """

    name: str
    direction: Literal["forward", "reverse"]
    with_primal: bool
    holomorphic: bool = False

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name


class DerivativesAndValue(NamedTuple):
    """What the modes with a primal return: the derivatives and the function's own value.

    Fields: `derivs`, what the mode without a primal returns; `val`.

    >>> from numzyme import ReverseWithPrimal, gradient
    >>> gradient(ReverseWithPrimal, lambda x: x * x, 3.0)
    DerivativesAndValue(derivs=6.0, val=9.0)
    """

    derivs: Any
    val: Any


Forward = Mode("Forward", "forward", False)
ForwardWithPrimal = Mode("ForwardWithPrimal", "forward", True)
Reverse = Mode("Reverse", "reverse", False)
ReverseWithPrimal = Mode("ReverseWithPrimal", "reverse", True)
ReverseHolomorphic = Mode("ReverseHolomorphic", "reverse", False, True)
ReverseHolomorphicWithPrimal = Mode("ReverseHolomorphicWithPrimal", "reverse", True, True)
