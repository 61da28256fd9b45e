"""What is compared after a derivative has run."""

from __future__ import annotations

import numpy as np

from .ll_case import Case, Run, Values


def same_primal(values: Values, plain: Values) -> None:
    """Memory is as the plain function leaves it."""
    for name, buffer in plain.buffers.items():
        np.testing.assert_array_equal(values.buffers[name], buffer, err_msg=name)


def same_products(case: Case, run: Run, outputs: tuple[Values, Values], inputs: tuple[Values, Values]) -> None:
    """<w, J v> = <Jᵀ w, v>."""
    forward = np.prod([case.vector(v, run, scalars=False) for v in outputs], axis=0)
    backward = np.prod([case.vector(v, run, scalars=True) for v in inputs], axis=0)
    scale = np.abs(forward).sum() + np.abs(backward).sum()
    assert np.isfinite(scale)
    assert abs(forward.sum() - backward.sum()) <= (1e-5 if case.single else 1e-12) * max(scale, 1e-3)
