"""Random LLVM functions: loops of all kinds, branches, switches, early returns, errors, pointers, block copies.

Decides on a small language with mutable variables (stack slots); LLVM's own passes, as `frontend.normalise` runs them,
turn it into the canonical form with phis. Every value stored is a sine, so nothing grows, and every index is
taken modulo the size of the arrays, so nothing is out of range.
"""

from __future__ import annotations

import random

import llvmlite.binding as llvm

from numzyme.frontend.normalise import optimise, simplify_loops

SIZE = 8
ACTIVITIES = "%out=duplicated:double %a=duplicated:double %b=duplicated:double %k=const:i64 %s=active"
_ARRAYS = ("%a", "%b", "%out", "%buffer", "%stack")
_VARIABLES = ("%f0", "%f1", "%f2")
_POINTERS = ("%p0", "%p1")
_DECLARATIONS = """\
declare double @llvm.sin.f64(double)
declare double @llvm.cos.f64(double)
declare double @tanh(double) nounwind willreturn memory(none)
declare noalias ptr @numzyme.allocate.tape(i64)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)
"""


class Generator:
    """Writes one function; `budget` statements at most."""

    def __init__(self, choices: random.Random) -> None:
        self.choices, self.budget = choices, choices.randint(4, 22)
        self.lines: list[str] = []
        self.slots: list[str] = []
        self.loops: list[str] = []
        self.ways_out: list[tuple[str, str]] = []
        self.depth = self.count = 0

    def text(self, *, noalias: bool) -> str:
        """The canonical module, with its annotations."""
        while self.budget > 0:
            self.statement()
        for index in range(2):
            self.store(self.bounded(), self.define(f"getelementptr double, ptr %out, i64 {index}"))
        pointer = "ptr noalias" if noalias else "ptr"
        parameters = f"{pointer} %out, {pointer} %a, {pointer} %b, {pointer} %k, i64 %n, double %s"
        start = [f"define i32 @random({parameters}) {{", "entry:", *self.slots]
        for name, value in zip(_VARIABLES, ("%s", "0.25", "-0.5"), strict=True):
            start += [f"{name} = alloca double", f"store double {value}, ptr {name}"]
        start += ["%stack = alloca [8 x double]", "%buffer = call noalias ptr @numzyme.allocate.tape(i64 64)"]
        start += ["call void @llvm.memset.p0.i64(ptr %stack, i8 0, i64 64, i1 false)"]
        start += ["call void @llvm.memcpy.p0.p0.i64(ptr %buffer, ptr %a, i64 64, i1 false)"]
        for name, value in zip(_POINTERS, ("%a", "%buffer"), strict=True):
            start += [f"{name} = alloca ptr", f"store ptr {value}, ptr {name}"]
        module = llvm.parse_assembly("\n".join([*start, *self.lines, "ret i32 0", "}", _DECLARATIONS]))
        optimise(module, False)
        simplify_loops(module)
        return f"; activities: {ACTIVITIES}\n{module}"

    # -- names and lines -----------------------------------------------------------------------------------------------
    def name(self, kind: str) -> str:
        self.count += 1
        return f"%{kind}{self.count}"

    def emit(self, line: str) -> None:
        self.lines.append(line)

    def define(self, text: str) -> str:
        name = self.name("v")
        self.emit(f"{name} = {text}")
        return name

    def store(self, value: str, pointer: str) -> None:
        self.emit(f"store double {value}, ptr {pointer}")

    def block(self, label: str) -> None:
        self.emit(f"{label[1:]}:")

    def labels(self, count: int) -> list[str]:
        return [self.name("block") for _ in range(count)]

    # -- values --------------------------------------------------------------------------------------------------------
    def integer(self) -> str:
        return self.define(f"load i64, ptr {self.define(f'getelementptr i64, ptr %k, i64 {self.index()}')}")

    def index(self) -> str:
        kind = self.choices.random()
        if kind < 0.3 or not self.loops:
            return str(self.choices.randrange(SIZE))
        value = self.define(f"and i64 {self.define(f'load i64, ptr {self.choices.choice(self.loops)}')}, 7")
        if kind < 0.5:
            value = self.define(f"load i64, ptr {self.define(f'getelementptr i64, ptr %k, i64 {value}')}")
        elif kind < 0.7:
            value = self.define(f"add i64 {value}, {self.choices.randint(1, 3)}")
        return self.define(f"and i64 {value}, 7")

    def array(self) -> str:
        chosen = self.choices.choice((*_ARRAYS, *_POINTERS))
        return self.define(f"load ptr, ptr {chosen}") if chosen in _POINTERS else chosen

    def element(self) -> str:
        array = self.array()
        return self.define(f"getelementptr double, ptr {array}, i64 {self.index()}")

    def expression(self, depth: int = 0) -> str:
        kind = self.choices.random()
        if kind < 0.25 or depth > 2:
            return self.define(f"load double, ptr {self.choices.choice(_VARIABLES)}")
        if kind < 0.4:
            return self.define(f"load double, ptr {self.element()}")
        if kind < 0.5:
            return self.choices.choice(("%s", "%s", "0.5", "-0.75", "1.25"))
        a = self.expression(depth + 1)
        if kind < 0.75:
            function = self.choices.choice(("@llvm.sin.f64", "@llvm.cos.f64", "@tanh"))
            return self.define(f"call double {function}(double {a})")
        b = self.expression(depth + 1)
        if kind < 0.8:
            return self.define(f"select i1 {self.define(f'fcmp ogt double {a}, {b}')}, double {a}, double {b}")
        return self.define(f"{self.choices.choice(('fadd', 'fsub', 'fmul', 'fmul'))} double {a}, {b}")

    def bounded(self) -> str:
        return self.define(f"call double @llvm.sin.f64(double {self.expression()})")

    def condition(self) -> str:
        if self.choices.random() < 0.5:
            return self.define(f"fcmp ogt double {self.expression(2)}, {self.choices.choice(('0.1', '-0.2', '0.4'))}")
        return self.define(f"icmp sgt i64 {self.integer()}, {self.choices.randint(0, 5)}")

    # -- statements ----------------------------------------------------------------------------------------------------
    def statement(self) -> None:
        self.budget -= 1
        simple = (self.assign, self.write, self.write, self.scale, self.point, self.swap, self.copy, self.clear)
        nested = (self.loop, self.loop, self.branch, self.switch, self.leave, self.give_up)
        kind = simple if self.depth >= 3 or self.choices.random() < 0.55 else nested
        self.choices.choice(kind)()

    def body(self) -> None:
        self.depth += 1
        for _ in range(self.choices.randint(1, 3)):
            if self.budget > 0:
                self.statement()
        self.depth -= 1

    def assign(self) -> None:
        self.store(self.bounded(), self.choices.choice(_VARIABLES))

    def write(self) -> None:
        self.store(self.bounded(), self.element())

    def scale(self) -> None:
        element = self.element()
        value = self.define(f"load double, ptr {element}")
        self.store(self.define(f"fmul double {value}, {self.bounded()}"), element)

    def point(self) -> None:
        self.emit(f"store ptr {self.array()}, ptr {self.choices.choice(_POINTERS)}")

    def swap(self) -> None:
        values = [self.define(f"load ptr, ptr {name}") for name in _POINTERS]
        for name, value in zip(reversed(_POINTERS), values, strict=True):
            self.emit(f"store ptr {value}, ptr {name}")

    def copy(self) -> None:
        target, source = self.array(), self.array()
        start = self.define(f"getelementptr i8, ptr {source}, i64 {8 * self.choices.randint(0, 4)}")
        size = self.choices.choice((8, 16, 24))
        self.emit(f"call void @llvm.memmove.p0.p0.i64(ptr {target}, ptr {start}, i64 {size}, i1 false)")

    def clear(self) -> None:
        self.emit(
            f"call void @llvm.memset.p0.i64(ptr {self.array()}, i8 0, i64 {self.choices.choice((8, 16))}, i1 false)"
        )

    def branch(self) -> None:
        then, otherwise, join = self.labels(3)
        self.emit(f"br i1 {self.condition()}, label {then}, label {otherwise}")
        for label in (then, otherwise):
            self.block(label)
            self.body()
            self.emit(f"br label {join}")
        self.block(join)

    def switch(self) -> None:
        *targets, join = self.labels(self.choices.randint(3, 5))
        value = self.integer()
        numbers = self.choices.sample(range(SIZE), self.choices.randint(2, 5))
        cases = " ".join(f"i64 {n}, label {self.choices.choice((*targets, join))}" for n in numbers)
        self.emit(f"switch i64 {value}, label {self.choices.choice((*targets, join))} [ {cases} ]")
        for label in targets:
            self.block(label)
            self.body()
            self.emit(f"br label {join}")
        self.block(join)

    def loop(self) -> None:
        counter, (head, body, latch, out) = self.name("i"), self.labels(4)
        self.slots.append(f"{counter} = alloca i64")
        kind = self.choices.choice(("up", "limit", "down", "while", "triangle", "unsigned"))
        start, step = (self.choices.randint(1, 5), -1) if kind == "down" else (0, 2 if kind == "unsigned" else 1)
        self.emit(f"store i64 {start}, ptr {counter}\nbr label {head}")
        self.block(head)
        goes_on = self._goes_on(kind, self.define(f"load i64, ptr {counter}"))
        self.emit(f"br i1 {goes_on}, label {body}, label {out}")
        self.block(body)
        self.loops.append(counter)
        self.ways_out.append((latch, out))
        self.body()
        self.loops.pop()
        self.ways_out.pop()
        self.emit(f"br label {latch}")
        self.block(latch)
        following = self.define(f"add i64 {self.define(f'load i64, ptr {counter}')}, {step}")
        self.emit(f"store i64 {following}, ptr {counter}\nbr label {head}")
        self.block(out)

    def _goes_on(self, kind: str, value: str) -> str:
        if kind == "while":
            few = self.define(f"icmp slt i64 {value}, 5")
            return self.define(f"and i1 {few}, {self.condition()}")
        if kind == "triangle":
            limit = self.define(f"load i64, ptr {self.choices.choice(self.loops)}") if self.loops else "3"
            return self.define(f"icmp sle i64 {value}, {limit}")
        limits = {"limit": "%n", "down": str(self.choices.randint(0, 1))}
        limit = limits.get(kind, str(self.choices.randint(1, 9)))
        predicate = {"down": "sge", "unsigned": "ult"}.get(kind, "slt")
        return self.define(f"icmp {predicate} i64 {value}, {limit}")

    def leave(self) -> None:
        """`continue` or `break`, under a condition."""
        if self.ways_out:
            self._jump(self.choices.choice(self.choices.choice(self.ways_out)))

    def _jump(self, target: str) -> None:
        onward = self.name("block")
        self.emit(f"br i1 {self.condition()}, label {target}, label {onward}")
        self.block(onward)

    def give_up(self) -> None:
        """Return early, now and then with an error, under a condition."""
        target = self.name("block")
        self._jump(target)
        onward = self.name("block")
        self.emit(f"br label {onward}")
        self.block(target)
        self.store(self.bounded(), "%out")
        self.emit(f"ret i32 {0 if self.choices.random() < 0.8 else 1}")
        self.block(onward)
