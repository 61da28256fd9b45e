"""NumPy expressions with temporaries and broadcasting, and reductions."""

import numpy as np

from numzyme.testing.program import Corpus, array, real

CORPUS = Corpus()
program = CORPUS.program


@program(array(6), array(6), analytic=True)
def elementwise_with_temporaries(x, y):
    return np.sum(np.sin(x * y) + x / (2.0 + y) - 0.5 * y)


@program(array(5), real(), analytic=True)
def elementwise_with_scalar(x, a):
    return (a * x + np.exp(-x * a)).sum()


@program(array(4, 3), array(3), analytic=True)
def broadcast_row(a, x):
    return np.sum((a + x) * a)


@program(array(4, 3), array(4, 1), analytic=True)
def broadcast_column(a, x):
    return np.sum(np.cos(a * x) - x)


@program(array(4, 1), array(1, 3), analytic=True)
def broadcast_both(x, y):
    return np.sum(np.tanh(x * y + x))


@program(array(2, 3, 4), array(3, 4), analytic=True)
def broadcast_three_dimensions(a, b):
    return np.sum(a * b * a)


@program(array(5), array(5), analytic=True)
def elementwise_into_slice(x, out):
    out[1:] = x[:-1] * x[1:]
    out[0] *= 2.0
    return np.sum(out * x)


@program(array(5), array(5), analytic=True)
def augmented_assignment_of_arrays(x, y):
    x += y * x
    y *= 2.0
    y -= x
    return np.sum(x * y)


@program(array(6), analytic=True)
def reduction_sum_and_mean(x):
    return x.sum() * np.mean(x * x) + x.mean()


@program(array(3, 4), analytic=True)
def reduction_sum_along_axis(a):
    rows = np.sum(a, axis=1)
    columns = a.sum(axis=0)
    return np.sum(rows * rows) + columns[0] * columns[3]


@program(array(6))
def reduction_min_and_max(x):
    return np.max(x) * x[0] + x.min() ** 2


@program(array(5), analytic=True)
def reduction_prod(x):
    return np.prod(x + 2.0) + x.prod()


@program(array(6))
def reduction_var_and_std(x):
    return x.var() + np.std(x)


@program(array(6))
def reduction_argmax(x):
    return x[np.argmax(x)] * x[0] + x[x.argmin()] ** 2


@program(array(6), analytic=True)
def cumulative_sum(x):
    running = np.cumsum(x)
    return np.sum(running * running)


@program(array(6))
def where_and_absolute(x):
    return np.sum(np.where(x > 0.0, x * x, np.abs(x)))


@program(array(6), array(6))
def maximum_and_minimum(x, y):
    return np.sum(np.maximum(x, y) * np.minimum(x, 0.3 * y))


@program(array(6))
def clip_values(x):
    return np.sum(np.clip(x, -0.5, 0.5) * x)


@program(array(6), analytic=True)
def softmax_cross_entropy(x):
    e = np.exp(x)
    p = e / e.sum()
    return -np.log(p[2])


@program(array(6))
def log_sum_exp_shifted(x):
    top = x.max()
    return top + np.log(np.sum(np.exp(x - top)))


@program(array(5), analytic=True)
def outer_product(x):
    table = np.outer(x, x * x)
    return np.sum(table * table) + table[1, 2]


@program(array(4), array(3), analytic=True)
def concatenate_vectors(x, y):
    joined = np.concatenate((x * x, y))
    return np.sum(joined[1:] * joined[:-1])


@program(array(6), analytic=True)
def linspace_with_active_end(x):
    grid = np.linspace(0.0, 1.0, 6)
    return np.sum(grid * x * x)


@program(array(6), real(0.5, 1.5))
def arange_scaled(x, a):
    return np.sum(np.arange(6) * a * x)


@program(array(3, 4), analytic=True)
def row_sums_in_loop(a):
    total = 0.0
    for i in range(a.shape[0]):
        row = a[i] * (i + 1.0)
        total += np.sum(row * row) * row[0]
    return total


@program(array(4), analytic=True)
def normalise_with_hoisted_norm(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = x[i] / np.sqrt(np.sum(x * x))
    return out[0] * out[1] + out[2]


@program(array(6), analytic=True)
def dtype_conversion(x):
    single = x.astype(np.float64)
    return np.sum(single * x)


@program(array(6))
def sorted_values(x):
    ordered = np.sort(x)
    return ordered[0] * 3.0 + ordered[1] * ordered[2]


@program(array(6))
def boolean_mask(x):
    chosen = x[x > 0.0]
    return np.sum(chosen * chosen)
