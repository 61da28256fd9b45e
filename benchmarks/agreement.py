"""Do all peers compute the same gradient, and is it the derivative of the primal?

Small inputs; the hand-written adjoint is checked against central differences along a random direction, and
every other peer against the hand-written adjoint.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .peers import HAND, as_numpy, builders
from .workload import Arguments, Gradients, Workload

TOLERANCE = 1e-8  # between peers, relative to the largest entry; vector mathematics has up to 4 ulp
DIFFERENCE_TOLERANCE = 1e-6  # of central differences with a step of 1e-6


def error(gradients: Gradients, reference: Gradients) -> float:
    pairs = zip(gradients, reference, strict=True)
    return max(float(np.max(np.abs(g - r)) / np.max(np.abs(r))) for g, r in pairs)


def difference_error(workload: Workload, arguments: Arguments, gradients: Gradients) -> float:
    """Relative error against central differences along one random direction."""
    primal = workload.primal
    random, step = np.random.default_rng(7), 1e-6
    direction = tuple(random.standard_normal(arguments[i].shape) for i in workload.active)

    def moved(distance: float) -> Arguments:
        shifted = list(arguments)
        for i, change in zip(workload.active, direction, strict=True):
            shifted[i] = arguments[i] + distance * change
        return tuple(shifted)

    by_differences = (primal(*moved(step)) - primal(*moved(-step))) / (2 * step)
    by_gradient = workload.slope(arguments, gradients, direction)
    return abs(by_differences - by_gradient) / max(abs(by_differences), abs(by_gradient))


def check(workload: Workload) -> Iterator[tuple[str, str, bool]]:
    """Name of the peer, what was found, and whether that is well; a missing peer is well."""
    arguments = workload.small_inputs()
    plain = workload.primal(*arguments)
    reference: Gradients = ()
    for name, build in builders(workload).items():
        try:
            peer = build(workload, arguments)
            peer.gradient()
            gradients = as_numpy(peer.gradient())  # the second call finds the buffers filled by the first
        except ImportError as missing:
            yield name, f"missing: {missing.name}", True
            continue
        if name == HAND:
            reference = gradients
            found = difference_error(workload, arguments, gradients)
            yield name, f"{found:.1e} from finite differences", found < DIFFERENCE_TOLERANCE
        else:
            found = error(gradients, reference)
            yield name, f"{found:.1e} from the hand-written adjoint", found < TOLERANCE
        if peer.primal is not None:
            found = abs(peer.primal() - plain) / abs(plain)
            yield f"{name} (primal)", f"{found:.1e} from Numba's", found < TOLERANCE
