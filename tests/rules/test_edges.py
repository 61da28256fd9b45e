"""What the rules give where a function has no derivative, or an infinite one: the table of non-smooth points.

Reverse mode is checked everywhere; forward mode, which multiplies
the partials by the tangents of all operands (0 * inf is nan), where all partials are finite.
"""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from .rows_function import forward_partials, reverse_partials, rows_case

TINY = 5e-324
EDGES: list[tuple[str, tuple[float, ...], tuple[float, ...]]] = [
    # kinks: the side that the zero's sign shows
    ("@llvm.fabs.f64", (0.0,), (1.0,)),
    ("@llvm.fabs.f64", (-0.0,), (-1.0,)),
    ("@llvm.copysign.f64", (0.0, 2.0), (1.0, 0.0)),
    ("@llvm.copysign.f64", (3.0, -0.0), (-1.0, 0.0)),
    # ties go to the first operand as a whole; a nan is passed over
    ("@llvm.minnum.f64", (2.0, 2.0), (1.0, 0.0)),
    ("@llvm.maxnum.f64", (2.0, 2.0), (1.0, 0.0)),
    ("@llvm.minnum.f64", (0.0, -0.0), (1.0, 0.0)),
    ("@llvm.minnum.f64", (nan, 2.0), (0.0, 1.0)),
    ("@llvm.maxnum.f64", (2.0, nan), (1.0, 0.0)),
    # infinite slopes
    ("@sqrt", (0.0,), (inf,)),
    ("@sqrt", (TINY,), (0.5 / np.sqrt(TINY),)),
    ("@sqrt", (inf,), (0.0,)),
    ("@sqrt", (-1.0,), (nan,)),
    ("@cbrt", (0.0,), (inf,)),
    ("@asin", (1.0,), (inf,)),
    ("@asin", (-1.0,), (inf,)),
    ("@acos", (1.0,), (-inf,)),
    ("@acosh", (1.0,), (inf,)),
    ("@atanh", (1.0,), (inf,)),
    ("@llvm.log.f64", (0.0,), (inf,)),
    ("@llvm.log2.f64", (0.0,), (inf,)),
    ("@log1p", (-1.0,), (inf,)),
    # far out
    ("@llvm.exp.f64", (-inf,), (0.0,)),
    ("@llvm.exp.f64", (710.0,), (inf,)),
    ("@tanh", (inf,), (0.0,)),
    ("@tanh", (-50.0,), (0.0,)),
    ("@atan", (inf,), (0.0,)),
    ("@erf", (40.0,), (0.0,)),
    ("@asinh", (1e200,), (0.0,)),
    ("@llvm.sin.f64", (inf,), (nan,)),
    # powers
    ("@llvm.pow.f64", (0.0, 0.0), (0.0, 0.0)),
    ("@llvm.pow.f64", (0.0, 1.0), (1.0, 0.0)),
    ("@llvm.pow.f64", (0.0, 2.0), (0.0, 0.0)),
    ("@llvm.pow.f64", (0.0, 0.5), (inf, 0.0)),
    ("@numzyme.power.real", (0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)),
    ("@numzyme.power.real", (0.0, 0.0, 1.0, 0.0), (1.0, 0.0, 0.0, 0.0)),
    ("@numzyme.power.imag", (0.0, 0.0, 1.0, 0.0), (0.0, 1.0, 0.0, 0.0)),
    ("@numzyme.power.real", (0.0, 0.0, 2.5, 0.0), (0.0, 0.0, 0.0, 0.0)),
    ("@numzyme.power.real", (0.0, 0.0, 0.5, 0.0), (inf, 0.0, 0.0, 0.0)),
    ("@llvm.pow.f64", (-2.0, 3.0), (12.0, nan)),
    ("@llvm.pow.f64", (-2.0, 2.0), (-4.0, nan)),
    ("@llvm.pow.f64", (-2.0, 0.0), (0.0, nan)),
    ("@llvm.pow.f64", (2.0, 0.0), (0.0, np.log(2.0))),
    ("@llvm.pow.f64", (1e-200, 2.0), (2e-200, 0.0)),
    ("@llvm.pow.f64", (inf, -1.0), (-0.0, 0.0)),
    # the origin, where there is no direction
    ("@hypot", (0.0, 0.0), (0.0, 0.0)),
    ("@hypot", (0.0, -2.0), (0.0, -1.0)),
    ("@hypot", (1e200, 1e200), (np.sqrt(0.5), np.sqrt(0.5))),
    ("@atan2", (0.0, 0.0), (nan, nan)),
    ("@atan2", (0.0, -1.0), (-1.0, 0.0)),
    # jumps: the slope beside them
    ("frem", (6.0, 2.0), (1.0, -3.0)),
    ("frem", (0.0, 2.0), (1.0, 0.0)),
    ("frem", (1.0, 0.1), (1.0, -9.0)),  # 0.1 is above a tenth, so it goes 9 times into 1
    ("frem", (5.0, inf), (1.0, 0.0)),
    ("@remainder", (3.0, 2.0), (1.0, -2.0)),
    # division
    ("fdiv", (1.0, 0.0), (inf, -inf)),
    ("fdiv", (0.0, 0.0), (inf, nan)),
    # a pole
    ("@numba_gamma", (-1.0,), (nan,)),
]  # fmt: skip


@pytest.fixture(scope="module")
def partials() -> tuple[np.ndarray, np.ndarray]:
    case = rows_case([(spelling, len(point)) for spelling, point, _ in EDGES], "double")
    points = [point for _, point, _ in EDGES]
    return reverse_partials(case, points), forward_partials(case, points)


@pytest.mark.parametrize("number", range(len(EDGES)), ids=[f"{s}{p}" for s, p, _ in EDGES])
def test_edge(number: int, partials: tuple[np.ndarray, np.ndarray]) -> None:
    _, point, expected = EDGES[number]
    backward, forward = (found[number, : len(point)] for found in partials)
    np.testing.assert_allclose(backward, expected, rtol=1e-15, atol=0)
    if np.isfinite(expected).all():
        np.testing.assert_allclose(forward, expected, rtol=1e-15, atol=0)
