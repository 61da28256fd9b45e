"""What a program does and how it changes, without numzyme: outcomes and numerical directional derivatives.

The complex step is exact to rounding and is used for analytic programs; the others have central differences,
extrapolated twice (Richardson), with an estimate of their own error by which kinks and noise are recognised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher

from .arguments import Arguments, Vector
from .buffers import is_float, is_record, parts, widened, with_attributes

COMPLEX_STEP = 1e-20


@dataclass
class Outcome:
    """What a call leaves behind: its result or its exception, and the memory of its arguments."""

    result: Any
    buffers: list[np.ndarray]
    exception: BaseException | None = None

    def floats(self) -> tuple:
        """Everything that can have a derivative."""
        return strip(self.result), tuple(part for b in self.buffers for part in parts(b))


@dataclass
class Directional:
    """A directional derivative of result and memory; `error` estimates its own error, absolutely."""

    result: Any
    buffers: tuple[np.ndarray, ...]
    error: float


def call(function: Callable, arguments: Arguments, point: Vector | None = None) -> Outcome:
    """Call `function` on fresh memory. Exceptions are outcomes too."""
    vector = (point or arguments.point).copy()
    try:
        values = arguments.build(vector)
        result = function(*(values if isinstance(function, Dispatcher) else with_attributes(values)))
    except Exception as exception:  # the exceptions of the program are part of what is compared
        return Outcome(None, vector.buffers, exception)
    return Outcome(_own(result), vector.buffers)


def complex_step(function: Callable, arguments: Arguments, direction: Vector) -> Directional:
    """The derivative along `direction`; `function` takes complex numbers (see `retype`)."""
    point = Vector(list(arguments.point.scalars), [_wide(b, np.complex128) for b in arguments.point.buffers])
    point = point.moved(1j * COMPLEX_STEP, direction)
    with np.errstate(all="ignore"):
        outcome = call(function, arguments, point)
    if outcome.exception is not None:
        raise outcome.exception
    result, buffers = outcome.floats()
    imaginary = _imaginary((result, buffers))
    return Directional(imaginary[0], imaginary[1], 0.0)


_FINE_STEP = 1e-7  # cancellation leaves nine digits of the function's value, which is of order one


def finite_difference(function: Callable, arguments: Arguments, direction: Vector, step: float = 4e-3) -> Directional:
    """The derivative along `direction`; `function` takes float64 numbers.

    The error is infinite where a much smaller step says something else: chaos, of which differences know nothing.
    """
    scalars = [complex(x) if np.iscomplexobj(x) else float(x) for x in arguments.point.scalars]
    point = Vector(scalars, [_wide(b, np.float64) for b in arguments.point.buffers])
    levels = [_central(function, arguments, point, direction, step / 2**k) for k in range(4)]
    first = [_combine(4, levels[k + 1], 1, levels[k], 3) for k in range(3)]
    second = [_combine(16, first[k + 1], 1, first[k], 15) for k in range(2)]
    error = largest(_combine(1, second[1], 1, second[0], 1))
    fine = _central(function, arguments, point, direction, _FINE_STEP)
    if largest(_combine(1, fine, 1, second[1], 1)) > 0.01 * (1.0 + largest(second[1])):
        error = float("inf")
    result, buffers = second[1]
    return Directional(result, buffers, error)


def _central(function: Callable, arguments: Arguments, point: Vector, direction: Vector, step: float) -> tuple:
    ends = [call(function, arguments, point.moved(s, direction)) for s in (step, -step)]
    for end in ends:
        if end.exception is not None:
            raise end.exception
    return _combine(0.5 / step, ends[0].floats(), 0.5 / step, ends[1].floats(), 1)


def _combine(a: float, left: Any, b: float, right: Any, divisor: float) -> Any:
    """`(a * left - b * right) / divisor`, member by member."""
    if isinstance(left, tuple):
        if len(left) != len(right):
            raise ValueError("the structure of the result changes near the point")
        return tuple(_combine(a, x, b, y, divisor) for x, y in zip(left, right, strict=True))
    if left is None:
        return None
    if np.shape(left) != np.shape(right):
        raise ValueError("the shape of the result changes near the point")
    return (a * _precise(left) - b * _precise(right)) / divisor


def strip(value: Any) -> Any:
    """`value` with None for whatever has no derivative."""
    if isinstance(value, tuple):
        return tuple(strip(member) for member in value)
    if isinstance(value, (bool, int, np.integer, np.bool_)):
        return None
    if isinstance(value, np.ndarray) and is_record(value.dtype):
        return tuple(parts(value)) or None
    return value if not isinstance(value, np.ndarray) or is_float(value) else None


def largest(*values: Any) -> float:
    """The largest absolute number anywhere in `values` (0 when there is none)."""
    found = 0.0
    for value in values:
        if isinstance(value, (tuple, list)):
            found = max(found, largest(*value))
        elif value is not None and np.size(value):
            found = max(found, float(np.max(np.abs(np.nan_to_num(np.asarray(value), nan=np.inf)))))
    return found


def distance(left: Any, right: Any) -> float:
    """The largest absolute difference of two values; infinite when they differ in structure."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        if len(left) != len(right):
            return np.inf
        return max((distance(x, y) for x, y in zip(left, right, strict=True)), default=0.0)
    if left is None or right is None:
        return 0.0 if left is right else np.inf
    if np.shape(left) != np.shape(right):
        return np.inf
    left, right = np.asarray(left), np.asarray(right)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        return largest(np.where(same, 0.0, _precise(left) - _precise(right)))


def identical(left: Any, right: Any) -> bool:
    """Equal bit for bit, types included."""
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(identical(x, y) for x, y in zip(left, right, strict=True))
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        alike = left.dtype == right.dtype and left.shape == right.shape
        return alike and np.ascontiguousarray(left).tobytes() == np.ascontiguousarray(right).tobytes()
    if left is None or right is None:
        return left is right
    return type(left) is type(right) and np.asarray(left).tobytes() == np.asarray(right).tobytes()


def _own(value: Any) -> Any:
    """A copy that shares no memory with the arguments."""
    if isinstance(value, tuple):
        return tuple(_own(member) for member in value)
    return value.copy() if isinstance(value, np.ndarray) else value


def _precise(value: Any) -> np.ndarray:
    return np.asarray(value, np.complex128 if np.iscomplexobj(value) else np.float64)


def _wide(buffer: np.ndarray, dtype: type) -> np.ndarray:
    """`dtype` is complex128, or float64 for real numbers."""
    return buffer.astype(widened(buffer.dtype, dtype)) if is_float(buffer) else buffer


def _imaginary(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_imaginary(member) for member in value)
    return None if value is None else np.imag(value) / COMPLEX_STEP
