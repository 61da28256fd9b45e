"""Seeded faults: does the suite notice when a rule or the transform is wrong? `python -m tests.faults --count 60`

Every fault is made in a copy of the sources, in which part of the suite runs until something fails. Rules: the sign of
one partial derivative of one row is flipped, for every row and every partial that is not zero. Transform: in the rooms
`derive` and `analysis` a statement that only calls something is dropped (an accumulation, a restore, a clearing), or
the test of a branch is negated (`--count` of these, drawn by `--seed`).

What goes unnoticed is printed. Not all of it is a gap: a fault that changes nothing but speed is none.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ("derive", "analysis")
SILENT = ("report", "refuse", "describe", "_refuse", "explain")  # what is said, not what is computed
RULES = ("tests/rules/test_table.py",)
# the quickest and sharpest first
TRANSFORM = (
    "tests/derive/test_ll.py",
    "tests/rules/test_table.py",
    "tests/analysis",
    "tests/derive/test_regressions.py",
    "tests/derive/test_owned.py",
    "tests/derive/test_branches_not_taken.py",
    "tests/derive/test_random_ll.py",
    "tests/frontend/test_lines.py",
    "tests/test_corpus.py",
    "tests/derive",
    "tests/api",
    "tests/frontend",
    "tests/objects",
    "tests/runtime",
)
HANGS = ("-o", "faulthandler_timeout=300", "-o", "faulthandler_exit_on_timeout=true")  # a test that takes 300 s
FLIPPED = """

def _flipped(partials, position):
    def changed(*operands):
        found = partials(*operands)
        found = found if isinstance(found, tuple) else (found,)
        return tuple(-value if index == position else value for index, value in enumerate(found))

    return changed


_rule = TABLE[{name!r}]
TABLE[{name!r}] = Rule(_rule.name, _rule.arity, _flipped(_rule.partials, {position}), _rule.expensive)
"""


@dataclass(frozen=True)
class Fault:
    """`file` with this `text` in the place of its own; `suite`: what is to notice it."""

    name: str
    file: str
    text: str
    suite: tuple[str, ...]


def rule_faults() -> Iterator[Fault]:
    from numzyme.rules import TABLE

    path = "src/numzyme/rules/table.py"
    text = (ROOT / path).read_text()
    for name, rule in TABLE.items():
        for position, expression in enumerate(rule.expressions()):
            if str(expression) != "0.0":
                changed = text + FLIPPED.format(name=name, position=position)
                yield Fault(f"rule {name}, partial {position}: sign flipped", path, changed, RULES)


def transform_faults() -> Iterator[Fault]:
    for room in SOURCES:
        for path in sorted((ROOT / "src" / "numzyme" / room).glob("*.py")):
            text = path.read_text()
            tree = ast.parse(text)
            for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
                if not function.name.startswith(SILENT):
                    yield from _in_function(path, text, tree, function)


def _in_function(path: Path, text: str, tree: ast.Module, function: ast.FunctionDef) -> Iterator[Fault]:
    relative = str(path.relative_to(ROOT))
    for node in ast.walk(function):
        shown = ""
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and "report" not in ast.unparse(node):
            shown, saved = f"dropped `{ast.unparse(node)[:70]}`", node.value
            node.value = ast.Constant(None)
            changed = ast.unparse(tree)
            node.value = saved
        elif isinstance(node, ast.If) and not any(isinstance(part, ast.Raise) for part in node.body):
            shown, saved = f"negated `if {ast.unparse(node.test)[:70]}`", node.test
            node.test = ast.UnaryOp(ast.Not(), node.test)
            changed = ast.unparse(tree)
            node.test = saved
        if shown:
            yield Fault(f"{relative}:{node.lineno} in {function.name}: {shown}", relative, changed, TRANSFORM)


def is_noticed(fault: Fault) -> bool:
    """Whether the suite fails in a copy of the project that has the fault."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("src", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        (copy / fault.file).write_text(fault.text)
        environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *HANGS, *fault.suite]
        return subprocess.run(command, cwd=copy, env=environment, capture_output=True).returncode != 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=60, help="faults of the transform")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--without-rules", action="store_true")
    parser.add_argument("--only", action="append", help="all faults whose names begin so, in place of some drawn")
    options = parser.parse_args()
    chosen = [] if options.without_rules else list(rule_faults())
    every = list(transform_faults())
    chosen += random.Random(options.seed).sample(every, min(options.count, len(every)))
    if options.only:
        chosen = [fault for fault in (*rule_faults(), *every) if fault.name.startswith(tuple(options.only))]
    missed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for number, (fault, noticed) in enumerate(zip(chosen, pool.map(is_noticed, chosen), strict=True), 1):
            missed += not noticed
            print(f"{number} of {len(chosen)} {'noticed' if noticed else 'unnoticed'}: {fault.name}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} faults were noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
