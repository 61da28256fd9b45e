"""Line tables: every instruction of a user's function knows its Python line, at no cost in the code.

Invariant: no variables, no types and no lifetimes are described, so the instructions are those of a compilation
without debug information. Only user functions have lines; LLVM gives inlined instructions of Numba's own functions
the line of the call. Code that Numba itself inlined from another user file is placed in a scope of that file.
"""

from __future__ import annotations

import importlib
import itertools
import os
from typing import Any

import numba
from numba.core import compiler, debuginfo, errors, ir, lowering, typed_passes
from numba.core.compiler import Compiler as NumbaCompiler
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import InlineOverloads, NativeLowering, NopythonTypeInference
from numba.core.untyped_passes import (
    InlineClosureLikes,
    LiteralUnroll,
    RewriteDynamicRaises,
    TranslateByteCode,
    WithLifting,
)
from numba.core.untyped_passes import ReconstructSSA as NumbasReconstructSSA

from .comprehensions import ArraysFromLists
from .contexts import CompiledContexts
from .dead_code import remove_unread_values
from .objects.closures import ReadCaptured, TranslateClosure
from .objects.exception_records import PassedOn, handled, lower_passing_on
from .objects.kinds import called_method
from .objects.made_inside import HandedOn, NothingLater
from .objects.recursion import lower_call_in_progress
from .objects.specialise import Specialise
from .objects.ssa import ReconstructSSA
from .objects.translate import read_inside

MOST_CALLS = 300  # of functions made inside of one, that are inlined
NUMBA_DIRECTORY = os.path.dirname(os.path.abspath(numba.__file__)) + os.sep


class LineTable(debuginfo.DIBuilder):
    """Numba's writer of debug information, reduced to lines."""

    def __init__(self, module, filepath, cgctx, directives_only) -> None:
        super().__init__(module, filepath, cgctx, directives_only)
        self._source = self._file = filepath
        self._line = 0
        self._scopes: dict[str, Any] = {}

    def initialize(self) -> None:
        self.emission_kind = "NoDebug"
        super().initialize()

    def enter_file(self, filename: str) -> None:
        """Say which file the lines to come are in."""
        self._file = filename

    def mark_variable(self, *args, **kwargs) -> None:
        """Variables are not described: their records would keep values alive."""

    def _di_subroutine_type(self, line, function, argmap):
        return self.module.add_debug_info("DISubroutineType", {"types": self.module.add_metadata([])})

    def _di_location(self, line):
        if self._file == self._source:
            self._line = line
            return super()._di_location(line)
        here = super()._di_location(self._line or line)
        if self._file.startswith(NUMBA_DIRECTORY):
            return here
        place = {"line": line, "column": 1, "scope": self._scope_of(self._file), "inlinedAt": here}
        return self.module.add_debug_info("DILocation", place)

    def _scope_of(self, filename: str) -> Any:
        if filename not in self._scopes:
            path = os.path.abspath(filename)
            parts = {"directory": os.path.dirname(path), "filename": os.path.basename(path)}
            file = self.module.add_debug_info("DIFile", parts)
            description = {
                "name": "", "scope": file, "file": file, "line": 1, "type": self._di_subroutine_type(1, None, {}),
                "isLocal": False, "isDefinition": True, "scopeLine": 1, "isOptimized": True,
                "unit": self.dicompileunit,
            }  # fmt: skip
            self._scopes[filename] = self.module.add_debug_info("DISubprogram", description, is_distinct=True)
        return self._scopes[filename]


class Lower(lowering.Lower):
    loc: Any

    def _compute_def_location(self):
        # Numba parses the whole source file for the exact line of `def`; nobody reads that line here.
        return self.func_ir.loc

    def _lower_call_normal(self, fnty: Any, expr: Any, signature: Any):
        method = called_method(self.context.typing_context, fnty, len(signature.args)) if signature.recvr else None
        if method is not None:
            arguments = [self.loadvar(expr.func.name)]
            arguments += self.fold_call_args(fnty, signature, expr.args, expr.vararg, expr.kws)
            result = lower_call_in_progress(self, method.function_type, signature, arguments)
            if result is not None:
                return result
        return super()._lower_call_normal(fnty, expr, signature)

    def lower_block(self, block):
        handled(self.builder).clear()
        super().lower_block(block)

    def lower_try_dynamic_raise(self, inst):
        # Numba has no use for the arguments, since it passes no exception on
        kinds, args = [], []
        for argument in inst.exc_args:
            is_known = not isinstance(argument, ir.Var)
            kinds.append(None if is_known else self.typeof(argument.name))
            args.append(argument if is_known else self.loadvar(argument.name))
            if not is_known:
                self.incref(kinds[-1], args[-1])
        if any(kinds):
            self.call_conv.set_dynamic_user_exc(
                self.builder, inst.exc_class, tuple(args), tuple(kinds), self.loc, self.func_ir.func_id.func_name
            )
        else:
            super().lower_try_dynamic_raise(inst)

    def lower_static_raise(self, inst):
        if inst.exc_class is PassedOn:
            lower_passing_on(self.context, self.builder)
        else:
            super().lower_static_raise(inst)

    def lower_inst(self, inst):
        if isinstance(self.debuginfo, LineTable):
            self.debuginfo.enter_file(self.loc.filename)
        return super().lower_inst(inst)


class _LoweringWithLines(NativeLowering):
    _name = "numzyme_native_lowering"

    @property
    def lowering_class(self):
        return Lower


register_pass(mutates_CFG=True, analysis_only=False)(_LoweringWithLines)


class _InlineWithHandlers(InlineClosureLikes):
    """Inlines functions that are made inside, which are read as all others are.

    What is left over is removed, and nothing else.
    """

    _name = "numzyme_inline_closures"

    def run_pass(self, state: Any) -> Any:
        inlining: Any = importlib.import_module("numba.core.inline_closurecall")  # which loads Numba's compiler
        plain, plain_removal = compiler.run_frontend, inlining.dead_code_elimination
        plain_call, calls = inlining.inline_closure_call, itertools.count(1)

        def run_frontend(function: Any, *args: Any, **options: Any) -> Any:
            return read_inside(function) or plain(function, *args, **options)

        def inline_closure_call(func_ir: Any, names: Any, block: Any, position: int, *args: Any, **options: Any) -> Any:
            if next(calls) > MOST_CALLS:
                what = "calls of functions that are made inside lead to further ones without end"
                raise errors.UnsupportedError(f"{what}: write a `def` that calls itself", block.body[position].loc)
            return plain_call(func_ir, names, block, position, *args, **options)

        compiler.run_frontend = run_frontend  # Numba asks its modules; the lock of its compiler is ours
        inlining.dead_code_elimination, inlining.inline_closure_call = remove_unread_values, inline_closure_call
        try:
            with ArraysFromLists(state.args):
                return super().run_pass(state)
        finally:
            compiler.run_frontend, inlining.dead_code_elimination = plain, plain_removal
            inlining.inline_closure_call = plain_call
            state.typingctx.refresh()  # reading may have made functions


register_pass(mutates_CFG=True, analysis_only=False)(_InlineWithHandlers)


class _InlineAndKeepStores(InlineOverloads):
    """Inlines functions of Numba's that ask for it, and removes nothing that anybody could notice."""

    _name = "numzyme_inline_overloads"

    def run_pass(self, state: Any) -> Any:
        passes: Any = typed_passes
        plain, passes.dead_code_elimination = passes.dead_code_elimination, remove_unread_values
        try:
            return super().run_pass(state)
        finally:
            passes.dead_code_elimination = plain


register_pass(mutates_CFG=True, analysis_only=False)(_InlineAndKeepStores)


_REPLACED: dict[Any, Any] = {
    InlineClosureLikes: _InlineWithHandlers,
    InlineOverloads: _InlineAndKeepStores,
    NativeLowering: _LoweringWithLines,
    TranslateByteCode: TranslateClosure,
    NumbasReconstructSSA: ReconstructSSA,
    WithLifting: CompiledContexts,
}


class Compiler(NumbaCompiler):
    """Numba's pipeline with our lowering, and specialisation to the types of objects."""

    def define_pipelines(self) -> list[PassManager]:
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            pipeline.passes = [(_REPLACED.get(step, step), description) for step, description in pipeline.passes]
            pipeline.add_pass_after(Specialise, LiteralUnroll)
            pipeline.add_pass_after(ReadCaptured, LiteralUnroll)
            pipeline.add_pass_after(HandedOn, RewriteDynamicRaises)
            pipeline.add_pass_after(NothingLater, NopythonTypeInference)
            pipeline.finalize()
        return pipelines
