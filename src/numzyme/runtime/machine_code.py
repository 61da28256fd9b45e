"""LLVM text to machine code through Numba's code generator.

Decides that the text is optimised once, by the same O3 pipeline that Numba ends with (Numba's own libraries
run a cheap pipeline first, to prune reference counts; text that comes here was pruned before it was
differentiated). Invariant: only the functions in `keep` are visible outside; everything else is internal, so
that two versions of one function can live in one engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import llvmlite.binding as llvm
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import require_global_compiler_lock
from numba.core.environment import lookup_environment
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys

ENVIRONMENT_PREFIX = "_ZN08NumbaEnv"


class DerivativeLibrary(JITCodeLibrary):
    """A library of Numba's CPU code generator whose module gets the full pipeline only.

    `environments` are those that its code points at; Numba itself keeps them only as long as their functions live.
    """

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.environments: list[Any] = []

    def add_llvm_module(self, ll_module: llvm.ModuleRef) -> None:
        """Link without the function passes: they would only repeat what was done before."""
        ll_module.data_layout = self._codegen._data_layout
        self._final_module.link_in(ll_module)

    def _get_module_for_linking(self) -> llvm.ModuleRef:
        """For callers that want the derivative inlined: its calling convention costs more than its size."""
        first_time = self._shared_module is None
        module = super()._get_module_for_linking()
        if first_time:
            module.get_function(self.name).add_function_attribute("alwaysinline")
        return module

    def _optimize_final_module(self) -> None:
        manager, builder = self._codegen._module_pass_manager()
        manager.run(self._final_module, builder)


class HandWrittenLibrary(DerivativeLibrary):
    """For text that a person wrote as it should be: only `alwaysinline` is done, in no time."""

    def _optimize_final_module(self) -> None:
        manager = llvm.create_new_module_pass_manager()
        manager.add_always_inliner_pass()
        manager.run(self._final_module, self._codegen._pass_builder())


def compile_text(
    name: str, text: str, keep: Mapping[str, str], kind: type[DerivativeLibrary] = DerivativeLibrary
) -> DerivativeLibrary:
    """Compile the module `text`; the caller holds Numba's compiler lock.

    `keep`: the functions of the text to be visible, with the name that each gets.
    """
    require_global_compiler_lock()
    library = kind(_target_context().codegen(), name)
    library.enable_object_caching()
    module = llvm.parse_assembly(text)
    module.verify()
    _hide_all_but(module, keep)
    library.add_llvm_module(module)
    if kind is DerivativeLibrary:
        rtsys.initialize(_target_context())
        library.add_linking_library(rtsys.library)
    library.finalize()
    _set_environments(library)
    return library


def _target_context() -> Any:
    return cpu_target.target_context


def _hide_all_but(module: llvm.ModuleRef, keep: Mapping[str, str]) -> None:
    shared = {llvm.Linkage.internal, llvm.Linkage.private, llvm.Linkage.common}
    for value in (*module.functions, *module.global_variables):
        if not value.is_declaration and value.name not in keep and value.linkage not in shared:
            value.linkage = llvm.Linkage.internal
    for name, visible in keep.items():
        module.get_function(name).name = visible


def _set_environments(library: DerivativeLibrary) -> None:
    """Point the module's Numba environments at the live ones: print and exceptions with arguments read
    them."""
    code_generator: Any = library.codegen
    for variable in library._final_module.global_variables:
        if variable.name.startswith(ENVIRONMENT_PREFIX):
            environment = lookup_environment(variable.name)
            if environment is not None:
                code_generator.set_env(variable.name, environment)
                library.environments.append(environment)
