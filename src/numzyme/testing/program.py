"""Test programs: a function, how to make inputs for it, and what can be asked of it.

    @program(array(5), real())
    def scale_in_place(x, a): ...

The inputs of a program are drawn from a seeded generator, so every check can have as many as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Maker = Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Program:
    """A program of the corpus.

    `constant`: positions of float arguments that are passed as `Const`. `analytic`: complex numbers flow
    through it (no comparison, no absolute value of an active value). `failing`: argument tuples for which
    it raises. `tolerance`: of the comparison with finite differences, relative to the largest number
    involved. `interpreted`: the oracle can run it (it has no generator of random numbers).
    """

    name: str
    function: Callable
    makers: tuple[Maker, ...]
    together: Maker | None = None
    constant: tuple[int, ...] = ()
    analytic: bool = False
    failing: tuple[tuple, ...] = ()
    tolerance: float = 1e-8
    interpreted: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self, seed: int) -> tuple:
        rng = np.random.default_rng(seed)
        return self.together(rng) if self.together else tuple(maker(rng) for maker in self.makers)


class Corpus(dict[str, Program]):
    """Programs by name; `corpus.program(...)` is the decorator that registers one."""

    def program(self, *makers: Maker, **properties: Any) -> Callable[[Callable], Callable]:
        def register(function: Callable) -> Callable:
            name = function.__name__
            if name in self:
                raise ValueError(f"two programs are called {name}")
            self[name] = Program(name, function, makers, **properties)
            return function

        return register


def real(low: float = -1.0, high: float = 1.0, kind: type = float) -> Maker:
    return lambda rng: kind(rng.uniform(low, high))


def exactly(value: Any) -> Maker:
    """Always the same value: counts, flags."""
    return lambda rng: value


def members(*makers: Maker) -> Maker:
    """A tuple."""
    return lambda rng: tuple(maker(rng) for maker in makers)


def array(*shape: int, low: float = -1.0, high: float = 1.0, dtype=np.float64, layout: str = "C") -> Maker:
    """An array of uniform numbers; `layout` is one of C, F, strided, reversed, readonly."""

    def make(rng: np.random.Generator) -> np.ndarray:
        values = rng.uniform(low, high, shape).astype(dtype)
        return _LAYOUTS[layout](values)

    return make


def integers(*shape: int, low: int = 0, high: int = 10) -> Maker:
    return lambda rng: rng.integers(low, high, shape)


def records(dtype: np.dtype, *shape: int, low: float = -1.0, high: float = 1.0, layout: str = "C") -> Maker:
    """An array of records: uniform floats, small integers."""

    def make(rng: np.random.Generator) -> np.ndarray:
        values = np.zeros(shape, dtype)
        _fill(values, rng, low, high)
        return _LAYOUTS[layout](values)

    return make


def _fill(values: np.ndarray, rng: np.random.Generator, low: float, high: float) -> None:
    if values.dtype.names is not None:
        for name in values.dtype.names:
            _fill(values[name], rng, low, high)
    elif values.dtype.kind == "c":
        values[...] = rng.uniform(low, high, values.shape) + 1j * rng.uniform(low, high, values.shape)
    elif values.dtype.kind == "f":
        values[...] = rng.uniform(low, high, values.shape)
    elif values.dtype.kind in "iub":
        values[...] = rng.integers(0, 3, values.shape)


def _strided(values: np.ndarray) -> np.ndarray:
    wide = np.zeros(tuple(2 * n for n in values.shape), values.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in values.shape)]
    view[...] = values
    return view


def _readonly(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


_LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": lambda values: values,
    "F": np.asfortranarray,
    "strided": _strided,
    "reversed": lambda values: values[tuple(slice(None, None, -1) for _ in values.shape)],
    "readonly": _readonly,
}
