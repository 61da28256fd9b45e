"""Objects in `autodiff`: Duplicated, MixedDuplicated, Active, Const; shadows that are not like their primals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from numzyme import (
    Active,
    Const,
    DifferentiationError,
    Duplicated,
    Forward,
    MixedDuplicated,
    Reverse,
    ReverseWithPrimal,
    autodiff,
    gradient,
    make_zero,
)


@dataclass
class Model:
    x: float
    w: np.ndarray
    n: int = 2


@dataclass(frozen=True)
class Frozen:
    x: float
    w: Any = None


def loss(m):
    return m.x**2 * m.n + np.sum(m.w) * m.x


def test_shadows_are_added_to():
    m, dm = Model(3.0, np.array([1.0, 2.0])), Model(10.0, np.array([100.0, 200.0]))
    assert autodiff(ReverseWithPrimal, loss, Duplicated(m, dm)) == ((None,), 27.0)
    assert dm.x == 10.0 + 15.0 and list(dm.w) == [103.0, 203.0] and dm.n == 2


def test_mixed_values_return_their_immutable_part():
    m, dm = Frozen(3.0, np.array([1.0, 2.0])), Frozen(10.0, np.array([100.0, 200.0]))
    ((found,),) = [autodiff(Reverse, lambda m: m.x**2 + np.sum(m.w) * m.x, MixedDuplicated(m, dm))]
    assert found.x == 10.0 + 9.0 and found.w is dm.w and list(dm.w) == [103.0, 203.0]
    with pytest.raises(DifferentiationError, match="MixedDuplicated"):
        autodiff(Reverse, lambda m: m.x, Duplicated(m, dm))


def test_active_immutables_and_forward_directions():
    assert autodiff(Reverse, lambda p, c: p.x * p.x * c.x, Active(Frozen(3.0)), Const(Frozen(2.0))) == (
        Frozen(12.0),
        None,
    )
    m, dm = Model(3.0, np.array([1.0, 2.0])), Model(1.0, np.array([0.5, 0.25]))
    assert autodiff(Forward, loss, Duplicated(m, dm)) == 15.0 + 0.75 * 3.0


def overwrites(m):
    m.x = m.w[0] * 2.0
    m.w[0] = 1.0
    return m.x


def test_shadow_of_overwritten_numbers_ends_at_zero():
    m, dm = Model(3.0, np.array([1.0, 2.0])), Model(5.0, np.array([7.0, 9.0]))
    autodiff(Reverse, overwrites, Duplicated(m, dm))
    assert (m.x, list(m.w)) == (2.0, [1.0, 2.0]) and dm.x == 0.0
    assert list(dm.w) == [2.0 * (5.0 + 1.0), 9.0]


def test_shadows_that_are_not_like_their_primals():
    m, other = Model(3.0, np.ones(2)), Model(1.0, np.ones(2))
    for shadow in (m, Model(1.0, m.w), Model(1.0, np.ones(3)), Frozen(1.0, np.ones(2)), Model(1, np.ones(2)), None):
        with pytest.raises(DifferentiationError):
            autodiff(Reverse, loss, Duplicated(m, shadow))
    two = lambda a, b: a.x * b.x + np.sum(a.w * b.w)  # noqa: E731
    dm, dother = make_zero(m), make_zero(other)
    for pair in ((Duplicated(m, dm), Duplicated(m, dother)), (Duplicated(m, dm), Duplicated(other, dm))):
        with pytest.raises(DifferentiationError):
            autodiff(Reverse, two, *pair)
    shared = np.ones(2)
    a, b = Model(1.0, shared), Model(2.0, shared)
    with pytest.raises(DifferentiationError):
        autodiff(Reverse, two, Duplicated(a, make_zero(a)), Duplicated(b, make_zero(b)))
    da, db = make_zero((a, b))
    autodiff(Reverse, two, Duplicated(a, da), Duplicated(b, db))
    assert da.w is db.w and list(da.w) == [2.0, 2.0] and (da.x, db.x) == (2.0, 1.0)


def test_the_same_object_in_two_positions():
    m = Model(3.0, np.ones(2))
    found = gradient(Reverse, lambda a, b: a.x * b.x + np.sum(a.w * b.w), m, m)
    assert found[0] is found[1] and found[0].x == 6.0 and list(found[0].w) == [2.0, 2.0]
