"""`gradient` in forward mode: one pass for each number in the arguments, assembled to a gradient or Jacobian.

Decides that all passes but the last run on copies of the arguments, because the function may change them; the
last runs on the user's own, so that its changes are seen once. Invariants: copies and shadows overlap as the
arguments do; every pass draws the same random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from numba import typeof

from ..diagnostics import DifferentiationTypeError
from ..frontend import RebindsField
from ..runtime import random_state, set_random_state
from . import refusals
from .activities import Const, Duplicated
from .calls import argument_labels
from .memory_layout import Layout
from .modes import DerivativesAndValue, ForwardWithPrimal, Mode
from .pipeline import has_derivative


def gradient(
    mode: Mode,
    f: Any,
    values: list[Any],
    constant: tuple[bool, ...],
    differentiate: Callable[..., Any],
) -> Any:
    """`differentiate` is `autodiff` with its options bound."""
    _check(f, values, constant)
    wanted = [not fixed and has_derivative(typeof(value)) for value, fixed in zip(values, constant, strict=True)]
    layout = Layout(values)
    seeds = list(_seeds(values, wanted))
    has_complex_argument = any(direction == 1j for *_, direction in seeds)
    columns: list[Any] = []
    value = None
    copies, zeros = layout.copies() if len(seeds) > 1 else None, layout.shadows()
    drawn_from = random_state()
    for number, seed in enumerate(seeds or [None]):
        if number:
            set_random_state(drawn_from)
        last = number + 1 >= len(seeds)
        primals = layout.originals() if last or copies is None else copies.renew()
        shadows = zeros.renew()
        if seed is not None:
            shadows = _seeded(shadows, seed)
        arguments = [
            Duplicated(primal, shadow) if active else Const(primal)
            for primal, shadow, active in zip(primals, shadows, wanted, strict=True)
        ]
        try:
            tangent, value = differentiate(ForwardWithPrimal, f, *arguments)
        except RebindsField:  # while compiling: the caller asks again
            raise
        except Exception:
            if not last:  # the same happens on the user's own, which show how far it came
                originals = layout.originals()
                set_random_state(drawn_from)
                differentiate(ForwardWithPrimal, f, *(map(_with_primal, arguments, originals)))
            raise
        columns.append(_copied(tangent))
        _refuse_records(f, tangent)
        if has_complex_argument and any(map(np.iscomplexobj, _parts(tangent))):
            raise refusals.complex_jacobian(f)  # after the first of several passes, which ran on copies
        if not last:
            getattr(f, "numzyme_release", _nothing_to_release)(primals)
    derivatives = _assemble(values, wanted, seeds, columns)
    return DerivativesAndValue(derivatives, value) if mode.with_primal else derivatives


def _refuse_records(f: Any, tangent: Any) -> None:
    if any(isinstance(part, np.ndarray) and part.dtype.names is not None for part in _parts(tangent)):
        raise refusals.returned_records(f)


def _with_primal(argument: Any, primal: Any) -> Any:
    return Duplicated(primal, argument.shadow) if isinstance(argument, Duplicated) else Const(primal)


def _nothing_to_release(primals: list[Any]) -> None:
    """For functions that send nothing to Python."""


def with_shadows_laid_out(args: tuple[Any, ...], call: Callable[..., Any]) -> Any:
    """`call` on copies of the shadows that are laid out like their primals, and of broadcast primals; copied back."""
    layout = Layout([arg.primal for arg in args])
    primals, shadows = layout.originals(), layout.shadows().values
    conforming = [
        Duplicated(primal, _filled(shadow, arg.shadow)) if isinstance(arg, Duplicated) else type(arg)(primal)
        for arg, primal, shadow in zip(args, primals, shadows, strict=True)
    ]
    try:
        return call(*conforming)
    finally:
        for arg, copy in zip(args, conforming, strict=True):
            _copy_back(arg.primal, copy.primal)
            if isinstance(arg, Duplicated) and isinstance(copy, Duplicated):
                _copy_back(arg.shadow, copy.shadow)


def _filled(shadow: Any, given: Any) -> Any:
    """`shadow` with the content of `given`."""
    if isinstance(shadow, tuple):
        members = [_filled(*pair) for pair in zip(shadow, given, strict=True)]
        return type(shadow)(*members) if hasattr(shadow, "_fields") else tuple(members)
    if not isinstance(shadow, np.ndarray):
        return given
    shadow[...] = given
    return shadow


def _copy_back(target: Any, source: Any) -> None:
    if isinstance(target, tuple):
        for pair in zip(target, source, strict=True):
            _copy_back(*pair)
    elif isinstance(target, np.ndarray) and target is not source and target.flags.writeable:
        target[...] = source


def _check(f: Any, values: list[Any], constant: tuple[bool, ...]) -> None:
    """The same refusals as in reverse mode."""
    kinds = [typeof(value) for value in values]
    labels = argument_labels(f, len(values))
    wanted = [i for i, fixed in enumerate(constant) if not fixed]
    if not any(has_derivative(kinds[i]) or isinstance(values[i], tuple) for i in wanted):
        raise refusals.no_derivative(f, labels[wanted[0]], kinds[wanted[0]])


Path = tuple[int | str, ...]  # to a number, to an array of numbers, or to a field of records
# Path to a leaf, index in it when it is an array, direction: 1, or 1j for the imaginary part.
Seed = tuple[Path, tuple[int, ...] | None, complex]


def _seeds(values: Any, wanted: list[bool]) -> Iterator[Seed]:
    """Every number that gets a pass; an array in two places gets its passes once."""
    seen: set[int] = set()
    for position, (value, active) in enumerate(zip(values, wanted, strict=True)):
        if active:
            for path, leaf in _leaves(value, (position,), seen):
                directions = (1.0, 1j) if np.iscomplexobj(leaf) else (1.0,)
                if not isinstance(leaf, np.ndarray):
                    yield from ((path, None, direction) for direction in directions)
                else:
                    yield from product((path,), np.ndindex(leaf.shape), directions)


def _leaves(value: Any, path: Path, seen: set[int]) -> Iterator[tuple[Path, Any]]:
    """Numbers, arrays of them, and fields of records; what is `seen` already is left out."""
    if isinstance(value, tuple):
        for index, member in enumerate(value):
            yield from _leaves(member, (*path, index), seen)
    elif not isinstance(value, np.ndarray):
        if has_derivative(typeof(value)):
            yield path, value
    elif id(value) not in seen:
        seen.add(id(value))
        yield from ((path + names, part) for names, part in _fields(value))


def _fields(array: np.ndarray) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    """The array itself, or each field of its records that has a derivative, with its name."""
    if array.dtype.names is None:
        if array.dtype.kind in "fc" and has_derivative(typeof(array)):
            yield (), array
        return
    for name in array.dtype.names:
        yield from (((name, *names), part) for names, part in _fields(array[name]))


def _seeded(shadows: list[Any], seed: Seed) -> list[Any]:
    path, index, direction = seed
    if index is None:
        return _replaced(shadows, path, direction)
    leaf: Any = shadows
    for step in path:
        leaf = leaf[step]
    leaf[index] = direction
    return shadows


def _replaced(container: Any, path: Any, leaf: Any) -> Any:
    if not path:
        return leaf
    members = list(container)
    members[path[0]] = _replaced(members[path[0]], path[1:], leaf)
    if isinstance(container, list):
        return members
    return type(container)(*members) if hasattr(container, "_fields") else tuple(members)


def _parts(tangent: Any) -> Iterator[Any]:
    if isinstance(tangent, tuple):
        for member in tangent:
            yield from _parts(member)
    else:
        yield tangent


def _copied(tangent: Any) -> Any:
    """A tangent may be the shadow that the next pass writes to."""
    if isinstance(tangent, tuple):
        return tuple(map(_copied, tangent))
    return tangent.copy() if isinstance(tangent, np.ndarray) else tangent


def _assemble(values: list[Any], wanted: list[bool], seeds: list[Seed], columns: list[Any]) -> Any:
    """Derivatives per argument: the output's container outside, the argument's inside."""
    by_leaf: dict[Path, list[Any]] = {}
    for (path, _, direction), column in zip(seeds, columns, strict=False):
        if direction == 1j:  # the other half of the column before
            by_leaf[path][-1] = _joined(by_leaf[path][-1], column)
        else:
            by_leaf.setdefault(path, []).append(column)
    sample = columns[0]

    def of_argument(value: Any, path: Path, pick: Callable[[Any], Any], done: dict[int, Any]) -> Any:
        if isinstance(value, tuple):
            members = [of_argument(member, (*path, i), pick, done) for i, member in enumerate(value)]
            return type(value)(*members) if hasattr(value, "_fields") else tuple(members)
        if not has_derivative(typeof(value)):
            return None
        if isinstance(value, np.ndarray):
            if id(value) not in done:
                parts = {
                    names: _stacked(part, [pick(column) for column in by_leaf.get(path + names, [])], pick(sample))
                    for names, part in _fields(value)
                }
                done[id(value)] = parts[()] if () in parts else _as_records(value, parts, np.shape(pick(sample)))
            return done[id(value)]
        return pick(by_leaf[path][0])

    def of_output(part: Any, pick: Callable[[Any], Any]) -> Any:
        if isinstance(part, tuple):
            return tuple(of_output(member, lambda column, i=i: pick(column)[i]) for i, member in enumerate(part))
        if part is None:
            return None
        done: dict[int, Any] = {}  # an array in two places has one derivative, for each part of the output
        entries = [
            of_argument(value, (position,), pick, done) if active else _nothing(value, position, wanted)
            for position, (value, active) in enumerate(zip(values, wanted, strict=True))
        ]
        return entries[0] if len(entries) == 1 else tuple(entries)

    return of_output(sample, lambda column: column)


def _as_records(value: np.ndarray, parts: dict[tuple[str, ...], np.ndarray], output: tuple[int, ...]) -> np.ndarray:
    """The derivatives of the fields as records like those of `value`."""
    made = np.zeros((*output, *value.shape), value.dtype)
    for names, part in parts.items():
        place = made
        for name in names:
            place = place[name]
        if np.iscomplexobj(part) and not np.iscomplexobj(place):
            raise DifferentiationTypeError(
                f"the Jacobian of a complex result with respect to the field {'.'.join(names)} of records is complex",
                why="it would be a record of the same dtype, whose field is real",
                todo=("autodiff(Forward, f, Duplicated(records, direction)) for the change in one direction",),
            )
        place[...] = part
    return made


def _nothing(value: Any, position: int, wanted: list[bool]) -> Any:
    """The derivative of an argument without floats: None, in its containers."""
    del position, wanted
    if isinstance(value, tuple):
        return tuple(_nothing(member, 0, []) for member in value)
    return None


def _joined(real: Any, imaginary: Any) -> Any:
    """`d/dx + i d/dy` of every part of a result that is real."""
    if isinstance(real, tuple):
        return tuple(map(_joined, real, imaginary))
    return None if real is None else real + 1j * imaginary


def _stacked(value: np.ndarray, columns: list[Any], sample: Any) -> np.ndarray:
    """Columns of outputs to an array with the output's axes first, then those of `value`."""
    output = np.shape(sample)
    dtype = value.dtype
    if isinstance(sample, np.ndarray):
        dtype = np.result_type(sample, dtype)
    elif np.iscomplexobj(sample):
        dtype = np.result_type(np.complex64, dtype)
    if not columns:
        return np.zeros((*output, *value.shape), dtype)
    return np.stack(columns, axis=-1).reshape((*output, *value.shape)).astype(dtype, copy=False)
