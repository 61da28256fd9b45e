"""Comprehensions over unlike members, and lists that are filled by loops over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from numzyme import Reverse, gradient


@dataclass
class Square:
    factor: float

    def __call__(self, x):
        return self.factor * x * x


@dataclass
class Shift:
    by: Any

    def __call__(self, x):
        return np.sum(self.by) + x


LAYERS = Square(2.0), Shift(np.array([1.0, 2.0]))


def summed(layers, x):
    return sum([layer(x) for layer in layers])


def used_several_times(layers, x):
    values = [layer(x) for layer in layers]
    total = 0.0
    for value in values:
        total += value * value
    return total + values[0] * len(values)


def test_sum_of_a_comprehension():
    (square, shift), slope = gradient(Reverse, summed, LAYERS, 3.0)
    assert square.factor == 9.0
    np.testing.assert_array_equal(shift.by, [1.0, 1.0])
    assert slope == 13.0


def test_values_of_a_comprehension_used_several_times():
    (square, shift), slope = gradient(Reverse, used_several_times, LAYERS, 3.0)
    assert square.factor == (2 * 18.0 + 2) * 9.0
    np.testing.assert_array_equal(shift.by, [12.0, 12.0])
    assert slope == 38.0 * 12.0 + 12.0


def test_comprehensions_of_arrays_and_of_what_they_give():
    def product(weights, x):
        bent = [np.tanh(w * x) for w in weights]
        sums = [np.sum(b) for b in bent]
        return sums[0] * sums[1]

    first, second = np.array([1.0, 2.0]), np.array([3.0])
    (of_first, of_second), _ = gradient(Reverse, product, (first, second), 0.3)
    np.testing.assert_allclose(of_first, 0.3 / np.cosh(0.3 * first) ** 2 * np.tanh(0.9), rtol=1e-14)
    np.testing.assert_allclose(of_second, 0.3 / np.cosh(0.9) ** 2 * np.sum(np.tanh(0.3 * first)), rtol=1e-14)


@pytest.mark.parametrize("condition", [True, False])
def test_a_list_that_a_loop_fills(condition):
    def filled(weights, x):
        found = []
        for w in weights:
            found.append(np.sum(w) * x)
        return found[0] * found[1] if condition else found[-1]

    _, slope = gradient(Reverse, filled, (np.array([1.0, 2.0]), np.array([3.0])), 0.5)
    assert slope == (9.0 if condition else 3.0)


def test_a_filter_that_the_position_decides():
    def filtered(weights, x):
        return sum([np.sum(w) * x for n, w in enumerate(weights) if n > 0])

    (first, second), slope = gradient(Reverse, filtered, (np.array([1.0, 2.0]), np.array([3.0])), 0.5)
    np.testing.assert_array_equal(first, [0.0, 0.0])
    np.testing.assert_array_equal(second, [0.5])
    assert slope == 3.0


def test_a_comprehension_over_the_items_of_a_dict():
    def total(items, x):
        return sum([np.sum(value) * x for key, value in items.items() if key != "skipped"])

    found, slope = gradient(Reverse, total, {"a": np.array([1.0, 2.0]), "b": 2.0, "skipped": 5.0}, 0.5)
    np.testing.assert_array_equal(found["a"], [0.5, 0.5])
    assert found["b"] == 0.5
    assert found["skipped"] == 0.0
    assert slope == 5.0


def test_loops_over_a_dict_know_their_keys():
    def over_keys(items):
        total = 0.0
        for key in items:
            total += np.sum(items[key])
        return total

    def over_items(items):
        total = 0.0
        for position, (key, value) in enumerate(items.items()):
            if key == "b":
                continue
            total += np.sum(value) * position
        return total

    items = {"a": np.array([1.0, 2.0]), "b": 2.0, "c": np.array([[1.0]])}
    found = gradient(Reverse, over_keys, items)
    np.testing.assert_array_equal(found["a"], [1.0, 1.0])
    assert found["b"] == 1.0
    np.testing.assert_array_equal(found["c"], [[1.0]])
    found = gradient(Reverse, over_items, items)
    np.testing.assert_array_equal(found["a"], [0.0, 0.0])
    assert found["b"] == 0.0
    np.testing.assert_array_equal(found["c"], [[2.0]])
