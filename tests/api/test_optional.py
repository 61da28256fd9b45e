"""Functions that may return None: what their gradients are then. The numbers are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]
from numba.core.runtime.nrt import rtsys

import numzyme
from numzyme import (
    Active,
    DifferentiationTypeError,
    DifferentiationValueError,
    Duplicated,
    Forward,
    ForwardWithPrimal,
    Reverse,
    ReverseHolomorphic,
    ReverseWithPrimal,
    autodiff,
    grad,
    gradient,
    value_and_grad,
    vjp,
)

_nrt_python.memsys_enable_stats()
X = np.array([1.0, 2.0, 3.0])


def squares(x):
    """Changes its argument in both cases."""
    x[1] *= 2.0
    if x[0] > 0.0:
        return np.sum(x * x)
    return None


GRADIENT = np.array([2.0, 2 * 4.0 * 2.0, 6.0])


def test_gradients_where_the_value_is_there():
    assert value_and_grad(squares)(X.copy())[0] == 1.0 + 16.0 + 9.0
    for found in (
        grad(squares)(X.copy()),
        gradient(Reverse, squares, X.copy()),
        gradient(Forward, squares, X.copy()),
        vjp(squares, X.copy())[1](1.0)[0],
        grad(squares, verify=True)(X.copy()),
        njit(lambda x: grad(squares)(x))(X.copy()),
    ):
        np.testing.assert_array_equal(found, GRADIENT)
    assert gradient(ReverseHolomorphic, lambda z: z * z if z.real > 0.0 else None, 1.0 + 2.0j) == 2.0 + 4.0j


def test_none_has_no_gradient():
    for call in (
        grad(squares),
        value_and_grad(squares),
        lambda x: gradient(Reverse, squares, x),
        njit(lambda x: grad(squares)(x)),
    ):
        x = -X
        with pytest.raises(DifferentiationValueError, match="returned None, which has no gradient"):
            call(x)
        assert x[1] == -4.0
    assert gradient(Forward, squares, -X) is None


def test_adjoints_start_from_memory_alone_where_the_value_is_none():
    x, dx = -X, np.array([1.0, 10.0, 100.0])
    found = autodiff(ReverseWithPrimal, squares, Duplicated(x, dx))
    assert found == ((None,), None) and dx.tolist() == [1.0, 20.0, 100.0]
    assert autodiff(Reverse, lambda a: a * a if a > 0.0 else None, Active(-2.0)) == (0.0,)
    assert autodiff(ForwardWithPrimal, squares, Duplicated(-X, X.copy())) == (None, None)


def test_nothing_is_left_behind():
    call = grad(squares)

    def attempt():
        call(X.copy())
        with pytest.raises(DifferentiationValueError):
            call(-X)

    attempt()
    before, arena = rtsys.get_allocation_stats(), numzyme.memory()
    for _ in range(100):
        attempt()
    after, final = rtsys.get_allocation_stats(), numzyme.memory()
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free
    assert after.alloc - before.alloc == after.free - before.free
    assert final.entries - arena.entries == final.exits - arena.exits


def test_members_of_a_tuple_that_are_none():
    def some(x):
        first = None
        if x[0] > 0.0:
            first = x[0] * x[1]
        return first, x[2] ** 2

    assert autodiff(ForwardWithPrimal, some, Duplicated(X, np.ones(3))) == ((3.0, 6.0), (2.0, 9.0))
    assert autodiff(ForwardWithPrimal, some, Duplicated(-X, np.ones(3))) == ((None, -6.0), (None, 9.0))
    first, second = gradient(Forward, some, X)
    assert first.tolist() == [2.0, 1.0, 0.0] and second.tolist() == [0.0, 0.0, 6.0]
    assert vjp(some, X)[1]((2.0, 1.0))[0].tolist() == [4.0, 2.0, 6.0]


class Model:
    """A method that may give nothing."""

    def __init__(self):
        self.weight = np.ones(3)

    def loss(self, x):
        return np.sum(self.weight * x) if x[0] > 0.0 else None


def test_methods_that_return_none():
    model = Model()
    found, adjoint = gradient(Reverse, lambda model, x: model.loss(x), model, X)
    assert found.weight.tolist() == X.tolist() and adjoint.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(DifferentiationValueError, match="returned None"):
        gradient(Reverse, lambda model, x: model.loss(x), model, -X)


def test_refusals():
    def array(x):
        return x * x if x[0] > 0.0 else None

    with pytest.raises(DifferentiationTypeError, match="it returns a 1-dimensional array of float64 or None"):
        grad(array)(X)

    @njit
    def maybe(x):
        return x if x > 0.0 else None

    @njit
    def inside(x):
        return grad(lambda v: v * v)(maybe(x))

    with pytest.raises(DifferentiationTypeError, match="may be None, as far as the compiler knows"):
        inside(2.0)
