"""Every row of the table, against the function that it differentiates.

The lines themselves, evaluated with 50 digits: relative 1e-14 (their constants are doubles). Compiled, in both modes:
double precision 1e-12 relative plus 1e-15, single precision 1e-5 relative plus 1e-6.
"""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

from numzyme.rules import INACTIVE, TABLE

from .references import DIGITS, ROWS, partial
from .rows_function import forward_partials, reverse_partials, rows_case, single_precision

OPCODES = ("fadd", "fsub", "fmul", "fdiv", "frem", "fneg")
NO_INTRINSIC = ("fmod", "remainder", "nextafter", "cbrt", "hypot", "expm1", "log1p", "asinh", "acosh", "atanh", "erf",
                "erfc", "lgamma")  # fmt: skip
NO_LIBRARY = ("fma", "fmuladd", "fabs", "copysign", "minnum", "maxnum", "exp10")
POWERS = ("power.real", "power.imag")  # in double precision only
# Numba's own spellings; `frexp` has a pointer operand, `ldexp` an integer
SPECIAL = ("fixed_fmod", "frexp", "ldexp", "gamma", *POWERS)
INTRINSIC = [name for name in ROWS if name not in (*OPCODES, *NO_INTRINSIC, *SPECIAL)]
LIBRARY = [name for name in ROWS if name not in (*OPCODES, *NO_LIBRARY, *SPECIAL)]
SPELLINGS = (
    [(name, name) for name in OPCODES]
    + [(name, f"@llvm.{name}.f64") for name in INTRINSIC]
    + [(name, f"@{name}") for name in LIBRARY]
    + [("gamma", "@numba_gamma"), ("lgamma", "@numba_lgamma"), ("erf", "@numba_erf"), ("erfc", "@numba_erfc")]
)
ROUNDS = max(len(ROWS[name][1]) for name, _ in SPELLINGS)


def test_every_row_has_a_reference() -> None:
    assert set(ROWS) == set(TABLE)
    assert not INACTIVE & set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_line(name: str) -> None:
    function, points = ROWS[name]
    rule = TABLE[name]
    for point in points:
        assert len(point) == rule.arity
        with mp.workdps(DIGITS):
            operands = [mpf(p) for p in point]
            found = rule.partials(*operands, function(*operands))
        found = found if isinstance(found, tuple) else (found,)
        if name == "ldexp":
            found = found[:1]  # the other operand is an integer
        for position, value in enumerate(found):
            exact = partial(function, point, position)
            assert abs(value - exact) <= mpf("1e-14") * abs(exact) + mpf("1e-30"), (point, position)


def _points(round_number: int, spellings: list[tuple[str, str]]) -> list[tuple[float, ...]]:
    return [ROWS[name][1][round_number % len(ROWS[name][1])] for name, _ in spellings]


@pytest.mark.parametrize("kind", ["double", "float"])
def test_compiled(kind: str) -> None:
    relative, absolute = (1e-12, 1e-15) if kind == "double" else (1e-5, 1e-6)
    dtype = np.float64 if kind == "double" else np.float32
    spellings = SPELLINGS + [(name, f"@numzyme.{name}") for name in POWERS] if kind == "double" else SPELLINGS
    names = [(s if kind == "double" else single_precision(s), len(ROWS[n][1][0])) for n, s in spellings]
    case = rows_case(names, kind)
    rounds = range(ROUNDS) if kind == "double" else (0,)
    for number in rounds:
        points = [tuple(float(dtype(v)) for v in point) for point in _points(number, spellings)]
        backward, forward = reverse_partials(case, points), forward_partials(case, points)
        for i, ((name, spelling), point) in enumerate(zip(spellings, points, strict=True)):
            exact = [float(partial(ROWS[name][0], point, k)) for k in range(len(point))]
            for found in (backward[i, : len(point)], forward[i, : len(point)]):
                np.testing.assert_allclose(found, exact, relative, absolute, err_msg=f"{spelling} at {point}")
