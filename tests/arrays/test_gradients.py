"""Natural, structural and projected gradients: what `strip_types` makes of a wrapper and its shadow.

The reference of a projection is dense and numerical: `J`, the change of the dense array for a unit change of each
stored float, real and imaginary parts apart, and `g = pinv(J).T @ structural`.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from scipy.sparse import csc_array

from numzyme import DifferentiationValueError
from numzyme.arrays import (
    Adjoint,
    Bidiagonal,
    Diagonal,
    Hermitian,
    LinRange,
    LowerTriangular,
    PermutedDims,
    Reshaped,
    SMatrix,
    SVector,
    Symmetric,
    SymTridiagonal,
    Transpose,
    UniformScaling,
    UnitLowerTriangular,
    UnitUpperTriangular,
)
from numzyme.values import is_structural, make_zero, rebuild, strip_types

from .operations import specimens

SPARSE = re.compile("-(csc|csr|coo)")
SPECIMENS = [s for s in specimens() if s.dtype is not np.float32 and s.ndim < 3 and not SPARSE.search(s.name)]


# -- stored floats as one real vector -------------------------------------------------------------------------------


def flat(value):
    """The stored floats of a value, the imaginary part after the real part of each."""
    if isinstance(value, np.ndarray):
        parts = value.ravel()
    elif isinstance(value, tuple):
        return np.concatenate([np.empty(0), *map(flat, value)])
    elif dataclasses.is_dataclass(value):
        return np.concatenate([np.empty(0), *(flat(getattr(value, f.name)) for f in dataclasses.fields(value))])
    elif isinstance(value, float | complex):
        parts = np.array([value])
    else:
        return np.empty(0)
    return parts.view(np.float64) if np.iscomplexobj(parts) else parts.astype(float)


def unflat(value, stored):
    """A value like `value` with other stored floats, taken from an iterator."""
    if isinstance(value, np.ndarray):
        return np.array([unflat(member, stored) for member in value.ravel().tolist()], value.dtype).reshape(value.shape)
    if isinstance(value, tuple):
        return tuple(unflat(member, stored) for member in value)
    if dataclasses.is_dataclass(value):
        names = [f.name for f in dataclasses.fields(value)]
        return rebuild(value, {name: unflat(getattr(value, name), stored) for name in names})
    if isinstance(value, complex):
        return complex(next(stored), next(stored))
    return next(stored) if isinstance(value, float) else value


def dense_change(wrapper, change):
    """What a change of the stored floats does to the dense array, as real numbers."""
    base = flat(wrapper)
    moved = [unflat(wrapper, iter(base + sign * change)).toarray().astype(complex) for sign in (0.5, -0.5)]
    return np.ascontiguousarray((moved[0] - moved[1]).ravel()).view(np.float64)


def jacobian(wrapper):
    count = flat(wrapper).size
    columns = [dense_change(wrapper, unit) for unit in np.eye(count)]
    return np.array(columns).reshape(count, 2 * wrapper.size).T


def as_numbers(dense):
    return np.ascontiguousarray(np.asarray(dense).astype(complex).ravel()).view(np.float64)


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: s.name)
def test_projection_against_dense_reference(specimen):
    wrapper = specimen.make()
    matrix = jacobian(wrapper)
    # the structural gradient of a function of the dense array: nothing on floats that are not shown
    cotangent = np.random.default_rng(3).normal(size=matrix.shape[0])
    structural = np.round(matrix, 10).T @ cotangent
    reference = np.linalg.pinv(matrix).T @ structural
    shadow = unflat(wrapper, iter(structural))
    before = flat(shadow).copy()
    projected = strip_types(wrapper, shadow, project=True)
    assert projected.shape == wrapper.shape
    np.testing.assert_allclose(as_numbers(projected.toarray()), reference, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(flat(shadow), before)
    # the defining property
    change = np.random.default_rng(4).normal(size=structural.size)
    np.testing.assert_allclose(
        as_numbers(projected.toarray()) @ (matrix @ change), structural @ change, rtol=1e-10, atol=1e-12
    )


NATURAL = {
    "Adjoint",
    "Bidiagonal",
    "Diagonal",
    "LowerTriangular",
    "PermutedDims",
    "Reshaped",
    "SMatrix",
    "SVector",
    "Transpose",
    "Tridiagonal",
    "UpperTriangular",
}


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: s.name)
def test_natural_or_structural(specimen):
    wrapper = specimen.make()
    shadow = unflat(wrapper, iter(np.arange(1.0, 1 + flat(wrapper).size)))
    gradient = strip_types(wrapper, shadow)
    kinds = set()
    inner = wrapper
    while dataclasses.is_dataclass(inner):
        kinds.add(type(inner).__name__)
        inner = getattr(inner, "parent", None)
    natural = kinds <= NATURAL
    assert (type(gradient) is type(wrapper)) == natural
    assert is_structural(gradient) != natural
    if natural:
        np.testing.assert_array_equal(gradient.toarray(), shadow.toarray())
        assert gradient.shape == wrapper.shape
    else:
        assert type(gradient).__name__ == type(wrapper).__name__


# -- refused: structural gradients on what is not shown -------------------------------------------------------------


def at(shape, *places, dtype=np.float64, value=1):
    out = np.zeros(shape, dtype)
    for place in places:
        out[place] = value
    return out


ones = np.ones((2, 2))
ONES = ones.astype(complex)
HIDDEN = {
    "Symmetric-U": (Symmetric(ones), Symmetric(at((2, 2), (1, 0)))),
    "Symmetric-L": (Symmetric(ones, "L"), Symmetric(at((2, 2), (0, 1)), "L")),
    "Hermitian": (Hermitian(ONES), Hermitian(at((2, 2), (1, 0), dtype=complex))),
    "Hermitian-diagonal": (Hermitian(ONES), Hermitian(at((2, 2), (1, 1), dtype=complex, value=1j))),
    "LowerTriangular": (LowerTriangular(ones), LowerTriangular(at((2, 2), (0, 1)))),
    "UnitLower": (UnitLowerTriangular(ones), UnitLowerTriangular(at((2, 2), (1, 1)))),
    "UnitUpper": (UnitUpperTriangular(ones), UnitUpperTriangular(at((2, 2), (1, 0)))),
    "LinRange-1": (LinRange(1.0, 2.0, 1), LinRange(1.0, 1.0, 1)),
    "LinRange-0": (LinRange(1.0, 2.0, 0), LinRange(1.0, 0.0, 0)),
    "UniformScaling-0": (UniformScaling(1.0, 0), UniformScaling(1.0, 0)),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_floats_are_refused(name):
    wrapper, shadow = HIDDEN[name]
    strip_types(wrapper, shadow)  # the structural gradient is there
    with pytest.raises(DifferentiationValueError, match=r"model\[1\].*cannot be projected: it is not zero"):
        strip_types((0.0, wrapper), (0.0, shadow), project=True, name="model")


def test_data_that_has_no_known_projection():
    wrapper = Symmetric(Diagonal(np.ones(2)))
    with pytest.raises(DifferentiationValueError, match="its data is a Diagonal"):
        strip_types(wrapper, make_zero(wrapper), project=True)


# -- the contract's examples, from their shadows --------------------------------------------------------------------


def test_contract_structural():
    wrapper = Symmetric(np.random.default_rng(0).random((3, 3)))
    shadow = Symmetric(np.triu(np.full((3, 3), 2.0)) - np.eye(3))
    gradient = strip_types(wrapper, shadow)
    assert gradient._fields == ("data", "uplo") and gradient.uplo is None
    np.testing.assert_array_equal(gradient.data, [[1, 2, 2], [0, 1, 2], [0, 0, 1]])
    projected = strip_types(wrapper, shadow, project=True)
    assert type(projected) is Symmetric
    np.testing.assert_array_equal(np.asarray(projected), np.ones((3, 3)))
    np.testing.assert_array_equal(projected.data, np.ones((3, 3)))


def test_contract_nested_structural():
    wrapper = Reshaped(Adjoint(LinRange(1.0, 2.0, 4)), (2, 2))
    gradient = strip_types(wrapper, Reshaped(Adjoint(LinRange(1.0, 0.0, 4)), (2, 2)))
    assert repr(gradient) == (
        "Reshaped(parent=Adjoint(parent=LinRange(start=1.0, stop=0.0, len=None, lendiv=None)), dims=(None, None))"
    )


def test_contract_without_derivative():
    diagonal = Diagonal(np.array([1, 2, 3]))
    assert repr(strip_types(diagonal, make_zero(diagonal))) == "Diagonal(diag=None)"
    adjoint = Adjoint(SVector(1, 2, 3))
    assert repr(strip_types(adjoint, make_zero(adjoint))) == "Adjoint(parent=SVector(data=(None, None, None)))"


def test_contract_natural():
    shown = strip_types(Diagonal(np.array([1.0, 2.0])), Diagonal(np.array([1.0, 0.0])))
    assert repr(shown) == "Diagonal([1., 0.])"
    wrapper = Reshaped(Adjoint(SVector(1.0, 2.0, 3.0, 4.0)), (2, 2))
    gradient = strip_types(wrapper, Reshaped(Adjoint(SVector(1.0, 0.0, 0.0, 0.0)), (2, 2)))
    assert gradient.parent.parent == SVector(1, 0, 0, 0) and type(gradient) is Reshaped and gradient.dims == (2, 2)
    permuted = PermutedDims(csc_array([[1.0, 2.0], [3.0, 0.0]]), (1, 0))
    shadow = make_zero(permuted)
    shadow.parent.data[:] = 1
    gradient = strip_types(permuted, shadow)
    assert type(gradient) is PermutedDims and type(gradient.parent) is csc_array and gradient.parent.nnz == 3
    np.testing.assert_array_equal(gradient.toarray(), [[1, 1], [1, 0]])


@pytest.mark.parametrize(
    "wrapper",
    [
        SMatrix(((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))),
        Transpose(UnitLowerTriangular(np.ones((3, 3)))),
        Bidiagonal(np.ones(3), np.ones(2), "L"),
        SymTridiagonal(np.ones(3), np.ones(2)),
    ],
    ids=lambda w: type(w).__name__,
)
def test_zero_shadows(wrapper):
    zero = make_zero(wrapper)
    assert type(zero) is type(wrapper) and zero.shape == wrapper.shape
    np.testing.assert_array_equal(flat(zero), 0 * flat(wrapper))
