"""Times of one workload: peers in turn, round by round, medians.

A round calls every peer once (fast ones several times), so that a slow spell of the machine meets all of
them. What is measured is the CPU time of the process, which other processes disturb less than they disturb the
clock on the wall. This module runs in a process of its own for each workload, pinned to one core; the parent
limits the threads through the environment and reads the one JSON line that is printed.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import numzyme

from . import machine
from .agreement import TOLERANCE, error
from .peers import HAND, OWN, as_numpy, builders, warm_up
from .workload import Arguments, Gradients, Peer, Workload
from .workloads import load

PRIMAL = "primal"
SHORTEST_SAMPLE = 0.005  # seconds; faster calls are repeated until a sample takes this long
BUDGET = 6.0  # seconds for all rounds of one peer


@dataclass
class Timed:
    """One callable, what its first call took, and its samples in seconds."""

    call: Callable[[], Any]
    first: float
    estimate: float
    samples: list[float] = field(default_factory=list)

    @property
    def repeats(self) -> int:
        return max(1, int(SHORTEST_SAMPLE / self.estimate))

    def rounds(self, most: int) -> int:
        affordable = int(BUDGET / (self.estimate * (1 + self.repeats)))
        return max(1 if self.estimate > 5 else 3, min(most, affordable))

    def sample(self) -> None:
        if self.estimate < 0.2:
            self.call()  # bring the caches back from the previous peer
        start = time.process_time()
        for _ in range(self.repeats):
            self.call()
        self.samples.append((time.process_time() - start) / self.repeats)


def prepare(build: Callable[[], Peer]) -> tuple[Timed, Peer, Any]:
    """Build and call twice; the first call includes compilation, the second estimates the rest."""
    start = time.process_time()
    peer = build()
    peer.gradient()
    first = time.process_time() - start
    start = time.process_time()
    result = peer.gradient()
    return Timed(peer.gradient, first, time.process_time() - start), peer, result


def interleave(timed: dict[str, Timed], rounds: int) -> None:
    for index in range(rounds):
        for entry in timed.values():
            if index < entry.rounds(rounds):
                entry.sample()


def peak_tape(call: Callable[[], Any]) -> int:
    """Peak bytes of the arena in one call, counted from an empty arena."""
    numzyme.release_memory()
    call()
    return int(numzyme.memory().peak_bytes)


def measure(workload: Workload, arguments: Arguments, rounds: int, only: list[str]) -> dict[str, Any]:
    missing = warm_up()
    timed: dict[str, Timed] = {}
    failed: dict[str, str] = {}
    reference: Gradients = ()
    timed[PRIMAL], _, _ = prepare(lambda: Peer(lambda: workload.primal(*arguments)))
    for name, build in builders(workload).items():
        if only and name not in only and name != HAND:
            continue
        try:
            entry, peer, result = prepare(functools.partial(build, workload, arguments))
            gradients = as_numpy(result)
            reference = reference or gradients
            found = error(gradients, reference)
            if not found < TOLERANCE:
                failed[name] = f"wrong gradient: {found:.1e} from the hand-written adjoint"
                continue
            timed[name] = entry
            if peer.primal is not None:
                timed[f"{name} (primal)"], _, _ = prepare(functools.partial(Peer, peer.primal))
        except ImportError as absent:
            missing.append(absent.name or str(absent))
        except Exception as problem:  # a peer that breaks is shown, and the others go on
            traceback.print_exc()
            failed[name] = f"{type(problem).__name__}: {str(problem).splitlines()[0][:150]}"
    tape = peak_tape(timed[OWN].call) if OWN in timed else None
    interleave(timed, rounds)
    return {
        "name": workload.name,
        "title": workload.title,
        "milliseconds": {name: 1e3 * statistics.median(entry.samples) for name, entry in timed.items()},
        "first": {name: entry.first for name, entry in timed.items()},
        "tape": tape,
        "failed": failed,
        "missing": sorted(set(missing)),
    }


def growth(workload: Workload, rounds: int) -> dict[str, Any]:
    """Gradient time at each size of the workload, ours and by hand."""
    rows = {}
    for size, inputs in workload.sizes.items():
        arguments = inputs()
        found = measure(workload, arguments, rounds, [OWN, HAND])
        rows[size] = found["milliseconds"]
    return {"name": workload.name, "title": workload.title, "growth": rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("workload")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--only", default="", help="names of peers, separated by commas")
    options = parser.parse_args()
    machine.pin()
    np.seterr(all="ignore")
    workload = load()[options.workload]
    if options.growth:
        result = growth(workload, options.rounds)
    else:
        only = [name for name in options.only.split(",") if name]
        result = measure(workload, workload.inputs(), options.rounds, only)
    sys.stdout.write("RESULT " + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
