"""Derivatives with respect to any Python value, by way of a plan: the arguments taken apart, and put together again.

Decides which calls need a plan (those with arguments or functions that Numba does not take as they are), and what is
constant in them. Invariant: objects that the function changes are changed when the call ends, by an exception too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher

from .. import plans, values
from ..diagnostics import DifferentiationTypeError
from ..frontend import RebindsField, typing_context
from ..plans import Flattened, Walk
from . import refusals
from .calls import argument_labels
from .modes import DerivativesAndValue, Mode

# (flat function, its arguments, which of them are constant) -> (derivatives, value)
FlatGradient = Callable[[Any, list[Any], tuple[bool, ...]], DerivativesAndValue]

_FUNCTIONS = (FunctionType, Dispatcher, BuiltinFunctionType, np.ufunc, type(np.sum))
_cells: set[tuple[type, str]] = set()


def needs_plan(f: Any, arguments: Any) -> bool:
    """Whether an argument, or the function itself, is an object that Numba does not take as it is."""
    return not (all(map(plans.is_flat, arguments)) and isinstance(f, _FUNCTIONS))


def gradient(
    mode: Mode,
    f: Any,
    arguments: list[Any],
    constant: tuple[bool, ...],
    boundscheck: bool | None,
    project: bool,
    differentiate: FlatGradient,
) -> Any:
    """The gradient of `f` at arguments of any kind; `differentiate` is that of flat functions."""
    _check(f, arguments, constant)
    while True:
        flattened, plan = _prepared(f, arguments, constant, boundscheck)
        try:
            flat_constant = tuple(not active for active in flattened.activities())
            derivatives, value = differentiate(plan.flat, flattened.arguments(), flat_constant)
            break
        except RebindsField as found:  # while compiling: nothing has run
            _cells.add((found.python_class, found.name))
        finally:
            flattened.write_back()
    shadows = flattened.shadows(list(derivatives[:-3]), derivatives[-3])
    shadows = shadows[len(shadows) - len(arguments) :]
    wanted = [position for position, fixed in enumerate(constant) if not fixed]
    gradients = iter(
        values.strip_types(
            tuple(arguments[position] for position in wanted),
            tuple(shadows[position] for position in wanted),
            project=project,
        )
    )
    entries = tuple(None if fixed else next(gradients) for fixed in constant)
    result = entries[0] if len(entries) == 1 else entries
    return DerivativesAndValue(result, value) if mode.with_primal else result


def _check(f: Any, arguments: list[Any], constant: tuple[bool, ...]) -> None:
    """Refuse what could not have a derivative at all; a container without floats only has none."""
    wanted = [value for value, fixed in zip(arguments, constant, strict=True) if not fixed]
    kinds = [values.classify(value) for value in wanted]
    if all(kind is values.Kind.CONSTANT for kind in kinds):
        labels = argument_labels(f, len(arguments)) if isinstance(f, FunctionType) else ("x",) * len(arguments)
        raise DifferentiationTypeError(
            f"`{refusals.name_of(f)}` cannot be differentiated with respect to `{labels[constant.index(False)]}`",
            where=refusals.location_of(f),
            why=f"it is a {type(wanted[0]).__name__}, which has no derivative",
            todo=("pass a float: 3.0 instead of 3",) if isinstance(wanted[0], int) else (),
        )


@global_compiler_lock
def _prepared(f: Any, arguments: list[Any], constant: tuple[bool, ...], boundscheck: bool | None) -> Any:
    """The arguments taken apart, and the plan for their structure."""
    walk = Walk(typing_context(bool(boundscheck)), frozenset(_cells))
    labels = argument_labels(_signature_of(f), len(arguments))
    parts = [(value, label, not fixed) for value, label, fixed in zip(arguments, labels, constant, strict=True)]
    is_function = isinstance(f, _FUNCTIONS)
    if not is_function:
        parts.insert(0, (f, refusals.name_of(f) if hasattr(f, "__name__") else "f", False))
    flattened = Flattened.of(walk, tuple(parts))
    plan = plans.plan_for(
        flattened.key(f if is_function else None),
        refusals.name_of(_signature_of(f)),
        refusals.code_of(_signature_of(f)),
    )
    return flattened, plan


def _signature_of(f: Any) -> Any:
    """The Python function whose parameters and lines the user knows a callable by."""
    if isinstance(f, functools.partial):
        return _signature_of(f.func)
    if isinstance(f, _FUNCTIONS):
        return f
    if hasattr(f, "__func__"):
        return f.__func__  # a bound method
    return vars(type(f)).get("__call__", f)
