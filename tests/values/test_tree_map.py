"""`tree_map`: steps along gradients of every form."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from numzyme import DifferentiationTypeError
from numzyme.values import make_zero, strip_types, tree_map

from .models import Chain, Computed, Embedding, Frozen, Node, Plain, Point, Slotted, TwoThings, softmax
from .wrappers import Adjoint, Diagonal, Symmetric


def step(p, d):
    return p - 0.5 * d


def test_leaves():
    assert tree_map(step, 3.0, 2.0) == 2.0
    result = tree_map(step, np.float32(3), np.float32(2))
    assert type(result) is np.float32 and result == 2
    np.testing.assert_array_equal(tree_map(step, np.ones(2), np.array([2.0, 4.0])), [0, -1])
    for constant in (3, "s", None, softmax, np.arange(2)):
        assert tree_map(step, constant, None) is constant


def test_rebuilds_the_kind_of_the_value():
    x = {"w": 3.0, "p": Point(1.0, 2), "l": [1.0, "a"], "t": (1.0,), 3: np.ones(1)}
    g = {"w": 2.0, "p": Point(2.0, None), "l": [4.0, None], "t": (2.0,), 3: np.ones(1)}
    result = tree_map(step, x, g)
    assert {**result, 3: None} == {"w": 2.0, "p": Point(0.0, 2), "l": [-1.0, "a"], "t": (0.0,), 3: None}
    assert type(result["p"]) is Point and result[3].tolist() == [0.5]
    assert x["l"] == [1.0, "a"]


def test_none_is_unchanged():
    array = np.ones(2)
    x = {"a": array, "b": (1.0, [2.0]), "c": TwoThings(1.0, array)}
    result = tree_map(step, x, {"a": None, "b": None, "c": TwoThings(1.0, None)})
    assert result["a"] is array and result["b"] == (1.0, [2.0]) and result["c"].a == 0.5 and result["c"].b is array
    assert tree_map(step, x, None)["c"] == x["c"]


def test_structural_gradients():
    x = Chain((Embedding(np.ones((2, 3))), softmax, Frozen(1.0, 5)))
    dx = make_zero(x)
    dx.layers[0].weight[:, 0] = 2.0
    result = tree_map(step, x, strip_types(x, dx))
    assert type(result) is Chain and type(result.layers[0]) is Embedding and result.layers[1] is softmax
    np.testing.assert_array_equal(result.layers[0].weight, [[0, 1, 1], [0, 1, 1]])
    assert result.layers[2] is x.layers[2] or result.layers[2] == x.layers[2]


def test_objects_of_all_kinds():
    for x in (TwoThings(1.0, 2.0), Slotted(1.0, 2.0), Frozen(1.0, 2.0), Plain(1.0), Computed(1.0)):
        result = tree_map(step, x, strip_types(x, x))
        assert type(result) is type(x) and getattr(result, "w", getattr(result, "a", None)) == 0.5
    computed = Computed(-1.0)
    assert computed.norm == 1.0
    assert tree_map(step, computed, strip_types(computed, computed)).norm == 0.5
    method = tree_map(step, Plain(4.0).scaled, strip_types(Plain(4.0).scaled, Plain(2.0).scaled))
    assert method(1.0) == 3.0


@pytest.mark.parametrize("project", [False, True])
def test_wrappers(project):
    x = [Diagonal(np.ones(2)), Adjoint(Symmetric(np.ones((2, 2)), "U"))]
    dx = make_zero(x)
    dx[0].diag[:] = 2.0
    dx[1].parent.data[...] = [[2, 4], [0, 2]]
    result = tree_map(step, x, strip_types(x, dx, project=project))
    assert type(result[0]) is Diagonal and result[0].diag.tolist() == [0, 0]
    assert type(result[1].parent) is Symmetric and result[1].parent.uplo == "U"
    np.testing.assert_array_equal(result[1].parent.data, [[0, 0], [0, 0]] if project else [[0, -1], [1, 0]])


@pytest.mark.parametrize("make", [sp.csc_array, sp.csr_matrix, sp.coo_array])
def test_sparse(make):
    x = make(np.array([[1.0, 0.0], [2.0, 3.0]]))
    result = tree_map(step, {"A": x}, {"A": 2 * x})["A"]
    assert type(result) is make and result.nnz == 3 and not result.data.any()
    assert tree_map(step, x, None).data is x.data


def test_several_trees():
    x, g, m = {"w": 1.0, "n": 2}, {"w": 2.0, "n": None}, {"w": 3.0, "n": None}
    assert tree_map(lambda p, d, v: p + d + v, x, g, m) == {"w": 6.0, "n": 2}
    assert tree_map(lambda p, d, v: p + d + v, x, g, None) == x
    assert tree_map(lambda p: 2 * p, x) == {"w": 2.0, "n": 2}


def test_gradients_are_trees_too():
    x = TwoThings(1.0, (2.0, "s"))
    g = strip_types(x, x)
    doubled = tree_map(lambda d: 2 * d, g)
    assert type(doubled) is type(g) and doubled == (2.0, (4.0, None))


def test_sharing_is_kept():
    array, part = np.ones(2), TwoThings(1.0, 2.0)
    calls = []

    def count(p, d):
        calls.append(p)
        return p - d

    x = {"a": [array, part], "b": (array, part)}
    result = tree_map(count, x, strip_types(x, x))
    assert result["a"][0] is result["b"][0] and result["a"][1] is result["b"][1] and len(calls) == 3


def test_immutable_values_have_their_own_gradients():
    pair = (1.0, 2.0)
    assert tree_map(step, [pair, pair], [(2.0, 2.0), (4.0, 4.0)]) == [(0.0, 1.0), (-1.0, 0.0)]


def test_overlap_is_kept():
    base = np.arange(6.0)
    x = [base[:4], base[2:], base[::-1]]
    g = strip_types(x, make_zero(x))
    g[0][...] = 1.0
    result = tree_map(lambda p, d: p - d, x, g)
    assert [part.tolist() for part in result] == [[-1, 0, 1, 2], [1, 2, 4, 5], [5, 4, 2, 1, 0, -1]]
    result[0][2] = 7.0
    assert result[1][0] == 7.0 and result[2][3] == 7.0
    assert base.tolist() == [0, 1, 2, 3, 4, 5]


def test_cycles():
    first, second = Node(1.0), Node(2.0)
    first.next, second.next = second, first
    shadow = make_zero(first)
    shadow.value, shadow.next.value = 2.0, 4.0
    result = tree_map(step, first, shadow)
    assert (result.value, result.next.value) == (0.0, 0.0) and result.next.next is result


@pytest.mark.parametrize(
    ("x", "g", "text"),
    [
        ([1.0], [1.0, 2.0], "m is a list of length 1, but what belongs to it is a list of length 2"),
        ([1.0], (1.0,), "but what belongs to it is a tuple"),
        ({"a": 1.0}, {"b": 1.0}, r"m is a dict with the keys \['a'\]"),
        ({"a": TwoThings(1.0, 2.0)}, {"a": 1.0}, r"m\['a'\] is a TwoThings, but what belongs to it is a float"),
        (TwoThings(1.0, 2.0), strip_types(Plain(1.0), Plain(1.0)), r"m\.a has nothing that belongs to it"),
        (sp.csr_array(np.eye(2)), sp.csr_array(np.ones((2, 2))), "m is a csr_array of shape"),
    ],
)
def test_trees_that_do_not_fit(x, g, text):
    with pytest.raises(DifferentiationTypeError, match=text):
        tree_map(step, x, g, name="m")
