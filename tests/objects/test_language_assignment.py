"""Assignment to parts of arrays that objects hold, and what it raises where shapes do not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import pytest

from numzyme import Forward, Reverse, gradient

from .checking import check, copies, outcome


@dataclass
class State:
    w: Any
    mean: Any


def assigned(m, x):
    out = np.empty((2, 2))
    out[...] = m.w
    out[1:] = x
    m.w[1, :] = x
    m.w[:, 0] += m.mean
    m.mean[:] = x * m.mean
    m.mean[m.mean > 0.25] *= 2.0
    part = x.copy()
    part[x > 0.5] = 0.0
    m.w[0] = part[np.array([1, 0])]
    m.w[1, 1] = x[0] * m.mean[1]
    return np.sum(out**2) + np.sum(m.w**2 * m.mean) + np.sum(part)


def test_assignment_to_slices_and_masks():
    check(assigned, copies(State(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 0.25])), np.array([0.3, 0.7])))


def two_ellipses(w, x):
    out = np.empty((2, 2))
    out[...] = w
    out[1:] = x
    return np.sum(out)


@pytest.mark.parametrize("shapes", (((2, 2), 3), ((3, 2), 2)))
def test_shapes_that_do_not_fit(shapes):
    arrays = [np.ones(shape) for shape in shapes]
    expected = outcome(numba.njit(two_ellipses), *arrays)

    def of_object(m, x):
        m.w[1:] = two_ellipses(m.w, x)
        return m.w[0, 0]

    for mode in (Reverse, Forward):
        for found in (outcome(gradient, mode, two_ellipses, *arrays),
                      outcome(gradient, mode, of_object, State(arrays[0], 1.0), arrays[1])):  # fmt: skip
            assert type(found) is ValueError is type(expected) and found.args == expected.args
