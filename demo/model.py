"""The loss that the demo minimises, and its parameters as one flat vector, as SciPy wants them.

The mixture is that of the benchmark (ADBench's GMM): weights softmax(alphas), means, and precisions L'L with
L packed in `icf`. The loss is the mean negative log likelihood plus a weak prior that keeps the precisions
finite.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.workloads.gmm import lower_indices, objective

PRIOR_STRENGTH = 0.05  # squared width, in whitened coordinates, that the prior lends to every component
PRIOR_SAMPLES = 20.0  # how many imagined samples of that width each component starts with


def loss(theta, x, K):
    """Plain Python: loops, views and NumPy calls; Numba compiles it, numzyme differentiates it."""
    n, d = x.shape
    alphas = theta[:K]
    means = theta[K : K + K * d].reshape((K, d))
    icf = theta[K + K * d :].reshape((K, d * (d + 1) // 2))
    gamma, m, constant = 0.0, 0, 0.0  # ADBench's own prior switched off
    likelihood = objective(alphas, means, icf, x, gamma, m, constant, K, d, n)
    prior = 0.0
    for k in range(K):
        for i in range(d):
            prior += 0.5 * PRIOR_STRENGTH * np.exp(2.0 * icf[k, i]) - icf[k, i]
        prior += 0.5 * PRIOR_STRENGTH * np.sum(icf[k, d:] ** 2)
    return (PRIOR_SAMPLES * prior - likelihood) / n


@dataclass(frozen=True)
class Mixture:
    """The same parameters as people read them."""

    weights: np.ndarray  # (K,)
    means: np.ndarray  # (K, d)
    factors: np.ndarray  # (K, d, d), lower triangular; precision = factor' factor

    @property
    def covariances(self) -> np.ndarray:
        return np.linalg.inv(np.swapaxes(self.factors, 1, 2) @ self.factors)

    def responsibilities(self, x: np.ndarray) -> np.ndarray:
        """Probability of each component given each sample, (n, K)."""
        whitened = np.einsum("kij,nkj->nki", self.factors, x[:, None, :] - self.means)
        logarithms = np.log(self.weights) + np.log(np.abs(np.diagonal(self.factors, axis1=1, axis2=2))).sum(1)
        logarithms = logarithms - 0.5 * np.sum(whitened**2, axis=2)
        logarithms -= logarithms.max(axis=1, keepdims=True)
        shares = np.exp(logarithms)
        return shares / shares.sum(axis=1, keepdims=True)

    def samples(self, component: int, count: int, random: np.random.Generator) -> np.ndarray:
        normal = random.standard_normal((count, self.means.shape[1]))
        return self.means[component] + np.linalg.solve(self.factors[component], normal.T).T


def pack(weights: np.ndarray, means: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """A starting point: components with axis-parallel widths (K, d)."""
    K, d = means.shape
    icf = np.concatenate([-np.log(widths), np.zeros((K, d * (d - 1) // 2))], axis=1)
    return np.concatenate([np.log(weights), means.ravel(), icf.ravel()])


def unpack(theta: np.ndarray, K: int, d: int) -> Mixture:
    alphas, means = theta[:K], theta[K : K + K * d].reshape(K, d)
    icf = theta[K + K * d :].reshape(K, d * (d + 1) // 2)
    factors = np.zeros((K, d, d))
    factors[:, np.arange(d), np.arange(d)] = np.exp(icf[:, :d])
    rows, columns = lower_indices(d)
    factors[:, rows, columns] = icf[:, d:]
    weights = np.exp(alphas - alphas.max())
    return Mixture(weights / weights.sum(), means, factors)
