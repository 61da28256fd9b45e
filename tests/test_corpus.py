"""Every program of the corpus through every check, and the semantics of shadows by example."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from programs import PROGRAMS, beyond_numba, blas, caught, containers, generalized, numpy_functions, optional, records

from numzyme import Duplicated, Reverse, autodiff, gradient
from numzyme.testing import CheckFailed, check_gradient
from numzyme.testing.checks import check


def _number_of_the_commit() -> int:
    """How many commits lead to the one that is tested; 0 where nobody knows."""
    command = ["git", "rev-list", "--count", "HEAD"]
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # no git, or no clone
        return 0
    return int(found.stdout)


# NUMZYME_EVERY_PROGRAM=1 runs all, in full: Numba takes many seconds for containers and some of NumPy's functions.
# Without it, the commit says which third, and which sixteenth of the slow ones: every program is run by some build.
SLOW = [p for f in (numpy_functions, containers, records, generalized, blas, optional) for p in f.CORPUS]
EVERY = bool(os.environ.get("NUMZYME_EVERY_PROGRAM"))
OTHERS = [name for name in PROGRAMS if name not in SLOW]
TURN = _number_of_the_commit()
LEFT_OUT = () if EVERY else {*SLOW, *OTHERS} - {*SLOW[TURN % 16 :: 16], *OTHERS[TURN % 3 :: 3]}
CHOSEN = [name for name in PROGRAMS if name not in LEFT_OUT]
# compared with plain Python instead of njit, to the bit, which takes a third less; not where njit is what counts
QUICK = {name for n, name in enumerate(CHOSEN) if n % 4 and not PROGRAMS[name].failing and not EVERY}
QUICK = QUICK - set(optional.CORPUS) | set(beyond_numba.CORPUS) | set(caught.CORPUS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CHOSEN)
def test_program(name):
    failures = check(PROGRAMS[name], quick=name in QUICK)
    assert not failures, "\n".join(map(str, failures))


def test_shadow_of_memory_that_is_shifted_in_place():
    def shift(x):
        for i in range(x.size - 1):
            x[i] = x[i + 1]

    x, shadow = np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4)
    autodiff(Reverse, shift, Duplicated(x, shadow))
    np.testing.assert_array_equal(x, [2.0, 3.0, 4.0, 4.0])
    np.testing.assert_array_equal(shadow, [0.0, 1.0, 1.0, 2.0])


def test_shadow_of_memory_that_is_overwritten_unread_ends_at_zero():
    def overwrite(x, y):
        for i in range(x.size):
            x[i] = 3.0 * y[i]

    shadow_x, shadow_y = np.array([1.0, -2.0, 0.5]), np.array([10.0, 20.0, 30.0])
    autodiff(Reverse, overwrite, Duplicated(np.ones(3), shadow_x), Duplicated(np.ones(3), shadow_y))
    np.testing.assert_array_equal(shadow_x, np.zeros(3))
    np.testing.assert_array_equal(shadow_y, [13.0, 14.0, 31.5])


def test_shadow_of_memory_that_is_only_read_is_added_to():
    shadow = np.array([1.0, 2.0, 3.0])
    autodiff(Reverse, lambda x: (x * x).sum(), Duplicated(np.array([1.0, 2.0, 3.0]), shadow))
    np.testing.assert_array_equal(shadow, [3.0, 6.0, 9.0])


def test_check_gradient_accepts_what_is_right():
    check_gradient(lambda x, a: np.sum(np.sin(a * x)), np.array([0.1, 0.2]), 0.3)


def test_check_gradient_finds_a_kink():
    def kinked(x):
        return np.sum(np.abs(x)) if x[1] > 0.0 else x[0]

    with pytest.raises(CheckFailed, match="numerical derivative"):
        check_gradient(njit(kinked), np.array([0.5, 1e-12]))


def test_a_broadcast_argument_has_a_dense_gradient():
    rows = np.broadcast_to(np.array([1.0, 2.0, 3.0]), (2, 3))
    factors = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    derivative, _ = gradient(Reverse, lambda a, b: (a * b).sum(), rows, factors)
    np.testing.assert_array_equal(derivative, factors)
