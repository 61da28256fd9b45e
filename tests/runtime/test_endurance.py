"""Many calls, many threads, forks and interruptions: nothing is left behind, and the numbers stay the same."""

from __future__ import annotations

import gc
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]
from numba.core.runtime.nrt import rtsys

import numzyme
from numzyme import Active, Duplicated, Forward, Reverse, autodiff, grad

_nrt_python.memsys_enable_stats()


@njit(nogil=True)
def walk(x, limit):
    """A tape, temporaries, a list that grows, and an exception for half of the limits."""
    values, total = [x[0]], 0.0
    for i in range(1, x.size):
        y = x * values[-1] * 0.1
        total += np.sum(y) * x[i]
        values.append(np.sin(total))
        if i > limit:
            raise ValueError("over the limit")
    return total * values[-1]


X = np.linspace(0.1, 0.9, 6)


def reverse(limit, x=X):
    shadow = np.zeros_like(x)
    derivatives = autodiff(Reverse, walk, Duplicated(x, shadow), numzyme.Const(limit))
    return derivatives, shadow


def forward(limit, x=X):
    return autodiff(Forward, walk, Duplicated(x, np.ones_like(x)), numzyme.Const(limit))


@pytest.mark.parametrize("call", [reverse, forward])
def test_ten_thousand_calls_half_of_which_raise(call) -> None:
    def both():
        call(10)
        with pytest.raises(ValueError, match="over the limit"):
            call(2)

    both()
    gc.collect()
    blocks, arena = rtsys.get_allocation_stats(), numzyme.memory()
    for _ in range(5_000):
        both()
    gc.collect()
    after, final = rtsys.get_allocation_stats(), numzyme.memory()
    assert after.mi_alloc - blocks.mi_alloc == after.mi_free - blocks.mi_free
    assert after.alloc - blocks.alloc == after.free - blocks.free
    assert final.entries - arena.entries == final.exits - arena.exits and final.bytes_in_use == 0


@njit
def told(x, limit):
    x[0] = x[1] * x[2]
    if limit > 3:
        raise ValueError(f"{limit} is over the limit", f"by {limit - 3}")


def test_strings_that_an_exception_made_stayed_allocated() -> None:
    def call():
        with pytest.raises(ValueError, match="5 is over the limit"):
            autodiff(Reverse, told, Duplicated(np.ones(3), np.ones(3)), numzyme.Const(5))

    call()
    gc.collect()
    before = rtsys.get_allocation_stats()
    for _ in range(10):
        call()
    gc.collect()
    after = rtsys.get_allocation_stats()
    assert after.mi_alloc - before.mi_alloc == after.mi_free - before.mi_free


def test_threads_get_the_same_bits() -> None:
    expected = reverse(10)[1].tobytes()
    together = threading.Barrier(32)

    def work(_):
        together.wait()
        return {reverse(10, X.copy())[1].tobytes() for _ in range(1_000)}

    with ThreadPoolExecutor(32) as pool:
        found = set().union(*pool.map(work, range(32)))
    assert found == {expected}
    memory = numzyme.memory()
    assert memory.entries == memory.exits and memory.bytes_in_use == 0


@pytest.fixture
def interruptible():
    """A process that was started in the background ignores interruptions: the test would loop for ever."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interruption_between_calls_leaves_everything_usable() -> None:
    expected, calls = reverse(10)[1].tobytes(), 0
    for _ in range(5):
        timer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            while True:
                reverse(10)
                calls += 1
        timer.join()
        assert reverse(10)[1].tobytes() == expected
    assert calls and numzyme.memory().entries == numzyme.memory().exits


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_fork_after_use() -> None:
    expected = reverse(10)[1].tobytes()
    child = os.fork()
    if child == 0:
        derivative = grad(lambda x: x * x * x)  # compiled in the child
        same = reverse(10)[1].tobytes() == expected and derivative(2.0) == 12.0
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert autodiff(Reverse, lambda x: x * x, Active(3.0)) == (6.0,)
