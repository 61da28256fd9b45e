"""`explain` and `memory`: what they say about a derivative and its tape."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numzyme import Const, DifferentiationError, Forward, Reverse, explain, gradient, memory, release_memory


def recurrence(x, a):
    y = np.zeros_like(x)
    for i in range(1, len(x)):
        y[i] = y[i - 1] * x[i] + math.sin(a * x[i])
    return y[-1]


def test_report_names_lines_rules_and_times():
    report = explain(recurrence, np.ones(3), 2.0)
    text = str(report)
    assert text.startswith("Reverse of recurrence(array(float64, 1d, C), float64)")
    assert "y[i] = y[i - 1] * x[i] + math.sin(a * x[i])" in text
    assert "8 bytes per iteration" in text
    assert "sin (" in text
    assert "Numba front end" in text
    assert report.stored[0].bytes == 8
    assert "define i32" in report.text


def test_nothing_runs():
    def fails(x):
        raise ValueError("ran")
        return x

    with pytest.raises(DifferentiationError):
        explain(fails, np.ones(2))


def test_forward_mode_stores_nothing():
    text = str(explain(recurrence, np.ones(3), Const(2.0), mode=Forward))
    assert text.startswith("Forward of recurrence")
    assert "stored" not in text


def test_memory_follows_the_tape():
    release_memory()
    assert memory().bytes_reserved == memory().peak_bytes == 0
    for _ in range(2):  # after growth the next call makes one chunk of the right size
        gradient(Reverse, recurrence, np.ones(100_000), 2.0)
    after = memory()
    assert after.peak_bytes >= 8 * 100_000
    assert after.bytes_reserved >= after.peak_bytes
    assert after.bytes_in_use == 0
    assert release_memory() == after.bytes_reserved
    assert memory().bytes_reserved == 0


def test_functions_of_objects_are_explained():
    def decay(state, n):
        x = state["x"]
        for _ in range(n):
            x = math.sin(x)
        return x * np.sum(state["weights"])

    report = str(explain(decay, {"x": 1.0, "weights": np.ones(2)}, 5))
    assert report.startswith("Reverse of decay(dict, int)")
    assert "8 bytes per iteration" in report
    assert "sin (1)" in report


def test_the_mode_is_not_taken_for_the_function():
    with pytest.raises(DifferentiationError, match="explain takes the function first"):
        explain(Reverse, math.sin, 1.0)
