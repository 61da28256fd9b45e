"""Fingerprints: equal for the same program in another module object, different for every change that may matter."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest
from numba import njit, typeof
from numba import types as numba_types

from numzyme import grad
from numzyme.frontend import fingerprint
from numzyme.frontend.objects.kinds import ObjectType

SOURCE = """
import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
import numpy as np
from numba import njit

NUMBER = 3
TABLE = np.arange(4.0)
PAIR = (1, 2.0, "a")

class Color(Enum):
    RED = 1

class Point(NamedTuple):
    x: float
    y: float = 1.0
    def norm(self):
        return math.hypot(self.x, self.y)

class Base:
    constant = 2.0
    handlers = {"log": object()}
    def unused(self):
        return open("nowhere")
    def used(self):
        return self.constant * NUMBER
    @property
    def double(self):
        return 2 * self.used()
    @staticmethod
    def plain(x):
        return x + 1
    def __add__(self, other):
        return other

@dataclass
class Model(Base):
    weight: float = 1.0
    def __call__(self, x):
        return self.used() + self.double + self.plain(x)

def inner(x):
    return x * TABLE[0]

@njit(fastmath=False)
def jitted(x):
    return inner(x) + np.tanh(x)

def outer(model, x, color=Color.RED):
    y = model(x) + jitted(x) + PAIR[0]
    return [Point(v, v).norm() for v in (y, y)][0]
"""
RELEVANT = [
    ("NUMBER = 3", "NUMBER = 4"),
    ("np.arange(4.0)", "np.arange(4.0) + 1e-300"),
    ("np.arange(4.0)", "np.arange(4)"),
    ('(1, 2.0, "a")', '(1, 2.0, "b")'),
    ("RED = 1", "RED = 2"),
    ("y: float = 1.0", "y: float = 2.0"),
    ("math.hypot(self.x, self.y)", "self.x"),
    ("constant = 2.0", "constant = 2"),
    ("2 * self.used()", "3 * self.used()"),
    ("return x + 1", "return x - 1"),
    ("return other", "return self"),
    ("weight: float = 1.0", "weight: float = -1.0"),
    ("@dataclass\n", "@dataclass(frozen=True)\n"),
    ("x * TABLE[0]", "x * TABLE[1]"),
    ("fastmath=False", "fastmath=True"),
    ("np.tanh(x)", "np.sinh(x)"),
    ("color=Color.RED", "color=None"),
    ("def inner", "\ndef inner"),  # another line in error messages
]
IRRELEVANT = [
    ('{"log": object()}', "None"),
    ("NUMBER = 3", "NUMBER = 3; OTHER = 5"),
]


def module_of(source: str, filename: str = "fingerprinted.py") -> Any:
    made = types.ModuleType("fingerprinted")
    sys.modules["fingerprinted"] = made  # dataclasses look there
    exec(compile(source, filename, "exec"), vars(made))
    return made


def of_source(source: str, filename: str = "fingerprinted.py") -> Any:
    module = module_of(source, filename)
    kind = ObjectType(module.Model, (("weight", numba_types.float64),))
    return fingerprint(module.outer, (kind, numba_types.float64))


def test_same_program() -> None:
    first, second = of_source(SOURCE), of_source(SOURCE)
    assert first.reason is None
    assert first.digest == second.digest
    assert [kind.__name__ for kind in first.classes] == [kind.__name__ for kind in second.classes]


@pytest.mark.parametrize(("before", "after"), RELEVANT)
def test_changes(before: str, after: str) -> None:
    assert before in SOURCE
    for filename in ("fingerprinted.py", "<string>"):  # as Python's own code for dataclasses
        changed = of_source(SOURCE.replace(before, after, 1), filename)
        assert changed.reason is None and changed.digest != of_source(SOURCE, filename).digest


@pytest.mark.parametrize(("before", "after"), IRRELEVANT)
def test_what_compiled_code_cannot_see(before: str, after: str) -> None:
    changed = of_source(SOURCE.replace(before, after, 1))
    assert changed.reason is None and changed.digest == of_source(SOURCE).digest


def test_unknown_objects_are_no_key() -> None:
    unknown = object()
    found = fingerprint(lambda x: unknown)
    assert found.reason is not None and "object" in found.reason


def test_large_arrays_are_no_key() -> None:
    large = np.zeros(200_000)
    assert fingerprint(lambda x: large[0] * x).reason is not None


def test_changed_since_it_was_seen() -> None:
    module = module_of(SOURCE)
    assert fingerprint(module.inner).reason is None
    module.TABLE[0] = 7.0
    assert "TABLE" in (fingerprint(module.inner).reason or "")
    module.Base.constant = 5.0  # never seen before
    assert fingerprint(module.Base, module.outer).reason is not None  # for TABLE
    other = module_of(SOURCE)
    assert fingerprint(other.outer, other.Model).reason is None
    other.Base.used = lambda self: 1.0
    assert "used" in (fingerprint(other.outer, other.Model).reason or "")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (numba_types.float64, numba_types.float32),
        (numba_types.float64[:], numba_types.float64[::1]),
        (numba_types.float64[::1], numba_types.Array(numba_types.float64, 1, "C", readonly=True)),
        (numba_types.float64[:, ::1], numba_types.float64[::1]),
        (numba_types.literal(1), numba_types.literal(2)),
        (numba_types.UniTuple(numba_types.float64, 2), numba_types.UniTuple(numba_types.float64, 3)),
        (numba_types.Omitted(1.0), numba_types.Omitted(2.0)),
        (numba_types.none, numba_types.unicode_type),
        (typeof(np.zeros(1, "f8, i8")), typeof(np.zeros(1, "i8, f8"))),
        (typeof(np.zeros(1, "f8, (2,)f4, S3, M8[D]")), typeof(np.zeros(1, "f8, (3,)f4, S3, M8[D]"))),
    ],
)
def test_types(first: Any, second: Any) -> None:
    assert fingerprint(first).reason is fingerprint(second).reason is None
    assert fingerprint(first).digest != fingerprint(second).digest


def test_type_without_description() -> None:
    assert fingerprint(numba_types.ListType(numba_types.float64)).reason is not None


def test_values_that_compare_equal() -> None:
    values = [0.0, -0.0, 0, False, np.float64(0), np.float32(0), np.zeros(1), [0.0], (0.0,)]
    assert len({fingerprint(value).digest for value in values}) == len(values)


def test_functions_of_libraries_count_by_name() -> None:
    assert fingerprint(np.sum).digest != fingerprint(np.prod).digest
    assert fingerprint(np.tanh).reason is fingerprint(len).reason is None


def test_transform() -> None:
    @njit
    def f(x):
        return x * x

    transform = grad(f)
    assert fingerprint(lambda x: transform(x)).reason is None
    assert fingerprint(grad(f)).digest != fingerprint(grad(f, argnums=(0,))).digest


def test_recursion() -> None:
    def even(n):
        return True if n == 0 else odd(n - 1)

    def odd(n):
        return False if n == 0 else even(n - 1)

    assert fingerprint(even).reason is None
