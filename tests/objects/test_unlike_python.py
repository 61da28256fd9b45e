"""Python that compiled code took for something else, without a word: refused, or as Python means it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pytest

from numzyme import DifferentiationTypeError, Forward, Reverse, ReverseWithPrimal, autodiff, gradient
from numzyme.api import Duplicated


def keyword_behind_star(x, *rest, scale=2.0):
    return x * scale + sum(rest)


def calls_keyword_behind_star(x, y):
    return keyword_behind_star(x, y, 7.0, scale=y)


class Scaled:
    def __init__(self, x):
        self.x = x

    def __call__(self, a, *rest, scale=2.0):
        return self.x * a * scale + sum(rest)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (keyword_behind_star, (2.0, 3.0, 7.0)),
        (calls_keyword_behind_star, (2.0, 3.0)),
        (partial(keyword_behind_star, scale=3.0), (2.0, 3.0)),
        (Scaled(1.5), (2.0, 3.0, 7.0)),
        (lambda o: o(2.0, 3.0), (Scaled(1.5),)),
    ],
    ids=["itself", "as a helper", "partial", "callable", "field"],
)
def test_keyword_behind_star_was_given_a_positional_argument(function, arguments):
    with pytest.raises(DifferentiationTypeError, match="keyword parameter scale behind"):
        gradient(Reverse, function, *arguments)


class Vector(NamedTuple):
    x: float
    y: float

    def __add__(self, other):  # type: ignore[override]
        return Vector(self.x + other.x, self.y + other.y)


class Truth(NamedTuple):
    x: float

    def __bool__(self):
        return False


class Iterated(NamedTuple):
    x: float
    y: float

    def __iter__(self):
        yield 1.0


def test_named_tuple_with_other_iteration_failed_in_zip():
    with pytest.raises(DifferentiationTypeError, match="NamedTuple with a method __iter__"):
        gradient(Reverse, lambda a: a.x * 2.0, Iterated(1.0, 2.0))


def test_named_tuples_had_the_methods_of_tuples():
    with pytest.raises(DifferentiationTypeError, match="NamedTuple with a method __add__"):
        gradient(Reverse, lambda a, b: (a + b)[1], Vector(1.0, 2.0), Vector(3.0, 4.0))
    with pytest.raises(DifferentiationTypeError, match="NamedTuple with a method __add__"):
        gradient(Reverse, lambda a: (Vector(a, a) + Vector(a, 1.0))[1], 2.0)
    with pytest.raises(DifferentiationTypeError, match="NamedTuple with a method __bool__"):
        gradient(Reverse, lambda a: a.x * 2.0 if a else a.x * 3.0, Truth(1.0))


@dataclass
class Number:
    a: float


def test_functions_inside_took_their_defaults_for_keywords():
    def of_object(o):
        inner = lambda p, k=2.0: p.a * k  # noqa: E731
        return inner(o, k=3.0) * inner(p=o, k=o.a) + inner(o)

    def of_array(x):
        def inner(a, b=2.0, c=1.0):
            return a * b + c

        return inner(x[0], b=x[1]) * inner(x[0], c=x[1], b=3.0) + inner(c=x[2], a=1.0, b=x[0])

    found = gradient(ReverseWithPrimal, of_object, Number(0.7))
    assert found.val == pytest.approx(of_object(Number(0.7)), rel=1e-15)
    assert found.derivs.a == pytest.approx(9 * 0.49 + 2.0, rel=1e-14)  # of 3 a * a² + 2 a
    x, d = np.array([0.5, -1.5, 2.0]), np.array([1.0, 0.3, -0.7])
    expected = (of_array(x + 1e-6 * d) - of_array(x - 1e-6 * d)) / 2e-6
    assert gradient(Reverse, of_array, x) @ d == pytest.approx(expected, rel=1e-8)
    assert autodiff(Forward, of_array, Duplicated(x, d)) == pytest.approx(expected, rel=1e-8)


def test_functions_inside_took_the_first_default_for_the_last_parameter():
    def function(x):
        def inner(a, b=2.0, c=1.0):
            return a * b + c

        return inner(x, 3.0) * inner(x, c=3.0)

    found = gradient(ReverseWithPrimal, function, 0.5)
    assert found == (3.0 * (2 * 0.5 + 3.0) + 2.0 * (3 * 0.5 + 1.0), function(0.5))


class Cached:
    def __init__(self, x):
        self.x = x

    @cached_property
    def square(self):
        return self.x**2


@dataclass(frozen=True)
class FrozenCached:
    x: float

    @cached_property
    def square(self):
        return self.x**2


def test_cached_properties_were_computed_at_each_read():
    def function(o):
        first = o.square
        o.x = 5.0 * o.x
        return first + o.square

    with pytest.raises(DifferentiationTypeError, match="cached_property"):
        gradient(Reverse, function, Cached(2.0))
    assert gradient(Reverse, lambda o: o.square * o.square, FrozenCached(2.0)).x == 32.0
