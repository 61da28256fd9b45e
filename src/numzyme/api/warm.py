"""Gradients of structures that were met before: what is left of a call when nothing is new about it.

Decides by the function, mode and options which structures to try, the latest first; each knows by itself whether the
arguments are like those that it was made for. Invariant: a call either gives what the general way would, or `MISS`
before anything has run.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher

from .. import plans
from ..frontend.objects.classes import refresh as refresh_classes
from ..frontend.objects.construct import StructureDiffers
from ..values import registrations
from .activities import Const
from .modes import DerivativesAndValue, Mode

MISS: Any = object()
MOST_STRUCTURES = 8  # of one function
_EMPTY_FLOATS, _EMPTY_INTEGERS = np.empty(0), np.empty(0, np.int64)


@dataclass(frozen=True)
class _Entry:
    quick: plans.Warm
    dispatcher: Any


_entries: dict[tuple[Any, str, bool | None], list[_Entry]] = {}
_changes = [0]  # of classes and registered wrappers, when the entries were made


def gradient(mode: Mode, f: Any, arguments: tuple, boundscheck: bool | None) -> Any:
    """The gradient, or `MISS`."""
    changes = refresh_classes() + registrations()
    if changes != _changes[0]:
        _entries.clear()
        _changes[0] = changes
    for entry in _entries.get((_key(f), mode.name, boundscheck), ()):
        leaves = entry.quick.flatten(f, *arguments)
        if leaves is None:
            continue
        _, arrays, floats, fixed, integers = leaves
        buffers = (
            np.array(floats, np.float64),
            np.array(fixed, np.float64) if fixed else _EMPTY_FLOATS,
            np.array(integers, np.int64) if integers else _EMPTY_INTEGERS,
        )
        try:
            found = entry.dispatcher(*arrays, *buffers)
        except StructureDiffers:  # arrays of another type
            continue
        finally:
            if entry.quick.places:
                entry.quick.write_back(leaves, buffers)
        derivatives = found[0] if mode.with_primal else found
        gradients = entry.quick.gradients(derivatives, derivatives[-3].tolist())
        result = gradients[0] if len(gradients) == 1 else gradients
        return DerivativesAndValue(result, found[1]) if mode.with_primal else result
    return MISS


def remember(
    mode: Mode,
    f: Any,
    constant: tuple[bool, ...],
    boundscheck: bool | None,
    flattened: plans.Flattened,
    dispatcher: Any,
) -> None:
    """Take the quick way for arguments like those of `flattened` from now on, where there is one."""
    quick = plans.warm(f, flattened, constant, Const)
    if quick is None:
        return
    entries = _entries.setdefault((_key(f), mode.name, boundscheck), [])
    entries.insert(0, _Entry(quick, dispatcher))
    del entries[MOST_STRUCTURES:]


def _key(f: Any) -> Any:
    """What structures are kept by: a function that is defined anew is as good, as far as its names mean the same.

    Of other callables, `flatten` looks at all that they hold.
    """
    if type(f) is FunctionType:
        return f.__code__
    return f if isinstance(f, Dispatcher | BuiltinFunctionType | np.ufunc | type(np.sum)) else type(f)
