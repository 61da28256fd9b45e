"""Whole calls are hoisted out of loops, because their purity was proved, and only then."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from numba import njit, typeof

from numzyme.frontend import canonical_text, extract, normalise
from numzyme.ir import Function, read

from .execution import callable_of, outcome
from .programs import integer, matrix, vector


@njit
def magnitude(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i]
    return math.sqrt(total)


@njit
def magnitude_with_temporary(x):
    squares = x * x
    return math.sqrt(squares.sum())


@njit
def magnitude_with_buffer(x):
    buffer = np.zeros(x.size + 1)
    for i in range(x.size):
        buffer[i + 1] = buffer[i] + x[i] ** 2
    return math.sqrt(buffer[x.size])


@njit
def magnitude_by_blas(x):
    return math.sqrt(np.dot(x, x))


@njit
def sum_and_product(x):
    total, product = 0.0, 1.0
    for value in x:
        total += value
        product *= value
    return total, product


def with_loop(x, out):
    for i in range(x.size):
        out[i] = x[i] / magnitude(x)


def with_temporary(x, out):
    for i in range(x.size):
        out[i] = x[i] / magnitude_with_temporary(x)


def with_buffer(x, out):
    for i in range(x.size):
        out[i] = x[i] / magnitude_with_buffer(x)


def with_blas(x, out):
    for i in range(x.size):
        out[i] = x[i] / magnitude_by_blas(x)


def with_tuple(x, out):
    for i in range(x.size):
        total, product = sum_and_product(x)
        out[i] = x[i] / (total + product)


def with_several_calls(x, out):
    for i in range(x.size):
        out[i] = x[i] / (magnitude_with_temporary(x) + magnitude_with_buffer(x))


HOISTED = [with_loop, with_temporary, with_buffer, with_blas, with_tuple, with_several_calls]


@pytest.mark.parametrize("ownership", ["arena", "nrt"])
@pytest.mark.parametrize("function", HOISTED, ids=lambda f: f.__name__)
def test_call_of_invariant_arguments_leaves_the_loop(function, ownership: str) -> None:
    text = canonical_text(function, (vector, vector), ownership=ownership)
    assert work_depth(text) == 1


@pytest.mark.parametrize("function", HOISTED, ids=lambda f: f.__name__)
def test_hoisting_needs_arrays_that_do_not_overlap(function) -> None:
    text = canonical_text(function, (vector, vector), disjoint=False)
    assert work_depth(text) == 2


@pytest.mark.parametrize("function", HOISTED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", [0, 1, 5])
def test_hoisted_code_computes_the_same(function, size: int) -> None:
    arguments = [np.linspace(1.0, 2.0, size), np.zeros(size)]
    raw = extract(function, tuple(map(typeof, arguments)))
    for ownership in ("arena", "nrt"):
        compiled = callable_of(raw, normalise(raw, disjoint=True, ownership=ownership))
        fresh = [[a.copy() for a in arguments] for _ in range(2)]
        assert outcome(compiled, fresh[0]) == outcome(njit(function), fresh[1])


# functions that must stay where they are


@njit
def magnitude_that_writes(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i]
    x[0] += 1.0
    return math.sqrt(total)


@njit
def magnitude_of_row(x, row):
    total = 0.0
    for j in range(x.shape[1]):
        total += x[row, j]
    return total


@njit
def search(x):
    position = 0
    while x[position] < 1.0:  # may run past the end: not to be called where the program does not
        position += 1
    return x[position]


def with_writes(x, out):
    for i in range(x.size):
        out[i] = magnitude_that_writes(x)


def with_changing_arguments(x, out):
    for i in range(x.shape[0]):
        out[i] = magnitude_of_row(x, i)


def with_changing_array(x, out):
    for i in range(x.size):
        x[i] = magnitude(x)


def with_rare_call(x, out, n):
    for i in range(n):
        if i > 1000:
            out[i] = search(x)


@pytest.mark.parametrize(
    ("function", "types"),
    [
        (with_writes, (vector, vector)),
        (with_changing_arguments, (matrix, vector)),
        (with_changing_array, (vector, vector)),
        (with_rare_call, (vector, vector, integer)),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_other_calls_stay(function, types) -> None:
    assert work_depth(canonical_text(function, types)) == 2


def work_depth(text: str) -> int:
    """Deepest loop nest that computes with floats; a BLAS call counts as a loop."""
    (root,) = read(text).functions.values()
    blas = {block.label for block in root.blocks if any("numba_xx" in i.callee for i in block.instructions)}
    bodies = _loops(root)
    depth = 0
    for block in root.blocks:
        works = any(i.opcode in ("fadd", "fmul", "fdiv", "load") for i in block.instructions)
        around = sum(block.label in body for body in bodies)
        if works or block.label in blas:
            depth = max(depth, around + (block.label in blas))
    return depth


def _loops(function: Function) -> list[set[str]]:
    blocks = {block.label: block for block in function.blocks}
    predecessors: dict[str, list[str]] = {label: [] for label in blocks}
    for block in function.blocks:
        for successor in block.successors:
            predecessors[successor].append(block.label)
    bodies: dict[str, set[str]] = {}
    for latch, block in blocks.items():
        for header in block.successors:
            body, waiting = {header}, [latch]
            while waiting:
                label = waiting.pop()
                if label not in body:
                    body.add(label)
                    waiting.extend(predecessors[label])
            if function.entry.label not in body:  # otherwise the edge leads forward
                bodies.setdefault(header, set()).update(body)
    return list(bodies.values())


def test_depth_sees_nests() -> None:
    def nest(x):
        total = 0.0
        for i in range(x.size):
            for j in range(x.size):
                total += x[i] * x[j]
        return total

    assert work_depth(canonical_text(nest, (vector,))) == 2
    assert not re.search(r"call [^@\n]*@[\w.$]+\.v\(", canonical_text(with_tuple, (vector, vector)))
