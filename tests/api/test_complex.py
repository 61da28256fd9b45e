"""Complex numbers through the API: holomorphic modes, Jacobians, objects. The corpus has programs, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numba import njit

from numzyme import (
    Active,
    Const,
    DifferentiationError,
    Duplicated,
    Forward,
    Reverse,
    ReverseHolomorphic,
    ReverseHolomorphicWithPrimal,
    autodiff,
    gradient,
)

Z = np.array([1.0 + 2.0j, -0.5 + 0.25j, 0.75j])


@njit
def cube(z):
    return z * z * z


def product(a, b):
    return np.sum(a * b * b)


def test_holomorphic_derivatives_are_those_of_the_formula() -> None:
    derivatives, value = gradient(ReverseHolomorphicWithPrimal, lambda z: np.sum(np.exp(1j * z) * z), Z)
    np.testing.assert_allclose(derivatives, (1j * Z + 1.0) * np.exp(1j * Z), rtol=1e-14)
    np.testing.assert_allclose(value, np.sum(np.exp(1j * Z) * Z), rtol=1e-14)
    assert autodiff(ReverseHolomorphic, cube, Active(1.0 + 2.0j)) == (3.0 * (1.0 + 2.0j) ** 2,)


def test_shadows_are_added_to() -> None:
    shadow = np.full(3, 1.0 - 2.0j)
    autodiff(ReverseHolomorphic, lambda z: np.sum(z * z), Duplicated(Z, shadow))
    np.testing.assert_allclose(shadow - (1.0 - 2.0j), 2.0 * Z, rtol=1e-14)


def test_array_that_is_passed_twice_was_conjugated_twice() -> None:
    first, second = gradient(ReverseHolomorphic, product, Z, Z)
    np.testing.assert_allclose(first, 3.0 * Z**2, rtol=1e-14)
    assert first is second


def test_views_that_overlap_were_conjugated_twice() -> None:
    memory = Z.copy()
    first, second = gradient(ReverseHolomorphic, product, memory[:2], memory[1:])
    separate = gradient(ReverseHolomorphic, product, Z[:2].copy(), Z[1:].copy())
    whole = np.zeros(3, complex)
    whole[:2] += separate[0]
    whole[1:] += separate[1]
    np.testing.assert_allclose(first, whole[:2], rtol=1e-14)
    np.testing.assert_allclose(second, whole[1:], rtol=1e-14)


def test_shadows_that_overlap_are_refused() -> None:
    memory, shadow = Z.copy(), np.zeros(3, complex)
    with pytest.raises(DifferentiationError, match="overlap"):
        autodiff(ReverseHolomorphic, product, Duplicated(memory[:2], shadow[:2]), Duplicated(memory[1:], shadow[1:]))


@pytest.mark.parametrize("call", ["autodiff", "gradient"])
def test_compiled_code_got_the_conjugate(call) -> None:
    if call == "autodiff":

        @njit
        def inside(z):
            return autodiff(ReverseHolomorphic, cube, Active(z))
    else:

        @njit
        def inside(z):
            return gradient(ReverseHolomorphic, cube, z)

    with pytest.raises(Exception, match="ReverseHolomorphic is not available in compiled code"):
        inside(1.0 + 2.0j)


def test_what_holomorphic_modes_refuse() -> None:
    with pytest.raises(DifferentiationError, match="has no df/dz"):
        gradient(ReverseHolomorphic, lambda z: abs(z), 1.0 + 2.0j)
    with pytest.raises(DifferentiationError, match="`x` of `<lambda>` is not complex"):
        gradient(ReverseHolomorphic, lambda x: x * 1j, 2.0)
    with pytest.raises(DifferentiationError, match="reverse mode"):
        gradient(Reverse, cube, 1.0 + 2.0j)


def test_complex_jacobian_of_real_arrays_lost_its_imaginary_part() -> None:
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(gradient(Forward, lambda x: np.sum(x) * 1j + x[0], x), [1.0 + 1.0j, 1.0j])
    np.testing.assert_array_equal(gradient(Forward, lambda x: x * 1j, x), 1j * np.eye(2))


@dataclass
class Wave:
    amplitude: Any
    time: float


def test_jacobians_of_objects_lost_the_imaginary_part() -> None:
    found = gradient(Forward, lambda w: 1j * w.time * w.time, Wave(3, 2.0))
    assert found.time == 4.0j
    found = gradient(Forward, lambda w: abs(w.amplitude) ** 2 * w.time, Wave(1.0 + 2.0j, 2.0))
    np.testing.assert_allclose(found.amplitude, 4.0 + 8.0j, rtol=1e-14)
    found = gradient(Forward, lambda w: np.array([w.amplitude.real, w.amplitude.imag * w.time]), Wave(1.0 + 2.0j, 2.0))
    np.testing.assert_array_equal(found.amplitude, [1.0, 2.0j])


@pytest.mark.parametrize("value", [1.0 + 2.0j, Z, Wave(1.0 + 2.0j, 1.0)], ids=["number", "array", "object"])
def test_complex_with_respect_to_complex_is_not_one_number(value) -> None:
    def f(w):
        return w.amplitude * w.amplitude

    with pytest.raises(DifferentiationError, match="not one number"):
        gradient(Forward, f if isinstance(value, Wave) else (lambda z: z * z), value)


def test_refusal_of_a_complex_jacobian_leaves_the_argument() -> None:
    def doubles(z):
        z *= 2.0
        return np.sum(z)

    z = Z.copy()
    with pytest.raises(DifferentiationError, match="not one number"):
        gradient(Forward, doubles, z)
    assert np.array_equal(z, Z)


def test_constants_are_left_out() -> None:
    assert gradient(ReverseHolomorphic, lambda z, w: z * w, 2.0j, Const(3.0 + 1.0j)) == (3.0 + 1.0j, None)
