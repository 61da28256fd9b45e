"""Makes docs/reference/coverage.md: `python -m tests.coverage_page` (ten minutes).

Every function of `math`, `cmath` and NumPy that Numba compiles for some of the sample arguments below is run: its
gradient is compared with central differences. Decides nothing by hand: what is differentiated, inactive (its result has
no floats, or does not move) or refused is what the run finds; the language features are the programs of the corpus, by
family, which the tests check.
"""

from __future__ import annotations

import cmath
import copy
import math
import sys
import types
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from numzyme import Const, DifferentiationError, Forward, Reverse, gradient

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "coverage.md"
STEP, TOLERANCE = 1e-6, 1e-5
X = np.array([0.31, 0.72, 0.15, 0.53])
SAMPLES: dict[str, tuple[Any, ...]] = {
    "x": (X,),
    "x, y": (X, X[::-1].copy() * 0.9 + 0.05),
    "a": (np.array([[0.31, 0.72, 0.15], [0.53, 0.24, 0.68], [0.45, 0.87, 0.36]]),),
    "a, b": (np.array([[0.3, 0.7], [0.5, 0.2]]), np.array([[0.4, 0.1], [0.8, 0.6]])),
    "x, 2": (X, Const(2)),
    "(x, y)": ((X, X[::-1].copy() * 0.9),),
    "x, (2, 2)": (X, Const((2, 2))),
    "x > 0.3, x, y": (Const(X > 0.3), X, X[::-1].copy()),
    "s": (0.45,),
    "s, t": (0.45, 0.8),
    "s > 1": (1.45,),
    "3": (Const(3), 0.5),
}
PLAIN = (float, int, complex, np.generic)


def summed(result: Any) -> str:
    """Source of a float that depends on every float of a result; empty when there is none."""
    if isinstance(result, tuple):
        return " + ".join(filter(None, (f"part({n})" for n, member in enumerate(result) if summed(member))))
    if isinstance(result, np.ndarray):
        return {"f": "np.sum(result * result)", "c": "np.sum(result.real * result.imag)"}.get(result.dtype.kind, "")
    if isinstance(result, complex | np.complexfloating):
        return "result.real + 2.0 * result.imag"
    return "result * result" if isinstance(result, float | np.floating) else ""


def values(sample: tuple) -> list[Any]:
    """The arguments, in memory of their own: some functions write to them."""
    sample = copy.deepcopy(sample)
    return [argument.primal if isinstance(argument, Const) else argument for argument in sample]


def program(module: str, name: str, count: int, tail: str) -> Any:
    listed = ", ".join(f"v{n}" for n in range(count))
    called = listed if name != "" else ""
    body = tail or "0.0"
    source = f"def program({listed}):\n    result = {module}.{name}({called})\n    return {body}\n"
    scope: dict[str, Any] = {"np": np, "math": math, "cmath": cmath}
    exec(source, scope)
    return scope["program"]


def outcome(module: str, function: Any, name: str) -> tuple[str, str, str] | None:
    """(status, arguments, remark); None when Numba compiles it for no sample."""
    for shown, sample in SAMPLES.items():
        given = values(sample)
        if module == "cmath":
            given = [complex(v, 0.3) for v in given if isinstance(v, float)]
            if not given:
                continue
            sample = tuple(given)
        try:
            plain = function(*copy.deepcopy(given))
            whole = program(module, name, len(given), "result")
            result = njit(whole)(*copy.deepcopy(given))
        except Exception:
            continue
        if not isinstance(plain, (*PLAIN, np.ndarray, tuple)):
            continue
        tail = summed(result)
        if "part(" in tail or not tail:
            if isinstance(result, tuple):
                continue
            return "inactive", shown, "its result has no floats"
        return judged(program(module, name, len(given), tail), given, sample, shown)
    return None


def judged(f: Any, given: list[Any], sample: tuple, shown: str) -> tuple[str, str, str]:
    compiled = njit(f)
    passed = [argument if isinstance(argument, Const) else value for argument, value in zip(sample, given, strict=True)]
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
            if not worst <= TOLERANCE * 10:
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


def functions() -> Iterator[tuple[str, str, Any]]:
    for module, shown in ((math, "math"), (cmath, "cmath"), (np, "np"), (np.linalg, "np.linalg")):
        for name in sorted(vars(module)):
            value = getattr(module, name)
            if name.startswith("_") or isinstance(value, type | types.ModuleType) or not callable(value):
                continue
            yield shown, name, value


Row = tuple[str, str, str, str]  # name, status, arguments, remark


def write(rows: dict[str, list[Row]]) -> None:
    """The page, from what was found in each module."""
    from programs import FAMILIES

    counts = Counter(status for table in rows.values() for _, status, _, _ in table)
    lines = [
        "# Coverage",
        "",
        "Made by `python -m tests.coverage_page`, which runs every function below on sample arguments and compares the",
        f"gradient in both modes with central differences: {counts['differentiated']} functions are differentiated,",
        f"{counts['inactive']} have no derivative by nature, {counts['refused']} are refused. Functions that Numba",
        "compiles for none of the samples are not listed.",
        "",
        "## The language",
        "",
        "Each program of the corpus (`tests/programs`) shows one construct; the tests check its value, its gradient in",
        "both modes, its changes of arguments and its memory. Of the families that take long (`numpy_functions`,",
        "`containers`, `records`, `generalized`, `blas`) a build runs a fifth, and all with `NUMZYME_EVERY_PROGRAM=1`.",
        "",
        "| family | programs |",
        "| --- | --- |",
    ]
    for family in FAMILIES:
        lines.append(f"| {family.__name__.rpartition('.')[2]} | {', '.join(f'`{name}`' for name in family.CORPUS)} |")
    for module, table in rows.items():
        lines += ["", f"## {module}", "", "| function | status | remark |", "| --- | --- | --- |"]
        lines += [f"| `{module}.{name}({shown})` | {status} | {remark} |" for name, status, shown, remark in table]
    PAGE.write_text("\n".join(lines) + "\n")


def main() -> int:
    warnings.simplefilter("ignore")
    rows: dict[str, list[Row]] = {}
    for module, name, function in functions():
        try:
            found = outcome(module, function, name)
        except Exception as error:  # of NumPy or Numba, on samples that do not suit
            found = None
            print(f"{module}.{name}: {type(error).__name__}: {error}"[:200], file=sys.stderr, flush=True)
        if found is not None:
            status, shown, remark = found
            rows.setdefault(module, []).append((name, status, shown, remark))
            print(module, name, *found, file=sys.stderr, flush=True)
    write(rows)
    return 1 if any(status == "WRONG" for table in rows.values() for _, status, _, _ in table) else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
