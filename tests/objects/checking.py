"""Independent expectations for gradients of nested values: finite differences of the plain Python call.

Invariant: nothing here runs compiled code but the calls of numzyme that are checked.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core.runtime import _nrt_python, rtsys

import numzyme
from numzyme import Const, Forward, ForwardWithPrimal, Reverse, ReverseWithPrimal, values
from numzyme.values import Kind

_nrt_python.memsys_enable_stats()


def check(
    f: Any,
    make: Callable[[], tuple],
    *,
    constant: tuple[int, ...] = (),
    forward: bool = True,
    tolerance: float = 1e-6,
    step: float = 1e-6,
) -> Any:
    """Compare the gradient of `f` at `make()` with finite differences, and what it leaves behind with the plain call.

    `make` gives new arguments at each call, so that views and sharing are as the test wants them. `constant`: positions
    of arguments to pass as `Const`. Returns the gradient in reverse mode.
    """
    plain = make()
    value = f(*plain)
    expected = differences(f, make, constant, step)
    gradients = {}
    for mode in (ReverseWithPrimal, ForwardWithPrimal) if forward else (ReverseWithPrimal,):
        with balanced():
            given = make()
            passed = [Const(x) if n in constant else x for n, x in enumerate(given)]
            result = numzyme.gradient(mode, f, *passed)
            np.testing.assert_allclose(result.val, value, rtol=1e-12, err_msg=f"value in {mode}")
            same_state(given, plain)
            gradient = (result.derivs,) if len(given) == 1 else result.derivs
            compare(make(), gradient, constant, expected, tolerance, str(mode))
            gradients[mode] = copy.deepcopy(result.derivs)
            del result, given, passed, gradient
    return gradients[ReverseWithPrimal]


def check_raises(f: Any, make: Callable[[], tuple]) -> None:
    """The gradient raises what the plain call raises, and leaves the same mutations behind."""
    plain = make()
    expected = outcome(f, *plain)
    assert isinstance(expected, Exception), "the plain call must raise"
    for mode in (Reverse, Forward):
        given = make()
        with balanced():
            found = outcome(numzyme.gradient, mode, f, *given)
            assert type(found) is type(expected), found
            # Numba says "division by zero" where Python says "float division by zero"
            assert found.args == expected.args or isinstance(expected, ZeroDivisionError)
            del found
        same_state(given, plain)


def outcome(f: Any, *args: Any) -> Any:
    """The result of a call, or the exception that it raised."""
    try:
        return f(*args)
    except Exception as error:
        return error


class balanced:
    """Nothing that compiled code allocated is left when the block ends."""

    def __enter__(self) -> None:
        gc.collect()
        self.before = rtsys.get_allocation_stats()

    def __exit__(self, error: Any, *_: Any) -> None:
        if error is not None:
            return
        gc.collect()
        after, memory = rtsys.get_allocation_stats(), numzyme.memory()
        assert after.alloc - self.before.alloc == after.free - self.before.free, "memory is left allocated"
        assert memory.entries == memory.exits and memory.bytes_in_use == 0, memory


# -- finite differences


def differences(f: Any, make: Callable[[], tuple], constant: tuple[int, ...], step: float) -> list[complex | float]:
    """The derivative with respect to every stored number, by central differences; d/dx + i d/dy of complex ones."""
    kinds = Shift(-1, 0.0).kinds(make(), constant)
    found: list[complex | float] = []
    for position, kind in enumerate(kinds):
        found.append(_quotient(f, make, constant, position, step))
        if kind == "c":
            found[-1] = complex(found[-1], _quotient(f, make, constant, position, 1j * step))
    return found


def _quotient(f: Any, make: Any, constant: Any, position: int, step: Any) -> float:
    above = f(*Shift(position, step).arguments(make(), constant))
    below = f(*Shift(position, -step).arguments(make(), constant))
    return (above - below) / (2 * abs(step))


class Shift:
    """Adds `change` to the number at `position`, counted in the order of `values.children`."""

    def __init__(self, position: int, change: Any) -> None:
        self.position, self.change = position, change
        self.count, self.memo, self.found = 0, {}, []

    def arguments(self, arguments: tuple, constant: tuple[int, ...]) -> tuple:
        return tuple(x if n in constant else self.shifted(x) for n, x in enumerate(arguments))

    def kinds(self, arguments: tuple, constant: tuple[int, ...]) -> list[str]:
        self.arguments(arguments, constant)
        return self.found

    def shifted(self, value: Any) -> Any:
        kind = values.classify(value)
        if kind is Kind.CONSTANT:
            return value
        if kind is Kind.SCALAR:
            return type(value)(value + self.change) if self._is_next(value) else value
        if id(value) in self.memo:
            return value
        if values.is_mutable(value):
            self.memo[id(value)] = value
        if kind is Kind.ARRAY:
            for index in np.ndindex(value.shape):
                if self._is_next(value[index]):
                    _writable(value)[index] += self.change
            return value
        parts = values.children(value)
        if not values.is_mutable(value):
            return values.rebuild(value, [self.shifted(child) for _, child in parts])
        for step, child in parts:
            shifted = self.shifted(child)
            if shifted is not child:
                values.set_child(value, step, shifted)
        return value

    def _is_next(self, number: Any) -> bool:
        self.found.append(np.asarray(number).dtype.kind)
        self.count += 1
        return self.count - 1 == self.position


def _writable(array: np.ndarray) -> np.ndarray:
    if not array.flags.writeable:
        array.setflags(write=True)
    return array


# -- gradients against them


def compare(
    arguments: tuple, gradient: Any, constant: tuple[int, ...], expected: list, tolerance: float, label: str
) -> None:
    """Compare every leaf of a gradient; shared objects have one gradient."""
    found: list[Any] = []
    leaves = _Leaves(found)
    for n, x in enumerate(arguments):
        if n in constant:
            assert gradient[n] is None
        else:
            leaves.read(x, gradient[n], f"{label}: argument {n}")
    assert len(found) == len(expected), label
    numbers = np.array([number for number, _ in found], complex)
    wanted = np.array(expected, complex)
    worst = np.abs(numbers - wanted) > tolerance * (1 + np.abs(wanted))
    if worst.any() or np.isnan(numbers).any():
        listed = [f"{path}: {a} instead of {b}" for (_, path), a, b, bad in
                  zip(found, numbers, wanted, worst, strict=True) if bad]  # fmt: skip
        raise AssertionError("\n".join(listed))


class _Leaves:
    def __init__(self, found: list) -> None:
        self.found, self.memo, self.of = found, {}, {}

    def read(self, x: Any, gradient: Any, path: str) -> None:
        kind = values.classify(x)
        if kind is Kind.CONSTANT:
            assert gradient is None, f"{path} is {gradient!r}"
        elif kind is Kind.SCALAR:
            assert type(gradient) is type(x), f"{path}: {type(gradient)}"
            self.found.append((gradient, path))
        elif not (values.is_mutable(x) and self._met(x, gradient, path)):
            if kind is Kind.ARRAY:
                assert type(gradient) is np.ndarray and gradient.dtype == x.dtype and gradient.shape == x.shape, path
                self.found += [(gradient[i], f"{path}{list(i)}") for i in np.ndindex(x.shape)]
                return
            for step, child in values.children(x):
                part = getattr(gradient, step.key) if step.attribute else gradient[step.key]
                self.read(child, part, path + str(step))

    def _met(self, x: Any, gradient: Any, path: str) -> bool:
        if id(x) in self.memo:
            assert self.memo[id(x)][1] is gradient, f"{path}: one object has one gradient"
            return True
        assert self.of.setdefault(id(gradient), x) is x, f"{path}: two objects have two gradients"
        self.memo[id(x)] = x, gradient
        return False


# -- states


def same_state(found: Any, expected: Any, path: str = "args") -> None:
    """Two nested values are alike: types, numbers, shapes and what is shared."""
    _States({}).compare(found, expected, path)


class _States:
    def __init__(self, pairs: dict[int, Any]) -> None:
        self.pairs = pairs

    def compare(self, found: Any, expected: Any, path: str) -> None:
        numbers = isinstance(found, float) and isinstance(expected, float)  # NumPy's float64 is a float
        assert numbers or type(found) is type(expected), f"{path}: {type(found)} instead of {type(expected)}"
        kind = values.classify(expected)
        if kind in (Kind.CONSTANT, Kind.SCALAR, Kind.ARRAY):
            np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-300, err_msg=path) if _is_numeric(
                expected
            ) else self._same(found, expected, path)
        if values.is_mutable(expected):
            if id(expected) in self.pairs:
                assert self.pairs[id(expected)] is found, f"{path} is not shared as in the plain call"
                return
            self.pairs[id(expected)] = found
        if kind is Kind.ARRAY:
            assert found.dtype == expected.dtype and found.shape == expected.shape, path
        ours, theirs = values.children(found), values.children(expected)
        assert [step for step, _ in ours] == [step for step, _ in theirs], path
        for (step, a), (_, b) in zip(ours, theirs, strict=True):
            self.compare(a, b, path + str(step))

    def _same(self, found: Any, expected: Any, path: str) -> None:
        assert found is expected or found == expected, f"{path}: {found!r} instead of {expected!r}"


def _is_numeric(value: Any) -> bool:
    return isinstance(value, int | float | complex | np.generic) or (
        isinstance(value, np.ndarray) and value.dtype.kind in "fciub"
    )


def copies(*arguments: Any) -> Callable[[], tuple]:
    """Gives deep copies of the arguments, sharing kept (but not overlapping views)."""
    return lambda: copy.deepcopy(arguments)
