"""Extraction: one Python function and Numba argument types -> the raw LLVM module of its whole call graph."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import llvmlite.binding as llvm
from numba.core.compiler_lock import global_compiler_lock
from numba.core.target_extension import target_override
from numba.core.targetconfig import ConfigStack

from ..ir import Parameter as LlvmParameter
from ..ir.depth import nested_calls
from ..ir.reader import read_parameters
from . import shape_errors
from .fingerprints import observe
from .layout import Parameter, parameters_of, return_layout_of
from .objects.attributes import RebindsField, rebinding
from .provided import link_provided
from .target import DEFAULT_FLAGS, Library, effective_options, target_for


@dataclass(frozen=True, eq=False)
class RawFunction:
    """A function as Numba lowers it, before any optimisation, with everything it calls.

    `argument_types` are the types that were compiled for: defaults are filled in, extra arguments make a tuple.
    `options` are those of the user's dispatcher, with Numba's defaults filled in; `fastmath` is a tuple of flags.
    """

    python_name: str
    symbol: str
    text: str
    argument_types: tuple
    return_type: Any
    parameters: tuple[Parameter, ...]
    return_layout: tuple[tuple[int, str], ...]
    options: Mapping[str, Any]

    @property
    def calls_derivatives(self) -> bool:
        """Whether a derivative is part of the function."""
        return "@numzyme.glue." in self.text

    @property
    def calls_derivatives_of_arrays(self) -> bool:
        """Whether a derivative that is part of the function makes arrays."""
        return "@numzyme.glue.of_arrays." in self.text

    def addresses_in(self, text: str) -> bool:
        """Whether addresses of this process are in `text`, which was made of this function's: of large arrays, of
        Python objects, of foreign code. Most of those in the raw text are gone when it is optimised.
        """
        addresses = [int(digits, 16) for digits in set(_ADDRESS.findall(self.text))]
        if not addresses:
            return False
        numbers = map(int, _LONG_NUMBER.findall(text))  # loads of an address may be folded, with an offset
        near = any(abs(number - address) < _NEAR for number in numbers for address in addresses)
        return near or bool(_ADDRESS.search(text))


_ADDRESS = re.compile(r"@numba\.dynamic\.globals\.([0-9a-f]+)")  # Numba's name for a variable that holds one
_LONG_NUMBER = re.compile(r"\b[0-9]{8,20}\b")
_NEAR = 2**32


_cache: dict[Any, RawFunction] = {}


@global_compiler_lock
def extract(function: Any, argument_types: tuple, *, boundscheck: bool | None = None) -> RawFunction:
    """Compile `function` (plain or jitted) for `argument_types`, unoptimised; Numba's errors propagate.

    `boundscheck=True` checks bounds in every function, whatever its options say.
    """
    argument_types = tuple(argument_types)
    key = (function, argument_types, bool(boundscheck))
    found = _cache.get(key)
    if found is None:
        observe(function, argument_types)
        found = _cache[key] = _rebinding(function, argument_types, bool(boundscheck))
    return found


def _rebinding(function: Any, argument_types: tuple, force_boundscheck: bool) -> RawFunction:
    """`_extract`, again with cells for the fields that the function binds anew of objects that it makes itself.

    Those of objects in its arguments are for whoever takes these apart: it is `numzyme_rebinds` of the function then.
    """
    given: Mapping[type, frozenset[str]] = getattr(function, "numzyme_rebinds", {})
    fields = frozenset((python_class, name) for python_class, names in given.items() for name in names)
    while True:
        try:
            with rebinding(fields), nested_calls(_CALLS):
                return _extract(function, argument_types, force_boundscheck)
        except RebindsField as rebinds:
            if rebinds.python_class in given:
                raise
            fields |= {(rebinds.python_class, rebinds.name)}


# Numba follows variables from block to block by recursion. A recursion without end compiles a function per level.
_CALLS = 5000


def _extract(function: Any, argument_types: tuple, force_boundscheck: bool) -> RawFunction:
    descriptor = target_for(force_boundscheck)
    context = descriptor.target_context
    # A caller that is being compiled for another target must not lend its options to this function.
    shape_errors.install(descriptor.name)
    with target_override(descriptor.name), ConfigStack().enter(DEFAULT_FLAGS):
        options = effective_options(function)
        dispatcher = descriptor.dispatcher_of(function)
        _, argument_types = dispatcher.fold_argument_types(argument_types, {})
        own_types = tuple(map(descriptor.typing_context.own_type, argument_types))
        dispatcher.compile(own_types)
    result = dispatcher.overloads[own_types]
    text = _link(result.library, descriptor.compiled_functions())
    return RawFunction(
        python_name=dispatcher.py_func.__name__,
        symbol=result.fndesc.mangled_name,
        text=text,
        argument_types=argument_types,
        return_type=result.signature.return_type,
        parameters=parameters_of(context, result.fndesc, _signature(text, result.fndesc.mangled_name)),
        return_layout=return_layout_of(context, result.signature.return_type),
        options=dict(options, boundscheck=options["boundscheck"] or force_boundscheck),
    )


def _signature(text: str, symbol: str) -> list[LlvmParameter]:
    """The parameters of function `symbol` under the names that LLVM gave them."""
    definition = re.search(rf"^define [^@\n]*@{re.escape(symbol)}\((.*)\)[^)\n]*\{{$", text, re.M)
    assert definition is not None, symbol
    return read_parameters(definition[1])


_UNRESOLVED = ".numba.unresolved$"


def _link(root: Library, compiled: Mapping[str, Library]) -> str:
    """One module of the library and everything it calls, each linked once; `compiled` has all functions by symbol.

    A function that calls itself with other types refers to that version by name only.
    """
    seen: dict[Library, None] = {}
    waiting = [root]
    while waiting:
        library = waiting.pop()
        if library not in seen:
            seen[library] = None
            waiting.extend(library.callees)
            references = (g.name for g in library.module.global_variables if g.name.startswith(_UNRESOLVED))
            names = [name.removeprefix(_UNRESOLVED) for name in references]
            waiting.extend(compiled[name] for name in names if name in compiled)
    whole = llvm.parse_assembly(str(root.module))
    for library in list(seen)[1:]:
        whole.link_in(library.module, preserve=True)
    link_provided(whole)
    return str(whole)
