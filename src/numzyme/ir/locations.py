"""From a `!dbg` number to a line of the user's code.

Decides which of the inlined frames is the user's: the innermost one whose file is not part of Numba or NumPy
(an `a.sum()` is reported at the line that calls it, not inside Numba's own library).
"""

from __future__ import annotations

import re

from ..diagnostics import SourceLocation

_LOCATION = re.compile(r"line: (\d+)")
_SCOPE = re.compile(r"scope: !(\d+)")
_INLINED_AT = re.compile(r"inlinedAt: !(\d+)")
_FILE = re.compile(r"file: !(\d+)")
_FILENAME = re.compile(r'filename: "([^"]*)"')
_DIRECTORY = re.compile(r'directory: "([^"]*)"')
_NAME = re.compile(r'\bname: "([^"]*)"')
_LIBRARY = re.compile(r"[/\\](numba|numpy|llvmlite)[/\\]|[/\\]numzyme[/\\](frontend|runtime)[/\\]")


def _number(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.search(text)
    return int(match.group(1)) if match else -1


def _string(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match.group(1) if match else ""


def _frame(metadata: dict[int, str], scope: int) -> tuple[str, str]:
    """(path of the file, name of the function) of a scope."""
    while scope in metadata:
        text = metadata[scope]
        file = metadata.get(_number(_FILE, text), "")
        if "DISubprogram" in text:
            name, directory = _string(_FILENAME, file), _string(_DIRECTORY, file)
            path = name if name.startswith("/") or not directory else f"{directory}/{name}"
            return path, _string(_NAME, text).split("[")[0]
        scope = _number(_SCOPE, text)
    return "", ""


def resolve(metadata: dict[int, str], debug: int) -> SourceLocation | None:
    """The innermost frame outside the libraries; the outermost frame when all are inside; None when there is none."""
    found = None
    while debug in metadata:
        text = metadata[debug]
        line = _number(_LOCATION, text)
        path, function = _frame(metadata, _number(_SCOPE, text))
        if path and line > 0:
            found = SourceLocation(path, line, function)
            if not _LIBRARY.search(path):
                return found
        debug = _number(_INLINED_AT, text)
    return found
