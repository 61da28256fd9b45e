"""out[i] = x[i] / mag(x): O(n²) as written, O(n) once the call is hoisted: needs a proof that `mag` is pure.

Enzyme's headline example. Numba's own primal does not hoist the call and stays O(n²).
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import njit

from numzyme import Const, Duplicated, Reverse, autodiff

from ..workload import Arguments, Workload


def inputs(n: int = 4096) -> Arguments:
    random = np.random.default_rng(0)
    return random.uniform(0.5, 1.5, n), random.standard_normal(n), n


@njit
def mag(x, n):
    s = 0.0
    for j in range(n):
        s += x[j] * x[j]
    return math.sqrt(s)


@njit
def objective(x, w, n):
    out = np.empty(n)
    for i in range(n):
        out[i] = x[i] / mag(x, n)
    loss = 0.0
    for i in range(n):
        loss += out[i] * w[i]
    return loss


def hand(x, w, n, gx):
    """The adjoint of the hoisted program, as a careful person would derive it line by line."""
    s = 0.0
    for j in range(n):
        s += x[j] * x[j]
    m = math.sqrt(s)
    dm = 0.0
    for i in range(n):
        t = w[i] / m
        gx[i] = t
        dm -= t * x[i] / m
    ds = 0.5 * dm / m
    for j in range(n):
        gx[j] += 2.0 * ds * x[j]


def by_numzyme(x, w, n, gx):
    gx[:] = 0.0
    autodiff(Reverse, objective, Duplicated(x, gx), Const(w), Const(n))


def by_jax(x, w, n):
    import jax.numpy as jnp

    return jnp.sum(x / jnp.sqrt(jnp.sum(x * x)) * w)


def by_torch(x, w, n):
    import torch

    return torch.sum(x / torch.sqrt(torch.sum(x * x)) * w)


def by_autograd(x, w, n):
    import autograd.numpy as anp

    return anp.sum(x / anp.sqrt(anp.sum(x * x)) * w)


WORKLOADS = (
    Workload(
        name="normalise",
        title="normalise, n = 4096",
        inputs=inputs,
        small_inputs=lambda: inputs(20),
        primal=objective,
        hand=hand,
        numzyme=by_numzyme,
        active=(0,),
        enzyme={"enzyme": "normalise.cpp", "enzyme, hoisted by hand": "normalise_hoisted.cpp"},
        jax=by_jax,
        torch=by_torch,
        autograd=by_autograd,
        sizes={n: functools.partial(inputs, n) for n in (1024, 2048, 4096, 8192, 16384)},
    ),
)
