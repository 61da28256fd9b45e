"""`autodiff` and `gradient`, the layer that speaks of modes and activities, and `explain`.

From Python they unpack the activities and call a dispatcher that is kept per function, mode and activities;
in compiled code `compiled` gives them the same meaning.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from ..diagnostics import DifferentiationTypeError
from ..frontend import version_of
from ..plans import Flattened
from . import forward, holomorphic, objects, refusals, sharing, verification, warm
from .activities import Active, Activity, Const, Duplicated, MixedDuplicated
from .callables import compilable, defaults_as_data
from .calls import Call, Role, Value
from .glue import positional_dispatcher, raise_translated, refused_for_strides
from .modes import DerivativesAndValue, ForwardWithPrimal, Mode, ReverseWithPrimal

_ROLES = {Const: Role.CONST, Active: Role.ACTIVE}


def autodiff(mode: Mode, f: Any, *args: Any, boundscheck: bool | None = None, verify: bool = False) -> Any:
    """Differentiate `f` at `args`, each wrapped in its activity.

    Arguments:
        mode: `Reverse`, `Forward` or `ReverseHolomorphic` (df/dz of a complex result), or one of them `WithPrimal`.
        f: any function that Numba compiles, decorated or not. What it captures is constant.
        args: one of `Const`, `Active`, `Duplicated`, `DuplicatedNoNeed`, `MixedDuplicated` around each argument of `f`.
            The activity of the result may come first, as a class.
        boundscheck: True checks every index, as `numba.njit(boundscheck=True)` does.
        verify: True compares the first derivative of its kind with differences of the function; see `gradient`.
    Returns: in reverse mode a tuple with the derivative of each `Active` argument, the shadow of each
        `MixedDuplicated` one and None for the others; it adds into the shadows of `Duplicated` ones. In forward mode
        the tangent of the result. With a primal mode, the named tuple `(derivs, val)`.
    Raises: `DifferentiationError` when something cannot be differentiated or a shadow does not fit; what `f` raises.

    >>> import numpy as np
    >>> from numzyme import Active, Duplicated, Reverse, autodiff
    >>> def weighted(x, w):
    ...     return w * np.sum(x * x)
    >>> x, dx = np.array([1.0, 2.0]), np.zeros(2)
    >>> autodiff(Reverse, weighted, Duplicated(x, dx), Active(3.0))
    (None, 5.0)
    >>> dx
    array([ 6., 12.])
    """
    if verify:
        boundscheck = boundscheck is not False
        _verify_autodiff(mode, f, args, boundscheck)
    if isinstance(mode, Mode) and mode.holomorphic:
        return holomorphic.autodiff(f, args, mode.with_primal, lambda: _autodiff(mode, f, args, boundscheck))
    return _autodiff(mode, f, args, boundscheck)


def _verify_autodiff(mode: Mode, f: Any, args: tuple[Any, ...], boundscheck: bool) -> None:
    leading = args[:1] if args and isinstance(args[0], type) else ()
    given = args[len(leading) :]
    if not isinstance(mode, Mode) or not all(isinstance(arg, Activity) for arg in given):
        return  # refused in a moment
    result_active = leading[0] is not Const if leading else None

    def run(function: Any, activities: Any) -> Any:
        return autodiff(mode, function, *leading, *activities, boundscheck=boundscheck)

    verification.autodiff(mode, f, given, result_active, boundscheck, run, partial(_plain_value, boundscheck))


def _plain_value(boundscheck: bool, f: Any, args: Any) -> Any:
    """The value of a function of any arguments, with nothing differentiated."""
    return autodiff(ReverseWithPrimal, f, Const, *map(Const, args), boundscheck=boundscheck).val


def _autodiff(mode: Mode, f: Any, args: tuple[Any, ...], boundscheck: bool | None) -> Any:
    result_active = None
    if args and isinstance(args[0], type):
        result_active = args[0] is not Const
        args = args[1:]
    lifted = lifted_with_data(f)
    if lifted is not None:
        leading = () if result_active is None else (Duplicated if result_active else Const,)
        found = _autodiff(mode, lifted[0], (*leading, lifted[1], *args), boundscheck)
        return _autodiff_without(slice(1, None), mode, found)
    further = defaults_as_data(f, len(args))
    if further:
        leading = () if result_active is None else (Duplicated if result_active else Const,)
        found = _autodiff(mode, f, (*leading, *args, *further), boundscheck)
        return _autodiff_without(slice(len(args)), mode, found)
    kinds = tuple(map(type, args))
    for arg in args:
        if not isinstance(arg, Activity):
            raise refusals.not_wrapped(f, arg)
    try:
        found = warm.autodiff(mode, f, args, kinds, result_active, boundscheck)
    except Exception as error:
        raise_translated(error, f)
    if found is not warm.MISS:
        return found
    mixed = MixedDuplicated in kinds or isinstance(f, Duplicated)
    if mixed or objects.needs_plan(f, [arg.primal for arg in args]):
        return _autodiff_by_plan(mode, f, args, kinds, result_active, boundscheck)
    function = autodiff_dispatcher(mode, version_of(f), kinds, result_active, boundscheck)
    try:
        return function(*_unwrapped(args))
    except refusals.ResultKindError as error:  # nothing has run
        if result_active is not False:
            raise_translated(error, f, [arg.primal for arg in args])
        return _autodiff_by_plan(mode, f, args, kinds, result_active, boundscheck)  # whose results keep their memory
    except Exception as error:
        if mode.direction == "reverse" or not refused_for_strides(error):
            raise_translated(error, f, [arg.primal for arg in args])
    return forward.with_shadows_laid_out(args, lambda *conforming: function(*_unwrapped(conforming)))


def _autodiff_without(kept: slice, mode: Mode, found: Any) -> Any:
    """What `autodiff` of a function with further arguments gives, for those that are `kept`."""
    if mode.direction == "forward":
        return found
    return DerivativesAndValue(found.derivs[kept], found.val) if mode.with_primal else found[kept]


def _autodiff_by_plan(
    mode: Mode,
    f: Any,
    args: tuple[Activity, ...],
    kinds: tuple[type, ...],
    result_active: bool | None,
    boundscheck: bool | None,
) -> Any:
    """`autodiff` by way of a flat function."""
    differentiate = partial(_flat_derivative, mode, result_active, boundscheck)
    try:
        remember = partial(_remember_shadows, mode, f, kinds, result_active, boundscheck, warm.changes())
        return objects.autodiff(mode, f, args, boundscheck, differentiate, remember)
    except Exception as error:
        raise_translated(error, f)


def _unwrapped(args: tuple[Any, ...]) -> list[Any]:
    return [value for arg in args for value in (arg.primal, *([arg.shadow] if isinstance(arg, Duplicated) else []))]


@cache
def autodiff_dispatcher(
    mode: Mode, f: Any, kinds: tuple[type, ...], result_active: bool | None, boundscheck: bool | None
) -> Any:
    """The dispatcher for arguments of these activities."""
    call = autodiff_call(mode, f, kinds, result_active, boundscheck)
    return positional_dispatcher(call, len(kinds) + call.roles.count(Role.DUPLICATED))


def autodiff_call(
    mode: Mode,
    f: Any,
    kinds: tuple[type, ...],
    result_active: bool | None = None,
    boundscheck: bool | None = None,
    inline: bool = False,
) -> Call:
    """The call that `autodiff` makes for arguments of these activities."""
    if not isinstance(mode, Mode):
        raise DifferentiationTypeError(
            f"the first argument of autodiff must be a mode, not {mode!r}",
            todo=("Reverse, ReverseWithPrimal, Forward or ForwardWithPrimal",),
        )
    _refuse_holomorphic_inside(mode, inline)
    if mode.direction == "forward" and Active in kinds:
        raise DifferentiationTypeError(
            f"an argument of `{refusals.name_of(f)}` is Active in forward mode",
            why="forward mode needs its tangent",
            todo=("Duplicated(x, dx)",),
        )
    return Call(
        function=compilable(version_of(f), len(kinds)),
        mode=mode,
        roles=tuple(_ROLES.get(kind, Role.DUPLICATED) for kind in kinds),
        pick=tuple(range(len(kinds))),
        value=Value.NAMED if mode.with_primal else Value.NONE,
        result_active=result_active,
        boundscheck=boundscheck,
        inline=inline,
    )


def gradient(
    mode: Mode, f: Any, *args: Any, boundscheck: bool | None = None, project: bool = False, verify: bool = False
) -> Any:
    """The gradient of `f` at `args`: that of the argument, or a tuple when there are several.

    Arguments:
        mode: `Reverse`, `Forward` or `ReverseHolomorphic` (df/dz of a complex result), or one of them `WithPrimal`.
        f: any function that Numba compiles, decorated or not.
        args: floats, arrays, and any nested value of them: tuples, lists, dicts, dataclasses, plain objects, array
            wrappers, scipy.sparse. `Const(x)` leaves an argument out.
        boundscheck: True checks every index, as `numba.njit(boundscheck=True)` does.
        project: True projects the gradients of wrappers onto what they can represent.
        verify: True compares the first gradient of its kind (function, types of arguments, options) with differences
            of the function along a random direction. The function runs some 30 times on copies for that, and every
            index is checked unless boundscheck is False.
    Returns: gradients in the shape of the arguments, as `strip_types` gives them; None for what has none. With a primal
        mode, the named tuple `(derivs, val)`. Forward mode takes one pass for each number in the arguments and
        gives the Jacobian when `f` returns an array: its axes are the output's, then the input's.
    Raises: `DifferentiationError` when something cannot be differentiated; `VerificationError` when verify finds that
        the derivative is wrong (`VerificationWarning` is given when it cannot tell); what `f` raises.

    >>> import numpy as np
    >>> from numzyme import Reverse, gradient
    >>> def energy(state):
    ...     return 0.5 * state["mass"] * np.sum(state["velocity"] ** 2)
    >>> gradient(Reverse, energy, {"mass": 2.0, "velocity": np.array([3.0, 4.0])})
    {'mass': 12.5, 'velocity': array([6., 8.])}
    """
    if verify:
        boundscheck = boundscheck is not False
        _verify_gradient(mode, f, args, boundscheck)
    if isinstance(mode, Mode) and mode.holomorphic:
        return holomorphic.gradient(f, args, mode.with_primal, lambda: _gradient(mode, f, args, boundscheck, project))
    return _gradient(mode, f, args, boundscheck, project)


def _verify_gradient(mode: Mode, f: Any, args: tuple[Any, ...], boundscheck: bool) -> None:
    if any(isinstance(arg, Activity) and not isinstance(arg, Const) for arg in args):
        return  # refused in a moment

    def run(function: Any, given: Any) -> Any:
        return gradient(mode, function, *given, boundscheck=boundscheck)

    def of_shadows(function: Any, activities: Any) -> Any:
        return autodiff(mode, function, *activities, boundscheck=boundscheck)

    verification.gradient(mode, f, args, boundscheck, run, of_shadows, partial(_plain_value, boundscheck))


def _is_derivative(f: Any) -> bool:
    return hasattr(type(f), "numzyme_version")


def lifted_with_data(f: Any) -> tuple[Any, Const] | None:
    """A derivative of a function that captures data, with the data as its first argument; None for others."""
    found = f.lifted() if _is_derivative(f) else None
    return found and (found[0], Const(found[1]))


def _gradient_without(kept: slice, mode: Mode, found: Any) -> Any:
    """What `gradient` of a function with further arguments gives, for those that are `kept`."""
    entries = (found.derivs if mode.with_primal else found)[kept]
    entries = entries[0] if len(entries) == 1 else entries
    return DerivativesAndValue(entries, found.val) if mode.with_primal else entries


def _gradient(mode: Mode, f: Any, args: tuple[Any, ...], boundscheck: bool | None, project: bool) -> Any:
    lifted = lifted_with_data(f)
    if lifted is not None:
        found = _gradient(mode, lifted[0], (lifted[1], *args), boundscheck, project)
        return _gradient_without(slice(1, None), mode, found)
    further = defaults_as_data(f, len(args))
    if further:
        found = _gradient(mode, f, (*args, *further), boundscheck, project)
        return _gradient_without(slice(len(args)), mode, found)
    try:
        found = warm.gradient(mode, f, args, boundscheck, project)
    except Exception as error:
        raise_translated(error, f)
    if found is not warm.MISS:
        return found
    constant = tuple(isinstance(arg, Const) for arg in args)
    values = [arg.primal if isinstance(arg, Activity) else arg for arg in args]
    for arg in args:
        if isinstance(arg, Activity) and not isinstance(arg, Const):
            raise DifferentiationTypeError(
                f"gradient of `{refusals.name_of(f)}` takes plain arguments and Const, not {arg!r}",
                todo=("autodiff takes Active and Duplicated",),
            )
    if all(constant):
        raise DifferentiationTypeError(
            f"gradient of `{refusals.name_of(f)}` has no argument to differentiate",
            todo=("pass at least one argument that is not Const",),
        )
    try:
        if objects.needs_plan(f, values):
            differentiate = partial(_flat_gradient, mode, boundscheck)
            remember = partial(_remember, mode, f, constant, boundscheck, project, warm.changes())
            return objects.gradient(mode, f, values, constant, boundscheck, project, differentiate, remember)
        if mode.direction == "forward":
            return forward.gradient(mode, f, values, constant, partial(autodiff, boundscheck=boundscheck))
        before = sharing.count()
        result = gradient_dispatcher(mode, version_of(f), constant, boundscheck)(*values)
    except Exception as error:
        raise_translated(error, f, values)
    return result if sharing.count() == before else _shared(mode, values, result)


def _remember(
    mode: Mode,
    f: Any,
    constant: tuple[bool, ...],
    boundscheck: bool | None,
    project: bool,
    since: int,
    flattened: Flattened,
    flat: Any,
    flat_constant: tuple[bool, ...],
) -> None:
    """Prepare the quick way for the next call with arguments of this structure; `f` is not looked into if it is a
    derivative, so there is none for these."""
    if _is_derivative(f):
        return
    if mode.direction == "reverse":
        run = gradient_dispatcher(mode, flat, flat_constant, boundscheck)
    else:
        run = partial(_forward_of_leaves, mode, boundscheck, flat, flat_constant)
    warm.remember_gradient(mode, f, constant, boundscheck, project, since, flattened, run)


def _forward_of_leaves(
    mode: Mode, boundscheck: bool | None, flat: Any, constant: tuple[bool, ...], *leaves: Any
) -> Any:
    found = _flat_gradient(mode, boundscheck, flat, list(leaves), constant)
    return found if mode.with_primal else found.derivs


def _remember_shadows(
    mode: Mode,
    f: Any,
    kinds: tuple[type, ...],
    result_active: bool | None,
    boundscheck: bool | None,
    since: int,
    flattened: Flattened,
    flat: Any,
    activities: list[Activity],
) -> None:
    """The same for `autodiff`."""
    if _is_derivative(f):
        return
    of_leaves = tuple(map(type, activities))
    with_primal = ForwardWithPrimal if mode.direction == "forward" else mode  # as `_flat_derivative`, which compiled it
    run = autodiff_dispatcher(with_primal, version_of(flat), of_leaves, result_active, boundscheck)
    if with_primal is not mode:
        run = partial(_derivatives_alone, run)
    warm.remember_autodiff(mode, f, kinds, result_active, boundscheck, since, flattened, run)


def _derivatives_alone(run: Any, *leaves: Any) -> Any:
    return run(*leaves).derivs


def _flat_derivative(
    mode: Mode, result_active: bool | None, boundscheck: bool | None, f: Any, args: list[Activity]
) -> DerivativesAndValue:
    """`autodiff` of a flat function, always with the place for a value."""
    leading = () if result_active is None else (Duplicated if result_active else Const,)
    if mode.direction == "forward":
        mode = ForwardWithPrimal  # the value says which objects the tangents belong to
    found = autodiff(mode, f, *leading, *args, boundscheck=boundscheck)
    return found if mode.with_primal else DerivativesAndValue(found, None)


def _flat_gradient(
    mode: Mode, boundscheck: bool | None, f: Any, values: list[Any], constant: tuple[bool, ...]
) -> DerivativesAndValue:
    """The gradient of a flat function, with the place for a value; in forward mode with the value."""
    if mode.direction == "forward":
        differentiate = partial(autodiff, boundscheck=boundscheck)
        return forward.gradient(ForwardWithPrimal, f, values, constant, differentiate)
    found = gradient_dispatcher(mode, f, constant, boundscheck)(*values)
    return found if mode.with_primal else DerivativesAndValue(found, None)


def _shared(mode: Mode, values: list[Any], result: Any) -> Any:
    """The same result with one gradient object for one array in several places."""
    derivatives = result.derivs if mode.with_primal else result
    derivatives = sharing.share(values[0] if len(values) == 1 else tuple(values), derivatives)
    return DerivativesAndValue(derivatives, result.val) if mode.with_primal else derivatives


def _refuse_holomorphic_inside(mode: Mode, inline: bool) -> None:
    """What compiled code gets is not conjugated afterwards."""
    if inline and mode.holomorphic:
        raise DifferentiationTypeError(
            f"{mode} is not available in compiled code",
            todo=("call it from Python", "Reverse of the real part, whose conjugate it is"),
        )


@cache
def gradient_dispatcher(mode: Mode, f: Any, constant: tuple[bool, ...], boundscheck: bool | None) -> Any:
    """The dispatcher of a reverse-mode gradient."""
    return positional_dispatcher(gradient_call(mode, f, constant, boundscheck), len(constant))


def gradient_call(
    mode: Mode, f: Any, constant: tuple[bool, ...], boundscheck: bool | None = None, inline: bool = False
) -> Call:
    """The call that a reverse-mode `gradient` makes."""
    _refuse_holomorphic_inside(mode, inline)
    return Call(
        function=compilable(version_of(f), len(constant)),
        mode=mode,
        roles=tuple(Role.CONST if fixed else Role.WANTED for fixed in constant),
        pick=0 if len(constant) == 1 else tuple(range(len(constant))),
        value=Value.NAMED if mode.with_primal else Value.NONE,
        boundscheck=boundscheck,
        inline=inline,
    )
