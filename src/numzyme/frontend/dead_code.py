"""Removing what nothing reads from Numba's IR, after functions that are made inside have been inlined.

Numba's own pass removes stores to arrays, too, whose names it cannot connect with something that is read later: rows of
a loop, fields of objects, views that functions return; and operations that raise. Decides that only values go whose
making nobody can notice. Invariant: every store stays, and everything that may raise.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from numba.core import ir, postproc
from numba.core.analysis import compute_cfg_from_blocks, compute_live_map, compute_use_defs

_HARMLESS = frozenset({"make_function", "build_tuple", "build_list", "build_set", "build_map", "cast"})


def remove_unread_values(func_ir: Any, *_: Any, **__: Any) -> None:
    """What stands for Numba's `dead_code_elimination`: takes its arguments, and leaves valid IR."""
    changed = False
    while _remove_some(func_ir):
        changed = True
    if changed:
        postproc.PostProcessor(func_ir).run()


def _remove_some(func_ir: Any) -> bool:
    blocks, removed = func_ir.blocks, False
    cfg, uses = compute_cfg_from_blocks(blocks), compute_use_defs(blocks)
    live_at = compute_live_map(cfg, blocks, uses.usemap, uses.defmap)
    modules, captured = _names_of_modules(blocks), _captured_names(blocks)
    for label, block in blocks.items():
        live = set().union(*(live_at[target] for target, _ in cfg.successors(label)))
        kept = []
        for statement in reversed(block.body):
            if isinstance(statement, ir.Assign):
                name = statement.target.name
                copied = isinstance(statement.value, ir.Var) and statement.value.name == name
                if copied or (name not in live | captured and _is_harmless(statement.value, modules)):
                    removed = True
                    continue
                live.discard(name)
            elif isinstance(statement, ir.Del) and statement.value not in live:
                removed = True
                continue
            live |= {variable.name for variable in variables_read(statement)}
            kept.append(statement)
        block.body = kept[::-1]
    return removed


def _is_harmless(value: Any, modules: set[str]) -> bool:
    if isinstance(value, ir.Expr):
        is_read = value.op == "getattr" and (value.attr == "append" or value.value.name in modules)
        return value.op in _HARMLESS or is_read  # `append` is left over where an array is made instead of a list
    return isinstance(value, ir.Const | ir.Global | ir.FreeVar | ir.Var)


def _names_of_modules(blocks: Any) -> set[str]:
    """Variables that stand for modules, whose attributes nobody notices that are read."""
    return {
        found.target.name
        for block in blocks.values()
        for found in block.find_insts(ir.Assign)
        if isinstance(found.value, ir.Global | ir.FreeVar) and isinstance(found.value.value, ModuleType)
    }


def _captured_names(blocks: Any) -> set[str]:
    """Variables that functions made inside capture: whoever binds one anew must be seen (`objects.made_inside`)."""
    assigned = [found for block in blocks.values() for found in block.find_insts(ir.Assign)]
    known = [one for one in assigned if isinstance(one.value, ir.FreeVar)]
    makers = {one.target.name for one in known if getattr(one.value.value, "_name", "") == "capture"}
    tuples, names = set(), set()
    for one in assigned:
        value = one.value
        if isinstance(value, ir.Expr) and value.op == "make_function" and isinstance(value.closure, ir.Var):
            tuples.add(value.closure.name)
        elif isinstance(value, ir.Expr) and value.op == "call" and value.func.name in makers:
            names |= {argument.name for argument in value.args}
    for one in assigned:
        if one.target.name in tuples and isinstance(one.value, ir.Expr) and one.value.op == "build_tuple":
            names |= {item.name for item in one.value.items}
    return names | {one.value.name for one in assigned if one.target.name in names and isinstance(one.value, ir.Var)}


def variables_read(statement: Any) -> list[Any]:
    """The variables that a statement of Numba's IR reads."""
    if not isinstance(statement, ir.Assign):
        return statement.list_vars()
    if isinstance(statement.value, ir.Var):
        return [statement.value]
    return statement.value.list_vars() if isinstance(statement.value, ir.Expr | ir.Yield) else []
