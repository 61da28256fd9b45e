"""Control flow: loops with counted and data-dependent trip counts, several exits, branches on values."""

import math

import numpy as np

from numzyme.testing.program import Corpus, array, exactly, integers, real

CORPUS = Corpus()
program = CORPUS.program


@program(array(6), analytic=True)
def for_over_indices(x):
    total = 0.0
    for i in range(x.shape[0]):
        total += math.sin(x[i]) * x[i]
    return total


@program(array(6), analytic=True)
def for_over_elements(x):
    product = 1.0
    for value in x:
        product *= 1.0 + 0.3 * value
    return product


@program(array(7), analytic=True)
def for_with_start_and_step(x):
    total = 0.0
    for i in range(1, x.size, 2):
        total = total * x[i] + x[i - 1] ** 2
    return total


@program(array(6), analytic=True)
def for_counting_down(x):
    total = 0.0
    for i in range(x.size - 1, -1, -1):
        total = 0.5 * total * total + x[i]
    return total


@program(array(4), array(5), analytic=True)
def for_nested(x, y):
    total = 0.0
    for i in range(x.size):
        inner = 1.0
        for j in range(y.size):
            inner = inner * math.cos(x[i] * y[j])
        total += inner * x[i]
    return total


@program(array(6), analytic=True)
def for_triangular(x):
    total = 0.0
    for i in range(x.size):
        for j in range(i):
            total += math.sin(x[i] * x[j] * (i + j))
    return total


@program(array(3, 3), exactly(4), analytic=True)
def for_nested_three_deep(a, steps):
    state = 0.5
    for k in range(steps):
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                state = math.tanh(state + a[i, j] * (k + 1))
    return state


@program(array(4), exactly(0), analytic=True)
def for_without_iterations(x, n):
    total = x[0]
    for i in range(n):
        total *= x[i]
    return total


@program(array(6), array(6), analytic=True)
def for_over_zip_and_enumerate(x, y):
    total = 0.0
    for i, value in enumerate(x):
        total += value * i
    for left, right in zip(x, y):  # noqa: B905 (Numba has no strict)
        total += left * right * right
    return total


@program(real(1.5, 3.0))
def while_newton_square_root(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


@program(array(5, low=0.5, high=2.0))
def while_inside_for(x):
    total = 0.0
    for i in range(x.size):
        term = x[i]
        while term < 20.0:
            term = term * 1.7 + 0.1 * x[i]
        total += term
    return total


@program(real(0.2, 0.9), exactly(5))
def while_with_two_conditions(x, limit):
    steps = 0
    value = x
    while value < 3.0 and steps < limit:
        value = value * value + 0.7
        steps += 1
    return value * steps


@program(array(8))
def while_true_with_break(x):
    total, i = 0.0, 0
    while True:
        total += math.exp(x[i])
        i += 1
        if i == x.size or total > 6.0:
            break
    return total * total


@program(array(5), real(0.5, 1.0))
def while_nested(x, a):
    total, i = 0.0, 0
    while i < x.size:
        j, term = 0, a
        while j <= i:
            term *= math.cos(x[j]) + 0.5
            j += 1
        total += term
        i += 1
    return total


@program(array(8))
def break_on_value(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] ** 2
        if total > 0.8:
            break
    return math.sqrt(total)


@program(array(8))
def continue_on_value(x):
    total = 0.0
    for i in range(x.size):
        if x[i] < 0.0:
            continue
        total += x[i] ** 3
    return total


@program(array(4, 5))
def break_from_inner_loop(a):
    total = 0.0
    for i in range(a.shape[0]):
        row = 0.0
        for j in range(a.shape[1]):
            row += a[i, j]
            if row > 0.6:
                break
            row *= 1.1
        total += row * row
    return total


@program(array(8), array(8))
def loop_with_several_exits(x, y):
    total = 0.0
    for i in range(x.size):
        total += x[i] * y[i]
        if total > 1.0:
            return total * total
        if total < -0.5:
            total -= math.exp(total)
            break
        if i == 6:
            return -total
    return total + 2.0 * x[0]


@program(array(6), real())
def for_else(x, a):
    total = a
    for i in range(x.size):
        total += x[i] * a
        if total > 2.5:
            break
    else:
        total = total * total
    return total


@program(array(5))
def early_return(x):
    if x[0] < 0.0:
        return x[1] * x[2]
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[0]
    return total


@program(array(4, 4))
def return_from_nested_loops(a):
    total = 1.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += math.sin(a[i, j]) * total
            if total > 2.0:
                return total * a[i, j]
    return total


@program(array(6), integers(6, low=0, high=4))
def branches_on_integers(x, kind):
    total = 0.0
    for i in range(x.size):
        if kind[i] == 0:
            total += math.sin(x[i])
        elif kind[i] == 1:
            total -= x[i] * x[i]
        elif kind[i] == 2:
            total *= x[i]
        else:
            total = x[i] - total
    return total


@program(array(7))
def branches_on_values(x):
    total = 0.0
    for i in range(x.size):
        if x[i] > 0.4:
            total += x[i] ** 2
        elif x[i] > 0.0 or total > 1.0:
            total += 2.0 * math.sin(x[i])
        else:
            total -= total * x[i] if total > 0.2 else x[i]
    return total


@program(array(5), exactly(True), analytic=True)
def branch_on_boolean(x, flag):
    total = 0.0
    for i in range(x.size):
        if flag != (i % 2 == 0):
            total += x[i] * total + x[i]
        else:
            total += math.cos(x[i])
    return total


@program(real(), real(), exactly(12), analytic=True)
def loop_carried_swap(a, b, n):
    for _ in range(n):
        a, b = b, 0.5 * a + math.sin(b)
    return a * b


@program(array(6, low=0.3, high=1.0))
def collatz_like_trip_counts(x):
    total = 0.0
    for i in range(x.size):
        n = i + 3
        value = x[i]
        while n != 1:
            if n % 2 == 0:
                n //= 2
                value = math.sin(value)
            else:
                n = 3 * n + 1
                value = value * 1.1 + 0.01
        total += value
    return total


@program(array(9))
def comparison_as_number(x):
    total = 0.0
    for i in range(1, x.size):
        total += (x[i] > x[i - 1]) * x[i] * x[i]
    return total


@program(array(6), analytic=True)
def state_reset_in_loop(x):
    total, run = 0.0, 1.0
    for i in range(x.size):
        run *= x[i]
        if i % 3 == 2:
            total += run
            run = 1.0
    return total + run


@program(array(6), analytic=True)
def index_computed_from_index(x):
    total = 0.0
    for i in range(x.size):
        total += x[(3 * i + 1) % x.size] * x[i] * (i // 2)
    return total


@program(array(10), integers(10, low=0, high=10), analytic=True)
def gather_by_index_array(x, index):
    total = 0.0
    for i in range(index.size):
        total += x[index[i]] * np.exp(x[i])
    return total
