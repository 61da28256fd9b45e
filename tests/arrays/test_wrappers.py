"""Every operation of every wrapper in plain Python equals that of the dense array."""

from __future__ import annotations

import re

import numpy as np
import pytest

from numzyme.arrays import Symmetric, UniformScaling

from .operations import operations, specimens

SPECIMENS = list(specimens())
SPARSE = re.compile("-(csc|csr|coo)")


def tolerance(dtype):
    return 2e-5 if dtype is np.float32 else 1e-12


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: s.name)
def test_operations(specimen):
    for operation in operations(specimen):
        wrapper = specimen.make()
        result = operation.function(wrapper)
        expected = (operation.dense or operation.function)(specimen.make().toarray())
        assert type(result) is not object and not hasattr(result, "toarray"), operation.name
        np.testing.assert_allclose(
            result, expected, rtol=tolerance(specimen.dtype), atol=tolerance(specimen.dtype), err_msg=operation.name
        )
        assert np.shape(result) == np.shape(expected), operation.name
        # scipy divides single precision in double
        if isinstance(expected, np.ndarray) and not (operation.name == "divided" and SPARSE.search(specimen.name)):
            assert result.dtype == expected.dtype, operation.name


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: s.name)
def test_elements_agree_with_array(specimen):
    """`toarray`, `at` by indexing and `shape` tell the same; this ties the reference to the elements."""
    wrapper = specimen.make()
    dense = np.asarray(wrapper)
    assert dense.shape == tuple(wrapper.shape) and dense.dtype == wrapper.dtype and dense.ndim == wrapper.ndim
    for index in np.ndindex(*dense.shape):
        assert wrapper[index if wrapper.ndim > 1 else index[0]] == dense[index]
        assert wrapper[tuple(np.int64(place) for place in index)] == dense[index]


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: s.name)
def test_index_out_of_range(specimen):
    wrapper = specimen.make()
    for axis in range(wrapper.ndim):
        for beyond in (wrapper.shape[axis], -wrapper.shape[axis] - 1):
            index = tuple(beyond if a == axis else 0 for a in range(wrapper.ndim))
            with pytest.raises(IndexError):
                wrapper[index]
    with pytest.raises(IndexError):
        wrapper[wrapper.shape[0]]


@pytest.mark.parametrize("specimen", [s for s in SPECIMENS if not s.empty], ids=lambda s: s.name)
def test_wrong_shapes(specimen):
    wrapper = specimen.make()
    with pytest.raises(ValueError):
        wrapper @ np.ones(wrapper.shape[-1] + 1)
    if wrapper.ndim < 3:
        with pytest.raises(ValueError):
            np.ones(wrapper.shape[0] + 1) @ wrapper
        with pytest.raises(ValueError):
            wrapper @ np.ones((wrapper.shape[-1] + 1, 2))


@pytest.mark.parametrize("specimen", [s for s in SPECIMENS if s.structured], ids=lambda s: s.name)
def test_what_would_become_dense_is_refused(specimen):
    wrapper = specimen.make()
    for attempt in (
        lambda: wrapper + 1,
        lambda: 1 + wrapper,
        lambda: wrapper - 1.5,
        lambda: np.float64(2) + wrapper,
        lambda: np.exp(wrapper),
    ):
        with pytest.raises((TypeError, NotImplementedError), match=r"dense|not supported"):
            attempt()


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda s: s.name)
def test_numpy_protocol(specimen):
    wrapper = specimen.make()
    dense = wrapper.toarray()
    np.testing.assert_allclose(np.float64(2) * wrapper, np.float64(2) * dense, rtol=tolerance(specimen.dtype))
    np.testing.assert_allclose(np.divide(wrapper, np.array(2.0)), dense / 2.0, rtol=tolerance(specimen.dtype))
    np.testing.assert_array_equal(np.negative(wrapper), -dense)
    np.testing.assert_array_equal(np.conjugate(wrapper), dense.conj())
    np.testing.assert_array_equal(np.array(wrapper, dtype=np.complex128), dense)
    with pytest.raises(ValueError):
        np.asarray(wrapper, copy=False)
    out = np.ones(dense.shape, np.complex128)
    out += wrapper
    np.testing.assert_allclose(out, 1 + dense, rtol=tolerance(specimen.dtype))
    if not specimen.structured:
        np.testing.assert_array_equal(np.sin(wrapper), np.sin(dense))
    assert np.asarray(wrapper) is not np.asarray(wrapper) and not np.shares_memory(
        wrapper.toarray(), specimen.make().toarray()
    )
    with pytest.raises(TypeError):
        wrapper @ "text"
    with pytest.raises(TypeError):
        wrapper + "text"
    with pytest.raises(TypeError):
        wrapper * [1.0]
    with pytest.raises(TypeError):
        wrapper.sum(dtype=float)
    np.testing.assert_allclose(
        wrapper.sum(axis=0), dense.sum(axis=0), rtol=tolerance(specimen.dtype), atol=tolerance(specimen.dtype)
    )


SQUARE = [s for s in SPECIMENS if s.name.endswith("-4-complex128") or s.name.endswith("-4-float64")]


@pytest.mark.parametrize("left", SQUARE, ids=lambda s: s.name)
def test_pairs(left):
    """Sums, differences and products of every kind with every kind of the same size."""
    for right in SQUARE:
        a, b = left.make(), right.make()
        dense_a, dense_b = a.toarray(), b.toarray()
        message = f"{left.name} {right.name}"
        np.testing.assert_allclose(np.asarray(a + b), dense_a + dense_b, atol=1e-13, err_msg=message)
        np.testing.assert_allclose(np.asarray(a - b), dense_a - dense_b, atol=1e-13, err_msg=message)
        np.testing.assert_allclose(np.asarray(a @ b), dense_a @ dense_b, atol=1e-12, err_msg=message)


KEPT = {
    ("Diagonal", "UniformScaling"): "Diagonal",
    ("UniformScaling", "UniformScaling"): "UniformScaling",
    ("Diagonal", "Bidiagonal-U"): "Bidiagonal",
    ("Bidiagonal-L", "UniformScaling"): "Bidiagonal",
    ("Bidiagonal-L", "Bidiagonal-L"): "Bidiagonal",
    ("Bidiagonal-L", "Bidiagonal-U"): "Tridiagonal",
    ("SymTridiagonal", "Diagonal"): "SymTridiagonal",
    ("SymTridiagonal", "Bidiagonal-U"): "Tridiagonal",
    ("Tridiagonal", "SymTridiagonal"): "Tridiagonal",
    ("Diagonal", "UnitLowerTriangular"): "LowerTriangular",
    ("UnitUpperTriangular", "UpperTriangular"): "UpperTriangular",
    ("UnitUpperTriangular", "UnitUpperTriangular"): "UpperTriangular",
    ("LowerTriangular", "UpperTriangular"): "ndarray",
    ("Symmetric-U", "Symmetric-L"): "Symmetric",
    ("SymTridiagonal", "Symmetric-L"): "Symmetric",
    ("Hermitian-U", "Hermitian-L"): "Hermitian",
    ("SMatrix", "SMatrix"): "SMatrix",
}


@pytest.mark.parametrize("pair", KEPT, ids=" + ".join)
def test_kind_of_sums(pair):
    by_name = {s.name.removesuffix("-4-float64"): s for s in SQUARE}
    left, right = by_name[pair[0]].make(), by_name[pair[1]].make()
    assert type(left + right).__name__ == KEPT[pair]
    assert type(right - left).__name__ == KEPT[pair]


def test_kinds_of_results():
    by_name = {s.name.removesuffix("-4-complex128"): s.make() for s in SQUARE}
    diagonal, unit, hermitian = by_name["Diagonal"], by_name["UnitLowerTriangular"], by_name["Hermitian-U"]
    assert type(diagonal @ diagonal).__name__ == "Diagonal"
    assert type(diagonal @ by_name["Bidiagonal-L"]).__name__ == "Bidiagonal"
    assert type(by_name["SymTridiagonal"] @ diagonal).__name__ == "Tridiagonal"
    assert type(UniformScaling(2.0, 4) @ by_name["Symmetric-L"]) is Symmetric
    assert type(unit * 2).__name__ == type(-unit).__name__ == "LowerTriangular"
    assert type(unit.T).__name__ == "UnitUpperTriangular"
    assert type(unit.conj()).__name__ == "UnitLowerTriangular"
    assert type(hermitian * 2.0).__name__ == "Hermitian"
    assert type(hermitian * 2.0j) is np.ndarray
    assert type(hermitian / 2.0j) is np.ndarray
    np.testing.assert_allclose(hermitian * (1 + 2j), hermitian.toarray() * (1 + 2j))
    np.testing.assert_allclose(hermitian + 2j, hermitian.toarray() + 2j)


def test_different_shapes_are_not_broadcast():
    small = {s.name.removesuffix("-1-float64"): s for s in SPECIMENS if s.name.endswith("-1-float64")}
    large = {s.name.removesuffix("-4-float64"): s for s in SPECIMENS if s.name.endswith("-4-float64")}
    for name in small.keys() & large.keys():
        with pytest.raises(ValueError):
            small[name].make() + large[name].make()
