"""Calls that fail: which functions may be left by an error that a caller of theirs catches?

Decides it by walking on from the call with nothing known but that its status is not a good one (0, or -2 for "None"),
along every edge that is possible then. Invariant: a call after whose failure the function may still end well is found:
what such a callee did before its error is differentiated, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..ir import Instruction, Module
from .cfg import GOOD_STATUS, Cfg

_MOST_STATES = 20_000


@dataclass
class _State:
    """Names of the bad status, and truth values that follow from it."""

    bad: set[str]
    truth: dict[str, bool] = field(default_factory=dict)

    def key(self) -> tuple:
        return frozenset(self.bad), frozenset(self.truth.items())

    def copy(self) -> _State:
        return _State(set(self.bad), dict(self.truth))

    def forget(self, name: str) -> None:
        self.bad.discard(name)
        self.truth.pop(name, None)

    def assign(self, name: str, value: str) -> None:
        """Let `name` be what `value` is."""
        bad, truth = value in self.bad, self.truth_of(value)
        self.forget(name)
        if bad:
            self.bad.add(name)
        if truth is not None:
            self.truth[name] = truth

    def truth_of(self, value: str) -> bool | None:
        return {"true": True, "false": False}.get(value, self.truth.get(value))


def caught_functions(module: Module) -> frozenset[str]:
    """The functions after whose errors the caller may go on, and those that they call: their errors may be the same."""
    called: dict[str, set[str]] = {}
    todo = []
    for name, function in module.functions.items():
        cfg = Cfg(function)
        places = [
            (label, position)
            for label in cfg.order
            for position, i in enumerate(cfg.blocks[label].instructions)
            if i.opcode == "call" and i.type == "i32" and i.callee in module.functions
        ]
        called[name] = {cfg.blocks[label].instructions[position].callee for label, position in places}
        todo += [
            cfg.blocks[label].instructions[position].callee
            for label, position in places
            if not _ends_the_function(module, cfg, label, position)
        ]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found and not _never_fails(module, name):
            found.add(name)
            todo += called[name]
    return frozenset(found)


def _ends_the_function(module: Module, cfg: Cfg, label: str, position: int) -> bool:
    """Whether a bad status of a call, at a position of a block, always leads to a return with a bad status."""
    call = cfg.blocks[label].instructions[position]
    if _never_fails(module, call.callee):
        return True
    stack = [(label, position + 1, _State({call.name}))]
    seen: set[tuple] = set()
    while stack:
        label, position, state = stack.pop()
        for i in cfg.blocks[label].instructions[position:-1]:
            if i is call:
                return False  # the function went on
            _execute(i, state)
        terminator = cfg.blocks[label].terminator
        if terminator.opcode == "ret":
            if not terminator.operands or not _is_bad(terminator.operands[0], state):
                return False
            continue
        for successor in _successors(terminator, state):
            following = _entered(cfg, label, successor, state)
            key = successor, following.key()
            if key not in seen:
                seen.add(key)
                stack.append((successor, 0, following))
        if len(seen) > _MOST_STATES:
            return False
    return True


def _never_fails(module: Module, callee: str) -> bool:
    """Whether a function returns good statuses only, as do those whose statuses it hands on."""
    waiting, seen = [callee], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        function = module.functions.get(name)
        if function is None:
            return False
        made = {i.name: i for i in function.instructions() if i.name}
        statuses = [i.operands[0] for i in function.instructions() if i.opcode == "ret" and i.operands]
        met: set[str] = set()
        while statuses:
            status = statuses.pop()
            origin = made.get(status)
            if status in GOOD_STATUS or status in met:
                continue
            met.add(status)
            if origin is not None and origin.opcode == "phi":
                statuses += origin.operands
            elif origin is not None and origin.opcode == "select":
                statuses += origin.operands[1:]
            elif origin is not None and origin.opcode == "call" and origin.type == "i32":
                waiting.append(origin.callee)
            else:
                return False
    return True


def _is_bad(status: str, state: _State) -> bool:
    return status in state.bad or (status.lstrip("-").isdigit() and status not in GOOD_STATUS)


def _entered(cfg: Cfg, label: str, successor: str, state: _State) -> _State:
    """The state behind the phis of a block, which are all read before any is written."""
    following = state.copy()
    for phi in cfg.blocks[successor].phis:
        value = phi.operands[phi.labels.index(label)]
        before = state.copy()
        before.assign(phi.name, value)
        following.forget(phi.name)
        following.bad |= before.bad & {phi.name}
        following.truth |= {name: truth for name, truth in before.truth.items() if name == phi.name}
    return following


def _execute(i: Instruction, state: _State) -> None:
    if not i.name or i.opcode == "phi":
        return
    truth = _truth(i, state)
    if i.opcode == "freeze":
        state.assign(i.name, i.operands[0])
    elif i.opcode == "select" and (chosen := state.truth_of(i.operands[0])) is not None:
        state.assign(i.name, i.operands[1 if chosen else 2])
    else:
        state.forget(i.name)
        if truth is not None:
            state.truth[i.name] = truth


def _truth(i: Instruction, state: _State) -> bool | None:
    if i.opcode == "icmp" and i.predicate in ("eq", "ne"):
        one, other = i.operands
        compared = one in state.bad and other in GOOD_STATUS or other in state.bad and one in GOOD_STATUS
        return (i.predicate == "ne") if compared else None
    if i.opcode in ("and", "or", "xor") and i.type == "i1":
        one, other = map(state.truth_of, i.operands)
        if i.opcode == "xor":
            return None if one is None or other is None else one != other
        decisive = i.opcode == "or"
        if decisive in (one, other):
            return decisive
        return None if one is None or other is None else not decisive
    return None


def _successors(terminator: Instruction, state: _State) -> Iterator[str]:
    if terminator.opcode == "br" and terminator.operands:
        truth = state.truth_of(terminator.operands[0])
        if truth is not None:
            yield terminator.labels[0 if truth else 1]
            return
    if terminator.opcode == "switch" and terminator.operands[0] in state.bad:
        yield terminator.labels[0]
        cases = zip(terminator.operands[1:], terminator.labels[1:], strict=True)
        yield from (label for case, label in cases if case not in GOOD_STATUS)
        return
    yield from dict.fromkeys(terminator.labels)
