"""The examples of the contract's section 5, to the digit, with identities; in both modes where that makes sense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csc_array

from numzyme import Forward, Reverse, gradient
from numzyme.arrays import Adjoint, Diagonal, LinRange, PermutedDims, Reshaped, SVector, Symmetric

MODES = pytest.mark.parametrize("mode", (Reverse, Forward), ids=("reverse", "forward"))


def first(A):
    return A[0, 0]


def first_of_vector(A):
    return A[0]


def corner(A):
    return A[2, 1]


def total(A):
    return A.sum()


def same(found, expected):
    assert type(found).__name__ == type(expected).__name__ and repr(found) == repr(expected), found


@MODES
def test_diagonal(mode):
    found = gradient(mode, first, Diagonal(np.array([1.0, 2.0])))
    assert type(found) is Diagonal and list(found.diag) == [1.0, 0.0]


@MODES
@pytest.mark.parametrize("sum_", (np.sum, total), ids=("np.sum", "A.sum"))
def test_sparse(mode, sum_):
    found = gradient(mode, sum_, csc_array([[5.0, 0.0, 6.0]]))
    assert type(found) is csc_array and found.shape == (1, 3) and found.nnz == 2
    assert found.toarray().tolist() == [[1.0, 0.0, 1.0]]


@MODES
def test_permuted_sparse(mode):
    found = gradient(mode, np.sum, PermutedDims(csc_array([[1.0, 2.0], [3.0, 0.0]]), (1, 0)))
    assert type(found) is PermutedDims and type(found.parent) is csc_array and found.parent.nnz == 3
    assert np.asarray(found).tolist() == [[1.0, 1.0], [1.0, 0.0]]
    found = gradient(mode, corner, PermutedDims(csc_array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]]), (1, 0)))
    assert type(found) is PermutedDims and found.parent.nnz == 4
    assert np.asarray(found).tolist() == [[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]]


@MODES
def test_reshaped_adjoint_of_a_vector_on_the_stack(mode):
    found = gradient(mode, first, Reshaped(Adjoint(SVector(1.0, 2.0, 3.0, 4.0)), (2, 2)))
    assert type(found) is Reshaped and type(found.parent) is Adjoint and type(found.parent.parent) is SVector
    assert found.parent.parent.data == (1.0, 0.0, 0.0, 0.0) and tuple(found.dims) == (2, 2)


@MODES
def test_symmetric(mode):
    found = gradient(mode, np.sum, Symmetric(np.random.default_rng(0).random((3, 3))))
    assert type(found).__name__ == "Symmetric" and type(found) is not Symmetric and isinstance(found, tuple)
    assert found._fields == ("data", "uplo") and found.uplo is None
    assert found.data.tolist() == [[1.0, 2.0, 2.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]]
    projected = gradient(mode, np.sum, Symmetric(np.random.default_rng(0).random((3, 3))), project=True)
    assert type(projected) is Symmetric and np.asarray(projected).tolist() == np.ones((3, 3)).tolist()


@MODES
def test_reshaped_adjoint_of_a_range(mode):
    found = gradient(mode, first, Reshaped(Adjoint(LinRange(1.0, 2.0, 4)), (2, 2)))
    assert repr(found) == (
        "Reshaped(parent=Adjoint(parent=LinRange(start=1.0, stop=0.0, len=None, lendiv=None)), dims=(None, None))"
    )
    assert isinstance(found, tuple) and isinstance(found.parent, tuple) and isinstance(found.parent.parent, tuple)


@MODES
def test_wrappers_of_integers(mode):
    found = gradient(mode, lambda A: float(first(A)), Diagonal(np.array([1, 2, 3])))
    assert repr(found) == "Diagonal(diag=None)" and type(found) is not Diagonal and isinstance(found, tuple)
    found = gradient(mode, lambda A: float(A[0, 0]), Adjoint(SVector(1, 2, 3)))
    assert repr(found) == "Adjoint(parent=SVector(data=(None, None, None)))" and isinstance(found.parent, tuple)


@dataclass
class TwoThings:
    a: float
    b: float


def of_two(t):
    return t["x"].a + t["y"].a + 20 * t["x"].b + 20 * t["y"].b


@MODES
def test_two_objects(mode):
    p, q = TwoThings(3.0, 4.0), TwoThings(3.0, 4.0)
    apart = gradient(mode, of_two, {"x": p, "y": q})
    assert apart["x"]._asdict() == apart["y"]._asdict() == {"a": 1.0, "b": 20.0}
    assert apart["x"] is not apart["y"]
    shared = gradient(mode, of_two, {"x": p, "y": p})
    assert shared["x"]._asdict() == {"a": 2.0, "b": 40.0} and shared["x"] is shared["y"]


def of_lists(d):
    found = 0.0
    for arrays in (d["a"], d["b"]):
        for array in arrays:
            found += array.sum()
    return found


@MODES
def test_two_lists_of_arrays(mode):
    arrs = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    found = gradient(mode, of_lists, {"a": arrs, "b": arrs})
    assert [list(x) for x in found["a"]] == [[2.0, 2.0], [2.0, 2.0]]
    assert found["a"] is found["b"] and found["a"][0] is found["b"][0] and found["a"][0] is not found["a"][1]


@dataclass
class Embedding:
    weight: np.ndarray

    def __call__(self, i):
        return self.weight[:, i]


@dataclass
class Chain:
    layers: Any

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


def softmax(x):
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


@MODES
def test_model(mode):
    model = Chain(layers=(Embedding(np.array([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])), softmax))
    found = gradient(mode, lambda m: np.sum(m(0) ** 2), model)
    assert type(found).__name__ == "Chain" and found.layers[1] is None and found._fields == ("layers",)
    expected = [[-0.18171549534589682, 0.0, 0.0], [0.18171549534589682, 0.0, 0.0]]
    np.testing.assert_allclose(found.layers[0].weight, expected, rtol=1e-14)
    assert type(found.layers[0]).__name__ == "Embedding"
