"""What leaves compiled code for Python keeps its memory: arguments of exceptions."""

from __future__ import annotations

import gc

import numba
import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys

from numzyme import (
    Const,
    DifferentiationError,
    Duplicated,
    Forward,
    Reverse,
    ReverseWithPrimal,
    autodiff,
    gradient,
    memory,
)

_nrt_python.memsys_enable_stats()


def raises(x, case):
    y = x * 2.0
    if case == 0:
        raise ValueError(y, "text")
    if case == 1:
        raise ValueError(x)
    if case == 2:
        raise ValueError(y[1:], y[::-1], x[1:])
    if case == 3:
        raise ValueError(f"case {case} of {len(x)}")
    if case == 4:
        raise ValueError((y, 2.0), case)
    if case == 5:
        raise ValueError(y[:0], y.reshape(2, 2).T)
    return np.sum(y * y)


def arguments_of(function, *args):
    with pytest.raises(ValueError) as caught:
        function(*args)
    return caught.value.args


def same(found, expected):
    assert type(found) is type(expected)
    if isinstance(expected, tuple):
        assert len(found) == len(expected)
        for pair in zip(found, expected, strict=True):
            same(*pair)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected, strict=True)
        assert found.strides == expected.strides or found.size == 0
    else:
        assert found == expected


@pytest.mark.parametrize("mode", [Reverse, Forward], ids=str)
@pytest.mark.parametrize("case", range(6))
def test_arguments_of_exceptions_were_in_memory_of_the_derivative(mode, case):
    x = np.arange(4.0) + 1
    expected = arguments_of(numba.njit(raises), x, case)
    found = arguments_of(lambda: gradient(mode, raises, x, case))
    gradient(mode, lambda z: np.sum(np.exp(z * 3.0)), np.ones(4))  # uses the same memory again
    same(found, expected)
    if case == 1:
        assert found[0] is x


@pytest.mark.parametrize("case", range(6))
def test_no_more_memory_is_left_than_by_the_plain_call(case):
    x, plain = np.arange(4.0) + 1, numba.njit(raises)

    def left(function):
        arguments_of(function)  # compiles
        gc.collect()
        before = rtsys.get_allocation_stats()
        arguments_of(function)
        gc.collect()
        after = rtsys.get_allocation_stats()
        return after.mi_alloc - before.mi_alloc - (after.mi_free - before.mi_free)

    by_plain = left(lambda: plain(x, case))  # Numba drops one reference too few for each array that it raises
    assert left(lambda: gradient(Reverse, raises, x, case)) <= by_plain + (case in (2, 5))  # views apart
    assert memory().entries == memory().exits


def test_an_array_that_is_raised_and_caught():
    def caught(x):
        y = x * x
        try:
            raise ValueError(y)
        except Exception:
            return np.sum(y)

    np.testing.assert_array_equal(gradient(Reverse, caught, np.array([1.0, 3.0])), [2.0, 6.0])


def test_lists_in_exceptions_are_refused():
    def listed(x):
        if x[0] > 0:
            raise ValueError([x[0], x[1]])
        return x[0]

    with pytest.raises(DifferentiationError, match="cannot leave compiled code"):
        gradient(Reverse, listed, np.ones(2))


def shift(x):
    for i in range(3):
        x[i] = x[i + 1]
    return x


def several(x):
    y = x * 2.0
    x[0] = 5.0 * x[1]
    return y, x, y[1:], 3, x[2:]


def test_arrays_are_results_of_reverse_mode_when_the_result_is_constant():
    for _ in range(2):  # the second call goes the quick way
        x, shadow = np.arange(4.0) + 1, np.ones(4)
        found = autodiff(ReverseWithPrimal, shift, Const, Duplicated(x, shadow))
        assert found.val is x and list(x) == [2.0, 3.0, 4.0, 4.0] and list(shadow) == [0.0, 1.0, 1.0, 2.0]
        x, shadow = np.arange(4.0) + 1, np.ones(4)
        found = autodiff(ReverseWithPrimal, several, Const, Duplicated(x, shadow))
        gradient(Reverse, lambda z: np.sum(np.exp(z * 3.0)), np.ones(4))  # uses the same memory again
        made, same, part, number, rest = found.val
        assert same is x and number == 3 and list(made) == [2.0, 4.0, 6.0, 8.0] and list(part) == [4.0, 6.0, 8.0]
        assert np.shares_memory(made, part) and np.shares_memory(rest, x)
        assert list(shadow) == [0.0, 6.0, 1.0, 1.0]
        shadow = np.ones(4)
        assert autodiff(Reverse, shift, Const, Duplicated(np.ones(4), shadow)) == (None,)
        assert list(shadow) == [0.0, 1.0, 1.0, 2.0]


def test_arrays_as_results_leave_no_memory_behind():
    def call():
        autodiff(ReverseWithPrimal, several, Const, Duplicated(np.arange(4.0), np.ones(4)))

    call()
    gc.collect()
    before = rtsys.get_allocation_stats()
    for _ in range(5):
        call()
    gc.collect()
    after = rtsys.get_allocation_stats()
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free
    assert after.alloc - before.alloc == after.free - before.free


@pytest.mark.parametrize("mode", [Reverse, Forward], ids=str)
def test_a_loop_that_always_raises(mode):
    # LLVM knew that it does, and forward mode had a shadow that nothing defines
    def doubles(x):
        y = x
        for i in range(5):
            y = y * 2.0
            if i == 2:
                raise ValueError("v", i)
        return np.sum(y)

    assert arguments_of(lambda: gradient(mode, doubles, np.ones(3))) == ("v", 2)
