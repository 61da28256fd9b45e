"""Flattening: which functions that LLVM left as calls are inlined after all.

LLVM weighs the size of machine code; a derivative pays for every call with a tape of its own. So what remains after
optimisation is inlined too, as long as the whole stays bounded. Recursive functions remain, and so do those that
only prepare error messages (they call Python, compute no floats and give no result).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from .graphs import closure

TWIN = ".v"  # ends the names of by-value twins, which never remain
# Lines that inlining may add to a module.
GROWTH_LIMIT = 20_000
_DEFINITION = re.compile(r"^define internal [^@\n]*@([\w.$]+)\(.*$", re.M)
_CALLED = re.compile(r"call [^@\n]*@([\w.$]+)\(")
_SYMBOL = re.compile(r"@([\w.$]+)")
_FLOAT = re.compile(r"\b(?:double|float)\b")
_PYTHON = re.compile(r"@(?:Py|numba_gil|NRT_Allocate|numzyme\.record)")


@dataclass(slots=True)
class _Body:
    header: str
    lines: int
    uses: list[str]
    prepares_errors: bool


def mark_for_inlining(text: str) -> str:
    """`text` with `alwaysinline` on the internal functions worth it; `text` itself when there are none."""
    bodies = _bodies(text)
    called = {name: set(body.uses) & bodies.keys() for name, body in bodies.items()}
    times_called = Counter(_CALLED.findall(text))
    for name, body in sorted(bodies.items(), key=lambda item: item[1].lines):
        calls = times_called[name]
        if not calls or name in closure(called[name], called):
            continue
        if not name.endswith(TWIN) and (body.prepares_errors or body.lines * (calls - 1) > GROWTH_LIMIT):
            continue
        start, _, end = body.header.rpartition(")")
        debug = re.search(r"!dbg !\d+", end)
        text = text.replace(body.header, f"{start}) alwaysinline {debug[0] if debug else ''} {{")
    return text


def _bodies(text: str) -> dict[str, _Body]:
    found = {}
    for match in _DEFINITION.finditer(text):
        body = text[match.end() : text.index("\n}", match.end())]
        no_floats = not _FLOAT.search(body) and not _FLOAT.search(match[0])
        prepares_errors = no_floats and "%retptr" not in body and _PYTHON.search(body) is not None
        found[match[1]] = _Body(match[0], body.count("\n"), _SYMBOL.findall(body), prepares_errors)
    return found
