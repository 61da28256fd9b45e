"""What the function changes is changed afterwards: numbers, arrays in place, array fields rebound; exceptions too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from numzyme import Const, DifferentiationError, Forward, Reverse, gradient

from .checking import check, check_raises, copies, same_state


@dataclass
class State:
    x: float
    n: int
    w: np.ndarray
    v: Any = None

    def step(self, rate):
        self.n += 1
        self.x = self.x * (1.0 - rate) + self.n
        self.w[0] -= rate * self.w[1] * self.x
        return self


@dataclass(frozen=True)
class Holder:
    parts: tuple
    name: str = "holder"


def helper(state, k):
    state.x *= 1.0 + k
    state.n -= 2
    return state.x


def numbers(state, rate):
    total = 0.0
    for i in range(3):
        state.step(rate[0])
        total += state.x * state.w[0] * (i + 1)
    same = state
    same.x += helper(state, 0.5) * 0.25
    if state.n > 3:
        state.n = 7
    return total + state.x**2


def test_numbers_changed_in_loops_methods_and_helpers():
    check(numbers, copies(State(0.5, 4, np.array([1.0, -2.0])), [0.1]), forward=False)
    check(numbers, copies(State(0.5, -4, np.array([1.0, -2.0])), [0.1]), constant=(1,))


def inside_immutables(holder, loose):
    for state in holder.parts[0]:
        state.x += loose.x
        state.w *= 1.5
    loose.x = holder.parts[0][0].x * 2.0
    return np.sum(holder.parts[0][1].w) * loose.x + holder.parts[1]["s"].x


def test_mutable_objects_in_tuples_in_frozen_objects():
    def make():
        one, other = State(0.5, 1, np.array([1.0, 2.0])), State(1.5, 2, np.array([3.0]))
        return Holder(((one, other), {"s": one})), other

    check(inside_immutables, make)


def rebinds(m):
    total = np.sum(m.w)
    m.w = m.w * m.x
    total += np.sum(m.w**2)
    if m.n > 0:
        m.v = m.w[1:] + m.v[:1]
    m.w = np.concatenate((m.w, m.w))
    return total + np.sum(m.v) * m.w[3]


@pytest.mark.parametrize("n", (0, 1))
def test_array_fields_rebound(n):
    check(rebinds, copies(State(0.5, n, np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0]))), forward=bool(n))


def rebinds_shared(d):
    m = d["m"]
    m.w = np.exp(m.w) * d["again"].x
    d["w"] = m.w[::-1] * 2.0
    return np.sum(d["again"].w * d["w"]) + np.sum(d["old"])


def test_array_fields_of_shared_objects_and_dicts_rebound():
    def make():
        w = np.array([0.1, 0.2])
        m = State(0.5, 1, w)
        return ({"m": m, "again": m, "w": np.zeros(3), "old": w},)

    check(rebinds_shared, make)


def rebinds_to_matrix_views(m):
    m.w = m.v.T @ m.v
    m.v = m.v.reshape(m.v.shape[1], m.v.shape[0]) * m.x
    return np.sum(m.w * m.w) + m.v[0, 1]


def test_matrix_fields_rebound():
    check(rebinds_to_matrix_views, copies(State(0.5, 1, np.ones((2, 2)), np.arange(6.0).reshape(3, 2))), forward=False)


def swaps(m):
    m.w, m.v = m.v, m.w
    m.w[0] *= 2.0
    return m.w[0] * m.v[1] + m.x


def test_swapped_fields_are_the_same_arrays_afterwards():
    def make():
        return (State(0.5, 1, np.array([1.0, 2.0]), np.array([3.0, 4.0])),)

    plain, given = make()[0], make()[0]
    w, v = given.w, given.v
    swaps(plain)
    try:
        found = gradient(Reverse, swaps, given)
    except DifferentiationError:
        same_state(given, make()[0])
        return
    assert list(found.w) == [0.0, 6.0] and list(found.v) == [4.0, 0.0], found
    same_state(given, plain)
    assert given.w is v and given.v is w


def raises_midway(m, limit):
    for _ in range(5):
        m.x *= 1.5
        m.n += 1
        m.w[0] += m.x
        if m.x > limit[0]:
            raise ValueError("too far")
    return m.x * m.w[0]


def divides(m):
    m.n -= 3
    m.x = m.x / (m.n * 1.0)
    m.w[:] = 7.0
    return m.x


def test_exceptions_leave_the_same_changes():
    check_raises(raises_midway, copies(State(0.5, 4, np.array([1.0, -2.0])), [2.0]))
    check(raises_midway, copies(State(0.5, 4, np.array([1.0, -2.0])), [2000.0]), forward=False)
    check_raises(divides, copies(State(0.5, 3, np.array([1.0, -2.0]))))


def rebinds_and_raises(m):
    m.w = m.w * 2.0
    m.x += 1.0
    if m.x > 0.0:
        raise ValueError("after rebinding")
    return np.sum(m.w)


def rebinds_in_a_helper(m):
    for _ in range(3):
        rebinds_unless_large(m)
    return np.sum(m.w)


def rebinds_unless_large(m):
    old = m.w
    m.w = old[::-1].copy()
    m.w = m.w + old
    if np.sum(m.w) < -3.0:
        raise ValueError("too small", m.x)
    return m.w[0]


def test_field_rebound_before_an_exception():
    # it kept its old array
    check_raises(rebinds_and_raises, copies(State(0.5, 3, np.array([1.0, -2.0]))))
    check_raises(rebinds_in_a_helper, copies(State(0.5, 3, np.array([1.0, -2.0]))))
    check(rebinds_in_a_helper, copies(State(0.5, 3, np.array([1.0, 2.0]))))


def widens(m):
    m.n += 0.5
    return m.x * m.n


def adds(m):
    m.extra = m.x
    return m.extra


def changes_type(m):
    m.w = m.x
    return m.x


def changes_rank(m):
    m.w = np.ones((2, 2)) * m.x
    return np.sum(m.w)


def none_to_array(m):
    m.v = m.w * 2.0
    return np.sum(m.v)


def to_none(m):
    m.w = None
    return m.x


@dataclass(frozen=True)
class Frozen:
    x: float

    def step(self):
        self.x = 2.0
        return self.x


REFUSED = {
    widens: "'n' of State is int64",
    adds: "State has no field 'extra'",
    changes_type: "'w' of State is array",
    changes_rank: "'w' of State is array",
    none_to_array: "'v'",
    to_none: "'w' of State is array",
}


@pytest.mark.parametrize("f", REFUSED)
def test_fields_that_change_their_kind_are_refused_with_the_line(f):
    given = State(0.5, 3, np.array([1.0, -2.0]))
    with pytest.raises(DifferentiationError, match=REFUSED[f]) as caught:
        gradient(Reverse, f, given)
    where = caught.value.where
    assert where.file == __file__ and where.line == f.__code__.co_firstlineno + 1 and where.function == f.__name__
    same_state(given, State(0.5, 3, np.array([1.0, -2.0])))


def test_frozen_instances_cannot_be_assigned():
    with pytest.raises(DifferentiationError, match="Frozen is frozen") as caught:
        gradient(Reverse, lambda m: m.step(), Frozen(1.0))
    assert caught.value.where.text == "self.x = 2.0"


def test_what_a_constant_object_receives():
    def stores(c, m):
        c.x = m.x * 2.0
        return c.x * m.x

    def counts(c, m):
        c.n += 2
        c.w[0] = 5.0
        return c.w[0] * m.x * c.n

    with pytest.raises(DifferentiationError, match="its derivative would be lost"):
        gradient(Reverse, stores, Const(State(1.0, 1, np.ones(1))), State(2.0, 1, np.ones(1)))
    check(counts, copies(State(1.0, 1, np.ones(1)), State(2.0, 1, np.ones(1))), constant=(0,))


def kinds_of_arrays(d):
    d["strided"][0] *= 2.0
    total = np.sum(d["broadcast"] ** 2) + np.sum(d["strided"] * d["strided"]) * d["zero"][()]
    return total + np.sum(d["fortran"] ** 3) + np.sum(d["empty"]) + np.sum(d["single"]) * d["fortran"][0, 1]


def test_arrays_of_all_layouts():
    def make():
        broadcast = np.broadcast_to(np.array([1.5, 2.0]), (2, 2))
        fortran = np.asfortranarray(np.arange(4.0).reshape(2, 2))
        arrays = {"broadcast": broadcast, "strided": np.arange(6.0)[::-2], "zero": np.array(2.0), "fortran": fortran}
        return (arrays | {"empty": np.zeros((2, 0)), "single": np.array([1.5, 2.5], np.float32)},)

    plain = make()[0]
    kinds_of_arrays(plain)
    for mode in (Reverse, Forward):
        given = make()[0]
        found = gradient(mode, kinds_of_arrays, given)
        same_state(given, plain)
        np.testing.assert_allclose(found["broadcast"], [[3.0, 4.0], [3.0, 4.0]])
        np.testing.assert_allclose(found["strided"], [80.0, 12.0, 4.0])
        np.testing.assert_allclose(found["fortran"], [[0.0, 3.0 + 4.0], [12.0, 27.0]])
        assert found["zero"].shape == () and found["empty"].shape == (2, 0) and found["zero"] == 110.0
        assert found["single"].dtype == np.float32 and list(found["single"]) == [1.0, 1.0]


def test_read_only_arrays_and_empty_ones():
    def make():
        w = np.array([1.0, 2.0])
        w.setflags(write=False)
        return (State(0.5, 1, w, np.zeros((0, 3))),)

    def reads(m):
        m.x = m.w[0] * m.x
        return m.x * np.sum(m.w) + np.sum(m.v)

    check(reads, make)
    with pytest.raises(DifferentiationError):
        gradient(Reverse, lambda m: m.step(0.1).x, make()[0])


@dataclass
class Norm:
    mean: np.ndarray
    count: int = 0
    momentum: float = 0.5
    scale: np.ndarray = field(default_factory=lambda: np.array([2.0]))

    def __call__(self, x):
        self.count += 1
        for i in range(len(self.mean)):
            self.mean[i] = self.momentum * self.mean[i] + (1.0 - self.momentum) * x[i]
        return (x - self.mean) * self.scale[0]


def test_running_statistics():
    def loss(norm, xs):
        total = 0.0
        for x in xs:
            total += np.sum(norm(x) ** 2)
        return total

    make = copies(Norm(np.array([0.5, 1.0])), (np.array([1.0, 2.0]), np.array([0.5, -1.0])))
    check(loss, make, forward=False)
    plain = make()
    loss(*plain)
    for mode in (Reverse, Forward):
        given = make()
        gradient(mode, loss, given[0], Const(given[1]))
        same_state(given[0], plain[0])
