"""Reachability in call graphs given as sets of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def closure(start: Iterable[str], edges: Mapping[str, set[str]]) -> set[str]:
    """Everything that can be reached along `edges`, the start included."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(edges.get(name, ()))
    return found


def reverse(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same edges, seen from the other end."""
    reversed_edges: dict[str, set[str]] = {}
    for source, targets in edges.items():
        for target in targets:
            reversed_edges.setdefault(target, set()).add(source)
    return reversed_edges
