"""`vjp`: reverse mode for functions whose result is more than one float.

Decides that a pullback runs the function again, on copies of the arguments and of its own data as they were, and
differentiates the inner product of its result with the cotangent: so it can be called as often as one likes, and holds
no tape. Invariant: arguments and data are changed once, by `vjp` itself, as the plain call changes them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..diagnostics import DifferentiationTypeError, DifferentiationValueError
from ..frontend import version_of
from ..runtime import random_state, set_random_state
from . import objects, refusals
from .activities import Const
from .callables import defaults_as_data
from .copies import copied
from .functions import autodiff, gradient, lifted_with_data
from .modes import Reverse, ReverseWithPrimal


def vjp(
    f: Any, *primals: Any, boundscheck: bool | None = None, verify: bool = False
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of `f` at `primals`, and the function that pulls cotangents back.

    Arguments:
        f: any function that Numba compiles, whose result is a float or complex number, an array of these, or nested
            tuples of these; what else a tuple holds has no cotangent.
        primals: its arguments, as for `gradient`; `Const(x)` leaves one out.
        boundscheck: True checks every index.
        verify: True compares the first pullback of its kind with differences; see `gradient`.
    Returns: `(out, pullback)`. `pullback(cotangent)` takes a value of the shape of `out` (None for parts that do not
        count) and returns a tuple with the adjoint of each argument: the transposed Jacobian times the cotangent. It
        may be called several times; each call runs `f` again, on copies of the arguments, of the object that `f`
        belongs to and of the data that functions capture, as they were; data of modules that only methods of objects
        read are taken as they are then.
    Raises: `DifferentiationError` when something cannot be differentiated or a cotangent does not fit; what `f` raises.

    >>> import numpy as np
    >>> from numzyme import vjp
    >>> out, pullback = vjp(lambda x, a: a * x**2, np.array([1.0, 2.0]), 3.0)
    >>> out
    array([ 3., 12.])
    >>> pullback(np.array([1.0, 0.5]))
    (array([6., 6.]), 3.0)
    """
    lifted = lifted_with_data(f)
    if lifted is not None:
        out, of_all = vjp(lifted[0], lifted[1], *primals, boundscheck=boundscheck, verify=verify)
        return out, lambda cotangent: of_all(cotangent)[1:]
    further = defaults_as_data(f, len(primals))
    if further:
        out, of_all = vjp(f, *primals, *further, boundscheck=boundscheck, verify=verify)
        return out, lambda cotangent: of_all(cotangent)[: len(primals)]
    with_data, version = objects.needs_plan(f, ()), version_of(f)
    saved, drawn_from = copied((f if with_data else None, primals)), random_state()
    passed = tuple(argument if isinstance(argument, Const) else Const(argument) for argument in primals)
    out = autodiff(ReverseWithPrimal, f, Const, *passed, boundscheck=boundscheck).val
    places = tuple(_places(f, out, ()))
    if not any(not isinstance(argument, Const) for argument in primals):
        raise DifferentiationTypeError(f"vjp of `{refusals.name_of(f)}` has no argument to differentiate")
    if not places:
        raise DifferentiationTypeError(
            f"vjp of `{refusals.name_of(f)}` has no result to start from",
            where=refusals.location_of(f),
            why=f"it returned a {type(out).__name__} without float or complex numbers",
        )

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        seeds = tuple(_seed(f, out, cotangent, path) for path, _ in places)
        counts = tuple(place for place, seed in zip(places, seeds, strict=True) if seed is not None)
        given = tuple(seed for seed in seeds if seed is not None)
        function_then, primals_then = copied(saved)
        function = _inner_product(None if with_data else version, refusals.name_of(f), len(primals), counts)
        now = random_state()
        set_random_state(drawn_from)  # `f` draws what it drew for `out`
        try:
            leading = (Const(given), Const(function_then))
            return gradient(Reverse, function, *leading, *primals_then, boundscheck=boundscheck, verify=verify)[2:]
        finally:
            set_random_state(now)

    return out, pullback


Place = tuple[tuple[int, ...], str]  # where a part of the result is, and how it is multiplied with its cotangent
_PRODUCTS = {
    "real": "{seed} * {part}",
    "complex": "({seed}.conjugate() * {part}).real",
    "real array": "np.sum({seed} * {part})",
    "complex array": "np.sum((np.conj({seed}) * {part}).real)",
}


def _places(f: Any, part: Any, path: tuple[int, ...]) -> Iterator[Place]:
    if isinstance(part, tuple):
        for index, member in enumerate(part):
            yield from _places(f, member, (*path, index))
    elif isinstance(part, np.ndarray | np.void) and part.dtype.names is not None:
        raise refusals.returned_records(f)
    elif isinstance(part, np.ndarray) and part.dtype.kind in "fc":
        yield path, "complex array" if part.dtype.kind == "c" else "real array"
    elif isinstance(part, float | np.floating):
        yield path, "real"
    elif isinstance(part, complex | np.complexfloating):
        yield path, "complex"


def _seed(f: Any, out: Any, cotangent: Any, path: tuple[int, ...]) -> Any:
    """The cotangent at `path`, in the type of the result there; None if it does not count."""
    for index in path:
        if cotangent is None:
            return None
        if not isinstance(cotangent, tuple | list) or len(cotangent) != len(out):
            raise _misfit(f, cotangent, out)
        out, cotangent = out[index], cotangent[index]
    if cotangent is None:
        return None
    if np.shape(cotangent) != np.shape(out) or (np.iscomplexobj(cotangent) and not np.iscomplexobj(out)):
        raise _misfit(f, cotangent, out)
    if isinstance(out, np.ndarray):
        return np.ascontiguousarray(cotangent, out.dtype).reshape(out.shape)
    return type(out)(cotangent)


def _misfit(f: Any, cotangent: Any, out: Any) -> DifferentiationValueError:
    def shown(value: Any) -> str:
        return f"{type(value).__name__} of shape {np.shape(value)}" if not isinstance(value, tuple) else "tuple"

    return DifferentiationValueError(
        f"a cotangent does not fit the result of `{refusals.name_of(f)}`",
        where=refusals.location_of(f),
        why=f"it is a {shown(cotangent)}, and the result a {shown(out)}",
    )


@functools.lru_cache(maxsize=1024)
def _inner_product(f: Any, name: str, count: int, places: tuple[Place, ...]) -> Any:
    """The function whose gradient is the pullback; `f` is None when it is among the arguments, for the data in it."""
    terms = []
    for number, (path, kind) in enumerate(places):
        part = "result" + "".join(f"[{index}]" for index in path)
        terms.append(_PRODUCTS[kind].format(seed=f"cotangents[{number}]", part=part))
    listed = ", ".join(f"value{index}" for index in range(count))
    scope: dict[str, Any] = {"f": f, "np": np, "__name__": __name__}
    exec(
        f"def pulled_back(cotangents, {'f' if f is None else 'nothing'}, {listed}):\n"
        f"    result = f({listed})\n"
        f"    return {' + '.join(terms) or '0.0'}\n",
        scope,
    )
    function = scope["pulled_back"]
    function.__name__ = function.__qualname__ = name
    return function
