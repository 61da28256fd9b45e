"""Functions with something made inside: Numba's clean-up behind it took away stores, and operations that raise.

Expected: what Python computes, and central differences (step 1e-6, error of these smooth functions about 1e-9).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import pytest

from numzyme import Duplicated, Forward, Reverse, autodiff, grad, gradient, value_and_grad, vjp

X = np.array([1.25, 3.0])
cache = np.ones(2)


@dataclass
class Layer:
    w: np.ndarray
    b: float


def tail(a):
    return a[1:]


def rows(x):
    biggest = max(v * v for v in x)
    m = np.zeros((2, 2))
    for row in m:
        row[0] = biggest
    return np.sum(m)


def rows_with_numbers(x):
    squares = [v * v for v in x]
    m = np.zeros((2, 2))
    for i, (row, other) in enumerate(zip(m, x, strict=False)):
        row[0] = squares[i]
        row[1] = other
    return np.sum(m**2)


def field(x):
    square = lambda v: v * v  # noqa: E731
    made = Layer(x * 1.0, 0.0)
    made.w[0] = square(x[1])
    made.w[1:] = made.w[:1] * x[0]
    return np.sum(made.w)


def view_from_helper(x):
    square = lambda v: v * v  # noqa: E731
    y = x.copy()
    tail(y)[0] = square(x[0])
    return y[1]


def part_of_a_split(x):
    total = sum(v for v in x)
    y = x * 1.0
    np.split(y, 2)[0][0] = total * total
    return y[0]


def members_of_a_list(x):
    def square(v):
        return v * v

    parts = [x * 1.0, x * 2.0]
    for part in parts:
        part *= square(x[1])
    return np.sum(parts[0])


def entries_of_dicts(x):
    square = lambda v: v * v  # noqa: E731
    entry = {"a": 1.0}
    listed = [entry]
    listed[0]["a"] = square(x[1])
    return entry["a"]


def imaginary_parts(x):
    square = lambda v: v * v  # noqa: E731
    z = np.zeros(2, dtype=np.complex128)
    z.real[:] = x
    z.imag[0] = square(x[1])
    return np.abs(z[0]) ** 2


STORES = [rows, rows_with_numbers, field, view_from_helper, part_of_a_split, members_of_a_list, entries_of_dicts]


@pytest.mark.parametrize("f", [*STORES, imaginary_parts], ids=lambda f: f.__name__)
def test_stores_were_lost(f):
    step = 1e-6
    expected = [(f(X + step * e) - f(X - step * e)) / (2.0 * step) for e in np.eye(2)]
    value, derivative = value_and_grad(f)(X)
    assert value == f(X)
    np.testing.assert_allclose(derivative, expected, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(gradient(Forward, f, X), derivative, rtol=1e-12)


def test_second_derivatives_through_stores():
    def f(x):
        square = lambda v: v * v  # noqa: E731
        m = np.zeros((2, 2))
        for row in m:
            row[1] = square(x) * x
        return np.sum(m)

    assert grad(grad(f))(2.0) == 24.0


def rescale(layers):
    top = max(layer.b for layer in layers)
    for layer in layers:
        layer.w[:] = layer.w * top
    return np.sum(layers[0].w)


def test_fields_of_arguments_were_not_changed():
    plain = [Layer(np.array([1.0, 2.0]), 2.0), Layer(np.array([3.0, 4.0]), 1.5)]
    given = copy.deepcopy(plain)
    value, derivative = value_and_grad(rescale)(given)
    assert value == rescale(plain) == 6.0
    for one, other in zip(given, plain, strict=True):
        np.testing.assert_array_equal(one.w, other.w)
    assert derivative[0].w.tolist() == [2.0, 2.0] and derivative[0].b == 3.0


def test_arrays_from_outside_were_not_changed():
    def f(x):
        square = lambda v: v * v  # noqa: E731
        cache[0] = square(3.0)
        return x * cache[0]

    cache[:] = 1.0
    assert value_and_grad(f)(2.0) == (18.0, 9.0)
    assert cache.tolist() == [9.0, 1.0]


def divided(m):
    largest = max(abs(v) for v in m[0])
    for row in m:
        row /= largest


def test_arguments_were_not_changed_and_shadows_neither():
    m, shadow = np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 2))
    autodiff(Reverse, divided, Duplicated(m, shadow))
    np.testing.assert_array_equal(m, [[0.5, 1.0], [1.5, 2.0]])
    np.testing.assert_array_equal(shadow, [[0.5, -2.0], [0.5, 0.5]])  # by hand: 1/2 each, less the sum of m by 4


def scattered(x, n):
    squares = [v * v for v in x]
    out = np.zeros((n, 2))
    for i, row in enumerate(out):
        row[0] = squares[i]
        row[1] = x[i]
    return out


def test_results_were_empty():
    result, pullback = vjp(scattered, X, 2)
    np.testing.assert_array_equal(result, scattered(X, 2))
    np.testing.assert_array_equal(pullback(np.array([[1.0, 2.0], [3.0, 4.0]]))[0], [2.0 * X[0] + 2.0, 6.0 * X[1] + 4.0])


def index_behind_the_end(x):
    squares = [v * v for v in x]
    try:
        squares[len(x)]
        return squares[0]
    except Exception:
        return squares[1]


def quotient(x, d):
    squares = [v * v for v in x]
    1 / d
    return squares[0]


def whole_quotient(x, d):
    square = lambda v: v * v  # noqa: E731
    5 // d
    return square(x[0])


def shapes(x, d):
    square = lambda v: v * v  # noqa: E731
    x[:d] + x
    return square(x[0])


def test_errors_of_what_nobody_reads_were_lost():
    assert value_and_grad(index_behind_the_end)(X)[0] == X[1] ** 2
    for f, d, error in ((quotient, 0, ZeroDivisionError), (whole_quotient, 0, ZeroDivisionError)):
        with pytest.raises(error):
            grad(f)(X, d)
        assert grad(f)(X, 1).tolist() == [2.0 * X[0], 0.0]
    y = np.arange(1.0, 4.0)
    with pytest.raises(ValueError):
        grad(shapes)(y, 2)
    assert grad(shapes)(y, 3).tolist() == [2.0, 0.0, 0.0]
