"""Generated Python that builds gradients of the structure that a `Reader` read, as `values.strip_types` would.

Decides the form of every gradient once, when the code is written: it depends on the structure alone. Invariant: one
mutable object has one gradient object, new in each call. What users registered as functions of their own is not
written as code: `HasHook`.
"""

from __future__ import annotations

from collections import OrderedDict

from numba.core import types

from .. import values
from ..runtime import identity
from ..values import Kind
from .reading import Node, NotQuick, Source


class HasHook(Exception):
    """The gradient of a wrapper is made by a registered function, which has to be called."""


class Builder:
    """Writes expressions of `a0, a1, ...`, the gradients of the arrays, and `numbers`, a list."""

    def __init__(self, source: Source, project: bool) -> None:
        self.source, self.project = source, project
        self.made: dict[int, tuple[str, bool]] = {}

    def gradient(self, node: Node) -> tuple[str, bool]:
        """An expression for the gradient of a value, and whether it is natural: of the value's own kind all through."""
        if node.kind is Kind.CONSTANT:
            return "None", False
        if node.kind is Kind.SCALAR:
            return self._number(node), True
        if node.kind is Kind.ARRAY:
            return f"a{node.skeleton.index}", True
        if id(node) in self.made:
            return self.made[id(node)]
        found = self._container(node)
        if values.is_mutable(node.value):
            found = self.made[id(node)] = self.source.new(found[0]), found[1]
        return found

    def _number(self, node: Node) -> str:
        index, python_class = node.skeleton.index, type(node.value)
        number = f"numbers[{index}] + 0.0"  # -0.0 is 0.0
        if isinstance(node.skeleton.kind, types.Complex):
            number = f"complex({number}, numbers[{index + 1}])"
        return number if python_class is float else f"{self.source.name(python_class)}({number})"

    def _container(self, node: Node) -> tuple[str, bool]:
        if node.kind is Kind.SPARSE:
            data, _ = self.gradient(node.parts[0][1])
            return self._rebuilt(node, {"data": data}), True
        if node.kind in (Kind.OBJECT, Kind.PARTIAL, Kind.METHOD):
            natural = self._natural(node)
            return (self._structural(node), False) if natural is None else (natural, True)
        inner = [self.gradient(part) for _, part in node.parts]
        is_natural = all(natural for _, natural in inner)
        listed = ", ".join(text for text, _ in inner)
        as_tuple = f"({listed}{',' if inner else ''})"
        if node.kind is Kind.TUPLE:
            return as_tuple, is_natural
        if node.kind is Kind.LIST:
            return f"[{listed}]", is_natural
        if node.kind is Kind.NAMED_TUPLE:
            return self._of_class(type(node.value), [text for text, _ in inner]), is_natural
        if node.kind is not Kind.DICT:
            raise NotQuick
        keys = [self.source.name(step.key) for step, _ in node.parts]
        made = "{" + ", ".join(f"{key}: {text}" for key, (text, _) in zip(keys, inner, strict=True)) + "}"
        is_ordered = type(node.value) is OrderedDict
        return (f"{self.source.name(OrderedDict)}({made})" if is_ordered else made), is_natural

    def _of_class(self, python_class: type, members: list[str]) -> str:
        return f"{self.source.name(identity.tuple_of(python_class))}({', '.join(members)})"

    def _structural(self, node: Node) -> str:
        inner = [self.gradient(part)[0] for _, part in node.parts]
        made = values.structural_type(type(node.value), [step.key for step, _ in node.parts])
        return self._of_class(made, inner)

    def _natural(self, node: Node) -> str | None:
        """The gradient of a wrapper in its own class; None where it is structural."""
        registered = values.wrapper_of(node.value)
        if registered is None:
            return None
        function = registered.project or registered.natural if self.project else registered.natural
        if function is None:
            return None
        names = values.natural_names(function)
        parts = {step.key: part for step, part in node.parts}
        if names is None or any(name not in parts for name in names):
            raise HasHook
        found = {name: self.gradient(parts[name]) for name in names}
        if not all(natural for _, natural in found.values()):
            return None
        return self._rebuilt(node, {name: text for name, (text, _) in found.items()})

    def _rebuilt(self, node: Node, new: dict[str, str]) -> str:
        """An instance like the value with some fields replaced, as `values.rebuild` makes it."""
        if not values.is_copied_by_attributes(node.value):
            listed = ", ".join(f"{name!r}: {text}" for name, text in new.items())
            return f"{self.source.name(values.rebuild)}({node.variable}, {{{listed}}})"
        made = self.source.new(f"{self.source.name(object.__new__)}({self.source.name(type(node.value))})")
        listed = ", ".join(f"{name!r}: {text}" for name, text in new.items())
        self.source.lines.append(f"{made}.__dict__.update({node.variable}.__dict__)")
        self.source.lines.append(f"{made}.__dict__.update({{{listed}}})")
        return made
