"""What specialisation does to Numba's IR: a loop becomes copies of its body, a decided branch a jump.

Decides nothing about types: what is to be rewritten comes from a trial, by the labels of blocks. Invariant: names and
labels of what stays are kept until all blocks are numbered anew.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from numba.core import ir
from numba.core.analysis import compute_cfg_from_blocks, compute_live_map, compute_use_defs
from numba.core.ir_utils import next_label, rename_labels

from .matching import strict_zip
from .sequences import as_list


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
        remove_unread(func_ir, {branch.cond.name})


@dataclass(frozen=True)
class Item:
    """What a step of the loop gets: a number or key, a member of a tuple or dict, or a tuple of items."""

    source: str | None = None  # the variable that holds the tuple or dict
    index: int | str = 0
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
        found = stepping_blocks(func_ir.blocks, loop.body, self.header)
        assert found is not None  # as they were when the loop was found
        asking = found[1]
        branch = func_ir.blocks[asking].body[-1]
        leaving = branch.falsebr if branch.truebr in loop.body else branch.truebr
        entries = {source for source, _ in cfg.predecessors(self.header) if source not in loop.body}
        body = {label: func_ir.blocks.pop(label) for label in loop.body}
        following, others = leaving, set(func_ir.blocks)
        for step in reversed(self.steps):
            following = self._copy_body(func_ir, body, found, step, sources, following)
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

    def _copy_body(
        self, func_ir: Any, body: dict, stepping: tuple, step: Item, sources: dict[str, Any], following: int
    ) -> int:
        """One copy of the loop's blocks; its back edge goes to `following`. Returns the label of its header."""
        first = next_label() + max([*func_ir.blocks, *body, 0]) + 1
        taking, asking = stepping
        labels = {label: first + n for n, label in enumerate(sorted(body))}
        targets = {**labels, self.header: following}
        for label, block in body.items():
            made = ir.Block(block.scope, block.loc)
            made.body = [copied(statement) for statement in block.body]
            end = made.body.pop()
            if label == taking:
                made.body = list(self._next_item(made, step, sources))
            if label == asking:
                end = ir.Jump(end.truebr if end.truebr in body else end.falsebr, block.loc)
            made.body.append(end)
            _retarget(made, targets)
            func_ir.blocks[labels[label]] = made
        return labels[self.header]

    def _next_item(self, block: Any, step: Item, sources: dict[str, Any]) -> Iterator[Any]:
        """The header without its test: `pair_first` is the item of this step."""
        for statement in block.body:
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


def stepping_blocks(blocks: dict, body: Any, header: int) -> tuple[int, int] | None:
    """The block of a loop that takes the next item, and the one that asks whether there was any.

    Outside of `try` both are the header; where a `try` begins or ends the first follows it, and in one the second does.
    """
    taking = header
    while not _made_by(blocks[taking], "iternext"):
        end = blocks[taking].body[-1]
        if not isinstance(end, ir.Jump) or end.target not in body:
            return None
        taking = end.target
        if sum(taking in other.terminator.get_targets() for other in blocks.values()) > 1:
            return None  # another loop begins there
    asked = _made_by(blocks[taking], "pair_second")
    ends = {label: blocks[label].body[-1] for label in body}
    found = [label for label, end in ends.items() if isinstance(end, ir.Branch) and end.cond.name in asked]
    return (taking, found[0]) if len(found) == 1 else None


def _made_by(block: Any, op: str) -> set[str]:
    """The variables of a block that are made by an operation."""
    made = block.find_insts(ir.Assign)
    return {s.target.name for s in made if isinstance(s.value, ir.Expr) and s.value.op == op}


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
    remove_unread(func_ir, {getiter.value.value.name})


_SETTLED = frozenset({"binop", "unary", "cast", "build_tuple"})
_WITHOUT_EFFECT = (bool, isinstance, hasattr, len, type, zip, enumerate, reversed, range)
_VIEWS = frozenset({"keys", "values", "items"})


def remove_unread(func_ir: Any, names: set[str]) -> None:
    """Remove the definitions of `names`, and of what only they needed, where nothing reads them any more.

    These are tests that were decided and iterators that were unrolled: they have no effect, and may have no type.
    Copies of a loop's body define the same names: what counts is whether a definition is read before the next one.
    """
    candidates, removed = set(names), True
    while removed:
        removed = False
        cfg = compute_cfg_from_blocks(func_ir.blocks)
        uses = compute_use_defs(func_ir.blocks)
        live_at = compute_live_map(cfg, func_ir.blocks, uses.usemap, uses.defmap)
        for label, block in func_ir.blocks.items():
            live = set().union(*(live_at[target] for target, _ in cfg.successors(label)))
            for statement in reversed(list(block.body)):
                name = statement.target.name if isinstance(statement, ir.Assign) else ""
                if name in candidates and name not in live and _has_no_effect(func_ir, statement.value):
                    block.body.remove(statement)
                    candidates.update(v.name for v in _read(statement))
                    removed = True
                    continue
                live.discard(name)
                live.update(v.name for v in _read(statement))


def _has_no_effect(func_ir: Any, value: Any) -> bool:
    if isinstance(value, ir.Var):
        return True  # as in `try`, where each instruction hands its value to the next
    if isinstance(value, ir.Expr) and value.op == "getattr":
        made = _definitions(func_ir, value.value.name)
        return bool(made) and all(isinstance(getattr(found, "value", None), ModuleType) for found in made)
    if not isinstance(value, ir.Expr) or value.op != "call":
        return isinstance(value, ir.Expr) and value.op in _SETTLED
    made = _definitions(func_ir, value.func.name)
    return bool(made) and all(map(_is_harmless, made))


def _definitions(func_ir: Any, name: str) -> list[Any]:
    """What is assigned to a variable, or to those that are copied to it."""
    found, seen, todo = [], {name}, {name}
    while todo:
        values = [
            statement.value
            for block in func_ir.blocks.values()
            for statement in block.find_insts(ir.Assign)
            if statement.target.name in todo
        ]
        found += [value for value in values if not isinstance(value, ir.Var)]
        todo = {value.name for value in values if isinstance(value, ir.Var)} - seen
        seen |= todo
    return found


def _is_harmless(function: Any) -> bool:
    if isinstance(function, ir.Expr):
        return function.op == "getattr" and function.attr in _VIEWS
    known = function.value if isinstance(function, ir.Global | ir.FreeVar) else None
    return any(known is one for one in _WITHOUT_EFFECT) or known is strict_zip


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


def make_tuples_of_lists(func_ir: Any) -> None:
    """A list that is filled once, member after member without a branch, becomes a tuple.

    That is what a comprehension over unlike members is when its loop has been copied; a tuple may have members of any
    types, and carries derivatives.
    """
    for label in list(func_ir.blocks):
        for statement in list(func_ir.blocks[label].find_insts(ir.Assign)):
            value = statement.value
            if isinstance(value, ir.Expr) and value.op == "build_list" and not value.items:
                filling = _Filling(func_ir, label, statement)
                if filling.is_complete():
                    filling.rewrite()


class _Filling:
    """The straight way on which a new list is filled."""

    def __init__(self, func_ir: Any, label: int, made: Any) -> None:
        self.func_ir, self.made = func_ir, made
        self.lists, self.appends = {made.target.name}, set()
        self.copies: list[tuple[Any, Any]] = []  # (block, statement) that names the list anew
        self.readings: list[tuple[Any, Any]] = []  # that reads `append`
        self.calls: list[tuple[Any, Any]] = []
        self.last: tuple[Any, Any] = (func_ir.blocks[label], made)
        self._walk(label)

    def _walk(self, label: int) -> None:
        cfg = compute_cfg_from_blocks(self.func_ir.blocks)
        body = self.func_ir.blocks[label].body
        statements = body[body.index(self.made) + 1 :]
        while True:
            block = self.func_ir.blocks[label]
            for statement in statements:
                if not self._follow(block, statement):
                    return
            following = [target for target, _ in cfg.successors(label)]
            if len(following) != 1 or len(list(cfg.predecessors(following[0]))) != 1:
                return
            label = following[0]
            statements = self.func_ir.blocks[label].body

    def _follow(self, block: Any, statement: Any) -> bool:
        """Take one statement in; False when the list is used for something else, which ends the filling."""
        if not isinstance(statement, ir.Assign):
            return not any(v.name in self.lists for v in statement.list_vars())
        value, name = statement.value, statement.target.name
        if isinstance(value, ir.Var) and value.name in self.lists:
            self.lists.add(name)
            self.copies.append((block, statement))
        elif isinstance(value, ir.Expr) and value.op == "getattr" and value.value.name in self.lists:
            if value.attr != "append":
                return False
            self.appends.add(name)
            self.readings.append((block, statement))
        elif isinstance(value, ir.Expr) and value.op == "call" and value.func.name in self.appends:
            self.calls.append((block, statement))
            self.last = block, statement
        else:
            if any(v.name in self.lists for v in _read(statement)):
                return False
            self.lists.discard(name)
            self.appends.discard(name)
        return True

    def is_complete(self) -> bool:
        """Whether nothing else in the function fills or changes the list."""
        known = {id(statement) for _, statement in (*self.readings, *self.copies)}
        for block in self.func_ir.blocks.values():
            for statement in block.body:
                if isinstance(statement, ir.SetItem | ir.StaticSetItem | ir.DelItem):
                    if statement.target.name in self.lists:
                        return False
                elif isinstance(statement, ir.Assign) and id(statement) not in known:
                    value = statement.value
                    reads = isinstance(value, ir.Expr) and value.op == "getattr" and value.value.name in self.lists
                    if reads or (isinstance(value, ir.Expr) and value.op == "inplace_binop" and self._reads(statement)):
                        return False
        return bool(self.calls)

    def _reads(self, statement: Any) -> bool:
        return any(v.name in self.lists for v in _read(statement))

    def rewrite(self) -> None:
        scope, loc = self.last[0].scope, self.made.loc
        members = []
        for block, call in self.calls:
            member = scope.redefine("$member", loc=loc, rename=True)
            members.append(member)
            block.body.insert(block.body.index(call), ir.Assign(call.value.args[0], member, loc))
        block, last = self.last
        late = [copy_of for _, copy_of in self._copies_before(last)]
        target = self.made.target
        made, function = (scope.redefine(name, loc=loc, rename=True) for name in ("$members", "$function"))
        block.body[block.body.index(last) + 1 : block.body.index(last) + 1] = [
            ir.Assign(ir.Expr.build_tuple(members, loc), made, loc),
            ir.Assign(ir.FreeVar(0, "function", as_list, loc), function, loc),
            ir.Assign(ir.Expr.call(function, [made], (), loc), target, loc),
            *late,
        ]
        removed = {id(self.made), *(id(statement) for _, statement in (*self.readings, *self.calls))}
        for other in self.func_ir.blocks.values():
            other.body = [s for s in other.body if id(s) not in removed]

    def _copies_before(self, last: Any) -> list[tuple[Any, Any]]:
        """The statements that named the list before it was full; they are taken out of their places."""
        found = []
        for block, statement in self.copies:
            if self._comes_before(block, statement, last):
                found.append((block, statement))
        for block, statement in found:
            block.body.remove(statement)
        return found

    def _comes_before(self, block: Any, statement: Any, last: Any) -> bool:
        last_block = self.last[0]
        if block is last_block:
            return block.body.index(statement) < block.body.index(last)
        order = [id(b) for b, _ in (*self.readings, *self.calls)]
        return id(block) in order or block is not last_block and self._reaches(block, last_block)

    def _reaches(self, block: Any, last_block: Any) -> bool:
        labels = {id(b): label for label, b in self.func_ir.blocks.items()}
        cfg = compute_cfg_from_blocks(self.func_ir.blocks)
        label, target = labels[id(block)], labels[id(last_block)]
        while True:
            following = [t for t, _ in cfg.successors(label)]
            if target in following:
                return True
            if len(following) != 1:
                return False
            label = following[0]
