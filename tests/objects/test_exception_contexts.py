"""Contexts and causes of exceptions: what was handled when another exception was raised, as Python has it."""

import gc

import pytest
from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]
from numba.core.runtime.nrt import rtsys

from numzyme import Duplicated, Forward, autodiff, grad, vjp

_nrt_python.memsys_enable_stats()


def checked(x):
    if x > 3.0:
        raise ValueError("large", x)
    return x * x


def raises_in_a_handler(x):
    try:
        x = checked(x)
    except Exception:
        raise RuntimeError("again", 2 * x)  # noqa: B904
    return x


def without_a_context(x):
    try:
        x = checked(x)
    except Exception:
        raise RuntimeError("again") from None
    return x


def with_a_cause(x):
    try:
        x = checked(x)
    except Exception:
        raise RuntimeError("again") from KeyError("cause", x)
    return x


def cause_alone(x):
    if x > 3.0:
        raise ValueError("large") from TypeError
    return x * x


def helper_raises_in_a_handler(x):
    try:
        x = checked(x)
    except Exception:
        x = checked(x + 1.0)
    return x


def helper_raises_in_finally(x):
    try:
        x = checked(x)
    finally:
        x = checked(x + 1.0)
    return x


def three(x):
    try:
        try:
            x = checked(x)
        except Exception:
            x = checked(x + 1.0)
    except Exception:
        raise KeyError("third")  # noqa: B904
    return x


def passes_finally_on_its_way(x):
    try:
        x = checked(x)
    except Exception:
        try:
            raise TypeError("inner")
        finally:
            x = x + 1.0
    return x


def another_was_caught_before(x):
    try:
        x = checked(x)
    except Exception:
        try:
            raise TypeError("inner")
        except Exception:
            x = x + 1.0
        raise KeyError("after")  # noqa: B904
    return x


def first_was_dealt_with(x):
    try:
        x = checked(x)
    except Exception:
        x = x - 1.0
    return checked(x + 1.0)


def nested_in_a_loop(x):
    for n in range(3):
        try:
            x = checked(x)
        except Exception:
            try:
                x = checked(x + 1.0)
            except Exception:
                try:
                    checked(x + 2.0)
                finally:
                    raise KeyError(n)
    return x


def raised_again(x):
    try:
        three(x)
    except Exception:
        raise
    return x * x


def chains_meet(x):
    try:
        three(x)
    except Exception:
        three(x + 1.0)
    return x * x


def swallowed(x):
    for _ in range(3):
        try:
            chains_meet(x)
        except Exception:
            x = x + 1.0
    return x * x


RAISING = (raises_in_a_handler, without_a_context, with_a_cause, cause_alone, helper_raises_in_a_handler,
           helper_raises_in_finally, three, passes_finally_on_its_way, another_was_caught_before, first_was_dealt_with,
           nested_in_a_loop, raised_again, chains_meet)  # fmt: skip


def described(exception):
    """What can be compared of an exception, its cause and its context."""
    if exception is None:
        return None
    others = described(exception.__cause__), described(exception.__context__)
    return type(exception), exception.args, *others, exception.__suppress_context__


def outcome(call):
    try:
        return call()
    except Exception as exception:  # which one is what is compared
        return described(exception)


@pytest.mark.parametrize("function", (*RAISING, swallowed), ids=lambda function: function.__name__)
@pytest.mark.parametrize("x", (1.0, 2.5, 5.0))
def test_contexts_are_pythons(function, x):
    expected = outcome(lambda: function(x))
    for call in (lambda: grad(function)(x), lambda: autodiff(Forward, function, Duplicated(x, 1.0))):
        found = outcome(call)
        assert isinstance(found, float) if isinstance(expected, float) else found == expected


@pytest.mark.parametrize("function", RAISING, ids=lambda function: function.__name__)
def test_context_of_the_caller_comes_behind(function):
    """Python gave the exception the context of who called, and its own was lost."""

    def in_a_handler(call):
        try:
            raise KeyError("outer")
        except KeyError:
            return call()

    expected = outcome(lambda: in_a_handler(lambda: function(5.0)))
    for call in (
        lambda: grad(function)(5.0),
        lambda: autodiff(Forward, function, Duplicated(5.0, 1.0)),
        lambda: vjp(function, 5.0),
    ):
        try:
            in_a_handler(call)
        except Exception as found:  # which one is what is compared
            assert described(found) == expected
            assert not vars(found)
        else:
            raise AssertionError("nothing is raised")


def test_programs_do_raise():
    assert all(isinstance(outcome(lambda f=f: f(5.0)), tuple) for f in RAISING)
    assert isinstance(outcome(lambda: swallowed(5.0)), float)


def _allocated():
    gc.collect()
    found = rtsys.get_allocation_stats()
    return found.alloc - found.free, found.mi_alloc - found.mi_free


@pytest.mark.parametrize("function", (chains_meet, swallowed, with_a_cause), ids=lambda function: function.__name__)
def test_records_of_contexts_are_freed(function):
    derivative = grad(function)
    for _ in range(3):
        outcome(lambda: derivative(5.0))
    before = _allocated()
    for _ in range(50):
        outcome(lambda: derivative(5.0))
    assert _allocated() == before


class Counted(Exception):
    """One that can be counted."""


def raises_counted(x):
    try:
        if x > 3.0:
            raise Counted("first", x)
    except Exception:
        raise Counted("second") from Counted("cause", x)
    return x * x


def test_exceptions_with_contexts_are_not_kept():
    derivative = grad(raises_counted)
    found = outcome(lambda: derivative(5.0))
    assert found == outcome(lambda: raises_counted(5.0))
    for _ in range(20):
        outcome(lambda: derivative(5.0))
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, Counted)]
