"""`grad` and `value_and_grad`: functions that give derivatives of a function.

A transform is a callable value that knows its function; it carries the function's name, signature and
docstring, pickles when the function does, and means the same in compiled code, where Numba sees the
dispatcher inside it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable
from contextvars import ContextVar
from types import FunctionType
from typing import Any

from numba.core.dispatcher import Dispatcher

from ..diagnostics import DifferentiationTypeError, DifferentiationValueError
from ..frontend import Outside, lift, outside_of, version_of
from ..plans import is_flat
from . import refusals, sharing
from .activities import Const
from .callables import compilable, has_data_as_defaults
from .calls import Call, Role, Value
from .functions import gradient
from .glue import dispatcher, raise_translated
from .modes import Reverse, ReverseWithPrimal
from .objects import needs_plan

Argnums = int | tuple[int, ...]
_being_lifted: ContextVar[tuple[Any, ...]] = ContextVar("being lifted", default=())


class Transform:
    """What `grad` and `value_and_grad` return."""

    def __init__(self, value: Value, f: Any, argnums: Argnums, boundscheck: bool | None, verify: bool = False) -> None:
        functools.update_wrapper(self, f, updated=())
        self._value, self._function, self._argnums, self._boundscheck = value, f, argnums, boundscheck
        self._verify = verify
        self._parameters = _parameters(f)
        self._dispatchers: dict[tuple[int, bool], Dispatcher] = {}
        self._call: Dispatcher | None = None
        self._outside: Outside | None = None
        self._versions: dict[Any, Transform] = {}
        self._over_data: Any = None
        self._look_outside()
        if self._parameters is not None:
            self._call = self.dispatcher(len(self._parameters))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if self._outside is None or not self._outside.holds():
            self._look_outside()
        if self._outside is None or not all(map(is_flat, args)) or not all(map(is_flat, keywords.values())):
            return self._by_gradient(args, keywords)
        before = sharing.count()
        try:
            result = (self._call or self.dispatcher(len(args)))(*args, **keywords)
        except Exception as error:
            raise_translated(error, self._function, args)
        return result if sharing.count() == before else self._shared(args, keywords, result)

    def _look_outside(self) -> None:
        """See what the function uses besides its arguments: data go the way of objects, helpers may be others now."""
        functions = any(isinstance(default, FunctionType) for _, default in self._parameters or ())  # as defaults
        by_gradient = self._verify or functions or self._differentiates_captured_data()
        by_gradient = by_gradient or has_data_as_defaults(self._function)
        by_gradient = by_gradient or needs_plan(self._function, ())
        self._outside = None if by_gradient else outside_of(self._function)
        if self._outside is not None and self._call is not None:
            self._dispatchers.clear()
            self._call = self.dispatcher(len(self._parameters or ()))

    def _differentiates_captured_data(self) -> bool:
        return isinstance(self._function, Transform) and self._function.lifted() is not None

    def _by_gradient(self, args: tuple, keywords: dict[str, Any]) -> Any:
        """The transform where an argument, or the function itself, is an object, or where it is verified."""
        if keywords or has_data_as_defaults(self._function):
            bound = inspect.signature(self._function).bind(*args, **keywords)
            bound.apply_defaults()
            # not `bound.args`, which leaves out what is a keyword only: compiled code takes it by its place
            starred = any(p.kind is p.VAR_POSITIONAL for p in bound.signature.parameters.values())
            args = bound.args if starred else tuple(bound.arguments.values())
        chosen = (self._argnums,) if isinstance(self._argnums, int) else self._argnums
        picked = [_in_range(self._function, number, len(args)) for number in chosen]
        passed = [value if number in picked else Const(value) for number, value in enumerate(args)]
        found, value = gradient(
            ReverseWithPrimal, self._function, *passed, boundscheck=self._boundscheck, verify=self._verify
        )
        entries = (found,) if len(args) == 1 else found
        derivatives = tuple(entries[number] for number in picked)
        result = derivatives[0] if isinstance(self._argnums, int) else derivatives
        return (value, result) if self._value is Value.FIRST else result

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A transform in a class body is a method, as a function would be."""
        return self if instance is None else functools.partial(self, instance)

    def __reduce__(self) -> tuple:
        return type(self), (self._value, self._function, self._argnums, self._boundscheck, self._verify)

    def numzyme_fingerprint(self) -> tuple[Any, ...]:
        """What a transform is, for the key of compiled code that calls it."""
        return self._value, self._function, self._argnums, self._boundscheck

    def __repr__(self) -> str:
        name = "grad" if self._value is Value.NONE else "value_and_grad"
        return f"{name}({refusals.name_of(self._function)}, argnums={self._argnums})"

    def dispatcher(self, count: int, inline: bool = False) -> Dispatcher:
        """The jitted function behind the transform, for `count` arguments."""
        key = count, inline
        if key not in self._dispatchers:
            call = self.call_for(count, inline)
            parameters = self._parameters or [(f"value{i}", _REQUIRED) for i in range(count)]
            names = [name for name, _ in parameters]
            defaults = tuple(default for _, default in parameters if default is not _REQUIRED)
            self._dispatchers[key] = _shared_dispatcher(call, tuple(names), defaults)
        return self._dispatchers[key]

    @property
    def numzyme_differentiated(self) -> Any:
        """What this is a derivative of."""
        return self._function

    def numzyme_version(self) -> Transform:
        """The transform to compile in place of this one: of a copy of its function once a name means something else."""
        function = version_of(self._function)
        if function is self._function:
            return self
        if function not in self._versions:
            self._versions[function] = Transform(self._value, function, self._argnums, self._boundscheck, self._verify)
        return self._versions[function]

    def lifted(self) -> tuple[Transform, tuple] | None:
        """The transform with the data that its function captures as a first argument, and the data; None without.

        This is what can be differentiated: a derivative inside of compiled code captures nothing.
        """
        function = self._function
        within = _being_lifted.get()
        if self in within:
            return None  # the function calls its own derivative
        token = _being_lifted.set((*within, self))
        try:
            found = function.lifted() if isinstance(function, Transform) else lift(function, is_flat)
        finally:
            _being_lifted.reset(token)
        if found is None:
            return None
        taken, data = found
        return _shared_transform(self._value, taken, _behind_one(self._argnums), self._boundscheck, self._verify), data

    def numzyme_function(self) -> FunctionType | None:
        """A Python function that does the same and captures the data that this derivative captures; None without."""
        found = self.lifted()
        if found is None or self._parameters is None:
            return None
        taken, data = found
        if taken._over_data is None:
            taken._over_data = _function_over_data(taken, self._parameters)
        return taken._over_data(data)

    def inner(self) -> Dispatcher:
        """The jitted function that stands for the transform in compiled code."""
        if self._outside is not None and not self._outside.holds():
            self._look_outside()
        if self._verify:
            raise refusals.verified_inside(self)
        if self._parameters is None:
            raise DifferentiationTypeError(
                f"`{refusals.name_of(self._function)}` takes any number of arguments",
                why="in compiled code a transform needs a function with a fixed number",
            )
        return self.dispatcher(len(self._parameters), inline=True)

    @property
    def numzyme_inner(self) -> Dispatcher:
        """What a derivative of this derivative is made of."""
        return self.inner()

    def takes(self, count: int) -> bool:
        """Whether `count` positional arguments are all that the function has."""
        return self._parameters is None or len(self._parameters) == count

    def call_for(self, count: int, inline: bool) -> Call:
        """The call that the transform makes for `count` arguments."""
        chosen = (self._argnums,) if isinstance(self._argnums, int) else self._argnums
        pick = tuple(_in_range(self._function, number, count) for number in chosen)
        return Call(
            function=compilable(version_of(self._function), count),
            mode=Reverse,
            roles=tuple(Role.WANTED if i in pick else Role.CONST for i in range(count)),
            pick=pick[0] if isinstance(self._argnums, int) else pick,
            value=self._value,
            strict=True,
            boundscheck=self._boundscheck,
            inline=inline,
        )

    def _shared(self, args: tuple, keywords: dict[str, Any], result: Any) -> Any:
        """One gradient object for one array in several places."""
        bound = inspect.signature(self._function).bind(*args, **keywords) if keywords else None
        values = list(bound.arguments.values()) if bound else args
        if isinstance(self._argnums, int):
            picked = values[self._argnums]
        else:
            picked = tuple(values[number] for number in self._argnums)
        if self._value is Value.FIRST:
            return result[0], sharing.share(picked, result[1])
        return sharing.share(picked, result)


@functools.cache
def _shared_transform(value: Value, f: Any, argnums: Argnums, boundscheck: bool | None, verify: bool) -> Transform:
    """The derivative of a lifted function, one for all closures of the same code."""
    return Transform(value, f, argnums, boundscheck, verify)


def _function_over_data(derivative: Transform, parameters: list[tuple[str, Any]]) -> Any:
    """Of the data: the function of `parameters` that hands both to `derivative`."""
    scope: dict[str, Any] = {"_derivative": derivative, "__name__": "derivatives"}
    listed = []
    for parameter, default in parameters:
        scope[f"_default_{parameter}"] = default
        listed.append(parameter if default is _REQUIRED else f"{parameter}=_default_{parameter}")
    names = ", ".join(parameter for parameter, _ in parameters)
    head = f"def over(_data):\n    def derivative({', '.join(listed)}):\n"
    exec(f"{head}        return _derivative(_data, {names})\n    return derivative\n", scope)
    return scope["over"]


def _behind_one(argnums: Argnums) -> Argnums:
    """The same arguments behind a new first one; negative numbers count from the end."""
    if isinstance(argnums, int):
        return argnums + (argnums >= 0)
    return tuple(number + (number >= 0) for number in argnums)


def grad(
    f: Any, argnums: int | Iterable[int] = 0, *, boundscheck: bool | None = None, verify: bool = False
) -> Transform:
    """A function that gives the gradient of `f`, by reverse mode, with respect to the arguments `argnums`.

    Arguments:
        f: any function that Numba compiles, decorated or not.
        argnums: the position of the argument to differentiate, or several.
        boundscheck: True checks every index, as `numba.njit(boundscheck=True)` does.
        verify: True compares the first gradient of its kind with differences; see `gradient`.
    Returns: a function with the parameters of `f`. The gradient of a float is a float, of an array an array of its
        shape, of a container or object what `gradient` gives for it; several argnums give a tuple.
    Raises: `DifferentiationError`, when it is called, if something cannot be differentiated.

    >>> import numpy as np
    >>> from numzyme import grad
    >>> grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    return Transform(Value.NONE, _checked(f), _normalised(argnums), boundscheck, verify)


def value_and_grad(
    f: Any, argnums: int | Iterable[int] = 0, *, boundscheck: bool | None = None, verify: bool = False
) -> Transform:
    """A function that gives the pair of `f`'s value and its gradient.

    Arguments, errors: see `grad`.
    Returns: a function with the parameters of `f` that returns `(value, gradient)`, which is what SciPy's
        `minimize(..., jac=True)` expects.

    >>> from numzyme import value_and_grad
    >>> value_and_grad(lambda x: x * x)(3.0)
    (9.0, 6.0)
    """
    return Transform(Value.FIRST, _checked(f), _normalised(argnums), boundscheck, verify)


_known: dict[tuple, Dispatcher] = {}


def _shared_dispatcher(call: Call, names: tuple[str, ...], defaults: tuple) -> Dispatcher:
    """One dispatcher for all transforms that ask for the same: `grad(f)` may be written where it is called."""
    key = call, names, tuple((type(value), value) for value in defaults)
    try:
        hash(key)
    except TypeError:  # a default that cannot be compared
        return dispatcher(call, names, defaults)
    if key not in _known:
        _known[key] = dispatcher(call, names, defaults)
    return _known[key]


def _in_range(f: Any, number: int, count: int) -> int:
    """The position that `argnums` means by `number`."""
    if -count <= number < count:
        return number % count
    raise DifferentiationValueError(
        f"argnums={number} of `{refusals.name_of(f)}`, which has {count} arguments",
        where=refusals.location_of(f),
    )


_REQUIRED = inspect.Parameter.empty


def _parameters(f: Any) -> list[tuple[str, Any]] | None:
    """Names and defaults of the parameters; None when their number is open or unknown."""
    if isinstance(f, Transform):
        return f._parameters
    if not isinstance(f, FunctionType | Dispatcher | functools.partial):
        return None  # library functions have parameters that compiled code does not know
    try:
        parameters = inspect.signature(getattr(f, "py_func", f)).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return None
    bound = f.keywords if isinstance(f, functools.partial) else {}
    return [(p.name, p.default) for p in parameters if p.name not in bound]


def _checked(f: Any) -> Any:
    if not callable(f):
        raise DifferentiationTypeError(f"grad takes a function, not {f!r}")
    return f


def _normalised(argnums: int | Iterable[int]) -> Argnums:
    return argnums if isinstance(argnums, int) else tuple(argnums)
