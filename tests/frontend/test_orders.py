"""Arrays that do not lie in the order of C, and masks of several dimensions: what NumPy does, and Numba refuses.

Values, memory afterwards and exceptions agree with plain Python, gradients with differences.
"""

import itertools

import numpy as np
import pytest

from numzyme import DifferentiationError, Duplicated, Forward, autodiff, grad

WIDE = np.random.default_rng(3).uniform(0.05, 0.95, (4, 6))
LAYOUTS = {
    "fortran": lambda: np.asfortranarray(WIDE[:2, :3]),
    "columns": lambda: WIDE.copy()[:2, ::2],
    "rows": lambda: WIDE.copy()[::2, :3],
    "reversed": lambda: WIDE.copy()[1::-1, :3],
    "transposed": lambda: WIDE.copy()[:3, :2].T,
    "c": lambda: WIDE.copy()[:2, :3].copy(),
}
everywhere = pytest.mark.parametrize("layout", LAYOUTS)


def agrees(function, make):
    """Gradient and tangent against differences; memory afterwards against Python's."""
    start = make().copy()
    plain, changed = make(), make()
    function(plain)
    gradient = np.asarray(grad(function)(changed))
    np.testing.assert_array_equal(changed, plain)
    expected, step = np.zeros(start.shape), 1e-6
    for index in np.ndindex(start.shape):
        values = []
        for sign in (1, -1):
            moved = make()
            moved[index] += sign * step
            values.append(function(moved))
        expected[index] = (values[0] - values[1]) / (2 * step)
    np.testing.assert_allclose(gradient, expected, atol=1e-8)  # third derivatives below 10 give 1e-11, rounding 1e-9
    direction = np.random.default_rng(5).uniform(-1, 1, start.shape)
    shadow = np.zeros_like(make())
    shadow[...] = direction
    tangent = autodiff(Forward, function, Duplicated(make(), shadow))
    assert abs(tangent - np.sum(gradient * direction)) < 1e-12 * (1 + abs(tangent))


def flattened(m):
    return np.sum(m.reshape(6)[1:] ** 3)


def by_minus_one(m):
    return np.sum(m.reshape((3, -1))[1] ** 3)


def written_to(m):
    y = m.reshape(3, 2)
    y[1, 0] = 2.0 * y[1, 1] ** 2
    y *= m[0, 0]
    return np.sum(m**2) + y[0, 1] * y[2, 0]


def split_axis(m):
    y = m.reshape(2, 3, 1)
    y[1, 2, 0] = 3.0 * y[0, 0, 0] ** 2
    return np.sum(m**2) + y[1, 2, 0]


def function_of_numpy(m):
    return np.sum(np.reshape(m, (1, 6))[0, 2:] ** 2)


def differences(m):
    return np.sum(np.diff(m) ** 2) + np.diff(m[0], 2)[0] ** 2


def product(m):
    return np.sum(np.kron(m, m[0:1]) ** 2)


def products_with_numbers(m):
    return np.sum(np.kron(m[0, 1], m) ** 2) * np.sum(np.kron(m, 2.0))


def selected(m):
    chosen = m[m > 0.4]
    return np.sum(chosen**2) + chosen[0] * chosen[-1]


def selected_by_another(m):
    return np.sum(m[m.T.copy().T * 2.0 > 0.7] ** 3)


def filled(m):
    m[m > 0.4] = 3.0 * m[0, 0] ** 2
    return np.sum(m**2)


def scaled(m):
    m[m > 0.4] *= m[0, 1]
    return np.sum(m**2)


def stored(m):
    mask = m > 0.4
    m[mask] = np.sin(m[mask][::-1])
    return np.sum(m**2 * np.arange(6.0).reshape(2, 3))


FUNCTIONS = (flattened, by_minus_one, written_to, split_axis, function_of_numpy, differences, product,
             products_with_numbers, selected, selected_by_another, filled, scaled, stored)  # fmt: skip


@everywhere
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_orders(function, layout):
    agrees(function, LAYOUTS[layout])


def halved_through(shape):
    def halved(x):
        y = x.reshape(shape)
        y *= 0.5
        return np.sum(x**2) + np.sum(y)

    return halved


SHAPES = ((24,), (6, 4), (4, 6), (2, 2, 6), (2, 12), (4, 1, 6), (-1, 3), (2, 3, 4), (8, 3))
VIEWS = {
    "both_axes": lambda base: base[::2, ::2],
    "transposed": lambda base: base.T[::2, ::2].T,
    "whole": lambda base: base[:4, :6],
    "rows_reversed": lambda base: base[3::-1, :6],
    "columns_reversed": lambda base: base[:4, 5::-1],
}


@pytest.mark.parametrize("view", VIEWS)
def test_views_and_copies_are_numpys(view):
    """A result that shares the memory changes the argument; NumPy says which do."""
    for shape in SHAPES:
        plain, changed = np.arange(96.0).reshape(8, 12) / 96.0, np.arange(96.0).reshape(8, 12) / 96.0
        function = halved_through(shape)
        function(VIEWS[view](plain))
        grad(function)(VIEWS[view](changed))
        np.testing.assert_array_equal(changed, plain)


def mismatched(m):
    return np.sum(m.reshape(4))


def mask_of_another_shape(m):
    return np.sum(m[np.ones((3, 2)) > 0.0])


def stored_mask_of_another_shape(m):
    m[np.ones((2, 2)) > 0.0] = 1.0
    return np.sum(m)


def too_many_values(m):
    m[m > 0.4] = np.ones(7)
    return np.sum(m)


@everywhere
@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (mismatched, ValueError),
        (mask_of_another_shape, IndexError),
        (stored_mask_of_another_shape, IndexError),
        (too_many_values, ValueError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_does_not_fit_raises_as_in_numpy(function, kind, layout):
    with pytest.raises(kind):
        function(LAYOUTS[layout]())
    changed = LAYOUTS[layout]()
    with pytest.raises(kind):
        grad(function)(changed)
    np.testing.assert_array_equal(changed, LAYOUTS[layout]())


def test_a_mask_for_some_of_the_axes_is_refused():
    def part(a):
        return np.sum(a[a[:, :, 0] > 0.0])

    with pytest.raises(DifferentiationError, match="loop over the other axes"):
        grad(part)(np.ones((2, 2, 2)))


def test_single_precision():
    for make, function in itertools.product((LAYOUTS["columns"], LAYOUTS["c"]), (selected, written_to)):
        m = make().astype(np.float32)[:, ::1]
        expected = grad(function)(make().astype(np.float64).copy())
        np.testing.assert_allclose(grad(function)(m), expected, rtol=2e-5)
