"""Fit a mixture of Gaussians to scikit-learn's digits with SciPy's L-BFGS-B; every gradient is numzyme's.

Prints a check of the gradient, what finite differences would have cost, and writes demo/gmm_digits.png.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numba import njit
from scipy.optimize import OptimizeResult, approx_fprime, minimize
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from tqdm import tqdm

from numzyme import value_and_grad

from .model import loss, pack, unpack
from .picture import Story, draw

COMPONENTS = 10
DIMENSIONS = 16
MAXIMUM_ITERATIONS = 500
PICTURE = Path(__file__).parent / "gmm_digits.png"

Gradient = Callable[..., tuple[float, np.ndarray]]


def starting_point(x: np.ndarray) -> np.ndarray:
    """Round components of width 0.8 at the centres of k-means."""
    clusters = KMeans(COMPONENTS, n_init=4, random_state=0).fit(x)
    weights = np.bincount(clusters.labels_, minlength=COMPONENTS) / len(x)
    return pack(weights, clusters.cluster_centers_, np.full((COMPONENTS, DIMENSIONS), 0.8))


def check_gradient(gradient: Gradient, theta: np.ndarray, x: np.ndarray) -> float:
    """Largest relative error along five random directions, against central differences."""
    random, step = np.random.default_rng(0), 1e-5
    _, slope = gradient(theta, x, COMPONENTS)
    errors = []
    for _ in range(5):
        direction = random.standard_normal(theta.size)
        ahead, _ = gradient(theta + step * direction, x, COMPONENTS)
        behind, _ = gradient(theta - step * direction, x, COMPONENTS)
        by_differences = (ahead - behind) / (2 * step)
        errors.append(abs(by_differences - slope @ direction) / abs(by_differences))
    return max(errors)


def seconds_for_gradient(gradient: Gradient, theta: np.ndarray, x: np.ndarray) -> float:
    times = []
    for _ in range(9):
        start = time.perf_counter()
        gradient(theta, x, COMPONENTS)
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def seconds_for_differences(theta: np.ndarray, x: np.ndarray) -> float:
    """One whole gradient by SciPy's finite differences of the loss, which Numba compiled too."""
    compiled = njit(loss)
    compiled(theta, x, COMPONENTS)
    start = time.perf_counter()
    approx_fprime(theta, compiled, 1.5e-8, x, COMPONENTS)
    return time.perf_counter() - start


def fit(gradient: Gradient, theta: np.ndarray, x: np.ndarray) -> tuple[OptimizeResult, list[tuple[float, float]]]:
    """The result of L-BFGS-B, and (seconds, loss) after each iteration."""
    history = [(0.0, float(gradient(theta, x, COMPONENTS)[0]))]
    start = time.perf_counter()
    with tqdm(total=MAXIMUM_ITERATIONS, desc="L-BFGS-B", unit="it") as bar:

        def note(intermediate_result: OptimizeResult) -> None:
            history.append((time.perf_counter() - start, float(intermediate_result.fun)))
            bar.set_postfix(loss=f"{history[-1][1]:.4f}", refresh=False)
            bar.update()

        options = {"maxiter": MAXIMUM_ITERATIONS, "maxfun": 10 * MAXIMUM_ITERATIONS}
        result = minimize(gradient, theta, (x, COMPONENTS), "L-BFGS-B", jac=True, callback=note, options=options)
        bar.total = bar.n  # converged: the bar is full
    return result, history


def main() -> None:
    images, labels = load_digits(return_X_y=True)
    projection = PCA(DIMENSIONS, whiten=True, random_state=0).fit(images)
    x = np.ascontiguousarray(projection.transform(images))
    theta = starting_point(x)
    gradient = value_and_grad(loss)

    print(f"{len(x)} digits, {DIMENSIONS} dimensions, {COMPONENTS} components: {theta.size} parameters")
    start = time.perf_counter()
    gradient(theta, x, COMPONENTS)
    print(f"first gradient, compilation included: {time.perf_counter() - start:.2f} s")
    print(f"against finite differences along random directions: {check_gradient(gradient, theta, x):.1e}")
    ours, differences = seconds_for_gradient(gradient, theta, x), seconds_for_differences(theta, x)
    print(f"one gradient: {1e3 * ours:.2f} ms by numzyme, {differences:.2f} s by SciPy's finite differences")

    result, history = fit(gradient, theta, x)
    seconds = history[-1][0]
    print(f"{result.nit} iterations, {result.nfev} gradients, {seconds:.1f} s: loss {result.fun:.4f}")
    print(f"finite differences would have taken {result.nfev * differences / 60:.0f} minutes")
    mixture = unpack(result.x, COMPONENTS, DIMENSIONS)
    story = Story(mixture, x, labels, projection.inverse_transform, history, ours, differences)
    agreement = draw(story, PICTURE)
    print(f"{agreement:.0%} of the digits lie in a component whose commonest digit is theirs")
    print(f"picture: {PICTURE.relative_to(Path.cwd()) if PICTURE.is_relative_to(Path.cwd()) else PICTURE}")


if __name__ == "__main__":
    main()
