"""SSA form: the quick construction gives what Numba's own gives."""

from __future__ import annotations

import pytest
from numba.core import ssa
from numba.core.compiler import run_frontend
from programs import PROGRAMS

from numzyme.frontend.objects.ssa import reconstruct_ssa


def several_ways(x):
    y = 0.0
    for i in range(3):
        if x > i:
            z = y + i
            y = z
        elif x < -1.0:
            continue
        while y > 2.0:
            y -= 1.0
            z = y
        if y > 1.5:
            break
    else:
        y = z + y
    return y if y > x else z


def form(function, construct) -> list[str]:
    func_ir = construct(run_frontend(function))
    return [f"{label}: {statement}" for label, block in func_ir.blocks.items() for statement in block.body]


# one has a function inside that calls itself, which Numba does not read
READ = [p.function for name, p in PROGRAMS.items() if name != "caught_from_a_closure"]


@pytest.mark.parametrize("function", [several_ways, *READ], ids=lambda f: f.__name__)
def test_form_is_numbas(function) -> None:
    function = getattr(function, "py_func", function)
    assert form(function, reconstruct_ssa) == form(function, ssa.reconstruct_ssa)
