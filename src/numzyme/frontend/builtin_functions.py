"""Built-in functions that Numba has not: `any`, `all` and `reversed` of what compiled code can index, and
`sum` of generators."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from numba.core import types
from numba.extending import overload


def _any(values):
    for value in values:  # noqa: SIM110
        if value:
            return True
    return False


def _all(values):
    for value in values:  # noqa: SIM110
        if not value:
            return False
    return True


def _reversed(values):
    for index in range(len(values) - 1, -1, -1):
        yield member(values, index)


def member(values: Any, index: int) -> Any:
    """`values[index]`, of a `range` too; known in compiled code only."""
    raise NotImplementedError


@overload(member)
def _member(values, index):
    if isinstance(values, types.RangeType):
        return lambda values, index: values.start + index * values.step
    return lambda values, index: values[index]


@overload(sum)
def _sum(values, start=0):
    if not isinstance(values, types.Generator):
        return None

    def sum_of_generator(values, start=0):
        total = start
        for value in values:
            total += value
        return total

    return sum_of_generator


_OF_NUMPY = frozenset(
    ("diff", "kron", "sinc", "tile", "np_interp_impl_inner", "_oneD_norm_2", "_compute_singular_values")
)
_BUILTINS: dict[Any, Callable[..., Any]] = {any: _any, all: _all, reversed: _reversed}


def own_function(value: Any) -> Callable[..., Any] | None:
    """The Python function of ours to compile in the place of `value`; None for others."""
    if not (callable(value) and isinstance(value, Hashable)):
        return None
    if getattr(value, "__name__", "") in (
        "diff",
        "kron",
        "sinc",
        "tile",
        "np_interp_impl_inner",
        "_oneD_norm_2",
        "_compute_singular_values",
    ):
        from .numerics.numpy_functions import FUNCTIONS  # which loads Numba's compiler

        return FUNCTIONS.get(value)
    return _BUILTINS.get(value)
