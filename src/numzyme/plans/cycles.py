"""Cycles of references among a call's values: which objects are in one, and which of them have one type.

Decides by the strongly connected components of the graph of references (Tarjan, "Depth-first search and linear graph
algorithms", 1972), and within a component by refining a partition of its objects until those that are together have the
same class and the same kinds of fields (Moore's minimisation of automata). A field that is None in some and leads to
one type in the others may be None in all. Invariant: equal components have equal types.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any

from numba.core import types

from .. import values
from ..frontend.objects.classes import generations
from ..frontend.objects.construct import Skeleton
from ..frontend.objects.cyclic import Reference, Table, cyclic_type
from ..frontend.objects.outside import moving_values
from ..values import Kind, Path, Step

if TYPE_CHECKING:
    from .walk import Walk


class ReferenceCycle(Exception):
    """A value was met inside itself; whoever walks begins again, with the components."""


@dataclass(eq=False)
class Component:
    """Values that lead to each other. `objects`: the objects and dicts among them, which have identity."""

    objects: list[Any]


def components(roots: tuple[Any, ...]) -> dict[int, Component]:
    """For each value in a cycle, by address, its component; `roots`: where to begin."""
    search = _Search()
    for root in roots:
        search.visit(root)
    return search.found


class _Search:
    """Tarjan's algorithm, with a stack of its own: references may be long chains."""

    def __init__(self) -> None:
        self.order: dict[int, int] = {}
        self.low: dict[int, int] = {}
        self.open: dict[int, Any] = {}  # not in a component yet, in the order of meeting
        self.found: dict[int, Component] = {}

    def visit(self, root: Any) -> None:
        if id(root) in self.order or not _leads_on(root):
            return
        waiting = [(root, iter(self._enter(root)))]
        while waiting:
            value, successors = waiting[-1]
            following = next((one for one in successors if self._is_new(value, one)), None)
            if following is not None:
                waiting.append((following, iter(self._enter(following))))
                continue
            waiting.pop()
            if waiting:
                parent = id(waiting[-1][0])
                self.low[parent] = min(self.low[parent], self.low[id(value)])
            if self.low[id(value)] == self.order[id(value)]:
                self._close(value)

    def _enter(self, value: Any) -> list[Any]:
        self.order[id(value)] = self.low[id(value)] = len(self.order)
        self.open[id(value)] = value
        return [part for part in _successors(value) if _leads_on(part)]

    def _is_new(self, value: Any, following: Any) -> bool:
        if id(following) in self.open:
            self.low[id(value)] = min(self.low[id(value)], self.order[id(following)])
        return id(following) not in self.order

    def _close(self, root: Any) -> None:
        members = []
        while True:
            key, member = self.open.popitem()
            members.append(member)
            if key == id(root):
                break
        members.reverse()
        objects = [
            one for one in members if values.is_mutable(one) and values.classify(one) in (Kind.OBJECT, Kind.DICT)
        ]
        is_cycle = len(members) > 1 or any(part is root for part in _successors(root))
        if is_cycle and objects:
            component = Component(objects)
            self.found.update((id(member), component) for member in members)


def _leads_on(value: Any) -> bool:
    return type(value) is FunctionType or values.classify(value) not in (Kind.SCALAR, Kind.ARRAY, Kind.CONSTANT)


def _successors(value: Any) -> list[Any]:
    if type(value) is FunctionType:
        return list(moving_values(value).values())
    return [part for _, part in values.children(value)]


def enter_component(walk: Walk, component: Component, path: Path, active: bool) -> Skeleton:
    """The skeletons of all objects of a component, whose references are known from now on."""
    table, numbers = _types_of(walk, component, active)
    kinds = [cyclic_type(table, number) for number in numbers]
    identities = []
    for one, kind in zip(component.objects, kinds, strict=True):
        identities.append(len(walk.kept))
        walk.met[id(one), active] = Skeleton(kind, "reference", identity=len(walk.kept))
        walk.kept.append(one)
    made = []
    for one, kind, identity in zip(component.objects, kinds, identities, strict=True):
        steps = values.children(one, path)
        expected = dict(table[kind.number][3])
        members = tuple(
            _optional(walk.skeleton(part, path.then(step), active), expected[step.key], table) for step, part in steps
        )
        kind.enter({step.key: member.kind for (step, _), member in zip(steps, members, strict=True)})
        first = walk.first_identity(one, identity)
        made.append(Skeleton(kind, "fields", members=members, identity=identity, first=first))
        walk.own(one, steps, made[-1], path)
    return Skeleton(types.none, "component", members=tuple(made))


def _optional(member: Skeleton, expected: Any, table: Table) -> Skeleton:
    """A member of a field, which may be None if the kind that is `expected` in its place says so."""
    if not isinstance(expected, types.Optional):
        return member
    reference: Any = expected.type  # pyright: ignore[reportAttributeAccessIssue]
    members = () if isinstance(member.kind, types.NoneType) else (member,)
    return Skeleton(types.Optional(cyclic_type(table, reference.number)), "optional", members=members)


def _types_of(walk: Walk, component: Component, active: bool) -> tuple[Table, list[int]]:
    """The types of a component and, for each of its objects, which it has."""
    fields = [[(step.key, part) for step, part in values.children(one)] for one in component.objects]
    numbers = _numbered(
        [(type(one), tuple(n for n, _ in own)) for one, own in zip(component.objects, fields, strict=True)]
    )
    while True:
        kinds = [_kinds(walk, component, numbers, own, active) for own in fields]
        kinds = _with_optional(kinds, numbers)
        refined = _numbered([(number, tuple(own)) for number, own in zip(numbers, kinds, strict=True)])
        if len(set(refined)) == len(set(numbers)):
            break
        numbers = refined
    table = []
    for number in range(len(set(numbers))):
        first = numbers.index(number)
        python_class = type(component.objects[first])
        names = [name for name, _ in fields[first]]
        cells = frozenset(name for name in names if (python_class, name) in walk.cells)
        described = tuple(zip(names, kinds[first], strict=True))
        table.append((dict if python_class is dict else python_class, cells, generations[python_class], described))
    return tuple(table), numbers


def _numbered(keys: list[Any]) -> list[int]:
    """Numbers for keys, in the order of first occurrence."""
    known: dict[Any, int] = {}
    return [known.setdefault(key, len(known)) for key in keys]


def _kinds(walk: Walk, component: Component, numbers: list[int], own: list[tuple[str, Any]], active: bool) -> list[Any]:
    """The kinds of an object's fields, as far as the numbers of the component's objects tell them apart."""
    trial = dataclasses.replace(
        walk,
        **{name: list(getattr(walk, name)) for name in _LISTS},
        met=dict(walk.met),
        identities=dict(walk.identities),
    )
    for one, number in zip(component.objects, numbers, strict=True):
        trial.met[id(one), active] = Skeleton(Reference(number), "reference")
    return [trial.skeleton(part, Path("object").then(Step(name, True)), active).kind for name, part in own]


_LISTS = (
    "arrays", "active", "paths", "floats", "fixed", "integers", "owners", "cell_owners", "within", "kept",
)  # fmt: skip


def _with_optional(kinds: list[list[Any]], numbers: list[int]) -> list[list[Any]]:
    """Where objects that have been alike so far have None or one reference in a field, all may have None there."""
    result = [list(own) for own in kinds]
    for number in set(numbers):
        group = [position for position, other in enumerate(numbers) if other == number]
        for field in range(len(kinds[group[0]])):
            found = {kinds[position][field] for position in group}
            references = [kind for kind in found if isinstance(kind, Reference)]
            if len(found) == 2 and len(references) == 1 and types.none in found:
                for position in group:
                    result[position][field] = types.Optional(references[0])
    return result
