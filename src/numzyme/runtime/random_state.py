"""The state of Numba's generators of random numbers in this thread, to be taken and put back.

A function that draws is to draw the same in every pass of one derivative. Invariant: all that a generator knows is in
the bytes, the second number of a pair of normal ones included.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from numba import _helperlib  # type: ignore[attr-defined]
from numba.core.registry import cpu_target

_helpers: Any = _helperlib


@cache
def _size() -> int:
    from numba.cpython.randomimpl import rnd_state_t  # part of the compiler, which not every process loads

    context: Any = cpu_target.target_context
    return context.get_abi_sizeof(rnd_state_t)


def _places() -> tuple[int, int]:
    """Where the states are of `numpy.random` and of `random` in compiled code; every thread has its own."""
    return _helpers.rnd_get_np_state_ptr(), _helpers.rnd_get_py_state_ptr()


def random_state() -> tuple[bytes, ...]:
    """Both states as they are now."""
    return tuple(ctypes.string_at(place, _size()) for place in _places())


def set_random_state(states: tuple[bytes, ...]) -> None:
    """Make both states what `random_state` gave."""
    for place, state in zip(_places(), states, strict=True):
        ctypes.memmove(place, state, len(state))
