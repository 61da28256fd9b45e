"""Numba's typed lists and dicts, and dicts as Python writes them, on the way of a derivative."""

import numba
import numpy as np
from numba.typed import Dict, List

from numzyme.testing.program import Corpus, array, exactly, real

CORPUS = Corpus()
program = CORPUS.program
LIST_OF_INTEGERS = numba.types.ListType(numba.int64)


@program(array(5))
def typed_list_of_floats(x):
    values = List()
    for i in range(len(x)):
        values.append(x[i] * i)
    values[1] *= values[2]
    values[-1] = np.sin(values[0] + x[4])
    total = 0.0
    for value in values:
        total += value * value
    return total + values.pop() * len(values)


@program(array(6))
def typed_list_methods(x):
    values = List(x)
    values.insert(2, x[0] * x[1])
    values.extend(x[3:] * 2.0)
    del values[1]
    values.reverse()
    del values[1:8:3]
    taken = values.pop(1)
    copy = values.copy()
    copy[0] = 3.0 * taken
    values[1:3] = copy[0:2]
    total = 0.0
    for i, value in enumerate(values):
        total += (i + 1) * value * value
    return total + copy[0] * values[-1]


@program(array(4))
def typed_list_slices_and_tests(x):
    values = List(x)
    backwards = values[::-1]
    part = values[1:]
    total = 0.0
    if x[0] in values and values == values.copy() and backwards != part:
        total += x[1]
    for left, right in zip(backwards, part):  # noqa: B905
        total += left * right
    del backwards[::-2]
    values.clear()
    return total * backwards[0] + len(values) + values.count(x[0])


@program(array(4))
def typed_list_sorted(x):
    values = List()
    for value in x:
        values.append(value * value - value)
    values.sort()
    total = 0.0
    for i in range(len(values)):
        total += (i + 1) * values[i]
    values.sort(reverse=True)
    return total * values[0]


@program(array(4))
def typed_list_of_arrays(x):
    rows = List()
    for i in range(3):
        rows.append(x[i : i + 2] * (i + 1.0))
    rows[0][1] = x[3] * rows[2][0]
    rows.append(rows[0])
    total = 0.0
    for row in rows:
        total += np.sum(row * row)
    return total


@program(array(4))
def typed_list_of_lists(x):
    rows = List()
    for i in range(2):
        row = List()
        for j in range(3):
            row.append(x[i + j] * x[i])
        rows.append(row)
    rows[0].append(x[3])
    return rows[0][3] * rows[1][2] + rows[0][1]


@program(array(4), exactly(7))
def typed_list_as_stack(x, n):
    stack = List.empty_list(numba.float64)
    for i in range(n):
        if len(stack) > 1 and i % 3 == 2:
            stack.append(stack.pop() * stack.pop() + x[i % 4])
        else:
            stack.append(x[i % 4] * (i + 1))
    total = 0.0
    while len(stack):
        total = 0.5 * total + stack.pop()
    return total


@numba.njit(inline="never")
def fill(values, x):
    for value in x:
        values.append(value * value)


@program(array(3))
def typed_list_handed_on(x):
    values = List.empty_list(numba.float64)
    fill(values, x)
    fill(values, x * 0.5)
    return values[0] * values[5] + values[2]


@program(array(2))
def dict_written_out(x):
    found = {"a": x[0] ** 2, "b": x[1]}
    found["c"] = found["a"] * found["b"]
    found["a"] = 2.0 * found["c"]
    return found["a"] * found["b"] + found["c"]


@program(array(9))
def dict_accumulates(x):
    sums = Dict.empty(numba.int64, numba.float64)
    for i in range(len(x)):
        key = (i * 7) % 4
        sums[key] = sums.get(key, 1.0) * x[i] + x[0]
    total = 0.0
    for key, value in sums.items():
        total += (key + 1) * value * value
    return total


@program(array(40))
def dict_grows_and_shrinks(x):
    values = Dict.empty(numba.int64, numba.float64)
    for i in range(len(x)):
        values[i * i] = x[i] * x[i]
        if i % 3 == 1 and (i - 1) * (i - 1) in values:
            del values[(i - 1) * (i - 1)]
        if i % 7 == 6:
            values[5 + i] = values.pop(i * i) * x[i - 1]
    key, last = values.popitem()
    total = last * key
    for value in values.values():
        total = 0.9 * total + value
    for key in values:
        total += key * 0.01 * values[key]
    return total * len(values)


@program(array(4))
def dict_methods(x):
    first = {1: x[0], 2: x[1] * x[2]}
    second = first.copy()
    second[3] = x[3] * first[2]
    first.update(second)
    total = first.setdefault(3, 1.0) * first.setdefault(4, 2.0)
    if 4 in first and 5 not in first and first != second:
        total += first.pop(4) * first.pop(9, 0.5) * x[1]
    second.clear()
    return total + len(second) + first[1]


@program(array(5))
def dict_with_tuples_as_keys(x):
    grid = {}
    for i in range(3):
        for j in range(3):
            grid[(i, j)] = x[i] * x[j + 1]
    total = 0.0
    for i in range(3):
        for j in range(2):
            total += grid[(i, j)] * grid[(i, j + 1)]
    return total


@program(array(4), interpreted=False)  # a value that is not known is chosen from, and then not used
def dict_of_arrays(x):
    rows = {}
    for name in ("one", "two", "three"):
        rows[name] = x * len(name)
    rows["two"][1] = rows["one"][0] * x[2]
    rows["three"] = rows["two"] + x
    total = 0.0
    for name, row in rows.items():
        total += np.sum(row * row) * len(name)
    return total


@program(real(0.5, 1.5), exactly(12))
def dict_as_memory_of_a_recursion(x, n):
    known = {0: 1.0, 1: x}
    for k in range(2, n):
        known[k] = x * known[k - 1] - 0.5 * known[k // 2]
    return known[n - 1] * known[n // 2]


@program(array(6))
def dict_of_lists_of_indices(x):
    groups = Dict.empty(numba.int64, LIST_OF_INTEGERS)
    for i in range(len(x)):
        if i % 2 not in groups:
            groups[i % 2] = List.empty_list(numba.int64)
        groups[i % 2].append(i)
    total = 1.0
    for members in groups.values():
        part = 0.0
        for i in members:
            part += x[i] * x[i]
        total *= part
    return total


@program(failing=((np.array([1.0, 2.0, 3.0]), 7),), together=lambda rng: (rng.normal(size=3), 2))
def dict_key_that_is_missing(x, key):
    values = {0: x[0], 1: x[1], 2: x[2] * x[0]}
    return values[key] * values[1]


@program(together=lambda rng: (rng.normal(size=3), 2), failing=((np.array([1.0, 2.0, 3.0]), 3),))
def typed_list_index_out_of_range(x, index):
    values = List()
    for value in x:
        values.append(value * value)
    x[0] = 0.5
    return values[index] * values[-1]


@program(together=lambda rng: (rng.normal(size=3), 5), failing=((np.array([1.0, 2.0, 3.0]), 1),))
def typed_list_changed_while_read(x, when):
    values = List(x)
    total = 0.0
    for i, value in enumerate(values):
        if i == when:
            values.append(value)
        total += value * value
    return total
