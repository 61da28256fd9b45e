"""Every Python snippet of the documentation runs, page by page, and prints what the page says.

A block marked `text` right after a `python` block is that block's output; a block of `>>>` lines is a doctest. A page
is one namespace and one test, so that its snippets run in order wherever the tests are spread. The docstrings that
the reference shows run too.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import linecache
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from sybil import Document, Example, Region, Sybil
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.parsers.abstract.doctest import DocTestStringParser

import numzyme

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
SNIPPET = re.compile(r"^```python\n(.*?)^```\n(?:\n?^```text\n(.*?)^```$)?", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^```\{?(?:python|py|pycon|code-cell|code-block)\b.*$", re.MULTILINE)

_doctests = DocTestStringParser(DocTestEvaluator())


def snippets(document: Document) -> Iterator[Region]:
    """The regions of a page that run."""
    for found in SNIPPET.finditer(document.text):
        code = found[1]
        if not code.startswith(">>>"):
            yield Region(found.start(), found.end(), (code, found[2] or ""), printed_as_shown)
            continue
        for region in _doctests(code, document.path):
            yield Region(found.start(1) + region.start, found.start(1) + region.end, region.parsed, region.evaluator)


def printed_as_shown(example: Example) -> str | None:
    """Run a snippet as a file, whose lines messages quote; what differs, if something does."""
    code, expected = example.parsed
    folder = example.namespace["tmp_path"] / str(example.line)
    folder.mkdir()
    file = folder / "example.py"
    file.write_text(code)
    linecache.clearcache()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(file), "exec", dont_inherit=True), example.namespace)
    text = re.sub(rf"{re.escape(str(folder.parent))}/\d+/", "", printed.getvalue())
    return None if text == expected else f"it prints\n{text}\nand the page says\n{expected}"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = Sybil([snippets]).parse(page)
    assert len(SNIPPET.findall(document.text)) == len(FENCE.findall(document.text)), "a snippet that does not run"
    module = types.ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)
    document.namespace = vars(module)
    document.namespace["tmp_path"] = tmp_path
    for example in document:
        example.evaluate()


def test_there_are_pages() -> None:
    assert {path.parent.name for path in PAGES} == {"docs", "tutorials", "how-to", "reference", "explanation"}


@pytest.mark.parametrize("name", ["activities", "explain", "functions", "modes", "transforms"])
def test_examples_in_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"numzyme.api.{name}")).failed == 0


def test_the_reference_has_every_public_name() -> None:
    text = (DOCS / "reference" / "api.md").read_text()
    missing = [name for name in numzyme.__all__ if not re.search(rf"\b{name}\b", text)]
    assert not missing


@pytest.mark.parametrize("name", ["autodiff", "gradient", "grad", "value_and_grad", "explain"])
def test_functions_say_what_they_take_return_and_raise(name: str) -> None:
    text = getattr(numzyme, name).__doc__
    assert all(part in text for part in (">>> ", "Arguments", "Returns:"))
    assert "Raises:" in text or "errors: see" in text
