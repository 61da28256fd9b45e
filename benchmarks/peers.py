"""Ways of computing the same gradient: numzyme, the hand-written adjoint, and the tools that are installed.

Every builder takes a workload and its arguments and returns a `Peer`. What a builder cannot import, it does
not hide: the ImportError travels to the caller, who reports the peer as missing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from . import enzyme
from .workload import Arguments, Peer, PeerBuilder, Workload

OWN = "numzyme"
HAND = "hand"
HAND_FAST = "hand, reassociated"
ENZYME = "enzyme"
ENZYME_FAST = "enzyme, fast flags"
REASSOCIATION = {"reassoc", "contract", "nsz", "arcp"}


def compiled_peer(function: Callable[..., None], workload: Workload, arguments: Arguments, **options: Any) -> Peer:
    """A function of arguments and outputs, compiled by Numba."""
    compiled = njit(function, **options)
    outputs = workload.new_outputs(arguments)

    def call() -> tuple[np.ndarray, ...]:
        compiled(*arguments, *outputs)
        return outputs

    return Peer(call)


def numzyme_peer(workload: Workload, arguments: Arguments) -> Peer:
    return compiled_peer(workload.numzyme, workload, arguments)


def hand_peer(workload: Workload, arguments: Arguments) -> Peer:
    return compiled_peer(workload.hand, workload, arguments, error_model="numpy")


def fast_hand_peer(workload: Workload, arguments: Arguments) -> Peer:
    """The same with reassociation and contraction allowed: vectorised sums."""
    return compiled_peer(workload.hand, workload, arguments, error_model="numpy", fastmath=REASSOCIATION)


def jax_peer(workload: Workload, arguments: Arguments) -> Peer:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    static = tuple(i for i, argument in enumerate(arguments) if isinstance(argument, int))
    gradient = jax.jit(jax.grad(workload.jax, argnums=workload.active), static_argnums=static)
    on_device = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    return Peer(lambda: jax.block_until_ready(gradient(*on_device)))


def torch_peer(workload: Workload, arguments: Arguments) -> Peer:
    import torch

    assert workload.torch is not None
    torch.set_num_threads(1)
    tensors = [torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in arguments]
    inputs = [tensors[i].requires_grad_(True) for i in workload.active]
    return Peer(lambda: torch.autograd.grad(workload.torch(*tensors), inputs))


def autograd_peer(workload: Workload, arguments: Arguments) -> Peer:
    import autograd

    gradient = autograd.grad(workload.autograd, workload.active)
    return Peer(lambda: gradient(*arguments))


def builders(workload: Workload) -> dict[str, PeerBuilder]:
    """Every peer by its name, the hand-written adjoint first: the others are compared with it."""
    found: dict[str, PeerBuilder] = {HAND: hand_peer, OWN: numzyme_peer, HAND_FAST: fast_hand_peer}
    for name, file in workload.enzyme.items():
        found[name] = enzyme.builder(file)
    if ENZYME in workload.enzyme:
        found[ENZYME_FAST] = enzyme.fast_builder(workload.enzyme[ENZYME])
    for name, builder in (("jax", jax_peer), ("torch", torch_peer), ("autograd", autograd_peer)):
        if getattr(workload, name) is not None:
            found[name] = builder
    return found | dict(workload.peers)


def warm_up() -> list[str]:
    """Import and use each framework once, so that first-call figures are compilation, not imports.

    Returns the names of those that are missing.
    """
    njit(lambda x: x + 1)(1.0)
    missing = []
    for name, use in (("jax", _use_jax), ("torch", _use_torch)):
        try:
            use()
        except ImportError:
            missing.append(name)
    for name in ("enzyme_ad.jax", "autograd"):
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name.split(".")[0])
    return missing


def _use_jax() -> None:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    jax.jit(lambda x: x + 1)(jnp.ones(3)).block_until_ready()


def _use_torch() -> None:
    import torch

    torch.set_num_threads(1)
    x = torch.ones(3, requires_grad=True)
    (x * x).sum().backward()


def as_numpy(gradients: Any) -> tuple[np.ndarray, ...]:
    """Copies, since many peers write into the same buffers at every call."""
    detached = (g.detach().numpy() if hasattr(g, "detach") else g for g in gradients)
    return tuple(np.array(g, dtype=np.float64) for g in detached)
