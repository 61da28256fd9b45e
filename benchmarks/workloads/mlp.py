"""A multilayer perceptron, 784-128-10, tanh, softmax cross-entropy, batch of 64; matrix products by BLAS."""

from __future__ import annotations

import ctypes
import math
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numba import njit

from numzyme import Const, Duplicated, Reverse, autodiff

from .. import enzyme
from ..workload import Arguments, Peer, Workload


def inputs(B: int = 64, I: int = 784, H: int = 128, O: int = 10) -> Arguments:  # noqa: E741 - layer sizes
    random = np.random.default_rng(0)
    Y = np.zeros((B, O))
    Y[np.arange(B), random.integers(0, O, B)] = 1.0
    W1 = random.standard_normal((I, H)) / math.sqrt(I)
    b1 = 0.1 * random.standard_normal(H)
    W2 = random.standard_normal((H, O)) / math.sqrt(H)
    b2 = 0.1 * random.standard_normal(O)
    return W1, b1, W2, b2, random.standard_normal((B, I)), Y, B, I, H, O


@njit
def objective(W1, b1, W2, b2, X, Y, B, I, H, O):  # noqa: E741
    h = np.tanh(np.dot(X, W1) + b1)
    z = np.dot(h, W2) + b2
    loss = 0.0
    for i in range(B):
        mx = z[i].max()
        s = 0.0
        t = 0.0
        for j in range(O):
            s += math.exp(z[i, j] - mx)
            t += Y[i, j] * (z[i, j] - mx)
        loss += math.log(s) - t
    return loss / B


def hand(W1, b1, W2, b2, X, Y, B, I, H, O, gW1, gb1, gW2, gb2):  # noqa: E741
    h = np.dot(X, W1)
    for i in range(B):
        for j in range(H):
            h[i, j] = math.tanh(h[i, j] + b1[j])
    z = np.dot(h, W2)
    for j in range(O):
        gb2[j] = 0.0
    for j in range(H):
        gb1[j] = 0.0
    for i in range(B):
        mx = z[i, 0] + b2[0]
        for j in range(O):
            z[i, j] += b2[j]
            mx = max(mx, z[i, j])
        s = 0.0
        for j in range(O):
            z[i, j] = math.exp(z[i, j] - mx)
            s += z[i, j]
        for j in range(O):
            z[i, j] = (z[i, j] / s - Y[i, j]) / B
            gb2[j] += z[i, j]
    np.dot(h.T, z, gW2)
    bh = np.dot(z, W2.T)
    for i in range(B):
        for j in range(H):
            bh[i, j] *= 1.0 - h[i, j] * h[i, j]
            gb1[j] += bh[i, j]
    np.dot(X.T, bh, gW1)


def by_numzyme(W1, b1, W2, b2, X, Y, B, I, H, O, gW1, gb1, gW2, gb2):  # noqa: E741
    gW1[:] = 0.0
    gb1[:] = 0.0
    gW2[:] = 0.0
    gb2[:] = 0.0
    autodiff(
        Reverse,
        objective,
        Duplicated(W1, gW1),
        Duplicated(b1, gb1),
        Duplicated(W2, gW2),
        Duplicated(b2, gb2),
        Const(X),
        Const(Y),
        Const(B),
        Const(I),
        Const(H),
        Const(O),
    )


def by_jax(W1, b1, W2, b2, X, Y, B, I, H, O):  # noqa: E741
    import jax
    import jax.numpy as jnp

    z = jnp.tanh(X @ W1 + b1) @ W2 + b2
    return jnp.mean(jax.scipy.special.logsumexp(z, axis=1) - jnp.sum(Y * z, 1))


def by_torch(W1, b1, W2, b2, X, Y, B, I, H, O):  # noqa: E741
    import torch

    z = torch.tanh(X @ W1 + b1) @ W2 + b2
    return torch.mean(torch.logsumexp(z, 1) - torch.sum(Y * z, 1))


def by_autograd(W1, b1, W2, b2, X, Y, B, I, H, O):  # noqa: E741
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    z = anp.dot(anp.tanh(anp.dot(X, W1) + b1), W2) + b2
    return anp.mean(logsumexp(z, axis=1) - anp.sum(Y * z, 1))


BLAS_NAMES = (
    *("dgemm_", "dgemv_", "dger_", "daxpy_", "dscal_", "dcopy_"),
    *("ddot_", "dlacpy_", "dlascl_", "dsymm_", "dsyrk_"),
)


def export_blas() -> None:
    """Make `dgemm_` and friends visible to Enzyme's compiler: jumps into the OpenBLAS that SciPy carries.

    Needs gcc; where it is missing this peer is skipped.
    """
    import scipy

    library = next((Path(scipy.__file__).parents[1] / "scipy.libs").glob("libscipy_openblas-*.so"))
    jumps = "".join(f".globl {n}\n.type {n},@function\n{n}: jmp scipy_{n}@PLT\n" for n in BLAS_NAMES)
    directory = Path(tempfile.mkdtemp())
    source, shim = directory / "blas.s", directory / "blas.so"
    source.write_text(f".text\n{jumps}" + '.section .note.GNU-stack,"",@progbits\n')
    subprocess.check_call(
        ["gcc", "-shared", "-o", str(shim), str(source), str(library), f"-Wl,-rpath,{library.parent}"]
    )
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    ctypes.CDLL(str(shim), mode=ctypes.RTLD_GLOBAL)


def enzyme_peer(workload: Workload, arguments: Arguments) -> Peer:
    export_blas()
    return enzyme.build(workload, arguments, "mlp.cpp", (*enzyme.flags(), "-DBLAS"))


WORKLOADS = (
    Workload(
        name="mlp",
        title="MLP 784-128-10, batch 64",
        inputs=inputs,
        small_inputs=lambda: inputs(4, 6, 5, 3),
        primal=objective,
        hand=hand,
        numzyme=by_numzyme,
        active=(0, 1, 2, 3),
        enzyme={"enzyme, own loops": "mlp.cpp"},
        peers={"enzyme": enzyme_peer},
        jax=by_jax,
        torch=by_torch,
        autograd=by_autograd,
    ),
)
