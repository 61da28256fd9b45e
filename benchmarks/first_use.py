"""What a user waits for: the first gradient of a function, and a warm call from Python.

`plain`, `gradient`: seconds of a plain `njit` compile and call, of the first numzyme gradient; each in a
fresh process. `warm`: microseconds of a gradient of a ten-element array, called from Python and from inside
compiled code.
Prints one JSON line for the parent.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any

import numpy as np
from numba import njit

import numzyme

from . import machine
from .workload import Workload
from .workloads import load
from .workloads.sum_of_sines import objective

CALLS = 20_000
ROUNDS = 9


def first_plain(workload: Workload) -> float:
    arguments = workload.small_inputs()
    start = time.perf_counter()
    workload.primal(*arguments)
    return time.perf_counter() - start


def first_gradient(workload: Workload) -> float:
    """Through the public call from Python, with shadows for the active arguments."""
    arguments = workload.small_inputs()
    start = time.perf_counter()
    activities: list[Any] = [numzyme.Const(argument) for argument in arguments]
    for i in workload.active:
        activities[i] = numzyme.Duplicated(arguments[i], np.zeros_like(arguments[i]))
    numzyme.autodiff(numzyme.Reverse, workload.primal, *activities)
    return time.perf_counter() - start


def microseconds(call: Any, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return 1e6 * (time.perf_counter() - start) / calls


def warm_call() -> dict[str, float]:
    """A gradient from Python against the same gradient in a compiled loop; the gap is what the call costs."""
    x = np.linspace(0.1, 1.0, 10)
    gradient = numzyme.grad(objective)

    @njit
    def inside(x, n, calls):
        total = 0.0
        for _ in range(calls):
            total += gradient(x, n)[0]
        return total

    gradient(x, 10)
    inside(x, 10, 1)
    from_python = [microseconds(lambda: gradient(x, 10), CALLS) for _ in range(ROUNDS)]
    compiled = [microseconds(lambda: inside(x, 10, CALLS), 1) / CALLS for _ in range(ROUNDS)]
    return {"from Python": statistics.median(from_python), "compiled": statistics.median(compiled)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("plain", "gradient", "warm"))
    parser.add_argument("workload", nargs="?")
    options = parser.parse_args()
    machine.pin()
    if options.what == "warm":
        result: Any = warm_call()
    else:
        measured = first_plain if options.what == "plain" else first_gradient
        result = measured(load()[options.workload])
    sys.stdout.write("RESULT " + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
