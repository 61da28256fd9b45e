"""Instructions know the user's line they come from."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from numba import njit

from numzyme.frontend import canonical_text, extract, normalise
from numzyme.ir import Module, read

from . import inlined_helpers
from .programs import PROGRAMS, Program, helper_call, number, vector

ARITHMETIC = ("fadd", "fsub", "fmul", "fdiv", "load", "call")


def located(module: Module) -> list[tuple[str, str, int, str]]:
    """(opcode, file, line, function) of the instructions with a line."""
    found = []
    for function in module.functions.values():
        for instruction in function.instructions():
            place = module.location(instruction)
            if place is not None:
                found.append((instruction.opcode, place.file, place.line, place.function))
    return found


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_arithmetic_resolves_to_lines_of_the_user(program: Program) -> None:
    raw = extract(program.function, program.argument_types)
    module = read(normalise(raw, disjoint=True, ownership="arena"))
    root = module.functions[f"@{raw.symbol}"]  # beside it, there are functions that prepare error messages
    arithmetic = [i for i in root.instructions() if i.opcode in ARITHMETIC]
    places = [module.location(instruction) for instruction in arithmetic]
    known = [place for place in places if place is not None]
    assert len(known) >= 0.85 * len(places)
    assert {place.file for place in known} <= {program.function.__code__.co_filename}


def test_lines_of_caller_and_helper() -> None:
    module = read(canonical_text(helper_call, (vector, vector)))
    lines, start = inspect.getsourcelines(helper_call)
    body = range(start, start + len(lines))
    functions = {function: line for _, _, line, function in located(module) if function}
    assert "_helper" in functions and functions["_helper"] not in body
    adds = {line for opcode, _, line, function in located(module) if opcode == "fadd" and function == "helper_call"}
    assert adds == {start + lines.index("        total += _helper(x[i], y[i])\n")}


def test_library_code_is_reported_where_it_is_called() -> None:
    @njit
    def total(x):
        first = x[0]
        return np.sum(x) + first

    module = read(canonical_text(total, (vector,)))
    start = inspect.getsourcelines(total.py_func)[1]
    assert {line for opcode, _, line, _ in located(module) if opcode == "fadd"} == {start + 3}


def test_code_that_numba_inlines_from_another_file_keeps_its_file() -> None:
    def f(x):
        y = x + 1.0
        return inlined_helpers.cube_plus(y, x)

    module = read(canonical_text(f, (number,)))
    start = inspect.getsourcelines(f)[1]
    places = {opcode: (file, line) for opcode, file, line, _ in located(module)}
    assert places["fmul"] == (inlined_helpers.__file__, inlined_helpers.LINE_OF_PRODUCT)
    adds = {(file, line) for opcode, file, line, _ in located(module) if opcode == "fadd"}
    assert (__file__, start + 1) in adds


def test_line_tables_add_no_debug_records() -> None:
    text = canonical_text(helper_call, (vector, vector))
    assert "#dbg_" not in text and "llvm.dbg.declare" not in text
    assert "emissionKind: NoDebug" in text
