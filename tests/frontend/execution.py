"""Runs canonical text: the proof that normalising keeps what a function computes, mutates and raises."""

from __future__ import annotations

import re
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numba import njit, types
from numba.core import cgutils, imputils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import lookup_environment
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys
from numba.core.typing.templates import signature
from numba.extending import intrinsic

from numzyme.frontend import RawFunction
from numzyme.runtime.link import with_records

_ALLOCATE = """
define internal ptr @{}(i64 %size) {{
  %memory = call ptr @NRT_Allocate(i64 %size)
  ret ptr %memory
}}
"""


@global_compiler_lock
def callable_of(raw: RawFunction, text: str) -> Any:
    """A njit function that calls the canonical text of `raw`; memory of an arena is never freed."""
    allocate = re.compile(r"^declare .*@(numzyme\.allocate(?:\.list)?)\(.*\n", re.M)
    text = allocate.sub(lambda found: _ALLOCATE.format(found[1]), text)
    if "@numzyme.allocate" in text and not re.search(r"^declare .*@NRT_Allocate\(", text, re.M):
        text += "\ndeclare ptr @NRT_Allocate(i64)\n"
    text = with_records(text)
    codegen = cpu_target.target_context.codegen()
    library = codegen.create_library(raw.symbol)
    module = llvm.parse_assembly(text)
    # Both ownerships of one function are compiled into one process: their symbols must differ.
    symbol = f"{raw.symbol}.{len(_used)}"
    _used.append(symbol)
    module.get_function(raw.symbol).name = symbol
    library.add_llvm_module(module)
    library.add_linking_library(rtsys.library)
    library.finalize()
    for name in set(re.findall(r"@(_ZN08NumbaEnv[\w.$]+)", text)):
        environment = lookup_environment(name)
        assert environment is not None, name
        codegen.set_env(name, environment)

    def lower(context, builder, call_signature, arguments):
        unpacked = [builder.extract_value(arguments[0], i) for i in range(len(raw.argument_types))]
        function_type = context.call_conv.get_function_type(raw.return_type, raw.argument_types)
        callee: Any = cgutils.get_or_insert_function(builder.module, function_type, symbol)
        status, result = context.call_conv.call_function(builder, callee, raw.return_type, raw.argument_types, unpacked)
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        context.active_code_library.add_linking_library(library)
        return imputils.impl_ret_new_ref(context, builder, raw.return_type, result)

    @intrinsic
    def call(typing_context, arguments):
        return signature(raw.return_type, types.Tuple(raw.argument_types)), lower

    @njit
    def caller(*arguments):
        return call(arguments)

    return caller


_used: list[str] = []


def outcome(function: Any, arguments: list[Any]) -> tuple:
    """Result or exception of a call, and the arguments after it, in a form that compares bit for bit."""
    try:
        result = ("result", _bits(function(*arguments)))
    except Exception as error:
        result = (type(error).__name__, tuple(map(str, error.args)))
    return result, _bits(tuple(arguments))


def _bits(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_bits, value))
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), value.tobytes()
    return type(value).__name__, np.asarray(value).tobytes() if value is not None else None
