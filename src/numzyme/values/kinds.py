"""What a Python value is: a number, an array, a constant, a container, or something that is refused.

Decides by the class alone where that is enough, and remembers it. Invariant: whatever is not known to be
without a derivative, or known how to take apart, is refused; nothing is silently constant.
"""

from __future__ import annotations

import collections
import datetime
import enum
import functools
import pathlib
import re
import sys
import types
import weakref
from typing import Any

import numpy as np

from ..diagnostics import DifferentiationTypeError
from . import records
from .paths import Path


class Kind(enum.Enum):
    """How a value is taken apart."""

    SCALAR = enum.auto()  # one float or complex number
    ARRAY = enum.auto()  # floats or complex numbers, or records that hold some
    CONSTANT = enum.auto()  # has no derivative
    TUPLE = enum.auto()
    NAMED_TUPLE = enum.auto()
    LIST = enum.auto()
    DICT = enum.auto()
    OBJECT = enum.auto()  # dataclass or plain object
    PARTIAL = enum.auto()  # functools.partial
    METHOD = enum.auto()  # a bound method
    SPARSE = enum.auto()  # scipy.sparse csc, csr, coo
    RECORD = enum.auto()  # one record of a structured array


SCALARS = frozenset({float, complex, np.float32, np.float64, np.complex64, np.complex128})
DTYPES = frozenset(map(np.dtype, ("f4", "f8", "c8", "c16")))
SPARSE_FORMATS = ("csc", "csr", "coo")
SUPPORTED = (
    "supported: float and complex numbers (32 and 64 bit floats), arrays of them and of records that hold them; "
    "tuples, lists, dicts, NamedTuples, dataclasses and plain objects of these; scipy.sparse csc, csr and coo; and as "
    "constants int, bool, str, bytes, None, enum members, functions, integer, bool and string arrays"
)

_CONSTANTS = (
    *(enum.Enum, int, str, bytes, bytearray, type(None), range, type(Ellipsis), type(NotImplemented)),
    *(datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, pathlib.PurePath, re.Pattern),
    *(np.integer, np.bool_, np.character, np.datetime64, np.dtype, np.ufunc, type(np.sum), np.vectorize),
    *(type, types.ModuleType, types.FunctionType, types.GenericAlias, types.UnionType),
    *(types.WrapperDescriptorType, types.MethodDescriptorType, types.ClassMethodDescriptorType),
    type(functools.lru_cache(lambda: None)),
)
_DICTS = (dict, collections.OrderedDict)
# Built by C code but containers of values: what counts is inside.
_SETS = (set, frozenset)
_BOUND_TO_VALUES = (types.BuiltinFunctionType, types.MethodWrapperType)
# Py_TPFLAGS_HEAPTYPE, Py_TPFLAGS_IMMUTABLETYPE: what a class statement makes is the first and not the second.
_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8

_UNKNOWN: Any = object()
_kinds: weakref.WeakKeyDictionary[type, Kind | None] = weakref.WeakKeyDictionary()


def classify(value: Any, path: Path | None = None) -> Kind:
    """The kind of a value.

    Arguments: the value; the path to it, for messages.
    Raises: `DifferentiationTypeError` when numzyme cannot take it, naming the path.

    >>> classify(3.0), classify(3), classify([3])
    (<Kind.SCALAR: 1>, <Kind.CONSTANT: 3>, <Kind.LIST: 6>)
    """
    cls = type(value)
    if cls is np.ndarray or cls is np.recarray:
        return _array_kind(value, path)
    kind = _kinds.get(cls, _UNKNOWN)
    if kind is _UNKNOWN:
        kind = _kinds[cls] = _kind_of_class(cls)
    if kind is None:
        return _kind_by_contents(value, path)
    if kind is Kind.METHOD and classify(value.__self__, path) is Kind.CONSTANT:
        return Kind.CONSTANT  # a class method
    return _sparse_kind(value, path) if kind is Kind.SPARSE else kind


def refusal(value: Any, path: Path | None, what: str = "", *todo: str) -> DifferentiationTypeError:
    """The error for a value that cannot be differentiated."""
    return DifferentiationTypeError(
        f"{path or 'the value'} is {what or f'a {type(value)!r}'}, which cannot be differentiated or kept constant",
        why=SUPPORTED,
        todo=(*todo, "pass it as Const, or take it out of the arguments"),
    )


def _kind_of_class(cls: type) -> Kind | None:
    """None where the class does not say enough."""
    if cls in SCALARS:
        return Kind.SCALAR
    if issubclass(cls, _CONSTANTS) or cls.__module__ == "typing":
        return Kind.CONSTANT
    if _is_compiled_function(cls) or _is_random_generator(cls):
        return Kind.CONSTANT
    exact = {tuple: Kind.TUPLE, list: Kind.LIST, **dict.fromkeys(_DICTS, Kind.DICT), types.MethodType: Kind.METHOD}
    if cls in exact:
        return exact[cls]
    if issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
        return Kind.NAMED_TUPLE
    if issubclass(cls, functools.partial):
        return Kind.PARTIAL
    if _is_sparse(cls):
        return Kind.SPARSE
    return Kind.OBJECT if _is_plain(cls) else None


def _kind_by_contents(value: Any, path: Path | None) -> Kind:
    """For the few classes whose instances may or may not hide something that has a derivative."""
    hidden: tuple = ()
    if isinstance(value, _BOUND_TO_VALUES):
        hidden = () if isinstance(value.__self__, types.ModuleType) else (value.__self__,)
        if hidden and isinstance(hidden[0], np.random.Generator | np.random.RandomState):
            return Kind.CONSTANT
    elif isinstance(value, _SETS):
        hidden = tuple(value)
    elif isinstance(value, slice):
        hidden = (value.start, value.stop, value.step)
    elif isinstance(value, np.void) and value.dtype.names is not None:
        return Kind.RECORD if _array_kind(value, path) is Kind.ARRAY else Kind.CONSTANT
    else:
        hint = ("convert it with numpy.asarray",) if isinstance(value, np.ndarray) else ()
        hint = ("convert it with float or complex",) if isinstance(value, np.inexact | float) else hint
        raise refusal(value, path, "", *hint)
    for part in hidden:
        if not (_is_frozen_tuple_of_constants(part) or classify(part, path) is Kind.CONSTANT):
            raise refusal(value, path, f"a {type(value)!r} that holds a {type(part)!r}")
    return Kind.CONSTANT


def _is_frozen_tuple_of_constants(value: Any) -> bool:
    return type(value) is tuple and all(
        _is_frozen_tuple_of_constants(part) or classify(part) is Kind.CONSTANT for part in value
    )


def _array_kind(array: np.ndarray | np.void, path: Path | None) -> Kind:
    dtype = array.dtype
    if dtype.names is not None:
        problem = records.problem_of(dtype)
        if problem:
            raise refusal(array, path, f"an array of records of which {problem}", "leave the field out of the dtype")
        return Kind.ARRAY if records.has_numbers(dtype) else Kind.CONSTANT
    if dtype in DTYPES and dtype.isnative:
        return Kind.ARRAY
    if dtype.kind in "iubSUmMT" and dtype.isnative:
        return Kind.CONSTANT
    if not dtype.isnative:
        todo = "convert it with x.astype(x.dtype.newbyteorder('='))"
        raise refusal(array, path, f"a byte-swapped array ({dtype.str})", todo)
    todo = ("convert it with x.astype(numpy.float32) or float64",) if dtype.kind in "fc" else ()
    raise refusal(array, path, f"an array of dtype {dtype}", *todo)


def _sparse_kind(value: Any, path: Path | None) -> Kind:
    if value.format not in SPARSE_FORMATS:
        todo = f"convert it with .tocsr(), .tocsc() or .tocoo(); formats: {', '.join(SPARSE_FORMATS)}"
        raise refusal(value, path, f"a scipy.sparse {type(value).__name__} (format {value.format})", todo)
    return Kind.SPARSE if _array_kind(value.data, path) is Kind.ARRAY else Kind.CONSTANT


def is_sparse(value: Any) -> bool:
    """Whether a value is an array or matrix of scipy.sparse; one of integers is a constant."""
    return _is_sparse(type(value))


def _is_sparse(cls: type) -> bool:
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and issubclass(cls, sparse.sparray | sparse.spmatrix)


def _is_random_generator(cls: type) -> bool:
    return issubclass(cls, np.random.Generator | np.random.RandomState | np.random.BitGenerator)


def _is_compiled_function(cls: type) -> bool:
    """Dispatchers, callbacks and ufuncs of Numba."""
    containers = ("numba.typed", "numba.experimental")
    inside = [base.__module__ for base in cls.__mro__ if base.__module__.startswith("numba.")]
    return bool(inside) and "__call__" in dir(cls) and not any(name.startswith(containers) for name in inside)


def _is_plain(cls: type) -> bool:
    """All that an instance holds is seen in its `__dict__` and slots: no class below it is made by C code."""
    if any(base.__module__.startswith("numba.") for base in cls.__mro__):
        return False
    return cls is not object and all(base is object or _is_written_in_python(base) for base in cls.__mro__)


def _is_written_in_python(cls: type) -> bool:
    # A class of C code that keeps data of its own has a constructor of C code, too, or cannot be extended.
    made_by_statement = cls.__flags__ & _HEAP_TYPE and not cls.__flags__ & _IMMUTABLE_TYPE
    has_attributes = cls.__dictoffset__ != 0 or "__slots__" in cls.__dict__
    c_constructor = isinstance(cls.__dict__.get("__new__"), types.BuiltinFunctionType)
    return bool(made_by_statement) and has_attributes and not c_constructor
