"""Where inside a value something stands: `model.layers[2].weight`.

Decides how steps print. Invariant: a path is hashable and cheap to extend, so that walks can carry it along.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Step(NamedTuple):
    """One step into a value: `.name`, `[0]` or `['key']`."""

    key: Any
    attribute: bool = False

    def __str__(self) -> str:
        return f".{self.key}" if self.attribute else f"[{self.key!r}]"


class Path(NamedTuple):
    """A name and the steps that follow it, as a linked list."""

    last: Step | str
    before: Path | None = None

    def then(self, step: Step) -> Path:
        return Path(step, self)

    def __str__(self) -> str:
        parts, path = [], self
        while path is not None:
            parts.append(str(path.last))
            path = path.before
        return "".join(reversed(parts))
