"""`autodiff`: what it returns, what it accumulates, what it leaves behind."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

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
    memory,
)


def weighted(x, a):
    total = 0.0
    for i in range(len(x)):
        total += a * x[i] ** 2
    return total


def scale_into(y, x, a):
    for i in range(len(x)):
        y[i] = a * x[i]


def shift(x):
    for i in range(len(x) - 1):
        x[i] = x[i + 1]


def test_reverse_returns_one_entry_per_argument():
    x, dx = np.array([1.0, 2.0, 3.0]), np.zeros(3)
    assert autodiff(Reverse, weighted, Duplicated(x, dx), Active(2.0)) == (None, 14.0)
    np.testing.assert_array_equal(dx, [4, 8, 12])
    assert autodiff(Reverse, weighted, Const(x), Active(2.0)) == (None, 14.0)
    assert autodiff(Reverse, weighted, Duplicated(x, dx), Const(2.0)) == (None, None)


def test_shadows_accumulate():
    x, dx = np.array([1.0, 2.0]), np.array([10.0, 20.0])
    autodiff(Reverse, weighted, Duplicated(x, dx), Const(1.0))
    np.testing.assert_array_equal(dx, [12, 24])
    autodiff(Reverse, weighted, DuplicatedNoNeed(x, dx), Const(1.0))
    np.testing.assert_array_equal(dx, [14, 28])


def test_with_primal_is_a_named_tuple():
    x = np.array([1.0, 2.0])
    result = autodiff(ReverseWithPrimal, weighted, Const(x), Active(3.0))
    assert result.val == 15.0
    assert result.derivs == (None, 5.0)


def test_active_integer_is_a_float():
    assert autodiff(Reverse, lambda a: a * a, Active(3)) == (6.0,)
    assert autodiff(Reverse, lambda t: t[0] * t[1], Active((3, 2))) == ((2.0, 3.0),)


def test_return_activity_is_optional():
    x, dx = np.ones(2), np.zeros(2)
    assert autodiff(Reverse, weighted, Active, Duplicated(x, dx), Active(2.0)) == (None, 2.0)
    assert autodiff(Reverse, weighted, Const, Const(x), Active(2.0)) == (None, 0.0)
    assert autodiff(Forward, weighted, Const, Const(x), Duplicated(2.0, 1.0)) is None


def test_integer_results_carry_no_derivative():
    x, dx = np.array([2.0, 3.0]), np.zeros(2)

    def count(x):
        for i in range(len(x)):
            x[i] *= 2
        return len(x)

    with pytest.raises(DifferentiationError, match="in reverse mode"):
        autodiff(Reverse, count, Duplicated(x, dx))
    dx[:] = 1
    assert autodiff(ReverseWithPrimal, count, Const, Duplicated(x, dx)) == ((None,), 2)
    np.testing.assert_array_equal(dx, [2, 2])


def test_mutation_follows_enzyme():
    """The shadow of overwritten memory ends at zero, of partly read memory at the transposed Jacobian's
    product."""
    x, dx = np.array([1.0, 2.0]), np.zeros(2)
    y, dy = np.zeros(2), np.array([1.0, 10.0])
    result = autodiff(Reverse, scale_into, Duplicated(y, dy), Duplicated(x, dx), Active(3.0))
    assert result == (None, None, 21.0)
    np.testing.assert_array_equal(y, [3, 6])
    np.testing.assert_array_equal(dx, [3, 30])
    np.testing.assert_array_equal(dy, [0, 0])
    x, dx = np.arange(4.0), np.ones(4)
    assert autodiff(Reverse, shift, Duplicated(x, dx)) == (None,)
    np.testing.assert_array_equal(dx, [0, 1, 1, 2])
    np.testing.assert_array_equal(x, [1, 2, 3, 3])


def test_forward_scalars_and_arrays():
    x, dx = np.array([1.0, 2.0]), np.array([1.0, 0.5])
    assert autodiff(Forward, weighted, Duplicated(x, dx), Const(2.0)) == 8.0
    assert autodiff(Forward, weighted, Duplicated(x, dx), Duplicated(2.0, 1)) == 13.0
    result = autodiff(ForwardWithPrimal, weighted, Const(x), Duplicated(2.0, 1.0))
    assert (result.derivs, result.val) == (5.0, 10.0)
    y, dy = np.zeros(2), np.full(2, np.nan)
    assert autodiff(Forward, scale_into, Duplicated(y, dy), Duplicated(x, dx), Const(3.0)) is None
    np.testing.assert_array_equal(dy, [3, 1.5])


def test_forward_of_arrays_and_tuples():
    def spread(x, a):
        return x * a, a, 3

    x, dx = np.array([1.0, 2.0]), np.array([1.0, 0.0])
    derivs, value = autodiff(ForwardWithPrimal, spread, Duplicated(x, dx), Duplicated(2.0, 10.0))
    np.testing.assert_array_equal(derivs[0], [12, 20])
    assert derivs[1:] == (10.0, None)
    np.testing.assert_array_equal(value[0], [2, 4])
    assert value[1:] == (2.0, 3)


def test_forward_returns_views_of_the_shadow():
    x, dx = np.arange(4.0), np.arange(4.0) + 10
    tangent = autodiff(Forward, lambda x: x[1:], Duplicated(x, dx))
    np.testing.assert_array_equal(tangent, [11, 12, 13])
    assert np.shares_memory(tangent, dx)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (3, 4), (2, 0, 3), (2, 3, 4)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_ranks_orders_and_types(dtype, shape, order):
    x = np.asarray(np.random.default_rng(1).normal(size=shape).astype(dtype), order=order)
    shadow = np.ones_like(x)
    autodiff(Reverse, lambda x: np.sum(x * x), Duplicated(x, shadow))
    np.testing.assert_allclose(shadow, 1 + 2 * x, rtol=1e-6)


def test_views_with_any_strides():
    base = np.arange(24.0).reshape(4, 6)
    for view in (base[::2, ::-1], base[:, 1], base.T[::3], base[::-1], base[1:1]):
        shadow = np.zeros_like(base)
        whole = {base.__array_interface__["data"][0] + 8 * i: i for i in range(24)}
        start = whole.get(view.__array_interface__["data"][0], 0)
        likewise = np.ndarray(view.shape, view.dtype, shadow, 8 * start, view.strides)
        autodiff(Reverse, lambda x: (x * x).sum(), Duplicated(view, likewise))
        np.testing.assert_array_equal(likewise, 2 * view)
        assert shadow.sum() == 2 * view.sum()


def test_shadow_with_other_strides():
    x = np.arange(12.0).reshape(3, 4)
    for shadow in (np.ones((4, 3)).T, np.ones((6, 8))[::2, ::2], np.ones((3, 4))[::-1]):
        assert autodiff(Reverse, lambda x: (x * x).sum(), Duplicated(x, shadow)) == (None,)
        np.testing.assert_array_equal(shadow, 1 + 2 * x)


def test_forward_shadow_with_other_strides():
    """Also of a broadcast primal, and with the tangent of what is written."""

    def f(x, y):
        for i in range(len(x)):
            y[i] = x[i] * x[i]
        return y.sum()

    x, y = np.array([1.0, 2.0, 3.0]), np.zeros(3)
    dx, dy = np.array([1.0, -9.0, 2.0, -9.0, 3.0])[::2], np.ones(6)[::-2]
    assert autodiff(Forward, f, Duplicated(x, dx), Duplicated(y, dy)) == 28.0
    np.testing.assert_array_equal(dy, [2, 8, 18])
    np.testing.assert_array_equal(y, [1, 4, 9])
    broadcast = np.broadcast_to(2.0, (3,))
    assert autodiff(Forward, lambda x: (x * x).sum(), Duplicated(broadcast, np.ones(3))) == 12.0


def test_the_same_array_twice_in_forward_mode():
    x, dx = np.array([1.0, 2.0]), np.array([1.0, 10.0])
    product = autodiff(Forward, lambda a, b: (a * b).sum(), Duplicated(x, dx), Duplicated(x, dx))
    assert product == 2 * (1 + 20)


def test_readonly_primal():
    x = np.arange(3.0)
    x.flags.writeable = False
    shadow = np.zeros(3)
    autodiff(Reverse, lambda x: (x * x).sum(), Duplicated(x, shadow))
    np.testing.assert_array_equal(shadow, 2 * x)


def test_tuples_of_arrays():
    def f(pair, k):
        return pair[0].sum() * pair[1][0] ** k

    pair = (np.array([1.0, 2.0]), np.array([3.0]))
    shadow = (np.zeros(2), np.zeros(1))
    assert autodiff(Reverse, f, Duplicated(pair, shadow), Const(2)) == (None, None)
    np.testing.assert_array_equal(shadow[0], [9, 9])
    np.testing.assert_array_equal(shadow[1], [18])


class Refused(ArithmeticError):
    """An exception of the user's own."""


@pytest.mark.parametrize("mode", [Reverse, Forward])
def test_exceptions_arrive_unchanged(mode):
    @njit
    def f(x, a):
        x[0] = 5.0
        if a < 0:
            raise Refused("negative", 7)
        return x[0] * a

    x, dx = np.ones(2), np.ones(2)
    before = memory()
    with pytest.raises(Refused) as caught:
        autodiff(mode, f, Duplicated(x, dx), Const(-1.0))
    assert caught.value.args == ("negative", 7)
    assert x[0] == 5
    after = memory()
    assert after.bytes_in_use == 0
    assert after.entries - before.entries == after.exits - before.exits


def test_exceptions_with_runtime_arguments():
    def f(a, name):
        if a < 0:
            raise ValueError(name, a, 3)
        return a * a

    with pytest.raises(ValueError) as caught:
        autodiff(Reverse, f, Active(-2.0), Const("bad"))
    assert caught.value.args == ("bad", -2.0, 3)


def test_constants_of_any_kind():
    def f(x, name, flag, nothing, numbers):
        return x[0] * len(name) if flag and nothing is None else x[1] * numbers[0]

    x, dx = np.ones(2), np.zeros(2)
    others = [Const("abc"), Const(True), Const(None), Const(np.arange(2))]
    assert autodiff(Reverse, f, Duplicated(x, dx), *others) == (None,) * 5
    np.testing.assert_array_equal(dx, [3, 0])


def test_printing_inside(capfd):
    def f(a, n):
        print("called with", n)
        return a * n

    assert autodiff(Reverse, f, Active(2.0), Const(5)) == (5.0, None)
    assert "called with 5" in capfd.readouterr().out


def test_zero_division_and_bounds_follow_numba():
    with pytest.raises(ZeroDivisionError):
        autodiff(Reverse, lambda a: 1.0 / a, Active(0.0))
    fast = njit(error_model="numpy")(lambda a: 1.0 / a)
    assert autodiff(Reverse, fast, Active(0.0)) == (-np.inf,)
    x = np.ones(3)
    with pytest.raises(IndexError):
        autodiff(Reverse, lambda x: x[7], Duplicated(x, np.zeros(3)), boundscheck=True)


def test_bare_arguments_are_refused():
    with pytest.raises(DifferentiationError, match="got a bare float"):
        autodiff(Reverse, weighted, Const(np.ones(2)), 2.0)
    with pytest.raises(DifferentiationError, match="must be a mode"):
        autodiff("reverse", weighted, Const(np.ones(2)), Active(2.0))
    with pytest.raises(DifferentiationError, match="Active in forward mode"):
        autodiff(Forward, weighted, Const(np.ones(2)), Active(2.0))
