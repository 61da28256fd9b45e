"""Whether Python objects are arrays, distinct ones, and laid out like their shadows: asked for all leaves at once.

And tuples of a class, made without a detour.

Decides at the first use whether machine code answers, which knows how CPython and NumPy lay out their objects, or
Python does: on other interpreters, and where the layout is not what it should be. Invariant: both answer alike.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba.core.compiler_lock import global_compiler_lock

from . import hand_written, identity_text
from .identity_text import CONGRUENT, DISTINCT, TUPLE_OF

MOST = identity_text.MOST
_FAST_CALL = 0x80  # METH_FASTCALL


def distinct(python_class: type) -> Callable[..., bool]:
    """The function that says whether its arguments, at most `MOST`, are distinct instances of the class itself."""
    address = _addresses().get(DISTINCT)
    return _distinct(python_class) if address is None else _callable(DISTINCT, address, python_class)


def congruent_arrays() -> Callable[..., bool]:
    """The function that compares NumPy arrays, each followed by its shadow; at most `MOST`.

    It says whether all are distinct arrays, and each pair (of numbers) has one dtype, shape and strides. No axis may be
    broadcast.
    """
    address = _addresses().get(CONGRUENT)
    return _congruent_arrays if address is None else _callable(CONGRUENT, address, np.ndarray)


def tuple_of(python_class: type[tuple]) -> Callable[..., Any]:
    """The function that makes an instance of the class of its arguments, as `tuple.__new__` does."""
    address = _addresses().get(TUPLE_OF)
    return _tuple_of(python_class) if address is None else _callable(TUPLE_OF, address, python_class)


def _tuple_of(python_class: type[tuple]) -> Callable[..., Any]:
    return lambda *members: tuple.__new__(python_class, members)


def _distinct(python_class: type) -> Callable[..., bool]:
    def distinct(*objects: Any) -> bool:
        return all(type(one) is python_class for one in objects) and len({*map(id, objects)}) == len(objects)

    return distinct


def _congruent_arrays(*pairs: Any) -> bool:
    return _distinct(np.ndarray)(*pairs) and all(map(_alike, pairs[::2], pairs[1::2]))


def _alike(x: np.ndarray, dx: np.ndarray) -> bool:
    described = [(one.dtype.num, one.dtype.byteorder, one.shape, one.strides) for one in (x, dx)]
    if described[0] != described[1]:
        return False
    return all(stride or length <= 1 for stride, length in zip(x.strides, x.shape, strict=True))


class _MethodDefinition(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    ]  # fmt: skip


@cache
@global_compiler_lock
def _addresses() -> dict[str, int]:
    """Where the machine code is; nothing where it does not fit."""
    expected = object.__basicsize__ == 16 and tuple.__basicsize__ == 24
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED") or not expected:
        return {}
    found = hand_written.register("numzyme.identity", identity_text.definitions(), [DISTINCT, CONGRUENT, TUPLE_OF])
    return found if _agree(found) else {}


_definitions: list[_MethodDefinition] = []  # CPython points at them


@cache
def _callable(name: str, address: int, python_class: type) -> Any:
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = ctypes.py_object, [ctypes.POINTER(_MethodDefinition), ctypes.py_object, ctypes.c_void_p]
    definition = _MethodDefinition(name.rpartition(".")[2].encode(), address, _FAST_CALL, None)
    _definitions.append(definition)
    return new(ctypes.byref(definition), (python_class, True, False), None)


def _agree(found: dict[str, int]) -> bool:
    """Whether machine code and Python agree on samples."""
    a, b, c = np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((3, 2))
    samples = [
        (),
        (a, b),
        (a, a),
        (a, 1),
        (a, c),
        (a, c.T),
        (a, b.astype("f4")),
        (a, b.astype(">f8")),
        (a, b[:, :1]),
        (a, b, c, c.copy()),
    ]
    samples += [(np.zeros(0), np.zeros(0)), (np.zeros(()), np.zeros(())), (np.broadcast_to(a[0], (2, 3)),) * 2]
    of_python = {DISTINCT: _distinct(np.ndarray), CONGRUENT: _congruent_arrays}
    return all(
        _callable(name, found[name], np.ndarray)(*sample) is function(*sample)
        for sample in samples
        for name, function in of_python.items()
    )
