"""Call graphs of LLVM text as sets of names, and what can be reached in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_DEFINITION = re.compile(r"^define [^@\n]*@([\w.$]+)\(.*$", re.M)
# Numba calls functions that are still being compiled through a global of this name.
_REFERENCE = re.compile(r"@\"?(?:\.numba\.unresolved\$)?([\w.$]+)")


def recursive_functions(text: str) -> set[str]:
    """The functions that can reach themselves."""
    edges = {}
    for match in _DEFINITION.finditer(text):
        body = text[match.end() : text.index("\n}", match.end())]
        edges[match[1]] = set(_REFERENCE.findall(body))
    edges = {name: used & edges.keys() for name, used in edges.items()}
    return {name for name, used in edges.items() if name in closure(used, edges)}


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
