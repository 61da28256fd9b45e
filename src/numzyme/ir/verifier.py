"""Structural checks on a `Module` that are cheap enough for every pass boundary.

Checks: one terminator per block and at its end; every branch target exists; every SSA name that is used is defined
exactly once; a phi has one entry for each edge into its block. Dominance and types are left to LLVM's own verifier.
"""

from __future__ import annotations

import re

from .model import Function, Module

_SSA = re.compile(r'^%(?:"[^"]*"|[-\w.$]+)$')


class VerifyError(ValueError):
    """The module breaks a structural rule; the message names function and instruction."""


def verify(module: Module) -> None:
    """Raise `VerifyError` at the first broken rule."""
    for function in module.functions.values():
        _verify_function(function)


def _verify_function(function: Function) -> None:
    labels = {block.label for block in function.blocks}
    defined = {parameter.name for parameter in function.parameters}
    predecessors: dict[str, list[str]] = {label: [] for label in labels}
    for block in function.blocks:
        if not block.instructions or not block.terminator.is_terminator:
            raise VerifyError(f"{function.name}: block {block.label} has no terminator")
        for instruction in block.instructions:
            if instruction.is_terminator and instruction is not block.terminator:
                raise VerifyError(f"{function.name}: terminator inside {block.label}: {instruction}")
            if instruction.name:
                if instruction.name in defined:
                    raise VerifyError(f"{function.name}: {instruction.name} is defined twice")
                defined.add(instruction.name)
        for label in block.successors:
            if label not in labels:
                raise VerifyError(f"{function.name}: {block.label} branches to {label}, which does not exist")
            predecessors[label].append(block.label)
    for block in function.blocks:
        for instruction in block.instructions:
            for operand in instruction.operands:
                if _SSA.match(operand) and operand not in defined:
                    raise VerifyError(f"{function.name}: {operand} is not defined: {instruction}")
        for phi in block.phis:
            if sorted(phi.labels) != sorted(predecessors[block.label]):
                raise VerifyError(f"{function.name}: {phi.name} does not match the predecessors of {block.label}")
