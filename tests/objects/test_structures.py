"""A structure that changes at every call is reported, and what is registered later counts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from numzyme import (
    Active,
    Const,
    DifferentiationTypeError,
    Duplicated,
    Forward,
    MixedDuplicated,
    RecompilationWarning,
    Reverse,
    autodiff,
    gradient,
    make_zero,
    natural_fields,
    register_wrapper,
)


def test_a_list_that_grows_at_every_call_is_reported():
    def total(values):
        result = 0.0
        for value in values:
            result += value * value
        return result

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RecompilationWarning)
        for length in range(1, 10):
            assert gradient(Reverse, total, [1.5] * length) == [3.0] * length
    reports = [str(w.message) for w in caught if issubclass(w.category, RecompilationWarning)]
    assert len(reports) == 1
    assert "`total` has been compiled for 8 structures" in reports[0]
    assert "values has 7 parts, then 8" in reports[0]


def test_a_wrapper_that_is_registered_after_a_gradient_counts():
    @dataclass
    class Box:
        data: Any

    def loss(box):
        return np.sum(box.data**2)

    box = Box(np.array([1.0, 2.0]))
    assert not isinstance(gradient(Reverse, loss, box), Box)
    register_wrapper(Box, natural=natural_fields("data"))
    found = gradient(Reverse, loss, box)
    assert isinstance(found, Box)
    np.testing.assert_array_equal(found.data, [2.0, 4.0])


def made(weight):
    return lambda x: np.sum(weight * x * x)


def test_the_shadow_of_a_closure_is_a_closure_over_shadows():
    weight, shadow = np.array([1.0, 2.0]), np.array([10.0, 0.0])
    x, dx = np.array([3.0, 4.0]), np.zeros(2)
    assert autodiff(Reverse, Duplicated(made(weight), made(shadow)), Duplicated(x, dx)) == (None,)
    np.testing.assert_array_equal(shadow, [19.0, 16.0])
    np.testing.assert_array_equal(dx, [6.0, 16.0])
    with pytest.raises(DifferentiationTypeError, match="closure of the same code"):
        autodiff(Reverse, Duplicated(made(weight), made), Const(x))


@dataclass
class Line:
    slope: Any
    offset: float

    def __call__(self, x):
        return np.sum(self.slope * x) + 2.0 * self.offset


def test_the_shadow_of_a_callable_object_is_filled():
    line = Line(np.array([1.0, 2.0]), 1.0)
    shadow = make_zero(line)
    assert autodiff(Reverse, Duplicated(line, shadow), Active(2.0)) == (3.0,)
    np.testing.assert_array_equal(shadow.slope, [2.0, 2.0])
    assert shadow.offset == 2.0
    assert autodiff(Forward, Duplicated(line, Line(np.ones(2), 1.0)), Const(2.0)) == 6.0


def test_a_plain_tuple_may_be_mixed():
    def product(pair):
        return pair[0] * np.sum(pair[1])

    weights, shadow = np.array([1.0, 2.0]), np.ones(2)
    ((number, array),) = autodiff(Reverse, product, MixedDuplicated((3.0, weights), (10.0, shadow)))
    assert array is shadow
    assert number == 13.0
    np.testing.assert_array_equal(shadow, [4.0, 4.0])


def test_a_callable_object_that_cannot_be_hashed():
    line = Line(np.array([1.0, 2.0]), 1.0)  # a dataclass that compares by value
    with pytest.raises(TypeError):
        hash(line)
    for slopes in ([1.0, 2.0], [5.0, 0.5]):
        line.slope = np.array(slopes)
        assert gradient(Reverse, line, 2.0) == sum(slopes)


@pytest.mark.parametrize("returned", ["the object", "a new object", "a list"])
def test_objects_as_results_have_no_gradient_in_reverse_mode(returned):
    # this crashed the process
    results = {
        "the object": lambda line: line,
        "a new object": lambda line: (1.0, Line(line.slope, 2.0)),
        "a list": lambda line: line.slope,
    }
    line = Line([1.0, 2.0] if returned == "a list" else np.ones(2), 1.0)
    with pytest.raises(DifferentiationTypeError, match="returns"):
        gradient(Reverse, results[returned], line)


def test_a_direction_in_an_object():
    direction = Line(np.zeros(2), 1.0)
    found = autodiff(Forward, lambda line: line.slope * line.offset, Duplicated(Line(np.ones(2), 3.0), direction))
    np.testing.assert_array_equal(found, [1.0, 1.0])


@pytest.mark.parametrize("shape", [(0, 2), (2, 0), (0, 3, 2)])
def test_array_without_elements_was_taken_for_a_broadcast_one(shape):
    def total(d):
        return d["e"].sum() + d["k"][0] * 2.0

    for mode, expected in ((Forward, 3.0), (Reverse, (None,))):
        d, shadow = {"e": np.zeros(shape), "k": np.array([1.0])}, {"e": np.zeros(shape), "k": np.array([1.5])}
        assert autodiff(mode, total, Duplicated(d, shadow)) == expected
    assert shadow["k"][0] == 3.5
