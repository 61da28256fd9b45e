"""The user's functions in a form that Numba reads.

Invariant: what is read means what the user wrote; lines and names stay.
"""

from __future__ import annotations

import dis
import functools
import inspect
from itertools import dropwhile, pairwise
from types import CodeType, FunctionType

from numba.core import errors

from ..diagnostics import DifferentiationTypeError, SourceLocation


class Mark:
    """What stands in the place of a default that is no constant; its name is part of those of compiled functions."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


LEFT_OUT = Mark("left_out")  # its value is known where the function is made, and captured
REQUIRED = Mark("required")  # there is none: a keyword-only parameter behind parameters that have one


class AnyKeywordsError(errors.TypingError, ValueError):
    """Numba adds the line to a ValueError about a name's value."""


def written_for_numba(function: FunctionType) -> FunctionType:
    """`function`, or one that does the same and that Numba compiles."""
    _refuse_any_keywords(function)
    return without_copies(with_positional_keywords(function))


def _refuse_any_keywords(function: FunctionType) -> None:
    code = function.__code__
    if code.co_flags & inspect.CO_VARKEYWORDS:
        name = code.co_varnames[code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & inspect.CO_VARARGS)]
        decorators = (function.__module__ or "").startswith("numba.")
        todo = "decorate functions outside" if decorators else f"write the keywords out in place of **{name}"
        # of `numba.njit`, an attribute, a ValueError would say that there is none
        error = errors.TypingError if decorators else AnyKeywordsError
        raise error(f"`{function.__name__}` takes any keywords, which compiled code cannot pass: {todo}")


def with_positional_keywords(function: FunctionType) -> FunctionType:
    """`function` with its keyword-only parameters as ordinary ones, which Numba gives their defaults."""
    code, defaults = function.__code__, function.__kwdefaults__ or {}
    names = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    takes_any = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    if names and takes_any and not (function.__module__ or "").startswith(("numba.", "numzyme.")):
        starred = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        raise DifferentiationTypeError(
            f"`{function.__name__}` has the keyword parameter {names[0]} behind *{starred}",
            where=SourceLocation(code.co_filename, code.co_firstlineno, code.co_name),
            why="Numba would take a positional argument for it",
            todo=(f"put {names[0]} in front of the starred parameter",),
        )
    if not names or takes_any:
        return function
    changed = code.replace(co_argcount=code.co_argcount + len(names), co_kwonlyargcount=0)
    given = [*(function.__defaults__ or ()), *(defaults.get(name, REQUIRED) for name in names)]
    given = tuple(dropwhile(lambda value: value is REQUIRED, given))
    return FunctionType(changed, function.__globals__, function.__name__, given, function.__closure__)


def without_copies(function: FunctionType) -> FunctionType:
    """`function` with `name := value` as a store and a load: Numba 0.68 loses the value that Python copies."""
    return with_code(function, _code_without_copies(function.__code__))


def with_code(function: FunctionType, code: CodeType) -> FunctionType:
    """`function`, or a copy of it with other code."""
    if code == function.__code__:  # a cache may know an equal one
        return function
    made = FunctionType(code, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__, made.__qualname__ = function.__kwdefaults__, function.__qualname__
    made.__module__ = function.__module__
    return made


@functools.cache
def _code_without_copies(code: CodeType) -> CodeType:
    """The code, and that of the functions that are made inside."""
    changed = bytearray(code.co_code)
    for copy, store in pairwise(dis.get_instructions(code)):
        copies = copy.opname == "DUP_TOP" or (copy.opname == "COPY" and copy.arg == 1)
        if copies and store.opname in ("STORE_FAST", "STORE_DEREF") and not store.is_jump_target:
            assert store.arg is not None and store.offset == copy.offset + 2
            load = dis.opmap[store.opname.replace("STORE", "LOAD")]
            changed[copy.offset : store.offset + 2] = (store.opcode, store.arg, load, store.arg)
    constants = tuple(_code_without_copies(c) if isinstance(c, CodeType) else c for c in code.co_consts)
    if changed == code.co_code and all(one is other for one, other in zip(constants, code.co_consts, strict=True)):
        return code
    return code.replace(co_code=bytes(changed), co_consts=constants)
