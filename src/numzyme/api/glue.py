"""Compiled callables of the API: an intrinsic per call, and dispatchers around it for Python.

Decides that Numba's own dispatcher chooses the version for the argument types, since nothing in Python is as
fast. Everything is made once per `Call`, whatever the types.
"""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any, NoReturn

from numba import njit
from numba.core import config
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError
from numba.extending import intrinsic

from .. import frontend
from ..diagnostics import DifferentiationError, DifferentiationValueError
from ..ir.exceptions import restore_context
from . import lowering, overlap, refusals
from .calls import Call, TypedCall
from .stored import StoredDispatcher


@cache
def core(call: Call, count: int, owns_values: bool) -> Any:
    """The intrinsic that makes `call` in compiled code, on its `count` runtime values.

    `owns_values`: its caller is made by us and holds one reference to each of them.
    """

    def typed_call(typing_context: Any, values: tuple) -> tuple:
        typed = TypedCall.of(call, values, frontend.is_private(typing_context))

        def generate(context, builder, signature, arguments):
            return lowering.emit(context, builder, typed, arguments, owns_values)

        return typed.result(*values), generate

    names = ", ".join(f"value{index}" for index in range(count))
    scope: dict[str, Any] = {"typed_call": typed_call}
    exec(f"def typing(typing_context, {names}):\n    return typed_call(typing_context, ({names},))\n", scope)
    return intrinsic(scope["typing"])


def dispatcher(call: Call, names: Sequence[str], defaults: tuple = ()) -> Dispatcher:
    """A jitted function of the parameters `names` that makes `call`; nogil when the user's function is."""
    listed = ", ".join(names)
    scope: dict[str, Any] = {"_numzyme_core": core(call, len(names), True), "__name__": __name__}
    exec(f"def call({listed}):\n    return _numzyme_core({listed})\n", scope)
    function = scope["call"]
    function.__name__ = function.__qualname__ = refusals.name_of(call.function)
    function.__defaults__ = defaults or None
    nogil = getattr(call.function, "targetoptions", {}).get("nogil", False)
    options: dict[str, Any] = {"nogil": nogil, "no_cfunc_wrapper": True}
    if call.inline or getattr(config, "DISABLE_JIT", False):
        return njit(**options)(function)
    # Symbols are made of this name; code from other processes must not have the same ones.
    function.__qualname__ += f".{secrets.token_hex(8)}"
    return StoredDispatcher(call, function, options | {"nopython": True, "boundscheck": None})


@cache
def positional_dispatcher(call: Call, count: int) -> Dispatcher:
    """`dispatcher` for `count` runtime values, for those who need no names."""
    return dispatcher(call, [f"value{index}" for index in range(count)])


def refused_for_strides(error: Exception) -> bool:
    """Whether `error` says that a shadow is laid out differently than its primal."""
    return _is_refusal(error) and isinstance(overlap.this_thread.error, refusals.OtherStridesError)


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, DifferentiationValueError) and error.what == overlap.REFUSAL


def _is_too_big(error: Exception) -> bool:
    """Whether an integer argument has more bits than Numba takes."""
    return isinstance(error, OverflowError) and "int too big to convert" in str(error)


def raise_translated(error: Exception, function: Any, values: Sequence[Any] = ()) -> NoReturn:
    """Raise what stands for the error of a dispatcher, called with `values`: refusals in full, all else as it is."""
    restore_context(error)
    if _is_refusal(error) and overlap.this_thread.error is not None:
        error, overlap.this_thread.error = overlap.this_thread.error, None
    elif isinstance(error, NumbaError) or _is_too_big(error):
        error = refusals.unknown_argument(function, error, values)
    if isinstance(error, DifferentiationError):
        if error.where is not None and error.where.file.endswith("<string>"):  # written by numzyme, for a transform
            error.where = refusals.location_of(inspect.unwrap(function)) or error.where
        if error.where is None:
            error.where = refusals.location_of(inspect.unwrap(function))
        error.args = (error.what,)  # Numba prepends the name of its pipeline step
        error.__traceback__ = None  # a hundred frames of the compiler
        error.__cause__ = None  # and what it was made of is not shown; the context of a user's own exception is
    try:
        raise error
    finally:
        del error, values  # or the exception, its traceback and this frame keep each other, and the arguments
