"""`explain`: what a derivative stores, which rules it used, what it took as inactive, and how long it took to
make.

Nothing is run: the report is that of the compiled derivative for the arguments' types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numba import typeof

from ..derive import Stored
from ..diagnostics import DifferentiationTypeError
from .activities import Const
from .calls import TypedCall
from .functions import gradient_call, lifted_with_data
from .modes import Mode, Reverse
from .objects import compiled_for, needs_plan
from .pipeline import CompiledDerivative
from .refusals import name_of


@dataclass(frozen=True)
class Explanation:
    """The report on one compiled derivative; printing it is the point. `text` has the LLVM text in full."""

    function: Any
    mode: Mode
    compiled: CompiledDerivative
    arguments: str

    @property
    def text(self) -> str:
        """LLVM text of the derivative, before the last optimisation."""
        return self.compiled.derivative.text

    @property
    def stored(self) -> list[Stored]:
        """The values that the forward sweep keeps for the reverse sweep."""
        return self.compiled.derivative.report.stored

    def __str__(self) -> str:
        lines = [f"{self.mode} of {name_of(self.function)}({self.arguments})", *self._stored_lines()]
        report = self.compiled.derivative.report
        for title, counter in (("rules used", report.rules), ("calls without derivative", report.inactive_calls)):
            names = ", ".join(f"{name} ({count})" for name, count in sorted(counter.items()))
            lines.append(f"{title}: {names or 'none'}")
        total = sum(self.compiled.seconds.values())
        steps = ", ".join(f"{name} {seconds:.3f}" for name, seconds in self.compiled.seconds.items())
        lines.append(f"seconds to make it: {total:.3f} ({steps})")
        return "\n".join(lines)

    def _stored_lines(self) -> list[str]:
        if self.mode.direction == "forward":
            return []
        lines = ["stored for the reverse pass:" + ("" if self.stored else " nothing")]
        for stored in self.stored:
            place = f"line {stored.where.line}: {stored.where.text}" if stored.where else "no line known"
            depth = f"per iteration of {stored.loops} nested loops" if stored.loops > 1 else "per iteration"
            depth = depth if stored.loops else "once"
            lines.append(f"  {stored.bytes} bytes {depth}, {place} ({stored.why})")
        return lines


def explain(f: Any, *args: Any, mode: Mode = Reverse, boundscheck: bool | None = None) -> Explanation:
    """What the derivative of `f` at arguments like `args` does.

    Arguments:
        f: any function that Numba compiles.
        args: any values, or `Const` around them; only their types and structure count.
        mode: the mode whose derivative is reported.
        boundscheck: True checks every index, as `numba.njit(boundscheck=True)` does.
    Returns: an `Explanation`, whose printed form says what is stored for the way back, which rules were used, and how
        long each step of the compilation took.
    Raises: `DifferentiationError` when `f` cannot be differentiated.

    >>> from numzyme import explain
    >>> def square(x):
    ...     return x * x
    >>> print("\\n".join(str(explain(square, 3.0)).splitlines()[:2]))
    Reverse of square(float64)
    stored for the reverse pass: nothing
    """
    if isinstance(f, Mode):
        raise DifferentiationTypeError("explain takes the function first", todo=("explain(f, x, mode=Forward)",))
    lifted = lifted_with_data(f)
    if lifted is not None:
        f, args = lifted[0], (lifted[1], *args)
    constant = tuple(isinstance(arg, Const) for arg in args)
    values = [arg.primal if isinstance(arg, Const) else arg for arg in args]
    if needs_plan(f, values):

        def make(flat: Any, flat_values: list[Any], flat_constant: tuple[bool, ...]) -> CompiledDerivative:
            kinds = tuple(map(typeof, flat_values))
            return TypedCall.of(gradient_call(mode, flat, flat_constant, boundscheck), kinds).compiled

        shown = ", ".join(type(value).__name__ for value in values)
        return Explanation(f, mode, compiled_for(f, values, constant, boundscheck, make), shown)
    kinds = tuple(typeof(value) for value in values)
    call = gradient_call(mode, f, constant, boundscheck)
    return Explanation(f, mode, TypedCall.of(call, kinds).compiled, ", ".join(map(str, kinds)))
