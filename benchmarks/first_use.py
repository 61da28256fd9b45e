"""What a user waits for: the first gradient of a function, and a warm call from Python.

`plain`, `gradient`: seconds of a plain `njit` compile and call, of the first numzyme gradient; each in a
fresh process. `share`: the part of that first gradient which numzyme's own Python takes, from samples of the
stack. `warm`: microseconds of a gradient of a ten-element array, called from Python and from inside compiled code.
Prints one JSON line for the parent.
"""

from __future__ import annotations

import argparse
import collections
import json
import statistics
import sys
import threading
import time
import types
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
    start = time.process_time()
    workload.primal(*arguments)
    return time.process_time() - start


def first_gradient(workload: Workload) -> float:
    """Through the public call from Python, with shadows for the active arguments."""
    arguments = workload.small_inputs()
    start = time.process_time()
    activities: list[Any] = [numzyme.Const(argument) for argument in arguments]
    for i in workload.active:
        activities[i] = numzyme.Duplicated(arguments[i], np.zeros_like(arguments[i]))
    numzyme.autodiff(numzyme.Reverse, workload.primal, *activities)
    return time.process_time() - start


class StackSampler(threading.Thread):
    """Whose Python the main thread runs, about once a millisecond: ours, or Numba's and llvmlite's.

    The innermost frame of one of these packages counts; LLVM works with the interpreter's lock released, under a
    frame of llvmlite.
    """

    OWNERS = ("numzyme", "numba", "llvmlite")

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.samples: collections.Counter[str] = collections.Counter()
        self.done = threading.Event()

    def run(self) -> None:
        main = threading.main_thread().ident
        assert main is not None
        while not self.done.wait(0.001):
            frame = sys._current_frames().get(main)
            while frame is not None and self.owner(frame) is None:
                frame = frame.f_back
            if frame is not None:
                self.samples[self.owner(frame) or ""] += 1

    def owner(self, frame: types.FrameType) -> str | None:
        package = frame.f_globals.get("__name__", "").split(".")[0]
        return package if package in self.OWNERS else None


def own_share(workload: Workload) -> float:
    sys.setswitchinterval(0.0005)
    sampler = StackSampler()
    sampler.start()
    first_gradient(workload)
    sampler.done.set()
    sampler.join()
    return sampler.samples["numzyme"] / max(1, sampler.samples.total())


def microseconds(call: Any, calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        call()
    return 1e6 * (time.process_time() - start) / calls


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
    parser.add_argument("what", choices=("plain", "gradient", "share", "warm"))
    parser.add_argument("workload", nargs="?")
    options = parser.parse_args()
    machine.pin()
    if options.what == "warm":
        result: Any = warm_call()
    else:
        measured = {"plain": first_plain, "gradient": first_gradient, "share": own_share}
        result = measured[options.what](load()[options.workload])
    sys.stdout.write("RESULT " + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
