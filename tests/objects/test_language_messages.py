"""Refusals as a user reads them: the line, the reason in Python's words, the user's own path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from numzyme import Const, DifferentiationError, Reverse, gradient
from numzyme.arrays import Diagonal


@dataclass
class Model:
    w: Any
    n: int = 1
    name: str = "m"

    def __sub__(self, other):
        raise TypeError("subtracting is not supported")

    async def later(self):
        return 1.0


@dataclass
class Holder:
    layers: Any


COUNT = [0]
TOTAL = 0.0


def assigns_global(c):
    global TOTAL
    TOTAL = TOTAL + 1.0
    return c.layers[0].w[0]


def changes_global(c):
    COUNT[0] += 1
    return c.layers[0].w[0]


def appends(c):
    c.layers.append(2.0)
    return c.layers[0].w[0]


def index_while(c):
    i, total = 0, 0.0
    while i < len(c.layers):
        total += np.sum(c.layers[i].w)
        i += 1
    return total


def deletes(c):
    del c.layers[0].w
    return 1.0


def endless(c):
    return endless(c) + 1.0


def raises_list(c):
    raise ValueError([c.layers[0].w[0], 2.0])


MISTAKES = {
    "equal arrays": (lambda c: c.layers[0] == Model(c.layers[0].w), "== of two Model compares `w`, an array, as a wh"),
    "raises a list": (raises_list, "a list cannot leave compiled code"),
    "only raises": (lambda c: np.sum((c.layers[0] - 1.0).w), "Model.__sub__ raises TypeError: subtracting is not"),
    "string": (lambda c: c.layers[0].name * 2.0, r"`\*` is not known for the string 'm', float64"),
    "async": (lambda c: c.layers[0].later(), "`Model.later` is asynchronous"),
    "global": (assigns_global, "a global name is assigned"),
    "global list": (changes_global, "has a fixed length and fixed members"),
    "append": (appends, "list.append: a list from outside the function"),
    "index": (index_while, "an index that is known only while the code runs: its members are unlike"),
    "delete": (deletes, "cannot delete attributes"),
    "endless": (endless, "calls itself without end"),
    "set": (lambda c: float(len({v * 2.0 for v in c.layers[0].w})), "set comprehensions are not known"),
    "call": (lambda c: c.layers[0].n(2.0), "int64 cannot be called"),
    "keywords": (lambda c: c.layers[0].w.sum(**c.layers[0].n), "write the keywords out"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name):
    f, message = MISTAKES[name]
    with pytest.raises(DifferentiationError, match=message) as caught:
        gradient(Reverse, f, Holder([Model(np.ones(2)), Diagonal(np.ones(2))]))
    assert __file__ in str(caught.value)


def test_wrappers_say_why():
    with pytest.raises(DifferentiationError, match="adding a number to each element would make the matrix dense"):
        gradient(Reverse, lambda d: np.sum(d + 1.0), Diagonal(np.ones(2)))


def store_array(m, x):
    m.w[0] = x[0]
    return np.sum(m.w)


def store_number(m, x):
    m.layers = x[0] * 2.0
    return m.layers


def test_constants_have_the_users_names():
    with pytest.raises(DifferentiationError, match=r"constant argument m\.w\b"):
        gradient(Reverse, store_array, Const(Model(np.ones(2))), np.ones(2))
    with pytest.raises(DifferentiationError, match=r"constant argument m\.layers\b"):
        gradient(Reverse, store_number, Const(Holder(1.0)), np.ones(2))
