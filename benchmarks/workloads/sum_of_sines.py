"""Sum of sin(x) x over a vector: one loop, one rule, nothing to store."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from numzyme import Const, Duplicated, Reverse, autodiff

from ..workload import Arguments, Workload


def inputs(n: int = 1_000_000) -> Arguments:
    return np.random.default_rng(0).uniform(-3, 3, n), n


@njit
def objective(x, n):
    s = 0.0
    for i in range(n):
        s += math.sin(x[i]) * x[i]
    return s


def hand(x, n, gx):
    for i in range(n):
        gx[i] = math.sin(x[i]) + x[i] * math.cos(x[i])


def by_numzyme(x, n, gx):
    gx[:] = 0.0
    autodiff(Reverse, objective, Duplicated(x, gx), Const(n))


def by_jax(x, n):
    import jax.numpy as jnp

    return jnp.sum(jnp.sin(x) * x)


def by_torch(x, n):
    import torch

    return torch.sum(torch.sin(x) * x)


def by_autograd(x, n):
    import autograd.numpy as anp

    return anp.sum(anp.sin(x) * x)


WORKLOADS = (
    Workload(
        name="sum_of_sines",
        title="sum of sin(x) x, n = 10⁶",
        inputs=inputs,
        small_inputs=lambda: inputs(100),
        primal=objective,
        hand=hand,
        numzyme=by_numzyme,
        active=(0,),
        enzyme={"enzyme": "sum_of_sines.cpp"},
        jax=by_jax,
        torch=by_torch,
        autograd=by_autograd,
    ),
)
