"""The Python programs of the frontend tests: one language or NumPy feature each, with argument types."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, types

number = types.float64
integer = types.int64
vector = types.float64[::1]
strided = types.float64[:]
matrix = types.float64[:, ::1]
cube = types.float64[:, :, ::1]


@dataclass(frozen=True)
class Program:
    function: Callable
    argument_types: tuple
    plain_python: bool = False  # calls plain functions, which njit itself refuses

    def __str__(self) -> str:
        return self.function.__name__

    def arguments(self) -> list[Any]:
        """Fresh arguments, the same ones each time."""
        generator = np.random.default_rng(7)
        return [_value(kind, generator) for kind in self.argument_types]


def _value(kind: Any, generator: np.random.Generator) -> Any:
    if isinstance(kind, types.Array):
        shape = (4,) * kind.ndim
        value = np.asarray(generator.uniform(0.5, 2.0, shape), dtype=str(kind.dtype))
        if kind.layout == "A":
            value = np.repeat(value, 2, axis=-1)[..., ::2]
        elif kind.layout == "F":
            value = np.asfortranarray(value)
        value.flags.writeable = kind.mutable
        return value
    if isinstance(kind, types.BaseTuple):
        return tuple(_value(member, generator) for member in kind.types)
    if isinstance(kind, types.Boolean):
        return True
    if isinstance(kind, types.Integer):
        return 5
    return float(generator.uniform(0.5, 2.0))


PROGRAMS: list[Program] = []


def program(*argument_types: Any, plain_python: bool = False) -> Callable:
    def add(function: Callable) -> Callable:
        PROGRAMS.append(Program(function, argument_types, plain_python))
        return function

    return add


@program(vector)
def for_loop(x):
    total = 0.0
    for i in range(x.shape[0]):
        total += math.sin(x[i]) * x[i]
    return total


@program(number)
def while_with_branch_and_break(x):
    count = 0
    while x > 1e-3:
        x = x * 0.5 if x > 1 else x * x * 0.5
        count += 1
        if count > 100:
            break
    return x


@program(vector)
def early_return_continue_else(x):
    for i in range(x.size):
        if x[i] < 0:
            return x[i]
        if x[i] == 0:
            continue
        if x[i] > 10:
            break
    else:
        return 1.0
    return 2.0


@program(vector)
def enumerate_and_zip(x):
    total = 0.0
    for i, value in enumerate(x):
        total += i * value
    for first, second in zip(x, x[1:]):  # noqa: B905
        total += first * second
    return total


@program(vector, integer)
def steps(x, n):
    total = 0.0
    for i in range(0, x.size, 2):
        total += x[i]
    for i in range(x.size - 1, -1, -1):
        total = total * 0.5 + x[i]
    for i in range(1, n % 4):
        total -= x[i]
    return total


@program(matrix)
def two_dimensions(x):
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total += x[i, j] * i - j
    return total


@program(cube)
def three_dimensions(x):
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            for k in range(x.shape[2]):
                total += x[i, j, k] ** 2
    return total


@program(strided)
def strided_slices(x):
    return np.sum(x[::2] * x[1::2])


@program(vector)
def reversed_view(x):
    return np.sum(x[::-1] * x)


@program(matrix)
def transpose(x):
    return np.sum(x.T * 2.0) + x.T[0, 1]


@program(matrix)
def row_slices(x):
    total = 0.0
    for i in range(x.shape[0]):
        row = x[i]
        total += np.dot(row, row) + row[1:].sum()
    return total


@program(types.float64[:, :, :])
def ellipsis(x):
    return x[0, 1, :].sum() + x[..., 0].sum()


@program(types.float64[::1, :])
def fortran_order(x):
    return x.sum() + x[:, 1].sum()


@program(vector)
def array_method(x):
    return x.sum()


@program(matrix)
def array_method_2d(x):
    return x.sum()


@program(vector)
def reductions(x):
    return np.mean(x) + np.var(x) + x.min() + x.max() + np.prod(x)


@program(matrix, vector)
def broadcasting(x, y):
    return np.sum(x * y + y)


@program(vector)
def ufuncs(x):
    rest = np.log1p(x) + np.arctan2(x, x) + np.maximum(x, 0.0)
    return np.sum(np.tanh(x) + np.exp(x) + np.sqrt(np.abs(x)) + rest)


@program(vector)
def where(x):
    return np.sum(np.where(x > 1, x, -x))


@program(vector)
def sort(x):
    return np.sort(x)[0]


@program(vector)
def concatenate(x):
    return np.concatenate((x, x)).sum()


@program(vector)
def outer(x):
    return np.outer(x, x).sum()


@program(vector)
def cumulative_sum(x):
    return np.cumsum(x)[2]


@program(vector, vector)
def dot(x, y):
    return np.dot(x, y)


@program(matrix, matrix)
def matrix_product(a, b):
    return (a @ b).sum()


@program(matrix, vector)
def matrix_times_vector(a, b):
    return np.sum(np.dot(a, b))


@program(number)
def mathematics(x):
    first = math.erf(x) + math.lgamma(x) + math.hypot(x, x) + math.atan(x) + math.cosh(x)
    return first + math.gamma(x) + math.log2(x) + math.expm1(x) + math.atan2(x, 2.0) + math.sqrt(x)


@program(vector)
def python_builtins(x):
    return min(x[0], x[1]) + max(x[0], 0.0) + abs(x[2]) + divmod(x[0], 2.0)[1] + x[1] // 2 + x[0] % 3.0


@program(vector)
def literal_powers(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i] ** 2 + x[i] ** 3 + x[i] ** -2 + x[i] ** 10 + x[i] ** 0 + x[i] ** 1
    return total


@program(vector)
def array_powers(x):
    return np.sum(x**2 + x**3 + x**-1)


@program(vector, number)
def real_power(x, p):
    return np.sum(x**p) + np.sum(x**0.5) + np.sum(np.power(x, 2.0))


@program(number, integer)
def integer_power(x, n):
    return x**n


@program(types.float32[::1])
def single_precision(x):
    total = np.float32(0)
    for value in x:
        total += value * value
    return total


@program(vector, types.boolean, types.int32)
def boolean_and_small_integer(x, flag, n):
    return x[0] * n if flag else x[1]


@program(vector)
def buffers(x):
    old = np.zeros_like(x)
    new = np.ones(x.size)
    source = x.copy()
    last = np.empty(x.size)
    twos = np.full(x.size, 2.0)
    for _ in range(3):
        for i in range(1, x.size):
            new[i] = old[i - 1] + source[i]
        old, new = new, old
    last[:] = old
    return last.sum() + new[0] + twos[0]


@program(vector)
def in_place(x):
    x += 1.0
    x[0] *= 3
    return x[0]


@program(vector, vector)
def writes_output(x, y):
    for i in range(x.size):
        y[i] = x[i] * 2


@program(types.Array(number, 0, "C"))
def zero_dimensional(x):
    return x[()] * 2


@program(types.Array(number, 1, "C", readonly=True))
def read_only(x):
    return x[0] * x[1]


@program(number)
def list_that_grows(x):
    values = [x * 1.0]
    for _ in range(5):
        values.append(values[-1] * x)
    total = 0.0
    for value in values:
        total += value
    return total


@program(number)
def array_of_list(x):
    return np.array([x, x * 2, x * 3]).sum()


@program(vector)
def tuple_inside(x):
    first, second = x[0], x[1]
    both = (first, second, first * second)
    return both[0] + both[2]


@program(types.UniTuple(number, 3), types.Tuple((vector, number)))
def tuple_arguments(t, u):
    return t[0] * t[1] + u[0][0] * u[1]


@program(vector)
def returns_tuple_with_array(x):
    return x * 2.0, x[0], 3


@program(vector)
def returns_argument(x):
    return x


@njit
def _helper(x, y):
    return x * y + math.exp(x)


@program(vector, vector)
def helper_call(x, y):
    total = 0.0
    for i in range(x.size):
        total += _helper(x[i], y[i])
    return total


def _plain_helper(x):
    return x * x + 1


@program(number, plain_python=True)
def plain_helper_call(x):
    return _plain_helper(x) * _plain_helper(x + 1)


@njit
def _weighted(a, b, c=2.0):
    return a[0] * b[0] * c


@program(vector, vector)
def keyword_call(x, y):
    return _weighted(x, b=y)


@njit(fastmath=True, error_model="numpy", inline="always")
def _inlined(a, b):
    return a / b + b


@program(number, number)
def inlined_by_numba(x, y):
    return _inlined(x, y)


@program(vector)
def closure(x):
    factor = x[0]

    def scaled(y):
        return y * factor

    return scaled(x[1]) + scaled(x[2])


@njit
def _fibonacci(x, n):
    if n < 2:
        return x
    return _fibonacci(x, n - 1) * 0.5 + _fibonacci(x, n - 2)


@program(number, integer)
def recursion(x, n):
    return _fibonacci(x, n)


@njit
def _even(x, n):
    if n == 0:
        return x
    return _odd(x * 0.5, n - 1)


@njit
def _odd(x, n):
    if n == 0:
        return -x
    return _even(x + 1.0, n - 1)


@program(number, integer)
def mutual_recursion(x, n):
    return _even(x, n)


@program(number, integer, plain_python=True)
def plain_self_recursion(x, n):
    if n <= 0:
        return x
    return x * plain_self_recursion(x * 0.5, n - 1)


@program(vector)
def raise_and_assert(x):
    if x[0] < 0:
        raise ValueError("negative")
    assert x[1] > 0, "not positive"
    return 1.0 / x[0]


@program(number, integer)
def raises_constant(x, n):
    if n > 3:
        raise ValueError("too many")
    return x


@program(number, integer)
def raises_dynamic(x, n):
    if n > 3:
        raise ValueError("n is", n)
    return x


@program(number)
def zero_division(x):
    return 1.0 / (x - x)


@program(number)
def caught(x):
    try:
        if x > 0:
            raise ValueError("x")
        y = x
    except Exception:
        y = -x
    return y
