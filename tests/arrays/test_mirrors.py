"""Mirrors of scipy.sparse compute what scipy computes, share its arrays and go back to its classes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from numzyme import DifferentiationError
from numzyme.arrays import COO, CSC, CSR, Diagonal, SVector, mirror_of, sparse_of

from .operations import dense_of, values, weights, weights2

KINDS = [getattr(sparse, f"{name}_{family}") for name in ("csc", "csr", "coo") for family in ("array", "matrix")]
MIRROR = {"csc": CSC, "csr": CSR, "coo": COO}
SHAPES = [(3, 3), (2, 4), (4, 1), (0, 0), (0, 3), (3, 0)]


def example(kind, shape=(3, 4), dtype=np.float64, seed=0):
    """Unsorted, with duplicates that are not summed and explicit zeros."""
    generator = np.random.default_rng(seed)
    count = 3 * max(shape) if min(shape) else 0
    row = generator.integers(0, max(shape[0], 1), count)
    column = generator.integers(0, max(shape[1], 1), count)
    data = values(count, seed, dtype)
    data[:2] = 0
    coordinates = sparse.coo_array((data, (row, column)), shape=shape)
    if issubclass(kind, sparse.coo_array | sparse.coo_matrix):
        return kind(coordinates)
    # by hand, since scipy sums duplicates when it converts
    line, place, lines = (row, column, shape[0]) if "csr" in kind.__name__ else (column, row, shape[1])
    order = np.argsort(line, kind="stable")
    pointers = np.concatenate([[0], np.cumsum(np.bincount(line, minlength=lines))]).astype(np.int32)
    return kind((data[order], place[order].astype(np.int32), pointers), shape=shape)


OPERATIONS = {
    "np.sum": lambda A: np.sum(A),
    "sum": lambda A: A.sum(),
    "nnz": lambda A: float(A.nnz),
    "ndim": lambda A: float(A.ndim),
    "data": lambda A: A.data,
    "shape": lambda A: np.array(A.shape),
    "@ vector": lambda A: A @ weights(A.shape[1]),
    "@ matrix": lambda A: A @ weights2(A.shape[1], 3),
    "vector @": lambda A: weights(A.shape[0]) @ A,
    "matrix @": lambda A: weights2(2, A.shape[0]) @ A,
    "transposed": lambda A: dense_of(A.T),
    "transposed @ vector": lambda A: A.T @ weights(A.shape[0]),
    "scaled": lambda A: dense_of(A * 2.0),
    "scaled from the left": lambda A: dense_of(2.0 * A),
    "divided": lambda A: dense_of(A / 4.0),
    "negated": lambda A: dense_of(-A),
    "conjugate": lambda A: dense_of(A.conj()),
    "plus array": lambda A: np.asarray(A + np.ones(A.shape)),
    "array minus": lambda A: np.asarray(np.ones(A.shape) - A),
    "@ SVector": lambda A: A @ SVector(*np.ones(A.shape[1])),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_operations(kind, shape, dtype):
    assert type(mirror_of(example(kind))) is MIRROR[example(kind).format]
    for name, function in OPERATIONS.items():
        if name == "@ SVector" and not shape[1]:
            continue
        # another one for scipy: some of its operations sum duplicates in place
        mirror, matrix = mirror_of(example(kind, shape, dtype)), example(kind, shape, dtype)
        if name.endswith("vector @") or name == "transposed @ vector":  # scipy drops the axis of one column
            matrix = matrix.toarray()
        result, expected = function(mirror), function(matrix)
        tolerance = 1e-5 if dtype is np.float32 else 1e-13
        np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance, err_msg=name)
        assert np.shape(result) == np.shape(expected), name


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_elements(kind):
    """Duplicates add up, absent elements are zero, indices count from the end or are out of range."""
    matrix = example(kind)
    mirror, dense = mirror_of(matrix), matrix.toarray()
    assert matrix.nnz > np.count_nonzero(dense)  # or the example tests nothing
    for index in np.ndindex(3, 4):
        assert mirror[index] == pytest.approx(dense[index])
        assert mirror[index[0] - 3, index[1] - 4] == pytest.approx(dense[index])
    for index in [(3, 0), (0, 4), (-4, 0), (0, -5)]:
        with pytest.raises(IndexError):
            mirror[index]
    np.testing.assert_allclose(mirror[1], dense[1])
    np.testing.assert_allclose(mirror[:, 1], dense[:, 1])


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_there_and_back(kind):
    matrix = example(kind)
    mirror = mirror_of(matrix)
    back = sparse_of(mirror, like=matrix)
    assert type(back) is type(matrix) and back.shape == matrix.shape and back.dtype == matrix.dtype
    for name in ("data", "row", "col") if matrix.format == "coo" else ("data", "indices", "indptr"):
        shared = getattr(matrix, name)
        assert getattr(mirror, name) is shared and getattr(back, name) is shared
    np.testing.assert_allclose(back.toarray(), matrix.toarray())
    np.testing.assert_allclose((back @ np.ones(4)), matrix @ np.ones(4))
    np.testing.assert_allclose(back.tocsr().toarray(), matrix.toarray())
    doubled = sparse_of(mirror * 2, like=matrix)
    assert doubled.nnz == matrix.nnz
    np.testing.assert_allclose(doubled.toarray(), 2 * matrix.toarray())


def test_transposed_changes_format_and_shares():
    matrix = sparse.csc_matrix(values((3, 2), 1))
    turned = sparse_of(mirror_of(matrix).T, like=matrix)
    assert type(turned) is sparse.csr_matrix and turned.data is matrix.data and turned.indices is matrix.indices
    np.testing.assert_array_equal(turned.toarray(), matrix.toarray().T)


def test_wide_indices_are_kept():
    matrix = sparse.csr_array(values((2, 2), 1))
    wide = CSR(matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64), (2, 2))
    back = sparse_of(wide, like=matrix)
    assert back.indices is wide.indices and back.indices.dtype == np.int64
    np.testing.assert_array_equal(back.toarray(), matrix.toarray())


def test_storage_beyond_the_last_line_is_not_read():
    """scipy may hold longer arrays than are in use."""
    matrix = sparse.csr_array(values((2, 2), 1))
    longer = CSR(np.append(matrix.data, 100.0), np.append(matrix.indices, 0), matrix.indptr, (2, 2))
    assert longer.sum() == pytest.approx(matrix.sum()) and longer.nnz == 4
    np.testing.assert_allclose(longer @ np.ones(2), matrix @ np.ones(2))


def test_refusals():
    mirror = mirror_of(sparse.csc_array(values((3, 3), 1)))
    with pytest.raises(TypeError, match="dense"):
        mirror + 1
    with pytest.raises(TypeError, match="number"):
        mirror * np.ones(3)
    with pytest.raises(TypeError, match="ambiguous"):
        len(mirror)
    with pytest.raises(TypeError, match="two sparse"):
        mirror @ mirror
    with pytest.raises(TypeError, match="sparse"):
        mirror + mirror
    with pytest.raises(ValueError):
        mirror @ np.ones(4)
    with pytest.raises(TypeError, match="dense"):
        np.cos(mirror)
    with pytest.raises(DifferentiationError, match="lil_array"):
        mirror_of(sparse.lil_array((2, 2)))
    with pytest.raises(DifferentiationError, match="1 axis"):
        mirror_of(sparse.coo_array(np.ones(3)))
    with pytest.raises(DifferentiationError, match="ndarray"):
        mirror_of(np.ones((2, 2)))
    np.testing.assert_allclose(mirror @ Diagonal(np.arange(3.0)), mirror.toarray() @ np.diag(np.arange(3.0)))


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(-5, 5)), max_size=12),
    name=st.sampled_from(["csc", "csr", "coo"]),
)
def test_any_pattern(entries, name):
    """Any pattern, duplicates and zeros included; whole numbers, so that equality is exact."""
    row, column, data = (np.array([entry[k] for entry in entries], dtype=int) for k in range(3))
    matrix = sparse.coo_array((data.astype(float), (row, column)), shape=(3, 4)).asformat(name)
    mirror = mirror_of(matrix)
    dense = matrix.toarray()
    np.testing.assert_array_equal(mirror.toarray(), dense)
    np.testing.assert_array_equal(mirror @ np.arange(4.0), dense @ np.arange(4.0))
    np.testing.assert_array_equal(np.arange(6.0).reshape(2, 3) @ mirror, np.arange(6.0).reshape(2, 3) @ dense)
    assert mirror.sum() == dense.sum()
    assert all(mirror[i, j] == dense[i, j] for i, j in np.ndindex(3, 4))
