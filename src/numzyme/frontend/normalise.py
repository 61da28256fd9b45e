"""Normalisation: raw LLVM text of a call graph -> the canonical text that gets differentiated.

Invariants of the result: only the root is external; scalar code (no vectorising, interleaving or unrolling);
every loop has a preheader, one latch and dedicated exits, and is in LCSSA form; reference counts and
allocations are in the form that `ownership` asks for; the value computed is bit for bit that of the raw text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
from numba.core import types
from numba.core.compiler_lock import global_compiler_lock

from .equality import hide, reveal, reveal_known
from .extract import RawFunction
from .graphs import recursive_functions
from .inlining import mark_for_inlining
from .numerics.powers import with_powers_by_value
from .ownership import own_memory
from .records import with_valid_marks
from .target import target_for
from .twins import add_twins, state_purity, worthwhile

# llvmlite hands LLVM the lowest eight bits of the inlining threshold: this is the largest there is.
INLINING_THRESHOLD = 255

_UNRESOLVED = re.compile(r'^@"?\.numba\.unresolved\$([^" ]+)"? = external global ptr.*$', re.M)
_ENVIRONMENT = re.compile(r"^@(_ZN08NumbaEnv[\w.$]+) = common .*\n", re.M)
_LINKAGE = "dso_local |internal |private |linkonce_odr |linkonce |weak_odr |weak |hidden "
_DEFINITION = re.compile(rf"^define (?:{_LINKAGE})*(.*)$", re.M)
_PURE_FUNCTIONS = (
    "acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs floor fma fmod "
    "hypot lgamma log log10 log1p log2 nextafter pow remainder rint round sin sinh sqrt tan tanh tgamma trunc"
)
_PURE_DECLARATION = re.compile(
    rf"^declare (double|float) @((?:{'|'.join(_PURE_FUNCTIONS.split())})f?)\(([^)]*)\).*$", re.M
)
_BLAS_DECLARATION = re.compile(r"^declare i32 @(numba_xx(?:dot|gemv|gemm|nrm2))\(([^)]*)\).*$", re.M)
_BLAS_EFFECTS = "nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite)"


_NoMemory: Any = types.Opaque  # functions, None: their pointers lead nowhere


@lru_cache(maxsize=256)
@global_compiler_lock
def normalise(raw: RawFunction, *, disjoint: bool, ownership: str) -> str:
    """The canonical text of `raw`.

    `disjoint`: the arrays passed do not overlap; `ownership`: "arena" (reverse mode: allocations belong to
    the derivative, no reference counts) or "nrt" (forward mode: Numba's reference counts stay).
    """
    text = prepare(raw, disjoint=disjoint, ownership=ownership)
    counted = ownership == "nrt"
    twins = worthwhile(text, raw.symbol)
    module = llvm.parse_assembly(add_twins(text, twins) if twins else text)
    optimise(module, counted)
    text = str(module)
    if twins:
        text = hoist_pure_calls(text)
    flattened = mark_for_inlining(text)
    if twins or flattened is not text:
        module = llvm.parse_assembly(flattened)
        optimise(module, counted)
    text = str(module)
    known = reveal_known(text)
    if known != text:
        module = llvm.parse_assembly(known)
        optimise(module, counted)
    simplify_loops(module)
    for function in module.functions:
        if not function.is_declaration and function.name != raw.symbol:
            function.linkage = llvm.Linkage.internal
    return reveal(_drop_unused_environments(str(module)))


def simplified(text: str) -> str:
    """Canonical text whose control flow was changed, with its loops in their simple form again."""
    module = llvm.parse_assembly(hide(text))
    simplify_loops(module)
    return reveal(str(module))


def prepare(raw: RawFunction, *, disjoint: bool, ownership: str) -> str:
    """The rewriting of the raw text before LLVM sees it."""
    foreign = any(
        parameter.role == "constant" and parameter.llvm_type == "ptr"
        for parameter in raw.parameters
        if not isinstance(parameter.numba_type, _NoMemory)
    )
    text = with_valid_marks(with_powers_by_value(raw.text))
    text = hide(own_memory(text, ownership, foreign=foreign))
    text = _UNRESOLVED.sub(r'@".numba.unresolved$\1" = internal constant ptr @"\1"', text)
    text = _PURE_DECLARATION.sub(r"declare \1 @\2(\3) memory(none) nounwind willreturn", text)
    text = _BLAS_DECLARATION.sub(_declare_blas, text)
    # LLVM changes the signatures of internal functions; recursive ones are to keep Numba's convention.
    recursive = recursive_functions(text)
    root = f"@{raw.symbol}("
    data = [parameter.name for parameter in raw.parameters if parameter.role == "data"] if disjoint else []

    def internalise(match: re.Match[str]) -> str:
        signature = match[1]
        if root not in signature:
            name = signature[signature.index("@") + 1 : signature.index("(")]
            return f"define {'' if name in recursive else 'internal '}{signature}"
        for name in data:
            signature = re.sub(rf"ptr (?={re.escape(name)}[,)])", "ptr noalias ", signature)
        return f"define {signature}"

    return _DEFINITION.sub(internalise, text)


def _declare_blas(match: re.Match[str]) -> str:
    parameters = match[2].replace("ptr", "ptr captures(none)")
    return f"declare i32 @{match[1]}({parameters}) {_BLAS_EFFECTS}"


def hoist_pure_calls(text: str) -> str:
    """`text` with its twins hoisted as far as their purity can be proved."""
    stated = state_purity(text)
    if stated is text:
        return text
    module = llvm.parse_assembly(stated)
    simplify_functions(module)
    return str(module)


def optimise(module: llvm.ModuleRef, counted: bool) -> None:
    """LLVM's O2 without anything that makes the code wider or longer.

    `counted`: the module counts references; pairs that cancel are removed, as Numba does.
    """
    options = _scalar_options()
    options.inlining_threshold = INLINING_THRESHOLD
    builder = llvm.create_pass_builder(_target_machine(), options)
    builder.getModulePassManager().run(module, builder)
    if counted and any(function.name == "NRT_incref" for function in module.functions):
        prune = llvm.create_new_module_pass_manager()
        prune.add_refprune_pass()
        prune.run(module, builder)
        simplify_functions(module)


def simplify_functions(module: llvm.ModuleRef) -> None:
    """The part of O2 that works inside functions: hoists the calls whose purity was stated, inlines nothing."""
    builder = llvm.create_pass_builder(_target_machine(), _scalar_options())
    passes = builder.getFunctionPassManager()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)


def _scalar_options() -> llvm.PipelineTuningOptions:
    options = llvm.create_pipeline_tuning_options(2)
    options.loop_vectorization = False
    options.slp_vectorization = False
    options.loop_interleaving = False
    options.loop_unrolling = False
    return options


def simplify_loops(module: llvm.ModuleRef) -> None:
    """Give every loop a preheader, one latch, exits of its own, and phis for what it hands out."""
    builder = llvm.create_pass_builder(_target_machine(), _scalar_options())
    passes = llvm.create_new_module_pass_manager()
    passes.add_loop_simplify_pass()
    passes.add_lcssa_pass()
    passes.add_loop_simplify_pass()
    passes.run(module, builder)


def _drop_unused_environments(text: str) -> str:
    """Every function of Numba declares a Python environment; few use it, and LLVM must keep what is external."""

    def keep(match: re.Match[str]) -> str:
        return match[0] if text.count(f"@{match[1]}") > 1 else ""

    return _ENVIRONMENT.sub(keep, text)


def _target_machine():
    return target_for(False).target_context.codegen()._tm
