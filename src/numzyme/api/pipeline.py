"""One derivative, from a Python function and Numba types to machine code.

Decides the activity of every LLVM parameter of the function from the activity of the Python argument that it
belongs to: floats are active, arrays of floats have shadows, everything else is constant. Every step is
cached by the room that makes it; here the end of the chain is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numba.core import types
from numba.core.compiler_lock import global_compiler_lock

from .. import analysis, derive, frontend, ir, runtime
from ..analysis import IrreducibleFlowError
from ..derive import Activity, Derivative, Request
from ..diagnostics import DifferentiationError, UnsupportedCodeError
from ..frontend import Parameter, RawFunction
from . import refusals


@dataclass(frozen=True)
class DerivativeKey:
    """Everything that a compiled derivative depends on. `active`: which Python arguments are
    differentiated."""

    function: Any
    argument_types: tuple[types.Type, ...]
    direction: Literal["forward", "reverse"]
    active: tuple[bool, ...]
    keep_primal: bool
    disjoint: bool
    boundscheck: bool | None
    nested: bool = False  # to be differentiated itself


@dataclass(frozen=True)
class CompiledDerivative:
    """A derivative with what the glue has to know to call it."""

    raw: RawFunction
    canonical: str
    activities: tuple[Activity, ...]
    derivative: Derivative
    linked: runtime.LinkedFunction | None  # none of a derivative that is differentiated itself
    seconds: Mapping[str, float] = field(compare=False)

    def written(self) -> frozenset[int]:
        """Positions of the LLVM parameters whose memory the function may write."""
        module = ir.read(self.canonical)
        (root,) = (name for name in module.functions if name.strip('@"') == self.raw.symbol)
        return analysis.Summaries(module).of(root).writes

    def surely_readonly(self, parameter: Parameter) -> bool:
        """Whether LLVM found that the memory behind `parameter` is not written: quick, and never wrongly
        true."""
        head = re.search(rf'^define .*@"?{re.escape(self.raw.symbol)}"?\((.*)$', self.canonical, re.MULTILINE)
        assert head is not None
        attributes = re.search(rf"ptr ([^,]*?){re.escape(parameter.name)}[,)]", head[1])
        return attributes is not None and bool({"readonly", "readnone"} & set(attributes[1].split()))


_compiled: dict[DerivativeKey, CompiledDerivative] = {}
_extraction_seconds: dict[RawFunction, float] = {}


@global_compiler_lock
def compile_derivative(key: DerivativeKey) -> CompiledDerivative:
    """The compiled derivative for `key`, made on first use."""
    if key not in _compiled:
        _compiled[key] = _compile(key)
    return _compiled[key]


@global_compiler_lock
def extract(function: Any, argument_types: tuple, boundscheck: bool | None) -> RawFunction:
    """The raw LLVM of `function`; what Numba cannot compile is refused in the user's terms."""
    start = time.perf_counter()
    try:
        raw = frontend.extract(function, argument_types, boundscheck=boundscheck)
    except (DifferentiationError, frontend.RebindsField, frontend.StructureDiffers):
        raise
    except Exception as error:  # Numba also fails with whatever its own code, or LLVM, runs into
        raise refusals.not_compilable(function, argument_types, error) from None
    refusals.refuse_typed_containers(function, (*argument_types, raw.return_type))
    _extraction_seconds.setdefault(raw, time.perf_counter() - start)
    return raw


def _compile(key: DerivativeKey) -> CompiledDerivative:
    try:
        return _compile_from(key, frontend.normalise)
    except IrreducibleFlowError:  # LLVM makes such loops, rarely
        return _compile_from(key, _normalise_with_reducible_loops)
    except RecursionError:
        raise UnsupportedCodeError(
            "the function is too long",
            where=refusals.location_of(key.function),
            why="each of thousands of values is computed from the one before, without a loop",
            todo=("write a loop", "divide the function"),
        ) from None


def _normalise_with_reducible_loops(raw: RawFunction, **options: Any) -> str:
    return frontend.simplified(derive.with_reducible_loops(frontend.normalise(raw, **options)))


def _compile_from(key: DerivativeKey, normalise: Callable[..., str]) -> CompiledDerivative:
    raw = extract(key.function, key.argument_types, key.boundscheck)
    if key.direction == "forward" and _lists_numbers(raw.return_type):
        raise refusals.returned_list(key.function)
    clock = _Clock({"Numba front end": _extraction_seconds[raw]})
    ownership, canonical = _canonical(raw, key, normalise)
    clock.lap("optimisation before")
    activities = parameter_activities(raw, key)
    request = Request(
        mode=key.direction,
        symbol=raw.symbol,
        activities=activities,
        memory=tuple(_memory(raw, parameter, ownership) for parameter in raw.parameters),
        labels=_labels(raw, key.function),
        keep_primal=key.keep_primal,
        nonnegative=frozenset(p.name for p in raw.parameters if p.role in ("shape", "nitems")),
        multiples=frontend.multiples_of(raw.parameters),
        counted=_counted(raw) if ownership == "nrt" else None,
    )
    derivative = derive.differentiate(canonical, request)
    clock.lap("differentiation")
    linked = (
        None
        if key.nested
        else runtime.link(derivative.text, derivative.symbol, movable=not raw.addresses_in(derivative.text))
    )
    clock.lap("optimisation after, machine code")
    return CompiledDerivative(raw, canonical, activities, derivative, linked, clock.seconds)


def _labels(raw: RawFunction, function: Any) -> tuple[str, ...]:
    """What the user calls each LLVM parameter."""
    given = getattr(function, "numzyme_labels", ())
    return tuple(
        given[p.argument] if p.argument is not None and p.argument < len(given) else p.label for p in raw.parameters
    )


def parameter_activities(raw: RawFunction, key: DerivativeKey) -> tuple[Activity, ...]:
    """The activity of each LLVM parameter of the function."""
    return tuple(_activity(parameter, raw, key) for parameter in raw.parameters)


def _activity(parameter: Parameter, raw: RawFunction, key: DerivativeKey) -> Activity:
    if parameter.role == "return":
        return Activity.DUPLICATED if has_derivative(raw.return_type) else Activity.CONST
    if parameter.argument is None or not key.active[parameter.argument]:
        return Activity.CONST
    if parameter.role == "scalar" and has_derivative(parameter.numba_type):
        return Activity.ACTIVE
    shadowed = ("data",) if key.direction == "reverse" else ("meminfo", "parent", "data")
    if parameter.role in shadowed and has_derivative(parameter.numba_type):
        return Activity.DUPLICATED
    return Activity.CONST


def has_derivative(kind: types.Type) -> bool:
    """Whether values of this Numba type hold floats that can be differentiated."""
    if isinstance(kind, types.BaseTuple):
        return any(has_derivative(member) for member in members_of(kind))
    if isinstance(kind, types.Array):
        return has_derivative(kind.dtype) or bool(frontend.floats_in(kind.dtype))
    if isinstance(kind, types.Optional):
        return has_derivative(kind.type)
    if isinstance(kind, types.Complex):
        return True
    return isinstance(kind, types.Float) and kind.bitwidth in (32, 64)


def _lists_numbers(kind: Any) -> bool:
    """Whether values of this Numba type are or hold lists (or sets) of what has a derivative."""
    if isinstance(kind, types.List | types.Set):
        return has_derivative(kind.dtype) or _lists_numbers(kind.dtype)
    if isinstance(kind, types.Optional):
        return _lists_numbers(kind.type)
    return isinstance(kind, types.BaseTuple) and any(map(_lists_numbers, members_of(kind)))


def members_of(kind: Any) -> tuple[types.Type, ...]:
    """The types of the members of a tuple type."""
    return kind.types


def _canonical(raw: RawFunction, key: DerivativeKey, normalise: Callable[..., str]) -> tuple[str, str]:
    """Who owns the memory that the function allocates, and its canonical text.

    In reverse mode it is the derivative. In forward mode too if that is a fixed number of allocations, none of which is
    returned or raised. Otherwise Numba's reference counts stay, so that a loop releases what it allocates; not lists.
    """
    canonical = normalise(raw, disjoint=key.disjoint, ownership="arena")
    if key.direction == "reverse":
        return "arena", canonical
    kept = not holds_arrays(raw.return_type)
    if key.nested or (kept and raw.calls_derivatives):
        return "arena", canonical
    if kept and not derive.allocates_repeatedly(canonical, raw.symbol) and not derive.raises_memory(canonical):
        return "arena", canonical
    if raw.calls_derivatives_of_arrays:
        raise UnsupportedCodeError(
            f"`{raw.python_name}` takes a derivative of a function that returns an array, and returns one itself",
            why="the memory of the inner array ends with the outer derivative, which counts references",
            todo=("return a number, or write into an array that is an argument",),
        )
    return "nrt", normalise(raw, disjoint=key.disjoint, ownership="nrt")


def holds_arrays(kind: types.Type) -> bool:
    """Whether values of this Numba type name memory."""
    if isinstance(kind, types.BaseTuple):
        return any(map(holds_arrays, members_of(kind)))
    if isinstance(kind, types.Optional):
        return holds_arrays(kind.type)
    return not isinstance(kind, types.Number | types.Boolean | types.NoneType | types.EnumMember)


def _counted(raw: RawFunction) -> derive.Counted:
    """How a function that counts references hands memory over: as far as known, in the words of its result only."""
    pointers = [offset for offset, scalar in raw.return_layout if scalar == "ptr"]
    named = {parameter.role: parameter.name for parameter in raw.parameters}
    return derive.Counted(
        result=named["return"],
        exception=named["exception"],
        meminfos=tuple(parameter.name for parameter in raw.parameters if parameter.role == "meminfo"),
        result_words=max(pointers, default=-8) // 8 + 1 if _holds_no_references(raw.return_type) else None,
        contained=all(map(_holds_no_references, raw.argument_types)),
    )


def _holds_no_references(kind: types.Type) -> bool:
    """Whether the memory that values of this type name holds no references to more memory."""
    if isinstance(kind, types.BaseTuple):
        return all(map(_holds_no_references, members_of(kind)))
    if isinstance(kind, types.Optional):
        return _holds_no_references(kind.type)
    return isinstance(
        kind, types.Number | types.Boolean | types.Array | types.UnicodeType | types.Dummy | types.EnumMember
    )


def _memory(raw: RawFunction, parameter: Parameter, ownership: str) -> str | ir.Layout | None:
    if ownership == "arena" and parameter.role in ("meminfo", "parent"):
        return "opaque"  # without reference counts nobody looks behind them
    if parameter.role != "return":
        return parameter.memory
    scalars = {scalar for _, scalar in raw.return_layout}
    return scalars.pop() if len(scalars) == 1 else None


class _Clock:
    """Seconds between laps."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
