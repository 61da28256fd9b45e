"""The LSTM objective of ADBench: two layers, a sequence of 4096, state overwritten in place."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from numzyme import Const, Duplicated, Reverse, autodiff

from ..workload import Arguments, Workload


def inputs(layers: int = 2, b: int = 14, c: int = 4096, seed: int = 0) -> Arguments:
    random = np.random.default_rng(seed)
    weights = random.uniform(-1, 1, (2 * layers, 4 * b))
    extra = random.uniform(-1, 1, (3, b))
    state = random.uniform(-1, 1, (2 * layers, b))
    sequence = (random.uniform(0, 1, (c, b)) < 0.2).astype(float)
    return weights, extra, state, sequence, layers, b, c


@njit
def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


@njit
def objective(weights, extra, state, sequence, layers, b, c):
    st = state.copy()
    x = np.empty(b)
    total = 0.0
    for t in range(c - 1):
        for i in range(b):
            x[i] = sequence[t, i] * extra[0, i]
        for k in range(layers):
            w = weights[2 * k]
            o = weights[2 * k + 1]
            h = st[2 * k]
            cell = st[2 * k + 1]
            for i in range(b):
                forget = sigmoid(x[i] * w[i] + o[i])
                ingate = sigmoid(h[i] * w[b + i] + o[b + i])
                outgate = sigmoid(x[i] * w[2 * b + i] + o[2 * b + i])
                change = math.tanh(h[i] * w[3 * b + i] + o[3 * b + i])
                cell[i] = cell[i] * forget + ingate * change
                h[i] = outgate * math.tanh(cell[i])
            for i in range(b):
                x[i] = h[i]
        s = 2.0
        for i in range(b):
            x[i] = x[i] * extra[1, i] + extra[2, i]
            s += math.exp(x[i])
        lse = math.log(s)
        for i in range(b):
            total += sequence[t + 1, i] * (x[i] - lse)
    return -total / ((c - 1) * b)


def hand(weights, extra, state, sequence, layers, b, c, gw_all, ge):
    T = c - 1
    X = np.empty((T, layers, b))  # input of each layer
    H = np.empty((T + 1, layers, b))  # hidden state before step t
    C = np.empty((T + 1, layers, b))
    FG = np.empty((T, layers, b))
    IG = np.empty((T, layers, b))
    OG = np.empty((T, layers, b))
    CH = np.empty((T, layers, b))
    TC = np.empty((T, layers, b))
    E = np.empty((T, b))
    S = np.empty(T)
    for k in range(layers):
        for i in range(b):
            H[0, k, i] = state[2 * k, i]
            C[0, k, i] = state[2 * k + 1, i]
    for t in range(T):
        for i in range(b):
            X[t, 0, i] = sequence[t, i] * extra[0, i]
        for k in range(layers):
            w = weights[2 * k]
            o = weights[2 * k + 1]
            for i in range(b):
                x = X[t, k, i]
                h = H[t, k, i]
                fg = sigmoid(x * w[i] + o[i])
                ig = sigmoid(h * w[b + i] + o[b + i])
                og = sigmoid(x * w[2 * b + i] + o[2 * b + i])
                ch = math.tanh(h * w[3 * b + i] + o[3 * b + i])
                cc = C[t, k, i] * fg + ig * ch
                tc = math.tanh(cc)
                C[t + 1, k, i] = cc
                H[t + 1, k, i] = og * tc
                FG[t, k, i] = fg
                IG[t, k, i] = ig
                OG[t, k, i] = og
                CH[t, k, i] = ch
                TC[t, k, i] = tc
                if k + 1 < layers:
                    X[t, k + 1, i] = og * tc
        s = 2.0
        for i in range(b):
            e = math.exp(H[t + 1, layers - 1, i] * extra[1, i] + extra[2, i])
            E[t, i] = e
            s += e
        S[t] = s
    for k in range(2 * layers):
        for i in range(4 * b):
            gw_all[k, i] = 0.0
    for k in range(3):
        for i in range(b):
            ge[k, i] = 0.0
    bh = np.zeros((layers, b))
    bc = np.zeros((layers, b))
    bx = np.empty(b)
    scale = -1.0 / (T * b)
    for t in range(T - 1, -1, -1):
        sg = 0.0
        for i in range(b):
            sg += sequence[t + 1, i]
        sg = sg * scale / S[t]
        for i in range(b):
            by = scale * sequence[t + 1, i] - sg * E[t, i]
            ge[2, i] += by
            ge[1, i] += by * H[t + 1, layers - 1, i]
            bx[i] = by * extra[1, i]
        for k in range(layers - 1, -1, -1):
            w = weights[2 * k]
            gw = gw_all[2 * k]
            gb = gw_all[2 * k + 1]
            for i in range(b):
                fg, ig, og, ch, tc = FG[t, k, i], IG[t, k, i], OG[t, k, i], CH[t, k, i], TC[t, k, i]
                x = X[t, k, i]
                h = H[t, k, i]
                bhi = bh[k, i] + bx[i]
                bci = bc[k, i] + bhi * og * (1.0 - tc * tc)
                zf = bci * C[t, k, i] * fg * (1.0 - fg)
                zi = bci * ch * ig * (1.0 - ig)
                zo = bhi * tc * og * (1.0 - og)
                zc = bci * ig * (1.0 - ch * ch)
                gw[i] += zf * x
                gb[i] += zf
                gw[b + i] += zi * h
                gb[b + i] += zi
                gw[2 * b + i] += zo * x
                gb[2 * b + i] += zo
                gw[3 * b + i] += zc * h
                gb[3 * b + i] += zc
                bc[k, i] = bci * fg
                bh[k, i] = zi * w[b + i] + zc * w[3 * b + i]
                bx[i] = zf * w[i] + zo * w[2 * b + i]
        for i in range(b):
            ge[0, i] += bx[i] * sequence[t, i]


def by_numzyme(weights, extra, state, sequence, layers, b, c, gweights, gextra):
    gweights[:] = 0.0
    gextra[:] = 0.0
    autodiff(
        Reverse,
        objective,
        Duplicated(weights, gweights),
        Duplicated(extra, gextra),
        Const(state),
        Const(sequence),
        Const(layers),
        Const(b),
        Const(c),
    )


def cell_step(library, logistic, w, o, x, h, cell, b):
    forget = logistic(x * w[0:b] + o[0:b])
    ingate = logistic(h * w[b : 2 * b] + o[b : 2 * b])
    outgate = logistic(x * w[2 * b : 3 * b] + o[2 * b : 3 * b])
    change = library.tanh(h * w[3 * b :] + o[3 * b :])
    cell = cell * forget + ingate * change
    return outgate * library.tanh(cell), cell


def by_jax(weights, extra, state, sequence, layers, b, c):
    import jax
    import jax.numpy as jnp

    def step(state, pair):
        character, following = pair
        x = character * extra[0]
        new = []
        for k in range(layers):
            w, o = weights[2 * k], weights[2 * k + 1]
            x, cell = cell_step(jnp, jax.nn.sigmoid, w, o, x, state[2 * k], state[2 * k + 1], b)
            new += [x, cell]
        y = x * extra[1] + extra[2]
        return tuple(new), jnp.sum(following * (y - jnp.log(2.0 + jnp.sum(jnp.exp(y)))))

    first = tuple(state[i] for i in range(2 * layers))
    _, totals = jax.lax.scan(step, first, (sequence[:-1], sequence[1:]))
    return -jnp.sum(totals) / ((c - 1) * b)


def eager(library, logistic, weights, extra, state, sequence, layers, b, c):
    states = [state[i] for i in range(2 * layers)]
    rows = [weights[i] for i in range(2 * layers)]
    total = 0.0
    for t in range(c - 1):
        x = sequence[t] * extra[0]
        for k in range(layers):
            w, o = rows[2 * k], rows[2 * k + 1]
            x, states[2 * k + 1] = cell_step(library, logistic, w, o, x, states[2 * k], states[2 * k + 1], b)
            states[2 * k] = x
        y = x * extra[1] + extra[2]
        total = total + library.sum(sequence[t + 1] * (y - library.log(2.0 + library.sum(library.exp(y)))))
    return -total / ((c - 1) * b)


def by_torch(*arguments):
    import torch

    return eager(torch, torch.sigmoid, *arguments)


def by_autograd(*arguments):
    import autograd.numpy as anp

    return eager(anp, lambda v: 1.0 / (1.0 + anp.exp(-v)), *arguments)


WORKLOADS = (
    Workload(
        name="lstm",
        title="LSTM, 2 layers, 14 characters, length 4096",
        inputs=inputs,
        small_inputs=lambda: inputs(2, 3, 6, seed=1),
        primal=objective,
        hand=hand,
        numzyme=by_numzyme,
        active=(0, 1),
        enzyme={"enzyme": "lstm.cpp"},
        jax=by_jax,
        torch=by_torch,
        autograd=by_autograd,
    ),
)
