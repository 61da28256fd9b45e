"""Where in the user's Python code something happened."""

from __future__ import annotations

import linecache
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A line of the user's code; `function` is the Python function that the line belongs to."""

    file: str
    line: int
    function: str = ""

    @property
    def text(self) -> str:
        """The source line without indentation, or an empty string when the file cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        inside = f", in {self.function}" if self.function else ""
        return f'File "{self.file}", line {self.line}{inside}'
