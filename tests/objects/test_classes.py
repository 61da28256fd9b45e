"""What Python's data model makes of a class: construction, operators, truth, attributes, tests of type."""

from __future__ import annotations

import enum
import functools
from dataclasses import InitVar, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse

from numzyme import DifferentiationError, Reverse, gradient

from .checking import check, copies


@dataclass
class Two:
    a: Any
    b: Any


@dataclass(frozen=True)
class Frozen:
    a: Any
    b: Any = 2.0


class Colour(enum.Enum):
    RED = 1
    GREEN = 2.5


class Plain:
    scale = 3.0

    def __init__(self, v):
        self.v = v

    @staticmethod
    def seventh(x):
        return x / 7.0

    def method(self, x):
        return self.v * x


class Derived(Plain):
    def method(self, x):
        return Plain.method(self, x) * self.scale


# -- operators


class Left(Plain):
    def __add__(self, other):
        return self.v + 2.0 * other.v

    def __sub__(self, other):
        return NotImplemented

    def __iadd__(self, x):
        self.v += 2.0 * x
        return self

    def __lt__(self, other):
        return self.v < other.v

    def __bool__(self):
        return self.v > 1.0


class Right(Left):
    def __radd__(self, other):
        return 10.0 * other.v * self.v

    def __rsub__(self, other):
        return 100.0 * other.v + self.v

    def __matmul__(self, x):
        return self.v * x

    def __rmatmul__(self, x):
        return self.v + x

    def __neg__(self):
        return -self.v

    def __abs__(self):
        return abs(self.v) * 0.5

    def __getitem__(self, i):
        return self.v * (i + 1)

    def __len__(self):
        return 3


def operators(a, b):
    total = (a + b) + 3.0 * (a + a) + 0.5 * (a - b) + 7.0 * (b - b if False else 0.0)
    total += (b @ 2.0) * (2.0 @ b) + (-b) * abs(b) + b[2] * len(b)
    total *= 1.5 if a < b else 1.0
    a += total
    y = a.v
    y += a.v * b.v
    return y if a else total


def test_reflected_method_of_a_subclass_was_tried_last():
    check(operators, copies(Left(0.75), Right(2.0)))


class Added(Plain):
    def __add__(self, x):
        return Added.added(self, x)

    def added(self, x):
        return self.v * x

    def __len__(self):
        return 0


def truths(d, t, added, plain, empty):
    added_to = added
    added_to += 3.0
    total = added_to
    total += 2.0 if d else 5.0 * plain.v
    total += plain.v if plain else 0.0
    total *= 7.0 if empty else added.v
    total += 1.5 * plain.v if not added else 0.0
    total += plain.v**2 if "x" in d else plain.v**3
    if "y" not in d:
        total *= d["x"]
    return total * (t.a if t == Two(1.0, 2.5) else t.b)


def test_truth_in_place_operators_membership_and_equality():
    check(truths, copies({"x": 0.5}, Two(1.0, 2.0), Added(1.5), Plain(0.0), {}))


# -- attributes and tests of type


def attributes(m, colour, n, part):
    total = m.method(2.0) + Plain.seventh(m.v) + m.seventh(m.v) * m.scale
    if colour is Colour.RED:
        total += 1000.0
    elif colour == Colour.GREEN:
        total *= colour.value
    if isinstance(colour, Colour) and isinstance(m, Plain) and not isinstance(m, (Two, Frozen)):
        total *= 1.25
    if type(m) is Derived and m.__class__ is not Plain:
        total *= 1.5
    if isinstance(n, int) and isinstance(True, int) and isinstance(part, (tuple, list)):
        total += part[0] * n
    if hasattr(m, "v") and not hasattr(m, "w") and not isinstance(m.v, int):
        total *= 1.125
    return total


def test_a_bool_was_no_int_and_classes_had_no_attributes():
    check(attributes, copies(Derived(1.5), Colour.GREEN, True, [2.0]))


REFUSED_TESTS = {
    "floating": (
        lambda x: x["a"] * 2 if isinstance(x["a"], np.floating) else x["a"],
        {"a": 1.0},
        "floating",
    ),
    "sparse": (
        lambda x: np.sum(x) * 2 if isinstance(x, scipy.sparse.csr_array) else np.sum(x),
        scipy.sparse.csr_array(np.eye(2)),
        "scipy.sparse",
    ),
    "partial": (lambda x: x(2.0) if isinstance(x, functools.partial) else 0.0, functools.partial(pow, 3.0), "partial"),
}


def is_list(x):
    return 2.0 if isinstance(x, list) else 3.0


def lists(d):
    total = d["like"][0] * is_list(d["like"]) * is_list(d["unlike"])
    for part in (d["unlike"], d["tuple"]):
        total += part[0] ** 2 if isinstance(part, list) else part[0] ** 3
    return total * is_list(d["tuple"])


def test_lists_were_tuples():
    check(lists, copies({"like": [1.5, 2.0], "unlike": [0.5, None, np.ones(2)], "tuple": (2.0, 1.0)}))


@pytest.mark.parametrize("name", REFUSED_TESTS)
def test_isinstance_took_the_wrong_branch_for(name):
    f, argument, message = REFUSED_TESTS[name]
    with pytest.raises(DifferentiationError, match=message) as caught:
        gradient(Reverse, f, argument)
    assert "isinstance" in str(caught.value.where.text), caught.value


class Class:
    rate = 2.0
    table = np.array([1.0, 2.0])

    def __init__(self, v):
        self.v = v

    def value(self):
        return self.v * self.rate * self.table[1]


def test_changed_class_values_were_stale():
    m = Class(3.0)

    def f(m):
        return m.value() + m.rate

    assert gradient(Reverse, f, m).v == 4.0
    try:
        Class.rate = 5.0
        assert gradient(Reverse, f, m).v == 10.0
        Class.table[1] = 3.0
        assert gradient(Reverse, f, m).v == 15.0
    finally:
        Class.rate, Class.table[1] = 2.0, 2.0
    assert gradient(Reverse, f, m).v == 4.0


@dataclass(frozen=True)
class FrozenClass:
    w: np.ndarray
    rate = 2.0

    def __call__(self):
        return np.sum(self.w) * self.rate


def test_changed_class_values_were_stale_for_structures_met_before():
    m = FrozenClass(np.ones(2))
    for rate in (2.0, 3.0):
        FrozenClass.rate = rate
        for _ in range(3):
            assert list(gradient(Reverse, called, m).w) == [rate, rate]


def called(m):
    return m()


def test_numbers_read_from_a_class_by_name_are_refused_since_they_would_be_stale():
    with pytest.raises(DifferentiationError, match="read it from an instance"):
        gradient(Reverse, lambda t: t.a * Class.rate, Two(1.0, 2.0))


# -- construction


@dataclass
class OwnInit:
    a: float

    def __init__(self, a):
        self.a = 2 * a


@dataclass(frozen=True)
class OwnNew:
    a: float

    def __new__(cls, a):
        raise AssertionError


class Pair(NamedTuple):
    a: float
    b: float


class DoubledPair(Pair):
    def __new__(cls, a, b):
        return super().__new__(cls, 2 * a, b)


@dataclass
class InitOnly:
    a: float
    k: InitVar[float] = 3.0

    def __post_init__(self, k):
        self.a = self.a * k


class Meta(type):
    def __call__(cls, a):
        return super().__call__(a * 2)


@dataclass
class MadeByMeta(metaclass=Meta):
    a: float


@dataclass
class NoField:
    a: float
    b: float = field(init=False, default=4.0)

    def __post_init__(self):
        self.b = self.a * 2


@pytest.mark.parametrize("cls", (OwnNew, DoubledPair, MadeByMeta))
def test_constructors_of_the_user_were_ignored(cls):
    make = (lambda x: cls(x, x).a) if cls is DoubledPair else (lambda x: cls(x).a)
    with pytest.raises(DifferentiationError, match=f"cannot make a {cls.__name__}"):
        gradient(Reverse, lambda d: make(d["x"]), {"x": 1.5})


@dataclass
class KeywordFirst:
    a: float = field(default=1.5, kw_only=True)
    b: float = 2.0


@dataclass
class KeywordOrder:
    a: float = field(default=1.5, kw_only=True)
    b: float

    def __post_init__(self):
        self.b *= self.a


@dataclass(kw_only=True)
class Child(KeywordFirst):
    c: float = 0.25


def constructions(x):
    first, order = KeywordFirst(x[0]), KeywordOrder(x[0], a=x[1])
    child = Child(x[1], c=x[0])
    total = first.b * first.a + order.b * order.a + child.a * child.b * child.c
    pair = Pair(b=x[0], a=3.0)
    return total + pair.a * pair.b - Frozen(x[1]).b * Frozen(2.0, x[0]).b


def test_keyword_only_fields_were_taken_in_order_of_definition():
    check(constructions, copies([1.5, 2.0]))


def test_fields_that_appear_after_construction_were_refused():
    total = lambda d: NoField(d["x"]).b + OwnInit(d["x"]).a + InitOnly(d["x"]).a + Plain(d["x"]).v  # noqa: E731
    assert gradient(Reverse, total, {"x": 1.5}) == {"x": 8.0}


# -- code of the user that would not run


class Setting(Plain):
    def __setattr__(self, name, value):
        object.__setattr__(self, name, value * 2)


class Getting(Plain):
    def __getattribute__(self, name):
        return object.__getattribute__(self, name)


class Fallback(Plain):
    def __getattr__(self, name):
        return 1.0


class Property:
    def __init__(self, v):
        self._v = v

    @property
    def v(self):
        return self._v * 2

    @v.setter
    def v(self, x):
        self._v = x * 5


def sets(m):
    m.v = m.v * 3.0
    return m.v


@pytest.mark.parametrize(
    ("argument", "f", "message"),
    (
        (Setting(1.0), sets, "__setattr__"),
        (Getting(1.0), sets, "__getattribute__"),
        (Fallback(1.0), lambda m: m.v if hasattr(m, "q") else 0.0 * m.v, "__getattr__"),
    ),
)
def test_hooks_of_the_user_were_passed_over(argument, f, message):
    with pytest.raises(DifferentiationError, match=message):
        gradient(Reverse, f, argument)
