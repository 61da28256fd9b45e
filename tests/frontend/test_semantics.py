"""Normalising changes nothing that a caller can see: results, mutations and exceptions, bit for bit."""

from __future__ import annotations

import pytest
from numba import njit, types

from numzyme.frontend import extract, normalise

from .execution import callable_of, outcome
from .programs import PROGRAMS, Program


def _holds_memory(kind) -> bool:
    if isinstance(kind, types.BaseTuple):
        return any(map(_holds_memory, kind.types))
    return isinstance(kind, types.Array)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_canonical_text_computes_what_njit_computes(program: Program) -> None:
    raw = extract(program.function, program.argument_types)
    plain = program.function if program.plain_python else njit(program.function)
    expected = outcome(plain, program.arguments())
    counted = callable_of(raw, normalise(raw, disjoint=True, ownership="nrt"))
    assert outcome(counted, program.arguments()) == expected
    if not _holds_memory(raw.return_type):  # memory of an arena cannot be handed to Python
        arena = callable_of(raw, normalise(raw, disjoint=False, ownership="arena"))
        assert outcome(arena, program.arguments()) == expected
