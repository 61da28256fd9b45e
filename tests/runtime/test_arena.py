"""The arena, called as compiled derivatives call it: every path must balance, whatever threads do."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import numba
import numpy as np
import pytest

from numzyme.frontend.objects.cells import room
from numzyme.plans.plan import Sent
from numzyme.runtime import arena, arena_text, memory, release_memory

Pointer = ctypes.c_void_p
_SIGNATURES = {
    "enter": ctypes.CFUNCTYPE(Pointer),
    "leave": ctypes.CFUNCTYPE(None, Pointer),
    "allocate": ctypes.CFUNCTYPE(Pointer, Pointer, ctypes.c_int64),
    "mark": ctypes.CFUNCTYPE(Pointer, Pointer),
    "release": ctypes.CFUNCTYPE(None, Pointer, Pointer),
}


class Arena:
    """The five functions, callable from Python without the GIL."""

    enter: Callable[[], int | None]
    leave: Callable[[int], None]
    allocate: Callable[[int, int], int | None]
    mark: Callable[[int], int | None]
    release: Callable[[int, int | None], None]

    def __init__(self) -> None:
        arena.register()
        for name, signature in _SIGNATURES.items():
            setattr(self, name, signature(arena._functions[f"numzyme.arena.{name}"]))


@pytest.fixture
def tape():
    release_memory()
    yield Arena()
    assert memory().bytes_in_use == 0
    assert memory().entries == memory().exits
    release_memory()
    assert memory().bytes_reserved == 0


def test_allocations_are_aligned_and_disjoint(tape):
    handle = tape.enter()
    sizes = [1, 0, 31, 32, 33, 1000, 100_000, 5, 1_000_000, 7]
    starts = [tape.allocate(handle, size) for size in sizes]
    assert all(start % 32 == 0 for start in starts)
    for size, start in zip(sizes, starts, strict=True):
        ctypes.memset(start, 255, size)
    ranges = sorted((start, start + max(size, 1)) for size, start in zip(sizes, starts, strict=True))
    assert all(first[1] <= second[0] for first, second in zip(ranges, ranges[1:], strict=False))
    assert memory().bytes_in_use == sum(-(-max(size, 1) // 32) * 32 for size in sizes)
    tape.leave(handle)


def test_after_growth_one_chunk_holds_the_whole_run(tape):
    def run():
        handle = tape.enter()
        starts = [tape.allocate(handle, 30_000) for _ in range(40)]
        tape.leave(handle)
        return starts

    run()
    run()  # the first run after growth allocates the large chunk
    steps = {b - a for a, b in zip(run(), run()[1:], strict=False)}
    starts = run()
    assert {b - a for a, b in zip(starts, starts[1:], strict=False)} == {30_016}, steps
    assert memory().peak_bytes == 40 * 30_016


def test_release_gives_back_to_the_mark_and_keeps_chunks(tape):
    handle = tape.enter()
    kept = tape.allocate(handle, 64)
    ctypes.memset(kept, 7, 64)
    mark = tape.mark(handle)
    first = [tape.allocate(handle, 50_000) for _ in range(10)]
    reserved = memory().bytes_reserved
    for _ in range(5):
        tape.release(handle, mark)
        assert memory().bytes_in_use == 64
        assert [tape.allocate(handle, 50_000) for _ in range(10)] == first
    assert memory().bytes_reserved == reserved
    assert ctypes.string_at(kept, 64) == b"\x07" * 64
    tape.leave(handle)


def test_mark_before_the_first_allocation(tape):
    handle = tape.enter()
    mark = tape.mark(handle)
    tape.allocate(handle, 10)
    tape.allocate(handle, 1_000_000)
    tape.release(handle, mark)
    assert memory().bytes_in_use == 0
    tape.leave(handle)


@pytest.mark.parametrize("size", [-1, -(2**63), 2**62, 2**46 + 1, 2**45])
def test_absurd_sizes_are_refused(tape, size):
    handle = tape.enter()
    assert tape.allocate(handle, size) is None
    assert tape.allocate(handle, 100) is not None
    tape.leave(handle)


def test_more_entries_than_slots(tape):
    handles = [tape.enter() for _ in range(arena_text.SLOTS + 10)]
    assert len(set(handles)) == len(handles)
    for handle in handles:
        tape.allocate(handle, 1000)
    before = memory()
    for handle in handles:
        tape.leave(handle)
    # those from malloc are counted when they are gone
    assert memory().allocations - before.allocations == 10
    assert memory().entries == memory().exits


def test_nested_entries_use_different_arenas(tape):
    outer = tape.enter()
    here = tape.allocate(outer, 64)
    for _ in range(3):
        inner = tape.enter()
        assert inner != outer
        assert tape.allocate(inner, 64) != here
        tape.leave(inner)
    tape.leave(outer)


def test_threads_do_not_share_memory(tape):
    """Every thread writes its number into all it gets and must find it there."""
    wrong = []

    def work(number: int) -> None:
        for round_number in range(200):
            handle = tape.enter()
            blocks = [(tape.allocate(handle, size), size) for size in (100, 5000, 70_000 * (round_number % 3) + 1)]
            for start, size in blocks:
                ctypes.memset(start, number, size)
            if any(ctypes.string_at(start, size) != bytes([number]) * size for start, size in blocks):
                wrong.append(number)
            tape.leave(handle)

    before = memory().entries
    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert memory().entries - before == 8 * 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_while_an_arena_is_in_use():
    """In the child the arena of the parent's thread stays taken, everything else works."""
    program = """
import ctypes, os
from test_arena import Arena
from numzyme.runtime import memory
tape = Arena()
handle = tape.enter()
start = tape.allocate(handle, 100)
child = os.fork()
other = tape.enter()
assert other != handle
assert tape.allocate(other, 1000000)
tape.leave(other)
tape.leave(handle)
assert memory().bytes_in_use == 0 and memory().entries == memory().exits
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=os.path.dirname(__file__))


def test_no_memory_for_a_published_array_is_not_a_missing_tangent():
    """The address 0 was left, which says that nothing was bound or that the tangent is zero."""
    arena.register()
    signature = ctypes.CFUNCTYPE(None, Pointer, Pointer, ctypes.c_int64)
    publish = signature(arena._functions["numzyme.arena.publish"])
    integers, data = np.zeros(room(1), np.int64), np.array([1.0, 2.0])
    publish(integers.ctypes.data, data.ctypes.data, data.nbytes)
    publish(integers[1:].ctypes.data, data.ctypes.data, 2**62)
    integers[3:] = 2, 8
    sent = Sent.read(integers, 0, numba.typeof(data))
    np.testing.assert_array_equal(sent.taken_over(), data)
    with pytest.raises(MemoryError, match="bound to a field"):
        sent.tangent_taken_over()
