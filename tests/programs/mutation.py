"""In-place updates, and buffers that are made inside, swapped, and reused."""

import math

import numpy as np

from numzyme.testing.program import Corpus, array, exactly, integers, real

CORPUS = Corpus()
program = CORPUS.program


@program(array(4), analytic=True)
def shift_left_in_place(x):
    for i in range(x.size - 1):
        x[i] = x[i + 1]


@program(array(5), real(), analytic=True)
def scale_in_place(x, a):
    for i in range(x.size):
        x[i] *= a
    return x[0] * x[1]


@program(array(5), analytic=True)
def square_in_place_then_sum(x):
    for i in range(x.size):
        x[i] = x[i] * x[i]
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[0]
    return total


@program(array(5), array(5), analytic=True)
def overwrite_without_reading(x, y):
    for i in range(x.size):
        x[i] = math.sin(y[i])
    return x[1] * y[1]


@program(array(5), analytic=True)
def fill_with_constant(x):
    total = x[0] * x[1]
    x[:] = 2.0
    return total * x[2]


@program(array(6), array(6), analytic=True)
def write_into_output_argument(x, out):
    for i in range(x.size):
        out[i] += math.exp(x[i]) * x[i - 1]


@program(array(8), exactly(3), analytic=True)
def heat_with_swapped_buffers(x, steps):
    old = x.copy()
    new = np.empty_like(x)
    for _ in range(steps):
        new[0], new[-1] = old[0], old[-1]
        for i in range(1, x.size - 1):
            new[i] = old[i] + 0.2 * (old[i - 1] - 2.0 * old[i] + old[i + 1]) * old[i]
        old, new = new, old
    total = 0.0
    for i in range(x.size):
        total += old[i] ** 2
    return total


@program(array(6), array(6), exactly(3), analytic=True)
def swap_argument_buffers(x, y, steps):
    for _ in range(steps):
        for i in range(x.size):
            y[i] = 0.5 * math.sin(x[i]) + 0.1 * y[i]
        x, y = y, x
    return x[0] + 2.0 * y[1]


@program(array(6), analytic=True)
def recurrence_in_place(x):
    for i in range(1, x.size):
        x[i] = x[i] * x[i - 1] + 0.3
    return x[-1]


@program(array(6), analytic=True)
def read_then_overwrite_in_loop(x):
    total = 0.0
    for _ in range(3):
        for i in range(x.size):
            total += x[i] * x[i]
            x[i] = math.sin(x[i]) + 0.1 * total
    return total


@program(array(3, 4), analytic=True)
def smooth_matrix_in_place(a):
    for i in range(1, a.shape[0] - 1):
        for j in range(1, a.shape[1] - 1):
            a[i, j] = 0.25 * (a[i - 1, j] + a[i + 1, j]) * (a[i, j - 1] + a[i, j + 1])
    return a[1, 1] * a[1, 2]


@program(array(5), analytic=True)
def buffer_of_zeros(x):
    work = np.zeros(x.size + 1)
    for i in range(x.size):
        work[i + 1] = work[i] + x[i] * x[i]
    return work[x.size] * work[1]


@program(array(5), analytic=True)
def buffer_of_ones(x):
    work = np.ones(x.size)
    for i in range(x.size):
        for j in range(i):
            work[i] *= x[j] + 1.0
    return work.sum()


@program(array(5), analytic=True)
def buffer_left_empty(x):
    work = np.empty(x.size)
    for i in range(x.size):
        work[i] = x[i] * x[x.size - 1 - i]
    return work[0] * work[2] + work[1]


@program(array(4), analytic=True)
def buffer_filled(x):
    work = np.full(x.size, 0.5)
    for i in range(x.size):
        work[i] *= x[i]
        work[0] += work[i] * x[0]
    return work[0]


@program(array(2, 3), analytic=True)
def buffers_like_argument(a):
    zeros, ones = np.zeros_like(a), np.ones_like(a)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            zeros[i, j] += a[i, j] * ones[1 - i, j]
            ones[i, j] = a[i, j] * a[1 - i, j]
    return zeros.sum() + ones[0, 0] * ones[1, 2]


@program(array(4), exactly(3), analytic=True)
def buffer_made_in_every_iteration(x, steps):
    state = x.copy()
    for k in range(steps):
        fresh = np.empty(state.size)
        for i in range(state.size):
            fresh[i] = math.tanh(state[i] + state[i - 1] * (k + 1))
        state = fresh
    return state.sum()


@program(array(5), analytic=True)
def buffer_reused_for_two_things(x):
    work = np.zeros(3)
    total = 0.0
    for i in range(x.size):
        work[0] = x[i] * x[i]
        work[1] = math.sin(work[0])
        work[2] = work[0] * work[1]
        total += work[2]
        work[0] = total * x[i]
        total += work[0]
    return total


@program(array(5), exactly(3), analytic=True)
def buffer_of_varying_size(x, n):
    total = 0.0
    for k in range(1, n + 1):
        work = np.zeros(k)
        for i in range(k):
            work[i] = x[i] * k
        total += work[k - 1] * work[0]
    return total


@program(array(6), analytic=True)
def buffer_in_one_branch_only(x):
    total = x[0]
    for i in range(1, x.size):
        if i % 2 == 0:
            pair = np.empty(2)
            pair[0] = x[i]
            pair[1] = total
            total = pair[0] * pair[1] + 1.0
        else:
            total += x[i]
    return total


@program(array(7), integers(7, low=0, high=3), analytic=True)
def scatter_add_by_index_array(x, index):
    bins = np.zeros(3)
    for i in range(x.size):
        bins[index[i]] += x[i] * x[i]
    return bins[0] * bins[1] + bins[2]


@program(array(6), integers(6, low=0, high=5))
def integer_buffer_steers_floats(x, kind):
    count = np.zeros(5, np.int64)
    total = 0.0
    for i in range(x.size):
        count[kind[i]] += 1
        total += x[i] * count[kind[i]]
    return total


@program(array(6))
def bubble_sort_in_place(x):
    for i in range(x.size):
        for j in range(x.size - 1 - i):
            if x[j] > x[j + 1]:
                x[j], x[j + 1] = x[j + 1], x[j]
    return x[0] * 1.0 + x[1] * 2.0 + x[2] * x[3]


@program(array(5), analytic=True)
def accumulate_in_first_element(x):
    for i in range(1, x.size):
        x[0] += x[0] * x[i]
    return x[0]


@program(together=lambda rng: (lambda base: (base[:4], base[2:]))(rng.uniform(-1, 1, 6)), analytic=True)
def overlapping_arguments(x, y):
    for i in range(x.size):
        y[i] = y[i] * x[i] + 0.5 * x[0]
    return x[3] + y[3] * x[1]


@program(together=lambda rng: (lambda base: (base, base))(rng.uniform(-1, 1, 5)), analytic=True)
def same_array_twice(x, y):
    for i in range(1, x.size):
        x[i] = x[i] * y[i - 1] + y[i]
    return x[4] * y[2]


@program(array(5), analytic=True)
def alias_of_local_buffer(x):
    work = x * x
    other = work
    for i in range(1, x.size):
        other[i] += work[i - 1] * x[i]
    return work[4] * other[2]


@program(array(5), array(3))
def conditional_store(x, out):
    for i in range(x.size):
        if x[i] > 0.0:
            out[i % 3] = out[i % 3] * x[i]
    return out[0] + out[1]
