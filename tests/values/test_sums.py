"""`accumulate`, `make_zero_inplace`, `remake_zero`: in place, shared objects and memory once."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from numzyme import DifferentiationTypeError, DifferentiationValueError
from numzyme.values import accumulate, make_zero, make_zero_inplace, remake_zero, strip_types

from .models import Chain, Frozen, Node, Plain, Point, Slotted, TwoThings, softmax
from .test_make_zero import OVERLAPS


def test_sum_of_numbers_and_immutable_values():
    assert accumulate(1.0, 2.0) == 3.0 and accumulate(1j, 2.0 + 0j) == 2 + 1j
    assert type(accumulate(np.float32(1), np.float32(2))) is np.float32
    assert accumulate((1.0, "a", (2.0,)), (3.0, "a", (4.0,))) == (4.0, "a", (6.0,))
    assert accumulate(Point(1.0, 2), Point(2.0, 2)) == Point(3.0, 2)
    assert accumulate(Frozen(1.0), Frozen(2.0)) == Frozen(3.0)
    assert accumulate(3, 3) == 3 and accumulate(None, None) is None


def test_sum_in_place():
    array = np.ones(2)
    frozen = Frozen(1.0, array)
    dx = {"a": array, "b": [1.0, (2.0, array)], "t": TwoThings(1.0, 2.0), "s": Slotted(1.0), "f": frozen}
    dy = make_zero(dx)
    dy["a"] += 5
    dy["b"][0], dy["b"][1] = 10.0, (20.0, dy["a"])
    dy["t"].a, dy["s"].w, dy["f"] = 3.0, 4.0, Frozen(7.0, dy["a"])
    parts = dict(dx)
    assert accumulate(dx, dy) is dx
    assert all(dx[key] is parts[key] for key in "abts")
    assert array.tolist() == [6, 6]
    assert dx["b"][0] == 11.0 and dx["b"][1][0] == 22.0 and dx["b"][1][1] is array
    assert (dx["t"].a, dx["s"].w, dx["f"].w) == (4.0, 5.0, 8.0) and dx["f"].n is array and frozen.w == 1.0
    assert dy["a"].tolist() == [5, 5]


def test_immutable_containers_of_arrays_come_back_as_they_are():
    dx = (np.ones(2), [1.0])
    assert accumulate(dx, (np.ones(2), [2.0])) is dx and dx[0].tolist() == [2, 2] and dx[1] == [3.0]


def test_shared_objects_count_once():
    p, q = TwoThings(1.0, np.ones(1)), TwoThings(2.0, np.ones(1))
    accumulate([p, p, p.b], [q, q, q.b])
    assert p.a == 3.0 and p.b.tolist() == [2]
    array = np.ones(1)
    accumulate([array, array], [np.ones(1), np.full(1, 5.0)])  # not shared on the other side
    assert array.tolist() == [7]
    array, other = np.ones(1), np.ones(1)
    accumulate([array, other], [np.ones(1)] * 2)
    assert array.tolist() == other.tolist() == [2]


@pytest.mark.parametrize("make", OVERLAPS.values(), ids=list(OVERLAPS))
def test_overlapping_memory_counts_once(make):
    x = make()
    dx, dy = make_zero(x), make_zero(x)
    for a, b in zip(dx, dy, strict=True):
        a[...] = np.arange(a.size).reshape(a.shape)
        b[...] = 5.0 + np.arange(a.size).reshape(a.shape)
    expected = [part.copy() for part in dx]
    accumulate(dx, dy)
    for part, added in zip(dx, dy, strict=True):
        np.testing.assert_array_equal(part, expected.pop(0) + added)


def test_independent_arrays_are_added_to_each_of_overlapping_ones():
    base = np.zeros(3)
    accumulate([base[:2], base[1:]], [np.ones(2), np.ones(2)])
    assert base.tolist() == [1, 2, 1]


def test_complex_overlap():
    x = np.zeros(3, np.complex128)
    dx, dy = make_zero([x, x.imag]), make_zero([x, x.imag])
    dy[0][...] = 1 + 2j
    accumulate(dx, dy)
    assert dx[0].tolist() == [1 + 2j] * 3 and dx[1].tolist() == [2, 2, 2]


def test_sum_with_itself():
    array, values = np.ones(2), [1.0, 2.0]
    accumulate([array, values], [array, values])
    assert array.tolist() == [2, 2] and values == [2.0, 4.0]


def test_sum_of_gradients():
    x = Chain((TwoThings(np.ones(2), 1.0), softmax, "s"))
    g, h = (strip_types(x, make_zero(x)) for _ in range(2))
    h = h._replace(layers=(h.layers[0]._replace(b=4.0), None, None))
    h.layers[0].a[:] = 3.0
    total = accumulate(g, h)
    assert type(total) is type(g) and total.layers[0].b == 4.0 and total.layers[0].a is g.layers[0].a
    assert g.layers[0].a.tolist() == [3, 3]


def test_sum_of_sparse():
    x = sp.csr_array(np.array([[1.0, 0.0], [2.0, 3.0]]))
    y = sp.csr_array((np.ones(3), x.indices.copy(), x.indptr.copy()), (2, 2))
    assert accumulate([x], [y])[0] is x and x.data.tolist() == [2, 3, 4]
    with pytest.raises(DifferentiationTypeError, match="sparsity pattern"):
        accumulate([x], [sp.csr_array(np.array([[0.0, 1.0], [2.0, 3.0]]))])


def test_sums_of_cycles():
    first = Node(1.0)
    first.next = first
    second = Node(2.0)
    second.next = second
    accumulate(first, second)
    assert first.value == 3.0 and first.next is first


@pytest.mark.parametrize(
    ("dx", "dy"),
    [
        ([np.ones(2), np.ones(2)], [np.ones(2), np.ones(3)]),
        ([np.ones(2), np.ones(2)], [np.ones(2), np.ones(2, "f4")]),
        ([np.ones(2), 1.0], [np.ones(2), None]),
        ([np.ones(2), 1.0], [np.ones(2), 1j]),
        ([np.ones(2), TwoThings(1.0, 2.0)], [np.ones(2), Plain(1.0)]),
    ],
)
def test_sums_that_do_not_fit_change_nothing(dx, dy):
    with pytest.raises(DifferentiationTypeError, match=r"^m\[1\] is .*, what is to be added"):
        accumulate(dx, dy, name="m")
    assert dx[0].tolist() == [1, 1]


def test_read_only_changes_nothing():
    frozen = np.ones(2)
    frozen.flags.writeable = False
    dx = [np.ones(2), frozen]
    for change in (lambda: accumulate(dx, make_zero(dx)), lambda: make_zero_inplace(dx), lambda: remake_zero(dx)):
        with pytest.raises(DifferentiationValueError, match=r"dx\[1\] is a read-only array"):
            change()
    assert dx[0].tolist() == [1, 1]


# -- zeros in place
def test_zero_in_place():
    array, scalar = np.ones((2, 2), order="F"), np.ones((), np.complex64)
    frozen = Frozen(2.0, array)
    dx = {"a": (array, scalar), "b": [1.0, (2.0, "s", array)], "t": TwoThings(1.0, 5), "s": Slotted(1.0), "f": frozen}
    before = dict(dx)
    assert make_zero_inplace(dx) is None
    assert not array.any() and not scalar.any()
    assert dx["b"] == [0.0, (0.0, "s", array)] and dx["b"] is before["b"] and dx["b"][1][2] is array
    assert dx["t"] == TwoThings(0.0, 5) and dx["t"] is before["t"] and dx["s"] == Slotted(0.0, 0.0)
    assert dx["f"].w == 0.0 and dx["f"].n is array and frozen.w == 2.0
    assert dx["a"] is before["a"]


def test_zero_of_sparse_and_cycles():
    x = sp.coo_array(np.eye(2))
    data = x.data
    node = Node(x)
    node.next = node
    make_zero_inplace(node)
    assert x.data is data and not data.any() and x.nnz == 2


@pytest.mark.parametrize(
    ("dx", "path"),
    [
        (1.0, "dx"),
        ((np.ones(2), 1.0), r"dx\[1\]"),
        (Frozen((1, Point("a", 2.0))), r"dx\.w\[1\]\.y"),
    ],
)
def test_numbers_in_immutable_values_are_refused(dx, path):
    with pytest.raises(DifferentiationTypeError, match=rf"^{path} is a number that cannot be set to zero in place"):
        make_zero_inplace(dx)


def test_nothing_mutable_but_no_numbers_either():
    make_zero_inplace((1, "a", Frozen(np.ones(2))))
    value: tuple = (3,)
    for _ in range(60):
        value = (value, value)
    make_zero_inplace(value)


def test_remake_zero():
    array = np.ones(2)
    dx = (1.0, array, [2.0], Frozen(3.0))
    zero = remake_zero(dx)
    assert zero == (0.0, array, [0.0], Frozen(0.0)) and zero[1] is array and zero[2] is dx[2] and not array.any()
    kept = [1.0]
    assert remake_zero(kept) is kept and kept == [0.0] and remake_zero(2.0) == 0.0 and remake_zero("s") == "s"
