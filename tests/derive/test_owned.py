"""Forward mode leaves no block behind, whatever leaves the function and wherever Numba's own code forgets blocks."""

import gc
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]
from numba.core.runtime.nrt import rtsys

from numzyme import Duplicated, Forward, ForwardWithPrimal, autodiff
from numzyme.derive import owned
from numzyme.runtime import blocks_text

GOOD, BAD = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, -3.0, 4.0])


@pytest.fixture(autouse=True)
def counters():
    _nrt_python.memsys_enable_stats()


def outstanding():
    gc.collect()
    stats = rtsys.get_allocation_stats()
    return stats.alloc - stats.free, stats.mi_alloc - stats.mi_free


def leaves_nothing(attempt, times=10):
    """Call `attempt` often; neither blocks nor references to the arguments may be left."""
    x, dx = GOOD.copy(), np.ones(4)
    y, dy = BAD.copy(), np.ones(4)
    attempt(x, dx, y, dy)
    before = outstanding(), [sys.getrefcount(array) for array in (x, dx, y, dy)]
    for _ in range(times):
        attempt(x, dx, y, dy)
    assert (outstanding(), [sys.getrefcount(array) for array in (x, dx, y, dy)]) == before


def good_and_bad(function, error=ValueError):
    def attempt(x, dx, y, dy):
        autodiff(ForwardWithPrimal, function, Duplicated(x, dx))
        with pytest.raises(error):
            autodiff(ForwardWithPrimal, function, Duplicated(y, dy))

    leaves_nothing(attempt)


@njit
def root(v):
    if v < 0.0:
        raise ValueError("negative")
    return np.sqrt(v)


def raises_in_loop(x):
    work = np.zeros(x.size)
    for i in range(x.size):
        part = x[: i + 1] * 2.0
        work[i] = root(x[i]) + part[0]
    return np.sum(work * work)


def raises_before_it_returns_an_array(x):
    y = x * 2.0
    for i in range(x.size):
        z = y * x[i]
        y[i] += root(x[i]) * z[0]
    return y


def raises_before_it_returns_arrays(x):
    y = x * 2.0
    view = y[1:]
    for i in range(x.size):
        y[i] += root(x[i])
    return y, view, x, y, 3.0


@njit
def recursive(x, depth):
    half = x * 0.5
    if depth == 0:
        return half * root(x[2])
    return recursive(half, depth - 1) + half


def raises_in_recursion(x):
    return recursive(x, 3)


def raises_beside_a_list(x):
    numbers = [1, 2]
    total = 0.0
    for i in range(x.size):
        numbers.append(i)
        part = x[: i + 1] * 2.0
        total += root(x[i]) * part[0] * numbers[-1]
    return total


def raises_with_a_message(x):
    y = x * 2.0
    for i in range(x.size):
        if y[i] < 0.0:
            raise ValueError("element " + str(i))
        y = y * x[i]
    return y


@pytest.mark.parametrize(
    "function",
    [
        raises_in_loop,
        raises_before_it_returns_an_array,
        raises_before_it_returns_arrays,
        raises_in_recursion,
        raises_beside_a_list,
        raises_with_a_message,
    ],
)
def test_blocks_are_released_when_forward_mode(function):
    good_and_bad(function)


def test_message_of_an_exception_survives_its_blocks():
    with pytest.raises(ValueError, match="element 2"):
        autodiff(Forward, raises_with_a_message, Duplicated(BAD.copy(), np.ones(4)))


@pytest.mark.filterwarnings("ignore")
def test_array_in_an_exception_outlives_the_call():
    def f(x):
        y = x * 2.0
        if x[2] < 0.0:
            raise ValueError(y)
        return np.sum(y * y)

    for _ in range(20):
        with pytest.raises(ValueError) as caught:
            autodiff(Forward, f, Duplicated(BAD.copy(), np.ones(4)))
        autodiff(Forward, raises_in_loop, Duplicated(GOOD.copy(), np.ones(4)))
        np.testing.assert_array_equal(caught.value.args[0], 2.0 * BAD)


def raises_an_array_of_a_list(x):
    values = [1.0]
    for i in range(x.size):
        values.append(x[i] * values[-1])
    made = np.array(values)
    if x[2] < 0.0:
        raise ValueError(made, len(values))
    return made


@pytest.mark.filterwarnings("ignore")
def test_array_made_of_a_list_leaves_in_an_exception():
    kept = []
    for _ in range(20):
        with pytest.raises(ValueError) as caught:
            autodiff(Forward, raises_an_array_of_a_list, Duplicated(BAD.copy(), np.ones(4)))
        kept.append(caught.value.args)
        autodiff(Forward, raises_an_array_of_a_list, Duplicated(GOOD.copy(), np.ones(4)))
    for made, count in kept:
        np.testing.assert_array_equal(made, np.cumprod([1.0, *BAD]))
        assert count == 5
    value = autodiff(ForwardWithPrimal, raises_an_array_of_a_list, Duplicated(GOOD.copy(), np.ones(4))).val
    np.testing.assert_array_equal(value, np.cumprod([1.0, *GOOD]))


def raises_beside_lists(x):
    values = [x[0]]
    for i in range(1, x.size):
        values.append(x[i] * values[-1])
        if x[i] < 0.0:
            raise ValueError("negative")
    return np.array(values)


def test_lists_leave_nothing_where_arrays_are_returned_or_an_exception_is_raised():
    good_and_bad(raises_beside_lists)


@njit
def checked_double(x, i):
    y = x * 2.0
    if y[i] < 0.0:
        raise ValueError("negative")
    return y


def test_caught_exceptions_leave_nothing():
    def f(x):
        total = x * 1.0
        for i in range(x.size):
            try:
                total = total + checked_double(x, i) * x[i]
            except Exception:
                total = total * x[i]
        return total

    def attempt(x, dx, y, dy):
        autodiff(Forward, f, Duplicated(x, dx))
        autodiff(Forward, f, Duplicated(y, dy))

    leaves_nothing(attempt)
    tangent, value = autodiff(ForwardWithPrimal, f, Duplicated(BAD.copy(), np.ones(4)))
    plain = njit(f)
    np.testing.assert_array_equal(value, plain(BAD.copy()))
    np.testing.assert_allclose(tangent, (plain(BAD + 1e-7) - plain(BAD - 1e-7)) / 2e-7, rtol=1e-6)


def test_results_stay_alive_and_are_freed_by_another_thread():
    start = outstanding()
    x = GOOD.copy()
    results = [
        autodiff(ForwardWithPrimal, raises_before_it_returns_arrays, Duplicated(x, np.ones(4))) for _ in range(9)
    ]
    expected = njit(raises_before_it_returns_arrays)(x)
    for result in results:
        list(map(np.testing.assert_array_equal, result[1], expected))
    with ThreadPoolExecutor(1) as other:
        other.submit(results.clear).result()
    result = expected = None
    assert outstanding() == start


def test_no_memory_is_the_plain_error():
    def f(x):
        y = x * 2.0
        z = np.empty(int(x[0]) << 45)
        z[0] = y[0]
        return z

    def attempt():
        with pytest.raises(MemoryError):
            autodiff(Forward, f, Duplicated(GOOD.copy(), np.ones(4)))

    attempt()
    blocks = outstanding()[1]
    attempt()
    assert outstanding()[1] == blocks  # the other counter: Numba counts an allocation that failed as one


def test_thousand_calls_half_of_which_raise():
    def attempt(x, dx, y, dy):
        autodiff(Forward, raises_in_loop, Duplicated(x, dx))
        with pytest.raises(ValueError):
            autodiff(Forward, raises_in_loop, Duplicated(y, dy))

    leaves_nothing(attempt, times=500)


def test_two_threads():
    @njit(nogil=True)
    def f(x):
        total = 0.0
        for i in range(x.size):
            part = x[: i + 1] * 2.0
            total += root(x[i]) * part[0]
        return x * total

    def work(times):
        for _ in range(times):
            autodiff(Forward, f, Duplicated(GOOD.copy(), np.ones(4)))
            with pytest.raises(ValueError):
                autodiff(Forward, f, Duplicated(BAD.copy(), np.ones(4)))
        return autodiff(Forward, f, Duplicated(GOOD.copy(), np.ones(4)))

    work(1)
    before = outstanding()
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(work, (200, 200))
    np.testing.assert_array_equal(first, second)
    del first, second
    assert outstanding() == before


def test_layouts_agree():
    assert owned.HEAD_BYTES == blocks_text.HEAD_BYTES
    assert owned.MEMINFO_BYTES == blocks_text.MEMINFO_BYTES
    assert owned.KEEP_ALL == blocks_text.KEEP_ALL
