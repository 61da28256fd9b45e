"""Random programs: every one agrees with plain Python, with itself in both modes, and with differences, or is refused.

A refusal names a line of the program. Every chunk runs in a process of its own, so that a crash is the failure of one
program. NUMZYME_RANDOM_PROGRAMS=200 runs more of them (five seconds each) than the first 2, and
`python -m numzyme.testing.random_programs` any number of further ones.
"""

import ast
import os

import pytest

from numzyme.testing.arguments import Arguments, Vector
from numzyme.testing.random_programs import run
from numzyme.testing.random_source import random_source
from numzyme.testing.reference import finite_difference
from numzyme.testing.shrink import shrink

PROGRAMS, CHUNK = int(os.environ.get("NUMZYME_RANDOM_PROGRAMS", 2)), 2
SECONDS = 300.0  # for one program: only what hangs takes so long


@pytest.mark.parametrize("start", range(0, PROGRAMS, CHUNK))
def test_random_programs(start):
    seeds = list(range(start, min(start + CHUNK, PROGRAMS)))
    verdicts = list(run(seeds, SECONDS, quick=True))
    failed = [verdict for verdict in verdicts if verdict.kind == "failed"]
    assert not failed, "\n\n".join(f"program {v.seed}: {v.check}: {v.message}" for v in failed)
    assert sum(verdict.kind == "agree" for verdict in verdicts) > len(seeds) * 3 // 4, verdicts


def test_hoisted_call_that_came_back():
    """A call whose result nobody uses went when its purity was proved, and stayed where nothing was to be inlined.

    Refused once: "a call that returns its result by value cannot be split".
    """
    (verdict,) = run([113117], SECONDS, quick=True)
    assert verdict.kind == "agree", verdict


def test_handlers_of_classes_agree_with_the_oracle():
    """The oracle did not know what compiled code asks about classes of exceptions."""
    (verdict,) = run([1100026], SECONDS, quick=True)
    assert verdict.kind == "agree", verdict


def test_the_source_of_a_seed_is_always_the_same():
    assert random_source(3) == random_source(3)
    assert random_source(3) != random_source(4)


def test_every_source_is_a_program():
    for seed in range(300):
        names = {node.name for node in ast.parse(random_source(seed)).body if isinstance(node, ast.FunctionDef)}
        assert {"program", "arguments"} <= names


def test_shrinking_keeps_what_fails():
    source = "def program(x):\n    a = 1\n    for i in range(3):\n        b = 3 + sin(x * 2)\n    return x\n"
    small = shrink(source, lambda text: "x * 2" in text)
    assert small == "def program(x):\n    b = x * 2\n"


def test_differences_say_when_chaos_is_too_much_for_them():
    """Random program 112691: its derivative of 3e15 was called wrong by differences, which saw a bounded function."""

    def logistic(x, n):
        for _ in range(n):
            x = 3.9 * x * (1.0 - x)
        return x

    for n, chaotic in ((3, False), (100, True)):
        arguments = Arguments((0.3, n))
        found = finite_difference(logistic, arguments, Vector([1.0], []))
        assert (found.error == float("inf")) is chaotic
    slope, x = 1.0, 0.3
    for _ in range(3):
        slope, x = slope * 3.9 * (1.0 - 2.0 * x), 3.9 * x * (1.0 - x)
    found = finite_difference(logistic, Arguments((0.3, 3)), Vector([1.0], []))
    assert found.error < 1e-5
    assert abs(found.result - slope) < 1e-6
