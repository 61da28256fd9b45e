"""The API inside jitted code, in threads, without the GIL; and what importing costs in modules."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from numba import njit, types
from numba.core.errors import TypingError
from numba.experimental import jitclass
from numba.typed import Dict, List

import numzyme
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


@njit
def element(x, i):
    return x[i]


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


def test_options_in_compiled_code():
    @njit
    def beyond(x, dx):
        return autodiff(Reverse, element, Duplicated(x, dx), Const(7), boundscheck=True)

    with pytest.raises(IndexError):
        beyond(np.ones(3), np.zeros(3))


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
    assert not {"numzyme.derive.driver", "numzyme.analysis.memory", "numzyme.rules"} & set(output.split())


# -- rewriting


def plain_square(a):
    return a * a


def test_plain_functions_inside_compiled_code():
    """The rewriting takes the function itself; Numba alone could not type a plain function."""

    @njit
    def use(a):
        inside = grad(plain_square)
        return autodiff(Reverse, plain_square, Active(a))[0] + inside(a) + numzyme.grad(plain_square)(a)

    assert use(3.0) == 18.0


def test_activities_kept_in_variables():
    """Then the activity is a value like any other."""

    @njit
    def use(x, dx, again):
        first = Duplicated(x, dx)
        if again:
            first = Duplicated(x * 2, dx)
        second = Active(3.0)
        return autodiff(Reverse, weighted, first, second)[1]

    x, dx = np.array([1.0, 2.0]), np.zeros(2)
    assert use(x, dx, False) == 5.0
    np.testing.assert_array_equal(dx, [6, 12])
    assert use(x, dx, True) == 20.0


def test_rebinding_between_activity_and_call():
    @njit
    def use(x, dx):
        active = Const(x)
        x = x * 10
        return autodiff(Reverse, weighted, active, Active(1.0))[1], x[0]

    assert use(np.array([1.0, 2.0]), np.zeros(2)) == (5.0, 10.0)


def test_temporaries_as_arguments():
    @njit
    def use(n):
        total = 0.0
        for _ in range(n):
            total += gradient(Reverse, weighted, np.ones(5) * 2, Const(1.0))[0].sum()
            total += autodiff(Reverse, weighted, Const(np.ones(3)[1:]), Active(1.0))[1]
        return total

    assert use(10) == 220.0


def test_closures_of_compiled_functions():
    def make(function):
        @njit
        def use(a):
            return autodiff(Reverse, function, Active(a))[0]

        return use

    assert make(plain_square)(2.0) == 4.0
    assert make(njit(lambda a: a**3))(2.0) == 12.0


def test_counters_balance_inside_compiled_code():
    """No shadow is left behind, whether the function returns or raises."""
    program = """
import numpy as np
from numba import njit, types
from numba.core.errors import TypingError
from numba.experimental import jitclass
from numba.typed import Dict, List
from numba.core.runtime import rtsys
from numzyme import Active, Duplicated, Reverse, autodiff, grad, gradient, memory

@njit
def f(x, a):
    if a < 0:
        raise ValueError("negative")
    y = x * a
    return (y * y).sum()

slope = grad(f)

@njit
def many(x, dx, n, last):
    total = 0.0
    for i in range(n):
        total += slope(x, 1.0)[0] + gradient(Reverse, f, x, 2.0)[1]
        total += autodiff(Reverse, f, Duplicated(x, dx), Active(1.0))[1]
        total += gradient(Reverse, f, x[::2], 1.0)[1] + gradient(Reverse, f, x[::-1], 1.0)[1]
    return total + autodiff(Reverse, f, Duplicated(x, dx), Active(last))[1]

x, dx = np.ones(4), np.zeros(4)
many(x, dx, 1, 1.0)
slope(x, 1.0)
start = rtsys.get_allocation_stats()
many(x, dx, 50, 1.0)  # not with an exception: Numba leaks the arguments of a function whose callee raises
for call in (slope, lambda x, a: gradient(Reverse, f, x, a)):
    for last in (1.0, -1.0):
        try:
            call(x, last)
        except ValueError:
            assert last < 0
end = rtsys.get_allocation_stats()
assert end.alloc - start.alloc == end.free - start.free > 0, (start, end)
assert memory().bytes_in_use == 0 and memory().entries == memory().exits
"""
    environment = {**os.environ, "NUMBA_NRT_STATS": "1"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_typed_containers_from_outside_are_refused() -> None:
    """They gave garbage: inside of differentiated code such a list is laid out in another way."""

    def scaled(values, x):
        return values[0] * x

    def inside(x):
        values = List()
        values.append(3.0)
        return grad(scaled, argnums=1)(values, x)

    with pytest.raises(DifferentiationError, match="typed list is an argument or a result"):
        njit(inside)(2.0)
    with pytest.raises(DifferentiationError, match="typed dict is an argument or a result"):
        gradient(Forward, lambda x: {1: x * x}, 2.0)


def test_fields_of_a_jitclass_that_are_typed_containers_are_refused() -> None:
    @jitclass([("values", types.ListType(types.float64))])
    class Holder:
        def __init__(self, values):
            self.values = values

    def scaled(holder, x):
        return holder.values[0] * x

    def inside(x):
        values = List()
        values.append(3.0)
        return grad(scaled, argnums=1)(Holder(values), x)

    with pytest.raises((DifferentiationError, TypingError)):
        njit(inside)(2.0)


def test_changes_of_a_dict_that_is_iterated_over_mean_what_they_mean_in_numba() -> None:
    """The reference is njit: an iteration ends when the dict has another length, or its table was made anew."""

    def walk(x, operations, start, room):
        values = Dict.empty(types.int64, types.float64)
        for i in range(start):
            values[i] = x * (i + 1)
        for i in range(room):
            values[1000 + i] = x
            del values[1000 + i]
        total = 0.0
        for n, key in enumerate(values):
            total = 0.7 * total + key + 1.0
            operation = operations[n % len(operations)]
            if operation == 1:
                values[100 + n] = x * n
            elif operation == 2:
                values[200 + n] = x
                del values[200 + n]
            elif operation == 3 and len(values) > 1:
                values.popitem()
            elif operation == 4 and 0 in values:
                del values[0]
                values[300 + n] = x * x
            if n > 60:
                break
        for key, value in values.items():
            total = 0.9 * total + key * value
        return total

    reference, rng = njit(walk), np.random.default_rng(0)
    for _ in range(200):
        operations = rng.integers(0, 5, rng.integers(1, 6))
        start, room = int(rng.integers(1, 25)), int(rng.integers(0, 30))
        derivs, value = autodiff(ReverseWithPrimal, walk, Active(0.7), Const(operations), Const(start), Const(room))
        assert value == reference(0.7, operations, start, room)
        (derivative,) = (d for d in derivs if d is not None)
        slope = (reference(0.7 + 1e-5, operations, start, room) - reference(0.7 - 1e-5, operations, start, room)) / 2e-5
        assert abs(derivative - slope) <= 1e-6 * (1.0 + abs(slope))  # quadratic in x: cancellation alone


def test_identity_of_typed_lists() -> None:
    def compared(x):
        values = List()
        values.append(x)
        same, other = values, values.copy()
        return values[0] * 2.0 if values is same and values is not other and values is not None else 1.0

    assert gradient(Reverse, compared, 2.0) == 2.0
