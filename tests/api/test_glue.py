"""The glue around a derivative written by hand: statuses, arena, and what is asked of the differentiator."""

from __future__ import annotations

import functools
import types

import hand_written
import numpy as np
import pytest

from numzyme import Active, Const, Duplicated, Reverse, autodiff, derive, grad, gradient, memory


@pytest.fixture
def function():
    """A function of its own for each test, since compiled derivatives are kept per function."""
    original = hand_written.scaled_squares
    return types.FunctionType(original.__code__, original.__globals__, original.__name__)


@pytest.fixture(autouse=True)
def by_hand(monkeypatch):
    monkeypatch.setattr(derive, "differentiate", hand_written.differentiate)
    before = memory()
    yield
    after = memory()
    assert after.bytes_in_use == 0
    assert after.entries - before.entries == after.exits - before.exits > 0


def test_results_and_accumulation(function):
    x, dx = np.array([1.0, 2.0]), np.ones(2)
    assert autodiff(Reverse, function, Duplicated(x, dx), Active(3)) == (None, 5.0)
    np.testing.assert_array_equal(dx, [7, 13])
    assert autodiff(Reverse, function, Const(x), Active(3)) == (None, 5.0)
    np.testing.assert_array_equal(grad(function)(x[::-1], 3.0), [12, 6])


def test_exceptions_and_mutation(function):
    x = np.array([100.0, 2.0])
    with pytest.raises(ValueError, match="negative factor") as caught:
        grad(function)(x, -1.0)
    assert caught.value.args == ("negative factor", 7)
    assert x[0] == 100
    grad(function)(x, 1.0)
    assert x[0] == 101


def test_no_memory_for_the_tape(function, monkeypatch):
    greedy = functools.partial(hand_written.differentiate, tape=1 << 45)
    monkeypatch.setattr(derive, "differentiate", greedy)
    with pytest.raises(MemoryError, match="no memory for the tape"):
        gradient(Reverse, function, np.ones(2), 1.0)
