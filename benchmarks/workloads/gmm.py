"""The Gaussian mixture objective of ADBench: log likelihood plus a Wishart prior on the precisions.

Each precision is L'L of a lower triangular L, packed in `icf`: d logarithms of the diagonal, then the columns
below it.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import njit

from numzyme import Const, Duplicated, Reverse, autodiff

from ..workload import Arguments, Workload


def wishart_constant(K: int, d: int, gamma: float, m: int) -> float:
    """The part of the prior that depends on no parameter."""
    freedom = d + m + 1
    log_gamma = 0.25 * d * (d - 1) * math.log(math.pi)
    log_gamma += sum(math.lgamma(0.5 * freedom + 0.5 * (1 - j)) for j in range(1, d + 1))
    return K * (freedom * d * (math.log(gamma) - 0.5 * math.log(2)) - log_gamma)


def inputs(K: int = 25, n: int = 1000, d: int = 10) -> Arguments:
    random = np.random.default_rng(0)
    icf = 0.3 * random.standard_normal((K, d * (d + 1) // 2))
    gamma, m = 1.0, 0
    alphas = random.standard_normal(K)
    means = random.uniform(0, 1, (K, d))
    x = random.standard_normal((n, d))
    return alphas, means, icf, x, gamma, m, wishart_constant(K, d, gamma, m), K, d, n


@njit
def objective(alphas, means, icf, x, gamma, m, wconst, K, d, n):
    qd = np.empty((K, d))
    sum_qs = np.empty(K)
    xc = np.empty(d)
    qx = np.empty(d)
    main_term = np.empty(K)
    for k in range(K):
        s = 0.0
        for i in range(d):
            s += icf[k, i]
            qd[k, i] = math.exp(icf[k, i])
        sum_qs[k] = s
    slse = 0.0
    for ix in range(n):
        for k in range(K):
            for i in range(d):
                xc[i] = x[ix, i] - means[k, i]
                qx[i] = qd[k, i] * xc[i]
            li = d
            for i in range(d):
                for j in range(i + 1, d):
                    qx[j] += icf[k, li] * xc[i]
                    li += 1
            s = 0.0
            for i in range(d):
                s += qx[i] * qx[i]
            main_term[k] = alphas[k] + sum_qs[k] - 0.5 * s
        mx = main_term[0]
        for k in range(1, K):
            if main_term[k] > mx:
                mx = main_term[k]
        s = 0.0
        for k in range(K):
            s += math.exp(main_term[k] - mx)
        slse += math.log(s) + mx
    mx = alphas[0]
    for k in range(1, K):
        if alphas[k] > mx:
            mx = alphas[k]
    s = 0.0
    for k in range(K):
        s += math.exp(alphas[k] - mx)
    lse_alphas = math.log(s) + mx
    prior = 0.0
    for k in range(K):
        frobenius = 0.0
        for i in range(d):
            frobenius += qd[k, i] * qd[k, i]
        for i in range(d, d * (d + 1) // 2):
            frobenius += icf[k, i] * icf[k, i]
        prior += 0.5 * gamma * gamma * frobenius - m * sum_qs[k]
    return -n * d * 0.5 * math.log(2 * math.pi) + slse - n * lse_alphas + prior - wconst


def hand(alphas, means, icf, x, gamma, m, wconst, K, d, n, ga, gm, gi):
    """Forward and reverse of one sample at a time; nothing outlives the sample."""
    isz = d * (d + 1) // 2
    qd = np.empty((K, d))
    sum_qs = np.empty(K)
    XC = np.empty((K, d))
    QX = np.empty((K, d))
    term = np.empty(K)
    bqd = np.zeros((K, d))
    bsum_qs = np.zeros(K)
    mx = alphas[0]
    for k in range(1, K):
        if alphas[k] > mx:
            mx = alphas[k]
    s = 0.0
    for k in range(K):
        s += math.exp(alphas[k] - mx)
    for k in range(K):
        ga[k] = -n * math.exp(alphas[k] - mx) / s
    for k in range(K):
        s = 0.0
        for i in range(d):
            s += icf[k, i]
            qd[k, i] = math.exp(icf[k, i])
            gm[k, i] = 0.0
            gi[k, i] = 0.0
        for i in range(d, isz):
            gi[k, i] = gamma * gamma * icf[k, i]
        sum_qs[k] = s
    for ix in range(n):
        for k in range(K):
            xc = XC[k]
            qx = QX[k]
            for i in range(d):
                xc[i] = x[ix, i] - means[k, i]
                qx[i] = qd[k, i] * xc[i]
            li = d
            for i in range(d):
                xi = xc[i]
                column = icf[k, li : li + d - i - 1]
                below = qx[i + 1 :]
                for j in range(d - i - 1):
                    below[j] += column[j] * xi
                li += d - i - 1
            s = 0.0
            for i in range(d):
                s += qx[i] * qx[i]
            term[k] = alphas[k] + sum_qs[k] - 0.5 * s
        mx = term[0]
        for k in range(1, K):
            if term[k] > mx:
                mx = term[k]
        s = 0.0
        for k in range(K):
            term[k] = math.exp(term[k] - mx)
            s += term[k]
        inverse = 1.0 / s
        for k in range(K):
            b = term[k] * inverse
            ga[k] += b
            bsum_qs[k] += b
            xc = XC[k]
            qx = QX[k]
            for i in range(d):
                qx[i] = -b * qx[i]
            li = isz
            for i in range(d - 1, -1, -1):
                li -= d - i - 1
                xi = xc[i]
                s = 0.0
                column = icf[k, li : li + d - i - 1]
                gcolumn = gi[k, li : li + d - i - 1]
                below = qx[i + 1 :]
                for j in range(d - i - 1):
                    gcolumn[j] += below[j] * xi
                for j in range(d - i - 1):
                    s += below[j] * column[j]
                bqd[k, i] += qx[i] * xi
                gm[k, i] -= s + qx[i] * qd[k, i]
    for k in range(K):
        for i in range(d):
            gi[k, i] += (bqd[k, i] + gamma * gamma * qd[k, i]) * qd[k, i] + bsum_qs[k] - m


def by_numzyme(alphas, means, icf, x, gamma, m, wconst, K, d, n, ga, gm, gi):
    ga[:] = 0.0
    gm[:] = 0.0
    gi[:] = 0.0
    autodiff(
        Reverse,
        objective,
        Duplicated(alphas, ga),
        Duplicated(means, gm),
        Duplicated(icf, gi),
        Const(x),
        Const(gamma),
        Const(m),
        Const(wconst),
        Const(K),
        Const(d),
        Const(n),
    )


def lower_indices(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the packed entries below the diagonal."""
    columns = np.concatenate([np.full(d - c - 1, c) for c in range(d)]).astype(int)
    rows = np.concatenate([np.arange(c + 1, d) for c in range(d)]).astype(int)
    return rows, columns


def by_jax(alphas, means, icf, x, gamma, m, wconst, K, d, n):
    import jax
    import jax.numpy as jnp

    rows, columns = lower_indices(d)
    qd = jnp.exp(icf[:, :d])
    sum_qs = jnp.sum(icf[:, :d], 1)
    L = jnp.zeros((K, d, d)).at[:, rows, columns].set(icf[:, d:]) + jax.vmap(jnp.diag)(qd)
    qx = jnp.einsum("kij,nkj->nki", L, x[:, None, :] - means[None])
    logsumexp = jax.scipy.special.logsumexp
    slse = jnp.sum(logsumexp(alphas + sum_qs - 0.5 * jnp.sum(qx * qx, -1), axis=1))
    prior = 0.5 * gamma * gamma * (jnp.sum(qd**2) + jnp.sum(icf[:, d:] ** 2)) - m * jnp.sum(sum_qs)
    return -n * d * 0.5 * math.log(2 * math.pi) + slse - n * logsumexp(alphas) + prior - wconst


def by_torch(alphas, means, icf, x, gamma, m, wconst, K, d, n):
    import torch

    rows, columns = (torch.as_tensor(index)[None] for index in lower_indices(d))
    qd = torch.exp(icf[:, :d])
    sum_qs = torch.sum(icf[:, :d], 1)
    L = torch.diag_embed(qd).index_put((torch.arange(K)[:, None], rows, columns), icf[:, d:])
    qx = torch.einsum("kij,nkj->nki", L, x[:, None, :] - means[None])
    slse = torch.sum(torch.logsumexp(alphas + sum_qs - 0.5 * torch.sum(qx * qx, -1), 1))
    prior = 0.5 * gamma * gamma * (torch.sum(qd**2) + torch.sum(icf[:, d:] ** 2)) - m * torch.sum(sum_qs)
    return -n * d * 0.5 * math.log(2 * math.pi) + slse - n * torch.logsumexp(alphas, 0) + prior - wconst


def by_autograd(alphas, means, icf, x, gamma, m, wconst, K, d, n):
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    rows, columns = lower_indices(d)
    place = np.zeros((icf.shape[1] - d, d, d))
    place[np.arange(len(rows)), rows, columns] = 1.0
    qd = anp.exp(icf[:, :d])
    sum_qs = anp.sum(icf[:, :d], 1)
    L = qd[:, :, None] * np.eye(d) + anp.tensordot(icf[:, d:], place, 1)
    qx = anp.einsum("kij,nkj->nki", L, x[:, None, :] - means[None])
    slse = anp.sum(logsumexp(alphas + sum_qs - 0.5 * anp.sum(qx * qx, -1), axis=1))
    prior = 0.5 * gamma * gamma * (anp.sum(qd**2) + anp.sum(icf[:, d:] ** 2)) - m * anp.sum(sum_qs)
    return -n * d * 0.5 * math.log(2 * math.pi) + slse - n * logsumexp(alphas) + prior - wconst


def workload(d: int) -> Workload:
    return Workload(
        name=f"gmm_{d}",
        title=f"GMM, d = {d}, K = 25, n = 1000",
        inputs=functools.partial(inputs, d=d),
        small_inputs=functools.partial(inputs, K=4, n=20, d=3),
        primal=objective,
        hand=hand,
        numzyme=by_numzyme,
        active=(0, 1, 2),
        enzyme={"enzyme": "gmm.cpp"},
        jax=by_jax,
        torch=by_torch,
        autograd=by_autograd,
    )


WORKLOADS = (workload(10), workload(32))
