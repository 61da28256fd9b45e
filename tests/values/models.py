"""User code of the tests: classes that know nothing of numzyme."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

Tag = TypeVar("Tag")


class Colour(enum.Enum):
    RED = 1.5
    BLUE = (1.0, 2.0)


class Point(NamedTuple):
    x: Any
    y: Any

    def norm(self):
        return np.hypot(self.x, self.y)


@dataclass
class TwoThings:
    a: Any
    b: Any


@dataclass(frozen=True)
class Frozen:
    w: Any
    n: Any = 3


@dataclass(slots=True)
class Slotted:
    w: Any
    b: Any = 0.5


@dataclass(frozen=True, slots=True)
class FrozenSlotted:
    w: Any


@dataclass
class Base:
    w: Any
    kind: str = "base"


@dataclass
class Derived(Base):
    extra: Any = 1.0


class AddsAttributes(Base):
    """Not a dataclass itself."""

    def __init__(self, w):
        super().__init__(w)
        self.added = 2.0 * w


@dataclass
class Computed:
    w: Any
    total: Any = field(init=False)

    def __post_init__(self):
        self.total = self.w * 10
        self.note = "not a field"

    @functools.cached_property
    def norm(self):
        return abs(self.w)


class Plain:
    def __init__(self, w, name="plain"):
        self.w = w
        self._name = name

    def scaled(self, x):
        return self.w * x

    @classmethod
    def make(cls):
        return cls(1.0)


class Tagged(Generic[Tag]):
    def __init__(self, w):
        self.w = w


class WithSlots:
    __slots__ = ("__private", "unset", "w")

    def __init__(self, w):
        self.w = w
        self.__private = 2.0

    def private(self):
        return self.__private


@dataclass
class Node:
    value: Any
    next: Any = None


@dataclass(frozen=True)
class Embedding:
    weight: Any

    def __call__(self, i):
        return self.weight[:, i]


@dataclass(frozen=True)
class Chain:
    layers: Any

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def explodes(*_args, **_keywords):
    raise AssertionError("user code must not run")
