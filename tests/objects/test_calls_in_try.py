"""Calls inside of `try`: Numba takes every instruction there for itself, and lost what one tells the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numba import njit

from numzyme import DifferentiationError, grad

from .checking import check


@njit
def mixed(x, b=1.0, a=2.0):
    return x * b + a * a * x


def weighted(x, *others):
    total = 0.5 * x
    for other in others:
        total += x * other
    return total


@dataclass
class Line:
    slope: Any
    offset: Any = 2.0

    def at(self, x, scale=1.0, *, power=3.0):
        return self.slope * x * scale + self.offset**power


def keywords(x, y):
    try:
        total = mixed(x, a=y) + mixed(a=1.0, b=y, x=x) + mixed(mixed(x, a=3.0), b=mixed(y, a=x))
        total += Line(offset=x, slope=y).at(2.0, power=2.0) + Line(x).at(x=y, scale=3.0)
        for i, v in enumerate((x, y), start=2):
            total += i * v
        total += sorted([x, y], reverse=True)[0]
    except ValueError:
        total = 1.0
    return total


def keywords_in_handlers(x, y):
    try:
        if x > 0.0:
            raise ValueError("positive")
        total = 1.0
    except ValueError:
        total = mixed(x, a=y) + Line(offset=x, slope=y).at(2.0, power=2.0)
    finally:
        last = mixed(y, a=x)
    return total * last


def keywords_of_functions_made_inside(x, y):
    def line(t, p=1.0, q=2.0):
        return t * p - q * y

    try:
        return line(x, q=y) + line(p=3.0, t=y)
    except ValueError:
        return 1.0


@pytest.mark.parametrize("function", [keywords, keywords_in_handlers, keywords_of_functions_made_inside])
def test_keywords_were_taken_for_positions(function):
    check(function, lambda: (1.3, 0.7))


def required_keywords(x, y):
    return required(x, power=y) + required(x, y, power=2) + Line(y).at(x=x) * named_only(x, power=y)


def named_only(x, *, power, scale=2.0):
    return scale * x**power


def test_keywords_without_a_default_were_refused():
    check(required_keywords, lambda: (1.3, 0.7))


def starred(x, y):
    pair = (x, y)
    try:
        joined = (*pair, x, *pair)
        return mixed(*pair) + weighted(x, *pair) + joined[3] * joined[0]
    except ValueError:
        return 1.0


def test_starred_items_were_refused():
    check(starred, lambda: (1.3, 0.7))


def starred_beside_an_operation(x, y):
    pair = (x, y)
    try:
        return mixed(*pair, x * y)
    except ValueError:
        return 1.0


def deleted(x, y):
    product = x * y
    total = product * x
    del product
    return total


def without_warnings(x, y):
    with np.errstate(all="ignore"):
        return x * y


def required(x, scale=2.0, *, power):
    return scale * x


def leaves_out_a_keyword(x, y):
    return required(x, y)


REFUSED = {
    leaves_out_a_keyword: "leaves out a keyword argument",
    starred_beside_an_operation: "give the other items names first",
    deleted: "`del product` of a variable: leave it out",
    without_warnings: "this `with` is not known in compiled code",
}


@pytest.mark.parametrize("function", REFUSED)
def test_what_numba_said_is_said_in_terms_of_the_code(function):
    with pytest.raises(DifferentiationError) as caught:
        grad(function)(1.3, 0.7)
    assert REFUSED[function] in str(caught.value)
    assert "test_calls_in_try.py" in str(caught.value)


def ping(x, n):
    try:
        if n <= 0:
            return x
        return pong(x * 0.7, n - 1) + np.sin(x)
    except ValueError:
        raise


def pong(x, n):
    try:
        if n <= 0:
            return x * x
        return ping(x * 1.1, n - 1) * x
    finally:
        x = 0.0


def test_mutual_recursion_in_try_was_refused():
    check(ping, lambda: (1.3, 3), constant=(1,))
