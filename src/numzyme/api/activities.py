"""Activities: what an argument of `autodiff` has to do with the derivative.

Each is a small value around the argument; compiled code sees it as a struct of its fields.
"""

from __future__ import annotations

from typing import Any


class Activity:
    """Base class of the activities."""

    __slots__ = ("primal",)

    def __init__(self, primal: Any) -> None:
        self.primal = primal

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.primal!r})"


class Const(Activity):
    """The argument has no derivative: it is passed on as it is.

    >>> import numpy as np
    >>> from numzyme import Const, Reverse, gradient
    >>> gradient(Reverse, np.dot, np.array([1.0, 2.0]), Const(np.array([3.0, 4.0])))
    (array([3., 4.]), None)
    """

    __slots__ = ()


class Active(Activity):
    """An immutable argument, a float or a tuple of floats, whose derivative is returned.

    >>> from numzyme import Active, Reverse, autodiff
    >>> autodiff(Reverse, lambda x: x * x, Active(3.0))
    (6.0,)
    """

    __slots__ = ()


class Duplicated(Activity):
    """An argument with its shadow, an object of the same kind.

    Reverse mode adds the derivative into the shadow; forward mode reads the tangent from it. Fields: `primal`,
    the argument; `shadow`, laid out like it (`make_zero(primal)` makes one).

    >>> from numzyme import Duplicated, Forward, autodiff
    >>> autodiff(Forward, lambda x: x * x, Duplicated(3.0, 1.0))
    6.0
    """

    __slots__ = ("shadow",)

    def __init__(self, primal: Any, shadow: Any) -> None:
        self.primal = primal
        self.shadow = shadow

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.primal!r}, {self.shadow!r})"


class DuplicatedNoNeed(Duplicated):
    """`Duplicated`, and what the primal holds afterwards is not needed."""

    __slots__ = ()


class MixedDuplicated(Duplicated):
    """A value with immutable numbers and mutable parts, with its shadow.

    Reverse mode adds into the mutable parts of the shadow, and returns the shadow with the numbers of the others.

    >>> from typing import NamedTuple
    >>> import numpy as np
    >>> from numzyme import MixedDuplicated, Reverse, autodiff
    >>> class Line(NamedTuple):
    ...     slope: float
    ...     x: np.ndarray
    >>> shadow = Line(0.0, np.zeros(2))
    >>> autodiff(Reverse, lambda line: line.slope * line.x.sum(), MixedDuplicated(Line(3.0, np.ones(2)), shadow))
    (Line(slope=2.0, x=array([3., 3.])),)
    >>> shadow
    Line(slope=0.0, x=array([3., 3.]))
    """

    __slots__ = ()
