"""`congruent` and `check_congruent`: what can be a shadow."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from numzyme import DifferentiationTypeError
from numzyme.values import check_congruent, congruent, make_zero

from .models import Chain, Frozen, Node, Plain, Point, TwoThings, softmax
from .test_make_zero import OVERLAPS

base = np.zeros(6)
shared = np.ones(2)
one, two = np.zeros(2), np.zeros(2)
part = [1.0]
csr = sp.csr_array(np.eye(2))


@pytest.mark.parametrize(
    "x",
    [
        *(
            1.0,
            3,
            "s",
            None,
            np.ones(2),
            np.ones(()),
            (1.0, [2.0, "a"]),
            {"a": 1.0},
            Point(1.0, 2),
            TwoThings(1.0, "a"),
        ),
        *([shared, shared], [part, part], csr, sp.coo_matrix(np.eye(2)), Chain((Frozen(1.0), softmax))),
        *(Plain(1.0).scaled, np.broadcast_to(np.ones(2), (3, 2)), [np.zeros(0), np.zeros(0)], np.arange(3)),
        *[make() for make in OVERLAPS.values()],
    ],
    ids=lambda x: type(x).__name__,
)
def test_zeros_are_congruent(x):
    assert congruent(x, make_zero(x))
    check_congruent(x, make_zero(x))


def test_order_of_keys_and_other_constants_of_equal_value():
    assert congruent({"a": 1.0, "b": (2, "x", np.arange(2))}, {"b": (2, "x", np.arange(2)), "a": 0.0})
    assert congruent(1.0, np.float64(0)) and congruent(np.ones((2, 2)), np.ones((2, 2), order="F"))


@pytest.mark.parametrize(
    ("x", "dx", "text"),
    [
        (1.0, 1, r"x is a float, its shadow 1"),
        (1.0, np.float32(1), "x is a float, its shadow a float32"),
        (1.0, 1j, "its shadow a complex"),
        (
            np.ones(2),
            np.ones(3),
            r"x is an array of shape \(2,\) and dtype float64, its shadow an array of",
        ),
        (np.ones(2), np.ones(2, "f4"), "dtype float32"),
        (np.ones(2), [1.0, 1.0], "its shadow a list of length 2"),
        (np.ones(2), np.broadcast_to(0.0, 2), "the shadow of x is a broadcast array"),
        ([1.0], (1.0,), "x is a list of length 1, its shadow a tuple of length 1"),
        ([1.0], [1.0, 1.0], "its shadow a list of length 2"),
        ({"a": 1.0}, {"b": 1.0}, r"x is a dict with the keys \['a'\], its shadow a dict with the keys \['b'\]"),
        ([1.0, 3], [1.0, 4], r"x\[1\] is 3, its shadow 4"),
        ([True], [1], r"x\[0\] is True"),
        ([None], [1.0], r"x\[0\] is None"),
        (TwoThings(1.0, 2.0), Plain(1.0), "x is a TwoThings, its shadow a Plain"),
        (Chain((1.0, "a")), Chain((1.0, "b")), r"x\.layers\[1\] is 'a', its shadow 'b'"),
        (csr, csr.tocsc(), "its shadow a csc_array"),
        ([csr], [sp.csr_array(np.ones((2, 2)))], r"x\[0\] has another sparsity pattern than its shadow"),
        ([shared, shared], [one, two], r"x\[1\] and x\[0\] are one object with two shadows"),
        ([np.ones(2), np.ones(2)], [one, one], r"x\[1\] has the same shadow as another object"),
        ([part, part], [[1.0], [1.0]], "are one object with two shadows"),
        ([shared], [shared], r"x\[0\] is its own shadow"),
        ([base[:3]], [base[2:5]], r"x\[0\] shares memory with the shadow of x\[0\]"),
        ([base[:3], base[2:5]], [np.ones(3), np.ones(3)], "overlap in another way"),
        ([np.ones(3), np.ones(3)], [base[:3], base[2:5]], "overlap in another way"),
        ([base[:3], base[2:5]], [np.ones(9)[:3], np.ones(9)[1:4]], "overlap in another way"),
    ],
)
def test_not_congruent(x, dx, text):
    assert not congruent(x, dx)
    with pytest.raises(DifferentiationTypeError, match=text):
        check_congruent(x, dx)


def test_overlap_with_other_offsets():
    memory = np.ones(9)
    assert not congruent([base[:3], base[2:5]], [memory[:3], memory[1:4]])
    assert congruent([base[:3], base[2:5]], [memory[1:4], memory[3:6]])


def test_cycles():
    x, dx = Node(1.0), Node(0.0)
    x.next, dx.next = x, dx
    assert congruent(x, dx)
    dx.next = Node(0.0)
    assert not congruent(x, dx)


def test_values_that_cannot_be_differentiated_are_refused():
    with pytest.raises(DifferentiationTypeError, match=r"x\[0\] is"):
        congruent([object()], [object()])
