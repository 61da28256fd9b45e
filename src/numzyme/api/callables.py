"""What the user may pass as a function, as something that Numba compiles by itself.

Decides that Python functions and dispatchers with a fixed number of parameters go through as they are;
everything else callable (NumPy and `math` functions, ufuncs, `functools.partial`, functions with `*args`) is
put into a small Python function of as many arguments as the call has.
"""

from __future__ import annotations

import functools
import inspect
import types
from typing import Any

from numba import njit
from numba.core.dispatcher import Dispatcher

from . import refusals


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


def wrapped(function: Any) -> Any:
    """What is behind a function that `compilable` made: Numba freezes what it captures."""
    return getattr(function, "numzyme_wraps", function)


def _has_open_arity(f: Any) -> bool:
    parameters = inspect.signature(getattr(f, "py_func", f)).parameters.values()
    return any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
