"""Deep nesting: what Python can follow works, the rest is refused in words; names of roots."""

from __future__ import annotations

import numpy as np
import pytest

from numzyme import DifferentiationTypeError, DifferentiationValueError
from numzyme.values import accumulate, congruent, make_zero, make_zero_inplace, remake_zero, strip_types, tree_map

from .models import Node, TwoThings


def chain(length):
    node = Node(1.0)
    for _ in range(length):
        node = Node(1.0, node)
    return node


def test_chains_of_a_hundred_objects():
    x = chain(100)
    dx = make_zero(x)
    assert congruent(x, dx)
    gradient = strip_types(x, dx)
    accumulate(dx, remake_zero(dx))
    stepped = tree_map(lambda p, d: p + d, x, gradient)
    for _ in range(100):
        stepped = stepped.next
    assert stepped.value == 1.0 and stepped.next is None


@pytest.mark.parametrize(
    "walk",
    [
        make_zero,
        make_zero_inplace,
        remake_zero,
        lambda x: accumulate(x, x),
        lambda x: congruent(x, x.next),
        lambda x: strip_types(x, x),
        lambda x: tree_map(lambda p: p, x),
    ],
)
def test_longer_ones_are_refused(walk):
    with pytest.raises(DifferentiationValueError, match="is nested too deeply"):
        walk(chain(20_000))


def test_lists_in_lists_may_be_deep_where_it_is_cheap():
    x: list = [np.ones(1)]
    for _ in range(300):
        x = [x]
    assert strip_types(x, make_zero(x)) != x


def test_without_a_name_the_first_step_begins():
    with pytest.raises(DifferentiationTypeError, match=r"^a\[0\] is a <class 'object'>"):
        make_zero(TwoThings([object()], 1.0), name="")
