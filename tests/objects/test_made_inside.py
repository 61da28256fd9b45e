"""Functions that are made inside of the differentiated one and handed on, recursive ones, generators.

Gradients agree with differences, and with the tangents of forward mode (dot-product identity); what Python would do
with a later value of a captured name is refused with the line.
"""

import math

import numpy as np
import pytest

from numzyme import DifferentiationError, Duplicated, Forward, autodiff, grad

DATA = np.array([2.0, 3.0])
SCALE = 2.0


def apply(function, u):
    return function(u) + function(2.0 * u)


def integral(function, low, high):
    step = (high - low) / 8
    total = 0.0
    for i in range(8):
        total += function(low + (i + 0.5) * step)
    return total * step


def call_both(function):
    function(0)
    function(1)


def uses_globals(x):
    g = lambda t: t * DATA[0] * SCALE  # noqa: E731
    return apply(g, x[0]) * x[1]


def captures_a_number(x):
    s = x[0] * x[0]
    return apply(lambda t: math.sin(t * s), x[1])


def captures_a_function(x):
    g = lambda t: t * x[0]  # noqa: E731

    def h(t):
        return g(t) * math.cos(x[1])

    return apply(h, 0.5) + g(1.0)


def integral_of_an_integral(x):
    def inner(u):
        return integral(lambda t: math.exp(-u * t) * x[1], 0.0, u)

    return integral(inner, 0.0, x[0])


def recursive(x):
    def power(n):
        return 1.0 if n <= 0 else x[0] * power(n - 1) + x[1]

    return power(4)


def recursive_over_an_array(x):
    def rest(i):
        if i == len(x):
            return 0.0
        return x[i] ** 2 + math.sin(rest(i + 1))

    return rest(0)


def generator(x):
    def weighted(n):
        for i in range(n):
            yield x[i] * (i + 1)

    s = 0.0
    for v in weighted(2):
        s += v * v
    return s


OPTION = None


def made_by_another_in_loops(x):
    def power(p):
        def raised(t):
            return t**p + x[0] * p

        return raised

    s = 0.0
    for p in (1, 2, 3):
        s += apply(power(p), x[1])
    for v in x:
        s += apply(power(2.0 + v), x[1])
    return s + apply(power(1.5), x[0]) * apply(power(2.5), x[1])


def takes_any_number(x):
    def mean(*values):
        return sum(values) / len(values)

    def count(*values):
        return len(values) * x[0] if OPTION else len(values) * x[1]

    return np.sum(mean(x) * x) + count((x[1], x[0])) + mean(x[0], x[1])


def stores(x):
    y = np.zeros(2)

    def put(i):
        y[i] = x[i] ** 2

    call_both(put)
    return y.sum()


def called_inside_of_try(x):
    def checked(t):
        if t < 0.4:
            raise ValueError("small")
        return t * x[1]

    y = 1.0
    try:
        y = checked(x[1])
        y += checked(x[0])
    except Exception:
        y += x[0] * 3
    return y


def in_a_tuple(x):
    functions = (lambda t: t * x[0], lambda t: t * t * x[1])
    return functions[0](2.0) + functions[1](x[0])


def exponent(x):
    n = 3
    return apply(lambda t: t**n * x[0], x[1])


def with_default(x):
    g = lambda t, p=3: t**p * x[0]  # noqa: E731
    return apply(g, x[1])


def made_again_in_a_loop(x):
    s = 0.1
    for _ in range(3):
        g = lambda t: t * s + x[0]  # noqa: B023, E731
        s = apply(g, x[1])
    return s


def bound_anew_when_it_is_done(x):
    s = x[0]
    r = apply(lambda t: t * s, 1.0)
    s = x[1]
    return r * s


def default_from_around(x):
    a = x[0]
    g = lambda t, a=a, b=a * x[1], n=2: t**n * a + b  # noqa: E731
    a = x[1]
    return apply(g, x[1]) + g(a) + g(a, b=3.0)


def defaults_of_a_loop(x):
    total = 0.0
    for i in range(3):
        g = lambda t, i=i, view=x[i % 2 :]: t * i * view[0]  # noqa: E731
        i += 7
        total += apply(g, x[1]) + g(x[0]) + i
    return total


def default_was_the_first_value_of_its_variable(x):
    total, b, i = 0.0, 1.0, 0
    for v in x:
        g = lambda t, k=b: t * k  # noqa: E731
        total += g(v) + apply(g, v)
        b = v
    while i < 2:
        try:
            power = lambda k=i, *, n=i + 1: x[k] ** n  # noqa: E731
            total += power()
        finally:
            i += 1

    def inside(u):
        i, s = 0, 0.0
        while i < 2:
            h = lambda t, k=i: t * x[k]  # noqa: E731
            i += 1
            s += h(u)
        return s

    return total + inside(x[0]) + inside(x[1])


def default_of_an_earlier_function(x):
    total = 0.0
    for i in range(3):
        g = lambda t, k=x[1] + i: t * k  # noqa: E731
        if i < 2:
            old = g
        total += old(x[0])
    return total + old(x[0]) * g(x[1])


def functions_with_defaults_in_a_tuple(x):
    total = x[0]
    for g in (lambda t, a=x[0]: t * a, lambda t, a=x[1], *, b=x[0]: t * a * b):
        total += g(total) + apply(g, x[1])
    return total


def keyword_only(x):
    def g(t, *, power=2, scale=x[0]):
        return t**power * scale

    return apply(g, x[1]) + g(x[0], scale=x[1]) + g(x[0], scale=3.0, power=3)


def starred(x):
    g = lambda a, b, c: a * b + c * x[1]  # noqa: E731
    return g(*(x[0], 2.0, x[1])) + g(x[0], *(x[1], 3.0))


def recursive_lambda(x):
    power = lambda n: x[0] if n <= 0 else x[1] * power(n - 1)  # noqa: E731
    return power(3) + apply(lambda t: t * power(2), x[1])


def walrus(x):
    def halved(t):
        while (t := t * 0.5) > 0.3:
            pass
        return t * (u := t + x[1]) * u

    return halved(x[0]) + apply(lambda t: (a := t * x[0]) * a, x[1])


def calls_inside_of_functions_made_inside(x):
    def outer(t):
        def weighted(u, p=2.0, q=3.0):
            return u * p + q * x[1]

        def named(u, *, scale=x[0], power):
            return u**power * scale

        k = t * x[1]
        kept = lambda u, k=k, square=k * k: u * k + square  # noqa: E731
        k = 5.0
        down = lambda n: t if n <= 0 else x[1] * down(n - 1)  # noqa: E731
        return weighted(t, q=7.0) + weighted(q=t, u=k) + kept(t) + down(2) + named(t, power=2) + weighted(*(t, k))

    return outer(x[0])


PROGRAMS = (uses_globals, captures_a_number, captures_a_function, integral_of_an_integral, recursive,
            recursive_over_an_array, generator,
            made_by_another_in_loops, takes_any_number, stores, called_inside_of_try, in_a_tuple, exponent,
            with_default, default_from_around, defaults_of_a_loop,
            default_was_the_first_value_of_its_variable, default_of_an_earlier_function,
            functions_with_defaults_in_a_tuple, keyword_only,
            starred, recursive_lambda, walrus, calls_inside_of_functions_made_inside,
            made_again_in_a_loop, bound_anew_when_it_is_done)  # fmt: skip


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda function: function.__name__)
def test_functions_made_inside(function):
    x, step = np.array([0.3, 0.5]), 1e-6
    gradient = grad(function)(x.copy())
    for i, direction in enumerate(np.eye(2)):
        difference = (function(x + step * direction) - function(x - step * direction)) / (2 * step)
        assert abs(gradient[i] - difference) < 1e-8  # third derivatives below 10 give 1e-11, rounding 1e-10
    direction = np.array([0.7, -1.3])
    tangent = autodiff(Forward, function, Duplicated(x.copy(), direction))
    assert abs(tangent - gradient @ direction) < 1e-12 * (1 + abs(tangent))


def test_data_of_a_function_made_inside_are_current():
    global SCALE
    derivative, x = grad(uses_globals), np.array([0.3, 0.5])
    before = derivative(x)
    DATA[0], SCALE = 5.0, 3.0
    try:
        np.testing.assert_allclose(derivative(x), before * (15.0 / 4.0), rtol=1e-14)
    finally:
        DATA[0], SCALE = 2.0, 2.0


def bound_anew(x):
    s = x[0]
    g = lambda t: t * s  # noqa: E731
    s = x[1]
    return apply(g, 1.0)


def bound_anew_in_a_loop(x):
    s = 0.1
    g = lambda t: t * s + x[0]  # noqa: E731
    for _ in range(3):
        s = apply(g, x[1])
    return s


def bound_anew_in_a_helper(x):
    def pick(f):
        return f

    s = x[0]
    h = pick(lambda t: t * s)
    s = x[1]
    return apply(h, 1.0)


def bound_anew_behind_a_list(x):
    s = x[0]
    made = [lambda t: t * s]
    s = x[1]
    return apply(made[0], 1.0)


def twice(function):
    for k in range(2):
        yield function(1.0) * k


def bound_anew_behind_a_generator(x):
    s = x[0]
    values = twice(lambda t: t * s)
    s = x[1]
    total = 0.0
    for value in values:
        total += value
    return total


class Holder:
    def __init__(self, function):
        self.function = function


def bound_anew_behind_an_object(x):
    s = x[0]
    holder = Holder(lambda t: t * s)
    s = x[1]
    return holder.function(2.0)


def bound_anew_behind_another(x):
    s = x[0]
    g = lambda t: t * s  # noqa: E731

    def h(t):
        return g(t) + 1.0

    s = x[1]
    return apply(h, 2.0)


def bound_anew_unread(x):
    s = x[0]
    g = lambda t: t * s  # noqa: E731
    h = lambda t: t * 2.0  # noqa: E731
    r = h(x[1])
    s = x[1]
    return apply(g, r)


def bound_anew_behind_a_tuple(x):
    s = x[0]
    functions = (lambda t: t * s, lambda t: t)
    s = x[1]
    return functions[0](1.0)


@pytest.mark.parametrize(
    "function",
    (
        bound_anew,
        bound_anew_in_a_loop,
        bound_anew_unread,
        bound_anew_in_a_helper,
        bound_anew_behind_a_list,
        bound_anew_behind_a_tuple,
        bound_anew_behind_a_generator,
        bound_anew_behind_an_object,
        bound_anew_behind_another,
    ),
)
def test_a_captured_name_that_is_bound_anew_is_refused(function):
    with pytest.raises(DifferentiationError, match="captures `s`, which is bound anew"):
        grad(function)(np.array([0.3, 0.5]))


def test_a_captured_name_that_the_function_binds_anew_is_refused():
    def adds(x):
        s = 0.0

        def add(t):
            nonlocal s
            s += t * x[0]
            return s

        return apply(add, x[1])

    with pytest.raises(DifferentiationError, match="nonlocal"):
        grad(adds)(np.array([0.3, 0.5]))


def test_a_captured_name_that_is_bound_anew_in_an_inlined_function_is_refused():
    def outer(x):
        def make(p):
            g = lambda t: t * p  # noqa: E731
            p = p + 1.0
            return apply(g, 2.0)

        return make(x[0])

    with pytest.raises(DifferentiationError, match="`p` is captured and bound more than once"):
        grad(outer)(np.array([0.3, 0.5]))


def test_nonlocal_inside_is_refused():
    def doubled(x):
        k = 1.0

        def double():
            nonlocal k
            k = k * 2.0
            return x[0]

        return k * double()

    with pytest.raises(DifferentiationError, match="nonlocal"):
        grad(doubled)(np.array([0.3, 0.5]))


def test_calls_without_end_are_refused():
    def fixed_point(x):
        y = lambda f, n: x[0] if n == 0 else f(f, n - 1) * x[1]  # noqa: E731
        return y(y, 3)

    with pytest.raises(DifferentiationError, match="without end"):
        grad(fixed_point)(np.array([0.3, 0.5]))


def test_a_parameter_that_is_bound_anew_in_front_of_a_comprehension():
    def weighted(x):
        def scaled(p):
            p = p * 2.0
            return sum([p * v for v in x])

        return scaled(x[0])

    np.testing.assert_allclose(grad(weighted)(np.array([0.3, 0.5])), [2.2, 0.6], rtol=1e-14)
