"""What Python code does with classes: bases, class methods, constructors, replacement, properties, dicts."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import InitVar, dataclass, field, replace
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import pytest

from numzyme import DifferentiationError, Reverse, gradient

from .checking import check, copies

T = TypeVar("T")


class Layer(ABC):
    @abstractmethod
    def __call__(self, x): ...

    def penalty(self):
        return 0.5

    def twice(self, x):
        return self(self(x))


@dataclass
class Linear(Layer):
    w: Any

    def __call__(self, x):
        return self.w @ x

    def penalty(self):
        return super().penalty() * np.sum(self.w**2)

    @property
    def norm(self):
        return np.sum(self.w)


@dataclass
class Affine(Linear):
    b: Any

    def __call__(self, x):
        return super().__call__(x) + self.b

    def penalty(self):
        return super().penalty() * 2.0 + np.sum(Linear.__call__(self, self.b))

    @property
    def norm(self):
        return super().norm * 3.0 + np.sum(self.b)

    @classmethod
    def scaled(cls, w, factor=2.0):
        return cls(w * factor, w[0] + cls.half(factor))

    @staticmethod
    def half(x):
        return x / 2.0

    def remade(self, factor):
        first, second = self.scaled(self.w, factor), type(self).scaled(self.w)
        return first.penalty() + second.norm * Affine.half(factor) + self.half(factor)

    def doubled(self):
        return self.__class__(self.w * 2.0, self.b)


class Callable(Protocol):
    def __call__(self, x): ...


@dataclass(slots=True, kw_only=True)
class Box(Callable, Generic[T]):
    value: T

    def __call__(self, x):
        return self.value * x


class Slots:
    __slots__ = ("v", "w")

    def __init__(self, w, v=2.0):
        self.w = w
        self.v = v

    def __call__(self, x):
        return self.w * x + self.v


def affine():
    return Affine(np.array([[0.5, -0.25], [1.5, 2.0]]), np.array([0.25, 0.75])), np.array([1.5, -0.5])


def bases(m, x):
    return np.sum(m(x)) * m.penalty() + m.norm + np.sum(m.twice(x)) + Layer.penalty(m)


def test_super_and_base_classes():
    check(bases, affine)


def class_methods(m, x):
    return m.remade(x[0]) + Affine.scaled(m.w, x[1]).norm + m.doubled().norm + Affine.half(x[0])


def test_class_and_static_methods():
    check(class_methods, affine)


def boxes(box, slots, x):
    other = Box(value=box.value * x)
    return other(2.0) * slots(x) + Slots(x, box.value)(x) * Slots(w=slots.v)(x)


def test_slots_keywords_protocols_and_generic_classes():
    check(boxes, copies(Box(value=1.5), Slots(0.5), 0.75))


# -- constructors


class Network:
    def __init__(self, w, n=2, *, scale=1.5):
        super().__init__()
        self.w = w
        self.bias = np.zeros(n) + w[0]
        if n > 2:
            scale = scale * self.bias[0]
        self.scale = scale
        self.total = self.summed(self.bias) * self.shift(scale)

    def summed(self, values):
        self.count = 3.0 * np.sum(values)
        return np.sum(values) + self.scale

    @staticmethod
    def shift(x):
        return x + 1.0

    def __call__(self, x):
        return np.sum(self.w * x) * self.scale + self.total * self.count + self.bias[-1]


class Deeper(Network):
    def __init__(self, w, depth):
        Network.__init__(self, w, 3, scale=depth)
        self.inner = Network(w)

    def __call__(self, x):
        return super().__call__(x) + self.inner(x)


def ones(n=2):
    return np.ones(n)


@dataclass
class Made:
    a: Any
    z: Any = field(default_factory=lambda: np.zeros(3))
    o: Any = field(default_factory=ones)
    k: InitVar[Any] = 3.0
    b: Any = field(init=False)

    def __post_init__(self, k):
        self.b = self.a * k
        self.z = self.z + self.b


@dataclass(frozen=True)
class FrozenMade:
    a: Any
    square: Any = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "square", self.a**2)


def constructors(m, x):
    made, other = Made(x[0]), Made(x[1], o=x, k=x[0])
    total = np.sum(made.z) * made.b + np.sum(other.z * other.b) + np.sum(other.o) * np.sum(made.o)
    total += FrozenMade(x[0]).square * FrozenMade(x[1]).a
    network = Network(x, n=3)
    network.scale = network.scale * 2.0
    return total + network(m.scale) + Deeper(x, m.w[0])(x[0]) + m(x)


def test_constructors_run():
    check(constructors, lambda: (Network(np.array([0.5, 1.5])), np.array([1.25, 0.75])))


class Sometimes:
    def __init__(self, a):
        self.a = a
        if a > 0:
            self.b = a


class Escapes:
    def __init__(self, a):
        self.a = np.sum(str(self))


class Reads:
    rate = 2.0

    def __init__(self, a):
        self.a = a * self.rate


@dataclass
class Growing:
    a: Any
    items: list = field(default_factory=list)


class Setting:
    def __init__(self, a):
        self.a = a

    def __setattr__(self, name, value):
        object.__setattr__(self, name, value * 2)


@pytest.mark.parametrize(
    ("python_class", "message"),
    (
        (Sometimes, "which fields it has depends on a condition"),
        (Escapes, "uses `self` for more than"),
        (Reads, "reads 'rate', which is no field yet"),
        (Growing, "begins with an empty list"),
        (Setting, "has a __setattr__ of its own"),
    ),
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_constructors_that_are_refused(python_class, message):
    with pytest.raises(DifferentiationError, match=f"cannot make a {python_class.__name__}: .*{message}"):
        gradient(Reverse, lambda d: python_class(d["x"]).a, {"x": 1.5})


def test_abstract_classes_cannot_be_made():
    with pytest.raises(DifferentiationError, match="cannot make a Layer"):
        gradient(Reverse, lambda d: d["x"] * Layer().penalty(), {"x": 1.5})


# -- replacement


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclass(frozen=True)
class Frozen:
    w: Any
    s: Any = 2.0


def replaced(m, frozen, pair, x):
    other = replace(m, w=m.w * 2.0)
    other.b = other.b * x
    other.b = other.b + m.b
    again = dataclasses.replace(frozen, s=x[0])
    swapped = pair._replace(b=pair.a * x[1])
    return np.sum(other(x)) * np.sum(m.b) + again.s * again.w + swapped.b * swapped.a * pair._replace().b


def test_replacement():
    check(replaced, lambda: (affine()[0], Frozen(1.5), Pair(0.5, 2.5), affine()[1]))


# -- fields


class Scaled:
    def __init__(self, v):
        self._v = v

    @property
    def v(self):
        return self._v * 2.0

    @v.setter
    def v(self, x):
        self._v = x * 5.0


def fields(m, d):
    m.v = m.v * 3.0
    m.v += 1.0
    setattr(m, "_v", m._v * getattr(m, "none", 2.0))  # noqa: B010
    total = d.get("a") * d.get("q", 2.0) + (d["b"] if "b" in d and "c" not in d else 0.0)
    if d.get("q") is None and d.get("b") is not None:
        total *= 1.5
    for key in ("a", "b"):
        total += d[key] ** 2
    for layer in d["layers"].values():
        total = layer(total)
    return m.v * total


def test_properties_and_dicts():
    check(fields, lambda: (Scaled(0.5), {"a": 1.5, "b": 2.5, "layers": {"x": Box(value=2.0), "y": Slots(0.5)}}))


@pytest.mark.parametrize("same", (True, False))
def test_identity(same):
    def make():
        first = Slots(0.5, 1.5)
        return first, first if same else Slots(0.5, 1.5)

    def f(p, q):
        total = p.v * 2.0 if p is q else p.v * 3.0
        return total + (q.v if p is not q else 0.0)

    check(f, make)


def test_unknown_keys_and_changes_of_dicts_are_refused():
    for f, message in (
        (lambda d: d.pop("x"), "does not know 'pop' of a dict"),
        (lambda d: d.get(d["name"]), "must be known"),
        (lambda d: dataclasses.replace(d["o"], q=1.0).w, "Frozen has no field 'q'"),
    ):
        argument = {"x": 1.5, "o": Frozen(1.0), "name": 2}
        with pytest.raises(DifferentiationError, match=message):
            gradient(Reverse, f, argument)
