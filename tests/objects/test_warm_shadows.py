"""Later calls of `autodiff` with shadows: quick, the same in everything, and shadows that do not fit are refused."""

from __future__ import annotations

import copy
import gc
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import sparse

from numzyme import (
    Active,
    Const,
    DifferentiationError,
    Duplicated,
    DuplicatedNoNeed,
    Forward,
    ForwardWithPrimal,
    Reverse,
    ReverseWithPrimal,
    autodiff,
    make_zero,
)
from numzyme.arrays import Diagonal
from numzyme.runtime import identity
from numzyme.values import structural_type

from .warm_calls import Walks, forget, same


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> Walks:
    return Walks(monkeypatch)


@dataclass(frozen=True)
class Dense:
    weight: Any
    bias: Any
    name: str = "dense"


@dataclass
class State:
    mass: float
    count: int
    x: Any


def model() -> dict[str, Any]:
    shared = np.array([1.0, 2.0])
    return {
        "layers": [Dense(np.array([[1.0, 2.0], [3.0, 4.0]]), shared), Dense(np.ones((2, 2), "f4"), shared)],
        "state": State(2.0, 3, np.array([5.0])),
        "sparse": sparse.csr_array(np.array([[1.0, 0.0], [2.0, 3.0]])),
        "diagonal": Diagonal(np.array([1.0, 2.0])),
        "index": np.array([1, 0]),
    }


def loss(m: Any, x: Any, scale: Any) -> Any:
    m["state"].mass = m["state"].mass * 2.0
    total = m["state"].mass * m["state"].x[0] * m["state"].count + np.sum(m["sparse"]) * scale
    total += np.sum(m["diagonal"] @ x)
    for layer in m["layers"]:
        total += np.sum(layer.weight) * layer.bias[m["index"][0]]
    return total * scale


def arguments() -> list[Any]:
    m = model()
    return [Duplicated(m, make_zero(m)), Const(np.array([1.0, 2.0])), Active(3.0)]


def compared(walks: Walks, mode: Any, f: Any, make: Callable[[], list[Any]]) -> None:
    """All that a call gives and leaves in its arguments, twice: a shadow is added to."""

    def outcome() -> list[Any]:
        given = make()
        found = [autodiff(mode, f, *given), autodiff(mode, f, *given)]
        return [found, [(one.primal, getattr(one, "shadow", None)) for one in given]]

    forget()
    first, count = walks.during(outcome)
    assert count == 2, "the primals and the shadows of the first call alone"
    later, count = walks.during(outcome)
    assert count == 0
    same(later, first)


def test_reverse(walks: Walks) -> None:
    for mode in (Reverse, ReverseWithPrimal):
        compared(walks, mode, loss, arguments)
    given = arguments()
    _, _, scale = autodiff(Reverse, loss, *given)
    m, dm = model(), given[0].shadow
    assert scale != 0.0 and dm["state"].mass == 2.0 * 3 * 5.0 * 3.0 and given[0].primal["state"].mass == 4.0
    assert dm["layers"][0].bias is dm["layers"][1].bias
    np.testing.assert_array_equal(dm["layers"][0].bias, [0.0, 3.0 * (np.sum(m["layers"][0].weight) + 4.0)])
    np.testing.assert_array_equal(dm["sparse"].data, 9.0)


def test_forward(walks: Walks) -> None:
    def make() -> list[Any]:
        given = arguments()
        shadow = given[0].shadow
        shadow["state"].mass, shadow["layers"][0].weight[0, 0] = 1.5, 2.0
        return [DuplicatedNoNeed(given[0].primal, shadow), given[1], Duplicated(3.0, 0.5)]

    for mode in (Forward, ForwardWithPrimal):
        compared(walks, mode, loss, make)


def test_tuples_of_active_numbers(walks: Walks) -> None:
    def f(s: Any, p: Any) -> Any:
        return s.mass * p[0] * p[1][0] + s.count

    def make() -> list[Any]:
        s = State(2.0, 3, None)
        return [Duplicated(s, make_zero(s)), Active((1.5, (np.float32(2.0),)))]

    compared(walks, Reverse, f, make)


def test_objects_that_are_called(walks: Walks) -> None:
    class Scale:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, m: Any) -> Any:
            return np.sum(m[0]) * self.factor

    def make() -> list[Any]:
        x = [np.ones(3)]
        return [Duplicated(x, make_zero(x))]

    compared(walks, Reverse, Scale(2.0), make)
    (given,) = make()
    _, count = walks.during(lambda: autodiff(Reverse, Scale(5.0), given))
    assert count == 0 and given.shadow[0].tolist() == [5.0] * 3


# -- shadows that do not fit


def spoil(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> list[Any]:
    given = arguments()
    change(given[0].primal, given[0].shadow)
    return given


def set_layer(shadow: dict[str, Any], position: int, **changes: Any) -> None:
    shadow["layers"][position] = Dense(**(vars(shadow["layers"][position]) | changes))


MISFITS: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "another shape": lambda m, dm: set_layer(dm, 0, weight=np.zeros((2, 3))),
    "another dtype": lambda m, dm: set_layer(dm, 1, weight=np.zeros((2, 2))),
    "a list for an array": lambda m, dm: set_layer(dm, 1, weight=[[0.0, 0.0], [0.0, 0.0]]),
    "a broadcast shadow": lambda m, dm: set_layer(dm, 0, weight=np.broadcast_to(np.zeros(2), (2, 2))),
    "sharing of arrays": lambda m, dm: set_layer(dm, 1, bias=np.zeros(2)),
    "sharing too much": lambda m, dm: dm["diagonal"].__dict__.update(diag=dm["layers"][0].bias),
    "the primal itself": lambda m, dm: dm.update(state=m["state"]),
    "an array of the primal": lambda m, dm: set_layer(dm, 0, weight=m["layers"][0].weight),
    "memory of the primal": lambda m, dm: set_layer(dm, 0, weight=m["layers"][0].weight[:]),
    "memory of another shadow": lambda m, dm: dm["diagonal"].__dict__.update(diag=dm["layers"][0].bias[:]),
    "another number": lambda m, dm: dm["state"].__dict__.update(mass=0),
    "another constant": lambda m, dm: set_layer(dm, 0, name="other"),
    "another integer": lambda m, dm: dm["state"].__dict__.update(count=4),
    "another class": lambda m, dm: dm["layers"].__setitem__(0, tuple(vars(dm["layers"][0]).values())),
    "another length": lambda m, dm: dm["layers"].append(dm["layers"][0]),
    "a key less": lambda m, dm: dm.pop("index"),
    "another pattern": lambda m, dm: dm.update(sparse=sparse.csr_array(np.array([[0.0, 1.0], [2.0, 3.0]]))),
    "other integers": lambda m, dm: dm.update(index=np.array([0, 1])),
}


@pytest.mark.parametrize("name", MISFITS)
def test_misfits_are_refused_as_in_the_first_call(walks: Walks, name: str) -> None:
    def refused() -> tuple[str, Any]:
        given = spoil(MISFITS[name])
        with pytest.raises(DifferentiationError) as refusal:
            autodiff(Reverse, loss, *given)
        same(given[0].primal, model())  # nothing has run
        return str(refusal.value), type(refusal.value)

    forget()
    expected = refused()
    autodiff(Reverse, loss, *arguments())
    found = refused()
    if not name.startswith("memory"):  # compiled code compares memory, and its words are others
        assert found == expected


ACCEPTED: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "equal integers": lambda m, dm: dm.update(index=m["index"].copy()),
    "an equal pattern": lambda m, dm: dm.update(sparse=dm["sparse"].copy()),
    "another order of keys": lambda m, dm: dm.update(state=dm.pop("state")),
    "another layout": lambda m, dm: set_layer(dm, 0, weight=np.zeros((2, 2), order="F")),
    "a dtype of its own": lambda m, dm: set_layer(dm, 0, weight=np.zeros((2, 2), copy.deepcopy(np.dtype("f8")))),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_shadows_that_fit_in_another_way(name: str) -> None:
    expected = arguments()
    forget()
    autodiff(Reverse, loss, *expected)
    given = spoil(ACCEPTED[name])
    autodiff(Reverse, loss, *given)
    for one, other in zip(given[0].shadow["layers"], expected[0].shadow["layers"], strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.bias, other.bias)
    assert given[0].shadow["state"].mass == expected[0].shadow["state"].mass
    np.testing.assert_array_equal(given[0].shadow["sparse"].toarray(), expected[0].shadow["sparse"].toarray())


def test_overlapping_views(walks: Walks) -> None:
    def total(p: Any) -> Any:
        return np.sum(p[0]) + 2.0 * np.sum(p[1])

    def views(base: np.ndarray) -> list[np.ndarray]:
        return [base[:4], base[2:]]

    x = [np.ones(4), np.ones(4)]
    autodiff(Reverse, total, Duplicated(x, make_zero(x)))
    base, shadow = np.ones(6), np.zeros(6)
    _, count = walks.during(lambda: autodiff(Reverse, total, Duplicated(views(base), views(shadow))))
    assert count == 0 and shadow.tolist() == [1.0, 1.0, 3.0, 3.0, 2.0, 2.0]
    for wrong in (make_zero(x), [shadow[2:], shadow[:4]]):
        with pytest.raises(DifferentiationError):
            autodiff(Reverse, total, Duplicated(views(base), wrong))


def test_exceptions(walks: Walks) -> None:
    def checked(s: Any) -> Any:
        s.mass = s.mass + 1.0
        if s.count > 5:
            raise ValueError("too many")
        return s.mass * s.mass

    def outcome(count: int) -> tuple:
        s = State(1.0, count, None)
        ds = State(0.5, count, None)
        try:
            autodiff(Reverse, checked, Duplicated(s, ds))
        except ValueError as error:
            return s.mass, ds.mass, str(error)
        return s.mass, ds.mass

    forget()
    assert outcome(9) == (2.0, 0.5, "too many")
    assert outcome(1) == outcome(1)
    found, count = walks.during(lambda: outcome(9))
    assert (found, count) == ((2.0, 0.5, "too many"), 0)


# -- what compares, and makes tuples


def test_tuples_are_made_as_python_makes_them() -> None:
    class Pair(NamedTuple):
        a: Any
        b: Any

    class Open(Pair):
        """With attributes."""

    x, y = np.ones(2), [1.0]
    for python_class in (Pair, Open, structural_type(Dense, ("a", "b"))):
        make, counts = identity.tuple_of(python_class), [sys.getrefcount(one) for one in (x, y)]
        made = make(x, y)
        assert type(made) is python_class and made == (x, y) and made.b is y and len(made) == 2
        assert gc.is_tracked(made) and hash(make(1, 2)) == hash((1, 2))
        assert [sys.getrefcount(one) for one in (x, y)] == [count + 1 for count in counts]
        del made
        assert [sys.getrefcount(one) for one in (x, y)] == counts
    references = sys.getrefcount(Pair)
    many = [identity.tuple_of(Pair)(n, n) for n in range(1000)]
    assert sys.getrefcount(Pair) >= references + 1000 and many[7] == (7, 7)
    del many
    assert sys.getrefcount(Pair) <= references + 2  # the function that makes them has one
    cycle: list[Any] = []
    cycle.append(identity.tuple_of(Open)(cycle, 1))
    cycle[0].note = Witness()
    alive = weakref.ref(cycle[0].note)
    del cycle
    gc.collect()
    assert alive() is None


class Witness:
    """What can be waited for."""


def test_machine_code_is_in_use_and_agrees() -> None:
    assert identity._addresses(), "CPython and NumPy are laid out in another way than identity_text says"
    a, b = np.zeros((2, 3)), np.zeros((2, 3))
    many = [np.zeros(1) for _ in range(identity.MOST)]
    distinct = identity.distinct(np.ndarray)
    assert distinct() and distinct(a) and distinct(a, b) and distinct(*many)
    assert not distinct(a, b, a) and not distinct(a, [1.0]) and not distinct(*many[1:], many[7])
    assert not distinct(a, np.asmatrix(b)) and identity.distinct(list)([], [1])
    congruent = identity.congruent_arrays()
    assert congruent(a, b) and congruent(a[:, ::2], b[:, ::2]) and congruent(np.ones((1, 1)), np.ones((1, 1)))
    for wrong in (a, b.T, b[:1], b.astype("f4"), b.astype(">f8"), b[:, ::2], np.asfortranarray(b), 1.0, b[0]):
        assert not congruent(a, wrong)
    assert not congruent(np.broadcast_to(a[0], (2, 3)), np.broadcast_to(b[0], (2, 3)))


def test_shadows_with_keys_in_another_order() -> None:
    def f(d: Any) -> Any:
        return np.sum(d["a"]) * 2.0 + np.sum(d["b"]) * 3.0 + d["c"] * 4.0 + d["e"] * 5.0

    for order in ("abce", "ecba", "abce"):
        x = {"a": np.ones(2), "b": np.ones(2), "c": 1.0, "e": 1.0}
        dx = {key: make_zero(x)[key] for key in order}
        autodiff(Reverse, f, Duplicated(x, dx))
        assert (dx["a"].tolist(), dx["b"].tolist(), dx["c"], dx["e"]) == ([2.0] * 2, [3.0] * 2, 4.0, 5.0)
