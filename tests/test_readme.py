"""Every Python snippet of the README runs, in order, in one namespace, and prints what the README says.

A block marked `text` right after a `python` block is that block's output.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[1] / "README.md"
SNIPPET = re.compile(r"^```python\n(.*?)^```\n(?:\n?^```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)


def run(code: str, file: Path, namespace: dict[str, object]) -> str:
    """What a snippet prints when it stands in a file, whose lines messages quote."""
    file.write_text(code)
    linecache.clearcache()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(file), "exec", dont_inherit=True), namespace)
    return printed.getvalue().replace(f"{file.parent}/", "")


def test_snippets_print_what_the_readme_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "readme"}
    compared = 0
    for code, expected in SNIPPET.findall(README.read_text()):
        printed = run(code, tmp_path / "example.py", namespace)
        if expected:
            assert printed == expected
            compared += 1
    assert compared > 0
