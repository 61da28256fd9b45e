"""The private Numba target: compiles like `njit`, but keeps the LLVM modules unoptimised and unlinked.

Invariant: nothing that is compiled here is ever handed to a JIT engine, and nothing of it can be reached from
Numba's own CPU target (see `isolation`). Two targets exist: one follows the bounds-check option of each
function, the other forces bounds checks everywhere. User functions carry a line table, Numba's own functions
carry none: LLVM then gives their inlined instructions the line of the user's call.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np
from numba.core import base, codegen, compiler, cpu, descriptors, dispatcher, errors, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu_options import FastMathOptions
from numba.core.datamodel.manager import DataModelManager
from numba.core.datamodel.registry import default_manager
from numba.core.registry import cpu_target
from numba.core.runtime.nrt import rtsys
from numba.core.target_extension import CPU, dispatcher_registry, jit_registry, target_registry
from numba.core.targetconfig import ConfigStack
from numba.core.typing.context import Context as TypingContext

from . import records
from .builtin_functions import own_function
from .escape import CallConv
from .failures import Failures
from .functions import written_for_numba
from .generalized import is_generalized, looping_kernel
from .isolation import PrivateLoader
from .lines import NUMBA_DIRECTORY, Compiler, LineTable
from .numerics import fitting, masks
from .numerics.powers import is_literal_power, literal_power
from .objects import attributes, classes, construct, enumerations, identity, iteration, optional, unlike_python
from .objects.kinds import BoundMethod, ConstantType, EvenList, MixedList, ObjectType, called_method
from .objects.outside import contents_of_defaults, version_of
from .objects.sequences import may_be_no_object
from .vectorized import function_of, is_vectorized, looping

DEFAULT_FLAGS = compiler.DEFAULT_FLAGS


class Library(codegen.JITCodeLibrary):
    """Holds one unoptimised module and knows its callees; linked only once, for a whole call graph."""

    def add_llvm_module(self, ll_module) -> None:
        self._final_module.link_in(ll_module)

    def finalize(self) -> None:
        self._finalized = True

    @property
    def module(self):
        return self._final_module

    @property
    def callees(self) -> list[Library]:
        """The libraries called from here; Numba's runtime is left out, so that its calls remain visible."""
        return [library for library in self._linking_libraries if isinstance(library, Library)]

    def add_linking_library(self, library) -> None:
        self._linking_libraries.append(library)


class Codegen(codegen.JITCPUCodegen):
    _library_class = Library


class TargetOptions(cpu.CPUTargetOptions):
    def finalize(self, flags, options) -> None:
        # Wrappers for Python and C would only be compiled to be thrown away.
        flags.no_cpython_wrapper = True
        flags.no_cfunc_wrapper = True
        flags.debuginfo = False
        flags.dbg_extend_lifetimes = False
        flags.dbg_directives_only = True
        super().finalize(flags, options)


class FunctionCompiler(dispatcher._FunctionCompiler):  # pyright: ignore[reportAttributeAccessIssue]
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._failed_cache = Failures()

    def _customize_flags(self, flags):
        flags.debuginfo = not self.py_func.__code__.co_filename.startswith(NUMBA_DIRECTORY)
        return flags


class Registrations:
    """Which registrations a context has seen: Numba reads all registries, twice, for each function it compiles.

    Invariant: registrations are only ever added.
    """

    def __init__(self) -> None:
        self._seen = -1

    def if_new(self, registries: Mapping[Any, Any], refresh: Callable[[], None]) -> None:
        """Call `refresh` unless nothing was registered since it was called last."""
        count = sum(len(getattr(r, name)) for r, loader in registries.items() for name in loader.registry_items)
        if count != self._seen:
            refresh()
            self._seen = count  # that of before: what it registered itself is new the next time


class TargetContext(cpu.CPUContext):
    DIBuilder = LineTable
    # Set on the class of the second target, whose functions all check bounds.
    force_boundscheck = False

    @global_compiler_lock
    def init(self) -> None:
        self._seen = Registrations()  # that of all copies of this context
        super().init()
        # these load Numba's compiler, which a process that finds its code on disk does not need
        from . import containers
        from .numerics import numpy_functions, reshaping

        assert reshaping.KEY  # it has registered itself
        self._replaced_lowering, self._kernels = containers.replaced_lowering, numpy_functions.KERNELS
        self.data_model_manager = DataModelManager({**containers.MODELS, **records.MODELS}).chain(default_manager)
        self._internal_codegen = Codegen("numzyme.frontend")

    @property  # copies of the context have options of their own
    def call_conv(self):
        return CallConv(self)

    @property
    def enable_boundscheck(self):
        return self.force_boundscheck or super().enable_boundscheck

    @enable_boundscheck.setter
    def enable_boundscheck(self, value):
        self._boundscheck = value

    def load_additional_registries(self):
        super().load_additional_registries()
        self.install_registry(attributes.lowering_registry)
        self.install_registry(enumerations.lowering_registry)

    def refresh(self):
        self._seen.if_new(self._registries, super().refresh)
        self.typing_context.refresh()

    def get_executable(self, library, fndesc, env):
        # Nothing is executed: the entry point only has to be a unique key of the overload.
        return object()

    def unpack_value(self, builder, ty, ptr, align=None):
        value = super().unpack_value(builder, ty, ptr, align)
        records.mark(value, ty)
        return value

    def pack_value(self, builder, ty, value, ptr, align=None):
        model = self.data_model_manager[ty]
        if isinstance(model, records.FieldwiseRecordModel) and model.members is not None:
            records.copy_record(self, builder, ty, value, ptr)
            return
        data = model.as_data(builder, value)
        records.mark(builder.store(data, ptr, align=align), ty)

    def get_function(self, fn, sig, _firstcall=True):
        own = next((module.lower for module in (identity, masks) if module.is_replaced(fn, sig)), None)
        replacement = own or self._replaced_lowering(fn, sig)
        if replacement is not None:
            return base._wrap_impl(replacement, self, sig.as_function())
        found = super().get_function(fn, sig, _firstcall)
        checks = fitting.checks_of(fn, sig.args)
        if checks:
            found = fitting.Checked(self, found, sig.args, checks)
        return records.Reinterpreting(found) if records.reinterprets(fn, sig) else found

    def get_ufunc_info(self, ufunc_key):
        return super().get_ufunc_info(ufunc_key) | self._kernels.get(ufunc_key, {})

    def get_getattr(self, typ, attr):
        return optional.lower_attribute if may_be_no_object(typ) else super().get_getattr(typ, attr)

    def get_setattr(self, attr, sig):
        if may_be_no_object(sig.args[0]):
            return optional.assignment_of(self, attr, sig)
        return super().get_setattr(attr, sig)

    def compile_internal(self, builder, impl, sig, args, locals=None):
        if is_literal_power(impl, sig, args):
            return literal_power(self, builder, sig, args)
        return super().compile_internal(builder, impl, sig, args, locals)

    def _compile_subroutine_no_cache(self, builder, impl, sig, locals=None, flags=None):
        # Helpers that Numba writes itself (kernels of array expressions, powers) have no lines of their own.
        plain = self.subtarget(enable_debuginfo=False)
        if flags is not None:
            flags.debuginfo = False
        return cpu.CPUContext._compile_subroutine_no_cache(plain, builder, impl, sig, locals, flags)


class ForcedTargetContext(TargetContext):
    force_boundscheck = True


class Context(TypingContext):
    """Typing context that sees user functions, jitted or plain, as dispatchers of its own target."""

    def __init__(self, descriptor: TargetDescriptor) -> None:
        self.descriptor = descriptor
        self._template_copies: dict[type, type] = {}
        self._seen = Registrations()
        super().__init__()

    def install_registry(self, registry) -> None:
        if registry not in self._registries:
            self._registries[registry] = PrivateLoader(registry, self._template_copies)
        super().install_registry(registry)

    def load_additional_registries(self):
        super().load_additional_registries()
        self.install_registry(iteration.typing_registry)  # that of all objects

    def refresh(self):
        self._seen.if_new(self._registries, super().refresh)

    def resolve_value_type(self, val):
        if val is np.vectorize:
            raise errors.TypingError("np.vectorize inside of a function: make the vectorized function outside")
        if classes.is_compilable_class(val) and self._lookup_global(val) is None:  # `np.ndenumerate` is Numba's
            return types.Dispatcher(self.descriptor.dispatcher_of(construct.constructor_of(val)))
        if classes.is_named_tuple_class(val) and not classes.is_numbas(val):
            return ConstantType(val)  # Numba would make one by its fields
        if is_vectorized(val):
            return types.Dispatcher(self.descriptor.dispatcher_of(looping(val)))
        if type(val) is np.vectorize:
            return types.Dispatcher(self.descriptor.dispatcher_of(function_of(val)))
        if is_generalized(val):
            return types.Dispatcher(self.descriptor.dispatcher_of(looping_kernel(val)))
        own = own_function(val)
        if own is not None:
            return types.Dispatcher(self.descriptor.dispatcher_of(own))
        constant = attributes.static_kind_of(val)
        if constant is not None:
            return constant
        try:
            kind = self.own_type(records.check_fields(super().resolve_value_type(val)))
            # a constant of the code, which would lose what is written to it, or crash
            return kind.copy(readonly=True) if isinstance(val, np.ndarray) else kind
        except (ValueError, TypeError):
            if isinstance(val, type):
                return ConstantType(val)  # for isinstance
            if not isinstance(val, FunctionType):
                raise
            return types.Dispatcher(self.descriptor.dispatcher_of(val))

    def resolve_function_type(self, func, args, kws):
        operation = getattr(func, "typing_key", func)
        if isinstance(operation, Hashable):
            if operation in identity.OPERATORS:
                identity.known(*args)  # or Numba would say False
            unlike_python.check(operation, args)
            own = masks.signature_of(operation, args)
            if own is not None:
                return own
        # before Numba's cache of failed attempts: a recursive call has no type at first
        method = called_method(self, func, len(args)) if isinstance(func, ObjectType | BoundMethod) else None
        recursive = method and method.recursive_call_type(self, args, kws)
        return recursive or super().resolve_function_type(func, args, kws)

    def can_convert(self, fromty, toty):
        # or an overload for tuples would do for lists, whose isinstance differs
        if isinstance(fromty, EvenList | MixedList) != isinstance(toty, EvenList | MixedList):
            return None
        return super().can_convert(fromty, toty)

    def resolve_setitem(self, target, index, value):
        unlike_python.check(operator.setitem, (target, index, value))
        return super().resolve_setitem(target, index, value)

    def resolve_getattr(self, typ, attr):
        if attr == "reshape":
            from .numerics import reshaping

            method = reshaping.method_of(typ, attr)
            if method is not None:
                return method
        return super().resolve_getattr(typ, attr)

    def resolve_setattr(self, target, attr, value):
        if isinstance(target, ObjectType):
            return attributes.setattr_signature(self, target, attr, value)
        return super().resolve_setattr(target, attr, value)

    def own_type(self, kind: Any) -> Any:
        """`kind` with the user's dispatchers replaced by those of this target, also inside tuples."""
        if isinstance(kind, types.Dispatcher) and not isinstance(kind.dispatcher, Dispatcher):
            return types.Dispatcher(self.descriptor.dispatcher_of(kind.dispatcher))
        if isinstance(kind, types.Tuple | types.UniTuple):
            members = [self.own_type(member) for member in kind.types]
            return kind if members == list(kind.types) else types.BaseTuple.from_types(members)
        return kind


def is_private(typing_context: Any) -> bool:
    """Whether code is being typed that will be differentiated, not run."""
    return isinstance(typing_context, Context)


class TargetDescriptor(descriptors.TargetDescriptor):
    options = TargetOptions

    def __init__(self, name: str, context_class: type[TargetContext]) -> None:
        super().__init__(name)
        self.name = name
        self._context_class = context_class
        # (user function, options, fields bound anew) -> private dispatcher. Never emptied: Numba's types refer to
        # dispatchers weakly, and types live as long as the process.
        self._dispatchers: dict[Any, Dispatcher] = {}
        self._jitted: dict[Any, list[Dispatcher]] = {}  # (plain function, the rest) -> those of user dispatchers
        self.dispatcher_class: type[Dispatcher]

    @property
    def typing_context(self) -> Any:
        return self._typing_context

    @property
    def target_context(self) -> Any:
        return self._target_context

    @cached_property
    def _typing_context(self) -> Context:
        return Context(self)

    @cached_property
    def _target_context(self) -> TargetContext:
        # Whoever comes first compiles Numba's runtime, with its own code generator: not this target, please.
        rtsys.initialize(cpu_target.target_context)
        return self._context_class(self.typing_context, self.name)

    def dispatcher_of(self, function: Any) -> Dispatcher:
        """The private dispatcher for a user's dispatcher or plain function, as called from here."""
        options = effective_options(function)
        function = version_of(function)
        contents = contents_of_defaults(getattr(function, "py_func", function))
        rest = (tuple(sorted(options.items())), attributes.rebound(), contents)
        for other in self._jitted.get((id(function), rest), ()):
            if other.is_compiling:  # `njit(f)` of a function that calls itself by its plain name
                return other
        key = (id(function), *rest)
        found = self._dispatchers.get(key)
        if found is None:
            given = dict(options, nopython=True, fastmath=set(options["fastmath"]))
            python_function = written_for_numba(getattr(function, "py_func", function))
            found = self.dispatcher_class(python_function, getattr(function, "locals", None), given)
            found.origin = function
            self._dispatchers[key] = found
            if hasattr(function, "py_func"):
                self._jitted.setdefault((id(function.py_func), rest), []).append(found)
        return found

    def compiled_functions(self) -> dict[str, Library]:
        """The library of every user function that this target has compiled, by symbol."""
        return {
            result.fndesc.mangled_name: result.library
            for found in self._dispatchers.values()
            for result in found.overloads.values()
        }


def effective_options(function: Any) -> dict[str, Any]:
    """The options that change what a function computes, hashable and complete.

    Where a user's dispatcher says nothing, the caller decides, as in Numba; a plain function is part of its caller.
    """
    given = dict(getattr(function, "targetoptions", {}))
    caller = ConfigStack.top_or_none() or DEFAULT_FLAGS
    if given.get("boundscheck") is None:
        jitted = hasattr(function, "targetoptions")
        given["boundscheck"] = bool(given.get("debug")) if jitted else caller.boundscheck
    fastmath = FastMathOptions(given.get("fastmath", caller.fastmath))
    return {
        "error_model": given.get("error_model", caller.error_model),
        "fastmath": tuple(sorted(fastmath.flags)),
        "boundscheck": bool(given["boundscheck"]),
        "nogil": bool(given.get("nogil", False)),
        "no_rewrites": bool(given.get("no_rewrites", False)),
    }


class Dispatcher(dispatcher.Dispatcher):
    """A dispatcher which compiles but never runs; `origin` keeps the user's function alive."""

    origin: Any = None
    targetdescr: TargetDescriptor  # Numba's spelling

    def __init__(self, py_func, locals=None, targetoptions=None, pipeline_class=Compiler) -> None:
        super().__init__(py_func, locals, targetoptions, pipeline_class)
        self._compiler = FunctionCompiler(py_func, self.targetdescr, self.targetoptions, self.locals, pipeline_class)

    def add_overload(self, cres) -> None:
        # The base class would hand the entry point to the C dispatcher, which calls it.
        self.overloads[tuple(cres.signature.args)] = cres


def _make_target(name: str, context_class: type[TargetContext]) -> TargetDescriptor:
    token = type(name, (CPU,), {"__doc__": f"The private target {name}."})
    descriptor = TargetDescriptor(name, context_class)
    own_dispatcher = type("Dispatcher", (Dispatcher,), {"targetdescr": descriptor})
    descriptor.dispatcher_class = own_dispatcher
    target_registry[name] = token
    dispatcher_registry[token] = own_dispatcher

    def jit(*arguments, **options):
        """What `@overload` calls to compile an implementation for this target."""
        kept = {key: value for key, value in options.items() if key not in ("nopython", "cache", "locals")}

        def decorate(function):
            return own_dispatcher(function, options.get("locals"), dict(kept, nopython=True))

        return decorate(arguments[0]) if arguments else decorate

    jit_registry[token] = jit
    return descriptor


_targets: dict[bool, TargetDescriptor] = {}


@global_compiler_lock
def target_for(force_boundscheck: bool) -> TargetDescriptor:
    """The private target, made on first use: loading Numba's registries takes a tenth of a second."""
    if force_boundscheck not in _targets:
        _targets[force_boundscheck] = (
            _make_target("numzyme_boundscheck", ForcedTargetContext)
            if force_boundscheck
            else _make_target("numzyme", TargetContext)
        )
    return _targets[force_boundscheck]


def descriptor_of(name: str) -> TargetDescriptor:
    """The private target called `name`."""
    return next(found for found in _targets.values() if found.name == name)
