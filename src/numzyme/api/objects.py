"""Derivatives with respect to any Python value, by way of a plan: the arguments taken apart, and put together again.

Decides which calls need a plan (those with arguments or functions that Numba does not take as they are), and what is
constant in them. Invariant: objects that the function changes are changed when the call ends, by an exception too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

import numpy as np
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher

from .. import plans, values
from ..diagnostics import DifferentiationTypeError
from ..frontend import RebindsField, refresh_classes, typing_context
from ..plans import Flattened, Walk
from . import refusals
from .activities import Active, Activity, Const, Duplicated, MixedDuplicated
from .calls import argument_labels
from .modes import DerivativesAndValue, Mode

# (flat function, its arguments, which of them are constant) -> (derivatives, value)
FlatGradient = Callable[[Any, list[Any], tuple[bool, ...]], DerivativesAndValue]
# (flat function, its arguments in their activities) -> what autodiff returns with the value
FlatDerivative = Callable[[Any, list[Activity]], DerivativesAndValue]

_FUNCTIONS = (FunctionType, Dispatcher, BuiltinFunctionType, np.ufunc, type(np.sum))
# the fields that a function binds anew, by its code: found out while compiling it
_rebound: dict[CodeType | None, frozenset[tuple[type, str]]] = {}


def needs_plan(f: Any, arguments: Any) -> bool:
    """Whether an argument, or the function itself, is an object that Numba does not take as it is."""
    f = getattr(f, "numzyme_inner", f)
    return not (all(map(plans.is_flat, arguments)) and isinstance(f, _FUNCTIONS)) or plans.captures(f)


def gradient(
    mode: Mode,
    f: Any,
    arguments: list[Any],
    constant: tuple[bool, ...],
    boundscheck: bool | None,
    project: bool,
    differentiate: FlatGradient,
    remember: Callable[[Flattened, Any, tuple[bool, ...]], None],
) -> Any:
    """The gradient of `f` at arguments of any kind; `differentiate` is that of flat functions.

    `remember` is told of the structure, before the function's changes are given back to the objects.
    """
    _check(f, arguments, constant)

    def run(flattened: Flattened, flat: Any) -> tuple[Any, Any]:
        if flattened.walk.cyclic:  # what the gradient cannot hold is refused before anything runs
            given = tuple(arguments[position] for position in wanted)
            values.strip_types(given, values.make_zero(given), project=project)
        flat_constant = tuple(not active for active in flattened.activities())
        derivatives, value = differentiate(flat, flattened.arguments(), flat_constant)
        if mode.direction == "forward" and not isinstance(value, float | np.floating):
            jacobian = plans.jacobian(flattened, flat.numzyme_returned, derivatives, value, constant)
            if flat.numzyme_returned:
                flattened.write_back()
                value = plans.put_together(flat.numzyme_returned[0], value, flattened.walk)
            return jacobian, value
        shadows = flattened.shadows(list(derivatives[:-3]), derivatives[-3])[-len(arguments) :]
        primals = tuple(arguments[position] for position in wanted)  # with the fields that the shadows belong to
        wanted_shadows = tuple(shadows[position] for position in wanted)
        stripped = values.strip_types(primals, wanted_shadows, project=project)
        if not flattened.walk.cyclic:
            remember(flattened, flat, flat_constant)
        found = iter(stripped)
        entries = tuple(None if fixed else next(found) for fixed in constant)
        return entries[0] if len(entries) == 1 else entries, value

    wanted = [position for position, fixed in enumerate(constant) if not fixed]
    result, value = _with_plan(f, arguments, constant, boundscheck, run)
    return DerivativesAndValue(result, value) if mode.with_primal else result


def autodiff(
    mode: Mode,
    f: Any,
    arguments: tuple[Activity, ...],
    boundscheck: bool | None,
    differentiate: FlatDerivative,
    remember: Callable[[Flattened, Any, list[Activity]], None],
) -> Any:
    """`autodiff` with arguments of any kind; `differentiate` is that of flat functions.

    `remember` is told of the structure, before the function's changes are given back to the objects.
    """
    primals = [argument.primal for argument in arguments]
    constant = tuple(isinstance(argument, Const) for argument in arguments)
    of_function = None
    if isinstance(f, Duplicated):
        f, of_function = f.primal, _shadow_of_function(mode, f)
    labels = argument_labels(_signature_of(f), len(arguments))
    shadows = [_shadow_given(mode, f, *pair) for pair in zip(arguments, labels, strict=True)]
    pairs = [(argument.primal, argument.shadow) for argument in arguments if isinstance(argument, Duplicated)]
    if len(pairs) > 1:  # what arguments share among them, their shadows share, too
        values.check_congruent(*map(tuple, zip(*pairs, strict=True)), name="arguments")

    def run(flattened: Flattened, flat: Any) -> Any:
        given = _Shadows(flattened, shadows, constant, of_function)
        activities = given.activities()
        found = differentiate(flat, activities)
        if of_function is None and not flat.numzyme_returned and not flattened.walk.cyclic:
            remember(flattened, flat, activities)
        if mode.direction == "forward":
            flattened.bind_tangents(given.flattened.walk)
        given.flattened.write_back()
        return found, given, flat

    found, given, flat = _with_plan(f, primals, constant, boundscheck, run, of_function is not None)
    found = _with_objects(mode, found, given, flat)
    if mode.direction == "forward":
        return found if mode.with_primal else found.derivs
    slots = given.results(arguments)
    return DerivativesAndValue(slots, found.val) if mode.with_primal else slots


def _with_objects(mode: Mode, found: DerivativesAndValue, given: _Shadows, flat: Any) -> DerivativesAndValue:
    """`found` with the objects that the function returns in the place of their parts; the arguments are up to date."""
    if not flat.numzyme_returned or found.val is None:
        return found
    returned, parts, walk = flat.numzyme_returned[0], found.val, given.primal.walk
    value = plans.put_together(returned, parts, walk)
    tangents = found.derivs
    if tangents is None and all(isinstance(part, int) for part in parts):
        tangents = (None,) * len(parts)  # which objects of the arguments they are, no more
    if mode.direction == "reverse" or tangents is None:
        return DerivativesAndValue(found.derivs, value)
    return DerivativesAndValue(plans.tangent_of(returned, tangents, parts, walk, given.flattened.walk), value)


def _shadow_of_function(mode: Mode, f: Duplicated) -> Any:
    """The shadow `df` of `Duplicated(f, df)`: an object like `f`, or a closure of the same code over shadows."""
    primal, shadow = f.primal, f.shadow
    if not isinstance(primal, FunctionType):
        return _shadow_given(mode, primal, f, refusals.name_of(primal) if hasattr(primal, "__name__") else "f")
    same = isinstance(shadow, FunctionType) and shadow.__code__ is primal.__code__
    if not same or shadow is primal or not plans.captures(primal):
        raise DifferentiationTypeError(
            f"the shadow of the function `{refusals.name_of(primal)}` must be a closure of the same code over shadows",
            where=refusals.location_of(primal),
            todo=("make both with one function: f, df = make(x), make(make_zero(x))", "use an object with __call__"),
        )
    mine, its = plans.captured_data(primal), plans.captured_data(shadow)
    # what a module holds is the same for both: it is constant
    for name in [name for name, value in mine.items() if its.get(name) is not value]:
        _shadow_given(mode, primal, Duplicated(mine[name], its[name]), name)
    return shadow


def _shadow_given(mode: Mode, f: Any, argument: Activity, label: str) -> Any:
    """The shadow of one argument: the one that came with it, or zeros."""
    if isinstance(argument, Const):
        return argument.primal
    if not isinstance(argument, Duplicated):
        return values.make_zero(argument.primal, name=label)
    values.check_congruent(argument.primal, argument.shadow, name=label)
    mixed = isinstance(argument, MixedDuplicated)
    if mode.direction == "reverse" and not mixed and plans.holds_immutable_numbers(argument.primal):
        raise DifferentiationTypeError(
            f"an argument of `{refusals.name_of(f)}` is Duplicated and holds numbers in immutable places",
            where=refusals.location_of(_signature_of(f)),
            why="the shadow of an immutable number cannot be added to",
            todo=("MixedDuplicated(x, dx): the shadow of its immutable part is returned", "gradient(...)"),
        )
    return argument.shadow


class _Shadows:
    """The shadows of one call, taken apart as the primals are."""

    def __init__(
        self, flattened: Flattened, shadows: list[Any], constant: tuple[bool, ...], of_function: Any = None
    ) -> None:
        self.primal = flattened
        leading = len(flattened.values) - len(shadows)  # the function itself, which may have no shadow
        first = flattened.values[:leading] if of_function is None else (of_function,)
        listed = [*first, *shadows]
        fixed = (*(of_function is None,) * leading, *constant)
        walk = Walk(flattened.walk.typing_context, flattened.walk.cells, flattened.walk)
        parts = tuple((shadow, "shadow", not one) for shadow, one in zip(listed, fixed, strict=True))
        self.flattened = Flattened.of(walk, parts)
        self.shadows = shadows

    def activities(self) -> list[Activity]:
        """The flat arguments with their shadows."""
        pairs = zip(self.primal.walk.arrays, self.flattened.walk.arrays, self.primal.walk.active, strict=True)
        arrays: list[Activity] = [Duplicated(x, dx) if active else Const(x) for x, dx, active in pairs]
        numbers = Duplicated(self.primal.floats, self.flattened.floats)
        return [*arrays, numbers, Const(self.primal.fixed), Const(self.primal.integers)]

    def results(self, arguments: tuple[Activity, ...]) -> tuple[Any, ...]:
        """For `Active` and `MixedDuplicated` arguments the shadow with the numbers that were found."""
        rebuilt = self.flattened.updated(self.flattened.floats)[-len(arguments) :]
        return tuple(
            shadow if isinstance(argument, Active | MixedDuplicated) else None
            for argument, shadow in zip(arguments, rebuilt, strict=True)
        )


def _with_plan(
    f: Any,
    arguments: list[Any],
    constant: tuple[bool, ...],
    boundscheck: bool | None,
    run: Any,
    f_is_active: bool = False,
) -> Any:
    """`run(flattened, flat function)`; what it changes is given back to the objects, whatever happens."""
    while True:
        flattened, plan = _prepared(f, arguments, constant, boundscheck, f_is_active)
        try:
            return run(flattened, plan.flat)
        except RebindsField as rebinds:  # while compiling: nothing has run
            code = refusals.code_of(_signature_of(f))
            _rebound[code] = _rebound.get(code, frozenset()) | {(rebinds.python_class, rebinds.name)}
        finally:
            flattened.write_back()


def compiled_for(f: Any, arguments: list[Any], constant: tuple[bool, ...], boundscheck: bool | None, make: Any) -> Any:
    """`make(flat function, its arguments, which of them are constant)`, which compiles and runs nothing."""

    def run(flattened: Flattened, flat: Any) -> Any:
        return make(flat, flattened.arguments(), tuple(not active for active in flattened.activities()))

    return _with_plan(f, arguments, constant, boundscheck, run)


def structure_of(f: Any, arguments: list[Any], constant: tuple[bool, ...], boundscheck: bool | None) -> Any:
    """Something that is equal for calls of the same structure, by which the same code would be run."""
    return _prepared(f, arguments, constant, boundscheck)[1].flat


def _check(f: Any, arguments: list[Any], constant: tuple[bool, ...]) -> None:
    """Refuse what could not have a derivative at all; a container without floats only has none."""
    labels = argument_labels(_signature_of(f), len(arguments))
    wanted = [position for position, fixed in enumerate(constant) if not fixed]
    kinds = [values.classify(arguments[position], values.Path(labels[position])) for position in wanted]
    if all(kind is values.Kind.CONSTANT for kind in kinds):
        first = arguments[wanted[0]]
        raise DifferentiationTypeError(
            f"`{refusals.name_of(f)}` cannot be differentiated with respect to `{labels[wanted[0]]}`",
            where=refusals.location_of(_signature_of(f)),
            why=f"it is a {type(first).__name__}, which has no derivative",
            todo=("pass a float: 3.0 instead of 3",) if isinstance(first, int) else (),
        )


@global_compiler_lock
def _prepared(
    f: Any, arguments: list[Any], constant: tuple[bool, ...], boundscheck: bool | None, f_is_active: bool = False
) -> tuple[Flattened, plans.Plan]:
    """The arguments taken apart, and the plan for their structure."""
    if hasattr(f, "numzyme_fingerprint") and all(map(plans.is_flat, arguments)):
        f = _calling(f, len(arguments))
    elif hasattr(f, "numzyme_fingerprint"):
        raise DifferentiationTypeError(
            f"{f!r} is a derivative itself",
            why="derivatives of derivatives take numbers, arrays and tuples of these",
            todo=("pass the arrays of the object as arguments of their own",),
        )
    refresh_classes()
    known = _signature_of(f)
    walk = Walk(typing_context(bool(boundscheck)), _rebound.get(refusals.code_of(known), frozenset()))
    labels = argument_labels(known, len(arguments))
    parts = [(value, label, not fixed) for value, label, fixed in zip(arguments, labels, constant, strict=True)]
    is_function = isinstance(f, _FUNCTIONS) and not plans.captures(f)
    if not is_function:
        parts.insert(0, (f, refusals.name_of(f) if hasattr(f, "__name__") else "f", f_is_active))
    flattened = Flattened.of(walk, tuple(parts))
    key = flattened.key(f if is_function else None)
    names = tuple(name for _, name, _ in parts)
    return flattened, plans.plan_for(key, refusals.name_of(known), refusals.code_of(known), names)


@functools.cache
def _calling(derivative: Any, count: int) -> Any:
    """A Python function that calls a derivative, as one could write oneself."""
    listed = ", ".join(f"value{index}" for index in range(count))
    scope: dict[str, Any] = {"_derivative": derivative, "__name__": __name__}
    exec(f"def call({listed}):\n    return _derivative({listed})\n", scope)
    function = scope["call"]
    function.__name__ = function.__qualname__ = refusals.name_of(derivative)
    return function


def _signature_of(f: Any) -> Any:
    """The Python function whose parameters and lines the user knows a callable by."""
    if isinstance(f, functools.partial):
        return _signature_of(f.func)
    if isinstance(f, _FUNCTIONS):
        return f
    if hasattr(f, "__func__"):
        return f.__func__  # a bound method
    return vars(type(f)).get("__call__", f)
