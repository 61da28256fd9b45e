"""Objects met twice: shared lists and instances, active and constant at once, identities of what is built."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from numzyme import Const, DifferentiationError, Duplicated, Reverse, ReverseWithPrimal, autodiff, gradient

from .checking import check, copies, same_state


@dataclass
class Two:
    a: Any
    b: Any


def test_inner_and_outer_object_were_taken_for_one():
    inner = Two(1.0, 2.0)
    check(lambda p, q: p.a.a * q.b + p.b * p.b * q.a, copies(Two(inner, 3.0), inner))
    check(lambda p, q: p.a * q.b.b * q.b.a + q.a * p.b, copies(inner, Two(3.0, inner)))


def test_list_of_numbers_met_twice_lost_the_second_path():
    shared, alike = [1.0, 2.0], [1.0, 2.0]
    found = check(lambda d: d["x"][0] * 3 + d["y"][0] * d["z"][1], copies({"x": shared, "y": shared, "z": alike}))
    assert found["x"] is found["y"] and found["x"] is not found["z"]


def test_shadow_that_is_a_list_of_numbers_was_not_added_to():
    shadow = [1.0, 10.0]
    assert autodiff(Reverse, lambda q: q[0] * q[1], Duplicated([3.0, 4.0], shadow)) == (None,)
    assert shadow == [5.0, 13.0]


def constant_and_active(c, d):
    return c.a * 3 + d.a * 5 * c.a + d.b[0] * c.b[0]


@pytest.mark.parametrize("position", (0, 1))
def test_one_object_constant_and_active_counted_the_constant_use(position):
    shared = Two(2.0, [3.0])
    arguments = [shared, shared]
    arguments[position] = Const(shared)
    found = gradient(Reverse, constant_and_active, *arguments)[1 - position]
    assert (found.a, found.b) == ((10.0, [3.0]) if position == 0 else (13.0, [3.0]))


def test_one_object_constant_and_active_and_changed_is_refused():
    def changes(c, d):
        d.a = c.a * 3
        return c.a * d.b

    shared = Two(2.0, 1.0)
    with pytest.raises(DifferentiationError, match="both as Const and to be differentiated"):
        gradient(Reverse, changes, Const(shared), shared)
    assert shared == Two(2.0, 1.0)


def test_gradient_of_a_partial_was_its_values():
    def cubed(k, x, *, shift=0.0):
        return k[0] * k[0] * x + shift * k[1]

    argument = functools.partial(cubed, [3.0, 4.0], shift=5.0)
    found = gradient(Reverse, lambda q: q(2.0), argument)
    assert found.args == ([12.0, 5.0],) and found.keywords == {"shift": 4.0}


def test_what_is_nested_too_deeply_is_refused():
    node = None
    for _ in range(3000):
        node = Two(1.0, node)
    with pytest.raises(DifferentiationError, match="nested too deeply"):
        gradient(Reverse, lambda x: x.a, node)


def test_sign_of_a_zero_is_written_back():
    def negated(t):
        t.a = -t.a
        t.b = np.float64(t.b) + 1
        return t.b

    plain, given = Two(0.0, 2.0), Two(0.0, 2.0)
    negated(plain)
    gradient(Reverse, negated, given)
    assert np.signbit(given.a) and given.b == plain.b


def everything_shared(d):
    total = 0.0
    for part in (d["m"], d["again"]["m"], d["tuple"][0], d["frozen"][1].a):
        part.a = part.a * 1.5
        part.b[0] += part.a * part.b[1]
        total += part.a + part.b[0] * part.b[1]
    return total + np.sum(d["w"] * d["tuple"][1])


def test_one_object_in_four_places_with_one_array():
    w = np.array([0.5, -2.0])
    m = Two(0.75, w)
    value = {"m": m, "again": {"m": m}, "tuple": (m, w), "frozen": (1, Two(m, None)), "w": w}
    found = check(everything_shared, copies(value))
    assert found["m"] is found["again"]["m"] is found["tuple"][0] is found["frozen"][1].a
    assert found["m"].b is found["w"]


def overlapping(make_views):
    def make():
        base = np.linspace(0.5, 2.0, 12)
        return ({"views": make_views(base), "whole": base},)

    return make


VIEWS = {
    "slices": lambda x: (x[:5], x[3:9]),
    "reversed": lambda x: (x[::-1], x[2:7]),
    "strided": lambda x: (x[::2], x[1::3]),
    "matrix": lambda x: (x.reshape(3, 4)[1], x.reshape(3, 4).T[2]),
    "same twice": lambda x: (x[1:4], x[1:4]),
    "nested": lambda x: (x[2:10][1:5], x[2:10]),
}


def walks_over_views(d):
    total = 0.0
    for view in d["views"]:
        view[0] = view[1] * view[-1] + view[0] * 0.5
        for i in range(len(view)):
            total += view[i] ** 2 * (i + 1)
    return total + d["whole"][3] * d["whole"][4]


@pytest.mark.parametrize("name", VIEWS)
def test_views_that_overlap(name):
    make = overlapping(VIEWS[name])
    check(walks_over_views, make, forward=name in ("slices", "matrix"))


def test_deep_copies_of_the_result_keep_its_sharing():
    m = Two(1.0, 2.0)
    found = copy.deepcopy(gradient(Reverse, lambda t: t[0].a * t[1].b, (m, m)))
    assert found[0] is found[1]
    same_state(m, Two(1.0, 2.0))


@dataclass
class Holder:
    weight: Any


def test_identity_of_an_object_that_is_constant_and_differentiated():
    # it was another object there, and the branch for two objects was taken
    def scaled(a, b):
        return a.a * 3.0 if a is b else a.a

    both = Two(2.0, 1.0)
    found = gradient(ReverseWithPrimal, scaled, both, Const(both))
    assert found.val == 6.0 and found.derivs[0].a == 3.0
    assert gradient(ReverseWithPrimal, scaled, both, Const(Two(2.0, 1.0))).val == 2.0


def test_identity_of_objects_without_numbers():
    def compared(a, b):
        first, second = Holder(a.weight), Holder(a.weight)
        third = first
        factor = (1.0 if first is second else 2.0) + (10.0 if third is first else 20.0)
        return a.weight[0] * (factor + (100.0 if a is first else 200.0) + (1000.0 if a is b else 2000.0))

    holder = Holder(np.ones(2))
    check(compared, lambda: copy.deepcopy((holder, holder)))
    check(compared, lambda: copy.deepcopy((holder, Holder(holder.weight))))
