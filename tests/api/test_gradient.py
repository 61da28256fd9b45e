"""`gradient`, `grad` and `value_and_grad` from Python: shapes of results, identity, forward mode,
refusals."""

from __future__ import annotations

import collections
import functools
import inspect
import math
import pickle

import numba
import numpy as np
import pytest
from numba import njit

from numzyme import (
    Const,
    DifferentiationError,
    DifferentiationTypeError,
    Duplicated,
    Forward,
    ForwardWithPrimal,
    Reverse,
    ReverseWithPrimal,
    autodiff,
    grad,
    gradient,
    value_and_grad,
    vjp,
)

Pair = collections.namedtuple("Pair", "left right")
MODES = [Reverse, Forward]


def weighted(x, a, power=2):
    """Sum of a * x**power."""
    total = 0.0
    for i in range(len(x)):
        total += a * x[i] ** power
    return total


def product(a, b):
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@pytest.mark.parametrize("mode", MODES)
def test_one_argument_gives_the_bare_gradient(mode):
    assert gradient(mode, lambda a: a * a, 3.0) == 6.0
    np.testing.assert_array_equal(gradient(mode, lambda x: x[0] * x[1], np.array([2.0, 5.0])), [5, 2])


def test_single_precision():
    assert gradient(Reverse, lambda a: a * a, np.float32(3)) == 6.0
    result = gradient(Reverse, lambda x, a: np.sum(x * x) * a, np.ones(3, np.float32), np.float32(2))
    assert result[0].dtype == np.float32
    np.testing.assert_array_equal(result[0], [4, 4, 4])
    assert result[1] == 3.0


def test_half_precision_is_refused():
    with pytest.raises(DifferentiationTypeError):
        gradient(Reverse, lambda x: 1.0, np.ones(2, np.float16))


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.ones(2).astype(">f8"), r"x is a byte-swapped array \(>f8\)[^$]*newbyteorder"),
        (np.array([1.0, None], dtype=object), "x is an array of dtype object"),
        (np.ones(2, np.longdouble), "x is an array of dtype (float128|longdouble)"),
    ],
)
def test_arrays_that_numba_has_no_type_for_are_refused_by_name(value, what):
    def f(x, a):
        return a * x[0]

    for call in (
        lambda: gradient(Reverse, f, value, 1.0),
        lambda: grad(f)(value, 1.0),
        lambda: autodiff(Forward, f, Duplicated(value, value), Const(1.0)),
        lambda: vjp(f, value, 1.0),
    ):
        with pytest.raises(DifferentiationTypeError, match=what) as caught:
            call()
        assert caught.value.where is not None


def test_unaligned_arrays():
    x = np.zeros(25, np.uint8)[1:].view(np.float64)
    x[:] = [1.0, 2.0, 3.0]
    np.testing.assert_array_equal(gradient(Reverse, lambda x: (x * x).sum(), x), 2 * x)


@pytest.mark.parametrize("mode", MODES)
def test_several_arguments_give_a_tuple(mode):
    x = np.array([1.0, 2.0])
    dx, da, dpower = gradient(mode, weighted, x, 3.0, 2)
    np.testing.assert_array_equal(dx, [6, 12])
    assert (da, dpower) == (5.0, None)
    dx, da, dpower = gradient(mode, weighted, x, Const(3.0), 2)
    assert (da, dpower) == (None, None)
    np.testing.assert_array_equal(dx, [6, 12])


@pytest.mark.parametrize("mode", [ReverseWithPrimal, ForwardWithPrimal])
def test_with_primal(mode):
    result = gradient(mode, weighted, np.array([1.0, 2.0]), 3.0, 2)
    assert result.val == 15.0
    np.testing.assert_array_equal(result.derivs[0], [6, 12])
    assert result.derivs[1:] == (5.0, None)


@pytest.mark.parametrize("mode", MODES)
def test_tuples_are_mirrored(mode):
    def f(t):
        return t[0] * t[1][0] * np.sum(t[1][1]) + t[1][2]

    da, (db, dx, dk) = gradient(mode, f, (2.0, (3.0, np.array([1.0, 1.0]), 4)))
    assert (da, db, dk) == (6.0, 4.0, None)
    np.testing.assert_array_equal(dx, [6, 6])


@pytest.mark.parametrize("mode", MODES)
def test_named_tuples_stay_named_tuples(mode):
    result = gradient(mode, lambda p: p.left * p.right, Pair(2.0, 5.0))
    assert isinstance(result, Pair)
    assert result == Pair(5.0, 2.0)


@pytest.mark.parametrize("mode", MODES)
def test_containers_without_floats(mode):
    assert gradient(mode, lambda t, a: a * t[0], (1, 2), 3.0) == ((None, None), 1.0)
    assert gradient(mode, lambda t: 1.0 * t[0], (1, 2)) == (None, None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", [3, True, np.arange(3), np.array([True])])
def test_without_any_float_it_is_refused(mode, value):
    with pytest.raises(DifferentiationTypeError, match="cannot be differentiated with respect to `x`"):
        gradient(mode, lambda x: 2.0, value)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_array_twice_has_one_gradient(mode):
    x = np.array([1.0, 2.0, 3.0])
    first, second = gradient(mode, product, x, x)
    assert first is second
    np.testing.assert_array_equal(first, 2 * x)
    first, second = gradient(mode, product, x, x.copy())
    assert first is not second
    np.testing.assert_array_equal(first, x)


@pytest.mark.parametrize("mode", MODES)
def test_overlapping_views_have_overlapping_gradients(mode):
    x = np.array([1.0, 2.0, 3.0, 4.0])
    first, second = gradient(mode, product, x[:3], x[1:])
    # sum of x[i] * x[i+1]
    np.testing.assert_array_equal(first, [2, 4, 6])
    np.testing.assert_array_equal(second, [4, 6, 3])
    assert first is not second


def test_overlapping_gradients_share_memory():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    first, second = gradient(Reverse, product, x[:3], x[1:])
    first[1] = 100
    assert second[0] == 100


def test_interleaved_views_are_disjoint():
    x = np.arange(8.0)
    first, second = gradient(Reverse, product, x[::2], x[1::2])
    np.testing.assert_array_equal(first, x[1::2])
    np.testing.assert_array_equal(second, x[::2])
    assert not np.shares_memory(first, second)


def test_overlap_with_writes():
    """What is written through one name is read through the other."""

    def f(x, y):
        for i in range(len(x)):
            y[i] = x[i] * x[i]
        total = 0.0
        for i in range(len(x)):
            total += x[i] * y[i]
        return total

    x = np.array([2.0, 3.0])
    dx, dy = gradient(Reverse, f, x, x)  # sum of x**4
    assert dx is dy
    np.testing.assert_array_equal(dx, [32, 108])
    np.testing.assert_array_equal(x, [4, 9])


@pytest.mark.parametrize("mode", MODES)
def test_broadcast_arguments_are_dense(mode):
    x = np.broadcast_to(np.array([2.0]), (3,))
    np.testing.assert_array_equal(gradient(mode, lambda x: (x * x).sum(), x), [4, 4, 4])
    first, second = gradient(mode, product, x, x)
    assert first is second
    np.testing.assert_array_equal(first, [4, 4, 4])


def test_small_view_of_a_large_array():
    base = np.ones((100, 200))
    result = gradient(Reverse, lambda x: (x * x).sum(), base[:, 3])
    np.testing.assert_array_equal(result, np.full(100, 2.0))
    assert result.strides == (8,)


@pytest.mark.parametrize("mode", MODES)
def test_arguments_are_mutated_once(mode):
    def f(x):
        x[0] += 1
        return x[0] * x[1]

    x = np.array([1.0, 5.0])
    np.testing.assert_array_equal(gradient(mode, f, x), [5, 2])
    np.testing.assert_array_equal(x, [2, 5])


@pytest.mark.parametrize("mode", MODES)
def test_empty_arrays(mode):
    assert gradient(mode, lambda x: np.sum(x), np.zeros((0, 3))).shape == (0, 3)


def test_forward_gives_jacobians():
    x = np.array([1.0, 2.0, 3.0])
    jacobian = gradient(Forward, lambda x: x[:2] * x[2], x)
    np.testing.assert_array_equal(jacobian, [[3, 0, 1], [0, 3, 2]])
    np.testing.assert_array_equal(gradient(Forward, lambda a: np.array([a, a * a]), 3.0), [1, 6])
    dx, da = gradient(Forward, lambda x, a: x * a, x, 2.0)
    np.testing.assert_array_equal(dx, 2 * np.eye(3))
    np.testing.assert_array_equal(da, x)


def test_forward_containers_output_outside():
    first, second = gradient(Forward, lambda t: (t[0] * t[1], t[1]), (2.0, 5.0))
    assert first == (5.0, 2.0)
    assert second == (0.0, 1.0)


# -- transforms


def test_grad_argnums():
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(grad(weighted)(x, 3.0), [6, 12])
    assert grad(weighted, 1)(x, 3.0) == 5.0
    assert grad(weighted, -2)(x, 3.0) == 5.0
    da, dx = grad(weighted, (1, 0))(x, 3.0)
    assert da == 5.0
    np.testing.assert_array_equal(dx, [6, 12])
    assert grad(weighted, (1,))(x, 3.0) == (5.0,)


def test_value_and_grad():
    x = np.array([1.0, 2.0])
    value, dx = value_and_grad(weighted)(x, 3.0)
    assert value == 15.0
    np.testing.assert_array_equal(dx, [6, 12])
    assert value_and_grad(weighted, (1,))(x, 3.0) == (15.0, (5.0,))


def test_defaults_and_keywords():
    x = np.array([1.0, 2.0])
    g = grad(weighted, 1)
    assert g(x, 3.0, 3) == 9.0
    assert g(x, a=3.0) == 5.0
    assert g(power=3, a=3.0, x=x) == 9.0
    with pytest.raises(TypeError):
        g(x)


def test_any_number_of_arguments():
    def total(*values):
        return values[0] * values[1]

    assert grad(total, 1)(2.0, 3.0) == 2.0
    assert grad(total)(2.0, 3.0, 4.0) == 3.0


def test_library_functions():
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(gradient(Reverse, np.sum, x), [1, 1])
    np.testing.assert_array_equal(gradient(Forward, np.exp, x), np.diag(np.exp(x)))
    assert grad(math.sqrt)(4.0) == 0.25
    assert grad(np.sin)(0.0) == 1.0
    assert grad(math.hypot, 1)(3.0, 4.0) == 0.8


def test_partial():
    squared = functools.partial(weighted, power=2)
    assert grad(squared, 1)(np.array([1.0, 2.0]), 3.0) == 5.0
    first = functools.partial(weighted, np.array([1.0, 2.0]))
    assert grad(first)(3.0) == 5.0


def test_transforms_look_like_the_function():
    g = grad(weighted)
    assert g.__name__ == "weighted"
    assert g.__doc__ == weighted.__doc__
    assert inspect.signature(g) == inspect.signature(weighted)
    assert repr(g) == "grad(weighted, argnums=0)"


def test_transforms_pickle():
    again = pickle.loads(pickle.dumps(value_and_grad(weighted, (1,))))
    assert again(np.array([1.0, 2.0]), 3.0) == (15.0, (5.0,))


def test_jitted_functions():
    fast = njit(weighted)
    np.testing.assert_array_equal(grad(fast)(np.array([1.0, 2.0]), 3.0), [6, 12])
    assert grad(fast).__name__ == "weighted"


def test_as_a_method():
    class Model:
        @staticmethod
        def loss(a):
            return a * a

        slope = grad(lambda self, a: a * a, 1)

    assert grad(Model.loss)(3.0) == 6.0


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [((3, 1.0), "pass a float: 3.0 instead of 3"), ((np.arange(3), 1.0), "astype")],
)
def test_grad_refuses_what_has_no_derivative(arguments, hint):
    with pytest.raises(DifferentiationTypeError) as caught:
        grad(lambda x, a: a)(*arguments)
    assert hint in str(caught.value)
    assert "`x`" in str(caught.value)


@pytest.mark.parametrize("result", ["array", "complex", "int", "none", "tuple"])
def test_reverse_starts_from_one_float(result):
    functions = {
        "array": lambda x: x * 2,
        "complex": lambda x: x[0] + 1j,
        "int": lambda x: len(x),
        "none": lambda x: None,
        "tuple": lambda x: (x[0], x[1]),
    }
    with pytest.raises(DifferentiationTypeError, match="cannot be differentiated in reverse mode"):
        grad(functions[result])(np.ones(2))


def test_typing_failures_name_the_line():
    def wrong(x):
        y = x * 2
        return y.missing_attribute

    with pytest.raises(DifferentiationError) as caught:
        grad(wrong)(np.ones(2))
    text = str(caught.value)
    assert "return y.missing_attribute" in text
    assert "`wrong` could not be compiled" in text
    assert "pipeline" not in text
    assert caught.value.args == (caught.value.what,)


def test_unknown_objects_are_refused():
    with pytest.raises(DifferentiationTypeError, match="x is a <class 'object'>"):
        grad(lambda x: 1.0)(object())


def test_wrong_argnums():
    with pytest.raises(DifferentiationError, match="argnums=5"):
        grad(weighted, 5)


def test_nothing_to_differentiate():
    with pytest.raises(DifferentiationTypeError, match="no argument to differentiate"):
        gradient(Reverse, weighted, Const(np.ones(2)), Const(1.0))


def test_jacobians_of_all_parts_of_an_output_were_those_of_the_first():
    x = np.array([1.0, 2.0])
    scaled = gradient(Forward, lambda x: (2.0 * x, 3.0 * x, (4.0 * np.sum(x), 5.0 * x)), x)
    np.testing.assert_array_equal(scaled[0], 2.0 * np.eye(2))
    np.testing.assert_array_equal(scaled[1], 3.0 * np.eye(2))
    np.testing.assert_array_equal(scaled[2][0], [4.0, 4.0])
    np.testing.assert_array_equal(scaled[2][1], 5.0 * np.eye(2))
    twice = gradient(Forward, lambda x, y: (x * y, x - y), x, x)
    assert all(part[0] is part[1] for part in twice) and twice[0][0] is not twice[1][0]


LARGE = np.arange(300_000.0)  # Numba takes so large a global by its address


def test_large_global_array_that_is_the_argument_is_saved() -> None:
    """What was loaded from it is not there any more in the reverse sweep, when `f` has written to its argument."""

    @njit
    def f(x):
        x[2] = x[2] * x[2]
        return LARGE[2] * x[0] * x[2]

    LARGE[0] = 5.0
    result = gradient(ReverseWithPrimal, f, LARGE)
    assert result.val == 4.0 * 5.0 * 4.0
    assert [result.derivs[0], result.derivs[2]] == [4.0 * 4.0, 4.0 * 5.0 * 2 * 2.0]


def test_python_code_inside_is_refused_with_its_line() -> None:
    def calls_python(x):
        with numba.objmode(y="float64"):
            y = x * 2
        return y * x

    with pytest.raises(DifferentiationError, match=r"(?s)with numba.objmode.*Python code runs here"):
        gradient(Reverse, calls_python, 3.0)


@pytest.mark.parametrize(
    "f",
    [lambda x: [x[0] ** 2, x[1]], lambda x: [x * 2.0], lambda x: (x[0], [x[1]])],
    ids=["floats", "arrays", "in a tuple"],
)
def test_lists_as_results_had_no_tangent_without_a_word(f):
    for call in (
        lambda: gradient(Forward, f, np.array([3.0, 4.0])),
        lambda: autodiff(ForwardWithPrimal, f, Duplicated(np.array([3.0, 4.0]), np.ones(2))),
    ):
        with pytest.raises(DifferentiationTypeError, match="returns a list of numbers"):
            call()


def calls_itself(x):
    return x * calls_itself(x + 1.0) if x < 5.0 else x


def test_refusals_of_second_derivatives_name_the_line_of_the_function():
    """They named a line of what numzyme writes for `grad`."""
    with pytest.raises(DifferentiationError) as caught:
        gradient(Forward, grad(calls_itself), 3.0)
    assert caught.value.where is not None and caught.value.where.file == __file__
