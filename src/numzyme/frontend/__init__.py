"""From a Python function to canonical LLVM text: with `runtime`, the only room that touches Numba's internals."""

from __future__ import annotations

from typing import Any

from .extract import RawFunction, extract
from .layout import Parameter
from .normalise import normalise

__all__ = ["Parameter", "RawFunction", "canonical_text", "extract", "normalise"]


def canonical_text(function: Any, argument_types: tuple, *, disjoint: bool = True, ownership: str = "arena") -> str:
    """The canonical LLVM text of `function` for Numba `argument_types`."""
    return normalise(extract(function, tuple(argument_types)), disjoint=disjoint, ownership=ownership)
