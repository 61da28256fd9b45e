"""Singular values of matrices: LAPACK's, with their derivatives by perturbation of the singular vectors.

Decides what is compiled where Numba asks LAPACK for singular values alone (`np.linalg.norm(A, 2)`, `np.linalg.cond`).
LAPACK decomposes a copy that no derivative goes through, `A0 = U diag(s) V^H`. With `E = A - A0`, whose value is zero,
the singular vectors of `A0 + E` are known to first order in `E`, and Rayleigh's quotient with them is the singular
value up to `O(|E|^4)` (Stewart and Sun, Matrix Perturbation Theory, V.4). Invariant: values are LAPACK's to the bit;
derivatives are those of the singular values up to the third, and a fourth is refused (`HOLD`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload, register_jitable
from numba.np import linalg

from ...ir.symbols import HELD, HOLD

_hold = types.ExternalFunction(f"{HOLD}{HELD}", types.intp(types.voidptr, types.voidptr, types.intp))


def singular_values(a):
    return _singular_values_of(a)


def _singular_values_of(a: Any) -> Any:
    """The singular values of a matrix, in falling order; known in compiled code only."""
    raise NotImplementedError


def _by_lapack(a: Any) -> Any:
    """The same without derivatives."""
    raise NotImplementedError


def _perturbed(a: Any, e: Any, values: Any) -> Any:
    """The singular values of `a + e`, where `values` are those of `a` and the elements of `e` are zero."""
    raise NotImplementedError


@overload(_by_lapack)
def _by_lapack_of_kind(a):
    return linalg._compute_singular_values_impl(a)


@overload(_singular_values_of)
def _singular_values_of_kind(a):
    def implementation(a):
        ordered = np.ascontiguousarray(a)
        held = np.empty_like(ordered)
        _hold(held.ctypes, ordered.ctypes, ordered.size * ordered.itemsize)
        values = _by_lapack(held)
        return _perturbed(held, ordered - held, values)

    return implementation


@register_jitable
def _adjoint(a):
    return np.ascontiguousarray(np.conj(a).T)


@register_jitable
def _mixed(s, change):
    """What the other singular vectors add to each, left and right, where `change` is E in their basis."""
    of_left, of_right = np.zeros_like(change), np.zeros_like(change)
    for k in range(len(s)):
        for i in range(len(s)):
            low, high = min(s[i], s[k]), max(s[i], s[k])
            here, across = change[i, k], np.conj(change[k, i])
            if i == k and low > 0:  # the phases may turn against each other
                of_left[i, k] = (here - across) / (2 * low)
            if low == high:
                continue
            ratio = low / high
            scale = high * (1 - ratio * ratio)
            if scale == 0:  # of subnormal numbers
                continue
            if i < k:  # the other one is the larger
                of_left[i, k] = -(ratio * here + across) / scale
                of_right[i, k] = -(ratio * across + here) / scale
            else:
                of_left[i, k] = (here + ratio * across) / scale
                of_right[i, k] = (across + ratio * here) / scale
    return of_left, of_right


@register_jitable
def _divided(columns, s):
    """What lies beyond the space of the singular vectors: a square matrix has nothing there but rounding."""
    for k in range(len(s)):
        divides = s[k] > 0 and columns.shape[0] > len(s)
        for i in range(columns.shape[0]):
            columns[i, k] = columns[i, k] / s[k] if divides else columns[i, k] * 0
    return columns


@register_jitable
def _square(a, k):
    """The sum of the squares of a column's elements."""
    total = abs(a[0, k]) * 0
    for i in range(a.shape[0]):
        total += (np.conj(a[i, k]) * a[i, k]).real
    return total


@overload(_perturbed)
def _perturbed_of_kind(a, e, values):
    def implementation(a, e, values):
        u, s, vh = np.linalg.svd(a, False)
        left, right = np.ascontiguousarray(u), _adjoint(vh)
        image, preimage = e @ right, _adjoint(e) @ left
        change = _adjoint(left) @ image
        of_left, of_right = _mixed(s, change)
        beyond_left = _divided(image - left @ change, s)
        beyond_right = _divided(preimage - right @ _adjoint(change), s)
        lefts = left + left @ of_left + beyond_left
        images = e @ (right + right @ of_right + beyond_right)
        result = np.empty_like(values)
        for k in range(len(s)):
            left_square = 1 + _square(of_left, k) + _square(beyond_left, k)
            right_square = 1 + _square(of_right, k) + _square(beyond_right, k)
            length = np.sqrt(left_square * right_square)
            form = s[k] * (1 - length)
            for i in range(len(s)):
                form += s[i] * (np.conj(of_left[i, k]) * of_right[i, k]).real
            for i in range(a.shape[0]):
                form += (np.conj(lefts[i, k]) * images[i, k]).real
            result[k] = values[k] + form / length
        return result

    return implementation
