"""Whether one value is laid out like another: shadows against their primals.

Decides what "congruent" means. Invariant: what `make_zero` makes is congruent, and whatever is congruent can
be a shadow: no two objects share one, none has two, none lies in the primal's memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnostics import DifferentiationTypeError
from .kinds import SCALARS, Kind, classify
from .memory import is_broadcast, overlapping, same_layout
from .paths import NestedIn, Path
from .records import array_of
from .structure import children, children_of, has_identity


def congruent(x: Any, dx: Any) -> bool:
    """Whether `dx` can be a shadow of `x`.

    Arguments: any two values.
    Returns: True when both have the same types, shapes, dtypes, keys, sparsity patterns and constants, `dx` shares its
        objects and memory exactly as `x` does, and shares none with `x`. What makes them differ: `check_congruent`.
    Raises: `DifferentiationTypeError` when `x` cannot be differentiated.

    >>> congruent([1.0, (2.0, 3)], [0.0, (0.0, 3)]), congruent([1.0], (0.0,))
    (True, False)
    """
    return difference(x, dx, Path("x")) is None


def check_congruent(x: Any, dx: Any, *, name: str = "x") -> None:
    """Refuse a shadow that is not congruent to its primal.

    Arguments: the value, its shadow; `name` stands for the value in messages.
    Raises: `DifferentiationTypeError` that names the path and shows both.

    >>> check_congruent({"w": 1.0}, {"w": 0.0})
    """
    problem = difference(x, dx, Path(name))
    if problem:
        todo = f"make the shadow with make_zero({name})"
        raise DifferentiationTypeError(problem, why="a shadow is laid out like its primal", todo=(todo,))


def difference(x: Any, dx: Any, path: Path, *, sharing: bool = True) -> str | None:
    """The first difference between a value and what should be laid out like it; `sharing`: in identity, too."""
    comparison = _Comparison(sharing)
    with NestedIn(path):
        problem = comparison.compare(x, dx, path)
    return problem or (comparison.memory() if sharing else None)


def difference_of_leaves(x: Any, dx: Any, *, strict: bool = False) -> str | None:
    """What is wrong with the shadow of one number or array; `strict`: numbers have the same precision."""
    if isinstance(x, np.ndarray):
        same = type(dx) in (np.ndarray, np.recarray) and dx.dtype == x.dtype and dx.shape == x.shape
    elif isinstance(x, np.void):
        same = isinstance(dx, np.void) and dx.dtype == x.dtype
    elif strict:
        same = type(dx) in SCALARS and np.result_type(type(dx)) == np.result_type(type(x))
    else:
        real = isinstance(dx, float | int | np.floating | np.integer) and not isinstance(dx, bool)
        same = real or isinstance(x, complex | np.complexfloating) and isinstance(dx, complex | np.complexfloating)
    return None if same else f"is {_describe(x)}, its shadow {_describe(dx)}"


class _Comparison:
    def __init__(self, sharing: bool) -> None:
        self.sharing = sharing
        self.shadow_of: dict[int, tuple[Any, Any, Path]] = {}
        self.primal_of: dict[int, Any] = {}
        self.seen: dict[tuple[int, int], tuple[Any, Any]] = {}
        self.arrays: list[tuple[np.ndarray, np.ndarray, Path]] = []

    def compare(self, x: Any, dx: Any, path: Path) -> str | None:
        kind = classify(x, path)
        if kind is Kind.CONSTANT:
            return None if _same_constant(x, dx) else f"{path} is {_describe(x)}, its shadow {_describe(dx)}"
        if kind in (Kind.SCALAR, Kind.ARRAY, Kind.RECORD):
            problem = difference_of_leaves(x, dx, strict=True)
            if problem:
                return f"{path} {problem}"
        elif type(x) is not type(dx):
            return f"{path} is {_describe(x)}, its shadow {_describe(dx)}"
        if kind is Kind.SCALAR:
            return None
        if self.sharing and has_identity(kind, x):
            problem = self._identity(x, dx, path)
            if problem:
                return problem
        if (id(x), id(dx)) in self.seen:
            return None
        self.seen[id(x), id(dx)] = x, dx
        if kind in (Kind.ARRAY, Kind.RECORD):
            self.arrays.append((array_of(x), array_of(dx), path))
            return None
        return self._container(kind, x, dx, path)

    def _identity(self, x: Any, dx: Any, path: Path) -> str | None:
        first = self.shadow_of.setdefault(id(x), (x, dx, path))
        if first[1] is not dx:
            return f"{path} and {first[2]} are one object with two shadows"
        if self.primal_of.setdefault(id(dx), x) is not x:
            return f"{path} has the same shadow as another object"
        return f"{path} is its own shadow" if x is dx else None

    def _container(self, kind: Kind, x: Any, dx: Any, path: Path) -> str | None:
        if kind is Kind.SPARSE and not _same_pattern(x, dx):
            return f"{path} has another sparsity pattern than its shadow"
        if kind is Kind.METHOD and x.__func__ is not dx.__func__:
            return f"{path} is {_describe(x)}, its shadow {_describe(dx)}"
        if kind is Kind.PARTIAL and [*x.keywords] != [*dx.keywords]:
            return f"{path} has the keywords {[*x.keywords]}, its shadow {[*dx.keywords]}"
        parts, shadow_parts = children_of(kind, x), children(dx, path)
        if kind is Kind.DICT:  # the order of the keys says nothing
            by_key = {step.key: (step, child) for step, child in shadow_parts}
            if by_key.keys() != {step.key for step, _ in parts}:
                return f"{path} is {_describe(x)}, its shadow {_describe(dx)}"
            shadow_parts = [by_key[step.key] for step, _ in parts]
        if [step for step, _ in parts] != [step for step, _ in shadow_parts]:
            return f"{path} is {_describe(x)}, its shadow {_describe(dx)}"
        for (step, child), (_, shadow) in zip(parts, shadow_parts, strict=True):
            problem = self.compare(child, shadow, path.then(step))
            if problem:
                return problem
        return None

    def memory(self) -> str | None:
        """What is wrong with the memory of the shadows."""
        primals = [x for x, _, _ in self.arrays]
        shadows = [dx for _, dx, _ in self.arrays]
        for _, dx, path in self.arrays:
            if is_broadcast(dx):
                return f"the shadow of {path} is a broadcast array, whose elements are one"
        count = len(primals)
        for group in overlapping(primals + shadows):
            if group[0] < count <= group[-1]:
                return (
                    f"{self.arrays[group[0]][2]} shares memory with the shadow of {self.arrays[group[-1] - count][2]}"
                )
        expected = overlapping(primals)
        if expected != overlapping(shadows):
            return "the shadows overlap in another way than the arrays"
        for group in expected:
            if len(group) > 1 and not same_layout([primals[i] for i in group], [shadows[i] for i in group]):
                where = " and ".join(str(self.arrays[i][2]) for i in group[:2])
                return f"the shadows of {where} overlap in another way than the arrays"
        return None


def _same_constant(x: Any, dx: Any) -> bool:
    if x is dx:
        return True
    if type(x) is not type(dx):
        return False
    if isinstance(x, np.ndarray):
        return x.dtype == dx.dtype and np.array_equal(x, dx)
    if hasattr(x, "indptr") or hasattr(x, "coords"):
        return _same_pattern(x, dx)
    return bool(x == dx)


def _same_pattern(x: Any, dx: Any) -> bool:
    names = ("coords",) if x.format == "coo" else ("indices", "indptr")
    return x.shape == dx.shape and all(
        a is b or np.array_equal(a, b) for a, b in ((getattr(x, name), getattr(dx, name)) for name in names)
    )


def _describe(value: Any) -> str:
    if isinstance(value, np.void):
        return f"a record of dtype {value.dtype}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, dict):
        return f"a {type(value).__name__} with the keys {list(value)}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of length {len(value)}"
    if value is None or isinstance(value, int | str):
        return repr(value)
    return f"a {type(value).__name__}"
