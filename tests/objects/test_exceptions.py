"""`try`, `except`, `finally` and `raise` as Python has them: Numba loses count of what is open, and of what leaves it.

Each function is called where nothing is raised, where something is raised and caught, and where it leaves the function.
"""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from .checking import check, check_raises, outcome


@njit
def squared(x):
    if x > 3.0:
        raise ValueError("too large")
    return x * x


def caught_before_another(x):
    try:
        raise ValueError("caught")
    except Exception:
        x = x * 2.0
    return squared(x)


def raised_in_a_handler(x):
    try:
        x = squared(x)
    except Exception:
        raise RuntimeError("not squared", 2)  # noqa: B904
    return x * x


def raised_in_a_handler_of_a_loop(x):
    for i in range(3):
        try:
            if i == 1:
                raise ValueError("one")
            x = x * 2.0
        except Exception:
            if x > 10.0:
                raise RuntimeError("two", i, x)  # noqa: B904
            continue
        finally:
            x = x * 1.5
    return x * x


def passed_on_by_finally(x):
    y = np.ones(2)
    try:
        y[0] = squared(x)
    finally:
        x = x * 3.0
    return x * y[0]


def passed_on_with_arguments(x):
    for i in range(3):
        try:
            if x > 5.0:
                raise RuntimeError("large", i, x)
        finally:
            x = x * 2.0
    return x


def passed_on_or_not(x):
    for k in range(2):
        try:
            if x > 0.5:
                raise ValueError("step", k, x)
        except Exception:
            x = x * 0.5
            if x > 1.0:
                raise
    return x


def passed_on_after_another_was_caught(x):
    try:
        x = x * 2.0
        if x > 3.0:
            raise ValueError("first")
    except Exception:
        try:
            if x > 5.0:
                raise KeyError("second")
        except Exception:
            x = x * 3.0
        if x > 20.0:
            raise
        x = x * 7.0
    return x * x


def with_a_cause(x):
    if x > 3.0:
        raise ValueError("large") from KeyError("cause")
    try:
        if x > 2.0:
            raise ValueError("caught") from None
    except Exception:
        x = x * 3.0
    return x * x


def left_by_continue_and_break(x):
    for i in range(4):
        try:
            if i == 1:
                continue
            x = x * 1.5
            if i == 2:
                raise ValueError("two", i)
            if i == 3:
                break
        except Exception:
            x = x * 0.7
    return squared(x)


def left_by_continue_inside_of_another(x):
    try:
        for i in range(4):
            try:
                if i == 1:
                    continue
                x = squared(x)
            except Exception:
                x = squared(x * 0.7)
    except Exception:
        x = x * 3.0
    return x


def two_one_behind_the_other(x):
    try:
        try:
            x = squared(x)
        except Exception:
            x = x * 0.5
        x = x + 1.0
    except Exception:
        x = 0.0
    return squared(x)


def finally_inside_of_except(x):
    for i in range(4):
        try:
            try:
                if i == 1:
                    continue
                if x > 2.0:
                    raise ValueError("large", i)
                x = squared(x + 0.3)
            finally:
                x = x * 1.2
        except Exception:
            x = x * 0.3
    return squared(x)


def two_finally(x):
    try:
        try:
            x = squared(x)
        finally:
            x = x + squared(1.0)
    finally:
        x = x * 2.0
    return squared(x)


def numbers(x):
    for i in range(3):
        if x > 3.0:
            raise ValueError("number", i)
        yield x * i


def by_a_generator(x):
    total = 0.0
    try:
        for value in numbers(x):
            total += value * value
    except Exception:
        total = x**3
    return total


def by_a_test(x):
    try:
        while squared(x) < 5.0:
            x = x * 1.3
    except Exception:
        x = x * x
    return squared(x * 0.02)


def return_and_finally(x):
    try:
        return squared(x)
    except Exception:
        pass
    try:
        y = squared(x / 2.0)
    except Exception:
        raise KeyError("again", x)  # noqa: B904
    finally:
        x = 1.0
    return y * x


def array_in_a_loop(x):
    for k in range(2):
        try:
            a = np.ones(2) * x
            a[0] = squared(x)
            if a[1] > 2.0:
                raise ValueError("value", k, x)
        except Exception:
            x = x * 0.5
            if k == 1:
                raise
        else:
            x = x + 1.0
    return squared(x)


def returned_from_try_inside(x):
    def safe(v):
        try:
            if v > 1.0:
                raise ValueError("caught")
            return v * v
        except Exception:
            return v

    return safe(x) + squared(x)


def raised_inside(x):
    def checked(v):
        try:
            v = squared(v)
        except Exception:
            raise RuntimeError("inside")  # noqa: B904
        return v

    return checked(x) * x


FUNCTIONS = (
    caught_before_another, raised_in_a_handler, raised_in_a_handler_of_a_loop, passed_on_by_finally,
    passed_on_with_arguments, passed_on_or_not, passed_on_after_another_was_caught, with_a_cause,
    left_by_continue_and_break, left_by_continue_inside_of_another, two_one_behind_the_other, finally_inside_of_except,
    returned_from_try_inside, raised_inside, two_finally, by_a_generator, by_a_test, return_and_finally,
    array_in_a_loop,
)  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_exceptions_took_another_way(function):
    raised = []
    for x in (0.3, 0.9, 1.3, 2.2, 3.5, 7.0, 20.0):
        raised.append(isinstance(outcome(function, x), Exception))
        (check_raises if raised[-1] else check)(function, lambda x=x: (x,))
    assert False in raised


def called_inside_of_try(x):
    log = np.zeros(1)

    def inner(v):
        a = squared(v)
        log[0] = v
        return a

    try:
        y = inner(x)
    except Exception:
        y = x
    return y + log[0]


def test_function_that_is_made_inside_went_on_after_an_exception():
    for x in (2.0, 5.0):
        check(called_inside_of_try, lambda x=x: (x,))


def captures_nothing_and_is_called_inside_of_try(x):
    def inner(v):
        if v > 3.0:
            raise ValueError("large")
        return v * v

    try:
        y = inner(x)
    except Exception:
        y = 5.0 * x
    return y


def called_by_a_comprehension_inside_of_try(x):
    def inner(i):
        if i * x > 3.0:
            raise ValueError("large")
        return x**2 * i

    try:
        y = sum([inner(i) for i in range(3)])
    except Exception:
        y = 5.0 * x
    return y


def comprehension_that_raises(x):
    try:
        listed = [1.0 / int(x + n) for n in range(-3, 1)]
    except ZeroDivisionError:
        return 5.0 * x
    return sum(listed) * x


def array_of_a_comprehension_that_raises(x):
    y = x
    try:
        made = np.array([x / int(x + n) for n in range(-3, 1)])
        y = made.sum()
    except ArithmeticError:
        y = 5.0 * x
    finally:
        y = y + x
    return y


def nested_comprehensions_that_raise(x):
    try:
        y = sum([sum([x / int(x + n + m) for n in range(-3, 0)]) for m in range(2)])
    except ZeroDivisionError:
        y = 5.0 * x
    return y


def called_inside_of_try_in_a_loop(x):
    def inner(v):
        if v > 3.0:
            raise ValueError("large")
        return v * v

    for _ in range(4):
        try:
            x = inner(x + 1.0)
        except Exception:
            x = 0.5 * x
    return x


def test_functions_that_are_made_inside_raised_past_the_handler():
    for function in (
        captures_nothing_and_is_called_inside_of_try,
        called_by_a_comprehension_inside_of_try,
        comprehension_that_raises,
        array_of_a_comprehension_that_raises,
        nested_comprehensions_that_raise,
        called_inside_of_try_in_a_loop,
    ):
        for x in (0.4, 1.1, 2.3, 5.1):
            check(function, lambda x=x: (x,))
