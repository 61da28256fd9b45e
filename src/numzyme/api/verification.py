"""`verify=True`: the first derivative of a kind is compared with differences of the function.

Decides what is compared: the derivative along a random direction of the arguments, in one number. The result of the
function, and what it leaves in arguments that Numba takes as they are, are weighed at random for it; reverse mode
starts from these weights. Every call of the function is one on copies, with the random numbers that the user's call
will draw. Invariant: nothing of the user's is changed, and only what was found right is not looked at again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit, typeof
from numba.core.dispatcher import Dispatcher

from .. import values
from ..diagnostics import DifferentiationError, DifferentiationTypeError, VerificationError, VerificationWarning
from ..frontend import version_of
from ..runtime import random_state, set_random_state
from . import objects, refusals
from .activities import Active, Activity, Const, Duplicated, MixedDuplicated
from .copies import copied
from .differences import Verdict, judged
from .modes import Mode

# Extrapolated differences are good to 1e-9 of the size; in single precision to a few times the root of its unit.
_TOLERANCE, _TOLERANCE_SINGLE = 1e-6, 5e-3

_SINGLE = frozenset(map(np.dtype, ("f4", "c8")))

_verified: set[tuple] = set()

# (function, its arguments) -> what it returns; (function, arguments with activities) -> what the derivative returns
Run = Callable[[Any, Sequence[Any]], Any]


def gradient(mode: Mode, f: Any, args: Sequence[Any], boundscheck: bool, run: Run, autodiff: Run, value: Run) -> None:
    """Check the gradient `run` of `f` at `args`, plain arguments and `Const`; of a Jacobian `autodiff`, of its passes.

    `value` is numzyme's way to call functions of arguments that Numba does not take.
    Raises: `VerificationError` when it is wrong.
    """
    primals = [arg.primal if isinstance(arg, Const) else arg for arg in args]
    constant = tuple(isinstance(arg, Const) for arg in args)
    point = _new_point(("gradient", mode, constant), f, primals, constant, boundscheck, value)
    if point is None:
        return
    if mode.direction == "forward" and not isinstance(point.result, float | np.floating):
        activities = [arg if fixed else Duplicated(arg, None) for arg, fixed in zip(args, constant, strict=True)]
        _forward(point, mode, activities, autodiff)
    else:
        function, given = point.copies()
        passed = [Const(one) if fixed else one for one, fixed in zip(given, constant, strict=True)]
        found = _derivatives(mode, point.call(run, function, passed))
        entries = (found,) if len(args) == 1 else found
        terms = _Terms(point.base, point.wanted(entries), point.direction)
        point.judge(lambda result, after: result, terms.products() if mode.holomorphic else terms.inner(), terms)


def autodiff(
    mode: Mode,
    f: Any,
    args: Sequence[Activity],
    result_active: bool | None,
    boundscheck: bool,
    run: Run,
    value: Run,
) -> None:
    """The same for `autodiff`, whose activities are `args`, with shadows of its own."""
    if isinstance(f, Duplicated):
        raise DifferentiationTypeError(
            "verify=True does not check derivatives with respect to the function itself",
            todo=("pass the object as an argument: lambda f, x: f(x)",),
        )
    kinds = tuple(map(type, args))
    primals = [_as_float(arg.primal) if isinstance(arg, Active) else arg.primal for arg in args]
    constant = tuple(issubclass(kind, Const) for kind in kinds)
    point = _new_point(("autodiff", mode, kinds, result_active), f, primals, constant, boundscheck, value)
    if point is None:
        return
    if mode.direction == "forward":
        _forward(point, mode, args, run)
    else:
        _reverse(point, mode, args, result_active, run)


def _forward(point: _Point, mode: Mode, args: Sequence[Activity], run: Run) -> None:
    function, given = point.copies()
    shadows = values.accumulate(values.make_zero(point.wanted(given)), point.direction)
    tangent = _derivatives(mode, point.call(run, function, _with_shadows(args, given, shadows)))
    weights = None if tangent is None else _random(point.result, point.rng)
    terms = (_Terms(point.result, weights, tangent), _Terms(point.base, point.weights, shadows))

    def weigh(result: Any, after: Any) -> float:
        return _Terms(result, weights, result).inner() + _Terms(after, point.weights, after).inner()

    point.judge(weigh, sum(one.inner() for one in terms), *terms)


def _reverse(point: _Point, mode: Mode, args: Sequence[Activity], result_active: bool | None, run: Run) -> None:
    function, given = point.copies()
    pairs = zip(point.weights, point.wanted(args), strict=True)
    weights = tuple(values.make_zero(w) if isinstance(arg, Active) else w for w, arg in pairs)
    shadows = values.accumulate(values.make_zero(point.wanted(given)), weights)
    activities = _with_shadows(args, given, shadows)
    slots = _derivatives(mode, point.call(run, function, activities))
    pairs = zip(activities, slots, strict=True)
    found = [slot if isinstance(arg, Active | MixedDuplicated) else getattr(arg, "shadow", None) for arg, slot in pairs]
    terms = _Terms(point.base, point.wanted(found), point.direction)
    counts = result_active is not False and _is_number(point.result)

    def weigh(result: Any, after: Any) -> complex:
        of_memory = _Terms(after, weights, after)
        if mode.holomorphic:
            return result + of_memory.products()
        return (result if counts else 0.0) + of_memory.inner()

    point.judge(weigh, terms.products() if mode.holomorphic else terms.inner(), terms)


def _new_point(
    asked: tuple, f: Any, primals: list[Any], constant: tuple[bool, ...], boundscheck: bool, value: Run
) -> _Point | None:
    """The point of a call; None when one like it was verified before, or the function raises there."""
    with_plan = objects.needs_plan(f, primals)
    if with_plan:
        kind: Any = objects.structure_of(f, primals, constant, boundscheck)
    else:
        kind = version_of(f), tuple(map(typeof, primals))
    key = (*asked, boundscheck, kind)
    if key in _verified:
        return None
    plain = value if with_plan else _jitted(version_of(f), kind[1], boundscheck) or value
    point = _Point(f, primals, constant, plain, key)
    try:
        point.result, after = point.at(0.0)
    except DifferentiationError as error:  # if it is about the call, the derivative will say it in its own words
        _warn(f, error.what)
        return None
    except Exception:  # of the function, which will raise it again on the user's own arguments
        return None
    if with_plan:  # what objects hold afterwards may be something else than before
        point.weights = tuple(map(values.make_zero, point.weights))
    return point


class _Point:
    """Where a derivative is checked: the call, as it is now, and a direction of its differentiated arguments.

    `plain`: the function by itself; `base`: the differentiated arguments there; `weights`: of what they are afterwards.
    """

    def __init__(self, f: Any, primals: list[Any], constant: tuple[bool, ...], plain: Run, key: tuple) -> None:
        self.f, self.plain, self.key, self.holomorphic = f, plain, key, key[1].holomorphic
        self.constant, self.drawn_from = constant, random_state()
        self.with_data = objects.needs_plan(f, ())
        self.saved = copied((f if self.with_data else None, primals))
        self.base = tuple(self.wanted(self.saved[1]))
        self.rng = np.random.default_rng(2026)
        self.direction, self.weights = _random(self.base, self.rng), _random(self.base, self.rng)
        self.result: Any = None

    def wanted(self, entries: Sequence[Any]) -> tuple[Any, ...]:
        """Those of the differentiated arguments."""
        return tuple(entry for entry, fixed in zip(entries, self.constant, strict=True) if not fixed)

    def copies(self) -> tuple[Any, list[Any]]:
        """The function and its arguments, to be used once."""
        function, given = copied(self.saved)
        return function if self.with_data else self.f, given

    def call(self, run: Run, function: Any, given: Sequence[Any]) -> Any:
        """What `run` gives, with the random numbers of the user's call."""
        now = random_state()
        set_random_state(self.drawn_from)
        try:
            return run(function, given)
        finally:
            set_random_state(now)

    def at(self, step: float) -> tuple[Any, tuple[Any, ...]]:
        """The function's result at a distance along the direction, and its differentiated arguments afterwards."""
        function, given = self.copies()
        moved = iter(values.tree_map(lambda x, d: x + _like(x, step) * d, self.wanted(given), self.direction))
        given = [one if fixed else next(moved) for one, fixed in zip(given, self.constant, strict=True)]
        return self.call(self.plain, function, given), self.wanted(given)

    def judge(self, weigh: Callable[[Any, Any], complex], claimed: complex, *terms: _Terms) -> None:
        """Compare `claimed` with the derivative of `weigh(result, arguments afterwards)`."""
        single = any(one.single for one in terms)
        tolerance, rounding = (_TOLERANCE_SINGLE, 2.0**-24) if single else (_TOLERANCE, 2.0**-53)
        size = sum(one.size for one in terms)
        verdict, slope = judged(lambda step: weigh(*self.at(step)), claimed, size, tolerance, rounding)
        if verdict is Verdict.AGREES:
            _verified.add(self.key)
        elif verdict is Verdict.DIFFERS:
            raise VerificationError(
                f"the derivative of `{refusals.name_of(self.f)}` is not that of its values",
                where=refusals.location_of(self.f),
                why=f"along a random direction it is {claimed:.9g}, and differences of values give {slope.value:.9g}, "
                f"good to {slope.error:.1g}",
                todo=(
                    *(("is the function holomorphic? Only then df/dz exists",) if self.holomorphic else ()),
                    "numzyme.testing.check_gradient(f, *args) tells more",
                    "if the function is smooth at these arguments, numzyme is wrong: please report it",
                ),
            )
        else:
            _warn(
                self.f,
                "differences of its values do not say what it is here (it may have a kink or jump, or end at these "
                "arguments)",
            )


class _Terms:
    """The products of two trees like `x`, number by number; where arrays of `x` overlap, each element once."""

    def __init__(self, x: Any, left: Any, right: Any) -> None:
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []
        self._places: list[np.ndarray] = []
        self.single = False
        values.tree_map(self._keep, x, x, left, right)
        marks = values.shadows_of(self._places, [values.Path("x")] * len(self._places))
        for index, (mark, (first, second)) in enumerate(zip(marks, self._pairs, strict=True)):
            new = mark == 0
            self._pairs[index] = first[new], second[new]
            mark[...] = 1
        sizes = (np.sum(np.abs(first) * np.abs(second)) for first, second in self._pairs)
        self.size = float(sum(size for size in sizes if np.isfinite(size)))

    def _keep(self, x: Any, place: Any, left: Any, right: Any) -> Any:
        """`place` is `x`; of the fields of records, `x` is a copy."""
        self.single |= np.asarray(x).dtype in _SINGLE
        place, *pair = (np.array(side, copy=None, ndmin=1) for side in (place, left, right))
        self._places.append(place)
        self._pairs.append((pair[0], pair[1]))
        return x

    def products(self) -> complex:
        """The sum of all products."""
        return complex(sum(np.sum(first.astype(np.complex128) * second) for first, second in self._pairs))

    def inner(self) -> float:
        """The inner product, that of complex numbers being the one of their parts."""
        return float(sum(np.sum((first.astype(np.complex128).conj() * second).real) for first, second in self._pairs))


def _warn(f: Any, reason: str) -> None:
    text = f"the derivative of `{refusals.name_of(f)}` could not be verified: {reason}"
    warnings.warn(text, VerificationWarning, stacklevel=2)


def _random(x: Any, rng: np.random.Generator) -> Any:
    """A tree like `x` of random numbers, as large as its own are."""

    def drawn(part: Any) -> Any:
        size = np.abs(part)
        typical = float(np.mean(size)) if np.size(part) and np.all(np.isfinite(size)) else 0.0
        scale = 0.5 * (np.where(np.isfinite(size), size, 0.0) + (typical or 1.0))
        made = rng.uniform(-1.0, 1.0, np.shape(part)) * scale
        if np.iscomplexobj(part):
            made = made + 1j * rng.uniform(-1.0, 1.0, np.shape(part)) * scale
        return made.astype(part.dtype) if isinstance(part, np.ndarray) else type(part)(made)

    return values.tree_map(drawn, x)


def _with_shadows(args: Sequence[Activity], primals: Sequence[Any], shadows: Sequence[Any]) -> list[Activity]:
    """The activities of `args` around other primals and shadows."""
    remaining, made = iter(shadows), []
    for arg, primal in zip(args, primals, strict=True):
        if isinstance(arg, Const):
            made.append(type(arg)(primal))
            continue
        shadow = next(remaining)
        made.append(type(arg)(primal, shadow) if isinstance(arg, Duplicated) else type(arg)(primal))
    return made


def _like(x: Any, step: float) -> Any:
    """The step as a number of the type of `x`, which `x` then keeps."""
    return x.dtype.type(step) if isinstance(x, np.ndarray | np.generic) else type(x)(step)


def _derivatives(mode: Mode, found: Any) -> Any:
    return found.derivs if mode.with_primal else found


def _is_number(value: Any) -> bool:
    return isinstance(value, float | complex | np.floating | np.complexfloating)


def _as_float(value: Any) -> Any:
    """An integer where a float is meant, in tuples too."""
    if isinstance(value, tuple):
        members = map(_as_float, value)
        return type(value)(*members) if hasattr(value, "_fields") else tuple(members)
    return float(value) if isinstance(value, int | np.integer | np.bool_) else value


@lru_cache(maxsize=256)
def _jitted(f: Any, kinds: tuple, boundscheck: bool) -> Run | None:
    """Numba's own version of `f`; None where Numba alone cannot compile it."""
    if not isinstance(f, FunctionType | Dispatcher):
        return lambda function, given: function(*given)
    options: dict[str, Any] = dict(getattr(f, "targetoptions", {}))
    options.pop("nopython", None)
    options["boundscheck"] = boundscheck
    plain: Any = njit(**options)(getattr(f, "py_func", f))
    try:
        plain.compile(kinds)
    except Exception:  # Numba also fails with whatever its own code runs into: the derivative will say it in words
        return None
    return lambda function, given: plain(*given)
