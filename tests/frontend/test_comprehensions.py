"""Arrays of lists that a loop fills, which Numba makes at once where it believes that it may.

Values and gradients agree with plain Python and differences; each function is differentiated by its elements.
"""

import numpy as np
import pytest

from numzyme import ReverseWithPrimal, grad, gradient


def doubled(x):
    for v in x:
        yield 2.0 * v


def of_an_array(x):
    return np.array([v * v for v in x])[1]


def of_rows(x):
    return np.array([row.sum() ** 2 for row in x.reshape(2, 2)])[1]


def of_a_range_with_steps(x):
    return np.array([x[i] ** 2 for i in range(3, -1, -2)])[0]


def of_an_empty_range(x):
    n = int(x[1]) - 3
    made = np.array([x[0] * i for i in range(n)])
    return x[0] * (1.0 + made.size)


def of_a_range_that_ends_before_it_begins(x):
    n = int(x[1])
    return x[0] * (1.0 + np.array([x[0] * i for i in range(5, n)]).size)


def of_enumerate(x):
    return np.array([i * v * v for i, v in enumerate(x)]).sum()


def of_zip(x):
    return np.array([a * b for a, b in zip(x, x[1:], strict=False)])[-1]


def of_enumerate_of_zip(x):
    return np.array([i * a * b for i, (a, b) in enumerate(zip(x, x[::-1], strict=False))]).sum()


def of_a_generator(x):
    return np.array([v * v for v in doubled(x)])[1]


def of_a_set(x):
    return np.array([i * x[0] ** 2 for i in {1, 2, 3}]).sum()


def of_a_dict(x):
    held = {0: x[0], 1: x[1]}
    return np.array([v * v for v in held.values()]).sum()


def of_reversed(x):
    return np.array([v * v for v in reversed(x)])[0]


def of_flat(x):
    return np.array([v * v for v in x.reshape(2, 2).flat])[1]


def of_a_tuple(x):
    return np.array([v * v for v in (x[0], x[1])])[1]


def nested(x):
    return np.sin(np.array([[a * b for a in x] for b in x])).sum()


def nested_over_ranges(x):
    return np.array([[x[i] * x[j] * j for j in range(3)] for i in range(2)])[1, 2]


def of_pairs(x):
    return np.array([(a, a * a) for a in x])[:, 1].sum()


def with_a_condition(x):
    return np.array([v * v for v in x if v > 0.0]).sum()


def left_early(x):
    listed = []
    for v in x:
        if v < 0.0:
            break
        listed.append(v * v)
    return np.array(listed).sum()


def two_appends(x):
    listed = []
    for v in x:
        listed.append(v * v)
    listed.append(3.0 * x[0])
    made = np.array(listed)
    return made.sum() * made.size


def list_is_kept(x):
    listed = []
    for v in x:
        listed.append(v * v)
    made = np.array(listed)
    kept = listed
    made[0] = 0.0
    return made.sum() + kept[0]


def two_arrays(x):
    listed = []
    for v in x:
        listed.append(v * v)
    first, second = np.array(listed), np.array(listed)
    first[0] = 0.0
    return first.sum() + second.sum()


def list_is_changed(x):
    listed = []
    for v in x:
        listed.append(v * v)
    made = np.array(listed)
    listed[0] = 0.0
    return made.sum() + sum(listed)


def list_is_counted(x):
    listed = []
    for v in x:
        listed.append(v * v)
    made = np.array(listed)
    return made.sum() * len(listed)


def list_is_popped(x):
    listed = []
    for v in x:
        listed.append(v * v)
    listed.pop()
    return np.array(listed).sum()


def of_integers(x):
    made = np.array([i for i in range(3)])  # noqa: C416
    made[0] = 2
    return made[0] * x[0] ** 2


def of_a_list_that_grows(x):
    todo, done = [v for v in x], []  # noqa: C416
    for v in todo:
        if len(todo) < 8:
            todo.append(2.0 * v)
        done.append(v * v)
    made = np.array(done)
    return made.sum() * len(made)


def of_what_is_left_of_enumerate(x):
    pairs = enumerate(x)
    next(pairs)
    made = np.array([i * v for i, v in pairs])
    return made.sum() * len(made)


PROGRAMS = (of_a_list_that_grows, of_what_is_left_of_enumerate, of_an_array,
            of_rows, of_a_range_with_steps, of_an_empty_range, of_a_range_that_ends_before_it_begins,
            of_enumerate, of_zip, of_enumerate_of_zip, of_a_generator, of_a_set, of_a_dict, of_reversed, of_flat,
            of_a_tuple, nested, nested_over_ranges, of_pairs, with_a_condition, left_early, two_appends, list_is_kept,
            two_arrays, list_is_changed, list_is_counted, list_is_popped, of_integers)  # fmt: skip


@pytest.mark.parametrize("function", PROGRAMS, ids=lambda function: function.__name__)
def test_arrays_of_lists(function):
    x, step = np.array([0.3, 0.5, -0.2, 0.7]), 1e-6
    found, value = gradient(ReverseWithPrimal, function, x.copy())
    assert abs(value - function(x)) < 1e-14
    np.testing.assert_array_equal(found, grad(function)(x.copy()))
    for i, direction in enumerate(np.eye(4)):
        difference = (function(x + step * direction) - function(x - step * direction)) / (2 * step)
        assert abs(found[i] - difference) < 1e-8  # third derivatives below 10 give 1e-11, rounding 1e-9
