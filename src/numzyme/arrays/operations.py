"""What is done to the floats that an array stores: functions of a value (array, wrapper or scalar) and an argument.

`ArrayLike.mapped` takes one of these. Each works on whatever stands in a field; on a wrapper it is the wrapper's own
operator, so that nested wrappers keep their kinds.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def times(value: Any, argument: Any) -> Any:
    return value * argument


def over(value: Any, argument: Any) -> Any:
    return value / argument


def plus(value: Any, argument: Any) -> Any:
    return value + argument


def negated(value: Any, argument: Any) -> Any:
    return -value


def conjugated(value: Any, argument: Any) -> Any:
    return value.conjugate()


def dense_of(value: Any) -> Any:
    """The array that `value` stands for: itself, or what a wrapper or sparse array expands to."""
    if isinstance(value, np.ndarray):
        return value
    return value.toarray()


def promoted(left: Any, right: Any) -> Any:
    """The dtype of products of the elements of two arrays.

    Not `np.result_type`, which Numba lacks; two empty arrays know it as well, by the rules of whoever runs this.
    """
    return (np.empty(0, left.dtype) * np.empty(0, right.dtype)).dtype
