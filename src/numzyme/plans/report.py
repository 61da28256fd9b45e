"""Word of structures that keep changing: each new one is compiled, which nobody wants at every call.

Decides when to say so (at the eighth structure of a function, then each time that their number doubles), and names the
first place where the last two structures differ.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..diagnostics import RecompilationWarning
from ..frontend.objects.construct import Skeleton

FIRST_REPORT = 8
_met: dict[Any, list[tuple[Skeleton, ...]]] = {}


def note_structure(function: Any, name: str, labels: tuple[str, ...], skeletons: tuple[Skeleton, ...]) -> None:
    """A structure of the arguments of `function` (its code, or itself) is compiled for the first time."""
    met = _met.setdefault(function, [])
    met.append(skeletons)
    count = len(met)
    if count < FIRST_REPORT or count & (count - 1):
        return
    pairs = zip(labels[-len(skeletons) :], met[-2], skeletons, strict=False)
    found = next((place for place in (difference(*pair) for pair in pairs) if place), "the arguments differ")
    warnings.warn(
        f"`{name}` has been compiled for {count} structures of its arguments; the last two differ: {found}. "
        "Lengths of tuples and lists, constants and types are part of the structure; arrays may have any length.",
        RecompilationWarning,
        stacklevel=2,
    )


def difference(path: str, old: Skeleton, new: Skeleton) -> str | None:
    """Where two structures differ first, in words; None when they are alike."""
    if old == new:
        return None
    if len(old.members) != len(new.members):
        return f"{path} has {len(old.members)} parts, then {len(new.members)}"
    names = list(getattr(new.kind, "fields", ())) if new.source == "fields" else []
    for position, pair in enumerate(zip(old.members, new.members, strict=True)):
        step = f".{names[position]}" if names else f"[{position}]"
        found = difference(path + step, *pair)
        if found is not None:
            return found
    return f"{path} is {old.kind}, then {new.kind}"
