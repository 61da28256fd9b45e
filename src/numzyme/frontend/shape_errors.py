"""The error of an assignment whose shapes do not fit, whose text Python writes and not compiled code.

Numba's compiled code joins strings of a list, in every function that assigns to a slice: that takes long to compile,
and a differentiator cannot tell the memory of strings from that of numbers. Invariant: the error is Numba's, of the
same type and word for word.
"""

from __future__ import annotations

import functools
from typing import Any

from numba.core import types
from numba.extending import overload


class ShapesDiffer(ValueError):
    """Makes a plain ValueError of two shapes when compiled code raises it."""

    def __new__(cls, source: Any, target: Any = ()) -> Any:
        if isinstance(source, ValueError):  # CPython asks again, since it is of another class
            return source
        return ValueError(f"cannot assign slice of shape {tuple(target)} from input of shape {tuple(source)}")


@functools.cache
def install(target: str) -> None:
    """Make the error known to the target of this name, before it compiles; a process that only loads needs none."""
    from numba.np.arrayobj import raise_with_shape_context  # takes long to import

    overload(raise_with_shape_context, target=target)(_chosen)


def _chosen(src_shapes: Any, index_shape: Any) -> Any:
    kinds = src_shapes, index_shape
    if not all(isinstance(kind, types.UniTuple) and isinstance(kind.dtype, types.Integer) for kind in kinds):
        return None

    def raising(src_shapes: Any, index_shape: Any) -> None:
        raise ShapesDiffer(src_shapes, index_shape)

    return raising
