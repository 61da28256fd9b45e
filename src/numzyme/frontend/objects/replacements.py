"""Statements of Numba's IR that mean something else for the types at hand: indices, lists, sums, `is`.

Decides which statements of a trial are written anew. Invariant: what a statement is replaced by gives, for arguments of
these types, what Python gives; a list that is changed anywhere in the function stays Numba's.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.core import ir, types

from . import sequences
from .kinds import BoundMethod, EvenList, MixedList, MixedTuple, ObjectType, SequenceType, is_static
from .matching import member_kinds, strict_zip
from .replacing import FieldReplacer, ItemGetter, receiver_of, replacing
from .rewrites import remove_unread

_TAGGED = frozenset({"getitem", "static_getitem", "exhaust_iter", "build_list", "binop", "inplace_binop", "call"})
_ITERATE = {zip, strict_zip, enumerate, reversed}
_TAKE_LISTS = {*_ITERATE, np.stack, np.concatenate, np.hstack, np.vstack, np.column_stack, np.dstack, sum, len}


@dataclass
class Replaced:
    """Statements of the original and what they are replaced by: a value, or a function called with variables."""

    found: list[tuple[Any, Any, Any, list[Any]]]  # block, statement, function or value, arguments

    def rewrite(self, func_ir: Any) -> None:
        for block, statement, meaning, arguments in self.found:
            position = next((n for n, s in enumerate(block.body) if s is statement), None)
            if position is None:
                continue  # only what has been replaced read it
            loc, before = statement.loc, []
            if isinstance(meaning, ir.Expr | ir.Var | ir.Const):
                settled = {v.name for v in statement.value.list_vars()} if isinstance(meaning, ir.Const) else set()
                statement.value = meaning
                remove_unread(func_ir, settled)
                continue
            if meaning is sequences.as_list and arguments and isinstance(arguments[0], list):
                made = block.scope.redefine("$members", loc=loc, rename=True)
                before.append(ir.Assign(ir.Expr.build_tuple(arguments[0], loc), made, loc))
                arguments = [made]
            arguments = [
                self._called(block, before, *argument, loc) if isinstance(argument, tuple) else argument
                for argument in arguments
            ]
            function = block.scope.redefine("$function", loc=loc, rename=True)
            before.append(ir.Assign(ir.FreeVar(0, "function", meaning, loc), function, loc))
            statement.value = ir.Expr.call(function, arguments, (), loc)
            block.body[position:position] = before

    def _called(self, block: Any, before: list[Any], meaning: Any, argument: Any, loc: Any) -> Any:
        """A variable with what a function gives for one argument."""
        function, made = (block.scope.redefine(name, loc=loc, rename=True) for name in ("$function", "$made"))
        before.append(ir.Assign(ir.FreeVar(0, "function", meaning, loc), function, loc))
        before.append(ir.Assign(ir.Expr.call(function, [argument], (), loc), made, loc))
        return made


def tag(func_ir: Any) -> dict[int, tuple[Any, Any]]:
    """Number the expressions that may be replaced; the copies of a trial have the same numbers."""
    tagged: dict[int, tuple[Any, Any]] = {}
    for block in func_ir.blocks.values():
        for statement in block.find_insts(ir.Assign):
            if isinstance(statement.value, ir.Expr) and statement.value.op in _TAGGED:
                statement.value._kws["tag"] = len(tagged)
                tagged[len(tagged)] = block, statement
    return tagged


def untag(func_ir: Any) -> None:
    for block in func_ir.blocks.values():
        for statement in block.find_insts(ir.Assign):
            if isinstance(statement.value, ir.Expr):
                statement.value._kws.pop("tag", None)


def replacements(trial: Any, tagged: dict[int, tuple[Any, Any]]) -> Replaced | None:
    """All that the types of the trial let be replaced."""
    chooser, found = _Chooser(trial), []
    for block in trial.blocks.values():
        for statement in block.find_insts(ir.Assign):
            value = statement.value
            number = value._kws.get("tag") if isinstance(value, ir.Expr) else None
            if number is None:
                continue
            meaning = getattr(chooser, "_" + value.op)(value, statement)
            if meaning is not None:
                original_block, original = tagged[number]
                found.append((original_block, original, *_in_original(meaning, original)))
    return Replaced(found) if found else None


def answers(trial: Any, tagged: dict[int, tuple[Any, Any]]) -> Replaced | None:
    """The tests of types that are not branched on; when nothing else is to be replaced, for that may change types."""
    found = []
    for block in trial.blocks.values():
        for statement in block.find_insts(ir.Assign):
            call = statement.value
            if not isinstance(call, ir.Expr) or call.op != "call" or len(call.args) != 2 or "tag" not in call._kws:
                continue
            function = trial.value(call.func)
            answer = trial.value(statement.target) if function is isinstance or function is hasattr else None
            if isinstance(answer, bool):
                original_block, original = tagged[call._kws["tag"]]
                found.append((original_block, original, ir.Const(answer, original.loc), []))
    return Replaced(found) if found else None


def _in_original(meaning: Any, original: Any) -> tuple[Any, list[Any]]:
    """The meaning in the variables of the original: `meaning` is a function of what gives them."""
    return meaning(original.value)


class _Chooser:
    """What the statements mean; the methods give a function from the original expression to its replacement."""

    def __init__(self, trial: Any) -> None:
        self.trial = trial

    def _kind(self, variable: Any) -> Any:
        return self.trial.types.get(variable.name)

    def _getitem(self, value: Any, statement: Any) -> Any:
        kind = self._kind(value.value)
        unlike = isinstance(kind, types.BaseTuple) and not isinstance(kind, types.UniTuple)
        if not unlike and not isinstance(kind, SequenceType):
            return None
        index = self.trial.value(value.index)
        if type(index) is not int:
            return None
        return lambda old: (ir.Expr.static_getitem(old.value, index, old.index, old.loc), [])

    def _static_getitem(self, value: Any, statement: Any) -> Any:
        kind, index = self._kind(value.value), value.index
        if not isinstance(index, slice) or not isinstance(kind, MixedTuple | EvenList | SequenceType):
            return None
        return lambda old: (sequences.sliced(index.start, index.stop, index.step), [old.value])

    def _exhaust_iter(self, value: Any, statement: Any) -> Any:
        kind = self._kind(value.value)
        if not isinstance(kind, SequenceType):
            return None
        return lambda old: (old.value, []) if len(kind.fields) == value.count else (sequences.as_tuple, [old.value])

    def _binop(self, value: Any, statement: Any) -> Any:
        kinds = [self._kind(value.lhs), self._kind(value.rhs)]
        listed = [member_kinds(kind) for kind in kinds]
        own = any(isinstance(kind, MixedTuple | EvenList | SequenceType) for kind in kinds)
        alike = len({isinstance(kind, MixedList | EvenList | SequenceType) for kind in kinds}) == 1
        if value.fn is operator.add and own and alike and None not in listed:
            return lambda old: (sequences.joined, [old.lhs, old.rhs])
        if value.fn is operator.mul and (listed[0] is None) != (listed[1] is None):
            return self._repeated(value, listed)
        if value.fn in (operator.is_, operator.is_not) and all(map(sequences.is_object, kinds)):
            function = sequences.is_same_object if value.fn is operator.is_ else sequences.is_another_object
            return lambda old: (function, [old.lhs, old.rhs])
        references = [sequences.is_object(kind) or sequences.may_be_no_object(kind) for kind in kinds]
        if value.fn in (operator.is_, operator.is_not) and all(references):
            function = sequences.is_same_or_none if value.fn is operator.is_ else sequences.is_not_same_nor_none
            return lambda old: (function, [old.lhs, old.rhs])
        if value.fn is operator.contains and listed[0] is not None and any(map(sequences.is_object, listed[0])):
            return lambda old: (sequences.contains, [old.lhs, old.rhs])
        return None

    def _repeated(self, value: Any, listed: list[Any]) -> Any:
        number = value.rhs if listed[1] is None else value.lhs
        count = self.trial.value(number)
        if type(count) is not int:
            return None
        return lambda old: (sequences.repeated(count), [old.lhs if listed[1] is None else old.rhs])

    def _inplace_binop(self, value: Any, statement: Any) -> Any:
        kinds = [self._kind(value.lhs), self._kind(value.rhs)]
        if value.fn is not operator.iadd or None in map(member_kinds, kinds) or sequences.is_listed(kinds[0]):
            return None
        return lambda old: (sequences.joined, [old.lhs, old.rhs])

    def _call(self, value: Any, statement: Any) -> Any:
        if value.vararg:
            return None
        method = self._kind(value.func)
        if isinstance(method, BoundMethod) and isinstance(method.function_type, FieldReplacer) and not value.args:
            function = replacing(method.receiver, tuple(name for name, _ in value.kws))
            return lambda old: (function, [(receiver_of, old.func), *(variable for _, variable in old.kws)])
        if not value.args:
            return None
        if isinstance(method, BoundMethod) and isinstance(method.function_type, ItemGetter):
            return self._get_of_dict(value, method.receiver)
        function, kind = self.trial.value(value.func), self._kind(value.args[0])
        kinds, alone = member_kinds(kind), len(value.args) == 1
        if kinds is None or not callable(function):
            return None
        if function in (max, min) and alone and kinds and [name for name, _ in value.kws] == ["default"]:
            return lambda old: (function, list(old.args))
        if value.kws or len(value.args) > 2:
            return None
        if function is sum and not all(isinstance(k, types.Number) for k in kinds):
            return lambda old: (sequences.sum_of, list(old.args))
        if function is sum and isinstance(kind, SequenceType):
            return lambda old: (sequences.sum_of, list(old.args))
        if function is tuple and alone and isinstance(kind, MixedTuple | EvenList | SequenceType):
            return lambda old: (sequences.as_tuple, list(old.args))
        if function is list and alone and kinds and not _Uses(self.trial, statement.target.name).changes:
            return lambda old: (sequences.as_list, list(old.args))
        return None

    def _get_of_dict(self, value: Any, kind: Any) -> Any:
        getter, key = self.trial._resolved(value.func), self.trial.value(value.args[0])
        named = isinstance(getter, ir.Expr) and getter.op == "getattr" and getter.attr == "get"
        if not named or not isinstance(key, str) or len(value.args) > 2 or value.kws:
            return None
        if key in kind.fields:
            return lambda old: (sequences.item_behind(key), [old.func])
        return lambda old: (old.args[1] if len(old.args) == 2 else ir.Const(None, old.loc), [])

    def _build_list(self, value: Any, statement: Any) -> Any:
        kinds = [self._kind(item) for item in value.items]
        if not kinds or None in kinds:
            return None
        unlike = len({types.unliteral(k) for k in kinds}) != 1 or any(map(_stays_out_of_lists, kinds))
        numbers = all(isinstance(k, types.Number | types.Boolean) for k in kinds)
        uses = _Uses(self.trial, statement.target.name, _ITERATE if numbers else _TAKE_LISTS)
        if uses.changes or ((numbers or not unlike) and not uses.only_known):
            return None
        if not unlike and not numbers and not all(isinstance(k, types.Array) for k in kinds):
            return None
        return lambda old: (sequences.as_list, [list(old.items)])


def _stays_out_of_lists(kind: Any) -> bool:
    return isinstance(kind, ObjectType) or is_static(kind) or isinstance(kind, types.BaseTuple)


class _Uses:
    """How a list is used. `changes`: something may change it; `only_known`: it is read in known ways alone."""

    def __init__(self, trial: Any, name: str, known: set[Any] | frozenset[Any] = frozenset()) -> None:
        self.trial, self.names, self.known = trial, {name}, known
        self.changes, self.only_known = False, True
        statements = [s for block in trial.blocks.values() for s in block.body]
        before = 0
        while before != len(self.names):
            before = len(self.names)
            for statement in statements:
                self._follow_copies(statement)
        for statement in statements:
            self._look_at(statement)

    def _follow_copies(self, statement: Any) -> None:
        if isinstance(statement, ir.Assign):
            value: Any = statement.value
            phi = isinstance(value, ir.Expr) and value.op == "phi"
            cast = isinstance(value, ir.Expr) and value.op == "cast"
            read = value.incoming_values if phi else [value.value] if cast else [value]
            if any(isinstance(v, ir.Var) and v.name in self.names for v in read):
                self.names.add(statement.target.name)

    def _look_at(self, statement: Any) -> None:
        if isinstance(statement, ir.SetItem | ir.StaticSetItem | ir.DelItem):
            self.changes |= statement.target.name in self.names
        if not isinstance(statement, ir.Assign):
            self.only_known &= not any(v.name in self.names for v in statement.list_vars())
            return
        value = statement.value
        if not isinstance(value, ir.Expr) or value.op in ("phi", "cast"):
            return
        if not any(v.name in self.names for v in value.list_vars()):
            return
        if value.op == "getattr" or (value.op == "inplace_binop" and value.lhs.name in self.names):
            self.changes = True
        elif value.op == "call":
            function = self.trial.value(value.func)
            self.only_known &= callable(function) and function in self.known
        elif self.known == _ITERATE or value.op not in ("getiter", "static_getitem", "exhaust_iter"):
            self.only_known = False
