"""Makes docs/reference/coverage.md: `python -m tests.coverage_page` (twenty minutes; with names, their rows only).

Every function that Numba has in its registry is run, and every method of float arrays: its gradient is compared with
central differences. Decides nothing by hand: what is differentiated, inactive (its result has no floats, or does not
move) or refused is what the run finds; the language features are the programs of the corpus, by family, which the tests
check.
"""

from __future__ import annotations

import cmath
import copy
import math
import operator
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from numzyme import Const, DifferentiationError, Forward, Reverse, gradient

from ..programs import FAMILIES
from .samples import ARGUMENTS, DISCRETE, METHODS, PROGRAMS, VALUES, supported

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "coverage.md"
STEP, TOLERANCE = 1e-6, 1e-4
TITLE_OF_METHODS = "Methods and attributes of arrays"


def summed(result: Any, name: str = "result") -> str:
    """Source of a float to which every float of a result contributes in its own way; empty when there is none."""
    if isinstance(result, tuple):
        terms = (summed(member, f"{name}[{number}]") for number, member in enumerate(result))
        return " + ".join(f"{number + 1.0} * {term}" for number, term in enumerate(filter(None, terms)))
    if isinstance(result, np.ndarray):
        if result.ndim == 0:
            return summed(result[()], f"{name}[()]")
        term = {"f": f"{name} * {name}", "c": f"{name}.real * ({name}.real + {name}.imag)"}.get(result.dtype.kind, "")
        return term and f"np.sum(({term}).ravel() * np.arange(1.0, {name}.size + 1.0))"
    if isinstance(result, complex | np.complexfloating):
        return f"({name}.real + 2.0 * {name}.imag)"
    return f"({name} * {name})" if isinstance(result, float | np.floating) else ""


def used(source: str) -> list[str]:
    """The named values that a program uses; what it makes itself is not among them."""
    names = dict.fromkeys(re.findall(r"(?<![\w.'])[a-z](?![\w'(])", source))
    made = set(re.findall(r"^(?:    )?(\w) = |lambda (\w):|(\w), (\w) in ", source, re.MULTILINE))
    return [name for name in names if name in VALUES and not any(name in group for group in made)]


def program(source: str, names: list[str], tail: str) -> Any:
    """The function of a program of `samples`, which returns `tail` of its result."""
    *lines, last = source.splitlines()
    body = "".join(f"    {line}\n" for line in (*lines, f"result = {last}", f"return {tail}"))
    scope: dict[str, Any] = {"np": np, "math": math, "cmath": cmath, "operator": operator}
    exec(f"def program({', '.join(names)}):\n{body}", scope)
    return scope["program"]


def candidates(module: str, name: str) -> Iterator[str]:
    """Programs that may show a function."""
    known = PROGRAMS.get(f"{module}.{name}")
    called = name if module == "builtins" else f"{module}.{name}"
    if known is not None:
        yield known
    elif module == METHODS:
        yield from (f"{called}()", called)
    else:
        yield from (f"{called}({arguments})" for arguments in ARGUMENTS)


def outcome(module: str, name: str) -> tuple[str, str, str]:
    """(status, program, remark)"""
    for source in candidates(module, name):
        names = used(source)
        given = [copy.deepcopy(VALUES[name]) for name in names]
        try:
            result = njit(program(source, names, "result"))(*copy.deepcopy(given))
        except Exception as error:
            if f"{module}.{name}" in PROGRAMS:
                return "not compiled", source, f"by Numba itself: {str(error).splitlines()[0][:80]}"
            continue
        tail = summed(result)
        if not tail:
            return "inactive", source, "its result has no floats"
        if all(one in DISCRETE for one in names):
            return "inactive", source, "its arguments have no derivative"
        passed = [Const(value) if one in DISCRETE else value for one, value in zip(names, given, strict=True)]
        return (*judged(program(source, names, tail), given, passed, source),)
    return "not compiled", f"{module}.{name}", "by Numba itself for any of the samples"


def judged(f: Any, given: list[Any], passed: list[Any], shown: str) -> tuple[str, str, str]:
    compiled = njit(f)
    try:
        for mode in (Reverse, Forward):
            found = gradient(mode, compiled, *copy.deepcopy(passed))
            found = (found,) if len(passed) == 1 else found
            worst, moves = 0.0, False
            for position, derivative in enumerate(found):
                if isinstance(passed[position], Const) or derivative is None:
                    continue
                expected = differences(compiled, given, position)
                moves = moves or any(np.any(np.asarray(part) != 0.0) for part in flat(expected))
                pairs = zip(flat(derivative), flat(expected), strict=True)
                worst = max([worst, *(float(np.max(np.abs(np.asarray(d) - np.asarray(e)))) for d, e in pairs)])
            if not worst <= TOLERANCE:
                return "WRONG", shown, f"differs by {worst:.2g}"
    except DifferentiationError as refusal:
        return "refused", shown, refusal.what
    return ("differentiated" if moves else "inactive"), shown, "" if moves else "it does not move"


def flat(value: Any) -> list[Any]:
    return [part for member in value for part in flat(member)] if isinstance(value, tuple) else [value]


def differences(f: Any, given: list[Any], position: int) -> Any:
    def moved(value: Any, rebuild: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(
                moved(member, lambda new, n=n: rebuild((*value[:n], new, *value[n + 1 :])))
                for n, member in enumerate(value)
            )
        if isinstance(value, np.ndarray):
            found = np.zeros_like(value)
            for index in np.ndindex(value.shape):
                found[index] = central(
                    lambda h, index=index: rebuild(
                        value + h * (np.indices(value.shape) == np.reshape(index, (-1, *[1] * value.ndim))).all(0)
                    )
                )
            return found
        if isinstance(value, complex):
            return central(lambda h: rebuild(value + h)) + 1j * central(lambda h: rebuild(value + 1j * h))
        return central(lambda h: rebuild(value + h))

    def central(at: Any) -> float:
        ends = [f(*copy.deepcopy([*given[:position], at(h), *given[position + 1 :]])) for h in (STEP, -STEP)]
        return (ends[0] - ends[1]) / (2 * STEP)

    return moved(given[position], lambda new: new)


Row = tuple[str, str, str, str]  # name, status, program, remark


def write(rows: dict[str, list[Row]]) -> None:
    """The page, from what was found in each module."""
    counts = Counter(status for table in rows.values() for _, status, _, _ in table)
    lines = [
        "# Coverage",
        "",
        "Made by `python -m tests.coverage_page`, which runs every function of Numba's registry in the program shown,",
        "and compares the gradient in both modes with central differences, every element of the result with a weight",
        f"of its own: {counts['differentiated']} functions are differentiated, {counts['inactive']} have no derivative",
        f"by nature, {counts['refused']} are refused, and {counts['not compiled']} Numba does not compile for the",
        "samples.",
        "",
        "## The language",
        "",
        "Each program of the corpus (`tests/programs`) shows one construct; the tests check its value, its gradient in",
        "both modes, its changes of arguments and its memory. Of the families that take long (`numpy_functions`,",
        "`containers`, `records`, `generalized`, `blas`, `optional`) a build runs a sixteenth, of the others",
        "a third, and all with `NUMZYME_EVERY_PROGRAM=1`. Those of `beyond_numba` and `caught` Numba itself does not",
        "compile: they are compared with Python.",
        "",
        "| family | programs |",
        "| --- | --- |",
    ]
    for family in FAMILIES:
        lines.append(f"| {family.__name__.rpartition('.')[2]} | {', '.join(f'`{name}`' for name in family.CORPUS)} |")
    for module, table in rows.items():
        title = TITLE_OF_METHODS if module == METHODS else module
        lines += ["", f"## {title}", "", "| function | status | program | remark |", "| --- | --- | --- | --- |"]
        for name, status, shown, remark in table:
            shown, remark = shown.replace("\n", "; ").replace("|", "\\|"), remark.replace("|", "\\|")
            lines.append(f"| `{name}` | {status} | `{shown}` | {remark} |")
    PAGE.write_text("\n".join(lines) + "\n")


def known() -> dict[tuple[str, str], tuple[str, str, str]]:
    """What the page says now."""
    found, module = {}, ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            module = METHODS if line == f"## {TITLE_OF_METHODS}" else line[3:]
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and cells[0].startswith("`"):
            found[module, cells[0].strip("`")] = cells[1], cells[2].strip("`"), cells[3]
    return found


def main(only: list[str]) -> int:
    """The whole page; with names (`np.cov`), their rows only, and what the page says of the others."""
    warnings.simplefilter("ignore")
    before = known() if only else {}
    rows: dict[str, list[Row]] = {}
    for module, name in supported():
        if (module, name) in before and f"{module}.{name}" not in only:
            found = before[module, name]
        else:
            found = outcome(module, name)
            print(module, name, *found, sep=" | ", file=sys.stderr, flush=True)
        rows.setdefault(module, []).append((name, *found))
    write(rows)
    return 1 if any(status == "WRONG" for table in rows.values() for _, status, _, _ in table) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
