"""Wrappers as Python objects: construction, printed form, copies, docstrings, user classes, cost."""

from __future__ import annotations

import copy
import doctest
import importlib
import pickle
import pkgutil
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import numzyme.arrays as arrays
from numzyme.arrays import (
    Bidiagonal,
    Diagonal,
    LinRange,
    LowerTriangular,
    MatrixLike,
    PermutedDims,
    Reshaped,
    SMatrix,
    SVector,
    Symmetric,
    SymTridiagonal,
    Transpose,
    Tridiagonal,
    UniformScaling,
)

from .operations import specimens


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(arrays.__path__)])
def test_docstrings(name):
    module = importlib.import_module(f"numzyme.arrays.{name}")
    names = {key: getattr(arrays, key) for key in arrays.__all__}
    result = doctest.testmod(module, extraglobs=names)
    assert result.failed == 0


def test_public_classes_have_examples():
    for name in arrays.__all__:
        value = getattr(arrays, name)
        if isinstance(value, type) and name not in ("ArrayLike", "MatrixLike", "VectorLike", "Structured", "Mirror"):
            assert ">>>" in (value.__doc__ or ""), name


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bidiagonal(np.ones(3), np.ones(3), "U"),
        lambda: Bidiagonal(np.ones(3), np.ones(2), "X"),
        lambda: Tridiagonal(np.ones(2), np.ones(3), np.ones(3)),
        lambda: SymTridiagonal(np.ones(3), np.ones(1)),
        lambda: LowerTriangular(np.ones((2, 3))),
        lambda: Symmetric(np.ones((2, 3))),
        lambda: Symmetric(np.ones((2, 2)), "upper"),
        lambda: PermutedDims(np.ones((2, 3)), (0,)),
        lambda: PermutedDims(np.ones((2, 3)), (0, 0)),
        lambda: Reshaped(np.ones((2, 3)), (2, 2)),
        lambda: Transpose(np.ones((2, 2, 2))),
        lambda: SMatrix(((1.0, 2.0), (3.0,))),
        lambda: LinRange(0.0, 1.0, -1),
    ],
)
def test_bad_fields(make):
    with pytest.raises(ValueError):
        make()


SHOWN = {
    "Diagonal([1., 2.])": Diagonal(np.array([1.0, 2.0])),
    "Bidiagonal([1., 2.], [3.], 'U')": Bidiagonal(np.array([1.0, 2.0]), np.array([3.0]), "U"),
    "SVector(1.0, 2.0)": SVector(np.float64(1.0), 2.0),
    "SMatrix(((1.0, 2.0), (3.0, 4.0)))": SMatrix([[1.0, 2.0], [3.0, 4.0]]),
    "LinRange(1.0, 2.0, 4)": LinRange(1.0, 2.0, 4),
    "UniformScaling(2.0, 3)": UniformScaling(2.0, 3),
    "Reshaped(Transpose(SVector(1.0, 2.0)), (2,))": Reshaped(Transpose(SVector(1.0, 2.0)), (2,)),
}


@pytest.mark.parametrize("text", SHOWN)
def test_printed_form(text):
    assert repr(SHOWN[text]) == text


@pytest.mark.parametrize("specimen", [s for s in specimens() if s.dtype is np.float64], ids=lambda s: s.name)
def test_copies_and_pickles(specimen):
    wrapper = specimen.make()
    for other in (copy.copy(wrapper), copy.deepcopy(wrapper), pickle.loads(pickle.dumps(wrapper))):
        assert type(other) is type(wrapper)
        np.testing.assert_array_equal(other.toarray(), wrapper.toarray())
    with pytest.raises(FrozenInstanceError):
        wrapper.data = 1


def test_values_on_the_stack_compare():
    assert SVector(1.0, 2.0) == SVector(1.0, 2.0) != SVector(1.0, 3.0)
    assert LinRange(0.0, 1.0, 3) == LinRange(0.0, 1.0, 3)
    assert hash(SMatrix(((1.0,),))) == hash(SMatrix(((1.0,),)))


def test_operations_on_the_stack_stay_there():
    v, m = SVector(1.0, 2.0), SMatrix(((1.0, 2.0), (3.0, 4.0)))
    assert m @ v == SVector(5.0, 11.0) and v @ m == SVector(7.0, 10.0) and v @ v == 5.0
    assert m @ m == SMatrix(((7.0, 10.0), (15.0, 22.0)))
    assert m.T.data == ((1.0, 3.0), (2.0, 4.0))
    assert v * v / v - v == SVector(0.0, 0.0) and 2 - v == SVector(1.0, 0.0)
    assert type(m @ np.ones(2)) is np.ndarray and type(v + np.ones(2)) is np.ndarray


@settings(max_examples=60, deadline=None)
@given(start=st.floats(-1e6, 1e6), stop=st.floats(-1e6, 1e6), count=st.integers(0, 30))
def test_range_is_linspace(start, stop, count):
    span = LinRange(start, stop, count)
    np.testing.assert_allclose(np.asarray(span), np.linspace(start, stop, count), rtol=1e-12, atol=1e-9)
    assert span.sum() == pytest.approx(np.linspace(start, stop, count).sum(), abs=1e-7)
    if count > 1:
        assert span[0] == start and span[-1] == stop


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_permuted_and_reshaped(data):
    """Any number of axes, as NumPy permutes and reshapes."""
    shape = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    perm = tuple(data.draw(st.permutations(range(len(shape)))))
    array = np.arange(float(np.prod(shape))).reshape(shape)
    permuted = PermutedDims(array, perm)
    expected = np.transpose(array, perm)
    np.testing.assert_array_equal(np.asarray(permuted), expected)
    dims = tuple(data.draw(st.permutations(shape)))
    reshaped = Reshaped(permuted, dims)
    np.testing.assert_array_equal(np.asarray(reshaped), expected.reshape(dims))
    for index in np.ndindex(*dims):
        assert reshaped[index] == expected.reshape(dims)[index]
        assert permuted.shape == expected.shape
    np.testing.assert_array_equal(np.asarray(reshaped.T), expected.reshape(dims).T)


@dataclass(frozen=True, eq=False)
class Circulant(MatrixLike):
    """A user's own wrapper, by the least that is needed."""

    column: Any

    @property
    def shape(self):
        return len(self.column), len(self.column)

    @property
    def dtype(self):
        return self.column.dtype

    def __getitem__(self, key):
        row, column = key
        return self.column[(row - column) % len(self.column)]


def test_class_of_a_user():
    matrix = Circulant(np.array([1.0, 2.0, 4.0]))
    dense = np.array([[1.0, 4.0, 2.0], [2.0, 1.0, 4.0], [4.0, 2.0, 1.0]])
    np.testing.assert_array_equal(np.asarray(matrix), dense)
    np.testing.assert_array_equal(matrix @ np.arange(3.0), dense @ np.arange(3.0))
    np.testing.assert_array_equal(np.arange(3.0) @ matrix, np.arange(3.0) @ dense)
    np.testing.assert_array_equal(matrix * 2 + Diagonal(np.ones(3)), dense * 2 + np.eye(3))
    assert np.sum(matrix) == 21.0 and matrix.T[0, 1] == 2.0


def test_cost_is_that_of_what_is_stored():
    """Anything dense would have 320 gigabytes."""
    count = 2 * 10**5
    for wrapper in (
        Diagonal(np.ones(count)),
        UniformScaling(2.0, count),
        Tridiagonal(np.ones(count - 1), np.ones(count), np.ones(count - 1)),
        SymTridiagonal(np.ones(count), np.ones(count - 1)),
        Bidiagonal(np.ones(count), np.ones(count - 1), "L"),
        Transpose(Diagonal(np.ones(count))),
    ):
        total = np.sum(wrapper)
        assert np.sum(wrapper @ np.ones(count)) == total == np.sum(np.ones(count) @ wrapper)
        assert np.sum(wrapper + wrapper) == np.sum(wrapper * 2) == 2 * total
        assert np.sum(wrapper @ np.ones((count, 2))) == 2 * total
        assert wrapper[5, 5] == wrapper[-1, -1] != 0 and wrapper[0, 9] == 0
    assert LinRange(0.0, 1.0, 10**15).sum() == pytest.approx(0.5e15)
