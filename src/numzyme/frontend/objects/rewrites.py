"""What specialisation does to Numba's IR: a loop becomes copies of its body, a decided branch a jump.

Decides nothing about types: what is to be rewritten comes from a trial, by the labels of blocks. Invariant: names and
labels of what stays are kept until all blocks are numbered anew.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numba.core import ir
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.ir_utils import next_label, rename_labels


def keep_live_blocks(func_ir: Any) -> None:
    """Remove dead blocks, and number the others in the order of control flow.

    Numba propagates types by the blocks' numbers, time and again until nothing changes: a long chain of copies in
    another order takes as many rounds as it has steps.
    """
    for label in compute_cfg_from_blocks(func_ir.blocks).dead_nodes():
        del func_ir.blocks[label]
    func_ir.blocks = rename_labels(func_ir.blocks)


def copied(statement: Any) -> Any:
    """A statement that shares nothing that later passes change."""
    made = copy.copy(statement)
    if isinstance(made, ir.Assign) and not isinstance(made.value, ir.Var):
        value: Any = copy.copy(made.value)
        if isinstance(value, ir.Expr):
            value._kws = dict(value._kws)
        made.value = value
    return made


@dataclass(frozen=True)
class DecidedBranch:
    """A branch whose condition the types decide."""

    label: int
    taken: bool

    def rewrite(self, func_ir: Any) -> None:
        block = func_ir.blocks[self.label]
        branch = block.body[-1]
        block.body[-1] = ir.Jump(branch.truebr if self.taken else branch.falsebr, branch.loc)
        _remove_unread(func_ir, {branch.cond.name})


@dataclass(frozen=True)
class Item:
    """What a step of the loop gets: a number, a member of a tuple, or a tuple of items."""

    source: str | None = None  # the variable that holds the tuple
    index: int = 0
    group: tuple[Item, ...] | None = None


@dataclass(frozen=True)
class UnrolledLoop:
    """A loop over tuples. `start`: label of the block with `getiter`; `steps`: what each step gets."""

    header: int
    start: int
    steps: tuple[Item, ...]

    def rewrite(self, func_ir: Any) -> None:
        cfg = compute_cfg_from_blocks(func_ir.blocks)
        loop = cfg.loops()[self.header]
        sources = self._keep_sources(func_ir)
        branch = func_ir.blocks[self.header].body[-1]
        leaving = branch.falsebr if branch.truebr in loop.body else branch.truebr
        entries = {source for source, _ in cfg.predecessors(self.header) if source not in loop.body}
        body = {label: func_ir.blocks.pop(label) for label in loop.body}
        following, others = leaving, set(func_ir.blocks)
        for step in reversed(self.steps):
            following = self._copy_body(func_ir, body, step, sources, following)
        for label in entries:
            _retarget(func_ir.blocks[label], {self.header: following})
        inside = {self.start, *entries, *(set(func_ir.blocks) - others)}
        _remove_iterator(func_ir, self.start, [func_ir.blocks[label] for label in inside])

    def _keep_sources(self, func_ir: Any) -> dict[str, Any]:
        """Variables that hold the tuples during the loop, whatever its body assigns."""
        block = func_ir.blocks[self.start]
        position, getiter = _getiter_of(func_ir.blocks, self.start)
        kept: dict[str, Any] = {}
        for name in {name for step in self.steps for name in _sources(step)}:
            kept[name] = block.scope.redefine("$unrolled", loc=getiter.loc, rename=True)
            copy_of = ir.Assign(ir.Var(block.scope, name, getiter.loc), kept[name], getiter.loc)
            block.body.insert(position, copy_of)
        return kept

    def _copy_body(self, func_ir: Any, body: dict, step: Item, sources: dict[str, Any], following: int) -> int:
        """One copy of the loop's blocks; its back edge goes to `following`. Returns the label of its header."""
        first = next_label() + max([*func_ir.blocks, *body, 0]) + 1
        labels = {label: first + n for n, label in enumerate(sorted(body))}
        targets = {**labels, self.header: following}
        for label, block in body.items():
            made = ir.Block(block.scope, block.loc)
            made.body = [copied(statement) for statement in block.body]
            if label == self.header:
                inside = made.body[-1].truebr if made.body[-1].truebr in body else made.body[-1].falsebr
                made.body = list(self._next_item(made, step, sources))
                made.body.append(ir.Jump(inside, block.loc))
            _retarget(made, targets)
            func_ir.blocks[labels[label]] = made
        return labels[self.header]

    def _next_item(self, block: Any, step: Item, sources: dict[str, Any]) -> Iterator[Any]:
        """The header without its test: `pair_first` is the item of this step."""
        for statement in block.body[:-1]:
            value = getattr(statement, "value", None)
            op = value.op if isinstance(value, ir.Expr) else None
            if op == "pair_first":
                made: list[Any] = []
                value = self._build(made, block.scope, statement.loc, step, sources)
                yield from made
                yield ir.Assign(value, statement.target, statement.loc)
            elif op not in ("iternext", "pair_second"):
                yield statement

    def _build(self, made: list[Any], scope: Any, loc: Any, item: Item, sources: dict[str, Any]) -> Any:
        """A variable with the value of `item`; the statements that make it go to `made`."""

        def assigned(value: Any) -> Any:
            variable = scope.redefine("$step", loc=loc, rename=True)
            made.append(ir.Assign(value, variable, loc))
            return variable

        if item.group is not None:
            parts = [self._build(made, scope, loc, part, sources) for part in item.group]
            return assigned(ir.Expr.build_tuple(parts, loc))
        number = assigned(ir.Const(item.index, loc))
        if item.source is None:
            return number
        return assigned(ir.Expr.static_getitem(sources[item.source], item.index, number, loc))


def _sources(item: Item) -> set[str]:
    if item.group is not None:
        return set().union(*map(_sources, item.group))
    return {item.source} if item.source is not None else set()


def _getiter_of(blocks: dict, label: int) -> tuple[int, Any]:
    found = [
        (position, statement)
        for position, statement in enumerate(blocks[label].body)
        if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Expr) and statement.value.op == "getiter"
    ]
    return found[-1]


def _remove_iterator(func_ir: Any, start: int, blocks: list[Any]) -> None:
    """Take the iterator away, with what only it was for: its copies, and the call of `zip` or `enumerate`.

    `blocks`: where the copies are; other copies of an outer loop's body have copies of the same names.
    """
    _, getiter = _getiter_of(func_ir.blocks, start)
    removed = {getiter.target.name}
    for block in blocks:
        block.body = [s for s in block.body if s is not getiter]
    while True:
        copies = {
            s.target.name
            for block in blocks
            for s in block.find_insts(ir.Assign)
            if isinstance(s.value, ir.Var) and s.value.name in removed
        }
        for block in blocks:
            block.body = [s for s in block.body if not (isinstance(s, ir.Assign) and s.target.name in copies)]
        if not copies:
            break
        removed = copies
    _remove_unread(func_ir, {getiter.value.value.name})


_SETTLED = frozenset({"call", "binop", "unary", "cast", "build_tuple"})


def _remove_unread(func_ir: Any, names: set[str]) -> None:
    """Remove the definitions of `names`, and of what only they needed, where nothing reads them any more.

    These are tests that were decided and iterators that were unrolled: they have no effect, and may have no type.
    """
    blocks, candidates = func_ir.blocks.values(), set(names)
    while True:
        used = {v.name for block in blocks for statement in block.body for v in _read(statement)}
        dead = [
            (block, s)
            for block in blocks
            for s in block.find_insts(ir.Assign)
            if s.target.name in candidates - used and isinstance(s.value, ir.Expr) and s.value.op in _SETTLED
        ]
        if not dead:
            return
        for block, statement in dead:
            block.body.remove(statement)
            candidates.update(v.name for v in _read(statement) if v.name.startswith("$"))


def _read(statement: Any) -> list[Any]:
    """The variables that a statement reads."""
    if not isinstance(statement, ir.Assign):
        return statement.list_vars()
    if isinstance(statement.value, ir.Var):
        return [statement.value]
    return statement.value.list_vars() if isinstance(statement.value, ir.Expr) else []


def _retarget(block: Any, labels: dict[int, int]) -> None:
    end = block.body[-1]
    if isinstance(end, ir.Jump):
        block.body[-1] = ir.Jump(labels.get(end.target, end.target), end.loc)
    elif isinstance(end, ir.Branch):
        true, false = labels.get(end.truebr, end.truebr), labels.get(end.falsebr, end.falsebr)
        block.body[-1] = ir.Branch(end.cond, true, false, end.loc)
