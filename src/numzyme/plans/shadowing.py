"""The quick way of `autodiff` for arguments with shadows: one generated function that takes both apart.

Decides that a shadow is read by the code of its primal: the same classes, keys and constants, an own object wherever
the primal has one. Invariant: whatever `values.check_congruent` refuses is a `MISS` before anything has run, but for
arrays that share memory, which the compiled glue compares itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.core import types

from .. import values
from ..runtime import identity
from ..values import Kind
from .plan import Flattened
from .reading import Node, NotQuick
from .warm import NAMES, Place, Places, Writer


@dataclass(frozen=True)
class AskedOfShadows:
    """What an `autodiff` call asks for.

    `activities`: the classes of the arguments, of which `constant`, `active` and `duplicated` are known here;
    `forward`: the result is that of `run`; otherwise the numbers that active arguments get, with `named` around it, or
    not; `run`: the derivative of the flat function, called with leaves and shadows.
    """

    activities: tuple[type, ...]
    constant: type
    active: type
    duplicated: tuple[type, ...]
    forward: bool
    named: Any
    run: Callable[..., Any]


def derivative_function(f: Any, flattened: Flattened, asked: AskedOfShadows) -> Callable[..., Any] | None:
    """The function `(f, *activities)` -> result or `MISS`, for arguments like those of `flattened`; None if none."""
    try:
        return _DerivativeWriter(f, flattened, asked).function()
    except NotQuick:
        return None


class _DerivativeWriter(Writer):
    def __init__(self, f: Any, flattened: Flattened, asked: AskedOfShadows) -> None:
        super().__init__(flattened, len(asked.activities))
        self.asked = asked
        self.shadows: dict[int, str] = {}  # of mutable objects and arrays, by their address
        self.numbers: dict[int, str] = {}  # of the shadows
        self.read_function(f)
        self.nodes = [self._argument(n, activity) for n, activity in enumerate(asked.activities)]
        self._distinct()
        self.write_buffers()
        self.source.lines.append(f"shadow_floats = {self.buffer('float', self.numbers)}")

    def _argument(self, position: int, activity: type) -> Node:
        asked, argument = self.asked, f"x{position}"
        self.source.require(f"type({argument}) is {self.source.name(activity)}")
        node = self.read_argument(position, self.source.new(f"{argument}.primal"))
        if activity is asked.active:
            self._zero(node)
        elif activity in asked.duplicated:
            self._shadow(node, self.source.new(f"{argument}.shadow"))
        elif activity is not asked.constant:
            raise NotQuick
        return node

    def _zero(self, node: Node) -> None:
        if node.kind is Kind.TUPLE:
            for _, part in node.parts:
                self._zero(part)
        elif node.kind is Kind.SCALAR and node.skeleton.kind in (types.float64, types.float32):
            self.numbers[node.skeleton.index] = "0.0"
        else:
            raise NotQuick

    # -- shadows
    def _shadow(self, node: Node, variable: str) -> None:
        if node.kind is Kind.CONSTANT:
            self._same_constant(node, variable)
        elif node.kind is Kind.SCALAR:
            if isinstance(node.skeleton.kind, types.Complex):
                raise NotQuick
            self.source.require(f"type({variable}) is {self.source.name(type(node.value))}")
            self.numbers[node.skeleton.index] = variable
        elif not values.is_mutable(node.value):
            self._container(node, variable)
        elif id(node.value) in self.shadows:
            self.source.require(f"{variable} is {self.shadows[id(node.value)]}")
        else:
            self.shadows[id(node.value)] = variable
            if node.kind is not Kind.ARRAY:
                self._container(node, variable)

    def _same_constant(self, node: Node, variable: str) -> None:
        same = f"{variable} is {node.variable}"
        if isinstance(node.value, str | int | np.integer | np.bool_):
            python_class = self.source.name(type(node.value))
            same += f" or type({variable}) is {python_class} and {variable} == {node.variable}"
        self.source.require(same)

    def _container(self, node: Node, variable: str) -> None:
        if node.kind is Kind.SPARSE:
            return self._sparse(node, variable)
        if node.kind in (Kind.PARTIAL, Kind.METHOD):
            raise NotQuick
        variables = self.reader.opened(node.kind, node.value, variable)
        for (_, part), name in zip(node.parts, variables, strict=True):
            self._shadow(part, name)
        return None

    def _sparse(self, node: Node, variable: str) -> None:
        """Of the same class and shape, with the same arrays for the pattern."""
        self.source.require(f"type({variable}) is {self.source.name(type(node.value))}")
        self.source.require(f"{variable}.shape == {node.variable}.shape")
        for name, primal in node.pattern.items():
            self.source.require(f"{variable}.{name} is {primal}")
        ((_, data),) = node.parts
        self._shadow(data, self.source.new(f"{variable}.data"))

    def _distinct(self) -> None:
        """No shadow is that of two objects, or an object of the primals; shadows of arrays are laid out like them."""
        pairs: list[str] = []
        others: dict[type, list[str]] = {}
        for node in self.reader.nodes.values():
            shadow = self.shadows.get(id(node.value))
            if node.kind is Kind.ARRAY and shadow is not None:
                pairs += [node.variable, shadow]
            else:
                listed = [node.variable, shadow] if shadow is not None else [node.variable]
                others.setdefault(type(node.value), []).extend(listed)
        if len(pairs) > identity.MOST or any(len(group) > identity.MOST for group in others.values()):
            raise NotQuick
        if pairs:
            self.source.require(f"{self.source.name(identity.congruent_arrays())}({', '.join(pairs)})")
        for python_class, variables in others.items():
            if len(variables) > (python_class is not np.ndarray):  # of arrays the class is not known yet
                self.source.require(f"{self.source.name(identity.distinct(python_class))}({', '.join(variables)})")

    # -- the call
    def function(self) -> Callable[..., Any]:
        walk = self.flattened.walk
        leaves = []
        for n, (array, active) in enumerate(zip(walk.arrays, walk.active, strict=True)):
            leaves.append(self.reader.arrays[n])
            if active:
                if id(array) not in self.shadows:
                    raise NotQuick
                leaves.append(self.shadows[id(array)])
        passed = ", ".join([*leaves, NAMES["float"], "shadow_floats", NAMES["fixed"], NAMES["integer"]])
        before, after = self._write_back_of_shadows()
        body = [*before, f"found = {self.source.name(self.asked.run)}({passed})", *after]
        return self.compiled(self.source.lines, [*body, f"return {self._result()}"])

    def _write_back_of_shadows(self) -> tuple[list[str], list[str]]:
        owners = [owner for owner in self.flattened.walk.owners if owner.source == "float"]
        if not owners:
            return [], []
        listed = ", ".join(self.shadows[id(owner.value)] for owner in owners)
        places = self.source.name(Places(tuple(map(Place.of, owners))))
        changed = "if shadow_floats.tobytes() != shadow_before:"
        return ["shadow_before = shadow_floats.tobytes()"], [
            f"{changed} {places}.write_back(({listed},), ((shadow_before, shadow_floats), None, None))"
        ]

    def _result(self) -> str:
        if self.asked.forward:
            return "found"
        pairs = zip(self.nodes, self.asked.activities, strict=True)
        slots = [self._slot(node) if activity is self.asked.active else "None" for node, activity in pairs]
        result = f"({', '.join(slots)},)" if slots else "()"
        return f"{self.source.name(self.asked.named)}({result}, found[1])" if self.asked.named else result

    def _slot(self, node: Node) -> str:
        if node.kind is Kind.TUPLE:
            return f"({''.join(self._slot(part) + ', ' for _, part in node.parts)})"
        number = f"shadow_floats[{node.skeleton.index}] + 0.0"
        return f"{self.source.name(float if node.skeleton.kind is types.float64 else np.float32)}({number})"
