"""`except ValueError:` and the like: which exceptions a handler is for, as in Python. Numba has no such handlers."""

import numpy as np
import pytest

from numzyme import DifferentiationError, Duplicated, ForwardWithPrimal, autodiff, grad

from .test_exception_contexts import described


class Unusual(ValueError):
    """One of the user's."""


NUMERICAL = (ArithmeticError, LookupError)


def checked(x):
    if x > 5.0:
        raise Unusual("unusual", x)
    if x > 3.0:
        raise ValueError("large", x)
    if x > 2.0:
        raise KeyError("key")
    return x * x


def one_class(x):
    try:
        y = checked(x)
    except ValueError:
        y = x * 3.0
    return y * x


def several_handlers(x):
    try:
        y = checked(x)
    except Unusual:
        y = x * 3.0
    except (KeyError, IndexError):
        y = x * 4.0
    return y * x


def classes_by_name(x):
    try:
        y = checked(x)
    except NUMERICAL:
        y = x * 5.0
    return y * x


def class_of_a_module(x):
    try:
        y = checked(x)
    except np.linalg.LinAlgError:
        y = x * 5.0
    return y * x


def division(x):
    try:
        y = 1.0 / (x - 1.5)
    except ValueError:
        y = x
    except ZeroDivisionError:
        y = x * 7.0
    else:
        y = y + checked(x)
    finally:
        x = x + 1.0
    return y * x


def nested(x):
    try:
        try:
            y = checked(x)
        except KeyError:
            y = x * 3.0
    except ValueError:
        y = x * 10.0
    return y


def nested_and_raised(x):
    try:
        try:
            y = checked(x)
        except KeyError:
            raise ValueError("new")  # noqa: B904
    except Unusual:
        y = x * 10.0
    except ValueError:
        y = x * 11.0
    return y


def in_a_loop(x):
    s = 0.0
    for i in range(8):
        try:
            s += checked(x + i)
        except KeyError:
            s *= 2.0
            continue
        except Unusual:
            break
        except ValueError:
            s += x * x
    return s


def no_match(x):
    try:
        y = checked(x)
    except ArithmeticError:
        y = x
    return y


def no_match_in_a_handler(x):
    try:
        y = checked(x)
    except KeyError:
        try:
            y = checked(x + 1.0)
        except TypeError:
            y = x
    return y


def with_finally(x):
    y = 1.0
    try:
        try:
            y = checked(x)
        except KeyError:
            y = 2.0 * x
        finally:
            y = y + x
    except ValueError:
        y = 3.0 * y
    return y


PROGRAMS = (one_class, several_handlers, classes_by_name, class_of_a_module, division, nested, nested_and_raised,
            in_a_loop, no_match, no_match_in_a_handler, with_finally)  # fmt: skip


def outcome(call):
    try:
        return call()
    except DifferentiationError:
        raise
    except Exception as exception:  # which one is what is compared
        return described(exception)


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("x", (1.1, 1.5, 2.3, 3.5, 6.0))
def test_handlers_of_classes(function, x):
    expected = outcome(lambda: function(x))
    found = outcome(lambda: autodiff(ForwardWithPrimal, function, Duplicated(x, 1.0)))
    gradient = outcome(lambda: grad(function)(x))
    if not isinstance(expected, float):
        assert found == gradient == expected
        return
    tangent, value = found
    assert abs(value - expected) < 1e-13
    assert abs(gradient - tangent) < 1e-13 * (1 + abs(tangent))
    step = 1e-6
    if x != 1.5:  # where `division` divides by zero
        difference = (function(x + step) - function(x - step)) / (2 * step)
        assert abs(gradient - difference) < 1e-6  # third derivatives below 50 give 1e-11, rounding 1e-8


def test_programs_take_every_way():
    ways = [isinstance(outcome(lambda f=f, x=x: f(x)), float) for f in PROGRAMS for x in (1.0, 2.3, 3.5, 6.0)]
    assert any(ways) and not all(ways)


def test_index_errors_are_caught_where_bounds_are_checked():
    def read(x):
        try:
            y = x[int(x[0])]
        except IndexError:
            y = x[0] * x[0]
        return y

    derivative = grad(read, boundscheck=True)
    np.testing.assert_array_equal(derivative(np.array([1.0, 5.0])), [0.0, 1.0])
    np.testing.assert_array_equal(derivative(np.array([4.0, 5.0])), [8.0, 0.0])
