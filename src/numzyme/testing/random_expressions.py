"""The expressions of random programs, and the names that they can use.

Invariant: an expression reads what `Scope` holds and nothing else, is defined for every value that can be stored (no
logarithm, root or quotient leaves its domain), and its indices are in bounds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

HEADER = """import math

import numpy as np
from numba import njit


def plain(u, v):
    return 0.7 * math.sin(u) + 0.3 * u * v


@njit
def branching(u, v):
    if u > v:
        return math.tanh(u - 0.5 * v)
    return u * math.cos(v)


@njit(inline="never")
def weigh(x, s):
    total = s
    for i in range(x.shape[0]):
        total = 0.8 * total + math.sin(x[i] * s)
    return total


def stir(x, s):
    for i in range(x.shape[0]):
        x[i] = math.tanh(x[i] * s + 0.3 * x[i - 1])


@njit
def recurse(u, n):
    if n <= 0:
        return u
    return math.sin(u + 0.4 * recurse(0.6 * u, n - 1))


@njit
def fold(x, n):
    if n == 0:
        return x[0]
    return math.tanh(x[n] * fold(x, n - 1) + 0.2)


@njit
def settle(x, n):
    if n > 0:
        x[n] = math.sin(x[n] + 0.5 * settle(x, n - 1))
    return x[0] * x[n]


def ramp(u, n):
    out = np.empty(n)
    for i in range(n):
        out[i] = math.sin(u * (i + 1))
    return out


@njit(inline="always")
def clamp(u):
    if u > 0.9:
        return 0.9 + 0.1 * u
    return u


@njit
def halves(u, v):
    return 0.5 * (u + v), math.sin(u - v)


"""


@dataclass
class Scope:
    """What can be used at a place: names by kind; arrays with their length, matrices with their shape."""

    floats: list[str] = field(default_factory=list)
    integers: list[str] = field(default_factory=list)  # not negative
    booleans: list[str] = field(default_factory=list)
    arrays: dict[str, int] = field(default_factory=dict)
    matrices: dict[str, tuple[int, int]] = field(default_factory=dict)

    def copy(self) -> Scope:
        return Scope(
            list(self.floats),
            list(self.integers),
            list(self.booleans),
            dict(self.arrays),
            dict(self.matrices),
        )


class Expressions:
    """Makes expressions over `scope`, as text."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.scope = Scope()

    def coefficient(self) -> str:
        return repr(round(self.rng.uniform(-1.2, 1.2), 2))

    def array(self) -> tuple[str, int]:
        """Some array, with its length."""
        return self.rng.choice(list(self.scope.arrays.items()))

    def index(self, length: int) -> str:
        """An expression that is a valid index of an array of `length`."""
        if self.scope.integers and self.rng.random() < 0.75:
            i = self.rng.choice(self.scope.integers)
            return self.rng.choice(
                (f"{i} % {length}", f"({i} + {self.rng.randint(1, 3)}) % {length}", f"{length - 1} - {i} % {length}")
            )
        return str(self.rng.randint(-length, length - 1))

    def leaf(self) -> str:
        choices: list[str] = [self.coefficient()]
        if self.scope.floats:
            choices += [self.rng.choice(self.scope.floats)] * 3
            if self.scope.integers and self.rng.random() < 0.15:
                members = ", ".join(self.rng.choice(self.scope.floats) for _ in range(3))
                choices.append(f"({members})[{self.rng.choice(self.scope.integers)} % 3]")
        if self.scope.arrays:
            name, length = self.array()
            choices += [f"{name}[{self.index(length)}]"] * 3
        if self.scope.matrices:
            name, (rows, columns) = self.rng.choice(list(self.scope.matrices.items()))
            choices.append(f"{name}[{self.index(rows)}, {self.index(columns)}]")
        return self.rng.choice(choices)

    def expression(self, depth: int = 2) -> str:
        if depth == 0 or self.rng.random() < 0.15:
            return self.leaf()
        kind = self.rng.randrange(20)
        u, v = self.expression(depth - 1), self.expression(depth - 1)
        if kind < 9:
            return self.rng.choice((f"({u} + {v})", f"({u} - {v})", f"{u} * {v}", f"{self.coefficient()} * {u}"))
        if kind < 13:
            return self.smooth(u, v)
        if kind < 16:
            return self.rng.choice(
                (f"{u} / (2.0 + ({v}) ** 2)", f"abs({u})", f"min({u}, {v})", f"max({u}, {v})", f"({u}) ** 3 * 0.2",
                 f"({u} if {self.comparison()} else {v})", f"math.copysign({u}, {v})", f"clamp({u})")
            )  # fmt: skip
        if kind < 18:
            return self.call(u, v)
        if self.scope.matrices and self.rng.random() < 0.3:
            return f"0.2 * {self.rng.choice(list(self.scope.matrices))}.sum()"
        return self.reduction() if self.scope.arrays else u

    def smooth(self, u: str, v: str) -> str:
        return self.rng.choice(
            (f"math.sin({u})", f"math.cos({u})", f"math.tanh({u})", f"math.exp(-(({u}) ** 2))", f"math.atan({u})",
             f"math.sqrt(1.0 + ({u}) ** 2)", f"math.log(1.5 + ({u}) ** 2)", f"math.log1p(({u}) ** 2)",
             f"math.sinh(math.sin({u}))", f"math.atan2({u}, 1.5 + abs({v}))", f"math.hypot({u}, 1.0 + abs({v}))",
             f"(1.2 + abs({u})) ** math.sin({v})", f"math.erf({u})", f"math.expm1(math.sin({u}))")
        )  # fmt: skip

    def call(self, u: str, v: str) -> str:
        choices = [f"plain({u}, {v})", f"branching({u}, {v})", f"recurse({u}, {self.rng.randint(0, 3)})"]
        if self.scope.integers:
            choices.append(f"recurse({u}, {self.rng.choice(self.scope.integers)} % 4)")
        if self.scope.arrays:
            name, length = self.array()
            choices += [f"weigh({name}, {u})", f"fold({name}, {length - 1})", f"settle({name}, {length - 1})"]
        return self.rng.choice(choices)

    def reduction(self) -> str:
        name, length = self.array()
        same = self.rng.choice([n for n, size in self.scope.arrays.items() if size == length])
        return self.rng.choice(
            (f"0.3 * np.sum({name} * {same})", f"{name}.mean()", f"{name}.max()", f"np.min({name})",
             f"0.3 * np.dot(np.ascontiguousarray({name}), np.ascontiguousarray({same}))", f"0.2 * {name}.sum()",
             f"np.prod(np.sin({name}))", f"{name}[np.argmax({same})]", f"0.3 * np.var({name})",
             f"0.2 * np.cumsum({name})[{self.index(length)}]")
        )  # fmt: skip

    def tame(self) -> str:
        """An expression whose value is bounded."""
        u = self.expression()
        return self.rng.choice(
            (f"math.sin({u})", f"math.tanh({u})", f"{u} / (1.0 + ({u}) ** 2)",
             f"0.5 * math.cos({u}) + 0.4 * {self.leaf()}")
        )  # fmt: skip

    def comparison(self) -> str:
        """A condition over floats."""
        return self.rng.choice((f"{self.leaf()} > {self.coefficient()}", f"{self.leaf()} < {self.leaf()}"))

    def condition(self) -> str:
        choices = [self.comparison(), f"{self.expression(1)} < {self.expression(1)}"]
        if self.scope.integers:
            i = self.rng.choice(self.scope.integers)
            choices += [f"{i} % {self.rng.randint(2, 3)} == 0", f"{i} > {self.rng.randint(0, 3)}"]
        if self.scope.booleans:
            choices.append(self.rng.choice(self.scope.booleans))
        chosen = self.rng.choice(choices)
        if self.rng.random() < 0.2:
            return f"{chosen} {self.rng.choice(('and', 'or'))} {self.rng.choice(choices)}"
        return chosen

    def elementwise(self, length: int) -> str:
        """A new array of the given length."""
        same = [n for n, size in self.scope.arrays.items() if size == length]
        if not same:
            return self.rng.choice((f"np.full({length}, {self.leaf()})", f"ramp({self.leaf()}, {length})"))
        u, v = self.rng.choice(same), self.rng.choice([*same, self.leaf()])
        return self.rng.choice(
            (f"np.sin({u} * {v})", f"0.5 * {u} - 0.4 * {v}", f"np.tanh({u} + {v})", f"{u} / (1.5 + {u} * {u})",
             f"np.where({u} > 0.1, {u}, 0.5 * {u})", f"np.maximum({u}, {v})", f"0.4 * {u}[::-1] + {v}",
             f"np.abs({u}) * {v}", f"np.exp(-{u} * {u})", f"np.sqrt({u} ** 2 + 1.0)")
        )  # fmt: skip
