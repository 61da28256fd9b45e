"""The checks of one program; every one of them compiles the program at most once.

    plain Python = njit = augmented primal     values and mutations; bit for bit between njit and numzyme
    forward = numerical derivative             complex step where analytic, else extrapolated central
    differences <seed, J v> = <transpose(J) seed, v>       random v, random seeds, shadows that are not zero
    at the start reverse = oracle, forward = oracle         every component repeatable, balanced, same
    exceptions      bits of a second call; NRT and arena counters

A map of a program takes scalars and memory to result and memory: memory that is only read is mapped to
itself, so reverse shadows accumulate, and memory that is overwritten follows section 7 of the semantics.
One identity covers all.
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.core.dispatcher import Dispatcher
from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]
from numba.core.runtime.nrt import rtsys

import numzyme
from numzyme import DifferentiationError, frontend

from . import engine
from .arguments import Arguments, Vector, count_views, inner, inner_vectors
from .buffers import is_float, others, parts
from .oracle import OracleError, Trace, trace
from .program import Program
from .reference import (
    Directional,
    Outcome,
    call,
    complex_step,
    distance,
    finite_difference,
    identical,
    largest,
    strip,
)
from .retype import compiled, retyped, uncompiled

_nrt_python.memsys_enable_stats()


class CheckFailed(AssertionError):
    """A check found a disagreement."""


class Checker:
    """The checks of `program`, on the inputs that `seed` draws.

    `quick`: the reference is plain Python, not `njit`, which takes half as long; bits are not compared then.
    """

    def __init__(self, program: Program, seed: int = 0, *, quick: bool = False) -> None:
        self.program, self.quick = program, quick
        self.options = {"boundscheck": True, **program.options}
        self.compiled = uncompiled(program.function) if quick else compiled(program.function, self.options)
        self.subject = numba.njit(**self.options)(program.function)
        self.draw(seed)

    def draw(self, seed: int) -> None:
        """Take other inputs, tangents and seeds; nothing is compiled again."""
        rng = np.random.default_rng([seed, 1])
        self.arguments = Arguments(self.program.arguments(seed))
        self.direction = self.arguments.direction(rng, self.program.constant)
        self.seed = self.arguments.direction(rng, self.program.constant)
        if engine.mixed(self.arguments):
            self.seed = self.arguments.zeros()
        self.__dict__.pop("expected", None)

    @cached_property
    def expected(self) -> Outcome:
        """What the reference does."""
        outcome = call(self.compiled, self.arguments)
        if outcome.exception is not None:
            raise CheckFailed(f"njit raises {outcome.exception!r}")
        return outcome

    @property
    def reversible(self) -> bool:
        """Whether reverse mode takes the result as it is: one float, or None, by its type."""
        result = self.expected.result
        if result is None and isinstance(self.compiled, Dispatcher):
            (kind,) = {signature.return_type for signature in self.compiled.nopython_signatures}
            return not isinstance(kind, types.Optional) or isinstance(kind.type, types.Float)
        return result is None or isinstance(result, (float, np.floating))

    @property
    def single(self) -> bool:
        """Whether single precision is involved, which sets the tolerances."""
        floats = [part for buffer in self.arguments.point.buffers for part in parts(buffer)]
        values = map(np.asarray, [*self.arguments.point.scalars, *floats])
        return any(value.dtype in (np.float32, np.complex64) for value in values)

    def tolerance(self, double: float) -> float:
        return 2e-5 if self.single else double

    def plain_python_agrees(self) -> None:
        plain = call(uncompiled(self.program.function), self.arguments)
        if plain.exception is not None:
            raise CheckFailed(f"plain Python raises {plain.exception!r}")
        self._near("plain Python and njit", plain.floats(), self.expected.floats(), self.tolerance(1e-12))

    def forward_agrees(self) -> None:
        """Primal bits, numerical derivative, and the oracle's tangents."""
        found = engine.forward(self.subject, self.arguments, self.direction, self.program.constant)
        self._same_primal("forward", found.primal)
        self._same_others("forward", self.direction, found.shadow)
        tangents = (found.result, self._floats(found.shadow))
        expected, tolerance = self._numerical()
        self._near("forward and numerical derivative", tangents, (expected.result, expected.buffers), tolerance)
        if not self.program.interpreted:
            return
        result, buffers = self._oracle().forward(self.direction)
        self._near("forward and oracle", tangents, (result, self._select(buffers)), self.tolerance(1e-11))

    def reverse_agrees(self) -> None:
        """Primal bits, dot-product identity with forward mode, the oracle, and a second call."""
        if not self.reversible:
            return
        found = engine.reverse(self.subject, self.arguments, self.seed, self.program.constant)
        self._same_primal("reverse", found.primal)
        if not engine.mixed(self.arguments):
            self._same_others("reverse", self.seed, found.shadow)
        self._identity(found.shadow)
        if self.program.interpreted:
            self._compare_with_oracle(found.shadow)
        again = engine.reverse(self.subject, self.arguments, self.seed, self.program.constant)
        if not identical(tuple(found.shadow.buffers), tuple(again.shadow.buffers)):
            raise CheckFailed("a second reverse call gives other bits")

    def _compare_with_oracle(self, shadow: Vector) -> None:
        result_seed = None if strip(self.expected.result) is None else 1.0
        adjoints = self._oracle().reverse(self.arguments, result_seed, self.seed.buffers)
        left, right = (self.arguments.masked(vector.copy(), self.program.constant) for vector in (shadow, adjoints))
        self._near("reverse and oracle", self._all_floats(left), self._all_floats(right), self.tolerance(1e-11))

    def arrays_as_results_are_refused(self) -> None:
        """Reverse mode of a result that is not one float is a refusal, not a guess."""
        if self.reversible:
            return
        try:
            engine.reverse(self.subject, self.arguments, self.seed, self.program.constant)
        except DifferentiationError:
            return
        raise CheckFailed("reverse mode accepted a result that is not a float")

    def exceptions_agree(self) -> None:
        """For inputs that raise: type, arguments and mutations are those of njit, in both modes."""
        for values in self.program.failing:
            arguments = Arguments(values)
            expected = call(self.compiled, arguments)
            if expected.exception is None:
                raise CheckFailed(f"njit does not raise for {values}")
            for mode in self._modes():
                point = arguments.point.copy()
                try:
                    mode(self.subject, arguments, arguments.zeros(), self.program.constant, point)
                except DifferentiationError:
                    raise
                except Exception as exception:  # what the program raises is what is compared
                    self._same_exception(mode.__name__, expected, Outcome(None, point.buffers, exception))
                else:
                    raise CheckFailed(f"{mode.__name__} mode does not raise {expected.exception!r}")

    def memory_is_balanced(self) -> None:
        """Calls leave no allocation and no arena behind, whether they return or raise; njit itself forgets some."""
        arena = numzyme.memory()
        for mode in self._modes():
            left = _left_behind(
                lambda mode=mode: self._call_all(
                    lambda arguments, shadow: mode(self.subject, arguments, shadow, self.program.constant)
                )
            )
            if left:
                raise CheckFailed(f"{mode.__name__} mode leaves {left} allocations behind")
        final = numzyme.memory()
        if final.entries - arena.entries != final.exits - arena.exits:
            raise CheckFailed(f"arena entries and exits differ: {final}")

    def _call_all(self, run: Callable[[Arguments, Vector], object]) -> None:
        """Call the program on its inputs, and on those for which it raises."""
        run(self.arguments, self.direction)
        for values in self.program.failing:
            arguments = Arguments(values)
            try:
                run(arguments, arguments.zeros())
            except DifferentiationError:
                raise
            except Exception:
                continue  # the program raises: that is the point

    def _modes(self) -> tuple[Callable[..., engine.Derivative], ...]:
        return (engine.forward, engine.reverse) if self.reversible else (engine.forward,)

    def _numerical(self) -> tuple[Directional, float]:
        if self.program.analytic and not self.single:
            function = retyped(self.program.function, complex)
            return complex_step(function, self.arguments, self.direction), 1e-12
        function = retyped(self.program.function, float) if self.single else self.compiled
        found = finite_difference(function, self.arguments, self.direction)
        return found, self.tolerance(self.program.tolerance) + found.error

    def _oracle(self) -> Trace:
        """The taped run of the canonical text."""
        kinds = tuple(numba.typeof(value) for value in self.arguments.values())
        raw = frontend.extract(self.subject, kinds)
        text = frontend.normalise(raw, disjoint=not self._overlapping(), ownership="arena")
        return trace(raw, text, self.arguments)

    def _overlapping(self) -> bool:
        return count_views(self.arguments.arrangement) > len(self.arguments.point.buffers)

    def _identity(self, adjoint: Vector) -> None:
        tangent = engine.forward(self.subject, self.arguments, self.direction, self.program.constant)
        result = tangent.result if tangent.result is not None else 0.0
        left = float(result) + inner(tuple(self.seed.buffers), tuple(tangent.shadow.buffers))
        right = inner_vectors(adjoint, self.direction)
        magnitudes = [vector.map(np.abs) for vector in (self.seed, tangent.shadow, adjoint, self.direction)]
        size = abs(float(result)) + inner_vectors(*magnitudes[:2]) + inner_vectors(*magnitudes[2:])
        if not abs(left - right) <= self.tolerance(1e-12) * size + 1e-300:
            raise CheckFailed(f"dot-product identity: <seed, J v> = {left!r}, <J' seed, v> = {right!r}")

    def _same_primal(self, mode: str, primal: Outcome) -> None:
        if self.quick:
            self._near(f"{mode} mode and Python", primal.floats(), self.expected.floats(), self.tolerance(1e-12))
            return
        if not identical(primal.result, self.expected.result):
            raise CheckFailed(f"{mode} mode returns {primal.result!r}, njit {self.expected.result!r}")
        for found, expected in zip(primal.buffers, self.expected.buffers, strict=True):
            if not identical(found, expected):
                raise CheckFailed(f"{mode} mode leaves {found!r} in memory, njit {expected!r}")

    def _same_others(self, mode: str, before: Vector, after: Vector) -> None:
        """What lies between the floats of records is left alone in their shadows."""
        for old, new in zip(before.buffers, after.buffers, strict=True):
            if not np.array_equal(others(old), others(new)):
                raise CheckFailed(f"{mode} mode changes fields of a shadow that have no derivative: {old} to {new}")

    def _same_exception(self, mode: str, expected: Outcome, found: Outcome) -> None:
        wanted, raised = expected.exception, found.exception
        if type(raised) is not type(wanted) or getattr(raised, "args", ()) != getattr(wanted, "args", ()):
            raise CheckFailed(f"{mode} mode raises {raised!r}, njit {wanted!r}") from raised
        if not identical(tuple(found.buffers), tuple(expected.buffers)):
            raise CheckFailed(f"{mode} mode leaves other memory than njit when {wanted!r} is raised")

    def _near(self, what: str, left: Any, right: Any, tolerance: float) -> None:
        gap, size = distance(left, right), 1.0 + largest(right)
        if not gap <= tolerance * size:
            raise CheckFailed(f"{what} differ by {gap:.3g} (allowed {tolerance * size:.1g}): {left} and {right}")

    def _all_floats(self, vector: Vector) -> tuple:
        return tuple(vector.scalars), self._floats(vector)

    def _floats(self, vector: Vector) -> tuple:
        return self._select(vector.buffers)

    def _select(self, buffers: list[np.ndarray]) -> tuple:
        pairs = zip(buffers, self.arguments.point.buffers, strict=True)
        return tuple(part for b, original in pairs if is_float(original) for part in parts(b))


CHECKS: tuple[Callable[[Checker], None], ...] = (
    Checker.plain_python_agrees,
    Checker.forward_agrees,
    Checker.reverse_agrees,
    Checker.arrays_as_results_are_refused,
    Checker.exceptions_agree,
    Checker.memory_is_balanced,
)


def _left_behind(calls: Callable[[], None]) -> int:
    """Allocations of Numba's runtime that `calls` makes and does not free, after a first time."""
    calls()
    if not _growth(calls):
        return 0
    gc.collect()  # what a cycle of an exception and its frames keeps alive is not a leak
    return _growth(lambda: (calls(), gc.collect()))


def _growth(calls: Callable[[], object]) -> int:
    before = rtsys.get_allocation_stats()
    calls()
    after = rtsys.get_allocation_stats()
    blocks = (after.mi_alloc - before.mi_alloc) - (after.mi_free - before.mi_free)
    return max(blocks, (after.alloc - before.alloc) - (after.free - before.free))


@dataclass(frozen=True)
class Failure:
    """A check that did not pass; `refused`: numzyme declined, and named a line of the program."""

    check: str
    message: str
    refused: bool = False

    def __str__(self) -> str:
        return f"{self.check}: {self.message}"


def check(program: Program, seeds: tuple[int, ...] = (0, 1), *, quick: bool = False) -> list[Failure]:
    """Run every check on inputs of every seed; what did not pass, at most one failure for each check."""
    checker = Checker(program, quick=quick)
    found = [_outcome(checker, run, seeds) for run in CHECKS]
    return [failure for failure in found if failure is not None]


def _outcome(checker: Checker, run: Callable[[Checker], None], seeds: tuple[int, ...]) -> Failure | None:
    for seed in seeds:
        checker.draw(seed)
        try:
            run(checker)
        except DifferentiationError as refusal:
            message = f"{type(refusal).__name__}: {refusal}"
            return Failure(run.__name__, message, refused=refusal.where is not None)
        except (CheckFailed, OracleError) as failure:
            return Failure(run.__name__, f"{type(failure).__name__} (inputs {seed}): {failure}")
        except Exception as error:  # an internal error of numzyme is a failure like any other
            trace = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{trace.filename}:{trace.lineno}"
            return Failure(run.__name__, f"{type(error).__name__} at {where}: {error}")
    return None
