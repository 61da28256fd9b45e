"""Reference cycles: rings, chains in both directions, trees that know their parents, dicts that hold themselves."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from numzyme import (
    Const,
    DifferentiationError,
    Duplicated,
    Forward,
    ForwardWithPrimal,
    Reverse,
    accumulate,
    autodiff,
    gradient,
    make_zero,
    tree_map,
)
from numzyme.values import strip_types

from .checking import balanced, check, check_raises


@dataclass
class Node:
    weight: Any
    scale: float
    following: Any = None
    previous: Any = None


def nodes(count, closed):
    made = [Node(np.arange(2.0) + 0.5 * n, 0.5 * n + 1.0) for n in range(count)]
    for n, node in enumerate(made):
        if closed or n + 1 < count:
            node.following = made[(n + 1) % count]
        if closed or n > 0:
            node.previous = made[n - 1]
    return made[0]


def ring(count):
    return lambda: (nodes(count, closed=True),)


def chain(count):
    return lambda: (nodes(count, closed=False),)


def once_around(node):
    total, start = 0.0, node
    while True:
        total += node.scale * np.sum(node.weight**2) * node.previous.scale
        node = node.following
        if node is start:
            break
    return total


def to_the_end(node):
    total = 0.0
    while node is not None:
        total += node.scale * np.sum(node.weight)
        node.scale = node.scale * 0.5
        if node.previous is not None:
            total += node.previous.scale * node.scale
        node = node.following
    return total


def many_rounds(node):
    total = 0.0
    for n in range(7):
        total += node.scale * (n + 1.0)
        node.scale *= 1.5
        node.weight[0] *= node.previous.scale
        node = node.following
    return total + node.weight[0]


def rebinds(node):
    node.following.weight = node.weight * node.scale
    return np.sum(node.following.weight * node.following.following.weight)


def raises_on_the_way(node):
    for n in range(5):
        node.scale += 0.5
        node = node.following
        if n == 3:
            raise ValueError("tired")
    return node.scale


@pytest.mark.parametrize("count", [1, 2, 3])
def test_rings(count):
    check(once_around, ring(count), tolerance=1e-5)


@pytest.mark.parametrize("count", [2, 4])
def test_chains_in_both_directions(count):
    check(to_the_end, chain(count))


def test_changes_in_a_ring():
    check(many_rounds, ring(3), tolerance=1e-5)
    check_raises(raises_on_the_way, ring(3))


@pytest.mark.parametrize("count", [2, 3])
def test_fields_rebound_in_a_ring(count):
    check(rebinds, ring(count), tolerance=1e-5)


@dataclass
class Tree:
    value: float
    parent: Any = None
    children: list = field(default_factory=list)

    def total(self):
        found = self.value**2
        for child in self.children:
            found += child.total() * child.parent.value
        return found


def tree():
    root = Tree(1.0)
    for n in range(2):
        child = Tree(2.0 + n, root)
        root.children.append(child)
        for m in range(2 - n):
            child.children.append(Tree(3.0 + m + n, child))
    return (root,)


def test_trees_that_know_their_parents():
    found = check(lambda t: t.total(), tree, tolerance=1e-5)
    assert found.children[1].parent is found


def test_the_list_of_a_tree_comes_first():
    check(
        lambda children: children[0].total() * children[1].parent.children[0].value,
        lambda: (tree()[0].children,),
        tolerance=1e-4,
    )


def test_two_rings_and_what_is_around_them():
    def both(d):
        total = 0.0
        for node in d["rings"]:
            total += once_around(node) * d["factor"]
        return total + d["rings"][0].following.scale

    check(both, lambda: ({"rings": [nodes(2, True), nodes(2, True)], "factor": 2.0},), tolerance=1e-4)
    shared = nodes(2, True)
    check(both, lambda: copy.deepcopy(({"rings": [shared, shared.following], "factor": 2.0},)), tolerance=1e-4)


def test_dicts_that_hold_themselves():
    def make():
        made = {"weight": np.array([1.0, 2.0]), "scale": 3.0}
        made["itself"] = made
        return (made,)

    check(lambda d: np.sum(d["itself"]["weight"] ** 2) * d["itself"]["itself"]["scale"], make)


def test_a_dict_in_a_list_that_it_holds():
    def make():
        one: list = [1.0, 2.0]
        one.append({"again": one})
        return (one,)

    check(lambda x: x[0] * x[2]["again"][0] * x[1], make)


def test_a_constant_ring():
    check(lambda node, x: once_around(node) * x, lambda: (nodes(3, True), 2.0), constant=(0,))


def test_rings_of_any_length_share_code():
    gradients = [gradient(Reverse, once_around, nodes(count, True)) for count in (4, 5)]
    assert type(gradients[0]) is type(gradients[1])


def test_gradients_of_cycles():
    found = gradient(Reverse, once_around, nodes(3, True))
    assert found.following.following.following is found and found.previous.following is found
    assert found.following.previous is found
    assert found.following[3] is None  # a tuple cannot contain itself: by position there is nothing
    assert "..." in repr(found)
    for again in (copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
        assert again.following.following.following is again and again.scale == found.scale


def test_a_step_along_the_gradient_of_a_ring():
    node = nodes(3, True)
    before = once_around(node)
    moved = tree_map(lambda p, d: p - 1e-3 * d, node, gradient(Reverse, once_around, node))
    assert moved.following.following.following is moved and once_around(moved) < before


def test_shadows_of_rings():
    node = nodes(3, True)
    shadow = make_zero(node)
    with balanced():
        assert autodiff(Reverse, once_around, Duplicated(node, shadow)) == (None,)
    expected = gradient(Reverse, once_around, node)
    found = strip_types(node, shadow)
    assert (found.scale, found.following.scale) == (expected.scale, expected.following.scale)
    autodiff(Reverse, once_around, Duplicated(node, shadow))
    assert shadow.following.scale == 2.0 * expected.following.scale
    accumulate(shadow, shadow)
    assert shadow.scale == 4.0 * expected.scale


def test_what_is_returned_from_a_ring():
    node = nodes(3, True)
    shadow = make_zero(node)
    found = autodiff(ForwardWithPrimal, lambda node: node.following, Duplicated(node, shadow))
    assert found.val is node.following and found.derivs is shadow.following


def test_a_reference_that_may_be_none_is_returned():
    # the compiler failed
    first = nodes(3, closed=False)
    last = first.following.following
    for node in (first, last):
        shadow = make_zero(node)
        found = autodiff(ForwardWithPrimal, lambda node: node.following, Duplicated(node, shadow))
        assert found.val is node.following and found.derivs is shadow.following


def test_tangents_of_rings():
    node, direction = nodes(2, True), make_zero(nodes(2, True))
    direction.following.scale = 1.0
    expected = gradient(Reverse, once_around, node).following.scale
    np.testing.assert_allclose(autodiff(Forward, once_around, Duplicated(node, direction)), expected, rtol=1e-14)


def test_jacobians_of_cycles_are_refused():
    with pytest.raises(DifferentiationError, match="cycle of references"):
        gradient(Forward, lambda node: node.weight * node.scale, nodes(2, True))


def test_lists_that_hold_themselves_are_refused():
    values: list = [np.ones(2)]
    values.append(values)
    with pytest.raises(DifferentiationError, match=r"v\[1\] is part of a cycle of references without an object"):
        gradient(Reverse, lambda v: np.sum(v[0]), values)
    assert gradient(Reverse, lambda v, x: x * 2.0, Const(1.0), 2.0) == (None, 2.0)


def test_truth_of_references_that_may_be_none():
    # None counted as true
    def either(node):
        return (100.0 if not node.previous else 1.0) * node.scale + (node.following or node).scale

    def along(node):
        total = 0.0
        while node:
            total += node.scale**2
            node = node.following
        return total

    check(along, chain(3), tolerance=1e-5)
    check(either, chain(3))
    check(lambda node: 100.0 * node.scale if node.previous else node.scale, chain(3))


def test_none_is_none():
    # it was not, when both may be something else
    def same(node):
        return node.scale if node.following.following.following is node.previous else 2.0 * node.scale

    check(same, chain(3))
    check(lambda node: node.scale * (3.0 if node.following is not node.previous else 1.0), chain(3))
    check(lambda node: node.scale * (3.0 if node.following.previous is node.following.following else 1.0), chain(3))


def test_cycles_that_a_tuple_closes_were_refused_after_the_call():
    node = Node(np.ones(2), 1.0)
    node.following = (node,)

    def doubles(node):
        node.scale *= 2.0
        return node.scale

    with pytest.raises(DifferentiationError, match="a tuple cannot contain itself"):
        gradient(Reverse, doubles, node)
    assert node.scale == 1.0


def two_on(node):
    return node.following.following.scale


def set_two_on(node):
    node.following.following.scale = 3.0
    return node.scale


@pytest.mark.parametrize("function", [two_on, set_two_on])
def test_attributes_of_none_at_the_end_of_a_chain(function):
    """Numba said `expected <internal type>, got None`, a TypeError."""
    for mode in (Reverse, Forward):
        with pytest.raises(AttributeError) as plain:
            function(*chain(2)())
        with pytest.raises(AttributeError) as raised:
            gradient(mode, function, *chain(2)())
        assert str(raised.value) == str(plain.value)
