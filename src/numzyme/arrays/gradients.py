"""Natural and projected gradients of the wrappers, registered with `numzyme.values`.

Decides what is natural: classes each of whose stored floats stands in one place of the dense array.
The others register a projection: with `J` the linear map from stored floats to the dense array, and `s` the structural
gradient, the floats `c` of the result solve `JᵀJ c = s`. What the type never shows has a zero
column in `J`; a gradient that lies there is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnostics import DifferentiationValueError
from ..values import Strip, natural_fields, register_wrapper
from .banded import Bidiagonal, Diagonal, SymTridiagonal, Tridiagonal, UniformScaling
from .ranges import LinRange
from .stack import SMatrix, SVector
from .symmetric import Hermitian, Symmetric
from .triangular import LowerTriangular, UnitLowerTriangular, UnitUpperTriangular, UpperTriangular
from .views import Adjoint, PermutedDims, Reshaped, Transpose


def refused(x: Any, strip: Strip, place: str) -> DifferentiationValueError:
    """The error for a structural gradient on floats that the type does not show."""
    name = type(x).__name__
    return DifferentiationValueError(
        f"the gradient of {strip.path or name} cannot be projected: it is not zero {place}",
        why=f"no element of a {name} depends on the floats stored there, so the function read the field itself",
        todo=("ask for the gradient without project=True", "read the elements of the wrapper, not its fields"),
    )


def matrix_gradient(x: Any, dx: Any, strip: Strip) -> np.ndarray:
    """The structural gradient of `x.data`, for classes whose data must be a NumPy array."""
    gradient = strip(x.data, dx.data)
    if not isinstance(gradient, np.ndarray):
        name = type(x).__name__
        raise DifferentiationValueError(
            f"the gradient of {strip.path or name} cannot be projected: its data is a {type(x.data).__name__}",
            why=f"the projection of a {name} is known for NumPy data",
            todo=("ask for the gradient without project=True",),
        )
    return gradient


def project_triangular(x: Any, dx: Any, strip: Strip) -> Any:
    """Unchanged, the diagonal of a unit triangular matrix aside: its changes have a zero diagonal."""
    gradient = matrix_gradient(x, dx, strip)
    offset = 1 if x.unit else 0
    shown = np.tril(gradient, -offset) if x.lower else np.triu(gradient, offset)
    if np.any(gradient != shown):
        raise refused(x, strip, "outside the triangle")
    return LowerTriangular(shown) if x.lower else UpperTriangular(shown)


def project_half_stored(x: Any, dx: Any, strip: Strip) -> Any:
    """Half of what is stored once and used twice; both triangles of the result's data are filled."""
    gradient = matrix_gradient(x, dx, strip)
    half = np.tril(gradient, -1) if x.uplo == "L" else np.triu(gradient, 1)
    diagonal = np.diagonal(gradient)
    if np.any(gradient != half + np.diag(diagonal)):
        raise refused(x, strip, "in the triangle that is not read")
    if isinstance(x, Hermitian):
        if np.any(np.imag(diagonal) != 0):
            raise refused(x, strip, "in the imaginary part of the diagonal")
        return Hermitian((half + half.conj().T) / 2 + np.diag(diagonal), x.uplo)
    return Symmetric((half + half.T) / 2 + np.diag(diagonal), x.uplo)


def project_symmetric_tridiagonal(x: Any, dx: Any, strip: Strip) -> Any:
    """Half of `ev`, which is used twice."""
    return SymTridiagonal(strip(x.dv, dx.dv), strip(x.ev, dx.ev) / 2)


def project_uniform_scaling(x: Any, dx: Any, strip: Strip) -> Any:
    """The value stands n times in the dense matrix."""
    gradient = strip(x.value, dx.value)
    if x.n == 0:
        if gradient != 0:
            raise refused(x, strip, "for an empty matrix")
        return UniformScaling(gradient, 0)
    return UniformScaling(gradient / x.n, x.n)


def project_range(x: Any, dx: Any, strip: Strip) -> Any:
    """The elements are `(1 - t) start + t stop`; two equations for both ends, or one for `start` alone."""
    start, stop = strip(x.start, dx.start), strip(x.stop, dx.stop)
    if x.len < 2:
        if stop != 0 or (x.len == 0 and start != 0):
            raise refused(x, strip, "in stop" if stop != 0 else "in start")
        return LinRange(start, stop, x.len)
    # sums over all elements of (1 - t)², which is that of t², and of t (1 - t)
    same = x.len * (2 * x.len - 1) / (6 * x.lendiv)
    mixed = x.len / 2 - same
    determinant = same * same - mixed * mixed
    return LinRange(
        (same * start - mixed * stop) / determinant,
        (same * stop - mixed * start) / determinant,
        x.len,
    )


def register_all() -> None:
    """Tell the registry of `numzyme.values` about each wrapper."""
    register_wrapper(Diagonal, natural=natural_fields("diag"))
    register_wrapper(Bidiagonal, natural=natural_fields("dv", "ev"))
    register_wrapper(Tridiagonal, natural=natural_fields("dl", "d", "du"))
    register_wrapper(SymTridiagonal, project=project_symmetric_tridiagonal)
    register_wrapper(UniformScaling, project=project_uniform_scaling)
    register_wrapper(LowerTriangular, natural=natural_fields("data"), project=project_triangular)
    register_wrapper(UpperTriangular, natural=natural_fields("data"), project=project_triangular)
    register_wrapper(UnitLowerTriangular, project=project_triangular)
    register_wrapper(UnitUpperTriangular, project=project_triangular)
    register_wrapper(Symmetric, project=project_half_stored)
    register_wrapper(Hermitian, project=project_half_stored)
    register_wrapper(SVector, natural=natural_fields("data"))
    register_wrapper(SMatrix, natural=natural_fields("data"))
    register_wrapper(LinRange, project=project_range)
    for view in (Adjoint, Transpose, PermutedDims, Reshaped):
        register_wrapper(view, natural=natural_fields("parent"))
