"""Loads and stores of whole structs made loads and stores of their scalars, in place.

LLVM itself does so where a struct has no padding; a tuple of a boolean and a float has some.

Invariant: the function computes what it computed before; bytes of padding are not copied, as LLVM allows.
"""

from __future__ import annotations

import re

from ..ir import Function, Instruction, read_instruction
from ..ir.layout import alignment_of, is_aggregate, leaves_of

_ALIGNMENT = re.compile(r", align (\d+)")


def split_accesses(function: Function) -> None:
    """Replace every load and store of a struct or an array, but for volatile and atomic ones."""
    number = 0
    for block in function.blocks:
        if not any(map(_is_whole, block.instructions)):
            continue
        body: list[Instruction] = []
        for i in block.instructions:
            if _is_whole(i):
                body += _parts(i, number)
                number += 1
            else:
                body.append(i)
        block.instructions = body


def _is_whole(i: Instruction) -> bool:
    if i.opcode not in ("load", "store") or "volatile" in i.flags or "atomic" in i.flags:
        return False
    return is_aggregate(i.type if i.opcode == "load" else i.types[0])


def _parts(access: Instruction, number: int) -> list[Instruction]:
    lines = _load(access, number) if access.opcode == "load" else _store(access, number)
    parts = [read_instruction(line) for line in lines]
    for part in parts:
        part.debug = access.debug
    return parts


def _load(load: Instruction, number: int) -> list[str]:
    lines, whole, leaves = [], "poison", leaves_of(load.type)
    for leaf, (path, offset, kind) in enumerate(leaves):
        place, scalar = f'%"access.{number}.place.{leaf}"', f'%"access.{number}.scalar.{leaf}"'
        made = load.name if leaf == len(leaves) - 1 else f'%"access.{number}.whole.{leaf}"'
        lines += [
            f"{place} = getelementptr inbounds i8, ptr {load.operands[0]}, i64 {offset}",
            f"{scalar} = load {kind}, ptr {place}, align {_alignment(load, kind)}",
            f"{made} = insertvalue {load.type} {whole}, {kind} {scalar}, {', '.join(map(str, path))}",
        ]
        whole = made
    return lines


def _store(store: Instruction, number: int) -> list[str]:
    (value, pointer), lines = store.operands, []
    for leaf, (path, offset, kind) in enumerate(leaves_of(store.types[0])):
        place, scalar = f'%"access.{number}.place.{leaf}"', f'%"access.{number}.scalar.{leaf}"'
        lines += [
            f"{scalar} = extractvalue {store.types[0]} {value}, {', '.join(map(str, path))}",
            f"{place} = getelementptr inbounds i8, ptr {pointer}, i64 {offset}",
            f"store {kind} {scalar}, ptr {place}, align {_alignment(store, kind)}",
        ]
    return lines


def alignment_of_access(access: Instruction) -> str:
    """The alignment that a load or store states, as text to be added to that of its shadow: records may be packed."""
    stated = _ALIGNMENT.search(access.text)
    return stated[0] if stated else ""


def _alignment(access: Instruction, kind: str) -> int:
    stated = _ALIGNMENT.search(access.text)
    return min(int(stated[1]) if stated else 1, alignment_of(kind))
