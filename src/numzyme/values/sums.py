"""Sums and zeros in place: `accumulate`, `make_zero_inplace`, `remake_zero`.

Decides what is changed in place and what is made anew: immutable values that hold numbers are, inside
mutable ones too. Invariants: each shared object, and each element of overlapping arrays, counts once; a
refused call has changed nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnostics import DifferentiationTypeError, DifferentiationValueError
from .comparison import difference
from .kinds import Kind, classify
from .mapping import reached_arrays
from .memory import address_of, bounds_of, overlapping, same_layout
from .paths import NestedIn, Path
from .records import array_of, clear, numbers_of
from .structure import children, children_of, has_identity, is_mutable, rebuild, set_child


def make_zero_inplace(dx: Any, *, name: str = "dx") -> None:
    """Set every number in a shadow to zero, in place.

    Arguments: a value whose numbers are held by arrays, lists, dicts or mutable instances; `name` stands for it in
        messages.
    Raises: `DifferentiationTypeError` for numbers that only immutable values hold (`remake_zero` returns a new value
        for these), `DifferentiationValueError` for a read-only array. Nothing is changed then.

    >>> dx = {"w": 3.0, "b": (1.0, "relu")}
    >>> make_zero_inplace(dx)
    >>> dx
    {'w': 0.0, 'b': (0.0, 'relu')}
    """
    path = Path(name)
    with NestedIn(path):
        where = _immutable_number(dx, path)
    if where is not None:
        raise DifferentiationTypeError(
            f"{where} is a number that cannot be set to zero in place",
            why="nothing mutable holds it",
            todo=(f"{name} = make_zero({name}), or {name} = remake_zero({name})",),
        )
    remake_zero(dx, name=name)


def remake_zero(dx: Any, *, name: str = "dx") -> Any:
    """A shadow used again: all zero, in place where that is possible.

    Arguments: a shadow, as `make_zero` makes it; `name` stands for it in messages.
    Returns: `dx` itself, or where immutable values hold numbers the same around the same arrays, with zeros.
    Raises: `DifferentiationValueError` for a read-only array; nothing is changed then.

    >>> remake_zero((3.0, [4.0]))
    (0.0, [0.0])
    """
    path = Path(name)
    with NestedIn(path):
        _check_writable(dx, path)
        return _Update(lambda value, _: type(value)(0), lambda array, _: clear(array))(dx, dx, path)


def accumulate(dx: Any, dy: Any, *, name: str = "dx") -> Any:
    """`dx + dy`, in place where that is possible.

    Arguments: two shadows or two gradients of one value; `name` stands for the first in messages.
    Returns: `dx` itself, or where immutable values hold numbers the sum around the same arrays. Objects that both share
        in the same way are added once.
    Raises: `DifferentiationTypeError` when they are not laid out alike, `DifferentiationValueError` for a read-only
        array. Nothing is changed then.

    >>> accumulate({"w": 1.0, "n": 3}, {"w": 0.5, "n": 3})
    {'w': 1.5, 'n': 3}
    """
    path = Path(name)
    problem = difference(dx, dy, path, sharing=False)
    if problem:
        raise DifferentiationTypeError(problem.replace("its shadow", "what is to be added"))
    with NestedIn(path):
        _check_writable(dx, path)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    result = _Update(lambda a, b: type(a)(a + b), lambda a, b: pairs.append((a, b)))(dx, dy, path)
    _add(pairs)
    return result


class _Update:
    """Numbers replaced and arrays changed, along two values laid out alike; each pair of objects once."""

    def __init__(self, number: Any, array: Any) -> None:
        self.number, self.array = number, array
        self.memo: dict[tuple[int, int], tuple[Any, Any, Any]] = {}

    def __call__(self, value: Any, other: Any, path: Path) -> Any:
        kind = classify(value, path)
        if kind is Kind.CONSTANT:
            return value
        if kind is Kind.SCALAR:
            return self.number(value, other)
        key = (id(value), id(other))
        if key in self.memo:
            return self.memo[key][-1]
        self.memo[key] = (value, other, value)
        if kind in (Kind.ARRAY, Kind.RECORD):
            self.array(array_of(value), array_of(other))
            return value
        mutable = has_identity(kind, value)
        parts, others = children_of(kind, value), dict(children(other, path))
        new = []
        for step, child in parts:
            new.append(self(child, others[step], path.then(step)))
            if mutable and new[-1] is not child:
                set_child(value, step, new[-1])
        if not mutable and any(a is not b for (_, a), b in zip(parts, new, strict=True)):
            self.memo[key] = (value, other, rebuild(value, new))
        return self.memo[key][-1]


def _add(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Add the second arrays to the first ones; elements that both sides share, once."""
    targets: dict[int, list[np.ndarray]] = {}
    rounds: list[list[tuple[np.ndarray, np.ndarray]]] = []
    for target, source in pairs:  # one array may be the target of several: one in each round
        sources = targets.setdefault(id(target), [])
        if len(sources) == len(rounds):
            rounds.append([])
        rounds[len(sources)].append((target, source))
        sources.append(source)
    for together in map(_by_fields, rounds):
        for group in overlapping([target for target, _ in together]):
            _add_group([together[i] for i in group])


def _by_fields(pairs: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Arrays of records as arrays of their numbers."""
    return [pair for target, source in pairs for pair in zip(numbers_of(target), numbers_of(source), strict=True)]


def _add_group(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    mirrored = len(pairs) > 1 and same_layout([target for target, _ in pairs], [source for _, source in pairs])
    if not mirrored:
        for target, source in pairs:
            np.add(target, source, out=target)
        return
    low = min(bounds_of(target)[0] for target, _ in pairs)
    high = max(bounds_of(target)[1] for target, _ in pairs)
    done = np.zeros(high - low, np.bool_)
    for target, source in pairs:
        # the first byte of each float says whether it was added
        view, other = _floats(target), _floats(source)
        added = np.ndarray(view.shape, np.bool_, done.data, address_of(view) - low, view.strides)
        np.add(view, other, out=view, where=~added)
        added[...] = True


def _floats(array: np.ndarray) -> np.ndarray:
    """The same memory as floats: a complex number is two."""
    if array.dtype.kind == "f":
        return array
    real = np.real(array)  # a view
    return np.lib.stride_tricks.as_strided(real, (*array.shape, 2), (*array.strides, real.itemsize))


def _immutable_number(value: Any, path: Path) -> Path | None:
    """The first number that is reached from `value` through immutable values only."""
    seen: dict[int, Any] = {}

    def search(value: Any, path: Path) -> Path | None:
        if classify(value, path) is Kind.SCALAR:
            return path
        if id(value) in seen or is_mutable(value):
            return None
        seen[id(value)] = value
        found = (search(child, path.then(step)) for step, child in children(value, path))
        return next((where for where in found if where is not None), None)

    return search(value, path)


def _check_writable(dx: Any, path: Path) -> None:
    for value, where in reached_arrays(dx, path):
        if not value.flags.writeable:
            raise DifferentiationValueError(f"{where} is a read-only array", todo=("pass a shadow made by make_zero",))
