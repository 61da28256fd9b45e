"""Python that compiled code took for something else, without a word: refused, or as Python means it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pytest

from numzyme import (
    DifferentiationTypeError,
    Forward,
    Reverse,
    ReverseWithPrimal,
    autodiff,
    grad,
    gradient,
    value_and_grad,
    vjp,
)
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


# -- lists


ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]])
CHOSEN = [0, 2]


def selects_rows(x, chosen):
    return np.sum(x[chosen])


def selects_by_captured_list(x):
    return np.sum(x[CHOSEN] ** 2)


def writes_rows(x, chosen):
    y = x.copy()
    y[chosen] = 0.0
    return np.sum(y)


def compares_list_and_tuple(x, first, second):
    return x * 2.0 if first == second else x * 3.0


def joins_list_and_tuple(first, second):
    return sum(first + second)


def fills_list_of_integers(x):
    total = [0] * 2
    for i in range(2):
        total[i] = x[i] ** 2
    return sum(total) * 1.0


def adds_in_list_of_integers(x):
    total = [0]

    def add(v):
        total[0] += v

    add(x)
    return total[0] * 1.0


def divides_by_power(x, n):
    return x * n**-1


def compares_dtype(x):
    return x[0] * 2.0 if x.dtype == "float64" else x[0] * 3.0


def guarded(x, log):
    try:
        yield x
    finally:
        log[0] = 5.0


def leaves_generator(x):
    log = np.zeros(1)
    for value in guarded(x, log):
        if value > 0.0:
            break
    return x * log[0] + x


def compares_types_of_numbers(x, n):
    return x * 2.0 if type(n) is int else x * 3.0


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        (selects_rows, (ROWS, [0, 1]), "a list selects elements"),
        (selects_by_captured_list, (ROWS,), "a list selects elements"),
        (writes_rows, (ROWS, [0, 1]), "a list selects elements"),
        (compares_list_and_tuple, (1.5, [1, 2], (1, 2)), "a list and a tuple"),
        (joins_list_and_tuple, ([1.0, 2.0], (3.0,)), "a list and a tuple"),
        (fills_list_of_integers, (np.array([1.5, 2.5]),), "would truncate"),
        (adds_in_list_of_integers, (1.5,), "would truncate"),
        (compares_types_of_numbers, (1.5, 2), "types of numbers"),
        (divides_by_power, (1.5, 2), "negative power"),
        (compares_dtype, (np.ones(1),), "not compared with a string"),
        (leaves_generator, (1.5,), "`yield` inside of `try`"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_lists_and_types_that_meant_something_else(function, arguments, reason):
    with pytest.raises(DifferentiationTypeError, match=reason) as refused:
        gradient(Reverse, function, *arguments)
    assert refused.value.where is not None
    assert refused.value.where.file == __file__


# -- what a function changes that is not its own


def counting():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return x * calls

    return f


def helper_with_scratch(x, scratch=np.zeros(1)):  # noqa: B008
    scratch[0] += 1.0
    return x * scratch[0]


class WithArray:
    table = np.array([1.0, 2.0])

    def __init__(self, v):
        self.v = v


def changes_class(o):
    o.table[0] = 2.0
    return o.v * o.table[0]


@pytest.mark.parametrize(
    ("function", "argument", "reason"),
    [
        (counting(), 1.5, "`calls` is a variable of another function"),
        (lambda x: helper_with_scratch(x), 1.5, "an array is changed that cannot be"),
        (changes_class, WithArray(1.5), "an array is changed that cannot be"),
    ],
    ids=["nonlocal", "default of a helper", "class"],
)
def test_writes_that_were_lost(function, argument, reason):
    with pytest.raises(DifferentiationTypeError, match=reason):
        gradient(Reverse, function, argument)


def scratch_as_default(x, scratch=np.ones(2)):  # noqa: B008
    scratch[0] += 1.0
    return x * scratch[0]


def options_as_default(x, options={"scale": 2.0}, weights=np.array([2.0, 3.0])):  # noqa: B006, B008
    return options["scale"] * x * weights[1]


def test_defaults_that_are_data_were_frozen_or_crashed():
    assert value_and_grad(scratch_as_default)(1.5) == (3.0, 2.0)
    assert gradient(Reverse, scratch_as_default, 1.5) == 3.0
    assert scratch_as_default.__defaults__[0][0] == 3.0
    assert vjp(scratch_as_default, 1.5)[1](2.0) == (8.0,)
    assert grad(options_as_default)(1.5) == 6.0
    options_as_default.__defaults__[0]["scale"] = 5.0
    options_as_default.__defaults__[1][1] = 4.0
    assert grad(options_as_default)(1.5) == 20.0
    assert gradient(Forward, options_as_default, 1.5) == 20.0
    assert grad(options_as_default, argnums=2)(1.5).tolist() == [0.0, 7.5]
    assert grad(options_as_default)(1.5, weights=np.ones(2)) == 5.0


def keywords_only(x, *, scale=3.0, weights=np.array([1.0, 2.0])):  # noqa: B008
    weights[0] += 1.0
    return x * scale * weights[0]


def keyword_beside_captured(x, *, scale=3.0):
    return x * scale * np.sum(ROWS[0])


def test_keywords_that_are_only_keywords_were_left_out():
    assert grad(keywords_only)(1.5) == 6.0
    assert grad(keywords_only)(1.5, scale=5.0) == 15.0
    assert gradient(Reverse, keywords_only, 1.5) == 12.0
    assert keywords_only.__kwdefaults__["weights"][0] == 4.0
    assert grad(keyword_beside_captured)(1.5) == 18.0
    assert grad(keyword_beside_captured)(1.5, scale=5.0) == 30.0
    assert grad(lambda o, *, scale=3.0: o["v"] * scale)({"v": 1.5}, scale=5.0) == {"v": 5.0}
    assert grad(keyword_beside_captured, verify=True)(1.5, scale=5.0) == 30.0
