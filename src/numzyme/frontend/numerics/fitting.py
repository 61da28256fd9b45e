"""What NumPy looks at and Numba does not: shapes of what is written into an array and of masks, outputs of products.

Numba takes the shape of the array that is changed for that of the loop, and a mask for as long as what it selects from;
with others it reads, and its derivative writes, beyond the end. Decides that such calls raise first, as NumPy does:
errors of the same type. A product that is written over one of its factors, for which NumPy makes a copy and BLAS does
not, raises too. Invariant: arrays are read within their bounds whatever shapes a call brings.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numba.core import types
from numba.core.typing.templates import signature

Place = tuple[int, int | None]  # of an argument, or of a member of one that is a tuple
_IN_PLACE = {
    operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod, operator.ipow,
    operator.iand, operator.ior, operator.ixor, operator.ilshift, operator.irshift,
}  # fmt: skip
_NUMBAS_OWN = "_ZN5numba"  # how the names of its functions begin
_SELECTING = {operator.getitem, operator.setitem, "getitem", "setitem"}


def _fits_into(changed, value):
    if value.ndim > changed.ndim:
        raise ValueError("non-broadcastable output operand: it has fewer dimensions than what is written")
    for k in range(value.ndim):
        size = value.shape[value.ndim - 1 - k]
        if size != 1 and size != changed.shape[changed.ndim - 1 - k]:
            raise ValueError("operands could not be broadcast together with the array that is changed")


def _is_apart(factor, output):
    start, other = factor.ctypes.data, output.ctypes.data
    if start < other + output.size * output.itemsize and other < start + factor.size * factor.itemsize:
        raise ValueError("np.dot writes over one of its factors: pass another array as out")


@cache
def _is_as_long(axis: int) -> Any:
    """What looks whether a mask fits along an axis."""
    message = f"boolean index did not match indexed array along axis {axis}"

    def check(selected, mask):
        if mask.shape[0] != selected.shape[axis]:
            raise IndexError(message)

    return check


def checks_of(function: Any, kinds: Any) -> list[tuple[Any, int, Place]]:
    """What is to be looked at before a call: a function, the position of the array, and the place of the other one."""
    key = getattr(function, "typing_key", function)
    arrays = [n for n, kind in enumerate(kinds) if isinstance(kind, types.Array)]
    if isinstance(key, np.ufunc):
        outputs = [n for n in arrays if n >= key.nin]
        return [(_fits_into, output, (n, None)) for output in outputs for n in arrays if n < key.nin]
    if 0 not in arrays or len(kinds) < 2:
        return []
    if key is np.dot and len(kinds) == 3:
        factors = [n for n in (0, 1) if kinds[n].layout in "CF"]  # Numba copies others
        return [(_is_apart, n, (2, None)) for n in factors] if kinds[2].layout in "CF" else []
    if _is_one_of(key, _IN_PLACE):
        return [(_fits_into, 0, (1, None))] if 1 in arrays else []
    return _checks_of_masks(*kinds[:2]) if _is_one_of(key, _SELECTING) else []


def _checks_of_masks(selected: Any, index: Any) -> list[tuple[Any, int, Place]]:
    if not isinstance(index, types.BaseTuple):
        return [(_is_as_long(0), 0, (1, None))] if _is_mask(index) else []
    found, axis = [], 0
    members: Any = index.types  # type: ignore[attr-defined]
    taken = sum(not isinstance(kind, types.NoneType | types.EllipsisType) for kind in members)
    for position, kind in enumerate(members):
        if _is_mask(kind):
            found.append((_is_as_long(axis), 0, (1, position)))
        if isinstance(kind, types.EllipsisType):
            axis += selected.ndim - taken
        elif not isinstance(kind, types.NoneType):
            axis += 1
    return found


def _is_mask(kind: Any) -> bool:
    return isinstance(kind, types.Array) and isinstance(kind.dtype, types.Boolean) and kind.ndim == 1


def _is_one_of(key: Any, known: set[Any]) -> bool:
    return any(key is one or key == one for one in known) if isinstance(key, str) or callable(key) else False


@dataclass
class Checked:
    """The implementation of a call, behind checks of its arguments, whose types are `kinds`."""

    context: Any
    implementation: Any
    kinds: Any
    checks: list[tuple[Any, int, Place]]

    def __call__(self, builder: Any, args: Any, loc: Any = None) -> Any:
        numbas = builder.function.name.startswith(_NUMBAS_OWN)
        for check, array, (position, member) in self.checks:
            if numbas and check is _is_apart:
                continue  # it writes products into arrays that it has just made
            kind, value = self.kinds[position], args[position]
            if member is not None:
                kind, value = kind.types[member], builder.extract_value(value, member)
            called = signature(types.none, self.kinds[array], kind)
            self.context.compile_internal(builder, check, called, [args[array], value])
        return self.implementation(builder, args, loc)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.implementation, name)
