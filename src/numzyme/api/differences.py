"""The derivative of a function of one number, by differences, with an estimate of its own error.

Decides the steps: central differences, extrapolated (Ridders, Advances in Engineering Software 4, 1982), from wide
steps to narrow ones; once more with steps a thousand times narrower when that does not confirm the number. Invariant:
a number is contradicted only where the differences agree among themselves, and no kink explains the gap.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass

_WIDEST, _NARROWER, _LEVELS, _RATIO = 1.0 / 16, 1.0 / 1024, 8, 2.0
_GOOD_ENOUGH, _CERTAIN = 1e-11, 1e-3  # relative errors: to stop looking, and to believe in the value at all
_NOTHING = 2e4  # roundings of the value are a derivative that differences cannot tell from zero
_FAR = 3e-3  # of the gap may be the error of what contradicts; noise brings forth small estimates by chance


class Verdict(enum.Enum):
    """Whether a number is the derivative; OPEN: the differences do not say."""

    AGREES = "agrees"
    DIFFERS = "differs"
    OPEN = "open"


@dataclass(frozen=True)
class Slope:
    """`value` of the derivative, its `error`; `apart`: how far the slopes on both sides are from each other."""

    value: complex
    error: float
    apart: float


def judged(
    function: Callable[[float], complex], claimed: complex, size: float, tolerance: float, rounding: float = 2.0**-53
) -> tuple[Verdict, Slope]:
    """The verdict on `claimed`, the derivative of `function` at 0, and the slope that it is from.

    `size`: that of the terms which `claimed` is the sum of; `tolerance`: relative to it, or to the derivative;
    `rounding`: the relative error of one value. What is smaller than the noise that comes of it is taken for nothing.
    """
    apart, best = math.inf, Slope(math.nan, math.inf, math.inf)
    smallest = _NOTHING * rounding / tolerance * abs(_at(function, 0.0))
    certain = min(_CERTAIN, 10 * tolerance)
    for widest in (_WIDEST, _WIDEST * _NARROWER):
        found = _slope(function, widest)
        scale = max(size, abs(found.value), smallest)
        gap = abs(found.value - claimed) if claimed == claimed else math.inf
        if found.error <= certain * scale and gap <= tolerance * scale + 10 * found.error:
            return Verdict.AGREES, found
        apart = min(apart, found.apart)
        best = found if found.error < best.error else best
    gap = abs(best.value - claimed) if claimed == claimed else math.inf
    contradicted = best.error <= _CERTAIN * max(size, abs(best.value), smallest) and best.error < _FAR * gap
    kinked = gap <= 0.51 * apart  # it is no further away than the slope of one side
    return (Verdict.DIFFERS if contradicted and not kinked else Verdict.OPEN), best


def _slope(function: Callable[[float], complex], widest: float) -> Slope:
    """Ridders' table: row `i` has the differences with the step `widest / 2**i`, extrapolated ever further."""
    at_point = _at(function, 0.0)
    rows: list[list[complex]] = []
    value, error, apart = math.nan, math.inf, math.inf
    for level in range(_LEVELS):
        step = widest / _RATIO**level
        ahead, behind = _at(function, step), _at(function, -step)
        apart = min(apart, abs(ahead - 2 * at_point + behind) / step)
        row = [(ahead - behind) / (2 * step)]
        for column, before in enumerate(rows[-1] if rows else ()):
            factor = _RATIO ** (2 * column + 2)
            row.append((factor * row[column] - before) / (factor - 1))
            estimate = max(abs(row[-1] - row[-2]), abs(row[-1] - before))
            if estimate < error:
                value, error = row[-1], estimate
        rows.append(row)
        if widest == _WIDEST and error <= _GOOD_ENOUGH * abs(value):
            break
    return Slope(value, error, apart)


def _at(function: Callable[[float], complex], step: float) -> complex:
    """The value at a distance; nan where there is none, or something else than at the point."""
    try:
        value = function(step)
    except Exception:  # of the user's function, or of what its result is there
        return math.nan
    return math.nan if value is None else value
