"""Run in a process of its own: compiles for the private and for the normal target in the order given.

Each letter of the argument is one step: `p` extracts every program, `c` compiles every program with njit and runs
it, `n` extracts while a njit function is being typed (as `grad(f)` inside njit code does).
"""

from __future__ import annotations

import sys

import numpy as np
from numba import njit, types
from numba.core import event
from numba.core.registry import CPUDispatcher
from numba.extending import intrinsic

from numzyme.frontend import extract, normalise

from .execution import outcome
from .programs import PROGRAMS, vector

_NAMES = """array_method array_method_2d reductions ufuncs dot matrix_product buffers keyword_call recursion
mutual_recursion closure where array_powers raises_dynamic inlined_by_numba list_that_grows tuple_arguments"""
SELECTION = _NAMES.split()


def methods(x):
    return x.sum() + np.sum(x * x) + np.mean(x) + np.zeros(3).sum() + np.exp(x).max() + x.T.copy().sum() + x.mean()


def private() -> None:
    for program in _programs():
        raw = extract(program.function, program.argument_types)
        assert "NRT_incref" not in normalise(raw, disjoint=True, ownership="arena")


def normal() -> None:
    for program in _programs():
        compiled = outcome(njit(program.function), program.arguments())
        interpreted = outcome(program.function, program.arguments())
        if interpreted[0][0] == "result":
            assert compiled[0][0] == "result", (program, compiled)
        else:
            assert compiled[0] == interpreted[0], (program, compiled, interpreted)


class _CompiledForCpu(event.Listener):
    def __init__(self) -> None:
        self.dispatchers: list = []

    def on_start(self, event) -> None:
        if isinstance(event.data["dispatcher"], CPUDispatcher):
            self.dispatchers.append(event.data["dispatcher"])

    def on_end(self, event) -> None:
        pass


def nested() -> None:
    compiled_for_cpu = _CompiledForCpu()

    @intrinsic
    def probe(typing_context, x):
        # Bound methods remember the typing context that made them: they would lead back to the CPU target.
        with event.install_listener("numba:compile", compiled_for_cpu):
            extract(methods, (vector,))
        return types.float64(x), lambda context, builder, signature, arguments: context.get_constant(types.float64, 1.0)

    @njit
    def around(x):
        before = x.sum() + np.sum(x * x) + np.mean(x) + np.zeros(3).sum() + np.exp(x).max() + x.T.copy().sum()
        return before + x.mean() + probe(x) + np.sum(x) + x.mean() + x.sum()

    x = np.ones(3)
    total = around(x)
    assert not compiled_for_cpu.dispatchers
    assert total == methods(x) + 1.0 + np.sum(x) + x.mean() + x.sum()


def _programs():
    return [program for program in PROGRAMS if program.function.__name__ in SELECTION]


def main() -> None:
    for step in sys.argv[1]:
        {"p": private, "c": normal, "n": nested}[step]()
    print("done")


if __name__ == "__main__":
    main()
