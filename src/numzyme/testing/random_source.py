"""Source text of random programs that Numba compiles: `random_source(seed)`.

Decides what the programs look like: nested counted and while loops, break, continue and early return,
branches on values, integers and booleans, scalars, arrays, matrices, tuples, views and aliases, in-place
updates, helpers plain, compiled and recursive. Invariants: every index is in bounds, every loop ends, every
variable has one type and is set before it is read, and stored values are squashed (sin, tanh, averages), so
that nothing grows without bound. The text defines `program` and `arguments(rng)`, and needs nothing but
NumPy, math and Numba.
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


class Writer:
    """Writes one program. `result` is float, nothing, array or tuple."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lines: list[str] = []
        self.scope = Scope()
        self.names = 0
        self.budget = self.rng.randint(6, 14)
        self.result = self.rng.choices(("float", "nothing", "array", "tuple"), (85, 7, 4, 4))[0]
        self.loops: list[str] = []  # "for" or "while", innermost last
        self.protected: set[str] = set()  # loop counters, which statements must not assign

    def pick(self, *weighted: tuple[object, float]) -> object:
        return self.rng.choices([w[0] for w in weighted], [w[1] for w in weighted])[0]

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def emit(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    # Expressions

    def coefficient(self) -> str:
        return repr(round(self.rng.uniform(-1.2, 1.2), 2))

    def index(self, length: int) -> str:
        """An expression that is a valid index of an array of `length`."""
        if self.scope.integers and self.rng.random() < 0.75:
            i = self.rng.choice(self.scope.integers)
            return self.rng.choice((f"{i} % {length}", f"({i} + {self.rng.randint(1, 3)}) % {length}",
                                    f"{length - 1} - {i} % {length}"))  # fmt: skip
        return str(self.rng.randint(-length, length - 1))

    def leaf(self) -> str:
        choices: list[str] = []
        if self.scope.floats:
            choices += [self.rng.choice(self.scope.floats)] * 3
        if self.scope.arrays:
            name, length = self.rng.choice(list(self.scope.arrays.items()))
            choices += [f"{name}[{self.index(length)}]"] * 3
        if self.scope.matrices:
            name, (rows, columns) = self.rng.choice(list(self.scope.matrices.items()))
            choices.append(f"{name}[{self.index(rows)}, {self.index(columns)}]")
        choices.append(self.coefficient())
        return self.rng.choice(choices)

    def expression(self, depth: int = 2) -> str:
        if depth == 0 or self.rng.random() < 0.15:
            return self.leaf()
        kind = self.rng.randrange(10)
        u, v = self.expression(depth - 1), self.expression(depth - 1)
        if kind < 5:
            return self.rng.choice((f"({u} + {v})", f"({u} - {v})", f"{u} * {v}", f"{self.coefficient()} * {u}"))
        if kind < 7:
            return self.rng.choice((f"math.sin({u})", f"math.cos({u})", f"math.tanh({u})", f"math.exp(-({u}) ** 2)",
                                    f"math.sqrt(1.0 + ({u}) ** 2)", f"math.atan({u})"))  # fmt: skip
        if kind == 7:
            return self.rng.choice((f"{u} / (2.0 + ({v}) ** 2)", f"abs({u})", f"min({u}, {v})", f"({u}) ** 3 * 0.2"))
        if kind == 8:
            return self.call(u, v)
        return self.reduction() if self.scope.arrays else u

    def call(self, u: str, v: str) -> str:
        choices = [f"plain({u}, {v})", f"branching({u}, {v})", f"recurse({u}, {self.rng.randint(0, 3)})"]
        if self.scope.arrays:
            name, length = self.rng.choice(list(self.scope.arrays.items()))
            choices += [f"weigh({name}, {u})", f"fold({name}, {length - 1})"]
        return self.rng.choice(choices)

    def reduction(self) -> str:
        name, length = self.rng.choice(list(self.scope.arrays.items()))
        same = self.rng.choice([n for n, size in self.scope.arrays.items() if size == length])
        return self.rng.choice((f"0.3 * np.sum({name} * {same})", f"{name}.mean()", f"{name}.max()", f"np.min({name})",
                                f"0.3 * np.dot(np.ascontiguousarray({name}), np.ascontiguousarray({same}))",
                                f"0.2 * {name}.sum()"))  # fmt: skip

    def tame(self) -> str:
        """An expression whose value is bounded."""
        u = self.expression()
        return self.rng.choice((f"math.sin({u})", f"math.tanh({u})", f"{u} / (1.0 + ({u}) ** 2)",
                                f"0.5 * math.cos({u}) + 0.4 * {self.leaf()}"))  # fmt: skip

    def condition(self) -> str:
        choices = [f"{self.leaf()} > {self.coefficient()}", f"{self.expression(1)} < {self.expression(1)}"]
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
        """An array expression of the given length."""
        same = [n for n, size in self.scope.arrays.items() if size == length]
        u = self.rng.choice(same) if same else f"np.full({length}, {self.leaf()})"
        v = self.rng.choice([*same, self.leaf()]) if same else self.leaf()
        return self.rng.choice((f"np.sin({u} * {v})", f"0.5 * {u} - 0.4 * {v}", f"np.tanh({u} + {v})",
                                f"{u} / (1.5 + {u} * {u})"))  # fmt: skip

    # Statements

    def block(self, depth: int, count: int) -> None:
        """`count` statements in a scope of their own."""
        outer, self.scope = self.scope, self.scope.copy()
        before = len(self.lines)
        for _ in range(count):
            self.statement(depth)
        if len(self.lines) == before:
            self.emit(depth, "pass")
        self.scope = outer

    def statement(self, depth: int) -> None:
        self.budget -= 1
        deep = depth > 3 or self.budget < 0
        choice = self.pick(
            (self.assign, 4), (self.store, 4), (self.update, 3), (self.make_array, 2), (self.make_view, 1.5),
            (self.write_slice, 1.5), (self.integer, 1), (self.boolean, 0.7), (self.unpack, 0.7), (self.mutate, 1),
            (self.swap, 0.8), (self.matrix, 1), (self.loop, 0 if deep else 4), (self.branch, 0 if deep else 3),
            (self.while_loop, 0 if deep else 2.5), (self.jump, 1.5 if self.loops else 0.3),
        )  # fmt: skip
        choice(depth)  # type: ignore[operator]

    def assign(self, depth: int) -> None:
        value = self.tame()
        if self.scope.floats and self.rng.random() < 0.6:
            self.emit(depth, f"{self.rng.choice(self.scope.floats)} = {value}")
            return
        name = self.name("s")
        self.emit(depth, f"{name} = {value}")
        self.scope.floats.append(name)

    def update(self, depth: int) -> None:
        target = self.rng.choice(self.scope.floats)
        self.emit(depth, self.rng.choice((f"{target} += {self.tame()}", f"{target} *= {self.tame()}",
                                          f"{target} -= 0.5 * {self.leaf()}")))  # fmt: skip

    def store(self, depth: int) -> None:
        if not self.scope.arrays:
            return self.assign(depth)
        name, length = self.rng.choice(list(self.scope.arrays.items()))
        operator = self.rng.choice(("=", "=", "+=", "*="))
        self.emit(depth, f"{name}[{self.index(length)}] {operator} {self.tame()}")

    def make_array(self, depth: int) -> None:
        name = self.name("w")
        if self.scope.arrays and self.rng.random() < 0.7:
            source, length = self.rng.choice(list(self.scope.arrays.items()))
            text = self.rng.choice((f"{source}.copy()", f"np.zeros_like({source})", self.elementwise(length), source))
        else:
            length = self.rng.randint(2, 5)
            text = self.rng.choice((f"np.zeros({length})", f"np.ones({length})", self.elementwise(length)))
        self.emit(depth, f"{name} = {text}")
        self.scope.arrays[name] = length

    def make_view(self, depth: int) -> None:
        long = [(n, size) for n, size in self.scope.arrays.items() if size >= 3]
        if not long:
            return self.store(depth)
        source, length = self.rng.choice(long)
        low = self.rng.randint(0, 1)
        cut, size = self.rng.choice(
            ((f"{low}:{length - 1}", length - 1 - low), ("::-1", length), ("::2", (length + 1) // 2))
        )
        name = self.name("v")
        self.emit(depth, f"{name} = {source}[{cut}]")
        self.scope.arrays[name] = size

    def write_slice(self, depth: int) -> None:
        if not self.scope.arrays:
            return self.assign(depth)
        name, length = self.rng.choice(list(self.scope.arrays.items()))
        if length > 2 and self.rng.random() < 0.5:
            self.emit(depth, f"{name}[1:] = {self.rng.choice((f'0.6 * {name}[:-1]', f'np.sin({name}[1:])'))}")
        else:
            self.emit(depth, f"{name}[:] = {self.elementwise(length)}")

    def integer(self, depth: int) -> None:
        own = [i for i in self.scope.integers if i not in self.protected]
        source = self.rng.choice(self.scope.integers) if self.scope.integers else "2"
        name = self.rng.choice(own) if own and self.rng.random() < 0.6 else self.name("k")
        self.emit(depth, f"{name} = ({source} * {self.rng.randint(1, 4)} + {self.rng.randint(0, 3)}) % 5")
        if name not in self.scope.integers:
            self.scope.integers.append(name)

    def boolean(self, depth: int) -> None:
        name = self.name("c")
        self.emit(depth, f"{name} = {self.condition()}")
        self.scope.booleans.append(name)

    def unpack(self, depth: int) -> None:
        first, second = self.name("s"), self.name("s")
        self.emit(depth, f"{first}, {second} = halves({self.leaf()}, {self.tame()})")
        self.scope.floats += [first, second]

    def mutate(self, depth: int) -> None:
        if not self.scope.arrays:
            return self.assign(depth)
        self.emit(depth, f"stir({self.rng.choice(list(self.scope.arrays))}, {self.leaf()})")

    def swap(self, depth: int) -> None:
        own = [(n, size) for n, size in self.scope.arrays.items() if n[0] == "w"]
        pairs = [(n, m) for n, size in own for m, other in own if n < m and size == other]
        if pairs and self.rng.random() < 0.6:
            a, b = self.rng.choice(pairs)
        elif len(self.scope.floats) > 1:
            a, b = self.rng.sample(self.scope.floats, 2)
        else:
            return self.assign(depth)
        self.emit(depth, f"{a}, {b} = {b}, {a}")

    def matrix(self, depth: int) -> None:
        if not self.scope.matrices:
            return self.make_array(depth)
        name, (rows, columns) = self.rng.choice(list(self.scope.matrices.items()))
        kind = self.rng.randrange(5)
        if kind == 0:
            self.emit(depth, f"{name}[{self.index(rows)}, {self.index(columns)}] = {self.tame()}")
        elif kind == 1:
            row = self.name("v")
            self.emit(depth, f"{row} = {name}[{self.index(rows)}]")
            self.scope.arrays[row] = columns
        elif kind == 2:
            column = self.name("v")
            self.emit(depth, f"{column} = {name}[:, {self.index(columns)}]")
            self.scope.arrays[column] = rows
        elif kind == 3:
            other = self.name("m")
            self.emit(depth, f"{other} = {name}.T")
            self.scope.matrices[other] = (columns, rows)
        else:
            product = self.name("w")
            vector = self.elementwise(columns)
            self.emit(depth, f"{product} = np.ascontiguousarray({name}) @ np.tanh({vector})")
            self.scope.arrays[product] = rows

    def loop(self, depth: int) -> None:
        i = self.name("i")
        kind = self.rng.randrange(4)
        arrays = list(self.scope.arrays)
        outer, self.scope = self.scope, self.scope.copy()
        if kind == 0 and arrays:
            element = self.name("e")
            self.emit(depth, f"for {element} in {self.rng.choice(arrays)}:")
            self.scope.floats.append(element)
        elif kind == 1 and arrays:
            self.emit(depth, f"for {i} in range({self.rng.choice(arrays)}.shape[0] - 1, -1, -1):")
            self.scope.integers.append(i)
        elif kind == 2 and self.scope.integers:
            self.emit(depth, f"for {i} in range({self.rng.choice(self.scope.integers)} % 4):")
            self.scope.integers.append(i)
        else:
            step = self.rng.choice(("", "", ", 2"))
            self.emit(depth, f"for {i} in range({self.rng.randint(0, 2)}, {self.rng.randint(2, 5)}{step}):")
            self.scope.integers.append(i)
        self.protected.add(i)
        self.loops.append("for")
        self.block(depth + 1, self.rng.randint(1, 3))
        self.loops.pop()
        self.scope = outer

    def while_loop(self, depth: int) -> None:
        """A counter bounds the loop; its step comes first, so that `continue` cannot skip it."""
        counter, limit = self.name("n"), self.rng.randint(2, 6)
        self.emit(depth, f"{counter} = 0")
        condition = f"{counter} < {limit}"
        if self.rng.random() < 0.6:
            condition += f" and {self.expression(1)} < {round(self.rng.uniform(0.3, 1.5), 2)}"
        self.emit(depth, f"while {condition}:")
        self.emit(depth + 1, f"{counter} += 1")
        outer, self.scope = self.scope, self.scope.copy()
        self.scope.integers.append(counter)
        self.protected.add(counter)
        self.loops.append("while")
        self.block(depth + 1, self.rng.randint(1, 3))
        self.loops.pop()
        self.scope = outer

    def branch(self, depth: int) -> None:
        self.emit(depth, f"if {self.condition()}:")
        self.block(depth + 1, self.rng.randint(1, 2))
        if self.rng.random() < 0.3:
            self.emit(depth, f"elif {self.condition()}:")
            self.block(depth + 1, 1)
        if self.rng.random() < 0.6:
            self.emit(depth, "else:")
            self.block(depth + 1, self.rng.randint(1, 2))

    def jump(self, depth: int) -> None:
        """A conditional break, continue or return."""
        self.emit(depth, f"if {self.condition()}:")
        kinds = ["break", "continue"] * bool(self.loops) + ["return"]
        kind = self.rng.choice(kinds)
        self.emit(depth + 1, self.returned() if kind == "return" else kind)

    def returned(self) -> str:
        if self.result == "nothing":
            return "return"
        if self.result == "tuple":
            return f"return {self.tame()}, {self.leaf()} * 1.0"
        if self.result == "array":
            return f"return {self.elementwise(3)}"
        return f"return {self.tame()}"

    def write(self) -> str:
        """The whole program."""
        makers = self._parameters()
        body, self.lines = self.lines, []
        count = self.rng.randint(5, 9)
        for _ in range(count):
            self.statement(1)
        self.emit(1, self._final())
        signature = ", ".join(name for name, _ in makers)
        drawn = ", ".join(maker for _, maker in makers)
        text = [f"def arguments(rng):\n    return ({drawn},)\n\n", f"def program({signature}):", *body, *self.lines]
        return HEADER + "\n".join(text) + "\n"

    def _parameters(self) -> list[tuple[str, str]]:
        length = self.rng.randint(3, 5)
        found = [("x", f"rng.uniform(-1, 1, {length})")]
        self.scope.arrays["x"] = length
        if self.rng.random() < 0.5:
            other = self.rng.choice((length, length - 1, 2))
            found.append(("y", f"rng.uniform(-1, 1, {other})"))
            self.scope.arrays["y"] = other
        if self.rng.random() < 0.35:
            shape = self.rng.randint(2, 3), self.rng.randint(2, 3)
            found.append(("m", f"rng.uniform(-1, 1, {shape})"))
            self.scope.matrices["m"] = shape
        for name in ("a", "b")[: self.rng.randint(1, 2)]:
            found.append((name, "rng.uniform(-1, 1)"))
            self.scope.floats.append(name)
        if self.rng.random() < 0.5:
            found.append(("n", str(self.rng.randint(1, 4))))
            self.scope.integers.append("n")
            self.protected.add("n")
        if self.rng.random() < 0.3:
            found.append(("flag", str(self.rng.random() < 0.5)))
            self.scope.booleans.append("flag")
        if self.rng.random() < 0.2:
            found.append(("pair", "(rng.uniform(-1, 1), rng.uniform(-1, 1))"))
            self.emit(1, "p, q = pair")
            self.scope.floats += ["p", "q"]
        return found

    def _final(self) -> str:
        if self.result != "float":
            return self.returned()
        terms = [self.tame(), *(self.rng.choice(self.scope.floats) for _ in range(2)), self.reduction()]
        return f"return {' + '.join(terms)}"


def random_source(seed: int) -> str:
    """The program of a seed: always the same text."""
    return Writer(seed).write()
