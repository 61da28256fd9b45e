"""From the shadow to the user's gradient: natural where natural and structural form agree, else named tuples.

Decides the form of every part (section 4 of the contract). Invariant: the gradient of one mutable object
is one object on all paths, and the gradients of two are two.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from typing import Any

from ..diagnostics import DifferentiationTypeError, DifferentiationValueError
from .comparison import difference_of_leaves
from .kinds import Kind, classify
from .mapping import check_fits, counterpart
from .paths import NestedIn, Path, Step
from .structural import in_a_cycle, is_structural, structural_type
from .structure import all_fields, children, children_of, has_identity
from .wrappers import GradientOf, wrapper_of

_SAME_CONTAINER = {Kind.TUPLE, Kind.NAMED_TUPLE, Kind.LIST, Kind.DICT}


def strip_types(x: Any, dx: Any, *, project: bool = False, name: str = "x") -> Any:
    """The gradient in the user's shape, from a value and its shadow.

    Arguments:
        x: any value.
        dx: its shadow, as `make_zero(x)` lays it out.
        project: give the projected gradient where a wrapper defines one.
        name: stands for `x` in messages.
    Returns: for a number its derivative, for arrays (of records too) and scipy.sparse the shadow itself, None for what
        has no derivative; tuples, lists, dicts and NamedTuples of these; for dataclasses and other objects a named
        tuple of their fields; for array wrappers what they registered (see `register_wrapper`).
        One mutable object of `x` has one gradient object.
        A named tuple cannot contain itself: in a cycle of objects the reference that closes it is an attribute of the
        gradient, and None where the gradient is read by position.
    Raises: `DifferentiationTypeError` when the shadow does not fit; `DifferentiationValueError` when an object would
        have two shadows or two objects one, when a gradient cannot be projected, and for a cycle that a tuple closes.

    >>> strip_types({"w": 3.0, "n": 2, "b": (1.0, "relu")}, {"w": 0.5, "n": 2, "b": (0.25, "relu")})
    {'w': 0.5, 'n': None, 'b': (0.25, None)}
    """
    walk = _Walk(project)
    with NestedIn(Path(name)):
        gradient = walk.part(x, dx, Path(name))
        walk.finish()
    return gradient


class _NotNatural(Exception):
    """A part of a wrapper has no natural form; ends the registered function."""


class _Recursion:
    """What a registered function gets: see `Strip`."""

    def __init__(self, walk: _Walk, x: Any, where: Path) -> None:
        self._walk, self._x, self._where = walk, x, where

    @property
    def path(self) -> str:
        return str(self._where)

    def __call__(self, x: Any, dx: Any, /) -> Any:
        steps = [step for step, child in children(self._x) if child is x]
        gradient = self._walk.part(x, dx, self._where.then(steps[0]) if steps else self._where)
        if not self._walk.is_natural(gradient, set()):
            raise _NotNatural
        return gradient


class _Walk:
    """One `strip_types`. Lists and dicts are made empty and filled by `finish`, so that they may be part of cycles."""

    def __init__(self, project: bool) -> None:
        self.project = project
        self.memo: dict[tuple[int, ...], tuple[Any, Any, Any]] = {}
        self.primal_of: dict[int, Any] = {}
        self.open: dict[int, Any] = {}
        self.unfilled: dict[int, Callable[[], None]] = {}
        self.unclosed: list[Callable[[], None]] = []  # references that close a cycle of objects

    def finish(self) -> None:
        while self.unfilled:
            self.unfilled.pop(next(iter(self.unfilled)))()
        for close in self.unclosed:
            close()

    def is_natural(self, gradient: Any, seen: set[int]) -> bool:
        """Whether a gradient has the primal's own kind all through."""
        if gradient is None or is_structural(gradient):
            return False
        if not isinstance(gradient, tuple | list | dict) or id(gradient) in seen:
            return True
        seen.add(id(gradient))
        if id(gradient) in self.unfilled:
            self.unfilled.pop(id(gradient))()
        parts = gradient.values() if isinstance(gradient, dict) else gradient
        return all(self.is_natural(part, seen) for part in list(parts))

    def part(self, x: Any, dx: Any, path: Path) -> Any:
        """The gradient of one value."""
        kind = classify(x, path)
        if kind is Kind.CONSTANT:
            return None
        if kind in (Kind.SCALAR, Kind.ARRAY, Kind.RECORD):
            problem = difference_of_leaves(x, dx)
            if problem:
                raise DifferentiationTypeError(f"{path} {problem}")
        if kind is Kind.SCALAR:
            return type(x)(dx)
        mutable = has_identity(kind, x)
        key = (id(x),) if mutable else (id(x), id(dx))
        if key in self.memo:
            self._check_identity(self.memo[key], dx, path)
            return self.memo[key][2]
        if mutable and self.primal_of.setdefault(id(dx), x) is not x:
            raise DifferentiationValueError(
                f"{path} has the same shadow as another object",
                why="two objects never share a shadow",
                todo=("make the shadow with make_zero",),
            )
        gradient = dx if kind in (Kind.ARRAY, Kind.RECORD) else self._of_container(kind, x, dx, path, key)
        self.memo[key] = (x, dx, gradient)
        return gradient

    def _check_identity(self, known: tuple, dx: Any, path: Path) -> None:
        if known[1] is not dx:
            raise DifferentiationValueError(
                f"{path} has two shadows",
                why="it is one object, met on two paths",
                todo=("make the shadow with make_zero",),
            )

    def _of_container(self, kind: Kind, x: Any, dx: Any, path: Path, key: tuple[int, ...]) -> Any:
        check_fits(kind, x, dx, path)
        if dx is None or kind not in _SAME_CONTAINER and type(dx) is not type(x):
            raise DifferentiationTypeError(f"{path} is a {type(x).__name__}, its shadow a {type(dx).__name__}")
        if kind is Kind.SPARSE:
            self.part(x.data, dx.data, path.then(Step("data", True)))
            return dx
        if kind in (Kind.LIST, Kind.DICT):
            gradient = type(x)()
            self.memo[key] = (x, dx, gradient)
            self.unfilled[id(gradient)] = lambda: self._fill(gradient, kind, x, dx, path)
            return gradient
        if id(x) in self.open:
            raise DifferentiationValueError(
                f"{path} is part of a reference cycle",
                why="a tuple cannot contain itself",
                todo=("hold the reference that closes the cycle in a field, a list or a dict",),
            )
        self.open[id(x)] = x
        try:
            if kind in _SAME_CONTAINER:
                return tuple.__new__(type(x), self._parts(kind, x, dx, path).values())
            return self._of_instance(kind, x, dx, path)
        finally:
            del self.open[id(x)]

    def _fill(self, gradient: Any, kind: Kind, x: Any, dx: Any, path: Path) -> None:
        parts = self._parts(kind, x, dx, path)
        if isinstance(gradient, list):
            gradient.extend(parts.values())
        else:
            gradient.update(parts)

    def _of_instance(self, kind: Kind, x: Any, dx: Any, path: Path) -> Any:
        wrapper = wrapper_of(x)
        if wrapper is not None:
            registered = wrapper.project or wrapper.natural if self.project else wrapper.natural
            gradient = self._registered(registered, x, dx, path) if registered else NotImplemented
            if gradient is not NotImplemented:
                return gradient
        closing = (
            {}
            if kind is not Kind.OBJECT
            else {
                step.key: (child, counterpart(dx, step, index, path))
                for index, (step, child) in enumerate(children_of(kind, x))
                if id(child) in self.open
            }
        )
        parts = self._parts(kind, x, dx, path, closing)
        names = all_fields(x) if kind is Kind.OBJECT else tuple(parts)
        made = structural_type(type(x), names)
        gradient = (in_a_cycle(made) if closing else made)._make(parts.get(name) for name in names)
        for name, pair in closing.items():
            self.unclosed.append(partial(self._close, gradient, name, *pair, path))
        return gradient

    def _close(self, gradient: Any, name: str, child: Any, shadow: Any, path: Path) -> None:
        """Enter the reference that closes a cycle: its object has its gradient by now."""
        gradient.__dict__[name] = self.part(child, shadow, path.then(Step(name, True)))

    def _registered(self, function: GradientOf, x: Any, dx: Any, path: Path) -> Any:
        try:
            return function(x, dx, _Recursion(self, x, path))
        except _NotNatural:
            return NotImplemented

    def _parts(self, kind: Kind, x: Any, dx: Any, path: Path, left_out: Container[Any] = ()) -> dict[Any, Any]:
        return {
            step.key: self.part(child, counterpart(dx, step, index, path), path.then(step))
            for index, (step, child) in enumerate(children_of(kind, x))
            if step.key not in left_out
        }
