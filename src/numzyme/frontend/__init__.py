"""From a Python function to canonical LLVM text: with `runtime`, the only room that touches Numba's internals."""

from __future__ import annotations

from functools import cache
from typing import Any

from .extract import RawFunction, extract
from .fingerprints import Fingerprint, fingerprint
from .layout import Parameter, multiples_of
from .normalise import normalise, simplified
from .objects.attributes import RebindsField
from .objects.classes import refresh as refresh_classes
from .objects.construct import StructureDiffers
from .objects.lifting import data_of, lift
from .objects.outside import Outside, outside_of, version_of
from .packages import added_to_numba, versions
from .provided import provide
from .records import floats_in
from .target import is_private, target_for

__all__ = [
    "Fingerprint",
    "Parameter",
    "RawFunction",
    "RebindsField",
    "Outside",
    "StructureDiffers",
    "added_to_numba",
    "canonical_text",
    "data_of",
    "extract",
    "fingerprint",
    "floats_in",
    "normalise",
    "is_private",
    "lift",
    "multiples_of",
    "outside_of",
    "provide",
    "refresh_classes",
    "simplified",
    "typing_context",
    "version_of",
    "versions",
]


@cache
def typing_context(boundscheck: bool) -> Any:
    """The context in which Python values have types for compiled code; it knows its target as `descriptor`."""
    context = target_for(boundscheck).typing_context
    context.refresh()  # ufuncs have no types before; compilations do the same, but the first one comes later
    return context


def canonical_text(function: Any, argument_types: tuple, *, disjoint: bool = True, ownership: str = "arena") -> str:
    """The canonical LLVM text of `function` for Numba `argument_types`."""
    return normalise(extract(function, tuple(argument_types)), disjoint=disjoint, ownership=ownership)
