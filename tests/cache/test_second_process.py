"""The second process loads what the first one compiled, unless something that the code depends on is different."""

from __future__ import annotations

import pytest

from .processes import Project, finished

PROGRAM = """
import numpy as np
from numzyme import Const, Reverse, gradient
import helper

RATE = 0.5
POWER = 2

def loss(x, y):
    return RATE * helper.combine(x, y) ** POWER

def main():
    return gradient(Reverse, loss, np.linspace(0.1, 1.0, 5), Const(2.0))
"""
HELPER = """
def combine(x, y):
    total = 0.0
    for i in range(len(x)):
        total += x[i] ** 3 * y
    return total
"""
MODEL = """
from dataclasses import dataclass
from typing import Any
import numpy as np
from numzyme import Const, Reverse, gradient

@dataclass
class Dense:
    weights: np.ndarray
    scale: float = 2.0
    def __call__(self, x):
        return self.scale * (self.weights @ x)

@dataclass(frozen=True)
class Chain:
    layers: tuple
    offset = 1.0
    def __call__(self, x):
        for layer in self.layers:
            x = layer(x) + self.offset
        return x

def loss(model, x):
    return np.sum(model(x) ** 2)

def main():
    random = np.random.default_rng(0)
    model = Chain((Dense(random.normal(size=(4, 3))), np.tanh, Dense(random.normal(size=(2, 4)))))
    found = gradient(Reverse, loss, model, Const(random.normal(size=3)))
    found = found[0] if isinstance(found, tuple) else found
    return [[layer.weights, layer.scale] for layer in found.layers[::2]]
"""


def test_second_process_compiles_nothing(project: Project) -> None:
    project.write(program=PROGRAM, helper=HELPER)
    first, second = project.run(), project.run()
    assert (first.statistics["misses"], first.statistics["stored"], first.derivatives) == (1, 1, 1)
    assert (second.statistics["hits"], second.statistics["misses"]) == (1, 0)
    assert second.compiled_nothing
    assert second.result == first.result


def test_objects(project: Project) -> None:
    project.write(program=MODEL)
    first, second = project.run(), project.run()
    assert first.statistics["stored"] == 1
    assert second.compiled_nothing and second.statistics["hits"] == 1
    assert second.result == first.result


MADE_INSIDE = """
from numzyme import Reverse, gradient

def twice(function, t):
    return function(t) + function(2.0 * t)

def loss(x, a):
    return twice(lambda t, k=x * a, *, n=2: t**n * k, a)

def main():
    return gradient(Reverse, loss, 0.7, 0.5)
"""


def test_functions_made_inside_with_defaults(project: Project) -> None:
    """Their keyword-only defaults were a dict of the compiled code, which held addresses."""
    project.write(program=MADE_INSIDE)
    first, second = project.run(), project.run()
    assert second.compiled_nothing and second.statistics["hits"] == 1
    assert second.result == first.result


CHANGES = {
    "callee in another file": ("helper", "** 3", "** 2"),
    "global integer": ("program", "POWER = 2", "POWER = 3"),
    "option": ("program", "Const(2.0))", "Const(2.0), boundscheck=True)"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_a_miss(project: Project, change: str) -> None:
    texts = {"program": PROGRAM, "helper": HELPER}
    first = project.write(**texts).run()
    module, before, after = CHANGES[change]
    assert before in texts[module]
    second = project.write(**{module: texts[module].replace(before, after)}).run()
    assert second.statistics["hits"] == 0 and second.derivatives == 1
    assert (second.result == first.result) == (change == "option")


def test_captured_number_is_read_at_the_call(project: Project) -> None:
    project.write(program=PROGRAM, helper=HELPER).run()
    second = project.write(program=PROGRAM.replace("RATE = 0.5", "RATE = 0.25")).run()
    fresh = project.run(NUMZYME_CACHE_DIR="off")
    assert second.compiled_nothing and second.result == fresh.result


@pytest.mark.parametrize(
    ("before", "after"),
    [("return self.scale * (", "return 2 * self.scale * ("), ("offset = 1.0", "offset = 3.0")],
)
def test_change_of_a_class_is_a_miss(project: Project, before: str, after: str) -> None:
    first = project.write(program=MODEL).run()
    second = project.write(program=MODEL.replace(before, after)).run()
    assert second.statistics["hits"] == 0 and second.statistics["misses"] > 0
    assert second.result != first.result


def test_two_processes_at_once(project: Project) -> None:
    project.write(program=PROGRAM, helper=HELPER)
    first, second = [finished(process) for process in (project.start(), project.start())]
    assert first.result == second.result
    third = project.run()
    assert third.compiled_nothing and third.result == first.result


def test_without_cache(project: Project) -> None:
    project.write(program=PROGRAM, helper=HELPER)
    for value in ("off", "0", ""):
        ran = project.run(NUMZYME_CACHE_DIR=value, HOME=str(project.folder), XDG_CACHE_HOME=str(project.folder))
        assert ran.derivatives == 1 and ran.statistics["hits"] + ran.statistics["misses"] == 0
    assert not [path for path in project.folder.iterdir() if path.suffix != ".py"]


def test_default_folder(project: Project) -> None:
    project.write(program=PROGRAM.replace("def main():", "def main():\n    del os.environ['NUMZYME_CACHE_DIR']"))
    project.write(program="import os\n" + (project.folder / "program.py").read_text(), helper=HELPER)
    project.run(XDG_CACHE_HOME=str(project.folder / "caches"))
    folder = project.folder / "caches" / "numzyme"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


OVERLAPPING = """
import numpy as np
from numzyme import Reverse, gradient

def loss(x, y):
    x[0] = y[0] * y[1]
    total = 0.0
    for i in range(len(x)):
        total += x[i] * y[i] ** 2
    return total

def main():
    memory = np.linspace(0.1, 1.0, 8)
    apart = gradient(Reverse, loss, memory[:4].copy(), memory[4:].copy())
    return apart, gradient(Reverse, loss, memory[:5], memory[2:7]), memory
"""


def test_overlapping_arrays(project: Project) -> None:
    """The version for overlapping arrays is an entry of its own, made when a process that loaded the other needs it."""
    project.write(program=OVERLAPPING)
    first, second, third = project.run(), project.run(), project.run()
    assert first.result == second.result == third.result
    assert first.derivatives == 2
    assert second.statistics["hits"] == 1 and second.derivatives == 2
    assert third.statistics["hits"] == 2 and third.compiled_nothing


RAISING = """
from numzyme import grad

def f(x):
    if x < 0.0:
        raise ValueError("negative")
    return x * x

def main():
    g = grad(f)
    good = g(3.0)
    try:
        g(-1.0)
    except ValueError as error:
        return good, str(error)

"""


def test_exceptions_of_loaded_code(project: Project) -> None:
    project.write(program=RAISING)
    first, second = project.run(), project.run()
    assert first.result == second.result == [(6.0).hex(), "'negative'"]
    assert second.compiled_nothing


REFUSED = """
from numzyme import DifferentiationError, grad

def f(x):
    return unknown_name(x)

def main():
    try:
        grad(f)(3.0)
    except DifferentiationError as error:
        return str(error)
"""


def test_refusals_are_not_kept(project: Project) -> None:
    project.write(program=REFUSED)
    first, second = project.run(), project.run()
    assert first.result == second.result and 'program.py", line ' in first.result
    assert second.statistics["hits"] == first.statistics["stored"] == 0


IN_ONE_PROCESS = """
import numpy as np
from numba import njit
from numzyme import Reverse, ReverseWithPrimal, gradient
import numzyme

FACTORS = (2.0, 3.0)

@njit
def helper(x):
    return FACTORS[0] * x

def f(x):
    return helper(x) * x

def main():
    global FACTORS
    gradient(Reverse, f, 1.0)
    FACTORS = (5.0, 3.0)
    stale = gradient(ReverseWithPrimal, f, 1.0).derivs
    return stale, None
"""


def test_code_with_old_values_is_not_kept(project: Project) -> None:
    """What a process compiled with a value that a global had before must not be found under the new one."""
    first = project.write(program=IN_ONE_PROCESS).run()
    assert first.result[0] == (4.0).hex()  # as Numba's own functions do
    assert first.statistics["stored"] == 1 and any("has changed" in why for why in first.statistics["reasons"])
    fresh = project.write(program=IN_ONE_PROCESS.replace("(2.0, 3.0)", "(5.0, 3.0)")).run()
    assert fresh.result[0] == (10.0).hex()


ADDRESS = """
import numpy as np
from numba import njit
from numzyme import grad

LARGE = np.arange(300_000.0)

@njit
def f(x):
    return x * LARGE[2]

def main():
    return grad(f)(1.0)
"""


def test_addresses_are_not_kept(project: Project) -> None:
    first = project.write(program=ADDRESS).run()
    second = project.run()
    assert first.result == second.result == (2.0).hex()
    assert second.statistics["hits"] == 0 and first.statistics["not_stored"] == 1
