"""Makes a failing program smaller: `shrink(source, still_fails)`.

Tries to delete statements, to replace compound statements by their bodies, and to delete helper functions,
as long as `still_fails` says yes; repeats until nothing more can go. The result still fails, and is what a
person wants to read.
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
    """Programs with one thing less, larger cuts first."""
    count = len(list(_places(ast.parse(source))))
    for edit in (_delete, _unwrap, _simplify):
        for position in range(count):
            tree = ast.parse(source)
            body, index = list(_places(tree))[position]
            if edit(body, index):
                yield ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _places(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], int]]:
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


def _simplify(body: list[ast.stmt], index: int) -> bool:
    """Replace the first operation of a statement's value by its left operand, or a call by its first argument."""
    statement = body[index]
    value = getattr(statement, "value", None)
    if not isinstance(statement, (ast.Assign, ast.AugAssign, ast.Return)):
        return False
    if isinstance(value, ast.BinOp):
        statement.value = value.left
        return True
    if isinstance(value, ast.Call) and len(value.args) == 1 and not value.keywords:
        statement.value = value.args[0]
        return True
    return False
