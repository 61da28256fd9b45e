"""Random programs against numzyme: `python -m numzyme.testing.random_programs --count 1000 --start 0`.

Every program ends in one of four ways: `agree`, `refused` (a `DifferentiationError` which names a line of
the program), `failed`, or `discarded` (Numba itself does not agree with Python). Programs run in a worker
process with a time limit for each; a worker that crashes or hangs is a failure of the program that it was
at. Failures are written to a directory, shrunk unless that is switched off.
"""

from __future__ import annotations

import argparse
import gc
import json
import linecache
import queue
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .checks import check
from .program import Program
from .random_source import random_source
from .shrink import shrink

MODULE = "numzyme.testing.random_programs"
STARTING = 60.0  # seconds that a worker may take to import everything
SHARE = 200  # programs of one worker: what it compiles, ten megabytes of each, stays in its memory
KINDS = ("agree", "refused", "failed", "discarded")


@dataclass(frozen=True)
class Verdict:
    """How a program ended; `check` is the first check that failed."""

    seed: int
    kind: str
    check: str = ""
    message: str = ""
    seconds: float = 0.0


def load(source: str, name: str, seed: int) -> Program:
    """The program that `source` defines. Its lines can be shown, and Numba can find its module."""
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(source, file, "exec"), module.__dict__)
    return Program(
        name,
        module.__dict__["program"],
        (),
        together=module.__dict__["arguments"],
        constant=module.__dict__.get("CONSTANT", ()),
        tolerance=1e-6,
        options={"boundscheck": seed % 2 == 0},
    )


def judge(seed: int, source: str | None = None, *, quick: bool = False) -> Verdict:
    """Run the checks on the program of `seed`, or on `source`; `quick`: against plain Python only."""
    start = time.perf_counter()
    program = load(source or random_source(seed), f"random_program_{seed}", seed)
    failures = check(program, (seed,), quick=quick)
    kind, first = "agree", None
    for failure in failures:
        if failure.check == "plain_python_agrees":
            kind, first = "discarded", failure
            break
        if not failure.refused:
            kind, first = "failed", failure
            break
        kind, first = "refused", first or failure
    seconds = time.perf_counter() - start
    return Verdict(seed, kind, first.check if first else "", first.message if first else "", seconds)


def run(seeds: list[int], limit: float, *, quick: bool = False) -> Iterator[Verdict]:
    """Verdicts on the programs of `seeds`, from workers with `limit` seconds for each program."""
    left = list(seeds)
    while left:
        share = left[:SHARE]
        command = [sys.executable, "-m", MODULE, *["--quick"] * quick, "--worker", *map(str, share)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_collect, args=(worker, lines), daemon=True).start()
        reason, patience = "", limit + STARTING
        while share and not reason:
            try:
                line = lines.get(timeout=patience)
            except queue.Empty:
                reason = f"no answer within {limit:.0f} s"
                break
            if line:
                yield Verdict(**json.loads(line))
                share.pop(0)
                patience = limit
            else:
                reason = f"the process ended with status {worker.wait()}"
        worker.kill()
        worker.wait()
        left = left[left.index(share[0]) :] if share else left[SHARE:]
        if share:
            yield Verdict(left.pop(0), "failed", "process", reason, limit)


def _collect(worker: subprocess.Popen, lines: queue.Queue[str]) -> None:
    """Pass the lines that a worker prints on; an empty one at the end."""
    assert worker.stdout is not None
    for line in worker.stdout:
        lines.put(line)
    lines.put("")


def shrunk(verdict: Verdict, limit: float) -> str:
    """The source of a failing program, with whatever is not needed for the same check to fail taken away."""
    source = random_source(verdict.seed)

    def still_fails(candidate: str) -> bool:
        found = _judge_apart(verdict.seed, candidate, limit)
        return found.kind == verdict.kind and found.check == verdict.check

    return shrink(source, still_fails)


def _judge_apart(seed: int, source: str, limit: float) -> Verdict:
    """Judge a program in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(source)
        file.flush()
        command = [sys.executable, "-m", MODULE, "--source", file.name, "--start", str(seed)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit + STARTING)
        except subprocess.TimeoutExpired:
            return Verdict(seed, "failed", "process", "timeout")
    if done.returncode < 0 or not done.stdout.strip():
        kind = "failed" if done.returncode < 0 else "discarded"
        return Verdict(seed, kind, "process", f"status {done.returncode}")
    return Verdict(**json.loads(done.stdout.strip().splitlines()[-1]))


def _worker(seeds: list[int], quick: bool) -> None:
    gc.set_threshold(20_000, 20, 20)  # Numba's compiler makes so many objects, most of which stay
    for seed in seeds:
        gc.freeze()
        print(json.dumps(asdict(judge(seed, quick=quick))), flush=True)


def _save(directory: Path, verdict: Verdict, source: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    remarks = "".join(f"# {line}\n" for line in (verdict.check, *verdict.message.splitlines()))
    (directory / f"random_{verdict.seed}.py").write_text(remarks + source)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m numzyme.testing.random_programs", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each program")
    parser.add_argument("--failures", type=Path, default=Path("random-failures"), help="where to write failures")
    parser.add_argument("--quick", action="store_true", help="compare with plain Python, not with njit")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--source", type=Path, help="judge the program in this file instead")
    parser.add_argument("--worker", type=int, nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        _worker(options.worker, options.quick)
        return 0
    if options.source:
        print(json.dumps(asdict(judge(options.start, options.source.read_text()))))
        return 0
    counts: Counter[str] = Counter()
    for verdict in run(list(range(options.start, options.start + options.count)), options.limit, quick=options.quick):
        counts[verdict.kind] += 1
        print(f"\r{counts.total()} of {options.count}", end="", file=sys.stderr, flush=True)
        if verdict.kind != "agree":
            print(f"{verdict.seed} {verdict.kind}: {verdict.check}: {verdict.message}", flush=True)
        if verdict.kind == "failed":
            source = random_source(verdict.seed)
            _save(options.failures, verdict, source if options.no_shrink else shrunk(verdict, options.limit))
    print(", ".join(f"{counts[kind]} {kind}" for kind in KINDS))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
