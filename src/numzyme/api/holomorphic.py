"""`df/dz` of complex results, from what reverse mode gives.

For the real part u of the result, reverse mode gives du/dx + i du/dy. Where the function is holomorphic, that is the
conjugate of df/dz (Cauchy and Riemann). Invariant: arguments and shadows hold complex numbers only, so that everything
that comes out is conjugated.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from ..diagnostics import DifferentiationTypeError, DifferentiationValueError
from . import refusals
from .activities import Activity, Const, Duplicated
from .calls import argument_labels


def gradient(f: Any, args: tuple[Any, ...], with_primal: bool, compute: Callable[[], Any]) -> Any:
    """The derivatives that `compute` finds, as `df/dz`."""
    _check(f, [None if isinstance(arg, Const) else arg for arg in args])
    return _result(compute(), with_primal)


def autodiff(f: Any, args: tuple[Any, ...], with_primal: bool, compute: Callable[[], Any]) -> Any:
    """The same for arguments with activities; `df/dz` is added to the shadows."""
    given = args[1:] if args and isinstance(args[0], type) else args
    _check(f, [arg.primal if isinstance(arg, Activity) and not isinstance(arg, Const) else None for arg in given])
    shadows = [arg.shadow for arg in given if isinstance(arg, Duplicated)]
    arrays = list({id(array): array for shadow in shadows for array in _arrays(shadow)}.values())
    _check_apart(f, arrays)
    for array in arrays:
        np.conjugate(array, out=array)
    try:
        return _result(compute(), with_primal)
    finally:
        for array in arrays:
            np.conjugate(array, out=array)


def _check(f: Any, values: list[Any]) -> None:
    for value, label in zip(values, argument_labels(f, len(values)), strict=True):
        if value is not None and not _is_complex(value):
            raise DifferentiationTypeError(
                f"`{label}` of `{refusals.name_of(f)}` is not complex",
                where=refusals.location_of(f),
                why="df/dz is for complex numbers, arrays of them and tuples of these",
                todo=(f"pass a complex number: {label} + 0j", f"Const({label})"),
            )


def _check_apart(f: Any, arrays: list[np.ndarray]) -> None:
    """Shadows are conjugated in place, each once."""
    if any(np.may_share_memory(first, second) for first, second in combinations(arrays, 2)):
        raise DifferentiationValueError(
            f"shadows of `{refusals.name_of(f)}` overlap, which df/dz does not allow",
            where=refusals.location_of(f),
            todo=("pass copies of the arrays", "gradient takes arrays that overlap"),
        )


def _is_complex(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_complex, value))
    return isinstance(value, complex | np.complexfloating | np.ndarray) and np.iscomplexobj(value)


def _arrays(value: Any) -> list[np.ndarray]:
    if isinstance(value, tuple):
        return [array for member in value for array in _arrays(member)]
    return [value] if isinstance(value, np.ndarray) else []


def _result(found: Any, with_primal: bool) -> Any:
    return found._replace(derivs=_conjugated(found.derivs, {})) if with_primal else _conjugated(found, {})


def _conjugated(derivatives: Any, made: dict[int, np.ndarray]) -> Any:
    """New arrays, since some of the old may share memory; one for one that is in several places (`made`, by id)."""
    if isinstance(derivatives, tuple):
        members = [_conjugated(member, made) for member in derivatives]
        return type(derivatives)(*members) if hasattr(derivatives, "_fields") else tuple(members)
    if isinstance(derivatives, np.ndarray):
        return made.setdefault(id(derivatives), derivatives.conjugate())
    return None if derivatives is None else derivatives.conjugate()
