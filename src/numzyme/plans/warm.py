"""The quick way for a structure that was met before: one generated function from the arguments to the gradients.

Decides which calls have one; what is rarer (fields that compiled code binds to new arrays, an object that is constant
and differentiated at once) goes the general way. Invariant: the function either gives what the general way gives, and
leaves the objects as it does, or returns `MISS` before anything has run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from .. import values
from ..frontend.objects.construct import Skeleton, StructureDiffers
from ..values import Kind, Step
from .building import Builder, HasHook
from .plan import Flattened, differ
from .reading import BUFFERS, MISS, Node, NotQuick, Reader, Source
from .walk import Owner, Walk

NAMES = {"float": "floats", "fixed": "fixed", "integer": "integers"}
_DTYPES: dict[str, Any] = {"float": np.float64, "fixed": np.float64, "integer": np.int64}
_EMPTY = {name: np.empty(0, dtype) for name, dtype in _DTYPES.items()}
# What reading a value raises that is not like the one that was met.
_UNLIKE = (AttributeError, KeyError, TypeError, IndexError, ValueError, OverflowError)


@dataclass(frozen=True)
class Asked:
    """What a `gradient` call asks for.

    `constant`: which arguments come wrapped in `constant_class`; `named`: the class of the result with its value, or
    None; `run`: the derivative of the flat function, called with the leaves.
    """

    constant: tuple[bool, ...]
    constant_class: type
    named: Any
    project: bool
    run: Callable[..., Any]


def gradient_function(f: Any, flattened: Flattened, asked: Asked) -> Callable[..., Any] | None:
    """The function `(f, *arguments)` -> gradients or `MISS`, for arguments like those of `flattened`; None if none."""
    try:
        return _GradientWriter(f, flattened, asked).function()
    except NotQuick:
        return None


class Writer:
    """Writes one function: what is common to gradients and derivatives."""

    def __init__(self, flattened: Flattened, argument_count: int) -> None:
        walk = flattened.walk
        if walk.cell_owners or any(walk.in_both_activities(owner.value) for owner in walk.owners):
            raise NotQuick
        self.flattened, self.argument_count = flattened, argument_count
        self.source = Source()
        self.reader = Reader(self.source)
        self.primals: list[str] = []  # expressions for `flattened.values`

    def read_function(self, f: Any) -> None:
        """Guards for the function itself, and the leaves that it holds."""
        if len(self.flattened.values) > self.argument_count:
            self.primals.append("f")
            self.reader.read(f, self.flattened.skeletons[0], "f")
        elif type(f) is FunctionType:
            self.reader.function(f, None, "f")

    def read_argument(self, position: int, variable: str) -> Node:
        self.primals.append(variable)
        index = position - self.argument_count
        return self.reader.read(self.flattened.values[index], self.flattened.skeletons[index], variable)

    def write_buffers(self) -> None:
        walk = self.flattened.walk
        counts = {"float": len(walk.floats), "fixed": len(walk.fixed), "integer": len(walk.integers)}
        found = self.reader.buffers
        if len(self.reader.arrays) != len(walk.arrays) or any(len(found[n]) != counts[n] for n in BUFFERS):
            raise NotQuick
        if any(id(owner.value) not in self.reader.nodes for owner in walk.owners):
            raise NotQuick
        for name in BUFFERS:
            self.source.lines.append(f"{NAMES[name]} = {self.buffer(name, found[name])}")

    def buffer(self, name: str, found: dict[int, str]) -> str:
        if not found:
            return self.source.name(_EMPTY[name])
        listed = ", ".join(found[n] for n in range(len(found)))
        return f"{self.source.name(np.array)}(({listed},), {self.source.name(_DTYPES[name])})"

    def compiled(self, reading: list[str], body: list[str]) -> Callable[..., Any]:
        """The function that reads, runs `body`, and gives numbers that compiled code changed to their owners."""
        before, after = self._write_back()
        parameters = ", ".join(["f", *(f"x{n}" for n in range(self.argument_count))])
        self.source.scope |= {"MISS": MISS, "UNLIKE": _UNLIKE, "StructureDiffers": StructureDiffers}
        text = [f"def quick({parameters}):", " try:", *_indented(reading), " except UNLIKE: return MISS"]
        text += [*(f" {line}" for line in before), " try:", *_indented(body)]
        text += [" except StructureDiffers: return MISS", *([" finally:", *_indented(after)] if after else [])]
        exec("\n".join(text), self.source.scope)
        return self.source.scope["quick"]

    def _write_back(self) -> tuple[list[str], list[str]]:
        """Lines before and after the call."""
        owners = self.flattened.walk.owners
        if not owners:
            return [], []
        sources = [name for name in BUFFERS if any(owner.source == name for owner in owners)]
        before = [f"{name}_before = {NAMES[name]}.tobytes()" for name in sources]
        changed = " or ".join(f"{NAMES[name]}.tobytes() != {name}_before" for name in sources)
        listed = ", ".join(self.reader.nodes[id(owner.value)].variable for owner in owners)
        buffers = ", ".join(f"({name}_before, {NAMES[name]})" if name in sources else "None" for name in BUFFERS)
        places = self.source.name(Places(tuple(map(Place.of, owners))))
        return before, [f"if {changed}: {places}.write_back(({listed},), ({buffers}))"]


class _GradientWriter(Writer):
    """Writes the function of a `gradient` call."""

    def __init__(self, f: Any, flattened: Flattened, asked: Asked) -> None:
        super().__init__(flattened, len(asked.constant))
        self.asked = asked
        self.read_function(f)
        self.nodes = [self._argument(n, fixed) for n, fixed in enumerate(asked.constant)]
        self.reader.finish()
        self.write_buffers()

    def _argument(self, position: int, fixed: bool) -> Node:
        variable = f"x{position}"
        if fixed:
            self.source.require(f"type({variable}) is {self.source.name(self.asked.constant_class)}")
            variable = self.source.new(f"{variable}.primal")
        return self.read_argument(position, variable)

    def function(self) -> Callable[..., Any]:
        reading, self.source.lines = self.source.lines, []
        self._run()
        result = self._result()
        return self.compiled(reading, [*self.source.lines, f"return {result}"])

    def _run(self) -> None:
        """The derivative; `a0, a1, ...` and `numbers` are its parts."""
        arrays = [self.reader.arrays[n] for n in range(len(self.reader.arrays))]
        run = self.source.name(self.asked.run)
        self.source.lines.append(f"found = {run}({', '.join([*arrays, *NAMES.values()])})")
        if self.asked.named:
            self.source.lines.append("found, value = found")
        listed = "".join(f"a{n}, " for n in range(len(arrays)))
        self.source.lines.append(f"{listed}numbers, _, _ = found")

    def _result(self) -> str:
        entries = self._entries()
        result = entries[0] if len(entries) == 1 else f"({', '.join(entries)})"
        return f"{self.source.name(self.asked.named)}({result}, value)" if self.asked.named else result

    def _entries(self) -> list[str]:
        lines = list(self.source.lines)
        try:
            if self.reader.buffers["float"]:
                self.source.lines.append("numbers = numbers.tolist()")
            builder = Builder(self.source, self.asked.project)
            pairs = zip(self.nodes, self.asked.constant, strict=True)
            return ["None" if fixed else builder.gradient(node)[0] for node, fixed in pairs]
        except HasHook:
            self.source.lines = lines
        strip = self.source.name(Strip.like(self.flattened, self.asked))
        made = self.source.new(f"{strip}(({', '.join(self.primals)},), found)")
        return [f"{made}[{n}]" for n in range(len(self.nodes))]


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


@dataclass(frozen=True)
class Strip:
    """Gradients for which registered functions are called: `values.strip_types` on the shadow."""

    skeletons: tuple[Skeleton, ...]
    constant: tuple[bool, ...]
    project: bool

    @staticmethod
    def like(flattened: Flattened, asked: Asked) -> Strip:
        return Strip(flattened.skeletons, asked.constant, asked.project)

    def __call__(self, primals: tuple, derivatives: tuple) -> list[Any]:
        nothing = np.empty(0)
        flattened = Flattened(Walk(None), primals, self.skeletons, nothing, nothing, nothing)
        shadows = flattened.shadows(list(derivatives[:-3]), derivatives[-3])[-len(self.constant) :]
        primals = primals[-len(self.constant) :]
        wanted = [position for position, fixed in enumerate(self.constant) if not fixed]
        pairs = tuple(primals[n] for n in wanted), tuple(shadows[n] for n in wanted)
        found = iter(values.strip_types(*pairs, project=self.project))
        return [None if fixed else next(found) for fixed in self.constant]


@dataclass(frozen=True)
class Place:
    """Where a number of a mutable object is: the buffer, its index in it, and the class of the number."""

    step: Step
    buffer: int
    index: int
    width: int
    python_class: type

    @staticmethod
    def of(owner: Owner) -> Place:
        parts = {step.key: child for step, child in values.children(owner.value)}
        python_class = type(parts[owner.step.key])
        is_complex = values.classify(parts[owner.step.key]) is Kind.SCALAR and issubclass(
            python_class, complex | np.complexfloating
        )
        return Place(owner.step, BUFFERS.index(owner.source), owner.index, 1 + is_complex, python_class)


@dataclass(frozen=True)
class Places:
    """All numbers of mutable objects."""

    places: tuple[Place, ...]

    def write_back(self, owners: tuple, buffers: tuple) -> None:
        """Give those that differ to their owners. `buffers`: bytes before and array after the call, for each."""
        for owner, place in zip(owners, self.places, strict=True):
            before, after = buffers[place.buffer]
            chosen = slice(place.index, place.index + place.width)
            old, new = np.frombuffer(before, after.dtype)[chosen].tolist(), after[chosen].tolist()
            if differ(old, new):
                number = complex(*new) if place.width == 2 else new[0]
                values.set_child(owner, place.step, place.python_class(number))
