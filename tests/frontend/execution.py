"""Runs canonical text: the proof that normalising keeps what a function computes, mutates and raises."""

from __future__ import annotations

import re
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils, imputils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.environment import lookup_environment
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from numba.core.typing import signature
from numba.extending import intrinsic

from numzyme.frontend import RawFunction, extract, normalise


@global_compiler_lock
def compiled(function: Any, argument_types: tuple, *, disjoint: bool = True, **options: Any) -> Any:
    """A njit function that calls the canonical text (ownership nrt) of `function`."""
    raw = extract(function, argument_types, **options)
    return call_of(raw, normalise(raw, disjoint=disjoint, ownership="nrt"))


def call_of(raw: RawFunction, text: str) -> Any:
    codegen = cpu_target.target_context.codegen()
    library = codegen.create_library(raw.symbol)
    library.add_llvm_module(llvm.parse_assembly(text))
    library.add_linking_library(rtsys.library)
    library.finalize()
    for name in set(re.findall(r"@(_ZN08NumbaEnv\w+)", text)):
        environment = lookup_environment(name)
        assert environment is not None, name
        codegen.set_env(name, environment)

    def lower(context, builder, call_signature, arguments):
        unpacked = [builder.extract_value(arguments[0], i) for i in range(len(raw.argument_types))]
        function_type = context.call_conv.get_function_type(raw.return_type, raw.argument_types)
        callee = cgutils.get_or_insert_function(builder.module, function_type, raw.symbol)
        assert isinstance(callee, ir.Function)
        status, result = context.call_conv.call_function(
            builder, callee, raw.return_type, raw.argument_types, unpacked
        )
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
