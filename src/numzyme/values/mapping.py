"""A value rebuilt leaf by leaf: `make_zero` and `tree_map`.

Decides what is new and what is shared. Invariants: one mutable object reached by two paths becomes one new object,
reached by the same paths; two never become one; arrays that overlap become arrays that overlap likewise; an immutable
value in which nothing changes is itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..diagnostics import DifferentiationTypeError
from .kinds import Kind, classify
from .memory import overlapping, shadows_of
from .paths import NestedIn, Path, Step
from .records import array_of, like, mapped
from .structural import is_structural, part_of
from .structure import children_of, fill, has_identity, has_shell, make_shell, rebuild_immutable

# (kind, leaf, what belongs to it in the other trees) -> new leaf
OfLeaf = Callable[[Kind, Any, tuple], Any]


def make_zero(x: Any, *, name: str = "x") -> Any:
    """A zero shadow: same type and layout, floats zero, everything else `x`'s own object.

    Arguments: any value; `name` stands for it in messages.
    Returns: the shadow. Arrays, lists, dicts and mutable instances in it are new, once for each such object in `x`.
    Arrays that overlap have shadows that overlap likewise; read-only and broadcast arrays have writable dense ones.
    Raises: `DifferentiationTypeError` for a value that cannot be differentiated, naming the path to it.

    >>> make_zero({"w": 3.0, "layers": [1.5, (2, "relu")]})
    {'w': 0.0, 'layers': [0.0, (2, 'relu')]}
    """
    path = Path(name)
    with NestedIn(path):
        return _make_zero(x, path)


def _make_zero(x: Any, path: Path) -> Any:
    arrays = reached_arrays(x, path)
    shadows = shadows_of([array_of(value) for value, _ in arrays], [where for _, where in arrays])
    shadow_of = {id(value): like(value, shadow) for (value, _), shadow in zip(arrays, shadows, strict=True)}

    def zero(kind: Kind, value: Any, others: tuple) -> Any:
        if kind is Kind.SCALAR:
            return type(value)(0)
        # a property may make an array at every reading
        return shadow_of[id(value)] if id(value) in shadow_of else like(value, shadows_of([array_of(value)], [path])[0])

    return Mapping(zero)(x, (), path)


def tree_map(fn: Callable[..., Any], x: Any, *trees: Any, name: str = "x") -> Any:
    """`x` with every float leaf replaced by `fn(leaf, ...)`, for steps along a gradient.

    Arguments:
        fn: gets a number or array of `x` and what belongs to it in each of `trees`; of an array of records every field
            with numbers by itself, while its other fields stay as they are.
        x: any value.
        trees: gradients of `x`, structural or not, shadows, or other values made like them. Where one of them is None,
            the leaf is unchanged.
        name: stands for `x` in messages.
    Returns: a value of `x`'s own kind. Objects and arrays shared in `x` are shared in it, overlapping arrays overlap.
    Raises: `DifferentiationTypeError` when a tree does not fit `x`, naming the path.

    >>> tree_map(lambda p, d: p - 0.5 * d, {"w": 3.0, "n": 2, "b": 1.0}, {"w": 2.0, "n": None, "b": None})
    {'w': 2.0, 'n': 2, 'b': 1.0}
    """
    path = Path(name)
    with NestedIn(path):
        return _tree_map(fn, x, trees, path)


def _tree_map(fn: Callable[..., Any], x: Any, trees: tuple, path: Path) -> Any:
    places = _shared_places([value for value, _ in reached_arrays(x, path)])

    def apply(kind: Kind, value: Any, others: tuple) -> Any:
        if any(other is None for other in others):
            new = value
        elif kind is not Kind.SCALAR and value.dtype.names is not None:
            new = like(value, mapped(fn, array_of(value), tuple(map(array_of, others))))
        else:
            new = fn(value, *others)
        place = None if kind is Kind.SCALAR else places.get(id(value))
        if place is None or np.shape(new) != place.shape:
            return new
        place[...] = new
        return like(value, place)

    return Mapping(apply)(x, trees, path)


def reached_arrays(x: Any, path: Path) -> list[tuple[Any, Path]]:
    """All float arrays and single records in a value, each object once, with the path on which it was met first."""
    found: list[tuple[Any, Path]] = []
    seen: dict[int, Any] = {}  # the values too, so that no address is used twice

    def visit(value: Any, path: Path) -> None:
        kind = classify(value, path)
        if kind in (Kind.CONSTANT, Kind.SCALAR) or id(value) in seen:
            return
        seen[id(value)] = value
        if kind in (Kind.ARRAY, Kind.RECORD):
            found.append((value, path))
            return
        for step, child in children_of(kind, value):
            visit(child, Path(step, path))

    visit(x, path)
    return found


class Mapping:
    """The walk over a value and trees like it; `leaf` makes the new leaves."""

    def __init__(self, leaf: OfLeaf) -> None:
        self.leaf = leaf
        self.memo: dict[Any, tuple] = {}

    def __call__(self, value: Any, others: tuple, path: Path) -> Any:
        kind = classify(value, path)
        if kind is Kind.CONSTANT:
            return value
        if kind is Kind.SCALAR:
            return self.leaf(kind, value, others)
        mutable = has_identity(kind, value)
        key = id(value) if mutable or not others else (id(value), *map(id, others))
        if key in self.memo:
            return self.memo[key][-1]
        if kind in (Kind.ARRAY, Kind.RECORD):
            result = self.leaf(kind, value, others)
        else:
            result = self._container(kind, value, others, path, key)
        self.memo[key] = (value, others, result)  # what was met is kept alive, so that no address is used twice
        return result

    def _container(self, kind: Kind, value: Any, others: tuple, path: Path, key: Any) -> Any:
        shell = None
        if has_shell(kind):  # known to the memo before its children are made, so that cycles end
            shell = make_shell(kind, value)
            self.memo[key] = (value, others, shell)
        for other in others:
            check_fits(kind, value, other, path)
        parts, new, changed = children_of(kind, value), [], False
        for index, (step, child) in enumerate(parts):
            belonging = tuple([counterpart(other, step, index, path) for other in others])
            new.append(self(child, belonging, Path(step, path)))
            changed |= new[-1] is not child
        if not (changed or has_identity(kind, value)):
            return value
        if shell is not None:
            fill(shell, parts, new)
            return shell
        return rebuild_immutable(kind, value, new)


def counterpart(tree: Any, step: Step, index: int, path: Path) -> Any:
    """What belongs to one child of a value in a tree made like the value; see `check_fits`."""
    if tree is None:
        return None
    if is_structural(tree):
        if step.key in tree._fields:
            return part_of(tree, step.key)
    elif isinstance(tree, tuple | list):
        return tree[index]
    elif isinstance(tree, dict):
        if step.key in tree:
            return tree[step.key]
    elif hasattr(tree, step.key):
        return getattr(tree, step.key)
    raise DifferentiationTypeError(f"{path.then(step)} has nothing that belongs to it in a {type(tree).__name__}")


def check_fits(kind: Kind, value: Any, tree: Any, path: Path) -> None:
    """Refuse a tree whose container is not made like the value's."""
    if tree is None:
        return
    if kind in (Kind.LIST, Kind.TUPLE, Kind.NAMED_TUPLE):
        base = list if kind is Kind.LIST else tuple
        fits = isinstance(tree, base) and len(tree) == len(value)
    elif kind is Kind.DICT:
        fits = isinstance(tree, dict) and tree.keys() == value.keys()
    elif kind is Kind.SPARSE:
        fits = type(tree) is type(value) and tree.shape == value.shape and tree.nnz == value.nnz
    else:
        fits = classify(tree, path) is kind or is_structural(tree)
    if not fits:
        raise DifferentiationTypeError(
            f"{path} is a {_summary(value)}, but what belongs to it is a {_summary(tree)}",
            todo=("pass a gradient of the same value, or None for what shall not change",),
        )


def _summary(value: Any) -> str:
    if isinstance(value, dict):
        return f"{type(value).__name__} with the keys {list(value)}"
    if hasattr(value, "nnz"):
        return f"{type(value).__name__} of shape {value.shape} with {value.nnz} stored entries"
    return f"{type(value).__name__} of length {len(value)}" if isinstance(value, list | tuple) else type(value).__name__


def _shared_places(found: list[Any]) -> dict[int, np.ndarray]:
    """For arrays that overlap others: new memory that overlaps likewise, with the same content."""
    places: dict[int, np.ndarray] = {}
    arrays = list(map(array_of, found))
    for group in overlapping(arrays):
        members = [arrays[i] for i in group]
        if len(members) > 1:
            for i, place in zip(group, shadows_of(members, [Path("x")] * len(members)), strict=True):
                place[...] = arrays[i]
                places[id(found[i])] = place
    return places
