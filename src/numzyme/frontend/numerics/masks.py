"""Masks of several dimensions: `m[m > 0.0]` and `m[m > 0.0] = value`, which Numba does not have.

Decides that the elements are taken, and given, in the order of C, whatever the layout. Invariant: a mask has the shape
of the array, and as many elements come as go, or an exception of NumPy's type is raised first.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numba.core import types
from numba.core.typing.templates import signature

_SELECTING, _STORING = {operator.getitem, "getitem"}, {operator.setitem, "setitem"}


def _selects(args: Any) -> bool:
    """Whether the first two arguments are an array and a mask of several dimensions for all of it."""
    if len(args) < 2 or not all(isinstance(kind, types.Array) for kind in args[:2]):
        return False
    array, mask = args[:2]
    return isinstance(mask.dtype, types.Boolean) and 1 < mask.ndim == array.ndim


def signature_of(operation: Any, args: Any) -> Any:
    """The types of an operation that is written here; None for others."""
    if not _selects(args):
        return None
    array = args[0]
    if operation in _SELECTING and len(args) == 2:
        return signature(types.Array(array.dtype, 1, "C"), *args)
    value = types.unliteral(args[2]) if len(args) == 3 else None
    fits = isinstance(value, types.Number | types.Boolean) or (isinstance(value, types.Array) and value.ndim == 1)
    if operation in _STORING and fits and array.mutable:
        return signature(types.none, *args[:2], value)
    return None


def is_replaced(function: Any, called: Any) -> bool:
    """Whether `lower` writes the code of this call."""
    return signature_of(getattr(function, "typing_key", function), called.args) is not None


def lower(context: Any, builder: Any, called: Any, args: Any) -> Any:
    """The code of a selection or a store."""
    if len(args) == 2:  # Numba asks its own function for the types once more
        return context.compile_internal(builder, _selected, signature_of(operator.getitem, called.args), args)
    one_by_one = isinstance(called.args[2], types.Array)
    context.compile_internal(builder, _stored if one_by_one else _filled, called, args)
    return context.get_dummy_value()


def _chosen(array, mask):
    for axis in range(array.ndim):
        if mask.shape[axis] != array.shape[axis]:
            raise IndexError("boolean index did not match the shape of the indexed array")
    count = 0
    for chosen in mask.flat:
        if chosen:
            count += 1
    return count


def _selected(array, mask):
    result = np.empty(_chosen(array, mask), array.dtype)
    count = 0
    for index, chosen in np.ndenumerate(mask):
        if chosen:
            result[count] = array[index]
            count += 1
    return result


def _filled(array, mask, value):
    _chosen(array, mask)
    for index, chosen in np.ndenumerate(mask):
        if chosen:
            array[index] = value


def _stored(array, mask, values):
    count = _chosen(array, mask)
    if len(values) != 1 and len(values) != count:
        raise ValueError("boolean index assignment: another number of values than elements are chosen")
    step = 1 if len(values) == count else 0
    given = values.copy()  # which may lie in the array
    count = 0
    for index, chosen in np.ndenumerate(mask):
        if chosen:
            array[index] = given[count]
            count += step
