"""The open registry of array wrappers: how a class says what its gradient looks like.

Decides nothing about any class. Invariant: what is registered here is all that `strip_types` knows about wrappers;
the library's own are registered like a user's.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .structure import rebuild

Class = TypeVar("Class", bound=type)


class Strip(Protocol):
    """The recursion that a registered function receives.

    `strip(x.data, dx.data)` is the gradient of a part: the array, wrapper, tuple or sparse array that belongs to it. It
    remembers what it has met, so that arrays shared below a wrapper have one gradient. Where a part has no natural form
    (integers, a named tuple) it leaves the function, and the wrapper's gradient becomes structural; so
    do not catch what it raises. Under `project=True` the parts are projected too.
    `path` is where the wrapper stands ("model.layers[0]"), for messages.
    """

    @property
    def path(self) -> str: ...

    def __call__(self, x: Any, dx: Any, /) -> Any: ...


# (the wrapper, its shadow, the recursion) -> gradient, or NotImplemented for the structural one
GradientOf = Callable[[Any, Any, Strip], Any]


@dataclass(frozen=True)
class Wrapper:
    """What a class registered."""

    natural: GradientOf | None
    project: GradientOf | None


_registered: weakref.WeakKeyDictionary[type, Wrapper] = weakref.WeakKeyDictionary()
_changes: list[type] = []


def register_wrapper(cls: Class, *, natural: GradientOf | None = None, project: GradientOf | None = None) -> Class:
    """Say what the gradient of a wrapper class is; without it, gradients of its instances are named tuples.

    Arguments:
        cls: the class. Its subclasses are not included: they may have fields that these functions do not know.
        natural: `natural(x, dx, strip)` gives the gradient as a value of the class's own kind. `dx` is the shadow, of
            the class of `x`; `strip(x.part, dx.part)` is the gradient of a part (see `Strip`).
            `natural_fields("part")` makes such a function for the usual case. None: the gradient is structural.
        project: `project(x, dx, strip)` gives the projected gradient, under `project=True`: the change of the dense
            array that the class can make whose inner product with every such change equals that of the structural
            gradient. It makes new arrays and leaves `dx` as it is. A gradient that cannot be projected: raise
            `DifferentiationValueError` with `strip.path` in it. None: nothing to project, `natural` serves.
        Both may return NotImplemented, for the structural gradient.

    Returns: `cls`.
    Raises: `TypeError` when `cls` is not a class or a function is not callable. Registering again replaces.

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from numzyme.values import natural_fields, make_zero, register_wrapper, strip_types
    >>> @dataclass(frozen=True)
    ... class Circulant:
    ...     column: np.ndarray  # the dense matrix has column[(i - j) % n] at [i, j]
    >>> def project(x, dx, strip):  # each stored float stands n times in the dense matrix
    ...     return Circulant(strip(x.column, dx.column) / len(x.column))
    >>> Circulant = register_wrapper(Circulant, natural=natural_fields("column"), project=project)
    >>> matrix, shadow = Circulant(np.array([1.0, 2.0])), Circulant(np.array([4.0, 6.0]))
    >>> strip_types(matrix, shadow)
    Circulant(column=array([4., 6.]))
    >>> strip_types(matrix, shadow, project=True)
    Circulant(column=array([2., 3.]))
    >>> integers = Circulant(np.array([1, 2]))
    >>> strip_types(integers, make_zero(integers))  # no derivative inside: a named tuple
    Circulant(column=None)
    """
    if not isinstance(cls, type):
        raise TypeError(f"register_wrapper wants a class, got {cls!r}")
    for function in (natural, project):
        if function is not None and not callable(function):
            raise TypeError(f"register_wrapper wants functions (x, dx, strip) or None, got {function!r}")
    _registered[cls] = Wrapper(natural, project)
    _changes.append(cls)
    return cls


def natural_fields(*names: str) -> GradientOf:
    """A `natural` for `register_wrapper`: the fields named are data, all others are taken from the primal.

    Arguments: the names of the fields that hold data.
    Returns: a function `(x, dx, strip)`. It does not run the class's `__init__`.

    >>> from numzyme.values import natural_fields
    >>> natural = natural_fields("lower", "diagonal", "upper")
    """

    return NaturalFields(names)


@dataclass(frozen=True)
class NaturalFields:
    """What `natural_fields` makes: known by its names, so that it need not be called."""

    names: tuple[str, ...]

    def __call__(self, x: Any, dx: Any, strip: Strip) -> Any:
        return rebuild(x, {name: strip(getattr(x, name), getattr(dx, name)) for name in self.names})


def natural_names(function: GradientOf) -> tuple[str, ...] | None:
    """The fields that a registered function replaces by their gradients; None when only the function knows."""
    return function.names if isinstance(function, NaturalFields) else None


def wrapper_of(x: Any) -> Wrapper | None:
    """What the class of `x` registered."""
    return _registered.get(type(x))


def is_registered(x: Any) -> bool:
    """Whether the class of `x` is a registered wrapper."""
    return type(x) in _registered


def registrations() -> int:
    """How often something was registered: whoever keeps what depends on it compares this."""
    return len(_changes)
