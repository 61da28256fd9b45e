"""What objects cost: warm calls on models with many arrays and on other kinds, and the first gradient of a network.

usage: python -m benchmarks.objects

`over compiled` is the time of the call less that of the compiled call on the same leaves, which allocates the
gradients; interleaved, medians over the rounds of the differences, CPU time of one thread. The compiled call is the one
that the entry for the structure makes. The first gradient is taken in fresh processes, imports excluded: once with an
empty cache on disk, once with what the first left there. Writes benchmarks/OBJECTS.md.
"""

from __future__ import annotations

import datetime
import functools
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
from numba.core.dispatcher import Dispatcher
from scipy import sparse

from numzyme.arrays import Adjoint, Diagonal, Symmetric

from . import machine

PAGE = Path(__file__).parent / "OBJECTS.md"
CALLS, ROUNDS = 100, 60
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


def model_of(leaves: int) -> Model:
    rng = np.random.default_rng(0)
    return Model(tuple(Layer(rng.normal(size=(3, 3)), rng.normal(size=3)) for _ in range(leaves // 2)))


def _dispatcher_in(value: Any) -> Any:
    """A compiled function, by itself or behind the function that picks its derivatives."""
    behind = value.args[0] if isinstance(value, functools.partial) and value.args else value
    return behind if isinstance(behind, Dispatcher) else None


class Recorded:
    """Stands for the compiled function of the only entry, and keeps what it is called with."""

    def __init__(self) -> None:
        from numzyme.api import warm as quick

        ((entry,),) = quick._entries.values()
        self.scope = entry.call.__globals__
        candidates = {name: _dispatcher_in(value) for name, value in self.scope.items()}
        self.name = next(
            name
            for name, found in candidates.items()
            if found is not None and "numzyme" in repr(found.py_func.__globals__.keys())
        )
        self.compiled = self.scope[self.name]

    def arguments(self, call: Callable[[], Any]) -> tuple:
        kept = []

        def instead(*leaves: Any) -> Any:
            kept.append(leaves)
            return self.compiled(*leaves)

        self.scope[self.name] = instead
        call()
        self.scope[self.name] = self.compiled
        return kept[0]


def warm(call: Callable[[], Any]) -> dict[str, float]:
    """Median microseconds: compiled call, whole call, their difference."""
    from numzyme.api import warm as quick

    quick._entries.clear()
    call()
    recorded = Recorded()
    leaves, compiled = recorded.arguments(call), recorded.compiled
    pairs = [(microseconds(lambda: compiled(*leaves)), microseconds(call)) for _ in range(ROUNDS)]
    inner, whole = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {"compiled": inner, "call": whole, "over compiled": statistics.median(b - a for a, b in pairs)}


def product(A, x):
    return np.sum(A @ x)


def scaled(w, factor, x):
    return np.sum(w) * factor * x


class Affine:
    def __init__(self, weight, bias):
        self.weight, self.bias = weight, bias

    def total(self, x):
        return np.sum(self.weight) * x + self.bias


def kinds() -> dict[str, Callable[[], Any]]:
    """Warm calls on what is not a tuple of arrays."""
    from numzyme import Const, Duplicated, Forward, Reverse, autodiff, gradient, make_zero

    x, csr = Const(np.ones(3)), sparse.csr_array(np.eye(3))
    symmetric, method = Symmetric(np.eye(3)), Affine(np.ones(3), 1.0).total
    partial = functools.partial(scaled, np.ones(3), 2.0)
    ten, hundred = model_of(10), model_of(100)
    shadows = make_zero(ten), make_zero(hundred)
    return {
        "Diagonal": lambda: gradient(Reverse, product, Diagonal(np.ones(3)), x),
        "Symmetric, structural": lambda: gradient(Reverse, product, symmetric, x),
        "Symmetric, `project=True`": lambda: gradient(Reverse, product, symmetric, x, project=True),
        "csr_array": lambda: gradient(Reverse, product, csr, x),
        "Adjoint of csr_array": lambda: gradient(Reverse, product, Adjoint(csr), x),
        "functools.partial as f": lambda: gradient(Reverse, partial, 3.0),
        "bound method as f": lambda: gradient(Reverse, method, 3.0),
        "float32 in a list": lambda: gradient(Reverse, lambda d: d[0] * d[0], [np.float32(3.0)]),
        "`autodiff(Reverse)`, 10 arrays": lambda: autodiff(Reverse, loss, Duplicated(ten, shadows[0])),
        "`autodiff(Reverse)`, 100 arrays": lambda: autodiff(Reverse, loss, Duplicated(hundred, shadows[1])),
        "`autodiff(Forward)`, 10 arrays": lambda: autodiff(Forward, loss, Duplicated(ten, shadows[0])),
    }


def forward_gradient() -> tuple[float, int]:
    """Microseconds of a warm `gradient(Forward, ...)`, and its passes."""
    from numzyme import Forward, gradient

    model = model_of(10)
    gradient(Forward, loss, model)
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        gradient(Forward, loss, model)
        times.append(1e6 * (time.process_time() - start))
    return statistics.median(times), sum(layer.weight.size + layer.bias.size for layer in model.layers)


def first(folder: Path) -> float:
    """Seconds of the first gradient of the network in a fresh process, with the cache in `folder`."""
    environment = {**os.environ, "NUMZYME_CACHE_DIR": str(folder / "cache")}
    script = folder / "first.py"  # errors name its lines, so its name is part of the key
    script.write_text(FIRST)
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split("SECONDS ")[1])


def figures(row: dict[str, float]) -> str:
    return " | ".join(f"{value:.1f}" for value in row.values())


def main() -> None:
    machine.limit_threads()
    from numzyme import Reverse, gradient

    load = os.getloadavg()[0]
    rows = {}
    for leaves in LIMITS:
        model = model_of(leaves)
        rows[leaves] = warm(lambda model=model: gradient(Reverse, loss, model))
    others = {name: warm(call) for name, call in kinds().items()}
    forward, passes = forward_gradient()
    with tempfile.TemporaryDirectory() as folder:
        cold = first(Path(folder))
        again = statistics.median(first(Path(folder)) for _ in range(3))
    lines = [
        "# What objects cost",
        "",
        f"{datetime.date.today().isoformat()}, {machine.describe()}, load {load:.1f} at the start. "
        "Written by `python -m benchmarks.objects`.",
        "",
        "| arrays in the model | compiled call µs | `gradient` µs | over compiled µs | target µs |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for leaves, row in rows.items():
        lines.append(f"| {leaves} | {figures(row)} | {LIMITS[leaves]:.0f} |")
    lines += ["", "| warm call | compiled call µs | whole call µs | over compiled µs |", "| --- | ---: | ---: | ---: |"]
    lines += [f"| {name} | {figures(row)} |" for name, row in others.items()]
    lines += [
        "",
        f"`gradient(Forward, ...)` on the model of 10 arrays: {forward:.0f} µs for {passes} passes.",
        "",
        "First gradient of `Chain(Dense, tanh, Dense)` in a fresh process, imports excluded: "
        f"{cold:.2f} s with an empty cache (target 5 s), {again:.2f} s from disk (target 0.5 s).",
    ]
    PAGE.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
