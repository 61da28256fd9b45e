"""What goes wrong, in the user's terms: what, where, why, what to do.

Every refusal of numzyme is a `DifferentiationError`. Rooms raise the most specific class; a location that is
not known where the error is raised is filled in by the caller with `located`.
"""

from __future__ import annotations

from collections.abc import Sequence

from .source import SourceLocation


class DifferentiationError(Exception):
    """A derivative was refused.

    Arguments: `what` happened, in one sentence; `where`, the user's line; `why`, one sentence;
    `todo`, up to three ways out.
    """

    def __init__(
        self,
        what: str,
        *,
        where: SourceLocation | None = None,
        why: str = "",
        todo: Sequence[str] = (),
    ) -> None:
        self.what, self.where, self.why, self.todo = what, where, why, tuple(todo)
        super().__init__(what)

    def located(self, where: SourceLocation | None) -> DifferentiationError:
        """Fill in the location when it is still unknown; returns self."""
        self.where = self.where or where
        return self

    def __str__(self) -> str:
        lines = [self.what]
        if self.where is not None:
            lines.append(f"  {self.where}")
            if self.where.text:
                lines += [f"    {self.where.text}", "    " + "^" * len(self.where.text)]
        if self.why:
            lines.append(f"  why: {self.why}")
        lines += [f"  {'do: ' if i == 0 else '    '}{hint}" for i, hint in enumerate(self.todo)]
        return "\n".join(lines)

    def __reduce__(self):
        return _rebuild, (type(self), self.what, self.where, self.why, self.todo)


class DifferentiationTypeError(DifferentiationError, TypeError):
    """Refused because of the type of an argument, a shadow or a result."""


class DifferentiationValueError(DifferentiationError, ValueError):
    """Refused because of the value, shape or overlap of an argument or shadow."""


class UnknownCallError(DifferentiationError):
    """A call without a rule could carry a derivative."""


class UnsupportedCodeError(DifferentiationError):
    """A construct of the program that numzyme cannot differentiate (yet)."""


class VerificationError(DifferentiationError):
    """`verify=True` found a derivative that is not that of the function's values."""


class VerificationWarning(UserWarning):
    """`verify=True` could not tell whether a derivative is right: the function is not smooth there, or ends there."""


class RecompilationWarning(UserWarning):
    """A function is compiled time and again because the structure of its arguments keeps changing."""


def _rebuild(cls, what, where, why, todo):
    return cls(what, where=where, why=why, todo=todo)
