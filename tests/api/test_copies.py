"""Copies of calls, for pullbacks: what was wrong when they lost overlap, or left out the data of the function."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from numzyme import Const, Reverse, gradient, vjp
from numzyme.api.copies import copied


def doubles_then_squares(x, y):
    for i in range(y.size):
        x[i] = x[i] * 2.0
    return np.sum(x) + np.sum(y * y)


def test_pullback_of_overlapping_arguments():
    def views():
        memory = np.arange(1.0, 6.0)
        return memory[:4], memory[1:4]

    expected = gradient(Reverse, doubles_then_squares, *views())
    _, pullback = vjp(doubles_then_squares, *views())
    for _ in range(2):
        for found, wanted in zip(pullback(1.0), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    # elements 1 and 2 are doubled once, and are read by the sum and by the sum of squares
    np.testing.assert_array_equal(expected[0], [2.0, 2.0 + 2 * 4 * 2.0, 2.0 + 2 * 6 * 2.0, 1.0 + 2 * 4.0])


class Growing:
    """An object whose calls change it."""

    def __init__(self):
        self.weight, self.calls = np.array([2.0, 3.0]), 1.0

    def __call__(self, x):
        self.weight *= 2.0
        self.calls = self.calls + 1.0
        return self.weight * x * self.calls

    def method(self, x):
        return self(x)


@pytest.mark.parametrize("of", [lambda it: it, lambda it: it.method, lambda it: functools.partial(it.method)])
def test_pullback_of_an_object_that_calls_change(of):
    growing = Growing()
    out, pullback = vjp(of(growing), np.ones(2))
    np.testing.assert_array_equal(out, [8.0, 12.0])
    for _ in range(3):
        np.testing.assert_array_equal(pullback(np.ones(2))[0], [8.0, 12.0])
    assert growing.weight.tolist() == [4.0, 6.0] and growing.calls == 2.0


def make_growing():
    weight, factor = np.array([2.0, 3.0]), np.array([1.0])

    def helper():
        factor[0] += 1.0
        return factor[0]

    def growing(x):
        for i in range(2):
            weight[i] *= 2.0
        return weight * x * helper()

    return growing, weight, factor


@pytest.mark.parametrize("of", [lambda f: f, functools.partial])
def test_pullback_of_a_closure_that_changes_what_it_captures(of):
    function, weight, factor = make_growing()
    _, pullback = vjp(of(function), np.ones(2))
    weight[0] = 100.0
    for _ in range(3):
        np.testing.assert_array_equal(pullback(np.ones(2))[0], [8.0, 12.0])
    assert weight.tolist() == [100.0, 6.0] and factor.tolist() == [2.0]


class Holder:
    """An object that holds such a closure."""

    def __init__(self, function):
        self.function = function

    def __call__(self, x):
        return self.function(x)


@pytest.mark.parametrize(
    ("call", "around"),
    [
        (lambda holder, x: holder(x), Holder),
        (lambda held, x: held["f"](x), lambda f: {"f": f}),
        (lambda held, x: held[0](x), lambda f: Const((f,))),
    ],
)
def test_pullback_of_closures_inside_of_values(call, around):
    function, weight, _ = make_growing()
    _, pullback = vjp(call, around(function), np.ones(2))
    weight[0] = 100.0
    for _ in range(2):
        np.testing.assert_array_equal(pullback(np.ones(2))[1], [8.0, 12.0])
    assert weight.tolist() == [100.0, 6.0]


TABLE = np.array([2.0, 3.0])


def changes_a_global(x):
    TABLE[0] *= 2.0
    return TABLE * x


def test_pullback_of_a_function_that_changes_a_global():
    _, pullback = vjp(changes_a_global, np.ones(2))
    for _ in range(2):
        np.testing.assert_array_equal(pullback(np.ones(2))[0], [4.0, 3.0])
    assert TABLE.tolist() == [4.0, 3.0]


def test_copies_overlap_as_the_originals_and_stay_read_only():
    memory = np.arange(6)
    fixed = memory[3:].view()
    fixed.flags.writeable = False
    first, second, again, alone = copied((memory[:4], fixed, fixed, np.ones(2)))
    first[3] = 10
    assert second.tolist() == [10, 4, 5] and again is second and not second.flags.writeable
    assert alone.flags.writeable and memory.tolist() == list(range(6))


def test_copies_of_a_record_and_its_array():
    records = np.zeros(3, [("x", "f8"), ("n", "i4")])
    record, array = copied((records[1], records))
    record["x"] = 5.0
    assert array["x"].tolist() == [0.0, 5.0, 0.0] and records["x"].tolist() == [0.0, 0.0, 0.0]
