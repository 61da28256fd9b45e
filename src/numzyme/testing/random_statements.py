"""Source text of random programs that Numba compiles: arithmetic, loops, arrays.

Decides what the programs look like: nested counted and while loops, break, continue and early return, branches on
values, integers and booleans, scalars, arrays, matrices, tuples, views and aliases, in-place updates, exceptions
that are raised and caught, helpers plain, compiled and recursive, arguments strided, reversed, in Fortran order, and
overlapping; single precision, complex numbers and arrays of them, lists that grow. Invariants: every index is in
bounds, every loop ends, every variable has one type and is set before it is read, and stored values are squashed
(sin, tanh, averages), so that nothing grows without bound. The text defines `program`, `arguments(rng)` and `CONSTANT`,
and needs nothing but NumPy, math and Numba.
"""

from __future__ import annotations

from .random_expressions import HEADER, Expressions


class Writer(Expressions):
    """Writes one program. `result` is float, nothing, array or tuple."""

    helpers = ""  # text in front of the program, behind the header

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.lines: list[str] = []
        self.names = 0
        self.statements = self.rng.choice((1, 2, 2, 3, 3, 4, 5, 7, 9))  # small ones cost little
        self.budget = self.statements + self.rng.randint(1, 5)
        self.result = self.pick(("float", 85), ("nothing", 7), ("array", 4), ("tuple", 4))
        self.loops: list[str] = []  # "for" or "while", innermost last
        self.protected: set[str] = set()  # loop counters, which statements must not assign
        self.guarded = False  # inside of try, where Numba takes no jumps

    def pick(self, *weighted: tuple) -> object:
        return self.rng.choices([w[0] for w in weighted], [w[1] for w in weighted])[0]

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def emit(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

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
        deep = depth > 3 or self.budget < 0 or self.guarded
        choice = self.pick(*self.choices(deep))
        choice(depth)  # type: ignore[operator]

    def choices(self, deep: bool) -> list[tuple]:
        """Kinds of statements, with their weights; `deep`: none that has a block."""
        return [
            (self.assign, 4), (self.store, 4), (self.update, 3), (self.make_array, 2), (self.make_view, 1.5),
            (self.write_slice, 1.5), (self.integer, 1), (self.boolean, 0.7), (self.unpack, 0.7), (self.mutate, 1),
            (self.swap, 0.8), (self.matrix, 1), (self.loop, 0 if deep else 4), (self.branch, 0 if deep else 3),
            (self.while_loop, 0 if deep else 2.5), (self.jump, 1.5 if self.loops else 0.3),
            (self.check, 0.3), (self.attempt, 0 if deep or self.guarded else 0.4),
            (self.complex_number, 0.7), (self.complex_array, 0.5), (self.growing_list, 0.6),
        ]  # fmt: skip

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
            listed = ", ".join(self.tame() for _ in range(length))
            text = self.rng.choice(
                (f"np.zeros({length})", f"np.ones({length})", self.elementwise(length), f"np.array([{listed}])",
                 f"ramp({self.leaf()}, {length})")
            )  # fmt: skip
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
        if self.rng.random() < 0.25:
            source = f"int(3.0 * abs({self.leaf()}))"
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
        kind = self.rng.randrange(7)
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
        elif kind == 4:
            fresh = self.name("m")
            text = self.rng.choice(
                (f"np.sin({name}) * {self.leaf()}", f"{name}.copy()", f"{name} * {name}[0]", f"np.zeros_like({name})")
            )
            self.emit(depth, f"{fresh} = {text}")
            self.scope.matrices[fresh] = (rows, columns)
        elif kind == 5:
            self.emit(depth, f"{name}[{self.index(rows)}] = {self.elementwise(columns)}")
        else:
            product = self.name("w")
            vector = self.elementwise(columns)
            self.emit(depth, f"{product} = np.ascontiguousarray({name}) @ np.tanh({vector})")
            self.scope.arrays[product] = rows

    def loop(self, depth: int) -> None:
        i = self.name("i")
        kind = self.rng.randrange(5)
        arrays = list(self.scope.arrays)
        outer, self.scope = self.scope, self.scope.copy()
        if kind == 0 and arrays:
            element = self.name("e")
            self.emit(depth, f"for {element} in {self.rng.choice(arrays)}:")
            self.scope.floats.append(element)
        elif kind == 1 and arrays:
            self.emit(depth, f"for {i} in range({self.rng.choice(arrays)}.shape[0] - 1, -1, -1):")
            self.scope.integers.append(i)
        elif kind == 4 and arrays:
            element, other = self.name("e"), self.name("e")
            self.emit(depth, f"for {i}, ({element}, {other}) in enumerate(zip({self.rng.choice(arrays)}, x)):")
            self.scope.integers.append(i)
            self.scope.floats += [element, other]
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
        if self.rng.random() < 0.1:
            self.emit(depth, "else:")
            self.block(depth + 1, 1)

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

    def complex_number(self, depth: int) -> None:
        """A complex number that is multiplied, divided and squashed; its parts go on as a float."""
        z, s = self.name("z"), self.name("s")
        self.emit(depth, f"{z} = complex({self.tame()}, {self.leaf()})")
        for _ in range(self.rng.randint(1, 3)):
            factor = f"complex({self.leaf()}, 0.5)"
            self.emit(depth, self.rng.choice((
                f"{z} = {z} * {factor} / (1.0 + abs({z}))", f"{z} = {factor} / (2.0 + {z} * {z}.conjugate())",
                f"{z} = np.exp(-{z} * {z}.conjugate()) * {factor}", f"{z} = {z}**2 * 0.3 - {factor}",
            )))  # fmt: skip
        self.emit(depth, f"{s} = math.sin({z}.real * {z}.imag + ({z} * {z}.conjugate()).real)")
        self.scope.floats.append(s)

    def complex_array(self, depth: int) -> None:
        if not self.scope.arrays:
            return self.complex_number(depth)
        source, length = self.rng.choice(list(self.scope.arrays.items()))
        z, s = self.name("z"), self.name("s")
        self.emit(depth, f"{z} = {source} * complex({self.leaf()}, 0.7) + 1j * {self.elementwise(length)}")
        if self.rng.random() < 0.5:
            self.emit(depth, f"{z}[{self.index(length)}] *= complex(0.4, {self.leaf()})")
        if self.rng.random() < 0.3:
            self.emit(depth, f"{z} = np.exp(1j * {z}.real) * {z}.conj()")
        self.emit(depth, f"{s} = math.tanh(np.sum({z}.real * {z}.imag) + np.sum({z}).imag)")
        self.scope.floats.append(s)

    def growing_list(self, depth: int) -> None:
        """A list of floats that grows in a loop, perhaps on a condition."""
        items, s, counter = self.name("l"), self.name("s"), self.name("i")
        self.emit(depth, f"{items} = [1.0 * {self.leaf()}]")
        self.emit(depth, f"for {counter} in range({self.rng.randint(1, 4)}):")
        inner = depth + 1
        if self.rng.random() < 0.5:
            self.emit(inner, f"if {self.condition()}:")
            inner += 1
        self.emit(inner, f"{items}.append({self.tame()} + 0.1 * {counter} * {items}[-1])")
        if self.rng.random() < 0.3:
            self.emit(depth, f"{items}[0] = {items}[-1] * {self.leaf()}")
        self.emit(depth, f"{s} = math.sin(sum({items}) + {items}[0] * {items}[-1])")
        self.scope.floats.append(s)

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
        if self.guarded:
            return self.update(depth)
        self.emit(depth, f"if {self.condition()}:")
        kinds = ["break", "continue"] * bool(self.loops) + ["return"]
        kind = self.rng.choice(kinds)
        self.emit(depth + 1, self.returned() if kind == "return" else kind)

    def check(self, depth: int) -> None:
        """A condition that always holds, but that the compiler cannot know."""
        value = self.leaf()
        if self.rng.random() < 0.5:
            self.emit(depth, f"assert not {value} > 1e6")
        else:
            self.emit(depth, f"if {value} > 1e6:")
            self.emit(depth + 1, 'raise ValueError("too large")')

    def attempt(self, depth: int) -> None:
        """A try block, which may raise."""
        self.guarded = True
        self.emit(depth, "try:")
        self.block(depth + 1, self.rng.randint(1, 2))
        self.emit(depth + 1, f"if {self.condition()}:")
        self.emit(depth + 2, 'raise ValueError("caught")')
        self.block(depth + 1, 1)
        self.emit(depth, "except Exception:")
        self.block(depth + 1, 1)
        self.guarded = False

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
        names, drawn = self._parameters()
        for _ in range(self.statements):
            self.statement(1)
        self.emit(1, self._final())
        constant = (names.index("b"),) if "b" in names and self.rng.random() < 0.3 else ()
        made = "\n".join(f"    {name} = {text}" for name, text in drawn)
        listed = ", ".join(names)
        return (
            f"{HEADER}{self.helpers}CONSTANT = {constant}\n\n\n"
            f"def arguments(rng):\n{made}\n    return ({listed},)\n\n\n"
            f"def program({listed}):\n" + "\n".join(self.lines) + "\n"
        )

    def _parameters(self) -> tuple[list[str], list[tuple[str, str]]]:
        """Names of the arguments, and how each is made."""
        length = self.rng.randint(3, 5)
        drawn = [("x", self._drawn_array(length))]
        self.scope.arrays["x"] = length
        if self.rng.random() < 0.5:
            other = self.rng.choice((length, length - 1, 2))
            drawn.append(("y", self._drawn_array(other)))
            if self.rng.random() < 0.15:  # two arguments over one memory
                other = length - 1
                drawn.append(("y", "x[1:]"))
            self.scope.arrays["y"] = other
        if self.rng.random() < 0.35:
            shape = self.rng.randint(2, 3), self.rng.randint(2, 3)
            text = f"rng.uniform(-1, 1, {shape})"
            drawn.append(("m", str(self.pick((text, 5), (f"np.asfortranarray({text})", 1)))))
            self.scope.matrices["m"] = shape
        for name in ("a", "b")[: self.rng.randint(1, 2)]:
            drawn.append((name, "rng.uniform(-1, 1)"))
            self.scope.floats.append(name)
        if self.rng.random() < 0.2:
            drawn.append(("u", "complex(rng.uniform(-1, 1), rng.uniform(-1, 1))"))
            self.emit(1, "t = (u * u).real + 0.5 * u.imag")
            self.scope.floats.append("t")
        if self.rng.random() < 0.5:
            drawn.append(("n", str(self.rng.randint(1, 4))))
            self.scope.integers.append("n")
            self.protected.add("n")
        if self.rng.random() < 0.3:
            drawn.append(("flag", str(self.rng.random() < 0.5)))
            self.scope.booleans.append("flag")
        if self.rng.random() < 0.2:
            drawn.append(("pair", "(rng.uniform(-1, 1), rng.uniform(-1, 1))"))
            self.emit(1, "p, q = pair")
            self.scope.floats += ["p", "q"]
        return list(dict.fromkeys(name for name, _ in drawn)), drawn

    def _drawn_array(self, length: int) -> str:
        text = f"rng.uniform(-1, 1, {length})"
        strided = f"rng.uniform(-1, 1, {2 * length})[::2]"
        single = f"{text}.astype(np.float32)"
        return str(self.pick((text, 8), (strided, 1), (f"{text}[::-1]", 1), (single, 1)))

    def _final(self) -> str:
        if self.result != "float":
            return self.returned()
        terms = [self.tame(), *(self.rng.choice(self.scope.floats) for _ in range(2)), self.reduction()]
        return f"return {' + '.join(terms)}"
