"""The API inside jitted code, in threads, without the GIL; and what importing costs in modules."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from numba import njit

from numzyme import (
    Active,
    Const,
    DifferentiationError,
    Duplicated,
    Forward,
    Reverse,
    ReverseWithPrimal,
    autodiff,
    grad,
    gradient,
    memory,
    value_and_grad,
)


@njit
def weighted(x, a):
    if a < 0:
        raise ValueError("negative", 7)
    total = 0.0
    for i in range(len(x)):
        total += a * x[i] ** 2
    return total


slope = grad(weighted)
both = value_and_grad(weighted, (0, 1))


def test_autodiff_in_compiled_code():
    @njit
    def accumulate(x, dx, count):
        total = 0.0
        for i in range(count):
            total += autodiff(Reverse, weighted, Duplicated(x, dx), Active(i))[1]
        return total

    x, dx = np.array([1.0, 2.0]), np.zeros(2)
    assert accumulate(x, dx, 4) == 20.0
    np.testing.assert_array_equal(dx, 2 * x * 6)


def test_modes_and_return_activity_in_compiled_code():
    @njit
    def everything(x, dx):
        forward = autodiff(Forward, weighted, Duplicated(x, dx), Const(2.0))
        with_primal = autodiff(ReverseWithPrimal, weighted, Active, Const(x), Active(3.0))
        return forward, with_primal.val, with_primal.derivs[1]

    assert everything(np.array([1.0, 2.0]), np.array([1.0, 0.5])) == (8.0, 15.0, 5.0)


def test_gradient_in_compiled_code():
    @njit
    def both_forms(x):
        dx, da = gradient(Reverse, weighted, x, 2.0)
        result = gradient(ReverseWithPrimal, weighted, x, Const(3.0))
        return dx, da, result.val, result.derivs[0]

    dx, da, value, constant = both_forms(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(dx, [4, 8])
    np.testing.assert_array_equal(constant, [6, 12])
    assert (da, value) == (5.0, 15.0)


def test_transforms_as_globals_and_made_inside():
    @njit
    def use(x):
        inside = grad(weighted, argnums=1)
        value, (dx, da) = both(x, 2.0)
        return slope(x, 3.0), inside(x, 1.0), value_and_grad(weighted)(x, 1.0)[0], value, dx, da

    x = np.array([1.0, 2.0])
    dx3, da1, value1, value, dx, da = use(x)
    np.testing.assert_array_equal(dx3, 6 * x)
    np.testing.assert_array_equal(dx, 4 * x)
    assert (da1, value1, value, da) == (5.0, 5.0, 10.0, 5.0)


def test_transforms_of_plain_functions():
    cube = grad(lambda a: a**3)

    @njit
    def use(a):
        return cube(a)

    assert use(2.0) == 12.0


def test_exceptions_in_compiled_code():
    @njit
    def guarded(x, a):
        try:
            return slope(x, a)[0]
        except Exception:
            return -1.0

    @njit
    def bare(x, a):
        return slope(x, a)[0]

    x = np.ones(2)
    assert guarded(x, 1.0) == 2.0
    assert guarded(x, -1.0) == -1.0
    with pytest.raises(ValueError, match="negative") as caught:
        bare(x, -1.0)
    assert caught.value.args == ("negative", 7)
    assert memory().bytes_in_use == 0


def test_refusals_in_compiled_code():
    @njit
    def own_shadow(x):
        return autodiff(Reverse, weighted, Duplicated(x, x), Const(1.0))

    x = np.ones(2)
    with pytest.raises(DifferentiationError):
        own_shadow(x)
    np.testing.assert_array_equal(x, [1, 1])

    @njit
    def bare(x):
        return autodiff(Reverse, weighted, x, 1.0)

    with pytest.raises(DifferentiationError, match="without activity"):
        bare(x)


def test_overlap_in_compiled_code():
    @njit
    def product(a, b):
        total = 0.0
        for i in range(len(a)):
            total += a[i] * b[i]
        return total

    @njit
    def use(x):
        return gradient(Reverse, product, x[:2], x[1:]), gradient(Reverse, product, x, x)

    (first, second), (same, same_again) = use(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(first, [2, 4])
    np.testing.assert_array_equal(second, [4, 2])
    np.testing.assert_array_equal(same, [2, 4, 6])
    np.testing.assert_array_equal(same_again, same)


def test_no_gradient_leaks_a_reference():
    def references(use, times=50):
        x = np.ones(3)
        before = sys.getrefcount(x)
        for _ in range(times):
            use(x)
        return sys.getrefcount(x) - before

    def failing(x):
        with pytest.raises(ValueError):
            slope(x, -1.0)

    def refused(x):
        with pytest.raises(DifferentiationError):
            autodiff(Reverse, weighted, Duplicated(x, x), Const(1.0))

    for use in (lambda x: slope(x, 1.0), failing, refused, lambda x: both(x[::2], 1.0)):
        assert references(use) == 0


def test_threads():
    @njit(nogil=True)
    def rounds(x, count):
        total = 0.0
        for i in range(count):
            total += slope(x, float(i))[0]
        return total

    results = {}

    def work(number):
        x = np.full(50, float(number))
        results[number] = (rounds(x, 100), slope(x, 1.0)[0], value_and_grad(weighted, 1)(x, 2.0)[1])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: (2.0 * n * 4950, 2.0 * n, 50.0 * n * n) for n in range(8)}
    assert memory().bytes_in_use == 0


def test_the_gil_is_released_for_nogil_functions():
    """Another thread must be able to end the loop of the function that is being differentiated."""

    @njit(nogil=True)
    def wait(flag, a):
        count = 0
        while flag[0] == 0 and count < 2_000_000_000:
            count += 1
        return a * a if flag[0] else -a

    flag = np.zeros(1, np.int64)
    go = grad(wait, 1)
    done = np.ones(1, np.int64)
    assert go(done, 3.0) == 6.0  # compiled now
    timer = threading.Timer(0.05, lambda: flag.__setitem__(0, 1))
    timer.start()
    assert go(flag, 3.0) in (6.0, -1.0)
    timer.join()


def test_importing_stays_light():
    program = "import sys, numba; before = set(sys.modules); import numzyme; print(*(set(sys.modules) - before))"
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert not [name for name in output.split() if name.split(".")[0] in ("scipy", "matplotlib", "pandas")]
    assert "numba.np.arrayobj" not in output.split()
