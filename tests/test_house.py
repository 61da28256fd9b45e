"""The house rules that a program can check: who may import whom, how long a file may be, no registry hosts.

The table is that of the architecture: data goes down it once, nothing imports what stands above it. The rooms
that hold the mathematics (`ir`, `analysis`, `rules`, `derive`) never import Numba or llvmlite.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "numzyme"
MAXIMUM_LINES = 550

PURE_ROOMS = {"diagnostics", "ir", "analysis", "rules", "derive"}
COMPILERS = {"numba", "llvmlite"}
# room -> rooms that it may import, itself and `diagnostics` always included
ROOMS_BELOW = {
    "diagnostics": set(),
    "ir": set(),
    "analysis": {"ir"},
    "rules": {"ir"},
    "derive": {"ir", "analysis", "rules"},
    "frontend": {"ir"},
    "runtime": {"ir"},
    "values": {"frontend"},
    "plans": {"values", "arrays", "frontend", "runtime"},
    "arrays": {"values"},
    "api": {"plans", "values", "arrays", "frontend", "runtime", "derive", "rules", "analysis", "ir"},
    "testing": {"api", "plans", "values", "arrays", "frontend", "runtime", "derive", "rules", "analysis", "ir"},
    "cache": {"runtime"},
    "opt": {"derive", "rules", "analysis", "ir"},
}
# What an index address looks like, spelled so that this file does not match itself.
REGISTRY = re.compile(r"pypi\.(?:org|io)|python[h]osted|artifactor[y]|--(?:extra-)?index-url[ =]|/simpl[e]/")


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """The first part of the dotted name below the package: a directory, or a module such as `opt`."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_names(path: Path) -> Iterator[str]:
    """Absolute dotted names of all that a module imports, inside functions and type-checking blocks too."""
    package = ("numzyme", *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{source}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    names = (name.split(".") for name in imported_names(path))
    return {name[1] for name in names if name[0] == "numzyme" and len(name) > 1 and name[1] in ROOMS_BELOW}


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_import_rule(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return  # the front door shows whatever the house has
    assert room in ROOMS_BELOW, f"{room} is not a room of the architecture"
    forbidden = rooms_imported(path) - ROOMS_BELOW[room] - {room, "diagnostics"}
    assert not forbidden, f"{relative(path)} imports from above: {sorted(forbidden)}"
    if room in PURE_ROOMS or room == "opt":
        compilers = {name.split(".")[0] for name in imported_names(path)} & COMPILERS
        assert not compilers, f"{relative(path)} imports {sorted(compilers)}"


def test_import_rule_sees_relative_imports() -> None:
    """The parser behind the rule must resolve what the code writes; `diagnostics` imports its own modules."""
    path = PACKAGE / "diagnostics" / "errors.py"
    assert "numzyme.diagnostics.source.SourceLocation" in set(imported_names(path))


def test_files_are_short() -> None:
    lengths = {relative(path): path.read_text().count("\n") for path in tracked_files() if path.suffix == ".py"}
    crowded = {name: lines for name, lines in lengths.items() if lines > MAXIMUM_LINES}
    assert not crowded


def test_no_registry_host_is_named() -> None:
    named = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # pictures
        named += [f"{relative(path)}: {found.group()}" for found in REGISTRY.finditer(text)]
    assert not named
