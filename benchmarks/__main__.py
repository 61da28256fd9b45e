"""Measure everything, write RESULTS.md and the README's table: one subprocess for each workload, one core, one thread.

usage: python -m benchmarks [--check] [--only NAME,...] [--peers NAME,...] [--rounds N]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import agreement, machine, report
from .workloads import load

HERE = Path(__file__).parent
TIMEOUT = 1800  # seconds for one subprocess
FIRST_USE_REPEATS = 3


def run(module: str, *arguments: str) -> Any:
    """The JSON that `python -m benchmarks.MODULE` reports, or None after printing what it died of."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=TIMEOUT)
    reported = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not reported:
        print(f"{' '.join(arguments)} failed:\n{done.stderr[-1500:]}", file=sys.stderr)
        return None
    return json.loads(reported[-1].removeprefix("RESULT "))


def first_use(name: str) -> dict[str, float] | None:
    """Median seconds of a plain compile and of a first gradient, and our share; each in fresh processes."""
    found = {}
    for what in ("plain", "gradient", "share"):
        seconds = [run("first_use", what, name) for _ in range(FIRST_USE_REPEATS)]
        if None in seconds:
            return None
        found[what] = statistics.median(seconds)
    return found


def check(names: list[str]) -> int:
    """Print the agreement of all peers; the exit code."""
    workloads = load()
    well = True
    for name in names or workloads:
        for peer, found, fine in agreement.check(workloads[name]):
            print(f"{name:18} {peer:32} {found}{'' if fine else '  WRONG'}", flush=True)
            well = well and fine
    return 0 if well else 1


def measure(names: list[str], peers: str, rounds: int) -> dict[str, Any]:
    rows, growth = [], []
    for name in names:
        print(f"{name} ...", flush=True)
        row = run("measure", name, "--rounds", str(rounds), "--only", peers)
        if row is None:
            continue
        row["first use"] = first_use(name)
        rows.append(row)
        print(report.line(row), flush=True)
        if name == "normalise":
            growth.append(run("measure", name, "--growth", "--rounds", str(rounds)))
    return {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "versions": machine.versions(report.PACKAGES),
        "rows": rows,
        "growth": [found for found in growth if found],
        "warm": run("first_use", "warm"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--check", action="store_true", help="compare the gradients, time nothing")
    parser.add_argument("--only", default="", help="workloads, separated by commas; RESULTS.md is left alone")
    parser.add_argument("--peers", default="", help="peers, separated by commas")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    machine.limit_threads()  # for the subprocesses
    os.environ["NUMZYME_CACHE_DIR"] = "off"  # a first gradient is one that is compiled
    names = [name for name in options.only.split(",") if name]
    if options.check:
        return check(names)
    results = measure(names or list(load()), options.peers, options.rounds)
    page = report.page(results)
    if names or options.peers:
        print(page)
    else:
        root = HERE.parent
        (root / report.PAGE).write_text(page)
        readme = root / "README.md"
        readme.write_text(report.refreshed(readme.read_text(), results))
        print(f"wrote {report.PAGE} and the table of the README")
    return 0


if __name__ == "__main__":
    sys.exit(main())
