"""Where inside a value something stands: `model.layers[2].weight`.

Decides how steps print. Invariant: a path is hashable and cheap to extend, so that walks can carry it along.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..diagnostics import DifferentiationValueError


class Step(NamedTuple):
    """One step into a value: `.name`, `[0]` or `['key']`."""

    key: Any
    attribute: bool = False

    def __str__(self) -> str:
        return f".{self.key}" if self.attribute else f"[{self.key!r}]"


class Path(NamedTuple):
    """A name and the steps that follow it, as a linked list. Without a name the first step begins the text."""

    last: Step | str
    before: Path | None = None

    def then(self, step: Step) -> Path:
        return Path(step, self)

    def __str__(self) -> str:
        parts, path = [], self
        while path is not None:
            parts.append(str(path.last))
            path = path.before
        return "".join(reversed(parts)).removeprefix(".")


class NestedIn:
    """Around a walk: what Python cannot recurse into is refused in words."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, error: type[BaseException] | None, *_: Any) -> None:
        if error is not None and issubclass(error, RecursionError):
            raise DifferentiationValueError(
                f"{self.path or 'the value'} is nested too deeply",
                why="every level takes a few calls, and Python's recursion limit is reached",
                todo=("hold long chains of objects in a list", "raise the limit with sys.setrecursionlimit"),
            ) from None
