"""Random LLVM functions: both modes run the function as it is, and agree with each other by the dot-product identity.

Tolerance: as for the files of `tests/ll`. `NUMZYME_RANDOM_LL=1000` asks for more functions than the few of every
day. One in two functions without `noalias` gets the same array twice.
"""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from .checks import same_primal, same_products
from .ll_case import Case, Run
from .random_ll import SIZE, Generator

FUNCTIONS = int(os.environ.get("NUMZYME_RANDOM_LL", "40"))


def _arguments(choices: random.Random, generator: np.random.Generator, *, twice: bool) -> Run:
    arrays = dict.fromkeys(("%out", "%a", "%b"), f"uniform({SIZE})")
    if twice:
        arrays["%b"] = "alias(%a,0)"
    integers = ",".join(map(str, generator.integers(0, SIZE, SIZE)))
    return Run({**arrays, "%k": f"[{integers}]", "%n": str(choices.randint(0, 5)), "%s": "uniform"}, 0)


@pytest.mark.parametrize("seed", range(FUNCTIONS))
def test_random_function(seed: int) -> None:
    choices, generator = random.Random(seed), np.random.default_rng(seed)
    noalias = choices.random() < 0.7
    case = Case(Generator(choices).text(noalias=noalias))
    run = _arguments(choices, generator, twice=not noalias and choices.random() < 0.5)
    values = case.values(run, generator)
    plain, direction = values.copy(), case.random_like(values, generator)
    status = case.run(plain)
    forward, tangent = values.copy(), direction.copy()
    assert case.run_forward(forward, tangent) == status
    same_primal(forward, plain)
    seeds = case.random_like(values, generator)
    backward, adjoint = values.copy(), seeds.copy()
    assert case.run_reverse(backward, adjoint) == status
    same_primal(backward, plain)
    if status == 0:
        same_products(case, run, (seeds, tangent), (adjoint, direction))
