"""Bundle adjustment of ADBench: the sparse Jacobian of the reprojection errors, two rows per observation.

There is no single gradient here. The natural program is a compiled loop over observations that asks for the
derivative of one residual, twice: once for each of its components.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from numzyme import Active, Const, Duplicated, Reverse, autodiff

from ..workload import Arguments, Gradients, Peer, Workload


def inputs(p: int = 5000, n: int = 49, m: int = 1000) -> Arguments:
    """p observations of m points by n cameras."""
    random = np.random.default_rng(0)
    rotation = 0.3 * random.standard_normal((n, 3))
    centre = random.standard_normal((n, 3)) * 0.5 - np.array([0, 0, 6.0])
    focal = np.full((n, 1), 500.0)
    principal = 0.1 * random.standard_normal((n, 2))
    distortion = 0.01 * random.standard_normal((n, 2))
    cameras = np.concatenate([rotation, centre, focal, principal, distortion], 1)
    points = random.standard_normal((m, 3))
    weights = random.uniform(0.5, 1.5, p)
    observations = np.stack([random.integers(0, n, p), random.integers(0, m, p)], 1).astype(np.int64)
    features = random.standard_normal((p, 2)) * 50
    return cameras, points, weights, observations, features, p


@njit
def project(r0, r1, r2, c0, c1, c2, focal, p0, p1, k1, k2, point0, point1, point2):
    """Where a camera sees a point: Rodrigues rotation, projection, radial distortion."""
    x0, x1, x2 = point0 - c0, point1 - c1, point2 - c2
    t2 = r0 * r0 + r1 * r1 + r2 * r2
    if t2 != 0.0:
        t = math.sqrt(t2)
        ct = math.cos(t)
        st = math.sin(t)
        it = 1.0 / t
        w0, w1, w2 = r0 * it, r1 * it, r2 * it
        cross0 = w1 * x2 - w2 * x1
        cross1 = w2 * x0 - w0 * x2
        cross2 = w0 * x1 - w1 * x0
        tmp = (w0 * x0 + w1 * x1 + w2 * x2) * (1.0 - ct)
        y0 = x0 * ct + cross0 * st + w0 * tmp
        y1 = x1 * ct + cross1 * st + w1 * tmp
        y2 = x2 * ct + cross2 * st + w2 * tmp
    else:
        y0 = x0 + r1 * x2 - r2 * x1
        y1 = x1 + r2 * x0 - r0 * x2
        y2 = x2 + r0 * x1 - r1 * x0
    u = y0 / y2
    v = y1 / y2
    rsq = u * u + v * v
    L = 1.0 + k1 * rsq + k2 * rsq * rsq
    return u * L * focal + p0, v * L * focal + p1


@njit
def residual(camera, point, weight, feature, error):
    u, v = project(
        *(camera[0], camera[1], camera[2], camera[3], camera[4], camera[5], camera[6]),
        *(camera[7], camera[8], camera[9], camera[10], point[0], point[1], point[2]),
    )
    error[0] = weight[0] * (u - feature[0])
    error[1] = weight[0] * (v - feature[1])


@njit
def weight_error(w):
    return 1.0 - w * w


@njit
def objective(cameras, points, weights, observations, features, p):
    """All residuals; returns their sum so that the work cannot be removed."""
    s = 0.0
    for o in range(p):
        c = observations[o, 0]
        q = observations[o, 1]
        u, v = project(
            *(cameras[c, 0], cameras[c, 1], cameras[c, 2], cameras[c, 3], cameras[c, 4], cameras[c, 5]),
            *(cameras[c, 6], cameras[c, 7], cameras[c, 8], cameras[c, 9], cameras[c, 10]),
            *(points[q, 0], points[q, 1], points[q, 2]),
        )
        s += weights[o] * (u - features[o, 0]) + weights[o] * (v - features[o, 1]) + weight_error(weights[o])
    return s


def by_numzyme(cameras, points, weights, observations, features, p, J, Jw):
    J[:] = 0.0
    error = np.zeros(2)
    seed = np.zeros(2)
    for o in range(p):
        camera = cameras[observations[o, 0]]
        point = points[observations[o, 1]]
        weight = weights[o : o + 1]
        for e in range(2):
            row = J[o, e]
            seed[e] = 1.0  # the call consumes the seed: `error` is overwritten, so its shadow returns as zero
            autodiff(
                Reverse,
                residual,
                Duplicated(camera, row[0:11]),
                Duplicated(point, row[11:14]),
                Duplicated(weight, row[14:15]),
                Const(features[o]),
                Duplicated(error, seed),
            )
        Jw[o] = autodiff(Reverse, weight_error, Active(weights[o]))[0]


def hand(cams, X, w, obs, feats, p, J, Jw):
    """Two reverse sweeps per observation sharing one forward sweep."""
    for o in range(p):
        c = obs[o, 0]
        q = obs[o, 1]
        r0, r1, r2 = cams[c, 0], cams[c, 1], cams[c, 2]
        x0, x1, x2 = X[q, 0] - cams[c, 3], X[q, 1] - cams[c, 4], X[q, 2] - cams[c, 5]
        t2 = r0 * r0 + r1 * r1 + r2 * r2
        t = math.sqrt(t2)
        ct = math.cos(t)
        st = math.sin(t)
        it = 1.0 / t if t2 != 0.0 else 0.0
        w0, w1, w2 = r0 * it, r1 * it, r2 * it
        c0 = w1 * x2 - w2 * x1
        c1 = w2 * x0 - w0 * x2
        c2 = w0 * x1 - w1 * x0
        dt = w0 * x0 + w1 * x1 + w2 * x2
        omc = 1.0 - ct
        tmp = dt * omc
        if t2 != 0.0:
            y0 = x0 * ct + c0 * st + w0 * tmp
            y1 = x1 * ct + c1 * st + w1 * tmp
            y2 = x2 * ct + c2 * st + w2 * tmp
        else:
            y0 = x0 + r1 * x2 - r2 * x1
            y1 = x1 + r2 * x0 - r0 * x2
            y2 = x2 + r0 * x1 - r1 * x0
        iy = 1.0 / y2
        u = y0 * iy
        v = y1 * iy
        rsq = u * u + v * v
        k1, k2, f = cams[c, 9], cams[c, 10], cams[c, 6]
        L = 1.0 + k1 * rsq + k2 * rsq * rsq
        wo = w[o]
        for e in range(2):
            pe = u if e == 0 else v
            b = wo * f
            bL = b * pe
            brs = bL * (k1 + 2.0 * k2 * rsq)
            bu = 2.0 * u * brs
            bv = 2.0 * v * brs
            if e == 0:
                bu += b * L
            else:
                bv += b * L
            g0 = bu * iy
            g1 = bv * iy
            g2 = -(bu * u + bv * v) * iy
            if t2 != 0.0:
                btmp = g0 * w0 + g1 * w1 + g2 * w2
                bdt = btmp * omc
                bct = g0 * x0 + g1 * x1 + g2 * x2 - btmp * dt
                bst = g0 * c0 + g1 * c1 + g2 * c2
                h0, h1, h2 = g0 * st, g1 * st, g2 * st
                bx0 = g0 * ct + bdt * w0 + h1 * w2 - h2 * w1
                bx1 = g1 * ct + bdt * w1 + h2 * w0 - h0 * w2
                bx2 = g2 * ct + bdt * w2 + h0 * w1 - h1 * w0
                bw0 = g0 * tmp + bdt * x0 - h1 * x2 + h2 * x1
                bw1 = g1 * tmp + bdt * x1 + h0 * x2 - h2 * x0
                bw2 = g2 * tmp + bdt * x2 - h0 * x1 + h1 * x0
                bt = -bct * st + bst * ct - (bw0 * w0 + bw1 * w1 + bw2 * w2) * it
                J[o, e, 0] = bw0 * it + bt * w0
                J[o, e, 1] = bw1 * it + bt * w1
                J[o, e, 2] = bw2 * it + bt * w2
            else:
                bx0 = g0 + g1 * r2 - g2 * r1
                bx1 = g1 - g0 * r2 + g2 * r0
                bx2 = g2 + g0 * r1 - g1 * r0
                J[o, e, 0] = g2 * x1 - g1 * x2
                J[o, e, 1] = g0 * x2 - g2 * x0
                J[o, e, 2] = g1 * x0 - g0 * x1
            J[o, e, 3] = -bx0
            J[o, e, 4] = -bx1
            J[o, e, 5] = -bx2
            J[o, e, 6] = wo * pe * L
            J[o, e, 7] = wo if e == 0 else 0.0
            J[o, e, 8] = 0.0 if e == 0 else wo
            J[o, e, 9] = bL * rsq
            J[o, e, 10] = bL * rsq * rsq
            J[o, e, 11] = bx0
            J[o, e, 12] = bx1
            J[o, e, 13] = bx2
            J[o, e, 14] = pe * L * f + cams[c, 7 + e] - feats[o, e]
        Jw[o] = -2.0 * wo


def batched(library, cross, camera, point, weight, feature):
    """Residuals of all observations at once, from gathered cameras (p, 11), points (p, 3) and weights (p)."""
    r, x = camera[:, 0:3], point - camera[:, 3:6]
    t = library.sqrt(library.sum(r * r, 1))[:, None]
    a = r / t
    ct, st = library.cos(t), library.sin(t)
    y = x * ct + cross(a, x) * st + a * (library.sum(a * x, 1)[:, None] * (1.0 - ct))
    uv = y[:, 0:2] / y[:, 2:3]
    rsq = library.sum(uv * uv, 1)[:, None]
    L = 1.0 + camera[:, 9:10] * rsq + camera[:, 10:11] * rsq * rsq
    return weight[:, None] * (uv * L * camera[:, 6:7] + camera[:, 7:9] - feature)


def jax_peer(workload: Workload, arguments: Arguments) -> Peer:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def one(z, feature):
        """`batched` on one observation: vmap adds the axis, and the compiler sees through both."""
        return batched(jnp, jnp.cross, z[None, 0:11], z[None, 11:14], z[None, 14], feature[None])[0]

    @jax.jit
    def jacobian(cameras, points, weights, observations, features, p):
        z = jnp.concatenate([cameras[observations[:, 0]], points[observations[:, 1]], weights[:, None]], 1)
        return jax.vmap(jax.jacrev(one))(z, features), -2.0 * weights

    on_device = [jnp.asarray(argument) for argument in arguments]
    return Peer(lambda: jax.block_until_ready(jacobian(*on_device)))


def torch_peer(workload: Workload, arguments: Arguments) -> Peer:
    import torch

    torch.set_num_threads(1)
    cameras, points, weights, observations, features = (torch.from_numpy(a) for a in arguments[:5])

    def call():
        gathered = (cameras[observations[:, 0]], points[observations[:, 1]], weights.clone())
        z = [part.requires_grad_() for part in gathered]
        errors = batched(torch, torch.linalg.cross, *z, features)
        rows = []
        for e in range(2):
            seed = torch.zeros_like(errors)
            seed[:, e] = 1.0
            gc, gp, gw = torch.autograd.grad(errors, z, seed, retain_graph=e == 0)
            rows.append(torch.cat([gc, gp, gw[:, None]], 1))
        return torch.stack(rows, 1), -2.0 * weights

    return Peer(call)


def autograd_peer(workload: Workload, arguments: Arguments) -> Peer:
    import autograd
    import autograd.numpy as anp

    cameras, points, weights, observations, features = arguments[:5]

    def cross(a, b):
        return anp.stack(
            [
                a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
                a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
                a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
            ],
            1,
        )

    def call():
        z = (cameras[observations[:, 0]], points[observations[:, 1]], weights)
        pullback, errors = autograd.make_vjp(lambda z: batched(anp, cross, *z, features))(z)
        rows = []
        for e in range(2):
            seed = np.zeros_like(errors)
            seed[:, e] = 1.0
            gc, gp, gw = pullback(seed)
            rows.append(np.concatenate([gc, gp, gw[:, None]], 1))
        return np.stack(rows, 1), -2.0 * weights

    return Peer(call)


def slope(arguments: Arguments, gradients: Gradients, direction: Arguments) -> float:
    """Change of the sum of all residuals along a direction of cameras, points and weights."""
    observations = arguments[3]
    J, Jw = gradients
    cameras, points, weights = direction
    z = np.concatenate([cameras[observations[:, 0]], points[observations[:, 1]], weights[:, None]], 1)
    return float(np.sum(np.einsum("oej,oj->oe", J, z)) + np.sum(Jw * weights))


WORKLOADS = (
    Workload(
        name="bundle_adjustment",
        title="BA Jacobian, 5000 observations",
        inputs=inputs,
        small_inputs=lambda: inputs(10, 3, 5),
        primal=objective,
        hand=hand,
        numzyme=by_numzyme,
        active=(0, 1, 2),
        enzyme={"enzyme": "bundle_adjustment.cpp"},
        peers={"jax": jax_peer, "torch": torch_peer, "autograd": autograd_peer},
        outputs=lambda arguments: (np.empty((arguments[5], 2, 15)), np.empty(arguments[5])),
        directional=slope,
    ),
)
