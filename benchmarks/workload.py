"""What a benchmark program consists of.

Invariant: `hand` and `numzyme` take the primal's arguments followed by the outputs, and leave the whole
gradient in the outputs whatever these held before; so the zero fill that accumulation needs is measured too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]
Gradients = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Peer:
    """A way of computing the gradient, ready to be called; `primal` where the peer has its own primal."""

    gradient: Callable[[], Any]
    primal: Callable[[], float] | None = None


PeerBuilder = Callable[["Workload", Arguments], Peer]


@dataclass(frozen=True)
class Workload:
    """One program: inputs, the primal compiled by Numba, and its gradient in every dialect that we have."""

    name: str
    title: str
    inputs: Callable[[], Arguments]
    small_inputs: Callable[[], Arguments]
    primal: Callable[..., float]  # an njit dispatcher
    hand: Callable[..., None]
    numzyme: Callable[..., None]
    active: tuple[int, ...]
    enzyme: Mapping[str, str] = field(default_factory=dict)  # name of the variant -> file in cpp/
    jax: Callable[..., Any] | None = None
    torch: Callable[..., Any] | None = None
    autograd: Callable[..., Any] | None = None
    peers: Mapping[str, PeerBuilder] = field(default_factory=dict)  # where the general builders do not fit
    outputs: Callable[[Arguments], Gradients] | None = None
    directional: Callable[[Arguments, Gradients, Arguments], float] | None = None
    sizes: Mapping[int, Callable[[], Arguments]] = field(default_factory=dict)  # to show how the time grows

    def new_outputs(self, arguments: Arguments) -> Gradients:
        if self.outputs is not None:
            return self.outputs(arguments)
        return tuple(np.empty_like(arguments[i]) for i in self.active)

    def slope(self, arguments: Arguments, gradients: Gradients, direction: Arguments) -> float:
        """Derivative of the primal along `direction`, one array for each active argument."""
        if self.directional is not None:
            return self.directional(arguments, gradients, direction)
        return float(sum(np.sum(g * d) for g, d in zip(gradients, direction, strict=True)))
