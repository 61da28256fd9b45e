"""Structured arrays by example: the form of their gradients, single records, copies, and what is refused."""

from dataclasses import dataclass

import numpy as np
import pytest
from numba import njit

from numzyme import (
    Const,
    DifferentiationError,
    DifferentiationTypeError,
    DifferentiationValueError,
    Duplicated,
    Forward,
    ForwardWithPrimal,
    Reverse,
    ReverseHolomorphic,
    autodiff,
    grad,
    gradient,
    value_and_grad,
    vjp,
)
from numzyme.testing import CheckFailed, check_gradient

PARTICLE = np.dtype([("x", "f8"), ("n", "i8"), ("v", "f8", (3,))])
X, N, V = np.array([2.0, 3.0, 5.0]), np.array([7, 8, 9]), np.arange(9.0).reshape(3, 3)


def particles(kind=np.ndarray):
    p = np.zeros(3, PARTICLE)
    p["x"], p["n"], p["v"] = X, N, V
    return p.view(kind)


def pressure(p):
    return p[0].x * p[1].v[2] * p[1].n


def assert_pressure(g):
    np.testing.assert_array_equal(g["x"], [5.0 * 8, 0.0, 0.0])
    np.testing.assert_array_equal(g["v"], [[0.0] * 3, [0.0, 0.0, 2.0 * 8], [0.0] * 3])
    np.testing.assert_array_equal(g["n"], 0)


# -- the form of the gradient -----------------------------------------------------------------------------------------
def test_gradient_is_of_the_same_dtype_and_shape():
    p = particles()
    g = gradient(Reverse, pressure, p)
    assert type(g) is np.ndarray and g.dtype == PARTICLE and g.shape == p.shape
    assert_pressure(g)


@pytest.mark.parametrize("calls", [1, 3])
def test_gradient_of_a_recarray_is_one(calls):
    for _ in range(calls):
        g = gradient(Reverse, pressure, particles(np.recarray))
        assert type(g) is np.recarray and g.dtype == particles(np.recarray).dtype
        assert_pressure(g)


def test_fields_keep_their_order():
    dtype = np.dtype({"names": ["b", "a"], "formats": ["f8", "f4"], "offsets": [8, 0], "itemsize": 24})
    g = gradient(Reverse, lambda p: 2.0 * p[0].a + 3.0 * p[0].b, np.zeros(2, dtype))
    assert g.dtype == dtype
    assert g[0]["a"] == 2.0 and g[0]["b"] == 3.0


def test_shadow_is_added_to_and_its_other_fields_are_left_alone():
    def moved(p):
        for i in range(p.size):
            p[i].n = i
            p[i].x *= p[i].v[0]
        return p[1].x * p[2].n

    p, dp = particles(), np.ones(3, PARTICLE)
    dp["n"] = [-1, -2, -3]
    autodiff(Reverse, moved, Duplicated(p, dp))
    np.testing.assert_array_equal(dp["n"], [-1, -2, -3])
    np.testing.assert_array_equal(p["n"], [0, 1, 2])
    np.testing.assert_array_equal(dp["x"], [0.0, 3.0 * (1.0 + 2.0), 6.0])


def test_transforms():
    assert_pressure(grad(pressure)(particles()))
    value, g = value_and_grad(pressure)(particles(np.recarray))
    assert value == 2.0 * 5.0 * 8
    assert_pressure(g)
    out, pullback = vjp(lambda p: p.x * p.v[:, 1], particles())
    np.testing.assert_array_equal(out, X * V[:, 1])
    np.testing.assert_array_equal(pullback(np.ones(3))[0]["x"], V[:, 1])
    tangent = particles()
    derivs, val = autodiff(ForwardWithPrimal, pressure, Duplicated(particles(), tangent))
    assert (derivs, val) == (2 * value, value)


def test_forward_gradient_and_jacobian():
    assert_pressure(gradient(Forward, pressure, particles()))
    both = gradient(Forward, lambda p: (p.x * p.v[:, 0], p[1].x), particles())
    assert both[0].shape == (3, 3) and both[0].dtype == PARTICLE
    np.testing.assert_array_equal(both[0]["x"], np.diag(V[:, 0]))
    np.testing.assert_array_equal(both[0]["v"][:, :, 0], np.diag(X))
    np.testing.assert_array_equal(both[1]["x"], [0.0, 1.0, 0.0])


def test_second_derivative():
    g = gradient(Reverse, lambda p: np.sum(grad(pressure)(p).x), particles())
    np.testing.assert_array_equal(g["v"], [[0.0] * 3, [0.0, 0.0, 8.0], [0.0] * 3])


def test_in_compiled_code():
    @njit
    def outside(p, dp):
        autodiff(Reverse, pressure, Duplicated(p, dp))
        return gradient(Reverse, pressure, p)

    dp = np.zeros(3, PARTICLE)
    assert_pressure(outside(particles(), dp))
    assert_pressure(dp)


def test_constant_records():
    def weighted(p, x):
        return p[0].x * x + p[1].v[2]

    assert gradient(Reverse, weighted, Const(particles()), 4.0) == (None, 2.0)
    assert gradient(Reverse, weighted, Const(particles(np.recarray)), 4.0) == (None, 2.0)
    assert gradient(Reverse, lambda p, x: p[0].n * x, np.ones(1, [("n", "i8")]), 4.0) == (None, 1.0)


# -- single records, and records in containers ------------------------------------------------------------------------
def energy(q):
    q.n += 1
    return q.x * q.v[1] * q.n


def test_single_record():
    p = particles()
    g = gradient(Reverse, energy, p[1])
    assert type(g) is np.void and g.dtype == PARTICLE
    assert g["x"] == 4.0 * 9 and g["v"].tolist() == [0.0, 3.0 * 9, 0.0] and g["n"] == 0
    assert p["n"].tolist() == [7, 9, 9]  # a record is a place in its array
    assert type(gradient(Reverse, energy, particles(np.recarray)[1])) is np.record


def test_shadow_of_a_single_record_is_a_place_too():
    p, dp = particles(), np.zeros(3, PARTICLE)
    autodiff(Reverse, energy, Duplicated(p[1], dp[1]))
    assert dp["x"].tolist() == [0.0, 4.0 * 9, 0.0]
    assert gradient(Forward, energy, particles()[1])["x"] == 4.0 * 9


def test_record_and_its_array():
    p = particles()
    g, h = gradient(Reverse, lambda p, q: p[1].x * q.x, p, p[1])
    assert g["x"].tolist() == [0.0, 6.0, 0.0] and h["x"] == 6.0


def test_array_and_its_field():
    p = particles()

    def product(p, x):
        p[0].x = x[1] * x[2]
        p[0].n = 5
        return p[0].x * x[0]

    g, h = gradient(Reverse, product, p, p["x"])
    np.testing.assert_array_equal(h, [0.0, 2 * 3.0 * 25.0, 2 * 9.0 * 5.0])
    np.testing.assert_array_equal(g["x"], h)


def test_fields_of_objects():
    @dataclass
    class Cloud:
        particles: np.ndarray
        centre: np.void
        scale: float

    cloud = Cloud(particles(np.recarray), particles()[2], 0.5)
    g = gradient(Reverse, lambda c: c.particles[0].x * c.centre.x * c.scale * c.centre.n, cloud)
    assert type(g.particles) is np.recarray and type(g.centre) is np.void
    assert g.particles.x.tolist() == [5.0 * 0.5 * 9, 0.0, 0.0]
    assert g.centre["x"] == 2.0 * 0.5 * 9 and g.scale == 2.0 * 5.0 * 9
    d = gradient(Reverse, lambda d: d["p"][0].x * d["q"][0].x, {"p": particles(), "q": (particles()[1],)[0:1]})
    assert d["p"]["x"][0] == 3.0 and d["q"][0]["x"] == 2.0


def test_check_gradient_takes_records():
    check_gradient(pressure, particles())
    with pytest.raises(CheckFailed, match="numerical derivative"):
        check_gradient(lambda p: abs(p[0].x), np.full(1, 1e-12, [("n", "i4"), ("x", "f8")]))


# -- refusals ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([("x", "f8"), ("who", "O")], "the field who holds Python objects"),
        ([("x", "f8"), ("inner", [("y", ">f8")])], r"the field inner\.y is byte-swapped"),
        ([("x", "f8"), ("y", "f2")], "the field y is float16"),
        ([("x", "f8"), ("raw", "V4")], "the field raw is of dtype"),
        ({"names": ["x", "n"], "formats": ["f8", "i8"], "offsets": [0, 4]}, "the fields x and n share memory"),
    ],
)
def test_dtypes_are_refused_by_field(fields, message):
    p = np.zeros(2, np.dtype(fields))
    for call in (
        lambda: gradient(Reverse, lambda p: p[0].x, p),
        lambda: autodiff(Reverse, lambda p: p[0].x, Duplicated(p, np.zeros_like(p))),
        lambda: gradient(Forward, lambda p: p.x, p[0]),
    ):
        with pytest.raises(DifferentiationTypeError, match=message):
            call()


def test_a_dtype_inside_whose_fields_share_memory_is_refused():
    both = np.dtype({"names": ["x", "n"], "formats": ["f8", "i8"], "offsets": [0, 0]})

    def through_integers(x):
        q = np.zeros(2, both)
        q[0]["x"] = x
        q[1]["n"] = q[0]["n"]
        return q[1]["x"]

    with pytest.raises(DifferentiationError, match="share memory"):
        gradient(Reverse, through_integers, 2.0)


def through_bytes(x, y):
    of, to = x.view(np.uint8), y.view(np.uint8)
    for i in range(of.size):
        to[i] = of[i]
    return y[0]


def through_an_integer_field(p):
    bits = p.x.view(np.int64)
    for i in range(p.size):
        p[i].n = bits[i]
    for i in range(p.size):
        bits[i] = p[i].n + 0
    return p[0].x


def test_floats_moved_as_something_else_are_refused_with_the_line():
    with pytest.raises(DifferentiationError, match="an integer is written") as caught:
        gradient(Reverse, through_bytes, np.ones(2), np.ones(2))
    assert caught.value.where is not None and "to[i] = of[i]" in str(caught.value)
    with pytest.raises(DifferentiationError, match="an integer is written") as caught:
        gradient(Reverse, through_an_integer_field, particles())
    assert caught.value.where is not None


def test_results_that_are_records_are_refused():
    with pytest.raises(DifferentiationTypeError, match="returns a single record"):
        autodiff(Forward, lambda p: p[0], Duplicated(particles(), particles()))
    with pytest.raises(DifferentiationTypeError, match="which has no Jacobian"):
        gradient(Forward, lambda p: p.copy(), particles())
    with pytest.raises(DifferentiationTypeError, match="which has no Jacobian"):
        vjp(lambda p: (p.copy(), p[0].x), particles())


def test_misfitting_shadows_are_refused():
    with pytest.raises(DifferentiationTypeError, match="records"):
        autodiff(Reverse, pressure, Duplicated(particles(), np.zeros(3, [("x", "f8")])))
    with pytest.raises(DifferentiationValueError, match="another shape"):
        autodiff(Reverse, pressure, Duplicated(particles(), np.zeros(2, PARTICLE)))
    with pytest.raises(DifferentiationTypeError, match="its shadow an array"):
        autodiff(Reverse, pressure, Duplicated(particles(np.recarray), np.zeros(3, [("x", "f8")])))


def test_others_are_refused():
    with pytest.raises(DifferentiationTypeError, match="which has no derivative"):
        gradient(Reverse, lambda p: p[0].n * 2.0, np.zeros(2, [("n", "i8")]))
    with pytest.raises(DifferentiationTypeError, match="is not complex"):
        gradient(ReverseHolomorphic, lambda p: p[0].z, np.zeros(2, [("z", "c16")]))
    with pytest.raises(DifferentiationTypeError, match="is complex"):
        gradient(Forward, lambda p: p[0].x * 1j, particles())
    with pytest.raises(DifferentiationTypeError, match="single record, in compiled code"):
        njit(lambda p: grad(energy)(p[0]))(particles())
