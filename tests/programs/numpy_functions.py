"""NumPy functions called inside: shapes, selection, sorting, statistics, signals."""

import numpy as np

from numzyme.testing.program import Corpus, array, exactly, integers, real

CORPUS = Corpus()
program = CORPUS.program


@program(array(2, 3))
def numpy_ravel_flatten_reshape(a):
    return np.sum(a.ravel() ** 2 * a.flatten()) + np.sum(a.reshape(3, 2)[2] * np.reshape(a, (6,))[:2])


@program(array(6), integers(4, low=0, high=6))
def numpy_fancy_index(x, index):
    return np.sum(x[index] ** 3) + np.sum(np.take(x, index) * x[0])


@program(array(4, 3), integers(3, low=0, high=4))
def numpy_fancy_rows(a, index):
    return np.sum(a[index] ** 2) + np.sum(a[index, 1] * 2.0)


@program(array(6), integers(4, low=0, high=6))
def numpy_fancy_assignment(x, index):
    y = np.zeros(6)
    y[index] = x[:4] ** 2
    return np.sum(y * x)


@program(array(8))
def numpy_boolean_masks(x):
    positive = x[x > 0.0]
    y = x.copy()
    y[x < 0.0] = 2.0
    return np.sum(positive**2) + np.sum(y**3)


@program(array(6), array(6))
def numpy_where_three(x, y):
    return np.sum(np.where(x > y, x * y, x - y) ** 2)


@program(array(6))
def numpy_where_one(x):
    (where,) = np.where(x > 0.0)
    total = 0.0
    for i in where:
        total += x[i] ** 2
    return total + np.sum(x[np.nonzero(x < 0.2)[0]])


@program(array(3), array(3))
def numpy_stacking(x, y):
    both = np.concatenate((x, y * 2.0))
    rows = np.vstack((x, y))
    columns = np.column_stack((x, y))
    return np.sum(both**2) + np.sum(np.hstack((x, y)) ** 3) + np.sum(rows[1] * columns[:, 0]) + np.stack((x, y))[0, 1]


@program(array(2, 3), array(2, 3))
def numpy_stacking_matrices(a, b):
    deep = np.dstack((a, b))
    return np.sum(np.concatenate((a, b), axis=1) ** 2) + np.sum(deep[1] ** 3) + np.sum(np.vstack((a, b))[3])


@program(array(6))
def numpy_splits(x):
    left, right = np.split(x, 2)
    parts = np.array_split(x, 4)
    return np.sum(left * right) + np.sum(parts[0] ** 2) + parts[3][0]


@program(array(4))
def numpy_repeat_tile_roll_flip(x):
    y = np.roll(x, 1) * np.flip(x) + np.flipud(x)
    return np.sum(np.repeat(x, 3) ** 2) + np.sum(y**2) + np.sum(np.concatenate((x, x, x)) ** 3)


@program(array(3, 4))
def numpy_flips_of_matrix(a):
    return np.sum(np.fliplr(a) * a) + np.sum(np.flipud(a) ** 2 * a) + np.sum(np.rot90(a)[0] ** 3)


@program(array(4), array(3, 3))
def numpy_diagonals(x, a):
    return np.sum(np.diag(x) ** 2) + np.sum(np.diag(a) ** 3) + np.trace(a) * np.sum(np.diag(x, 1)[0])


@program(array(3, 3))
def numpy_triangles(a):
    return np.sum(np.tril(a) ** 2) + np.sum(np.triu(a, 1) ** 3) + np.sum(np.tri(3) * a)


@program(array(3), array(2))
def numpy_outer_and_kron(x, y):
    return np.sum(np.outer(x, y) ** 2) + np.sum(np.kron(x.reshape(1, 3), y.reshape(2, 1)) ** 3)


@program(array(6))
def numpy_cumulative(x):
    return np.sum(np.cumsum(x) ** 2) + np.sum(np.cumprod(x + 1.5)) + np.sum(np.diff(x) ** 2)


@program(array(3, 4))
def numpy_statistics(a):
    return np.var(a) * np.std(a) + np.mean(a) + np.median(a) + a.var() * a.std() + np.ptp(a)


@program(array(7))
def numpy_percentiles(x):
    return np.percentile(x, 30.0) ** 2 + np.quantile(x, 0.85) + np.median(x) + np.nanmean(x) * np.nanmedian(x)


@program(array(7))
def numpy_nan_functions(x):
    return np.nansum(x**2) + np.nanmax(x) * np.nanmin(x) + np.nanstd(x) + np.nanvar(x) + np.sum(np.nancumsum(x))


@program(array(7))
def numpy_arg_extrema(x):
    return x[np.argmin(x)] ** 2 + x[np.argmax(x)] * x[x.argmax()] ** 2


@program(array(7), array(7))
def numpy_sorting(x, y):
    order = np.argsort(x)
    return np.sum(np.sort(x) * np.arange(7.0)) + np.sum(y[order] * x) + y[np.searchsorted(np.sort(x), 0.1) % 7]


@program(array(5))
def numpy_sort_in_place(x):
    x.sort()
    return x[0] * x[1] - x[4] ** 2


@program(array(4, low=0.0, high=3.9), array(5))
def numpy_interp(x, y):
    return np.sum(np.interp(x, np.arange(5.0), y) ** 2)


@program(array(6))
def numpy_clip_and_nan_to_num(x):
    return np.sum(np.clip(x, -0.5, 0.5) ** 2 * x) + np.sum(np.nan_to_num(x) ** 3)


@program(real(), real(1.0, 2.0))
def numpy_linspace_arange(a, b):
    return np.sum(np.linspace(a, b, 5) ** 2) + np.sum(np.arange(5) * a) + np.sum(np.linspace(0.0, b, 3))


@program(array(3), array(4))
def numpy_grid_by_broadcasting(x, y):
    return np.sum((x.reshape(1, 3) * y.reshape(4, 1)) ** 2 + x)


@program(array(6), array(3))
def numpy_convolve_correlate(x, k):
    return np.sum(np.convolve(x, k) ** 2) + np.sum(np.correlate(x, k) ** 3)


@program(array(3, 5))
def numpy_covariance(a):
    return np.sum(np.cov(a) ** 2) + np.sum(np.corrcoef(a) ** 3)


@program(array(12))
def numpy_histogram(x):
    counts, edges = np.histogram(x, 4, (-1.0, 1.0))
    return np.sum(counts * np.arange(4.0)) * x[0] + edges[1] * x[1]


@program(integers(6, low=0, high=4), array(6))
def numpy_unique_of_integers(index, x):
    return np.sum(np.unique(index) * 1.0) * x[0] + np.sum(np.bincount(index, x) ** 2)


@program(array(5))
def numpy_unique_of_floats(x):
    return np.sum(np.unique(x) ** 2 * np.arange(5.0))


@program(array(2, 3))
def numpy_ndenumerate_ndindex(a):
    total = 0.0
    for (i, j), value in np.ndenumerate(a):
        total += value * (i + 2 * j)
    for index in np.ndindex(2, 3):
        total += a[index] ** 2
    return total


@program(array(2, 3))
def numpy_iteration(a):
    total = 0.0
    for row in a:
        for value in row:
            total += value**2
    for value in a.flat:
        total += value**3
    for value in np.nditer(a):
        total += value.item() * 2.0
    return total


@program(array(3, 4))
def numpy_norms(a):
    return np.linalg.norm(a) + np.linalg.norm(a[0]) + np.linalg.norm(a[1], 1) + np.linalg.norm(a[:, 0], np.inf)


@program(array(3, 4), failing=((np.full((3, 4), np.nan),),))
def numpy_norm_by_singular_values(a):
    return np.linalg.norm(a, -2)


@program(array(3, 4))
def numpy_axis_reductions(a):
    rows = np.sum(a, axis=0)
    columns = a.sum(axis=1)
    return np.sum(rows**2) + np.sum(columns**3)


@program(array(5), array(5))
def numpy_cross_and_inner(x, y):
    return np.sum(np.cross(x[:3], y[:3]) ** 2) + np.vdot(x, y) + np.sum(x * y)


@program(array(5))
def numpy_all_any_of_floats(x):
    if np.all(x > -2.0) and not np.any(x > 2.0) and np.isfinite(x).all() and not np.isnan(x).any():
        return np.sum(x**2)
    return 0.0


@program(array(4))
def numpy_full_like_and_eye(x):
    return (
        np.sum(np.full(4, x[0]) * x) + np.sum(np.full_like(x, x[1]) ** 2) + np.sum(np.eye(4) * x) + np.identity(2)[0, 0]
    )


@program(array(4))
def numpy_asarray_and_copies(x):
    y = np.asarray(x)
    z = np.ascontiguousarray(x[::2])
    w = np.copy(x)
    w[0] = 0.0
    return np.sum(y * w) + np.sum(z**2) + np.sum(np.array([x[0], x[1] * x[2]]))


@program(array(2, 3))
def numpy_expand_and_squeeze(a):
    b = np.expand_dims(a, 1)
    return np.sum(b**2) + np.sum(np.atleast_2d(a[0]) ** 3) + np.sum(np.swapaxes(a, 0, 1)[1]) + np.sum(a.T[2] ** 2)


@program(array(6))
def numpy_delete_append_trim(x):
    return np.sum(np.delete(x, 2) ** 2) + np.sum(np.append(x, x[0]) ** 3) + np.sum(np.ediff1d(x) ** 2)


@program(array(6))
def numpy_trapezoid_and_polynomial(x):
    return np.trapezoid(x**2) + np.sum(np.vander(x[:3], 3)[:, 0])


@program(array(5), array(5))
def numpy_ufuncs_of_two(x, y):
    return np.sum(np.hypot(x, y) + np.arctan2(x, y + 3.0) + np.logaddexp(x, y) + np.logaddexp2(x, y) + np.fmax(x, y))


@program(array(5))
def numpy_partition(x):
    return np.partition(x, 2)[2] ** 2 + np.max(x) * np.amin(x)


@program(array(3, 3))
def numpy_apply_along_rows(a):
    total = 0.0
    for i in range(3):
        total += np.max(a[i]) * np.min(a[:, i])
    return total


@program(array(5), exactly(3), interpreted=False)
def numpy_random_is_inactive(x, n):
    np.random.seed(n)
    total = 0.0
    for i in range(5):
        total += np.random.random() * x[i] ** 2 + np.random.normal(0.0, 1.0) * x[i]
    return total + np.sum(np.random.uniform(0.0, 1.0, 5) * x)


@program(array(5))
def numpy_select_and_choose(x):
    return np.sum(np.select([x > 0.3, x < -0.3], [x**2, x**3], 1.0))


@program(array(8))
def numpy_windows_and_sinc(x):
    return np.sum(np.hanning(8) * x) + np.sum(np.sinc(x)) + np.sum(np.hamming(8) * x**2)


@program(array(4, 3))
def numpy_argsort_rows(a):
    total = 0.0
    for i in range(4):
        order = np.argsort(a[i])
        total += a[i, order[0]] * 2.0 + a[i, order[2]] ** 2
    return total


@program(array(6))
def numpy_sum_of_comparison(x):
    return np.count_nonzero(x > 0.1) * x[0] + np.sum(x > 0.1) * x[1]


@program(array(6))
def numpy_broadcast_to(x):
    return np.sum(np.broadcast_to(x, (3, 6)) ** 2) + np.sum(np.fill_diagonal(np.eye(2), 1.0) is None) * x[0]
