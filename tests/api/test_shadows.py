"""Section 10 of the contract: shadows that do not fit are refused before anything runs."""

from __future__ import annotations

import numpy as np
import pytest

from numzyme import (
    Active,
    Const,
    DifferentiationError,
    DifferentiationTypeError,
    DifferentiationValueError,
    Duplicated,
    Reverse,
    autodiff,
)


def product(a, b):
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


def write_and_read(a, b):
    total = 0.0
    for i in range(len(a)):
        b[i] += 1.0
        total += a[i] * b[i]
    return total


def refused(f, *arguments, match: str, kind: type = DifferentiationValueError) -> None:
    """Refused with this message, and nothing was touched."""
    arrays = [a for argument in arguments for a in (argument.primal, getattr(argument, "shadow", None))]
    before = [np.copy(a) for a in arrays if isinstance(a, np.ndarray)]
    with pytest.raises(kind) as caught:
        autodiff(Reverse, f, *arguments)
    assert match in str(caught.value)
    assert isinstance(caught.value, DifferentiationError)
    for array, old in zip((a for a in arrays if isinstance(a, np.ndarray)), before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.fixture
def x():
    return np.array([1.0, 2.0, 3.0, 4.0])


def test_other_shape(x):
    refused(product, Duplicated(x, np.zeros(5)), Const(x.copy()), match="has shape (4,), its shadow (5,)")


@pytest.mark.parametrize(
    "shadow", [np.zeros(4, np.float32), np.zeros((4, 1)), np.zeros(4, int), 1.0, np.zeros(4, complex)]
)
def test_other_type(x, shadow):
    wrong = DifferentiationTypeError
    refused(product, Duplicated(x, shadow), Const(x.copy()), match="of another type than its primal", kind=wrong)


def test_readonly_shadow(x):
    shadow = np.zeros(4)
    shadow.flags.writeable = False
    refused(product, Duplicated(x, shadow), Const(x + 1), match="is read-only", kind=DifferentiationTypeError)


def test_primal_as_its_own_shadow(x):
    refused(product, Duplicated(x, x), Const(x.copy()), match="shares memory with `a`")


def test_shadow_overlapping_another_primal(x):
    refused(product, Duplicated(x.copy(), x), Duplicated(x, np.zeros(4)), match="shares memory with `b`")
    refused(product, Duplicated(x.copy(), x), Const(x), match="shares memory with `b`")


def test_one_shadow_for_two_primals(x):
    shadow = np.zeros(4)
    refused(product, Duplicated(x, shadow), Duplicated(x.copy(), shadow), match="the shadow of `b`")
    big = np.zeros(6)
    refused(product, Duplicated(x, big[:4]), Duplicated(x.copy(), big[2:]), match="the shadow of `b`")


def test_two_shadows_for_one_primal(x):
    refused(product, Duplicated(x, np.zeros(4)), Duplicated(x, np.zeros(4)), match="do not do so likewise")


def test_offsets_that_differ(x):
    shadow = np.zeros(4)
    refused(
        product,
        Duplicated(x[:2], shadow[:2]),
        Duplicated(x[1:3], shadow[2:]),
        match="do not do so likewise",
    )


def test_offsets_that_agree(x):
    shadow = np.zeros(4)
    autodiff(Reverse, product, Duplicated(x[:3], shadow[:3]), Duplicated(x[1:], shadow[1:]))
    np.testing.assert_array_equal(shadow, [2, 4, 6, 3])
    shadow[:] = 0
    autodiff(Reverse, product, Duplicated(x, shadow), Duplicated(x, shadow))
    np.testing.assert_array_equal(shadow, 2 * x)


def test_interleaved_arrays_are_accepted(x):
    shadow = np.zeros(4)
    autodiff(Reverse, product, Duplicated(x[::2], shadow[::2]), Duplicated(x[1::2], shadow[1::2]))
    np.testing.assert_array_equal(shadow, [2, 1, 4, 3])
    matrix, shadows = np.arange(8.0).reshape(2, 4), np.zeros((2, 4))
    left, right = matrix[:, :2], matrix[:, 2:]
    autodiff(
        Reverse,
        lambda a, b: (a * b).sum(),
        Duplicated(left, shadows[:, :2]),
        Duplicated(right, shadows[:, 2:]),
    )
    np.testing.assert_array_equal(shadows, np.hstack([right, left]))


def test_constant_and_active_of_one_memory(x):
    shadow = np.zeros(4)
    autodiff(Reverse, product, Duplicated(x, shadow), Const(x))
    np.testing.assert_array_equal(shadow, x)
    refused(write_and_read, Duplicated(x, shadow), Const(x), match="one constant and one differentiated")
    refused(write_and_read, Const(x), Duplicated(x, shadow), match="one constant and one differentiated")


def test_two_constants_of_one_memory_may_be_written(x):
    def f(a, b, c):
        b[0] = 5.0
        return a[0] * c

    assert autodiff(Reverse, f, Const(x), Const(x), Active(2.0)) == (None, None, 5.0)


def test_activities_that_do_not_fit(x):
    wrong = DifferentiationTypeError
    refused(product, Active(x), Const(x.copy()), match="cannot be Active", kind=wrong)
    refused(lambda a: a, Duplicated(1.0, 2.0), match="cannot be Duplicated in reverse mode", kind=wrong)
    refused(lambda a, b: b, Duplicated(np.arange(3), np.arange(3)), Const(1.0), match="no derivative", kind=wrong)
