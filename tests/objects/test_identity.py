"""`a is b` and members of enumerations: Numba says False where it does not know, and took the other branch."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from numzyme import Const, DifferentiationError, Duplicated, Forward, ForwardWithPrimal, autodiff, grad

from .checking import check, copies


class Kind(enum.Enum):
    SQUARE = 1
    CUBE = 2
    ROOT = 3


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Name(enum.StrEnum):
    SINE = "sine"
    COSINE = "cosine"


class Word(enum.Enum):
    SINE = "sine"
    COSINE = "cosine"


class Unlike(enum.Enum):
    WHOLE = 1
    PART = 2.5


@dataclass
class Holder:
    first: Any
    second: Any = 0.0


class Point:
    def __init__(self, v):
        self.v = v


@dataclass(frozen=True)
class Fixed:
    v: float


def relu(x):
    return x if x > 0.0 else 0.0


def tanh(x):
    return math.tanh(x)


# -- functions, classes


def by_function(x, f):
    if f is relu:
        return f(x) * 3.0
    return x**3 if f is not tanh else f(x)


def by_equality(x, f):
    return x if f == relu else x**3 if f != tanh else x**2


def as_numbers(x, o):
    same, other = o.first is relu, o.first is not relu
    return x * same + x**2 * other


def in_a_helper(x, f):
    return x if tells(f) else x**2


def tells(f):
    return f is relu


def by_class(x, cls):
    return x if cls is Point else x**2


def of_fields(x, o):
    return x if o.first is o.second else x**2


def of_items(x, functions):
    return x if functions[0] is functions[1] else x**2


def or_another(x, f=None):
    f = f or relu
    return x if f is relu else f(x) * x


def made_inside(x):
    p, r = Point(x), Point(x)
    q = p
    return (x if p is q else x**2) + (x**3 if p is r else x**4)


def by_built_in(x, f):
    return x if f is math.sin else x**2


@pytest.mark.parametrize(
    ("function", "others"),
    [
        (by_function, (relu,)),
        (by_function, (tanh,)),
        (by_function, (math.sin,)),
        (by_equality, (relu,)),
        (by_equality, (tanh,)),
        (as_numbers, (Holder(relu),)),
        (as_numbers, (Holder(tanh),)),
        (in_a_helper, (relu,)),
        (in_a_helper, (tanh,)),
        (by_class, (Point,)),
        (by_class, (Fixed,)),
        (of_fields, (Holder(relu, relu),)),
        (of_fields, (Holder(relu, tanh),)),
        (of_fields, (Holder(Point, Point),)),
        (of_fields, (Holder(None, 1.0),)),
        (of_items, ([tanh, tanh],)),
        (of_items, ((relu, tanh),)),
        (or_another, ()),
        (or_another, (tanh,)),
        (made_inside, ()),
        (by_built_in, (math.sin,)),
        (by_built_in, (math.cos,)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_identity_was_false(function, others):
    check(function, copies(1.3, *others), constant=tuple(range(1, 1 + len(others))))


# -- what cannot be known


def of_numbers(x, y):
    return x if x is y else x * y


def of_strings(x, word):
    return x if word is Holder else x if word is str(word) else x**2


def of_tuples(x, values):
    return x if values is (values[0], 2.0) else x**2


def of_fixed(x):
    p = Fixed(x)
    q = Fixed(x)
    return x if p is q else x**2


def of_dicts(x):
    one = {1: x}
    other = {1: x}
    return x if one is other else x**2


def of_layouts(x, a, whole):
    part = a if whole else a[::2]
    return x if part is a else x**2


@pytest.mark.parametrize(
    ("function", "others"),
    [
        (of_numbers, (2.0,)),
        (of_strings, ("word",)),
        (of_tuples, ((1.0, 2.0),)),
        (of_fixed, ()),
        (of_dicts, ()),
        (of_layouts, (np.ones(3), True)),
        (of_fields, (Holder([1.0, 2.0], [1.0, 2.0]),)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_identity_was_equality_or_false(function, others):
    with pytest.raises(DifferentiationError, match="`is` between") as refused:
        grad(function)(1.3, *others)
    assert refused.value.where is not None
    assert " is " in str(refused.value.where.text)


# -- enumerations


def compared(x, kind):
    if kind is Kind.SQUARE:
        return x**2
    return x**3 if kind == Kind.CUBE else math.sqrt(x)


def compared_as_number(x, kind):
    return x**2 * (kind is Kind.SQUARE) + x**3 * (kind != Kind.SQUARE)


def is_one_of(x, kind):
    return x**2 if kind in (Kind.SQUARE, Kind.ROOT) else x


def changed(x, kind):
    now = kind
    if x > 2.0:
        now = Kind.CUBE
    return x if now == Kind.CUBE else x**2


def listed(x, kinds):
    total = 0.0
    for kind in kinds:
        if kind is Kind.SQUARE:
            total += x**2
        elif kind == Kind.CUBE:
            total += x**3
    return total


def counted(x, kind):
    total = 0.0
    for one in [Kind.SQUARE, kind, Kind.CUBE]:
        if one == kind:
            total += x**2
    return total


def matched(x, kind):
    match kind:
        case Kind.SQUARE:
            return x**2
        case Kind.CUBE:
            return x**3
    return x


def arithmetic(x, level):
    total = x**level + level * x + x / level + (x - level) ** 2 + x * Level.HIGH
    for n in range(level):
        total += n * np.array([x, x**2, x**3])[level]
    return total * 2.0 if level == Level.HIGH and level == 2 else total


def by_value(x, kind):
    return x * kind.value**2


def by_word(x, kind):
    return math.sin(x) if kind.value == "sine" else math.cos(x)


def by_name(x, kind):
    return math.sin(x) if kind == "sine" or kind.name == "COSINE" else x


def by_class_of_member(x, kind):
    return (x**2 if isinstance(kind, Kind) else x) * (3.0 if isinstance(kind, int) else 1.0)


@pytest.mark.parametrize(
    ("function", "other"),
    [
        *((compared, kind) for kind in Kind),
        *((compared_as_number, kind) for kind in Kind),
        *((is_one_of, kind) for kind in Kind),
        (changed, Kind.SQUARE),
        (changed, Kind.CUBE),
        (listed, (Kind.SQUARE, Kind.CUBE, Kind.ROOT, Kind.SQUARE)),
        (listed, [Kind.CUBE]),
        (counted, Kind.SQUARE),
        (counted, Kind.ROOT),
        *((matched, kind) for kind in Kind),
        *((arithmetic, level) for level in Level),
        (by_value, Kind.CUBE),
        (by_value, Level.HIGH),
        *((by_value, kind) for kind in Unlike),
        *((by_word, word) for word in Word),
        *((by_name, name) for name in Name),
        (by_name, Word.SINE),
        (by_class_of_member, Kind.CUBE),
        (by_class_of_member, Level.HIGH),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_enumeration_member_as_argument_was_refused_or_unlike_itself(function, other):
    check(function, copies(1.3, other), constant=(1,))


def keeps(x, kind):
    return x**2, kind


def test_enumeration_member_comes_back():
    found = autodiff(ForwardWithPrimal, keeps, Duplicated(2.0, 3.0), Const(Kind.CUBE))
    assert found.val == (4.0, Kind.CUBE)
    assert found.derivs == (12.0, None)
    assert autodiff(Forward, keeps, Duplicated(2.0, 3.0), Const(Level.LOW)) == (12.0, None)


def dict_of_members(x):
    table = {Kind.SQUARE: x, Kind.CUBE: x**2}
    return table[Kind.CUBE]


def test_line_of_a_dict_with_unknown_keys_was_numbas():
    with pytest.raises(DifferentiationError, match="keys of type") as refused:
        grad(dict_of_members)(2.0)
    assert refused.value.where is not None
    assert refused.value.where.file == __file__
