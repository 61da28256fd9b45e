"""The language around the numbers: built-ins, tuples, lists, dictionaries, strings, records, functions, exceptions."""

import collections
import enum
import math

import numba
import numpy as np
from numba import njit

from numzyme.testing.program import Corpus, array, integers, real

CORPUS = Corpus()
program = CORPUS.program
Point = collections.namedtuple("Point", "x y")
SCALE = 1.5
WEIGHTS = np.array([0.5, -1.0, 2.0])


class Kind(enum.Enum):
    SQUARE = 1
    CUBE = 2


class Level(enum.IntEnum):
    LOW = 2


@program(array(5))
def builtins_over_array(x):
    total = 0.0
    for i, value in enumerate(x):
        total += i * value
    for left, right in zip(x, x[1:]):  # noqa: B905
        total += left * right
    for i in range(4, -1, -1):
        total = total * 0.5 + x[i]
    return total + sum(x) + min(x[0], x[1]) * max(x[2], x[3]) + abs(x[4])


@program(real(), real())
def builtins_on_numbers(x, y):
    return divmod(x + 3.0, 2.0)[1] + round(x, 2) * 0.0 + pow(x, 2) + float(int(y * 10)) * x + abs(y) + bool(x) * y


@program(array(4))
def list_of_floats(x):
    values = []
    for i in range(4):
        values.append(x[i] ** 2)
    total = 0.0
    for v in values:
        total += v
    return total * values[1] + len(values)


@program(array(4))
def list_comprehension_of_floats(x):
    values = [v * v for v in x]
    return sum(values) + values[0] * values[-1]


@program(array(4))
def list_of_arrays(x):
    rows = []
    for i in range(3):
        rows.append(x * (i + 1.0))
    return np.sum(rows[0] * rows[2])


@program(array(4))
def list_of_arrays_grows_by_its_last(x):
    rows = [x[:2] * 2.0]
    for i in range(3):
        rows.append(rows[-1] * x[i])
    return np.sum(rows[-1]) * rows[-2][1]


@program(array(4))
def list_pop_insert_extend(x):
    values = [x[0], x[1]]
    values.append(x[2] * x[3])
    values.insert(0, x[3] ** 2)
    values.extend([x[0] * 2.0, x[1]])
    last = values.pop()
    values[1] = values[1] * last
    return values[0] * values[1] + sum(values) + last


@program(array(4))
def list_sort_and_reverse(x):
    values = [x[0], x[1], x[2], x[3]]
    values.sort()
    values.reverse()
    return values[0] * values[1] + values[3] ** 2


@program(array(5))
def list_of_tuples(x):
    pairs = []
    for i in range(5):
        pairs.append((x[i], i))
    total = 0.0
    for value, i in pairs:
        total += value * value * i
    return total


@program(array(4))
def list_of_lists(x):
    rows = [[x[0], x[1]], [x[2], x[3]]]
    return rows[0][1] * rows[1][0] + rows[1][1]


@program(array(4))
def stack_of_numbers(x):
    stack = [x[0]]
    total = 0.0
    while len(stack) > 0:
        value = stack.pop()
        total += value * value
        if abs(value) > 0.1:
            stack.append(value * 0.4)
            stack.append(value * 0.3)
    return total


@program(integers(6, low=0, high=3), array(6))
def set_on_the_side(index, x):
    seen = set()
    total = 0.0
    for i in range(6):
        if index[i] not in seen:
            seen.add(index[i])
            total += x[i] ** 2
    return total


@program(real())
def strings_inside(x):
    name = "a" + "bc"
    total = 0.0
    for letter in name:
        if letter != "b":
            total += x**2
    return total * len(name)


@program(real())
def enum_constants(x):
    kind = Kind.CUBE
    if kind is Kind.SQUARE or kind == Kind.SQUARE:
        return x**2
    return x**3 * (2.0 if Level.LOW == 2 else 1.0)


def _maybe(x):
    if x > 5.0:
        return None
    return x * x


@program(real())
def optional_value(x):
    value = _maybe(x)
    if value is None:
        return 0.0
    return value * x


@program(real())
def none_argument_of_helper(x):
    def scaled(value, factor=None):
        if factor is None:
            return value * 2.0
        return value * factor

    return scaled(x) + scaled(x, 3.0 * x)


@program(real(), real())
def named_tuples(x, y):
    p = Point(x * y, x - y)
    q = Point(y=p.x, x=p.y**2)
    return q.x * q.y + p[0]


@program(lambda rng: Point(rng.uniform(), rng.uniform()))
def named_tuple_argument(p):
    return p.x**2 * p.y


@program(real())
def nested_tuples_inside(x):
    t = ((x, 2), (x * x, (3.0, x)))
    (a, b), (c, (d, e)) = t
    return a * b + c * d + e + len(t)


@program(array(3))
def lambdas_and_functions_in_tuples(x):
    square = lambda v: v * v  # noqa: E731
    functions = (math.sin, math.cos)
    return square(x[0]) + functions[0](x[1]) * functions[1](x[2])


def _twice(f, x):
    return f(f(x))


_twice_compiled = njit(_twice)


@njit
def _cube(x):
    return x**3


@program(real())
def functions_as_arguments(x):
    return _twice_compiled(_cube, x) + _twice_compiled(_cube, x * 0.5)


@njit
def _affine(x, slope=2.0, offset=1.0):
    return slope * x + offset


@program(real(), real())
def default_and_keyword_arguments(x, y):
    return _affine(x) * _affine(y, slope=x) + _affine(x, 3.0, offset=y)


@program(real())
def globals_and_closures(x):
    local = 2.5

    def inner(value):
        return value * local * SCALE

    return inner(x) * np.sum(WEIGHTS * x)


@njit
def _weighted(x):
    for i in range(3):
        yield x * (i + 1.0)


@program(real())
def generator_function(x):
    total = 0.0
    for value in _weighted(x):
        total += value**2
    return total


@program(array(6))
def prange_is_serial(x):
    total = 0.0
    for i in numba.prange(6):
        total += x[i] ** 2
    return total


def _fibonacci(n, x):
    if n < 2:
        return x
    return _fibonacci(n - 1, x) + _fibonacci(n - 2, x) * 0.5


_fibonacci = njit(_fibonacci)


@program(real())
def recursion_binary(x):
    return _fibonacci(6, x * x)


@program(array(5))
def try_finally(x):
    total = 0.0
    for i in range(5):
        try:
            if x[i] < 0.0:
                raise ValueError("negative")
            total += x[i] ** 2
        except Exception:
            total += x[i] ** 3
        finally:
            total *= 1.1
    return total


@program(array(5))
def while_else(x):
    i = 0
    total = 0.0
    while i < 4:
        value = x[i] * 2.0
        total += value * value
        i += 1
        if total > 100.0:
            break
    else:
        total += x[4]
    return total


@program(array(3), real(), failing=((np.array([1.0, 2.0, 3.0]), -1.0),))
def raise_with_arguments(x, y):
    if y < -0.99:
        raise ValueError("too small", 3)
    return np.sum(x) * y


@program(array(4))
def print_is_inactive(x):
    if x[0] > 100.0:
        print("large", x[0])
    return np.sum(x**2)


@program(real(), array(4))
def slices_as_values(a, x):
    part = slice(1, 3)
    return np.sum(x[part] ** 2) * a + np.sum(x[:])


@program(array(4))
def augmented_everything(x):
    a = x[0]
    a += x[1]
    a *= x[2]
    a -= 0.5
    a /= 1.0 + x[3] ** 2
    a **= 2
    b = 7
    b //= 2
    b %= 2
    return a * b


@njit
def _total(*values):
    s = 0.0
    for v in values:
        s += v * v
    return s


@program(array(4))
def star_expressions(x):
    return _total(x[0], x[1]) + _total(*(x[2], x[3], x[0]))


@program(array(6))
def chained_and_conditional_expressions(x):
    y = x[0] if x[1] > 0.0 else x[2] if x[3] > 0.0 else x[4]
    return y * y if -1.0 < y < 0.5 else y**3


@program(real(1.5, 2.5))
def bit_operations_steer(x):
    n = 5
    total = 0.0
    while n:
        if n & 1:
            total += x
        x = x * x * 0.5
        n >>= 1
    return total + (3 ^ 1) * x


@numba.vectorize
def _smooth(x, y):
    return x * x / (1.0 + y * y)


@program(array(4), array(4))
def vectorized_function(x, y):
    return np.sum(_smooth(x, y)) + _smooth(x[0], 2.0) * np.sum(_smooth(x.reshape(2, 2)[:, :1], y[:3]))
