"""The results page in Markdown, from the JSON of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .peers import ENZYME, HAND, OWN
from .targets import Verdict, ratio, verdicts

PACKAGES = ("numzyme", "numba", "llvmlite", "numpy", "scipy", "jax", "torch", "autograd", "enzyme-ad")
PRIMAL = "primal"
PAGE = "benchmarks/RESULTS.md"
MARKER_START, MARKER_END = "<!-- benchmark table -->", "<!-- end of benchmark table -->"
METHOD = """\
Written by `make bench`. CPU time, medians of interleaved rounds, one thread pinned to one core, one process for
each workload. Gradients include the zero fill of the shadows. The hand-written adjoints are compiled by Numba too,
with `error_model='numpy'`. Enzyme differentiates C++ at -O3 for this CPU; fast flags add -ffast-math and
libmvec. Differences under 15 % mean little on a shared machine."""
# Why a target is missed, by (target, workload); printed only beside a miss.
BUNDLE_ADJUSTMENT = (
    "The natural program asks for the derivative of a residual twice per observation, once for each component, and "
    "each call runs its forward sweep; the hand-written adjoint runs one for both."
)
ALIASING = (
    "Each of the 10 000 calls compares the ranges of its nine arrays and shadows (33 pairs, about 20 ns, a fifth of "
    "the time): Enzyme compares nothing and is told that nothing overlaps."
)
BRUSSELATOR = "At the edge: complete runs on this shared machine gave 0.84 to 0.95."
REASONS = {
    ("time over hand-written adjoint", "bundle_adjustment"): BUNDLE_ADJUSTMENT,
    ("time over Enzyme C++", "bundle_adjustment"): ALIASING,
    ("time over Enzyme C++", "brusselator"): BRUSSELATOR,
}


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def size(count: int | None) -> str:
    if count is None:
        return "-"
    for unit, scale in (("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{number(count / scale)} {unit}"
    return f"{count} B"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def line(row: dict[str, Any]) -> str:
    """One workload on one line, for the terminal."""
    times = ", ".join(f"{name} {number(value)} ms" for name, value in row["milliseconds"].items())
    failed = "".join(f"; {name} FAILED: {why}" for name, why in row["failed"].items())
    return f"{row['title']}: {times}{failed}"


def summary(results: dict[str, Any]) -> str:
    """The table of the README: ours against the primal, the hand-written adjoint and Enzyme."""
    ratios = ["/ primal", "/ hand", "/ Enzyme C++"]
    header = ["workload", "primal ms", "gradient ms", *ratios, "first call s", "tape"]
    rows = []
    for row in results["rows"]:
        times = row["milliseconds"]
        ratios = [number(ratio(row, peer)) for peer in (PRIMAL, HAND, ENZYME)]
        first = number(row["first"].get(OWN))
        gradient = number(times.get(OWN))
        rows.append([row["title"], number(times[PRIMAL]), gradient, *ratios, first, size(row["tape"])])
    return table(header, rows)


def peers(results: dict[str, Any]) -> str:
    """Gradient time of every peer over Numba's primal."""
    names = list(dict.fromkeys(name for row in results["rows"] for name in row["milliseconds"]))
    names = [name for name in names if name != PRIMAL and not name.endswith("(primal)")]
    rows = []
    for row in results["rows"]:
        primal = row["milliseconds"][PRIMAL]
        cells = []
        for name in names:
            value = row["milliseconds"].get(name)
            cells.append("failed" if name in row["failed"] else number(None if value is None else value / primal))
        rows.append([row["title"], *cells])
    return table(["workload", *names], rows)


def first_use(results: dict[str, Any]) -> str:
    rows = []
    for row in results["rows"]:
        seconds = row["first use"] or {}
        plain, gradient = seconds.get("plain"), seconds.get("gradient")
        both = gradient / plain if plain and gradient else None
        share = f"{seconds['share']:.0%}" if "share" in seconds else "-"
        rows.append([row["title"], number(plain), number(gradient), number(both), share])
    return table(["workload", "plain njit s", "first gradient s", "ratio", "own Python"], rows)


def growth(results: dict[str, Any]) -> str:
    pages = []
    for found in results["growth"]:
        rows = [
            [n, *(number(times.get(name) and 1e3 * times[name]) for name in (PRIMAL, OWN, HAND))]
            for n, times in found["growth"].items()
        ]
        pages.append(table(["n", "primal µs", "gradient µs", "hand µs"], rows))
    return "\n\n".join(pages)


def verdict_line(verdict: Verdict) -> str:
    text = f"- {verdict.target}, {verdict.subject}: {number(verdict.value)}{verdict.unit}, "
    text += f"target ≤ {number(verdict.limit)}{verdict.unit}"
    reason = REASONS.get((verdict.target, verdict.subject))
    return f"{text}. {reason}" if reason else text


def judgement(results: dict[str, Any]) -> str:
    found = list(verdicts(results))
    missed = [verdict for verdict in found if not verdict.met]
    text = f"{len(found) - len(missed)} of {len(found)} targets met."
    if missed:
        text += " Missed:\n\n" + "\n".join(verdict_line(verdict) for verdict in missed)
    return text


def notes(results: dict[str, Any]) -> str:
    """What is missing or failed, so that an empty cell explains itself."""
    missing = sorted({name for row in results["rows"] for name in row["missing"]})
    lines = [f"- not installed, skipped: {', '.join(missing)}"] if missing else []
    for row in results["rows"]:
        lines += [f"- {row['title']}, {name}: {why}" for name, why in row["failed"].items()]
    return "\n".join(lines)


def refreshed(readme: str, results: dict[str, Any]) -> str:
    """The README with the summary between its two markers replaced."""
    before, rest = readme.split(MARKER_START)
    _, after = rest.split(MARKER_END)
    heading = f"{results['date']}, {results['machine']}, medians of CPU time. All of it: [{PAGE}]({PAGE})."
    return f"{before}{MARKER_START}\n\n{heading}\n\n{summary(results)}\n\n{MARKER_END}{after}"


def page(results: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {found}" for name, found in results["versions"].items() if found)
    warm = results["warm"]
    call = (
        f"{number(warm['from Python'])} µs from Python, {number(warm['compiled'])} µs inside compiled code"
        if warm
        else "not measured"
    )
    parts = [
        "# Benchmark results",
        f"{results['date']}, {results['machine']}. {versions}.",
        METHOD,
        summary(results),
        "## Targets",
        judgement(results),
        "## Gradient time of every peer, as a multiple of Numba's primal",
        peers(results),
        notes(results),
        "## First use",
        "CPU seconds in a fresh process, imports excluded: compiling and calling the function with plain `njit`, "
        "and its first gradient.",
        first_use(results),
        "## Growth of `normalise`",
        "As written the primal is O(n²); the gradient is O(n), because the call of `mag` is proved pure and "
        "hoisted before differentiation.",
        growth(results),
        "## A warm call",
        f"Gradient of a ten-element array: {call}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
