"""Derivative rules as a table, and how instructions find theirs."""

from __future__ import annotations

from ..ir import Instruction
from ..ir.symbols import HOLD, MATH, symbol_of
from .table import INACTIVE, TABLE, Rule

_ALIASES = {"tgamma": "gamma", "lgamma": "lgamma", "log_gamma": "lgamma", "minimum": "minnum", "maximum": "maxnum",
            "fmin": "minnum", "fmax": "maxnum", "minimumnum": "minnum", "maximumnum": "maxnum"}  # fmt: skip

_DRAWS = frozenset({"numba_poisson_ptrs"})  # random integers are drawn once


def operation_of(instruction: Instruction) -> str | None:
    """The table's name for an operation: an opcode, or the name of a mathematical function; None for other calls."""
    if instruction.opcode != "call":
        return instruction.opcode
    symbol = symbol_of(instruction.callee)
    if not MATH.match(symbol):
        return None
    if symbol.startswith("llvm."):
        name = symbol.split(".")[1]
    else:
        name = symbol.removeprefix("numba_").removeprefix("numzyme.")
        if name not in TABLE and name not in INACTIVE and name.endswith("f"):
            name = name[:-1]
    return _ALIASES.get(name, name)


def rule_for(instruction: Instruction) -> Rule | None:
    """The rule of an instruction, or None."""
    operation = operation_of(instruction)
    return TABLE.get(operation) if operation else None


def is_inactive(instruction: Instruction) -> bool:
    """Whether the derivative of the operation is zero wherever it exists."""
    if instruction.opcode != "call":
        return operation_of(instruction) in INACTIVE
    symbol = symbol_of(instruction.callee)
    held = symbol.startswith(HOLD) and symbol != f"{HOLD}0"
    return held or symbol in _DRAWS or operation_of(instruction) in INACTIVE


__all__ = ["INACTIVE", "TABLE", "Rule", "is_inactive", "operation_of", "rule_for"]
