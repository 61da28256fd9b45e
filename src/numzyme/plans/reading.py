"""Generated Python that takes arguments apart which are like those that were met before.

Decides what a value must be like for the code of a structure: its class, its length and keys, its constants, what is
the same object and what is not. Invariant: the code ends with `return MISS` wherever the general way would find another
structure, and it reads the leaves in the order of the plan's walk. Only constants of the first call are kept alive.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType, MemberDescriptorType, MethodType
from typing import Any

import numpy as np
from numba.core import types

from .. import values
from ..frontend.objects.construct import Skeleton
from ..frontend.objects.outside import UNBOUND, Outside, moving_values
from ..runtime import identity
from ..values import Kind, Step
from .walk import is_flat

MISS: Any = type("MISS", (), {"__repr__": lambda self: "MISS"})()
BUFFERS = ("float", "fixed", "integer")


class NotQuick(Exception):
    """The structure has something that only the general way handles."""


@dataclass
class Source:
    """Lines of a function and the values that they name."""

    lines: list[str] = field(default_factory=list)
    scope: dict[str, Any] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    variables: int = 0

    def name(self, value: Any) -> str:
        """A name for a value of Python, which the scope keeps alive."""
        if id(value) not in self.names:
            name = self.names[id(value)] = f"k{len(self.scope)}"
            self.scope[name] = value
        return self.names[id(value)]

    def new(self, expression: str) -> str:
        """A new variable."""
        variable = self.fresh()
        self.lines.append(f"{variable} = {expression}")
        return variable

    def fresh(self) -> str:
        self.variables += 1
        return f"v{self.variables}"

    def require(self, condition: str) -> None:
        self.lines.append(f"if not ({condition}): return MISS")


@dataclass(eq=False)
class Node:
    """One value of the structure that was met.

    `variable`: its name in the code; `parts`: as `values.children`; `pattern`: of a sparse array, its other arrays.
    """

    kind: Kind
    value: Any
    skeleton: Skeleton
    variable: str
    parts: tuple[tuple[Step, Node], ...] = ()
    pattern: dict[str, str] = field(default_factory=dict)


class Reader:
    """Writes guards and reads leaves: `arrays` and `buffers` give the expression for each."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.arrays: dict[int, str] = {}
        self.buffers: dict[str, dict[int, str]] = {name: {} for name in BUFFERS}
        self.nodes: dict[int, Node] = {}  # of what has an identity
        self.outside: set[str] = set()

    def read(self, value: Any, skeleton: Skeleton, variable: str) -> Node:
        kind = values.classify(value)
        if skeleton.source == "record" or (isinstance(value, np.ndarray) and not is_flat(value)):
            raise NotQuick
        if type(value) is FunctionType:
            self.function(value, skeleton, variable)
        elif skeleton.source == "static":
            self._constant(value, variable)
        elif skeleton.source in BUFFERS:
            self._number(value, skeleton, variable)
        elif skeleton.source == "array":
            return self._identified(kind, value, skeleton, variable, self._array)
        elif values.is_sparse(value):
            return self._identified(kind, value, skeleton, variable, self._sparse)
        elif kind is Kind.CONSTANT:
            raise NotQuick
        elif values.is_mutable(value):
            return self._identified(kind, value, skeleton, variable, self._container)
        else:
            made = Node(kind, value, skeleton, variable)
            self._container(made)
            return made
        return Node(kind, value, skeleton, variable)

    def finish(self) -> None:
        """Arrays are arrays, and what is not the same object must not become one."""
        by_class: dict[type, list[str]] = {np.ndarray: []}
        for node in self.nodes.values():
            by_class.setdefault(type(node.value), []).append(node.variable)
        for python_class, variables in by_class.items():
            if len(variables) > (python_class is not np.ndarray):
                self._require_distinct(python_class, variables)

    def _require_distinct(self, python_class: type, variables: list[str]) -> None:
        if len(variables) > identity.MOST:
            listed = ", ".join(variables)
            self.source.require(f"len({{*map(id, ({listed}))}}) == {len(variables)}")
            class_name = self.source.name(python_class)
            self.source.require(f"{{*map(type, ({listed}))}} == {{{class_name}}}")
            return
        self.source.require(f"{self.source.name(identity.distinct(python_class))}({', '.join(variables)})")

    def _identified(
        self, kind: Kind, value: Any, skeleton: Skeleton, variable: str, visit: Callable[[Node], None]
    ) -> Node:
        known = self.nodes.get(id(value))
        if known is None:
            known = self.nodes[id(value)] = Node(kind, value, skeleton, variable)
            visit(known)
            return known
        self.source.require(f"{variable} is {known.variable}")
        if skeleton.source == "array":  # as constant and as differentiated it is passed twice
            self.arrays.setdefault(skeleton.index, known.variable)
            return Node(kind, value, skeleton, known.variable)
        return known

    # -- leaves
    def _constant(self, value: Any, variable: str) -> None:
        name = self.source.name(value)
        if isinstance(value, str | np.bool_ | int) and not isinstance(value, bool):
            self.source.require(f"type({variable}) is {self.source.name(type(value))} and {variable} == {name}")
        else:
            self.source.require(f"{variable} is {name}")

    def _number(self, value: Any, skeleton: Skeleton, variable: str) -> None:
        self.source.require(f"type({variable}) is {self.source.name(type(value))}")
        found = self.buffers[skeleton.source]
        if skeleton.source == "integer":
            # a wide unsigned number would become a negative one
            found[skeleton.index] = variable if type(value) is int else f"int({variable})"
        elif isinstance(skeleton.kind, types.Complex):
            found[skeleton.index], found[skeleton.index + 1] = f"{variable}.real", f"{variable}.imag"
        else:
            found[skeleton.index] = variable

    def _array(self, node: Node) -> None:
        """`finish` looks at the classes of all."""
        self.arrays[node.skeleton.index] = node.variable

    def function(self, value: FunctionType, skeleton: Skeleton | None, variable: str) -> None:
        """A function of the same code, whose names mean the same; the data among them are leaves."""
        moving = tuple(skeleton.kind.fields) if skeleton is not None and skeleton.members else ()
        free = value.__code__.co_freevars
        same = [f"type({variable}) is {self.source.name(FunctionType)}"]
        for attribute in ("__code__", "__globals__", "__defaults__", "__kwdefaults__"):
            same.append(f"{variable}.{attribute} is {self.source.name(getattr(value, attribute))}")
        for position, name in enumerate(free):
            if name not in moving:
                content = self.source.name(_content(value, position))
                same.append(f"{variable}.__closure__[{position}].cell_contents is {content}")
        identical = f"{variable} is {self.source.name(value)}"
        self.source.require(f"{identical} or ({' and '.join(same)})")
        self._outside(Outside(value, moving))
        if skeleton is None:
            return
        present = moving_values(value)
        for name, member in zip(moving, skeleton.members, strict=True):
            place = f"{self.source.name(value.__globals__)}[{name!r}]"
            if name in free:
                place = f"{variable}.__closure__[{free.index(name)}].cell_contents"
            self.read(present[name], member, self.source.new(place))

    def _outside(self, outside: Outside) -> None:
        """The names that functions use mean the same."""
        places = [
            (f"{self.source.name(space)}.get({name!r}, {self.source.name(UNBOUND)})", value)
            for space, name, value in outside.globals
        ]
        places += [(f"{self.source.name(cell)}.cell_contents", value) for cell, value in outside.cells]
        for place, value in places:
            condition = f"{place} is {self.source.name(value)}"
            if condition not in self.outside:  # many layers have the same functions
                self.outside.add(condition)
                self.source.require(condition)

    # -- containers
    def _container(self, node: Node) -> None:
        if node.kind is Kind.PARTIAL:
            return self._partial(node)
        if node.kind is Kind.METHOD:
            return self._method(node)
        parts = values.children(node.value)
        variables = self.opened(node.kind, node.value, node.variable)
        triples = zip(parts, node.skeleton.members, variables, strict=True)
        node.parts = tuple((step, self.read(child, member, name)) for (step, child), member, name in triples)
        return None

    def opened(self, kind: Kind, value: Any, variable: str) -> list[str]:
        """Guards for a container like `value`; the variables of its children."""
        self.source.require(f"type({variable}) is {self.source.name(type(value))}")
        if kind in (Kind.TUPLE, Kind.LIST, Kind.NAMED_TUPLE):
            return self._unpacked(len(value), variable)
        if kind is Kind.DICT:
            self._same_keys(value, variable)
            return [self.source.new(f"{variable}[{self._key(key)}]") for key in value]
        if kind is not Kind.OBJECT:
            raise NotQuick
        python_class, names = type(value), [step.key for step, _ in values.children(value)]
        if values.has_open_fields(python_class) or hasattr(python_class, "__getattr__"):
            self._open_fields(value, variable, names)
        if not all(_is_plain_attribute(python_class, name) for name in names):
            raise NotQuick
        return [self.source.new(f"{variable}.{name}") for name in names]

    def _unpacked(self, length: int, variable: str) -> list[str]:
        """Another length raises `ValueError`."""
        if not length:
            self.source.require(f"len({variable}) == 0")
            return []
        variables = [self.source.fresh() for _ in range(length)]
        self.source.lines.append(f"{', '.join(variables)}{',' if length == 1 else ''} = {variable}")
        return variables

    def _same_keys(self, value: dict[str, Any], variable: str) -> None:
        """The same keys in the same order, which loops over a dict see."""
        self.source.require(f"[*{variable}] == {self.source.name([*value])}")

    def _key(self, key: Any) -> str:
        return repr(key) if type(key) is str else self.source.name(key)

    def _open_fields(self, value: Any, variable: str, names: list[str]) -> None:
        """Plain objects may get or lose attributes at any time; dataclasses have the fields of their class."""
        if hasattr(value, "__dict__"):
            self._same_keys(value.__dict__, f"{variable}.__dict__")
        for name in values.slots_of(type(value)):
            if name not in names:
                self.source.require(f"not hasattr({variable}, {name!r})")

    def _partial(self, node: Node) -> None:
        value, variable, members = node.value, node.variable, node.skeleton.members
        if type(value) is not functools.partial or id(value.keywords) in self.nodes:
            raise NotQuick
        self.source.require(f"type({variable}) is {self.source.name(functools.partial)}")
        func, bound, keywords = (self.source.new(f"{variable}.{name}") for name in ("func", "args", "keywords"))
        function = self.read(value.func, members[0], func)
        arguments = Node(Kind.TUPLE, value.args, node.skeleton, bound)
        triples = zip(value.args, members[1:], self._unpacked(len(value.args), bound), strict=False)
        arguments.parts = tuple((Step(n), self.read(*triple)) for n, triple in enumerate(triples))
        self._same_keys(value.keywords, keywords)
        named = self.nodes[id(value.keywords)] = Node(Kind.DICT, value.keywords, node.skeleton, keywords)
        rest = zip(value.keywords.items(), members[1 + len(value.args) :], strict=True)
        named.parts = tuple(
            (Step(key), self.read(part, member, self.source.new(f"{keywords}[{self._key(key)}]")))
            for (key, part), member in rest
        )
        steps = [Step(name, True) for name in ("func", "args", "keywords")]
        node.parts = tuple(zip(steps, (function, arguments, named), strict=True))

    def _method(self, node: Node) -> None:
        value, variable = node.value, node.variable
        self.source.require(f"type({variable}) is {self.source.name(MethodType)}")
        function = self.source.new(f"{variable}.__func__")
        self.source.require(f"{function} is {self.source.name(value.__func__)}")
        if type(value.__func__) is FunctionType:
            self._outside(Outside(value.__func__))
        receiver = self.source.new(f"{variable}.__self__")
        node.parts = ((Step("__self__", True), self.read(value.__self__, node.skeleton.members[0], receiver)),)

    def _sparse(self, node: Node) -> None:
        value, variable = node.value, node.variable
        self.source.require(f"type({variable}) is {self.source.name(type(value))}")
        names = ("data", "row", "col") if value.format == "coo" else ("data", "indices", "indptr")
        *stored, shape = node.skeleton.members
        parts = [
            self.read(getattr(value, name), member, self.source.new(f"{variable}.{name}"))
            for name, member in zip(names, stored, strict=True)
        ]
        lengths = self._unpacked(2, self.source.new(f"{variable}.shape"))
        for length, member in zip(lengths, shape.members, strict=True):
            self.buffers["integer"][member.index] = length
        node.pattern = {name: part.variable for name, part in zip(names[1:], parts[1:], strict=True)}
        node.parts = ((Step("data", True), parts[0]),)


def _is_plain_attribute(python_class: type, name: str) -> bool:
    """Whether reading the attribute runs no code of the class."""
    found = next((vars(base)[name] for base in python_class.__mro__ if name in vars(base)), None)
    return not hasattr(found, "__set__") or isinstance(found, MemberDescriptorType)


def _content(function: FunctionType, position: int) -> Any:
    try:
        return (function.__closure__ or ())[position].cell_contents
    except ValueError:  # not bound yet
        raise NotQuick from None
