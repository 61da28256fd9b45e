"""What the differentiator relies on in canonical text."""

from __future__ import annotations

import math
import re

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import njit

from numzyme.frontend import canonical_text, extract, normalise
from numzyme.ir import read, verify

from .programs import (
    PROGRAMS,
    Program,
    buffers,
    integer,
    list_that_grows,
    matrix,
    matrix_product,
    mutual_recursion,
    number,
    recursion,
    vector,
)

ALLOCATING = {"broadcasting", "buffers", "cumulative_sum", "matrix_product", "matrix_times_vector", "transpose"}


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_canonical_text_keeps_the_contract(program: Program) -> None:
    raw = extract(program.function, program.argument_types)
    arena = normalise(raw, disjoint=True, ownership="arena")
    llvm.parse_assembly(arena).verify()
    module = read(arena)
    verify(module)
    assert f"@{raw.symbol}" in module.functions
    internal = [f for f in module.functions.values() if " internal " in f.header]
    assert len(internal) == len(module.functions) - 1
    assert not re.search(r"<\d+ x ", arena), "vector code"
    assert "NRT_incref" not in arena and "NRT_decref" not in arena
    assert "@NRT_MemInfo" not in arena
    assert "numba.unresolved" not in arena
    assert not re.search(r"call [^@\n]*@[\w.$]+\.v\(", arena), "a twin survived"
    assert re.search(r"@numzyme\.allocate(\.list)?\(", arena) or (program.function.__name__ not in ALLOCATING)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_parameters_describe_the_signature(program: Program) -> None:
    raw = extract(program.function, program.argument_types)
    root = read(normalise(raw, disjoint=True, ownership="arena")).functions[f"@{raw.symbol}"]
    assert [(p.name, p.type) for p in root.parameters] == [(p.name, p.llvm_type) for p in raw.parameters]
    assert [p.role for p in raw.parameters[:2]] == ["return", "exception"]
    noalias = {p.name for p in root.parameters[2:] if "noalias" in p.attributes}
    assert noalias == {p.name for p in raw.parameters if p.role == "data"}
    shared = read(normalise(raw, disjoint=False, ownership="arena")).functions[f"@{raw.symbol}"]
    assert not any("noalias" in p.attributes for p in shared.parameters[2:])


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_loops_are_canonical(program: Program) -> None:
    text = canonical_text(program.function, program.argument_types)
    for function in read(text).functions.values():
        blocks = {block.label: block for block in function.blocks}
        predecessors: dict[str, set[str]] = {label: set() for label in blocks}
        for block in function.blocks:
            for successor in block.successors:
                predecessors[successor].add(block.label)
        position = {block.label: i for i, block in enumerate(function.blocks)}
        for label, sources in predecessors.items():
            latches = {source for source in sources if _reaches(blocks, label, source)}
            if latches and position[label] > 0:
                assert len(latches) == 1, f"{label} has latches {latches}"
                assert len(sources) == 2, f"{label} has no preheader"


def _reaches(blocks: dict, start: str, goal: str) -> bool:
    """Can `goal` be reached from `start` within the loop that `start` heads? (It dominates its loop.)"""
    return goal in _dominated(blocks, start) and _path(blocks, start, goal)


def _path(blocks: dict, start: str, goal: str) -> bool:
    seen, waiting = set(), [start]
    while waiting:
        label = waiting.pop()
        if label == goal:
            return True
        if label not in seen:
            seen.add(label)
            waiting.extend(blocks[label].successors)
    return False


def _dominated(blocks: dict, dominator: str) -> set[str]:
    entry = next(iter(blocks))
    if entry == dominator:
        return set(blocks)
    seen, waiting = {dominator}, [entry]
    while waiting:
        label = waiting.pop()
        if label not in seen:
            seen.add(label)
            waiting.extend(blocks[label].successors)
    return set(blocks) - seen | {dominator}


def test_counted_text_keeps_numbas_runtime() -> None:
    text = canonical_text(buffers, (vector,), ownership="nrt")
    assert "@numzyme.allocate" not in text
    assert "call void @NRT_decref" in text
    assert re.search(r"call [^@\n]*@NRT_MemInfo_alloc", text)
    assert "NRT_MemInfo_data_fast" not in text


def test_data_of_an_allocation_is_at_a_constant_offset() -> None:
    def doubled(n):
        memory = np.empty(n)
        for i in range(n):
            memory[i] = i * 0.5
        return memory[n - 1] + memory[0]

    text = canonical_text(doubled, (integer,))
    meminfo = re.search(r"(%[\w.]+) = .*call noalias ptr @numzyme\.allocate", text)
    assert meminfo is not None
    assert re.search(rf"getelementptr i8, ptr {re.escape(meminfo[1])}, i64 64", text)


def test_growing_list_moves_its_data_through_the_meminfo() -> None:
    text = canonical_text(list_that_grows, (number,))
    assert "@llvm.memcpy" in text and "@NRT_MemInfo_varsize" not in text


def test_mathematical_functions_are_declared_pure() -> None:
    def f(x):
        return math.tanh(x) + math.erf(x)

    text = canonical_text(f, (number,))
    groups = dict(re.findall(r"^attributes (#\d+) = \{(.*)\}", text, re.M))
    for name in ("tanh", "erf"):
        declaration = re.search(rf"^declare double @{name}\(.*(#\d+)$", text, re.M)
        assert declaration is not None
        assert "memory(none)" in groups[declaration[1]] and "willreturn" in groups[declaration[1]]


def test_large_callees_are_inlined_although_llvm_would_not() -> None:
    product = njit(matrix_product)

    def twice(a, b):
        return product(a, b) + product(b, a)

    text = canonical_text(twice, (matrix, matrix))
    assert len(re.findall("^define", text, re.M)) == 1


def test_recursive_functions_keep_numbas_calling_convention() -> None:
    for function in (recursion, mutual_recursion):
        raw = extract(function, (number, integer))
        module = read(normalise(raw, disjoint=True, ownership="arena"))
        remaining = [f for f in module.functions.values() if f.name != f"@{raw.symbol}"]
        assert remaining
        for callee in remaining:
            assert callee.return_type == "i32"
            assert [p.type for p in callee.parameters] == ["ptr", "ptr", "double", "i64"]
            assert any(i.callee in module.functions for i in callee.instructions())


def test_normalising_is_cached() -> None:
    raw = extract(buffers, (vector,))
    assert normalise(raw, disjoint=True, ownership="arena") is normalise(raw, disjoint=True, ownership="arena")
    assert extract(buffers, (vector,)) is raw
