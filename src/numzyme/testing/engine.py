"""Calls of numzyme on the arguments of a test: activities chosen, shadows laid out, derivatives collected.

Decides the activity of every argument: `Const` where there are no floats or the test says so, `Active` for
floats and tuples of floats in reverse mode, `Duplicated` otherwise. The results are `Vector`s and tuples of
the tests' kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numzyme import Active, Const, Duplicated, ForwardWithPrimal, ReverseWithPrimal, autodiff, gradient

from .arguments import Arguments, Scalar, Vector, View
from .buffers import assign, is_float
from .reference import Outcome, strip


@dataclass
class Derivative:
    """A derivative, and what the call of numzyme did to the primal."""

    primal: Outcome
    result: Any
    shadow: Vector


def forward(
    function: Callable,
    arguments: Arguments,
    tangent: Vector,
    constant: tuple[int, ...] = (),
    point: Vector | None = None,
) -> Derivative:
    """Forward mode along `tangent`: `result` and `shadow` are the tangents of result and memory.

    The call runs on the memory of `point`, which a test can look at when the call raises.
    """
    point, shadow = point or arguments.point.copy(), tangent.copy()
    passed = _activities(arguments, point, shadow, constant, reverse=False)
    derivative, value = autodiff(ForwardWithPrimal, function, *passed)
    return Derivative(Outcome(value, point.buffers), strip(derivative), shadow)


def reverse(
    function: Callable,
    arguments: Arguments,
    seed: Vector,
    constant: tuple[int, ...] = (),
    point: Vector | None = None,
) -> Derivative:
    """Reverse mode with seed 1 for the result and `seed` in the shadows of arrays.

    `shadow` holds the adjoints: of scalars as returned, of memory as the call leaves the shadows.
    """
    point, shadow = point or arguments.point.copy(), seed.copy()
    shadow.scalars = [value * 0 for value in point.scalars]
    if mixed(arguments):
        return _gradient(function, arguments, shadow, constant, point)
    passed = _activities(arguments, point, shadow, constant, reverse=True)
    derivatives, value = autodiff(ReverseWithPrimal, function, *passed)
    for part, derivative in zip(arguments.arrangement, derivatives, strict=True):
        _collect(part, derivative, shadow)
    return Derivative(Outcome(value, point.buffers), None, shadow)


def mixed(arguments: Arguments) -> bool:
    """Whether some argument holds both floats and arrays: `gradient` takes it, the activities do not."""
    return any(all(_kinds(part, arguments.point)) for part in arguments.arrangement)


def _gradient(
    function: Callable, arguments: Arguments, shadow: Vector, constant: tuple[int, ...], point: Vector
) -> Derivative:
    """Reverse mode through `gradient`, whose shadows start at zero."""
    primals, shadows = arguments.build(point), arguments.build(shadow, writable=True)
    passed = [Const(value) if position in constant else value for position, value in enumerate(primals)]
    found, value = gradient(ReverseWithPrimal, function, *passed)
    found = (found,) if len(passed) == 1 else found
    for part, target, derivative in zip(arguments.arrangement, shadows, found, strict=True):
        _collect(part, derivative, shadow, target)
    return Derivative(Outcome(value, point.buffers), None, shadow)


def _activities(
    arguments: Arguments, point: Vector, shadow: Vector, constant: tuple[int, ...], *, reverse: bool
) -> list[Any]:
    primals, shadows = arguments.build(point), arguments.build(shadow, writable=True)
    passed = []
    for position, part in enumerate(arguments.arrangement):
        scalars, arrays = _kinds(part, point)
        if position in constant or not (scalars or arrays):
            passed.append(Const(primals[position]))
        elif reverse and not arrays:
            passed.append(Active(primals[position]))
        else:
            passed.append(Duplicated(primals[position], shadows[position]))
    return passed


def _kinds(part: Any, point: Vector) -> tuple[bool, bool]:
    """Whether an argument holds float scalars, and float arrays."""
    if isinstance(part, tuple):
        found = [_kinds(member, point) for member in part]
        return any(scalars for scalars, _ in found), any(arrays for _, arrays in found)
    return isinstance(part, Scalar), isinstance(part, View) and is_float(point.buffers[part.buffer])


def _collect(part: Any, derivative: Any, shadow: Vector, target: Any = None) -> None:
    """Put what numzyme returned into `shadow`: scalars by index, arrays into their views `target`."""
    if derivative is None:
        return
    if isinstance(part, tuple):
        targets = target if target is not None else (None,) * len(part)
        for member, inner, place in zip(part, derivative, targets, strict=True):
            _collect(member, inner, shadow, place)
    elif isinstance(part, Scalar):
        shadow.scalars[part.index] = derivative
    elif target is not None:
        assign(target, derivative)
