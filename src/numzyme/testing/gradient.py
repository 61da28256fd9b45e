"""`check_gradient`: is what numzyme says about a user's function true?

The same checks that numzyme's own programs go through, without the oracle's internals in the way: value and
mutations against `njit`, forward mode against finite differences, reverse mode against forward mode and
against the oracle, repeatability, and memory left behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core.dispatcher import Dispatcher

from .arguments import Arguments
from .checks import CheckFailed, check
from .program import Program


def check_gradient(
    f: Callable, *args: Any, constant: tuple[int, ...] = (), tolerance: float = 1e-7, seed: int = 0
) -> None:
    """Check the derivatives of `f` at `args`; raises `CheckFailed` with everything that disagrees.

    `args` are floats, ints, bools, arrays and tuples of these; they are copied, never changed. `constant`:
    positions of arguments whose derivative is not wanted. `tolerance`: of the comparison with finite
    differences. A point at which `f` is not smooth (a tie, a kink) fails that comparison: choose another.
    """
    options = dict(f.targetoptions) if isinstance(f, Dispatcher) else {}
    options.pop("nopython", None)
    plain = f.py_func if isinstance(f, Dispatcher) else f
    original = Arguments(args)
    program = Program(
        getattr(plain, "__name__", "f"),
        plain,
        (),
        together=lambda rng: original.values(),
        constant=constant,
        tolerance=tolerance,
        options=options,
    )
    failures = check(program, (seed,))
    if failures:
        raise CheckFailed(f"{program.name}: " + "\n".join(map(str, failures)))
