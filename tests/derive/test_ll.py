"""Every file of `tests/ll`: printed facts as its comments expect them, then both modes against each other and against
finite differences.

The function is taken as a map of all its differentiable memory (and active scalars) to that memory. Forward mode gives
J v, reverse mode Jᵀ w; the dot products <w, J v> and <Jᵀ w, v> must agree to 1e-12 (single precision: 1e-5) of the
sum of the magnitudes of their terms; J v must agree with a fourth-order difference to 1e-8 (1e-2). Seeds are random
and non-zero everywhere, outputs included.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from numzyme.derive import differentiate
from numzyme.diagnostics import DifferentiationError
from numzyme.ir import verify
from numzyme.opt import describe
from numzyme.runtime import memory

from .checks import same_primal, same_products
from .ll_case import Case, Values

FILES = sorted((Path(__file__).parents[1] / "ll").glob("*.ll"))
CASES = {path.stem: Case(path.read_text()) for path in FILES}
MODES: tuple[Literal["forward", "reverse"], ...] = ("forward", "reverse")


def generator_for(stem: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(stem.encode()))


def test_there_is_a_file_per_construct() -> None:
    assert len(CASES) >= 30
    idle = [s for s, c in CASES.items() if not c.runs and c.refusal("forward") is None]
    assert not idle, "files that neither run nor are refused"


@pytest.mark.parametrize("stem", CASES)
def test_facts(stem: str) -> None:
    case = CASES[stem]
    verify(case.module)
    expected = case.comments("EXPECT")
    assert expected, "no fact is expected of this file"
    for facts, line in expected:
        printed = [printed.strip() for printed in describe(case.text, facts).split("\n")]
        assert line in printed, f"{facts} of {stem}:\n" + "\n".join(printed)
    for facts, beginning in case.comments("EXPECT-NOT"):
        printed = [printed.strip() for printed in describe(case.text, facts).split("\n")]
        assert not [p for p in printed if p.startswith(beginning)], f"{facts} of {stem}:\n" + "\n".join(printed)


def marked(stem: str, *values):
    """A test parameter of the file `stem`: with a line `; XFAIL: reason` it must fail until the line is removed."""
    reasons = [text for _, text in CASES[stem].comments("XFAIL")]
    marks = [pytest.mark.xfail(strict=True, reason=reasons[0])] if reasons else []
    return pytest.param(stem, *values, marks=marks, id="-".join(map(str, (stem, *values))))


@pytest.mark.parametrize("stem,mode", [marked(s, m) for s, c in CASES.items() for m in MODES if c.refusal(m)])
def test_refusals(stem: str, mode: Literal["forward", "reverse"]) -> None:
    case = CASES[stem]
    message = case.refusal(mode)
    assert message is not None
    with pytest.raises(DifferentiationError) as caught:
        differentiate(case.text, case.annotations.request(mode))
    assert message in str(caught.value)


def _difference(case: Case, run, values: Values, direction: Values) -> np.ndarray:
    """J v by a central difference of fourth order."""
    step = 2e-2 if case.single else 2e-3

    def at(steps: float) -> np.ndarray:
        moved = case.moved(values, direction, steps * step)
        assert case.run(moved) == run.status
        return case.vector(moved, run, scalars=False)

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)


@pytest.mark.parametrize("stem,number", [marked(s, n) for s, c in CASES.items() for n in range(len(c.runs))])
def test_derivatives(stem: str, number: int) -> None:
    case = CASES[stem]
    run, generator = case.runs[number], generator_for(stem)
    values = case.values(run, generator)
    plain = values.copy()
    assert case.run(plain) == run.status
    direction = case.random_like(values, generator)
    tangent, forward = direction.copy(), values.copy()
    if case.refusal("forward") is None:
        assert case.run_forward(forward, tangent) == run.status
        same_primal(forward, plain)
        if run.status == 0:
            tolerance = 1e-2 if case.single else 1e-8
            result = case.vector(tangent, run, scalars=False)
            expected = _difference(case, run, values, direction)
            np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)
    if case.refusal("reverse") is None:
        before = memory()
        for _ in range(2):
            seed = case.random_like(values, generator)
            adjoint, backward = seed.copy(), values.copy()
            assert case.run_reverse(backward, adjoint) == run.status
            same_primal(backward, plain)
            if run.status == 0:
                same_products(case, run, (seed, tangent), (adjoint, direction))
        after = memory()
        assert after.entries - before.entries == after.exits - before.exits
        assert after.bytes_in_use == 0


VARIANTS = [marked(s) for s, c in CASES.items() if c.runs and "noalias" in c.annotations.function.header]


@pytest.mark.parametrize("stem", VARIANTS)
def test_without_noalias_and_primal(stem: str) -> None:
    """The adjoints are the same when nothing is known of the arguments' overlap and the result is not asked for."""
    case, variant = CASES[stem], CASES[stem].without_noalias()
    if case.refusal("reverse"):
        pytest.skip("refused")
    for run in case.runs:
        generator = generator_for(stem)
        values = case.values(run, generator)
        expected = case.random_like(values, generator)
        found = expected.copy()
        assert case.run_reverse(values.copy(), expected) == run.status
        assert variant.run_reverse(values.copy(), found) == run.status
        if run.status == 0:
            tolerance = 1e-5 if case.single else 1e-12
            wanted = case.vector(expected, run, scalars=True)
            np.testing.assert_allclose(case.vector(found, run, scalars=True), wanted, rtol=tolerance, atol=tolerance)
