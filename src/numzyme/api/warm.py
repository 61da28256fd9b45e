"""Gradients of structures that were met before: what is left of a call when nothing is new about it.

Decides by the function, mode and options which structures to try, the latest first; each knows by itself whether the
arguments are like those that it was made for. Invariant: a call either gives what the general way would, or `MISS`
before anything has run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher

from .. import plans
from ..frontend.objects.classes import refresh as refresh_classes
from ..plans import MISS
from ..values import registrations
from .activities import Active, Const, Duplicated, DuplicatedNoNeed
from .modes import DerivativesAndValue, Mode

MOST_STRUCTURES = 8  # of one function
_BY_THEMSELVES = (Dispatcher, BuiltinFunctionType, np.ufunc, type(np.sum))


@dataclass(frozen=True)
class _Entry:
    """`call(f, *arguments)`: the result or `MISS`; `changes`: those of classes and wrappers when it was made."""

    call: Callable[..., Any]
    changes: int


_entries: dict[tuple, list[_Entry]] = {}


def changes() -> int:
    """How often something has changed that compiled code or the form of gradients depends on."""
    return refresh_classes() + registrations()


def gradient(mode: Mode, f: Any, arguments: tuple, boundscheck: bool | None, project: bool) -> Any:
    """The gradient, or `MISS`."""
    if type(mode) is not Mode:
        return MISS
    return _found((_key(f), len(arguments), mode.name, boundscheck, project), f, arguments)


def autodiff(
    mode: Mode,
    f: Any,
    arguments: tuple,
    kinds: tuple[type, ...],
    result_active: bool | None,
    boundscheck: bool | None,
) -> Any:
    """The result of `autodiff`, or `MISS`; `kinds` are the classes of the activities."""
    if type(mode) is not Mode:
        return MISS
    return _found((_key(f), kinds, mode.name, boundscheck, result_active), f, arguments)


def _found(key: tuple, f: Any, arguments: tuple) -> Any:
    entries = _entries.get(key)
    if entries is None:
        return MISS
    now = changes()
    for entry in entries:
        if entry.changes == now:
            found = entry.call(f, *arguments)
            if found is not MISS:
                return found
    return MISS


def remember_gradient(
    mode: Mode,
    f: Any,
    constant: tuple[bool, ...],
    boundscheck: bool | None,
    project: bool,
    since: int,
    flattened: plans.Flattened,
    run: Callable[..., Any],
) -> None:
    """Take the quick way for arguments like those of `flattened` from now on, where there is one.

    `since`: the `changes` before the call; `run`: the derivative of the flat function.
    """
    named = DerivativesAndValue if mode.with_primal else None
    call = plans.gradient_function(f, flattened, plans.Asked(constant, Const, named, project, run))
    if call is not None:
        _keep((_key(f), len(constant), mode.name, boundscheck, project), _Entry(call, since))


def remember_autodiff(
    mode: Mode,
    f: Any,
    kinds: tuple[type, ...],
    result_active: bool | None,
    boundscheck: bool | None,
    since: int,
    flattened: plans.Flattened,
    run: Callable[..., Any],
) -> None:
    """The same for `autodiff`; `run`: the derivative of the flat function, of leaves and their shadows."""
    named = DerivativesAndValue if mode.with_primal else None
    duplicated = (Duplicated, DuplicatedNoNeed)
    forward = mode.direction == "forward"
    asked = plans.AskedOfShadows(kinds, Const, Active, duplicated, forward, named, run)
    call = plans.derivative_function(f, flattened, asked)
    if call is not None:
        _keep((_key(f), kinds, mode.name, boundscheck, result_active), _Entry(call, since))


def _keep(key: tuple, entry: _Entry) -> None:
    entries = [known for known in _entries.get(key, ()) if known.changes == entry.changes]
    _entries[key] = [entry, *entries][:MOST_STRUCTURES]  # a new list: another thread may be reading the old one


def _key(f: Any) -> Any:
    """What structures are kept by: a function that is defined anew is as good, as far as its names mean the same.

    Of other callables, the entries look at all that they hold.
    """
    if type(f) is FunctionType:
        return f.__code__
    if type(f) is MethodType:
        return MethodType, _key(f.__func__)
    if type(f) is functools.partial:
        return functools.partial, _key(f.func)
    return f if isinstance(f, _BY_THEMSELVES) else type(f)
