"""Shapes that NumPy looks at and Numba does not: of what is written into an array, and of masks.

Numba takes the shape of the array that is changed for that of the loop, and a mask for as long as what it selects from;
with others it reads, and its derivative writes, beyond the end. Decides that such calls raise first, as NumPy does:
errors of the same type. Invariant: arrays are read within their bounds whatever shapes a call brings.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.core import types
from numba.core.typing.templates import signature

_IN_PLACE = {
    operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod, operator.ipow,
    operator.iand, operator.ior, operator.ixor, operator.ilshift, operator.irshift,
}  # fmt: skip
_SELECTING = {operator.getitem, operator.setitem, "getitem", "setitem"}


def _fits_into(changed, value):
    if value.ndim > changed.ndim:
        raise ValueError("non-broadcastable output operand: it has fewer dimensions than what is written")
    for k in range(value.ndim):
        size = value.shape[value.ndim - 1 - k]
        if size != 1 and size != changed.shape[changed.ndim - 1 - k]:
            raise ValueError("operands could not be broadcast together with the array that is changed")


def _is_as_long(selected, mask):
    if mask.shape[0] != selected.shape[0]:
        raise IndexError("boolean index did not match indexed array along axis 0")


def checks_of(function: Any, kinds: Any) -> list[tuple[Any, int, int]]:
    """What is to be looked at before a call: a function, and the positions of its arguments."""
    key = getattr(function, "typing_key", function)
    arrays = [n for n, kind in enumerate(kinds) if isinstance(kind, types.Array)]
    if isinstance(key, np.ufunc):
        outputs = [n for n in arrays if n >= key.nin]
        return [(_fits_into, output, n) for output in outputs for n in arrays if n < key.nin]
    if not arrays or arrays[0] != 0 or len(arrays) < 2 or arrays[1] != 1:
        return []
    if _is_one_of(key, _IN_PLACE):
        return [(_fits_into, 0, 1)]
    is_mask = isinstance(kinds[1].dtype, types.Boolean) and kinds[1].ndim == 1
    return [(_is_as_long, 0, 1)] if is_mask and kinds[0].ndim and _is_one_of(key, _SELECTING) else []


def _is_one_of(key: Any, known: set[Any]) -> bool:
    return any(key is one or key == one for one in known) if isinstance(key, str) or callable(key) else False


@dataclass
class Checked:
    """The implementation of a call, behind checks of its arguments, whose types are `kinds`."""

    context: Any
    implementation: Any
    kinds: Any
    checks: list[tuple[Any, int, int]]

    def __call__(self, builder: Any, args: Any, loc: Any = None) -> Any:
        for check, first, second in self.checks:
            positions = first, second
            called = signature(types.none, *(self.kinds[n] for n in positions))
            self.context.compile_internal(builder, check, called, [args[n] for n in positions])
        return self.implementation(builder, args, loc)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.implementation, name)
