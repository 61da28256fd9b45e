"""What Python code objects say: their content without anything of this process, and the names that they use."""

from __future__ import annotations

import builtins
import dis
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any

_MISSING = "not defined"
_GLOBAL_OPERATIONS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}


def code_token(code: CodeType, token: Callable[[Any], Any]) -> Any:
    """The content of `code`, lines and file name included."""
    constants = tuple(
        code_token(constant, token) if isinstance(constant, CodeType) else token(constant)
        for constant in code.co_consts
    )
    return (
        code.co_filename, code.co_firstlineno, code.co_name, code.co_qualname, code.co_flags, code.co_argcount,
        code.co_posonlyargcount, code.co_kwonlyargcount, code.co_names, code.co_varnames, code.co_freevars,
        code.co_cellvars, code.co_code, code.co_linetable, code.co_exceptiontable, constants,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def names_of(code: CodeType) -> frozenset[str]:
    """All names by which `code` may look something up in a module or an object: `getattr(x, "name")` counts."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= names_of(constant)
        elif isinstance(constant, str) and constant.isidentifier():
            found.add(constant)
    return frozenset(found)


@lru_cache(maxsize=4096)
def globals_of(code: CodeType) -> tuple[str, ...]:
    """The names that `code` and the functions inside it look up in the module."""
    found: dict[str, None] = {}
    for instruction in dis.get_instructions(code):
        if instruction.opname in _GLOBAL_OPERATIONS:
            found[instruction.argval] = None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(dict.fromkeys(globals_of(constant)))
    return tuple(found)


def builtin_or_global(function: FunctionType, name: str) -> Any:
    """What the global name `name` means in `function`."""
    if name in function.__globals__:
        return function.__globals__[name]
    return getattr(builtins, name, _MISSING)
