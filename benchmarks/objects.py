"""What objects cost: a warm gradient of models with many arrays, and the first gradient of a small network.

usage: python -m benchmarks.objects

`over compiled` is the time of `gradient(Reverse, loss, model)` less that of the compiled call on the same arrays, which
allocates the gradients; interleaved, medians, one thread. The first gradient is taken in fresh processes, imports
excluded: once with an empty cache on disk, once with what the first left there. Writes benchmarks/OBJECTS.md.
"""

from __future__ import annotations

import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import machine

PAGE = Path(__file__).parent / "OBJECTS.md"
CALLS, ROUNDS = 300, 15
LIMITS = {10: 5.0, 100: 40.0}  # microseconds over the compiled code

FIRST = """
import sys, time
from dataclasses import dataclass
import numpy as np
from numzyme import Reverse, gradient

@dataclass
class Dense:
    weight: np.ndarray
    bias: np.ndarray
    def __call__(self, x):
        return x @ self.weight + self.bias

@dataclass
class Chain:
    layers: tuple
    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

def tanh(x):
    return np.tanh(x)

def loss(model, x):
    return np.sum(model(x) ** 2)

rng = np.random.default_rng(0)
def dense(n, m):
    return Dense(rng.normal(size=(n, m)), np.zeros(m))
model = Chain((dense(64, 32), tanh, dense(32, 10)))
x = rng.normal(size=(16, 64))
start = time.perf_counter()
gradient(Reverse, loss, model, x)
print("SECONDS", time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Layer:
    weight: Any
    bias: Any


@dataclass(frozen=True)
class Model:
    layers: tuple


def loss(model):
    total = 0.0
    for layer in model.layers:
        total += layer.weight[0, 0] * layer.bias[0]
    return total


def microseconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    for _ in range(CALLS):
        call()
    return 1e6 * (time.process_time() - start) / CALLS


def warm(leaves: int) -> dict[str, float]:
    """Median microseconds for a model of so many arrays: compiled call, gradient, their difference."""
    from numzyme import Reverse, gradient
    from numzyme.api import warm as quick
    from numzyme.api.modes import Reverse as mode

    rng = np.random.default_rng(0)
    model = Model(tuple(Layer(rng.normal(size=(3, 3)), rng.normal(size=3)) for _ in range(leaves // 2)))
    gradient(Reverse, loss, model)
    (entry,) = quick._entries[loss.__code__, mode.name, None]
    _, arrays, *numbers = entry.quick.flatten(loss, model)
    buffers = [np.array(numbers[0]), np.array(numbers[1]), np.array(numbers[2], np.int64)]
    pairs = [
        (
            microseconds(lambda: entry.dispatcher(*arrays, *buffers)),
            microseconds(lambda: gradient(Reverse, loss, model)),
        )
        for _ in range(ROUNDS)
    ]
    quick._entries.clear()  # of one function, for another number of arrays
    compiled, whole = (statistics.median(column) for column in zip(*pairs, strict=True))
    gap = statistics.median(b - a for a, b in pairs)
    return {"compiled": compiled, "gradient": whole, "over compiled": gap}


def first(folder: Path) -> float:
    """Seconds of the first gradient of the network in a fresh process, with the cache in `folder`."""
    environment = {**os.environ, "NUMZYME_CACHE_DIR": str(folder / "cache")}
    script = folder / "first.py"  # errors name its lines, so its name is part of the key
    script.write_text(FIRST)
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split("SECONDS ")[1])


def main() -> None:
    machine.limit_threads()
    rows = {leaves: warm(leaves) for leaves in LIMITS}
    with tempfile.TemporaryDirectory() as folder:
        cold = first(Path(folder))
        again = statistics.median(first(Path(folder)) for _ in range(3))
    lines = [
        "# What objects cost",
        "",
        f"{datetime.date.today().isoformat()}, {machine.describe()}. Written by `python -m benchmarks.objects`.",
        "",
        "| arrays in the model | compiled call µs | `gradient` µs | over compiled µs | target µs |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for leaves, row in rows.items():
        figures = " | ".join(f"{row[name]:.1f}" for name in ("compiled", "gradient", "over compiled"))
        lines.append(f"| {leaves} | {figures} | {LIMITS[leaves]:.0f} |")
    lines += [
        "",
        "First gradient of `Chain(Dense, tanh, Dense)` in a fresh process, imports excluded: "
        f"{cold:.2f} s with an empty cache (target 5 s), {again:.2f} s from disk (target 0.5 s).",
    ]
    PAGE.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
