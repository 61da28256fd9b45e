"""Makes a failing program smaller: `shrink(source, still_fails)`.

Tries to delete statements and functions, to replace compound statements by their bodies, and operations by their
operands, as long as `still_fails` says yes; repeats until nothing more can go. What is left still fails.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

_BODIES = ("body", "orelse")


def shrink(source: str, still_fails: Callable[[str], bool]) -> str:
    """The smallest program found that still fails."""
    best, tried = source, {source}
    changed = True
    while changed:
        changed = False
        for candidate in _smaller(best):
            if candidate not in tried:
                tried.add(candidate)
                if still_fails(candidate):
                    best, changed = candidate, True
                    break
    return best


def _smaller(source: str) -> Iterator[str]:
    """Programs with one thing less: statements first, then parts of expressions."""
    for edit, places in _CUTS:
        for position in range(len(list(places(ast.parse(source))))):
            tree = ast.parse(source)
            if edit(*list(places(tree))[position]):
                yield ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _statements(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], int]]:
    """Every statement, as the list that holds it and its index there; the last ones first."""
    for node in ast.walk(tree):
        for field in _BODIES:
            body = getattr(node, field, None)
            if isinstance(body, list):
                yield from ((body, index) for index in reversed(range(len(body))))


def _delete(body: list[ast.stmt], index: int) -> bool:
    if isinstance(body[index], ast.FunctionDef) and getattr(body[index], "name", "") in ("program", "arguments"):
        return False
    if len(body) == 1:
        if isinstance(body[0], ast.Pass):
            return False
        body[0] = ast.Pass()
    else:
        del body[index]
    return True


def _unwrap(body: list[ast.stmt], index: int) -> bool:
    statement = body[index]
    if not isinstance(statement, (ast.If, ast.For, ast.While)):
        return False
    body[index : index + 1] = statement.body
    return True


def _expressions(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int | None, ast.expr]]:
    """Every operand of an operation or call in `program`, with the field that holds the operation."""
    program = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "program")
    for parent in ast.walk(program):
        for field, value in ast.iter_fields(parent):
            for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, (ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Call)):
                    operands = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
                    skipped = isinstance(node, ast.Call)  # the function itself
                    yield from ((parent, field, index, operand) for operand in operands[skipped:])


def _reduce(parent: ast.AST, field: str, index: int | None, operand: ast.expr) -> bool:
    """Replace an operation by one of its operands."""
    if index is None:
        setattr(parent, field, operand)
    else:
        getattr(parent, field)[index] = operand
    return True


_CUTS: tuple[tuple[Callable[..., bool], Callable[[ast.Module], Iterator[tuple]]], ...] = (
    (_delete, _statements),
    (_unwrap, _statements),
    (_reduce, _expressions),
)
