"""Forward mode binds fields of the shadow as the function binds those of the value.

Once the shadow's field kept its old array, and a returned object had the tangent of what its field had been before.
Reference: central differences of the fields that the plain function leaves, with a step of 1e-6 (they agree to 1e-8).
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from numzyme import Const, Duplicated, Forward, ForwardWithPrimal, Reverse, autodiff, gradient, tree_map


@dataclass
class State:
    x: float
    w: np.ndarray
    v: Any = None
    u: Any = None


def doubles(m):
    m.w = m.w * m.x
    return m


def grows_and_joins(m):
    m.v = np.outer(m.w, m.w) * m.x
    m.w = np.concatenate((m.w, m.v[0], m.w[:1] ** 2))
    return m


def in_a_helper(m):
    for _ in range(3):
        doubles_reversed(m)
    return m


def doubles_reversed(m):
    old = m.w
    m.w = old[::-1].copy()
    m.w = m.w * m.x + old
    m.x += m.w[0]


def views_and_swaps(m):
    m.w, m.u = m.u[1:3], m.w
    m.w[1] *= m.x
    return m


def one_array_in_both(m):
    m.w = np.sin(m.w)
    m.u = m.w
    return m


def constants(m):
    m.w = np.ones(4)
    return m


def only_when_large(m):
    if m.x > 10.0:
        m.w = m.w * 2.0
    m.x *= 3.0
    return m


def state() -> State:
    return State(0.7, np.array([0.3, -1.2]), np.array([[0.5, 0.1], [2.0, -0.4]]), np.array([1.5, -0.3, 0.8]))


def moved(step: float) -> State:
    m, d = state(), direction()
    return State(m.x + step * d.x, m.w + step * d.w, m.v + step * d.v, m.u + step * d.u)


def direction() -> State:
    return State(-0.4, np.array([1.3, 0.6]), np.array([[-0.2, 0.9], [0.4, 1.1]]), np.array([0.7, -2.0, 0.1]))


def expected(function: Any) -> State:
    up, down = function(moved(1e-6)), function(moved(-1e-6))
    return tree_map(lambda a, b: (a - b) / 2e-6, up, down)


FUNCTIONS = [
    doubles,
    grows_and_joins,
    in_a_helper,
    views_and_swaps,
    one_array_in_both,
    constants,
    only_when_large,
]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_shadows_and_results_have_the_tangents_of_the_new_arrays(function):
    tangents, plain = expected(function), function(state())
    for _ in range(2):  # the second call finds the code that the first one made
        m, d = state(), direction()
        found = autodiff(ForwardWithPrimal, function, Duplicated(m, d))
        assert found.val is m and found.derivs is d
        for name in ("x", "w", "v", "u"):
            np.testing.assert_allclose(getattr(m, name), getattr(plain, name), rtol=1e-14)
            np.testing.assert_allclose(getattr(d, name), getattr(tangents, name), atol=1e-8)
        assert (d.w is d.u) == (m.w is m.u)


def test_arrays_that_change_places_have_shadows_that_do():
    m, d = state(), direction()
    w, u, of_w, of_u = m.w, m.u, d.w, d.u
    autodiff(Forward, views_and_swaps, Duplicated(m, d))
    assert m.u is w and d.u is of_w
    assert np.shares_memory(m.w, u) and np.shares_memory(d.w, of_u)


def test_single_precision_and_complex_arrays():
    def scaled(m):
        m.w = m.w * np.float32(2.0)
        m.v = m.v * (1.0 + 2.0j)

    m = State(1.0, np.array([1.0, 2.0], np.float32), np.array([1.0 + 1.0j]))
    d = State(1.0, np.array([3.0, 4.0], np.float32), np.array([2.0 - 1.0j]))
    autodiff(Forward, scaled, Duplicated(m, d))
    assert d.w.dtype == np.float32 and list(d.w) == [6.0, 8.0] and d.v[0] == 4.0 + 3.0j


def test_constant_objects_keep_no_tangent():
    def binds(m, x):
        m.w = m.w * 2.0
        return np.sum(m.w) * x

    m = state()
    assert autodiff(Forward, binds, Const(m), Duplicated(1.0, 0.5)) == pytest.approx(0.5 * np.sum(m.w), rel=1e-14)


def test_field_bound_to_a_constant_array_had_its_values_for_tangents():
    def binds(m, constants):
        m.w = constants
        m.u = constants[1:]

    m, d, constants = state(), direction(), np.array([5.0, 6.0, 7.0])
    autodiff(Forward, binds, Duplicated(m, d), Const(constants))
    assert m.w is constants and list(m.u) == [6.0, 7.0]
    np.testing.assert_array_equal(d.w, np.zeros(3))
    np.testing.assert_array_equal(d.u, np.zeros(2))
    assert not np.shares_memory(d.w, constants) and not np.shares_memory(d.u, constants)


@pytest.mark.parametrize("function", [doubles, grows_and_joins, one_array_in_both], ids=lambda f: f.__name__)
def test_jacobian_with_respect_to_an_object_that_is_returned(function):
    """The copies that were sent to Python were freed twice, and the first call of a process was refused."""
    for _ in range(20):
        m = state()
        found = gradient(Forward, function, m)
        np.testing.assert_allclose(m.w, function(state()).w, rtol=1e-14)
    d, tangents = direction(), expected(function)
    through = found.w.x * d.x + found.w.w @ d.w + np.tensordot(found.w.v, d.v, 2) + found.w.u @ d.u
    np.testing.assert_allclose(through, tangents.w, atol=1e-8)


def test_jacobian_in_a_process_of_its_own():
    program = """
import numpy as np
from dataclasses import dataclass
from numzyme import Forward, gradient

@dataclass
class P:
    v: np.ndarray

def doubles(p):
    p.v = p.v * 2.0
    return p

print(gradient(Forward, doubles, P(np.array([0.3, 0.7]))).v.v.tolist())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[[2.0, 0.0], [0.0, 2.0]]\n"), done.stderr


def recurses(m, n):
    if n == 0:
        return np.sum(m.w * m.w) * m.x
    return recurses(m, n - 1) * 0.5 + m.x


def scaled(m):
    m.w = m.w * 2.0
    return np.sum(m.w) * m.x


def test_what_one_function_binds_anew_is_nothing_to_another():
    """`scaled` once made `recurses` be refused: its class was known for a field that is bound anew."""
    make = lambda: State(3.0, np.array([1.0, 2.0]))  # noqa: E731
    np.testing.assert_allclose(gradient(Reverse, scaled, make()).w, [6.0, 6.0], rtol=1e-14)
    found, _ = gradient(Reverse, recurses, make(), 2)
    np.testing.assert_allclose(found.w, 0.25 * 3.0 * 2.0 * np.array([1.0, 2.0]), rtol=1e-14)
    np.testing.assert_allclose(found.x, 0.25 * 5.0 + 1.5, rtol=1e-14)


def takes_one_or_makes_one(m):
    other = State(m.x, m.w * 2.0)
    if m.x > 0.0:
        other = m
    return np.sum(other.w) * other.x


def test_objects_that_are_made_agree_with_those_of_the_arguments():
    make = lambda: State(3.0, np.array([1.0, 2.0]))  # noqa: E731
    np.testing.assert_allclose(gradient(Reverse, scaled, make()).w, [6.0, 6.0], rtol=1e-14)
    np.testing.assert_allclose(gradient(Reverse, takes_one_or_makes_one, make()).w, [3.0, 3.0], rtol=1e-14)


def makes_and_binds(x):
    m = State(3.0, x)
    m.w = m.w * x
    return np.sum(m.w) * m.x


@pytest.mark.parametrize("mode", [Reverse, Forward])
def test_object_made_in_a_function_of_arrays(mode):
    """The exception that says `compile again` once reached the user."""
    np.testing.assert_allclose(gradient(mode, makes_and_binds, np.array([1.0, 2.0])), [6.0, 12.0], rtol=1e-14)
