"""What the user may pass as a function, as something that Numba compiles by itself.

Decides that Python functions and dispatchers with a fixed number of parameters go through as they are;
everything else callable (NumPy and `math` functions, ufuncs, `functools.partial`, functions with `*args`) is
put into a small Python function of as many arguments as the call has.
"""

from __future__ import annotations

import enum
import functools
import inspect
import types
from types import FunctionType, MethodType, NoneType
from typing import Any

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher

from . import refusals
from .activities import Const


@functools.cache
def compilable(f: Any, count: int) -> Any:
    """`f` for calls with `count` positional arguments."""
    f = getattr(f, "numzyme_inner", f)  # of a derivative
    if isinstance(f, types.FunctionType | Dispatcher) and not _has_open_arity(f):
        return f
    names = [f"value{index}" for index in range(count)]
    bound: list[str] = []
    scope: dict[str, Any] = {"__name__": __name__}
    inner = f
    if isinstance(f, functools.partial):
        inner = f.func
        for index, value in enumerate(f.args):
            scope[f"_bound{index}"] = value
            bound.append(f"_bound{index}")
        for name, value in f.keywords.items():
            scope[f"_bound_{name}"] = value
            names.append(f"{name}=_bound_{name}")
    scope["_inner"] = njit(inner) if isinstance(inner, types.FunctionType) else inner
    listed = ", ".join(f"value{index}" for index in range(count))
    exec(f"def call({listed}):\n    return _inner({', '.join(bound + names)})\n", scope)
    function, code = scope["call"], refusals.code_of(inner)
    if code is not None:  # for messages
        place = {"co_filename": code.co_filename, "co_firstlineno": code.co_firstlineno}
        function.__code__ = function.__code__.replace(**place)
    function.__name__ = function.__qualname__ = refusals.name_of(inner)
    function.numzyme_wraps = inner
    return function


_CONSTANTS = (
    *(int, float, complex, str, bytes, NoneType, type, enum.Enum, range, types.ModuleType),
    *(FunctionType, types.BuiltinFunctionType, Dispatcher, np.generic, np.dtype, np.ufunc),
)


def has_data_as_defaults(f: Any) -> bool:
    """Whether a function has defaults that may change, which Numba freezes."""
    return not _are_constants(_defaults_of(getattr(f, "py_func", f)))


def _defaults_of(function: Any) -> tuple:
    """The defaults of the last parameters; those that are keywords only come last, as in compiled code."""
    keywords = getattr(function, "__kwdefaults__", None) or {}
    if keywords:
        code = function.__code__
        names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        keywords = {name: keywords[name] for name in names if name in keywords}
    return (*(getattr(function, "__defaults__", None) or ()), *keywords.values())


def _are_constants(values: tuple) -> bool:
    return all(isinstance(v, _CONSTANTS) or (type(v) is tuple and _are_constants(v)) for v in values)


def defaults_as_data(f: Any, count: int) -> tuple[Const, ...]:
    """The defaults of what a call with `count` arguments leaves out, where the function has data as defaults."""
    if not has_data_as_defaults(f):
        return ()
    function = getattr(f, "py_func", f)
    code, defaults = function.__code__, _defaults_of(function)
    missing = code.co_argcount + code.co_kwonlyargcount - count - isinstance(f, MethodType)
    return tuple(map(Const, defaults[len(defaults) - missing :])) if 0 < missing <= len(defaults) else ()


def wrapped(function: Any) -> Any:
    """What is behind a function that `compilable` made: Numba freezes what it captures."""
    return getattr(function, "numzyme_wraps", function)


def _has_open_arity(f: Any) -> bool:
    parameters = inspect.signature(getattr(f, "py_func", f)).parameters.values()
    return any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
