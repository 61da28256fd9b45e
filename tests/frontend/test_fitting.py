"""Arrays of shapes that do not fit: compiled code read, and its derivative wrote, beyond the end of the shorter one."""

import numpy as np
import pytest

from numzyme import Forward, Reverse, grad, gradient, value_and_grad

LINE, TABLE = np.arange(1.0, 4.0), np.arange(1.0, 7.0).reshape(2, 3)


def in_place(x, y):
    z = x * 1.0
    z *= y
    z -= y * y
    z /= 2.0
    return np.sum(z**2)


def argument_in_place(x, y):
    x += y
    return np.sum(x**2)


def with_output(x, y):
    out = np.empty_like(x)
    np.multiply(x, y, out)
    return np.sum(out * out)


def selected(x, mask):
    return np.sum(x[mask] * 2.0)


def written(x, mask):
    y = x * 2.0
    y[mask] = 0.5
    y[mask] *= 3.0
    return np.sum(y * x)


def selected_columns(x, mask):
    return np.sum(x[:, mask] * 2.0)


def selected_behind_dots(x, mask):
    return np.sum(x[..., mask] * 2.0)


def written_columns(x, mask):
    y = x * 2.0
    y[1, mask] = 0.5
    return np.sum(y * x)


MASK = np.array([True, False, True])


@pytest.mark.parametrize(
    ("function", "first", "second"),
    [
        (in_place, LINE, LINE),
        (in_place, LINE, np.ones(1)),
        (in_place, TABLE, LINE),
        (in_place, TABLE, np.ones((2, 1))),
        (with_output, TABLE, LINE),
        (selected, LINE, MASK),
        (selected, TABLE.T.copy(), MASK),
        (written, LINE, MASK),
        (selected_columns, TABLE, MASK),
        (selected_behind_dots, TABLE, MASK),
        (written_columns, TABLE, MASK),
    ],
)
def test_shapes_that_fit(function, first, second):
    value, found = value_and_grad(function)(first, second)
    assert value == pytest.approx(function(first, second), rel=1e-15)
    for index in np.ndindex(first.shape):
        step = np.zeros_like(first)
        step[index] = 1e-6
        expected = (function(first + step, second) - function(first - step, second)) / 2e-6
        assert found[index] == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("function", "first", "second"),
    [
        (in_place, LINE, np.ones(2)),
        (in_place, LINE, np.ones(5)),
        (in_place, LINE, np.ones((1, 3))),
        (in_place, np.ones(1), LINE),
        (argument_in_place, LINE, np.ones(2)),
        (with_output, LINE, np.ones(4)),
        (with_output, TABLE, np.ones((3, 3))),
        (selected, LINE, MASK[:2]),
        (selected, LINE, np.ones(5, np.bool_)),
        (written, LINE, np.ones(5, np.bool_)),
        (selected_columns, TABLE, MASK[:2]),
        (selected_columns, TABLE, np.ones(7, np.bool_)),
        (selected_behind_dots, TABLE, np.ones(7, np.bool_)),
        (written_columns, TABLE, np.ones(7, np.bool_)),
    ],
)
def test_shapes_that_do_not_fit_raise(function, first, second):
    with pytest.raises((ValueError, IndexError)) as plain:
        function(first.copy(), second)
    for differentiated in (grad(function), lambda *args: gradient(Reverse, function, *args)):
        with pytest.raises(plain.type):
            differentiated(first.copy(), second)


def product_over_factor(x):
    a, b = np.outer(x, np.cos(x)), np.outer(x, x)
    np.dot(a, b, b)
    return np.sum(b * a)


def product_over_vector(x):
    y = x * 2.0
    np.dot(np.outer(x, x), y, out=y)
    return np.sum(y)


def product_over_part_of_a_factor(x):
    rows = np.outer(np.concatenate((x, x)), x)
    np.dot(rows[:2], rows[2:], rows[1:3])
    return np.sum(rows**2)


def product_beside_factors(x):
    rows = np.outer(np.concatenate((x, x, x)), x)
    np.dot(rows[:2], rows[2:4], rows[4:])
    return np.sum(rows[4:] ** 2)


@pytest.mark.parametrize("f", [product_over_factor, product_over_vector, product_over_part_of_a_factor])
@pytest.mark.parametrize("mode", [Reverse, Forward])
def test_product_over_one_of_its_factors_had_a_wrong_gradient(f, mode):
    with pytest.raises(ValueError, match="writes over one of its factors"):
        gradient(mode, f, np.array([0.7, -0.4]))


@pytest.mark.parametrize("mode", [Reverse, Forward])
def test_product_beside_its_factors(mode):
    x, step = np.array([0.7, -0.4]), 1e-6
    moved = [product_beside_factors(x + step * e) - product_beside_factors(x - step * e) for e in np.eye(2)]
    np.testing.assert_allclose(gradient(mode, product_beside_factors, x), np.array(moved) / (2.0 * step), rtol=1e-7)
