"""Every Python snippet of the README runs, in order, in one namespace, and prints what the README says.

A block marked `text` right after a `python` block is that block's output.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
SNIPPET = re.compile(r"^```python\n(.*?)^```\n(?:\n?^```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)


def run(code: str, name: str, namespace: dict[str, object]) -> str:
    """Execute a snippet as if it were a file of that name, so that messages can quote its lines."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, name, "exec"), namespace)
    return printed.getvalue().replace(f"{Path.cwd()}/", "")  # messages show whole paths


def test_snippets_print_what_the_readme_says() -> None:
    namespace: dict[str, object] = {"__name__": "readme"}
    compared = 0
    for code, expected in SNIPPET.findall(README.read_text()):
        printed = run(code, "example.py", namespace)
        if expected:
            assert printed == expected
            compared += 1
    assert compared > 0
