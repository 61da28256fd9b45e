"""More statements for random programs: what the language has beside arithmetic, loops and arrays.

Decides what they look like: stores through rows, views, helpers' results, parts of complex arrays, fields and tuples;
functions made inside, lambdas and comprehensions; handlers that raise, `finally`; objects, generators, dicts, and
functions of NumPy. Invariants are those of `random_statements`.
"""

from __future__ import annotations

from .random_statements import Writer

HELPERS = """from typing import NamedTuple


class Box:
    def __init__(self, value, items):
        self.value = value
        self.items = items
        self.count = 0

    def step(self, s):
        self.count += 1
        self.value = math.tanh(self.value + 0.5 * s)
        self.items[0] = 0.5 * self.items[0] + self.value
        return self.value * self.count

    @property
    def size(self):
        return 0.3 * np.sum(self.items)


class Pair(NamedTuple):
    head: float
    items: np.ndarray


def tail(x):
    return x[1:]


def longer(x, y):
    if x.shape[0] > y.shape[0]:
        return x
    return y


def walk(x, s):
    for v in x:
        s = math.sin(s + v)
        yield s


def limited(u):
    if u > 0.5:
        raise ValueError("too large")
    return u * u


def apply(function, u):
    return function(u) + 0.1 * function(0.5 * u)


def descend(x, u, n):
    if n <= 0:
        if u > 2.0:
            raise ValueError("too large")
        return u * 1.0, x * u, 1
    v, y, count = descend(x, math.tanh(u + x[n % x.shape[0]]), n - 1)
    if v > 0.3:
        y[0] *= v
        return v * u, y, count + 1
    return math.sin(v), np.tanh(y + u), count + 2


"""


class WideWriter(Writer):
    """Writes one program with statements of all kinds."""

    helpers = HELPERS

    def choices(self, deep: bool) -> list[tuple]:
        return [
            *super().choices(deep),
            (self.rows, 0 if deep else 1.0),
            (self.through_view, 2.0),
            (self.comprehension, 1.2),
            (self.function, 0.8),
            (self.inner_function, 0.0 if self.guarded else 1.0),
            (self.handler, 0 if deep else 0.8),
            (self.object, 1.0),
            (self.numpy, 2.5),
            (self.members, 0.8),
            (self.generator, 0 if deep else 0.6),
            (self.dictionary, 0.4),
            (self.descent, 0.5),
        ]

    def bind(self, depth: int, text: str, kind: str = "s") -> str:
        """Bind a new variable to the value of `text`."""
        name = self.name(kind)
        self.emit(depth, f"{name} = {text}")
        if kind == "s":
            self.scope.floats.append(name)
        return name

    def bind_array(self, depth: int, text: str, length: int) -> None:
        self.scope.arrays[self.bind(depth, text, "w")] = length

    def rows(self, depth: int) -> None:
        """Rows of a matrix, or arrays of a tuple, one after another, and stores into them."""
        if self.scope.matrices:
            name, (rows, columns) = self.rng.choice(list(self.scope.matrices.items()))
            if self.rng.random() < 0.3:
                name, columns = f"{name}.T", rows
        elif self.scope.arrays:
            array, columns = self.array()
            name = f"np.outer({array}, {array})"
            name = self.bind(depth, f"np.tanh({name})", "m")
            self.scope.matrices[name] = (columns, columns)
        else:
            return self.assign(depth)
        row = self.name("r")
        counter = self.name("i")
        head = self.rng.choice((f"for {row} in {name}:", f"for {counter}, {row} in enumerate({name}):"))
        self.emit(depth, head)
        outer, self.scope = self.scope, self.scope.copy()
        self.scope.arrays[row] = columns
        if "enumerate" in head:
            self.scope.integers.append(counter)
            self.protected.add(counter)
        store = self.rng.choice(
            (
                f"{row}[{self.index(columns)}] = {self.tame()}",
                f"{row}[:] = {self.elementwise(columns)}",
                f"{row} *= 0.7",
                f"stir({row}, {self.leaf()})",
            )
        )
        self.emit(depth + 1, store)
        self.loops.append("for")
        self.block(depth + 1, self.rng.randint(0, 2))
        self.loops.pop()
        self.scope = outer

    def through_view(self, depth: int) -> None:
        """A store into something that was never bound to a name."""
        if self.scope.matrices and self.rng.random() < 0.4:
            name, (rows, columns) = self.rng.choice(list(self.scope.matrices.items()))
            target = self.rng.choice(
                (
                    f"{name}[{self.index(rows)}][{self.index(columns)}]",
                    f"{name}.T[{self.index(columns)}, {self.index(rows)}]",
                    f"{name}.flat[{self.rng.randrange(rows * columns)}]",
                    f"{name}[:, {self.index(columns)}][{self.index(rows)}]",
                    f"tail({name})[{self.index(rows - 1)}, {self.index(columns)}]",
                    f"{name}[::-1][{self.index(rows)}][{self.index(columns)}]",
                )
            )
        elif self.scope.arrays:
            name, length = self.array()
            if length < 2:
                return self.store(depth)
            other, _ = self.array()
            shorter = min(length, self.scope.arrays[other])
            target = self.rng.choice(
                (
                    f"tail({name})[{self.index(length - 1)}]",
                    f"{name}[1:][{self.index(length - 1)}]",
                    f"{name}[::-1][{self.index(length)}]",
                    f"longer({name}, {other})[{self.index(shorter)}]",
                    f"({name} if {self.condition()} else {other})[{self.index(shorter)}]",
                    f"({self.leaf()}, {name})[1][{self.index(length)}]",
                    f"Box({self.leaf()}, {name}).items[{self.index(length)}]",
                    f"Pair({self.leaf()}, {name}).items[{self.index(length)}]",
                )
            )
        else:
            return self.assign(depth)
        self.emit(depth, f"{target} {self.rng.choice(('=', '+=', '*='))} {self.tame()}")

    def comprehension(self, depth: int) -> None:
        """A comprehension or a generator expression, as an array, a list, or a sum."""
        element, counter = self.name("e"), self.name("i")
        if not self.scope.arrays:
            return self.assign(depth)
        name, length = self.array()
        outer, self.scope = self.scope, self.scope.copy()
        self.scope.floats.append(element)
        body = self.rng.choice((f"{element} * {self.leaf()}", f"math.sin({element} + {self.leaf()})", self.tame()))
        self.scope = outer
        source = self.rng.choice((f"{element} in {name}", f"{counter}, {element} in enumerate({name})"))
        kind = self.rng.randrange(4)
        if kind == 0:
            self.bind_array(depth, f"np.array([{body} for {source}])", length)
        elif kind == 1:
            listed = self.bind(depth, f"[{body} for {source}]", "l")
            self.emit(depth, f"{listed}[{self.index(length)}] = {self.tame()}")
            self.bind(depth, f"math.tanh(sum({listed}))")
        elif kind == 2:
            self.bind(depth, f"math.sin(sum([{body} for {source} if {element} > {self.coefficient()}]))")
        else:
            self.bind(depth, f"math.sin(sum(({body} for {source})))")

    def function(self, depth: int) -> None:
        """A lambda, called, or handed on."""
        made, argument = self.name("f"), self.name("t")
        outer, self.scope = self.scope, self.scope.copy()
        self.scope.floats.append(argument)
        body = self.tame()
        self.scope = outer
        self.emit(depth, f"{made} = lambda {argument}: {body}")
        self.bind(
            depth,
            self.rng.choice(
                (f"{made}({self.leaf()})", f"apply({made}, {self.leaf()})", f"0.5 * {made}({made}({self.leaf()}))")
            ),
        )

    def inner_function(self, depth: int) -> None:
        """A function made inside, that reads what surrounds it, and may store into an array."""
        made, argument, local = self.name("f"), self.name("t"), self.name("s")
        outer, self.scope, loops, self.loops = self.scope, self.scope.copy(), self.loops, []
        self.emit(depth, f"def {made}({argument}):")
        self.scope.floats.append(argument)
        self.emit(depth + 1, f"{local} = {self.tame()}")
        self.scope.floats.append(local)
        if self.scope.arrays and self.rng.random() < 0.6:
            name, length = self.array()
            self.emit(depth + 1, f"{name}[{self.index(length)}] {self.rng.choice(('=', '+='))} {self.tame()}")
        self.emit(depth + 1, f"return {self.tame()}")
        self.scope, self.loops = outer, loops
        self.bind(depth, f"{made}({self.leaf()})")
        if self.rng.random() < 0.5:
            self.update(depth)
            self.bind(depth, f"{made}({self.leaf()}) + 0.5 * {self.leaf()}")

    def handler(self, depth: int) -> None:
        """A handler that may raise, inside of another, or `finally`."""
        self.guarded, guarded = True, self.guarded
        value = self.bind(depth, self.tame())
        if self.rng.random() < 0.4:
            self.emit(depth, "try:")
            self.emit(depth + 1, f"{value} += limited({self.leaf()})")
            self.block(depth + 1, 1)
            self.emit(depth, f"except {self.caught()}:")
            self.emit(depth + 1, f"{value} = {self.tame()}")
            if self.rng.random() < 0.5:
                self.emit(depth, "finally:")
                self.emit(depth + 1, f"{value} = 0.5 * {value} + {self.leaf()}")
        else:
            self.emit(depth, "try:")
            self.emit(depth + 1, "try:")
            self.emit(depth + 2, f"{value} -= limited({self.leaf()})")
            self.block(depth + 2, 1)
            self.emit(depth + 1, f"except {self.rng.choice((self.caught(), 'KeyError'))}:")
            self.emit(depth + 2, f"{value} = {self.tame()}")
            self.emit(depth + 2, f"if {self.condition()}:")
            again = self.rng.choice(("raise", 'raise TypeError("again")', 'raise ValueError("again") from None'))
            self.emit(depth + 3, again)
            self.block(depth + 2, 1)
            if self.rng.random() < 0.5:
                self.emit(depth + 1, "finally:")
                self.emit(depth + 2, f"{value} = {value} + {self.tame()}")
            self.emit(depth, "except Exception:")
            self.emit(depth + 1, f"{value} = 0.3 * {value} + {self.tame()}")
        self.guarded = guarded

    def caught(self) -> str:
        """Classes to which what `limited` raises belongs."""
        return self.rng.choice(("Exception", "ValueError", "(KeyError, ValueError)"))

    def object(self, depth: int) -> None:
        """An object with a number and an array, that may be another's."""
        if not self.scope.arrays:
            return self.assign(depth)
        name, length = self.array()
        made = self.name("o")
        items = self.rng.choice((name, name, f"{name}.copy()", self.elementwise(length)))
        self.emit(depth, f"{made} = Box({self.rng.choice((self.tame(), self.leaf() + ' * 1.0'))}, {items})")
        for _ in range(self.rng.randint(1, 3)):
            self.emit(
                depth,
                self.rng.choice(
                    (
                        f"{made}.items[{self.index(length)}] {self.rng.choice(('=', '*='))} {self.tame()}",
                        f"{made}.value *= {self.tame()}",
                        f"{made}.step({self.leaf()})",
                        f"{made}.value += {made}.step({made}.size)",
                        f"{made}.items[:] = {self.elementwise(length)}",
                    )
                ),
            )
        if self.rng.random() < 0.3:
            self.emit(depth, f"if {self.condition()}:")
            self.emit(depth + 1, f"{made}.items = {self.elementwise(length)}")
        self.bind(depth, f"math.sin({made}.value + {made}.items[{self.index(length)}])")

    def numpy(self, depth: int) -> None:
        """A function of NumPy that gives an array, or a store that selects."""
        if not self.scope.arrays:
            return self.assign(depth)
        name, length = self.array()
        same = self.rng.choice([n for n, size in self.scope.arrays.items() if size == length])
        kind = self.rng.randrange(5)
        if kind == 0:
            mask = f"{same} > {self.coefficient()}"
            self.emit(
                depth,
                self.rng.choice(
                    (
                        f"{name}[{mask}] = {self.tame()}",
                        f"{name}[{mask}] *= 0.6",
                        f"{name}[np.argsort({same})[:2]] = {self.tame()}",
                        f"{name}[{mask}] = np.sin({same})[{mask}]",
                    )
                ),
            )
        elif kind == 1:
            self.bind(
                depth,
                self.rng.choice(
                    (
                        f"0.3 * np.sum({name}[{same} > {self.coefficient()}])",
                        f"np.median({name})",
                        f"np.percentile({name}, 30.0)",
                        f"np.ptp({name})",
                        f"0.2 * np.linalg.norm({name})",
                        f"0.2 * np.linalg.norm(np.outer({name}, {same}) + np.diag({name}), {self.rng.choice((2, -2))})",
                        f"0.3 * np.interp({self.leaf()}, np.sort({name}), {same})",
                        f"0.2 * np.trapezoid({name})",
                        f"np.std({name} + np.arange({length}))",
                        f"0.1 * np.sum(np.outer({name}, {same}))",
                        f"0.2 * np.convolve({name}, {same})[{self.index(length)}]",
                        f"1.0 * np.sum({name} > {self.leaf()})",
                    )
                ),
            )
        else:
            text, size = self.rng.choice(
                (
                    (f"np.sort({name})", length),
                    (f"np.roll({name}, {self.rng.randint(0, 3)})", length),
                    (f"np.flip({name})", length),
                    (f"np.clip({name}, -0.5, {self.rng.uniform(0.1, 0.9):.2f})", length),
                    (f"np.diff({name})", length - 1),
                    (f"0.5 * np.cumsum({name})", length),
                    (f"np.cumprod({name})", length),
                    (f"np.concatenate(({name}, {same}))", 2 * length),
                    (f"np.repeat({name}, 2)", 2 * length),
                    (f"{name}[np.argsort({same})]", length),
                    (f"np.take({name}, np.array([0, -1, 0]))", 3),
                    (f"np.where({same} > {self.coefficient()}, {name}, {self.leaf()})", length),
                    (f"np.diag(np.outer({name}, {same}))", length),
                    (f"np.linspace({self.leaf()}, {self.leaf()}, 4)", 4),
                    (f"np.nan_to_num({name})", length),
                    (f"{name}.reshape(-1, 1)[:, 0]", length),
                    (f"np.stack(({name}, {same}))[{self.rng.randint(0, 1)}]", length),
                    (f"{name}.ravel()", length),
                    (f"np.append({name}, {self.leaf()})", length + 1),
                    (f"np.split({name}, [1])[1]", length - 1),
                )
            )
            if size:
                self.bind_array(depth, text, size)

    def members(self, depth: int) -> None:
        """A tuple or list of arrays, or a named tuple, and a store into a member."""
        if not self.scope.arrays:
            return self.assign(depth)
        name, length = self.array()
        fresh = self.bind(depth, self.elementwise(length), "w")
        self.scope.arrays[fresh] = length
        others = [n for n in self.scope.arrays if n[0] == "w" and self.scope.arrays[n] == length]
        first, second = fresh, self.rng.choice(others)
        held = self.name("p")
        kind = self.rng.randrange(3)
        if kind == 2:
            self.emit(depth, f"{held} = Pair({self.leaf()} * 1.0, {name})")
            self.emit(depth, f"{held}.items[{self.index(length)}] = {held}.head * {self.tame()}")
            self.bind(depth, f"{held}.head * {held}.items[{self.index(length)}]")
            return
        self.emit(depth, f"{held} = ({first}, {second})" if kind == 0 else f"{held} = [{first}, {second}]")
        row = self.name("r")
        if self.rng.random() < 0.5:
            self.emit(depth, f"for {row} in {held}:")
            self.emit(depth + 1, f"{row}[{self.index(length)}] += {self.tame()}")
        else:
            which = f"{self.rng.choice(self.scope.integers)} % 2" if self.scope.integers else "1"
            self.emit(depth, f"{held}[{which}][{self.index(length)}] = {self.tame()}")
        self.bind(depth, f"{held}[0][{self.index(length)}] * {self.leaf()}")

    def generator(self, depth: int) -> None:
        """A loop over a generator."""
        if not self.scope.arrays:
            return self.assign(depth)
        name, _ = self.array()
        element = self.name("e")
        total = self.bind(depth, f"{self.leaf()} * 1.0")
        self.emit(depth, f"for {element} in walk({name}, {self.leaf()}):")
        outer, self.scope = self.scope, self.scope.copy()
        self.scope.floats.append(element)
        self.emit(depth + 1, f"{total} = math.sin({total} + {element})")
        self.block(depth + 1, self.rng.randint(0, 1))
        self.scope = outer

    def dictionary(self, depth: int) -> None:
        """A dict of floats."""
        held = self.name("d")
        self.emit(depth, f"{held} = {{0: {self.leaf()} * 1.0, 1: {self.tame()}}}")
        key = f"{self.rng.choice(self.scope.integers)} % 3" if self.scope.integers else "2"
        self.emit(depth, f"{held}[{key}] = {self.tame()}")
        value = self.name("e")
        total = self.bind(depth, f"{held}.get({key}, 0.0) * {held}[0]")
        if self.rng.random() < 0.5:
            self.emit(depth, f"for {value} in {held}.values():")
            self.emit(depth + 1, f"{total} = math.sin({total} + {value})")

    def descent(self, depth: int) -> None:
        """A function that calls itself and returns a number, an array and an integer."""
        if not self.scope.arrays:
            return self.assign(depth)
        name, length = self.array()
        number, made, count = self.name("s"), self.name("w"), self.name("i")
        levels = f"{self.rng.choice(self.scope.integers)} % 4" if self.scope.integers else str(self.rng.randint(0, 3))
        self.emit(depth, f"{number}, {made}, {count} = descend({name}, {self.leaf()}, {levels})")
        self.scope.floats.append(number)
        self.scope.arrays[made] = length
        self.bind(depth, f"{number} * {count} + {made}[{self.index(length)}]")
