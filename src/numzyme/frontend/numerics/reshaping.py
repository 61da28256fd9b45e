"""`reshape` of arrays whose elements do not lie in the order of C.

Decides as NumPy: the result is a view where the old strides allow it, and a copy where they do not. (Numba raises, or
refuses.) The algorithm is that of NumPy's `_attempt_nocopy_reshape`: axes are grouped so that the old ones and the new
ones hold the same number of elements, and the old axes of each group must lie in the order of C.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import cgutils, errors, types
from numba.core.extending import intrinsic
from numba.core.typing.templates import AbstractTemplate, signature
from numba.np import arrayobj

from ..objects.attributes import lowering_registry

KEY = "numzyme.reshape"


def method_of(kind: Any, name: str) -> Any:
    """The type of `array.reshape` for arrays in another order than that of C; None for all else."""
    if name != "reshape" or not isinstance(kind, types.Array) or kind.layout == "C":
        return None
    return types.BoundFunction(_Reshape, kind)


class _Reshape(AbstractTemplate):
    key = KEY

    def generic(self, args: Any, kws: Any) -> Any:
        array: Any = self.this  # pyright: ignore[reportAttributeAccessIssue]
        is_tuple = len(args) == 1 and isinstance(args[0], types.BaseTuple)
        sizes: Any = args[0] if is_tuple else args
        if kws or not args or not all(isinstance(one, types.Integer) for one in sizes):
            raise errors.TypingError("reshape takes integers, or a tuple of integers")
        result = types.Array(array.dtype, len(sizes), "A", readonly=not array.mutable)
        return signature(result, *args, recvr=array)


@lowering_registry.lower(KEY, types.Array, types.VarArg(types.Any))
def lower(context: Any, builder: Any, called: Any, args: Any) -> Any:
    """The code of `array.reshape(...)`."""
    array, *given = called.args
    values = list(args[1:])
    if len(given) == 1 and isinstance(given[0], types.BaseTuple):
        given = list(given[0])  # pyright: ignore[reportArgumentType]
        values = cgutils.unpack_tuple(builder, args[1], len(given))
    sizes = types.UniTuple(types.intp, len(given))
    whole = [context.cast(builder, v, k, types.intp) for v, k in zip(values, given, strict=True)]
    shape = context.make_tuple(builder, sizes, whole)
    return context.compile_internal(builder, _reshaped, signature(called.return_type, array, sizes), [args[0], shape])


def _reshaped(array, shape):
    if _keeps_memory(array, shape):
        return view(array, shape)
    return view(array.copy(), shape)


@intrinsic
def _view(typing_context: Any, array: Any, shape: Any) -> Any:
    result = types.Array(array.dtype, len(shape), "A", readonly=not array.mutable)
    return result(array, shape), arrayobj.array_reshape


view: Any = _view


def _keeps_memory(array, shape):
    known = 1
    for size in shape:
        if size >= 0:
            known *= size
    if array.size == 0 or known == 0:
        return False
    old, steps, count = np.empty(array.ndim, np.int64), np.empty(array.ndim, np.int64), 0
    for axis in range(array.ndim):
        if array.shape[axis] != 1:
            old[count], steps[count] = array.shape[axis], array.strides[axis]
            count += 1
    first, first_new = 0, 0
    while first < count and first_new < len(shape):
        last, last_new = first + 1, first_new + 1
        there = old[first]
        here = shape[first_new] if shape[first_new] >= 0 else array.size // known
        while here != there:
            if here < there:
                if last_new == len(shape):
                    return True  # another number of elements: the view says so
                here *= shape[last_new] if shape[last_new] >= 0 else array.size // known
                last_new += 1
            else:
                if last == count:
                    return True
                there *= old[last]
                last += 1
        for axis in range(first, last - 1):
            if steps[axis] != old[axis + 1] * steps[axis + 1]:
                return False
        first, first_new = last, last_new
    return True
