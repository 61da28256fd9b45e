"""NumPy functions with code of ours: those whose code in Numba has a value of its own at one point, and there no
derivative, or another one; `tile`, which Numba does not have; norms of vectors whose elements lie in an order, or at
distances, that BLAS does not know: Numba reads beyond the array; `diff` and `kron` of arrays in any order; singular
values.

Decides that `logaddexp` of two equal numbers, `interp` at a knot and `sinc` at 0 are computed by what is right next to
these points; at a knot, by the piece on its right; `sign` has no slope, not at 0 either. Invariant: the values are
those of Numba's code, of `tile` NumPy's, to the bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir as llvm_ir
from numba.core import errors, types
from numba.extending import overload
from numba.np import arraymath, linalg, npyfuncs
from numba.np.arraymath import binary_search_with_guess

from .singular_values import singular_values


def _logarithm_of_sum(base_2: bool) -> Any:
    """What writes the code of `logaddexp` or `logaddexp2` of two numbers."""

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one = signature.args[0](1.0)  # of the type of the numbers
        per_nat = signature.args[0](npyfuncs._NPY_LOG2E)

        def natural(x, y):
            difference = x - y
            if difference >= 0:
                return x + np.log1p(np.exp(-difference))
            if difference < 0:
                return y + np.log1p(np.exp(difference))
            return x if x == y else difference  # both infinite, or no numbers

        def binary(x, y):
            difference = x - y
            if difference >= 0:
                return x + per_nat * np.log1p(np.exp2(-difference))
            if difference < 0:
                return y + per_nat * np.log1p(np.exp2(difference))
            return x + one if x == y else difference

        return context.compile_internal(builder, binary if base_2 else natural, signature, arguments)

    return lower


LOWERING: dict[Any, Any] = {
    npyfuncs._npy_logaddexp: _logarithm_of_sum(False),
    npyfuncs._npy_logaddexp2: _logarithm_of_sum(True),
}


def _sign(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    (x,) = arguments
    zero, one, function_type = x.type(0.0), x.type(1.0), llvm_ir.FunctionType(x.type, [x.type, x.type])
    copysign = builder.module.declare_intrinsic("llvm.copysign", [x.type], function_type)
    of_zero = builder.call(copysign, [zero, x])  # Numba gives `x`
    of_number = builder.select(builder.fcmp_ordered("<", x, zero), x.type(-1.0), of_zero)
    sign = builder.select(builder.fcmp_ordered(">", x, zero), one, of_number)
    return builder.select(builder.fcmp_unordered("uno", x, x), x, sign)


KERNELS: dict[Any, dict[str, Any]] = {np.sign: {"f->f": _sign, "d->d": _sign}}


def _interpolated(x, xp, fp, dtype):
    positions = np.asarray(x, dtype=np.float64)
    knots = np.asarray(xp, dtype=np.float64)
    heights = np.asarray(fp, dtype=np.float64)
    count = len(knots)
    if count == 0:
        raise ValueError("array of sample points is empty")
    if count != len(heights):
        raise ValueError("fp and xp are not of the same size.")
    if count == 1:
        return np.full(positions.shape, fill_value=heights[0], dtype=dtype)
    result = np.empty(positions.shape, dtype=dtype)
    j = 0
    for i in range(positions.size):
        position = positions.flat[i]
        if np.isnan(position):
            result.flat[i] = position
            continue
        j = binary_search_with_guess(position, knots, count, j)
        if j == -1:
            result.flat[i] = heights[0]
        elif j >= count - 1:
            result.flat[i] = heights[count - 1]
        else:
            slope = (heights[j + 1] - heights[j]) / (knots[j + 1] - knots[j])
            at_knot = knots[j] == position
            value = slope * (position - knots[j]) + heights[j]
            if np.isnan(value) and not at_knot:
                value = slope * (position - knots[j + 1]) + heights[j + 1]
            if np.isnan(value) and (at_knot or heights[j] == heights[j + 1]):
                value = heights[j]
            result.flat[i] = value
    return result


def _sinc(x):
    return _sinc_of(x)


def _sinc_of(x: Any) -> Any:
    """`np.sinc(x)`; known in compiled code only."""
    raise NotImplementedError


@overload(_sinc_of)
def _sinc_of_kind(x):
    if isinstance(x, types.Array):

        def of_array(x):
            result = np.zeros_like(x)
            for index, value in np.ndenumerate(x):
                result[index] = _sinc_of(value)
            return result

        return of_array

    def of_number(x):
        if x == 0.0:
            square = (math.pi * x) ** 2
            return 1.0 - square / 6.0 + square**2 / 120.0  # what has derivatives
        x = x * math.pi
        return np.sin(x) / x

    return of_number


def _vector_norm(a):
    return _norm_of(a)


def _norm_of(a: Any) -> Any:
    """`np.linalg.norm(a)` of a vector; known in compiled code only."""
    raise NotImplementedError


def _norm_by_blas(a: Any) -> Any:
    """The same of a vector that BLAS can walk along: its stride is a positive number of elements."""
    raise NotImplementedError


@overload(_norm_by_blas)
def _norm_of_blas(a):
    return linalg._oneD_norm_2_impl(a)


@overload(_norm_of)
def _norm_of_kind(a):
    if a.layout in "CF":
        return lambda a: _norm_by_blas(a)

    def of_strided(a):
        if a.strides[0] > 0 and a.strides[0] % a.itemsize == 0:
            return _norm_by_blas(a)
        return _norm_by_blas(a.copy())

    return of_strided


def _tile(A, reps):
    return _tiled(A, reps)


def _tiled(A: Any, reps: Any) -> Any:
    """`np.tile(A, reps)`; known in compiled code only."""
    raise NotImplementedError


@overload(_tiled)
def _tiled_of_kind(A, reps):
    if isinstance(reps, types.Integer):
        return lambda A, reps: _tiled(A, (reps,))
    members: Any = reps  # types of the tuple
    whole = isinstance(reps, types.BaseTuple) and all(isinstance(kind, types.Integer) for kind in members)
    if not whole:
        raise errors.TypingError("np.tile takes how often as an integer, or as a tuple of integers")
    if not isinstance(A, types.Array):
        return lambda A, reps: _tiled(np.asarray(A), reps)
    scope: dict[str, Any] = {"np": np}
    exec(_text_of_tile(A.ndim, len(reps)), scope)
    return scope["implementation"]


def _text_of_tile(dimensions: int, given: int) -> str:
    """A loop over the repetitions and one over the array, of each axis of the result."""
    axes = range(max(dimensions, given))
    sizes = [f"A.shape[{k - axes.stop + dimensions}]" if k >= axes.stop - dimensions else "1" for k in axes]
    often = [f"reps[{k - axes.stop + given}]" if k >= axes.stop - given else "1" for k in axes]
    shape = "".join(f"{count} * {size}, " for count, size in zip(often, sizes, strict=True))
    lines = ["def implementation(A, reps):", f"    result = np.empty(({shape}), A.dtype)"]
    for k, (count, size) in enumerate(zip(often, sizes, strict=True)):
        lines.append(f"{'    ' * (2 * k + 1)}for r{k} in range({count}):")
        lines.append(f"{'    ' * (2 * k + 2)}for i{k} in range({size}):")
    target = ", ".join(f"r{k} * {size} + i{k}" for k, size in enumerate(sizes))
    source = ", ".join(f"i{k}" for k in axes if k >= axes.stop - dimensions)
    lines.append(f"{'    ' * (2 * axes.stop + 1)}result[{target or '()'}] = A[{source or '()'}]")
    return "\n".join([*lines, "    return result"])


def _in_order(a: Any) -> Any:
    """An array in the order of C or Fortran, as a copy if it has none; known in compiled code only."""
    raise NotImplementedError


@overload(_in_order)
def _in_order_of_kind(a):
    if isinstance(a, types.Array) and a.layout == "A":
        return lambda a: np.ascontiguousarray(a)
    return lambda a: a


def _diff(a, n=1):
    return _diff_of(_in_order(a), n)


def _diff_of(a: Any, n: Any = 1) -> Any:
    """`np.diff(a, n)` of an array in such an order; known in compiled code only."""
    raise NotImplementedError


@overload(_diff_of)
def _diff_of_kind(a, n=1):
    return arraymath.np_diff_impl(a, n)


def _kron(a, b):
    return _kron_of(_in_order(a), _in_order(b))


def _kron_of(a: Any, b: Any) -> Any:
    """`np.kron(a, b)` of numbers, and arrays in such an order; known in compiled code only."""
    raise NotImplementedError


@overload(_kron_of)
def _kron_of_kind(a, b):
    return linalg.kron_impl(a, b)


FUNCTIONS: dict[Any, Any] = {
    arraymath.np_interp_impl_inner: _interpolated,
    linalg._compute_singular_values: singular_values,
    linalg._oneD_norm_2: _vector_norm,
    np.diff: _diff,
    np.kron: _kron,
    np.sinc: _sinc,
    np.tile: _tile,
}
