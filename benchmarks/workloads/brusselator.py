"""A two-dimensional Brusselator by explicit Runge-Kutta steps, buffers reused in place."""

from __future__ import annotations

import numpy as np
from numba import njit

from numzyme import Const, Duplicated, Reverse, autodiff

from ..workload import Arguments, Workload


def inputs(n: int = 32, steps: int = 200) -> Arguments:
    field = np.random.default_rng(0).uniform(0.5, 1.5, (2, n, n)) * np.array([1.0, 3.0])[:, None, None]
    return field, 3.4, 1.0, 1.0, 0.01, n, steps


@njit
def rhs_of_fields(u, v, du, dv, n, A, B, alpha):
    for i in range(n):
        im = i - 1 if i > 0 else n - 1
        ip = i + 1 if i < n - 1 else 0
        for j in range(n):
            jm = j - 1 if j > 0 else n - 1
            jp = j + 1 if j < n - 1 else 0
            uuv = u[i, j] * u[i, j] * v[i, j]
            du[i, j] = (
                B + uuv - (A + 1.0) * u[i, j] + alpha * (u[im, j] + u[ip, j] + u[i, jm] + u[i, jp] - 4.0 * u[i, j])
            )
            dv[i, j] = A * u[i, j] - uuv + alpha * (v[im, j] + v[ip, j] + v[i, jm] + v[i, jp] - 4.0 * v[i, j])


@njit
def rhs(s, k, n, A, B, alpha):
    rhs_of_fields(s[0], s[1], k[0], k[1], n, A, B, alpha)


@njit
def objective(s0, A, B, alpha, dt, n, steps):
    s = s0.copy()
    k1 = np.empty((2, n, n))
    k2 = np.empty((2, n, n))
    k3 = np.empty((2, n, n))
    k4 = np.empty((2, n, n))
    tmp = np.empty((2, n, n))
    for _ in range(steps):
        rhs(s, k1, n, A, B, alpha)
        for c in range(2):
            for i in range(n):
                for j in range(n):
                    tmp[c, i, j] = s[c, i, j] + 0.5 * dt * k1[c, i, j]
        rhs(tmp, k2, n, A, B, alpha)
        for c in range(2):
            for i in range(n):
                for j in range(n):
                    tmp[c, i, j] = s[c, i, j] + 0.5 * dt * k2[c, i, j]
        rhs(tmp, k3, n, A, B, alpha)
        for c in range(2):
            for i in range(n):
                for j in range(n):
                    tmp[c, i, j] = s[c, i, j] + dt * k3[c, i, j]
        rhs(tmp, k4, n, A, B, alpha)
        for c in range(2):
            for i in range(n):
                for j in range(n):
                    s[c, i, j] += dt / 6.0 * (k1[c, i, j] + 2.0 * k2[c, i, j] + 2.0 * k3[c, i, j] + k4[c, i, j])
    loss = 0.0
    for c in range(2):
        for i in range(n):
            for j in range(n):
                loss += s[c, i, j] * s[c, i, j]
    return loss


@njit
def rhs_adjoint(u, v, bk, bu, bv, n, A, alpha):
    """bu, bv = (d rhs / d(u, v))' bk, gathered: the stencil is symmetric."""
    p = bk[0]
    q = bk[1]
    for i in range(n):
        im = i - 1 if i > 0 else n - 1
        ip = i + 1 if i < n - 1 else 0
        for j in range(n):
            jm = j - 1 if j > 0 else n - 1
            jp = j + 1 if j < n - 1 else 0
            d = p[i, j] - q[i, j]
            uu = u[i, j]
            bu[i, j] = (
                2.0 * uu * v[i, j] * d
                - (A + 1.0) * p[i, j]
                + A * q[i, j]
                + alpha * (p[im, j] + p[ip, j] + p[i, jm] + p[i, jp] - 4.0 * p[i, j])
            )
            bv[i, j] = uu * uu * d + alpha * (q[im, j] + q[ip, j] + q[i, jm] + q[i, jp] - 4.0 * q[i, j])


def hand(s0, A, B, alpha, dt, n, steps, g):
    """Stores the four stage inputs of every step; everything else is recomputed or linear."""
    N = 2 * n * n
    stages = np.empty((steps, 4, 2, n, n))
    k = np.empty((2, n, n))
    accumulated = np.empty((2, n, n))
    s = s0.copy()
    sf, kf, af = s.ravel(), k.ravel(), accumulated.ravel()
    for step in range(steps):
        for q in range(4):
            x = stages[step, q]
            xf = x.ravel()
            if q == 0:
                for i in range(N):
                    xf[i] = sf[i]
            else:
                h = dt if q == 3 else 0.5 * dt
                for i in range(N):
                    xf[i] = sf[i] + h * kf[i]
            rhs(x, k, n, A, B, alpha)
            if q == 0:
                for i in range(N):
                    af[i] = kf[i]
            elif q < 3:
                for i in range(N):
                    af[i] += 2.0 * kf[i]
            else:
                for i in range(N):
                    sf[i] += dt / 6.0 * (af[i] + kf[i])
    b = g.ravel()
    bk = np.empty((2, n, n))
    bx = np.empty((2, n, n))
    bkf, bxf = bk.ravel(), bx.ravel()
    for i in range(N):
        b[i] = 2.0 * sf[i]
    bs = np.empty(N)
    for step in range(steps - 1, -1, -1):
        for i in range(N):
            bs[i] = b[i]
            bkf[i] = dt / 6.0 * bs[i]
        for q in range(3, -1, -1):
            rhs_adjoint(stages[step, q, 0], stages[step, q, 1], bk, bx[0], bx[1], n, A, alpha)
            if q == 0:
                for i in range(N):
                    b[i] += bxf[i]
            else:
                h = dt if q == 3 else 0.5 * dt
                weight = dt / 3.0 if q > 1 else dt / 6.0
                for i in range(N):
                    b[i] += bxf[i]
                    bkf[i] = weight * bs[i] + h * bxf[i]


def by_numzyme(s0, A, B, alpha, dt, n, steps, gs0):
    gs0[:] = 0.0
    autodiff(
        Reverse,
        objective,
        Duplicated(s0, gs0),
        Const(A),
        Const(B),
        Const(alpha),
        Const(dt),
        Const(n),
        Const(steps),
    )


def array_step(library, s, A, B, alpha, dt):
    """One Runge-Kutta step on whole arrays, for the peers that have no loops over elements."""
    roll = library.roll

    def slope(s):
        u, v = s[0], s[1]
        laplacian = roll(s, 1, 1) + roll(s, -1, 1) + roll(s, 1, 2) + roll(s, -1, 2) - 4.0 * s
        uuv = u * u * v
        return library.stack([B + uuv - (A + 1.0) * u + alpha * laplacian[0], A * u - uuv + alpha * laplacian[1]])

    k1 = slope(s)
    k2 = slope(s + 0.5 * dt * k1)
    k3 = slope(s + 0.5 * dt * k2)
    k4 = slope(s + dt * k3)
    return s + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def by_jax(s0, A, B, alpha, dt, n, steps):
    import jax
    import jax.numpy as jnp

    s, _ = jax.lax.scan(lambda s, _: (array_step(jnp, s, A, B, alpha, dt), None), s0, None, length=steps)
    return jnp.sum(s * s)


def by_torch(s0, A, B, alpha, dt, n, steps):
    import torch

    s = s0
    for _ in range(steps):
        s = array_step(torch, s, A, B, alpha, dt)
    return torch.sum(s * s)


def by_autograd(s0, A, B, alpha, dt, n, steps):
    import autograd.numpy as anp

    s = s0
    for _ in range(steps):
        s = array_step(anp, s, A, B, alpha, dt)
    return anp.sum(s * s)


WORKLOADS = (
    Workload(
        name="brusselator",
        title="Brusselator, 32², 200 RK4 steps",
        inputs=inputs,
        small_inputs=lambda: inputs(5, 4),
        primal=objective,
        hand=hand,
        numzyme=by_numzyme,
        active=(0,),
        enzyme={"enzyme": "brusselator.cpp"},
        jax=by_jax,
        torch=by_torch,
        autograd=by_autograd,
    ),
)
