"""Laws that hold for any nested value, on generated ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from numzyme.values import accumulate, children, congruent, make_zero, rebuild, remake_zero, strip_types, tree_map

from .models import Frozen, Plain, Point, Slotted, TwoThings

POOL = np.arange(24.0)  # arrays are views of this, so that they overlap often


def views():
    slices = st.builds(slice, st.integers(0, 20), st.integers(4, 24), st.sampled_from([1, 2, 3, None]))
    flat = slices.map(lambda s: POOL[s])
    reverse = slices.map(lambda s: POOL[::-1][s])
    blocks = st.tuples(st.integers(0, 3), st.integers(0, 5)).map(lambda c: POOL.reshape(4, 6)[c[0] :, c[1] :].T)
    return flat | reverse | blocks


LEAVES = (
    st.floats(-8, 8).map(lambda v: float(round(v)))
    | st.sampled_from([np.float32(2), 1 + 2j, 3, "text", None, True])
    | views()
    | st.just(np.arange(3))
    | st.builds(lambda: np.ones((2, 2), np.complex64))
)


def containers(inner):
    return (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        | st.builds(TwoThings, inner, inner)
        | st.builds(Frozen, inner)
        | st.builds(Slotted, inner)
        | st.builds(Point, inner, inner)
        | st.builds(Plain, inner)
        | inner.map(lambda v: [v, (v, v)])
    )


VALUES = st.recursive(LEAVES, containers, max_leaves=12)


def filled(x, number):
    """A shadow with `number` everywhere."""

    def fill(leaf):
        return np.full_like(leaf, number) if isinstance(leaf, np.ndarray) else type(leaf)(number)

    return tree_map(fill, make_zero(x))


def leaves(value):
    parts = children(value)
    if parts:
        return [leaf for _, child in parts for leaf in leaves(child)]
    return [value]


def same(a, b):
    pairs = zip(leaves(a), leaves(b), strict=True)
    return all(type(v) is type(w) and np.array_equal(v, w) for v, w in pairs)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_zeros_are_congruent(x):
    before = [np.copy(leaf) for leaf in leaves(x)]
    dx = make_zero(x)
    assert congruent(x, dx)
    assert all(not np.any(leaf) for leaf in leaves(dx) if isinstance(leaf, float | complex | np.inexact))
    assert all(np.array_equal(a, b) for a, b in zip(before, leaves(x), strict=True))


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_tree_map_of_the_identity(x):
    copy = tree_map(lambda leaf: leaf + 0, x)
    assert same(copy, x) and type(copy) is type(x)
    assert same(tree_map(lambda p, d: p, x, make_zero(x)), x)
    assert same(tree_map(lambda p, d: p - d, x, strip_types(x, make_zero(x))), x)


@settings(max_examples=100, deadline=None)
@given(VALUES, st.integers(-3, 3), st.integers(-3, 3))
def test_accumulate_adds(x, a, b):
    total = accumulate(filled(x, a), filled(x, b))
    assert same(total, filled(x, a + b)) and congruent(x, total)
    assert same(accumulate(make_zero(x), filled(x, a)), filled(x, a))


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_remade_zeros_are_zeros(x):
    dx = remake_zero(filled(x, 3))
    assert same(dx, make_zero(x)) and congruent(x, dx)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_gradients_are_trees_of_the_shadow(x):
    dx = filled(x, 2)
    gradient = strip_types(x, dx)
    stepped = tree_map(lambda p, d: p + d, x, gradient)
    assert same(stepped, tree_map(lambda p, d: p + d, x, dx))


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_rebuilt(x):
    assert same(rebuild(x, [child for _, child in children(x)]), x)
