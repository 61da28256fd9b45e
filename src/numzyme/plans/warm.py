"""The quick way for a structure that was met before: generated Python that takes arguments apart and builds gradients.

Decides for a plan whether its arguments are of the common kinds (arrays, numbers, constants in tuples, lists, dicts,
NamedTuples, objects); what is rarer goes the general way. Invariants: `flatten` gives the leaves in the order of the
plan's walk, or None when anything differs from the structure that was met: a type, a length, a constant, what is the
same object and what is not; `gradients` gives what `strip_types` would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np
from numba.core import types

from .. import values
from ..frontend.objects.construct import Skeleton
from ..frontend.objects.outside import Outside, moving_values
from ..values import Kind, Step, set_child
from .plan import Flattened


@dataclass(frozen=True)
class Warm:
    """`flatten(f, *arguments)` -> (owners, arrays, floats, fixed, integers) or None.

    `gradients(arrays, floats)` -> a tuple. `places`: for each owner (a mutable object with a number) the step to the
    number and where it is: 1 to 3 for the buffer, and the index in it.
    """

    flatten: Callable[..., Any]
    gradients: Callable[[Any, list[float]], tuple]
    places: tuple[tuple[Step, int, int], ...]

    def write_back(self, leaves: Any, buffers: tuple[Any, ...]) -> None:
        """Give the numbers that compiled code changed to their owners; `buffers`: those that it was called with."""
        changed = [buffer.tolist() for buffer in buffers]
        if all(_is_unchanged(old, new) for old, new in zip(leaves[2:], changed, strict=True)):
            return
        for owner, (step, buffer, index) in zip(leaves[0], self.places, strict=True):
            old, new = leaves[1 + buffer][index], changed[buffer - 1][index]
            if not _is_unchanged([old], [new]):
                set_child(owner, step, new)


def _is_unchanged(old: list, new: list) -> bool:
    """Equal numbers: a zero has a sign, and NaN is what it was."""
    return old == new and 0.0 not in new or str(old) == str(new)


class NotQuick(Exception):
    """The structure has something that only the general way handles."""


def warm(f: Any, flattened: Flattened, constant: tuple[bool, ...], constant_class: type) -> Warm | None:
    """The quick way for calls of `f` with the structure of `flattened`; None when there is none.

    `constant`: which arguments come wrapped in `constant_class`.
    """
    walk = flattened.walk
    if walk.cell_owners or any(walk.in_both_activities(owner.value) for owner in walk.owners):
        return None
    buffers = {"float": 1, "fixed": 2, "integer": 3}
    places = tuple((owner.step, buffers[owner.source], owner.index) for owner in walk.owners)
    try:
        gradients = _gradients(flattened, constant)  # first: it finds what is not quick in less time
        return Warm(_flatten(f, flattened, constant, constant_class), gradients, places)
    except NotQuick:
        return None


@dataclass
class _Source:
    """Lines of a function, the values that they name, and a variable for each thing that was met."""

    lines: list[str] = field(default_factory=list)
    scope: dict[str, Any] = field(default_factory=dict)
    variables: dict[int, str] = field(default_factory=dict)

    def name(self, value: Any) -> str:
        """A name for a value of Python."""
        name = f"k{len(self.scope)}"
        self.scope[name] = value
        return name

    def new(self, expression: str) -> str:
        """A new variable."""
        name = f"v{len(self.lines)}"
        self.lines.append(f"{name} = {expression}")
        return name

    def compiled(self, head: str, result: str) -> Any:
        body = "".join(f"    {line}\n" for line in [*self.lines, f"return {result}"])
        exec(f"def {head}:\n{body}", self.scope)
        return self.scope[head.partition("(")[0]]


class _Leaves:
    """Writes `flatten`."""

    def __init__(self) -> None:
        self.source = _Source()
        self.arrays: dict[int, str] = {}
        self.buffers: dict[str, dict[int, str]] = {"float": {}, "fixed": {}, "integer": {}}
        self.distinct: list[str] = []

    def require(self, condition: str) -> None:
        self.source.lines.append(f"if not ({condition}): return None")

    def visit(self, value: Any, skeleton: Skeleton, variable: str) -> None:
        kind = values.classify(value)
        if type(value) is FunctionType:
            self.function(value, skeleton, variable)
        elif skeleton.source == "static":
            self._constant(value, variable)
        elif skeleton.source in self.buffers:
            self._number(value, skeleton, variable)
        elif skeleton.source == "array":
            self._identified(value, variable, lambda: self._array(skeleton, variable))
        elif kind in (Kind.TUPLE, Kind.NAMED_TUPLE, Kind.OBJECT, Kind.LIST, Kind.DICT):
            if values.is_mutable(value):
                self._identified(value, variable, lambda: self._container(kind, value, skeleton, variable))
            else:
                self._container(kind, value, skeleton, variable)
        else:
            raise NotQuick

    def _identified(self, value: Any, variable: str, visit: Callable[[], None]) -> None:
        known = self.source.variables.get(id(value))
        if known is not None:
            self.require(f"{variable} is {known}")
            return
        self.source.variables[id(value)] = variable
        self.distinct.append(variable)
        visit()

    def _constant(self, value: Any, variable: str) -> None:
        name = self.source.name(value)
        same = f"type({variable}) is {self.source.name(type(value))} and {variable} == {name}"
        self.require(same if isinstance(value, str | np.bool_ | int) else f"{variable} is {name}")

    def function(self, value: FunctionType, skeleton: Skeleton | None, variable: str) -> None:
        """A function of the same code, whose names mean the same; the data among them are leaves."""
        moving = tuple(skeleton.kind.fields) if skeleton is not None and skeleton.members else ()
        free = value.__code__.co_freevars
        same = [f"type({variable}) is {self.source.name(FunctionType)}"]
        for attribute in ("__code__", "__globals__"):
            same.append(f"{variable}.{attribute} is {self.source.name(getattr(value, attribute))}")
        for attribute in ("__defaults__", "__kwdefaults__"):
            same.append(f"{variable}.{attribute} is {self.source.name(getattr(value, attribute))}")
        for position, name in enumerate(free):
            if name not in moving:
                content = self.source.name((value.__closure__ or ())[position].cell_contents)
                same.append(f"{variable}.__closure__[{position}].cell_contents is {content}")
        identical = f"{variable} is {self.source.name(value)}"
        self.require(identical if not moving and not free else f"{identical} or ({' and '.join(same)})")
        self.require(f"{self.source.name(Outside(value, moving).holds)}()")
        if skeleton is None:
            return
        present = moving_values(value)
        for name, member in zip(moving, skeleton.members, strict=True):
            read = f"{self.source.name(value.__globals__)}[{name!r}]"
            if name in free:
                read = f"{variable}.__closure__[{free.index(name)}].cell_contents"
            self.visit(present[name], member, self.source.new(read))

    def _number(self, value: Any, skeleton: Skeleton, variable: str) -> None:
        if type(value) not in (float, int):
            raise NotQuick
        self.require(f"type({variable}) is {type(value).__name__}")
        self.buffers[skeleton.source][skeleton.index] = variable

    def _array(self, skeleton: Skeleton, variable: str) -> None:
        self.require(f"type({variable}) is {self.source.name(np.ndarray)}")
        if skeleton.index in self.arrays:
            raise NotQuick  # the same array as active and as constant
        self.arrays[skeleton.index] = variable

    def _container(self, kind: Kind, value: Any, skeleton: Skeleton, variable: str) -> None:
        children = values.children(value)
        class_name = self.source.name(type(value))
        if kind is Kind.OBJECT:
            self.require(f"type({variable}) is {class_name}" + self._no_further_attribute(value, variable, children))
        elif kind is Kind.NAMED_TUPLE:
            self.require(f"type({variable}) is {class_name}")
        else:
            self.require(f"type({variable}) is {class_name} and len({variable}) == {len(value)}")
        for (step, child), member in zip(children, skeleton.members, strict=True):
            if step.attribute and not _is_plain_attribute(type(value), step.key):
                raise NotQuick
            self.visit(child, member, self.source.new(f"{variable}{step}"))

    def _no_further_attribute(self, value: Any, variable: str, children: Any) -> str:
        """Plain objects may get attributes at any time; dataclasses have the fields of their class."""
        attributes = getattr(value, "__dict__", None)
        if attributes is None or hasattr(type(value), "__dataclass_fields__"):
            return ""
        if len(attributes) != len(children):
            raise NotQuick
        return f" and len({variable}.__dict__) == {len(children)}"


def _is_plain_attribute(python_class: type, name: str) -> bool:
    """Whether reading the attribute runs no code of the class."""
    if issubclass(python_class, tuple):
        return True
    reads_itself = any("__getattribute__" in vars(base) for base in python_class.__mro__[:-1])
    return not reads_itself and not isinstance(getattr(python_class, name, None), property)


def _flatten(f: Any, flattened: Flattened, constant: tuple[bool, ...], constant_class: type) -> Any:
    leaves = _Leaves()
    names = [f"x{n}" for n in range(len(constant))]
    wrapper = leaves.source.name(constant_class)
    first = len(flattened.values) - len(constant)
    if first:
        leaves.visit(f, flattened.skeletons[0], "f")
    elif type(f) is FunctionType:
        leaves.function(f, None, "f")
    arguments = zip(names, flattened.values[first:], flattened.skeletons[first:], constant, strict=True)
    for name, value, skeleton, fixed in arguments:
        leaves.require(f"type({name}) is {'' if fixed else 'not '}{wrapper}")
        variable = leaves.source.new(f"{name}.primal") if fixed else name
        leaves.visit(value, skeleton, variable)
    if len(leaves.distinct) > 1:
        leaves.require(f"len({{*map(id, ({', '.join(leaves.distinct)}))}}) == {len(leaves.distinct)}")
    walk = flattened.walk
    counts = {"float": len(walk.floats), "fixed": len(walk.fixed), "integer": len(walk.integers)}
    if len(leaves.arrays) != len(walk.arrays) or any(len(leaves.buffers[n]) != count for n, count in counts.items()):
        raise NotQuick
    try:
        owners = ", ".join(leaves.source.variables[id(owner.value)] for owner in walk.owners)
    except KeyError:
        raise NotQuick from None
    arrays = ", ".join(leaves.arrays[n] for n in range(len(walk.arrays)))
    parts = [f"({listed}{',' if listed else ''})" for listed in (owners, arrays)]
    parts += [f"[{', '.join(found[n] for n in range(len(found)))}]" for found in leaves.buffers.values()]
    flatten = leaves.source.compiled(f"flatten({', '.join(['f', *names])})", ", ".join(parts))

    def flatten_or_none(f: Any, *arguments: Any) -> Any:
        try:
            return flatten(f, *arguments)
        except (AttributeError, KeyError, TypeError, IndexError, ValueError):  # another structure
            return None

    return flatten_or_none


def _gradients(flattened: Flattened, constant: tuple[bool, ...]) -> Any:
    source = _Source()
    first = len(flattened.values) - len(constant)
    arguments = zip(flattened.values[first:], flattened.skeletons[first:], constant, strict=True)
    entries = ["None" if fixed else _gradient(source, value, skeleton) for value, skeleton, fixed in arguments]
    return source.compiled("gradients(arrays, floats)", f"({', '.join(entries)},)")


def _gradient(source: _Source, value: Any, skeleton: Skeleton) -> str:
    """An expression for the gradient of `value`."""
    kind = values.classify(value)
    if kind is Kind.CONSTANT:
        return "None"
    if kind is Kind.SCALAR:
        if skeleton.kind is not types.float64:
            raise NotQuick
        return f"floats[{skeleton.index}]"
    if kind is Kind.ARRAY:
        return f"arrays[{skeleton.index}]"
    if id(value) in source.variables:
        return source.variables[id(value)]
    if kind not in (Kind.TUPLE, Kind.NAMED_TUPLE, Kind.OBJECT, Kind.LIST, Kind.DICT) or values.is_registered(value):
        raise NotQuick
    parts = values.children(value)
    inner = [_gradient(source, child, member) for (_, child), member in zip(parts, skeleton.members, strict=True)]
    expression = _container_of(source, kind, value, parts, inner)
    if not values.is_mutable(value):
        return expression
    source.variables[id(value)] = source.new(expression)
    return source.variables[id(value)]


def _container_of(source: _Source, kind: Kind, value: Any, parts: Any, inner: list[str]) -> str:
    listed = ", ".join(inner)
    if kind is Kind.TUPLE:
        return f"({listed}{',' if inner else ''})"
    if kind is Kind.LIST:
        return f"[{listed}]"
    if kind is Kind.DICT:
        if type(value) is not dict:
            raise NotQuick
        return "{" + ", ".join(f"{step.key!r}: {part}" for (step, _), part in zip(parts, inner, strict=True)) + "}"
    made = type(value)
    if kind is Kind.OBJECT:
        made = values.structural_type(type(value), [step.key for step, _ in parts])
    return f"{source.name(tuple.__new__)}({source.name(made)}, ({listed}{',' if inner else ''}))"
