"""How the cost of a product grows with the number of stored floats: wrappers and sparse arrays, value and gradient.

usage: python -m benchmarks.wrappers

Prints the nanoseconds for each stored float and draws wrappers.png. `value`: f in plain Python (NumPy, SciPy).
A wrapper that were made dense would need n² floats: 8 TB for the largest size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import machine

machine.limit_threads()

import matplotlib  # noqa: E402
import numpy as np  # noqa: E402
from scipy import sparse  # noqa: E402

from numzyme import Const, Reverse, gradient  # noqa: E402
from numzyme.arrays import Adjoint, Diagonal, LinRange, SymTridiagonal, UniformScaling  # noqa: E402

matplotlib.use("Agg")
from matplotlib.figure import Figure  # noqa: E402

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PICTURE = Path(__file__).parent / "wrappers.png"
SHORTEST_SAMPLE = 0.02  # seconds
ROUNDS = 7


def squares(A: Any, x: Any) -> Any:
    y = A @ x
    return np.dot(y, y)


def dot(A: Any, x: Any) -> Any:
    return A @ x


def banded(n: int) -> Any:
    data = np.array([np.ones(n), np.full(n, 2.0), np.ones(n)])
    return sparse.dia_array((data, (-1, 0, 1)), shape=(n, n))


CASES: dict[str, tuple[Callable[[int], Any], Callable[..., Any], int]] = {  # maker, function, floats for each row
    "Diagonal @ x": (lambda n: Diagonal(np.arange(1.0, n + 1) / n), squares, 1),
    "SymTridiagonal @ x": (lambda n: SymTridiagonal(np.full(n, 2.0), np.ones(n - 1)), squares, 2),
    "UniformScaling @ x": (lambda n: UniformScaling(2.0, n), squares, 1),
    "LinRange @ x": (lambda n: LinRange(0.0, 1.0, n), dot, 1),
    "csr_array @ x": (lambda n: banded(n).tocsr(), squares, 3),
    "csc_array @ x": (lambda n: banded(n).tocsc(), squares, 3),
    "coo_array @ x": (lambda n: banded(n).tocoo(), squares, 3),
    "Adjoint(csc_array) @ x": (lambda n: Adjoint(banded(n).tocsc()), squares, 3),
}


def seconds(call: Callable[[], Any]) -> float:
    """CPU time of one call: the best of several samples."""
    call()
    start = time.process_time()
    call()
    repeats = max(1, int(SHORTEST_SAMPLE / max(time.process_time() - start, 1e-7)))
    samples = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(repeats):
            call()
        samples.append((time.process_time() - start) / repeats)
    return min(samples)


def measured(name: str) -> dict[str, list[float]]:
    """Seconds of value and gradient, for each size."""
    make, function, _ = CASES[name]
    found: dict[str, list[float]] = {"value": [], "gradient": []}
    for n in SIZES:
        A, x = make(n), np.cos(np.arange(float(n)))
        if not isinstance(A, LinRange):  # its elements are computed one by one: in Python that says nothing
            found["value"].append(seconds(lambda A=A, x=x: function(A, x)))
        found["gradient"].append(seconds(lambda A=A, x=x: gradient(Reverse, function, A, Const(x))))
    return found


def order(times: list[float]) -> float:
    """The exponent p of a cost that grows as n**p, over the last factor of ten."""
    return math.log10(times[-1] / times[-2]) if times else math.nan


def draw(results: dict[str, dict[str, list[float]]]) -> None:
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.add_subplot()
    for position, (name, found) in enumerate(results.items()):
        floats = [n * CASES[name][2] for n in SIZES]
        axes.plot(floats, [1e6 * t for t in found["gradient"]], "o-", color=f"C{position}", label=name)
    ends = np.array([SIZES[0], 3 * SIZES[-1]])
    axes.plot(ends, ends * 1e-3, "k:", label="proportional: 1 ns for each float")
    axes.set(xscale="log", yscale="log", xlabel="stored floats", ylabel="microseconds for one gradient")
    axes.legend(fontsize="small")
    figure.savefig(PICTURE, dpi=130)


def main() -> None:
    machine.pin()
    print(machine.describe())
    print(f"{'ns for each stored float':34}" + "".join(f"{n:>12,}" for n in SIZES) + "  exponent")
    results = {}
    for name in CASES:
        found = results[name] = measured(name)
        for what, times in found.items():
            if times:
                shown = "".join(f"{1e9 * t / (n * CASES[name][2]):12.2f}" for n, t in zip(SIZES, times, strict=True))
                print(f"{name + ', ' + what:34}{shown}{order(times):10.2f}", flush=True)
    draw(results)


if __name__ == "__main__":
    main()
