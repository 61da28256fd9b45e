"""Programs that once had a wrong derivative, each named after what was wrong.

Reference: central differences of the plain function with a step of 1e-6. They agree with the derivative to 1e-6
relative to the size of the gradient (truncation 1e-12, cancellation 1e-10, both times the curvature of these mild
programs). Forward and reverse mode agree to 1e-12.
"""

import math

import numpy as np
import pytest
from numba import njit
from numba.core.runtime import _nrt_python, rtsys

from numzyme import Active, Const, Duplicated, Forward, Reverse, UnsupportedCodeError, autodiff, derive, grad, gradient


def differences(f, x, h=1e-6):
    gradient = np.empty_like(x)
    for k in range(x.size):
        step = np.zeros_like(x)
        step.flat[k] = h
        gradient.flat[k] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient


def join_whose_sides_met_before(x):
    total = x[0]
    try:
        total = total * x[1]
        if x[2] > 0.0:
            raise ValueError("always")
        total = total * 100.0
    except Exception:
        total = total + x[3]
    return total * total


def older_instance_of_an_allocation(x):
    previous = x * 1.0
    total = 0.0
    for _ in range(4):
        current = previous * 2.0 + np.sin(previous)
        for i in range(len(previous)):
            total += previous[i] ** 3
        previous[0] = 7.0
        previous[1] = previous[2] * previous[3]
        previous = current
    return total + previous.sum()


def list_without_use_beside_caught_exceptions(x):
    """The list's first block had a shadow in forward mode, and the block to which it grows had none: refused."""
    y = x.copy()
    for _ in range(2):
        try:
            if y[0] > -0.2:
                raise ValueError("always")
            y[1] *= 2.0
        except Exception:
            y[1:] = np.sin(y[1:])
    if y.size % 2 == 1:
        y[1:4]
    else:
        unused = [1.06]
        for _ in range(1):
            unused.append(y[0] * y[1] + unused[-1])
        math.sin(sum(unused) + unused[0] * unused[-1])
    return y[2] ** 2 * y[3]


def factor_of_a_product_overwritten_later(x):
    matrix = np.outer(x, x)
    y = x.copy()
    for _ in range(3):
        y = np.tanh(matrix @ y)
        matrix *= 0.9
        matrix[0, 0] += y[0]
    return y.sum()


def pointer_through_a_struct_in_a_register(x):
    view = x[::2]
    return np.dot(np.ascontiguousarray(view), np.ascontiguousarray(view))


def slice_copied_through_a_heap_buffer(x):
    x[1:] += x[:-1]
    x *= x
    return x.sum()


def switch_with_two_cases_to_one_block(x):
    total = 1.0
    for i in range(x.size):
        value = x[i] * total
        kind = i % 6
        if kind == 1 or kind == 3 or kind == 5:
            total = value
        elif kind == 2:
            total = math.sin(value)
        elif kind == 4:
            total = math.exp(value)
        else:
            total = value + 0.5
    return total


@njit
def versions(u, n):
    if n <= 0:
        return u
    return math.sin(u + 0.4 * versions(0.6 * u, n - 1))


def recursion_with_a_literal_argument(x):
    return versions(x[0], 2) * versions(x[1], 3)


def block_that_is_cleared_after_use(x):
    """The reverse of the second filling is needed; that of the first, of new memory, is not."""
    y = np.zeros(40)
    for i in range(40):
        y[i] += x[i % 5] ** 2
    total = y.sum()
    y[:] = 0.0
    for i in range(0, 40, 7):
        y[i] += x[i % 5] * total
    return np.sum(y**3)


PROGRAMS = [
    join_whose_sides_met_before,
    older_instance_of_an_allocation,
    list_without_use_beside_caught_exceptions,
    factor_of_a_product_overwritten_later,
    pointer_through_a_struct_in_a_register,
    slice_copied_through_a_heap_buffer,
    switch_with_two_cases_to_one_block,
    recursion_with_a_literal_argument,
    block_that_is_cleared_after_use,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_derivative(program):
    plain = njit(program)
    generator = np.random.default_rng(3)
    x, direction = generator.uniform(0.3, 1.2, 6), generator.standard_normal(6)
    expected = differences(lambda at: plain(at.copy()), x)
    reverse = grad(program)(x.copy())
    np.testing.assert_allclose(reverse, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    forward = autodiff(Forward, program, Duplicated(x.copy(), direction.copy()))
    assert forward == pytest.approx(reverse @ direction, rel=1e-12)


def test_branch_on_equality_keeps_the_variable():
    def f(x):
        return x * x if x == 1.5 else x * x + 1.0

    assert grad(f)(1.5) == 3.0


def test_branch_on_inequality_keeps_the_variable():
    def f(x):
        return x * x + 1.0 if x != 1.5 else x * x

    assert grad(f)(1.5) == 3.0


def test_tangent_of_a_returned_array_is_not_zero():
    tangent = autodiff(Forward, lambda x: np.sin(x), Duplicated(np.array([0.1, 0.2]), np.ones(2)))
    np.testing.assert_allclose(tangent, np.cos([0.1, 0.2]), rtol=1e-15)


def test_constant_array_in_a_result_is_refused():
    def f(x, c):
        return x * 2.0, c

    with pytest.raises(UnsupportedCodeError, match="the constant array c"):
        autodiff(Forward, f, Duplicated(np.ones(2), np.ones(2)), Const(np.ones(3)))


def test_shadow_is_released_when_forward_mode_raises():
    def f(x):
        y = x * 2.0
        z = np.sin(y)
        if z[0] > 0.5:
            raise ValueError("large")
        return z.sum()

    def attempt():
        with pytest.raises(ValueError, match="large"):
            autodiff(Forward, f, Duplicated(np.full(3, 0.5), np.ones(3)))

    _nrt_python.memsys_enable_stats()
    attempt()
    before = rtsys.get_allocation_stats()
    for _ in range(10):
        attempt()
    after = rtsys.get_allocation_stats()
    assert after.alloc - after.free == before.alloc - before.free
    assert after.mi_alloc - after.mi_free == before.mi_alloc - before.mi_free


@pytest.mark.parametrize("mode", [Forward, Reverse])
def test_long_chain_of_values(mode):
    """Operands were followed by recursion to Python's limit: RecursionError, from Numba and from reverse mode."""
    lines = [f"    if x > {i / 100}:\n        s = s + x * {i}.5" for i in range(100)]
    scope: dict = {}
    exec("def long_chain(x, flag):\n    s = 0.0\n" + "\n".join(lines) + "\n    return s * x + flag", scope)
    f, x = scope["long_chain"], 0.305
    found = gradient(mode, f, x, 1.0)
    slope = (f(x + 1e-6, 1.0) - f(x - 1e-6, 1.0)) / 2e-6
    np.testing.assert_allclose(found, (slope, 1.0), rtol=1e-6)


def test_chain_that_is_longer_than_even_we_follow(monkeypatch):
    """Refused with the function's line, not with a RecursionError."""

    def chain(x):
        for _ in range(3):
            x = math.sin(x) * x if x > 0.25 else math.cos(x) + x
        return x

    monkeypatch.setattr(derive, "differentiate", runs_out_of_calls)
    with pytest.raises(UnsupportedCodeError, match="too long") as refused:
        grad(chain)(0.5)
    assert refused.value.where is not None and refused.value.where.function == "chain"


def runs_out_of_calls(text, request):
    return runs_out_of_calls(text, request)


def products_in_a_loop(x):
    z, total = x + 1j * np.cos(x), 0.0
    for k in range(3):
        total += (np.vdot(z * k, z * z) * np.dot(z, z)).imag
    return total


def test_complex_products_in_a_loop():
    """The tangent of a product starts at zero in every iteration."""
    x, v = np.array([0.5, -1.25, 0.75]), np.array([0.3, -0.2, 0.9])
    tangent = autodiff(Forward, products_in_a_loop, Duplicated(x, v))
    np.testing.assert_allclose(tangent, differences(products_in_a_loop, x) @ v, rtol=1e-6)
    np.testing.assert_allclose(tangent, grad(products_in_a_loop)(x) @ v, rtol=1e-12)


def carried(x, n):
    for _ in range(n):
        x = math.sin(x) * x
    return x


def test_tape_that_does_not_fit_into_memory():
    """Eight petabytes are asked for before the loop begins; without a check their address is null (a seeded fault)."""
    with pytest.raises(MemoryError, match="no memory for the tape"):
        grad(carried)(0.5, 2**50)
    assert grad(carried)(0.5, 1) == pytest.approx(math.cos(0.5) * 0.5 + math.sin(0.5), rel=1e-14)


def test_more_ways_into_one_block_than_a_byte_tells_apart():
    lines = [
        f"    {'el' if n else ''}if k == {n}:\n        s = s * {n + 1}.5 + math.sin(x * {n + 1})" for n in range(300)
    ]
    names = {"math": math}
    exec("\n".join(["def f(x, k):", "    s = x", *lines, "    return s * s"]), names)
    f = names["f"]
    for k in (0, 1, 255, 256, 257, 299, 300):
        found = grad(f)(0.3, k)
        step = 1e-6
        expected = (f(0.3 + step, k) - f(0.3 - step, k)) / (2 * step)
        assert found == pytest.approx(expected, rel=1e-6), k


def test_sum_of_a_short_loop_was_lost_by_the_vectorizer():
    @njit
    def f(m, b, n):
        for i in range(n % 4):
            m[2 - i] = b * b
        return m[1]

    for n, weight in ((0, 0.0), (1, 3.0), (2, 6.0), (3, 7.0)):
        shadow = np.array([1.0, 2.0, 3.0])
        found = autodiff(Reverse, f, Duplicated(np.ones(3), shadow), Active(0.4), Const(n))
        assert found[1] == pytest.approx(0.8 * weight, rel=1e-14)
