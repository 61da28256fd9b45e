"""Compiled callables of the API: an intrinsic per call, and dispatchers around it for Python.

Decides that Numba's own dispatcher chooses the version for the argument types, since nothing in Python is as
fast. Everything is made once per `Call`, whatever the types.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from numba import njit
from numba.core.dispatcher import Dispatcher
from numba.core.errors import NumbaError
from numba.extending import intrinsic

from ..diagnostics import DifferentiationError, DifferentiationValueError
from . import lowering, overlap, refusals
from .calls import Call, TypedCall


@cache
def core(call: Call) -> Any:
    """The intrinsic that makes `call` in compiled code; its argument is the tuple of the runtime values."""

    def typing(typing_context, values):
        typed = TypedCall.of(call, tuple(values.types))

        def generate(context, builder, signature, arguments):
            count = len(typed.slots)
            return lowering.emit(
                context, builder, typed, [builder.extract_value(arguments[0], i) for i in range(count)]
            )

        return typed.result(values), generate

    typing.__name__ = f"numzyme_{refusals.name_of(call.function)}"
    return intrinsic(typing)


def dispatcher(call: Call, names: Sequence[str], defaults: tuple = ()) -> Dispatcher:
    """A jitted function of the parameters `names` that makes `call`; its GIL behaviour is the user
    function's."""
    listed = ", ".join(names)
    source = f"def call({listed}):\n    return _numzyme_core(({listed}{',' if names else ''}))\n"
    scope: dict[str, Any] = {"_numzyme_core": core(call), "__name__": __name__}
    exec(source, scope)
    function = scope["call"]
    function.__name__ = function.__qualname__ = refusals.name_of(call.function)
    function.__defaults__ = defaults or None
    options = getattr(call.function, "targetoptions", {})
    return njit(nogil=bool(options.get("nogil")))(function)


@cache
def positional_dispatcher(call: Call, count: int) -> Dispatcher:
    """`dispatcher` for `count` runtime values, for those who need no names."""
    return dispatcher(call, [f"value{index}" for index in range(count)])


def translated(error: Exception, function: Any) -> Exception:
    """The error to raise for what a dispatcher raised: refusals in full, everything else as it is."""
    if isinstance(error, DifferentiationValueError) and overlap.pending.error is not None:
        error, overlap.pending.error = overlap.pending.error, None
    elif isinstance(error, NumbaError):
        error = refusals.unknown_argument(function, error)
    if isinstance(error, DifferentiationError):
        error.args = (error.what,)  # Numba prepends the name of its pipeline step
        error.__traceback__ = None  # a hundred frames of the compiler
    return error
