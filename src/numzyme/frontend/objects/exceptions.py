"""Exceptions that leave a handler: `raise` inside of `except`, and what `finally` passes on.

Numba takes the end of a handler for code that is never reached, so that an exception raised inside of one turned into
an AssertionError of its own. Decides, as Python's compiler has it: what is raised in a handler goes where the handler's
own clean-up would pass it on, and a handler that passes its exception on (at the end of `finally`, or by a bare
`raise`) passes on the one that it was entered with. Invariant: the record of that exception is a value of the handler,
whatever is raised and caught in the meantime, and becomes the context of what else leaves the handler.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from numba.core import bytecode, byteflow, errors, ir

from .exception_records import PassedOn, chaining, drop, entering, handling, matching, nothing_raised, raise_again, take

_CLEAN_UP = ("COPY", "POP_EXCEPT", "RERAISE")
_JOINED = (
    "LOAD_FAST",
    "LOAD_CONST",
    "LOAD_GLOBAL",
    "LOAD_DEREF",
    "LIST_EXTEND",
    "LIST_APPEND",
    "CACHE",
    "EXTENDED_ARG",
)


class ByteCode(bytecode.ByteCode):  # pyright: ignore[reportGeneralTypeIssues]
    """Bytecode whose handlers lead out directly; it still knows to which handler an instruction belongs."""

    def __init__(self, func_id: Any) -> None:
        super().__init__(func_id)
        self._written = self.exception_entries
        found = (self._past_clean_up(entry) for entry in self._written)
        self.exception_entries = tuple(entry for entry in found if entry is not None)

    @functools.cached_property
    def keyword_names(self) -> dict[int, int]:
        """By the offset of a call, the constant with the names of the keywords that it is given."""
        found, names = {}, None
        for offset in sorted(self.table):
            step = self.table[offset]
            if step.opname == "KW_NAMES":
                names = step.arg
            elif step.opname == "CALL" and names is not None:
                found[offset], names = names, None
        return found

    @functools.cached_property
    def joining(self) -> set[int]:
        """The offsets in `(*a, b)` that join simple values to a tuple, which Numba must see in one piece."""
        found, begun = set(), []
        for offset in sorted(self.table):
            name = self.table[offset].opname
            if name == "BUILD_LIST":
                begun = [offset]
            elif name == "LIST_TO_TUPLE":
                found.update(begun)
            elif begun and name in _JOINED:
                begun.append(offset)
            else:
                begun = []
        return found

    def handler_at(self, offset: int) -> int | None:
        """The offset of the handler that an instruction belongs to."""
        entry = self._entry_at(offset)
        if entry is None or not self._cleans_up(entry.target):
            return None
        return min(other.start for other in self._written if other.target == entry.target)

    def handler_before(self, offset: int) -> int | None:
        """The handler that the instruction in front of another belongs to: those that end a handler are behind it."""
        return self.handler_at(max((other for other in self.table if other < offset), default=offset))

    def left_by(self, offset: int) -> list[int]:
        """The handlers that an exception leaves which is raised at an offset, the innermost first."""
        found, entry = [], self._entry_at(offset)
        while entry is not None and self._cleans_up(entry.target):
            target = entry.target
            found.append(min(other.start for other in self._written if other.target == target))
            entry = self._entry_at(target)
        return found

    def passes_on(self, handler: int) -> bool:
        """Whether a handler may pass its exception on: `finally` does, and one that raises."""
        own = [step for step in self.table.values() if self.handler_at(step.offset) == handler]
        names = {step.opname for step in own}
        all_caught = any(self._catches_all(step) for step in own)
        return "RAISE_VARARGS" in names or ("RERAISE" in names and not all_caught)

    def _catches_all(self, step: Any) -> bool:
        before = self.table.get(max((other for other in self.table if other < step.offset), default=-1))
        names = ("Exception", "BaseException")
        return step.opname == "CHECK_EXC_MATCH" and before is not None and self._name_in(before) in names

    def _name_in(self, step: Any) -> str:
        return self.co_names[step.arg >> 1] if step.opname == "LOAD_GLOBAL" else ""

    def _entry_at(self, offset: int) -> Any:
        found = [entry for entry in self._written if entry.start <= offset < entry.end]
        return max(found, key=lambda entry: entry.depth, default=None)

    def _cleans_up(self, offset: int) -> bool:
        return self._names_from(offset) == _CLEAN_UP

    def _names_from(self, offset: int) -> tuple[str, ...]:
        names = []
        for _ in _CLEAN_UP:
            step = self.table.get(offset)
            if step is None:
                break
            names.append(step.opname)
            offset = step.next
        return tuple(names)

    def _past_clean_up(self, entry: Any) -> Any:
        """The entry with the target that its clean-up raises to; None where that leaves the function."""
        while self._cleans_up(entry.target):
            outer = self._entry_at(entry.target)
            if outer is None:
                return None
            entry = entry._replace(target=outer.target, depth=outer.depth, lasti=outer.lasti)
        return entry


def raise_varargs(runner: Any, state: Any, inst: Any) -> None:
    """How `raise`, `raise x` and `raise x from y` move values on the stack."""
    cause = state.pop() if inst.arg == 2 else None
    state.append(inst, exc=state.pop() if inst.arg else None, cause=cause)
    if state.has_active_try():
        runner._adjust_except_stack(state)
    else:
        state.terminate()


class PassingOn:
    """The part of an interpreter that writes `try` and handlers.

    Numba counts how many `try` are open while the code runs, and loses count where one is left in two ways. Here each
    block says how many surround it, and a handler takes the exception from where it was raised.
    """

    bytecode: ByteCode
    called_in_try: set[Any]  # the code of functions that are made inside

    def _insert_try_block_begin(self) -> None:
        pass

    def _insert_try_block_end(self) -> None:
        pass

    def _end_current_block(self: Any) -> None:
        self._check_in_front_of_branch()
        super()._end_current_block()  # type: ignore[misc]

    def _check_in_front_of_branch(self: Any) -> None:
        """What decides a branch may raise, too: the next step of a generator, the truth of an array."""
        block, active = self.current_block, self.dfainfo.active_try_block
        is_branch = bool(block.body) and isinstance(block.body[-1], ir.Branch)
        if active is None or not is_branch or active["end"] not in self.cfa.graph.nodes():
            return
        behind = self.current_block_offset + 1  # instructions begin at even offsets
        self.blocks[behind] = ir.Block(scope=block.scope, loc=self.loc)
        self.blocks[behind].append(block.body.pop())
        self._insert_exception_check()
        block.append(ir.Branch(self.get("$exception_check"), active["end"], behind, self.loc))

    def _end_try_blocks(self: Any) -> None:
        handlers = {entry.target for entry in self.bytecode.exception_entries}
        if not handlers:
            return
        for offset, block in list(self.blocks.items()):
            self.current_block, body = block, list(block.body)
            block.body.clear()
            goes_on = offset not in self.dfa.infos  # with what the block in front of it began
            if not goes_on:
                self._enter(offset, block, body, handlers)
            left = self.bytecode.left_by(offset - goes_on)
            for handler in left:
                self._call(handling, (self._record(handler),))
            self._chain_in_front_of(block, body, left)
            if body and isinstance(body[-1], ir.Return):
                body, last = body[:-1], body[-1:]
                block.body.extend(body)
                around = self.current_scope.get_or_define("$try.around", loc=self.loc)
                self._call(entering(0, False), (around,))  # the function may be inlined, and the code goes on
                block.body.extend(last)
            else:
                block.body.extend(body)

    def _enter(self: Any, offset: int, block: Any, body: list[Any], handlers: set[int]) -> None:
        """Write what a block does first."""
        depth = sum(entry["kind"] == byteflow.BlockKind("TRY") for entry in self.dfa.infos[offset].blockstack)
        if depth:
            self._keep_calls(body)
        record = self._record(offset) if offset in handlers else None
        around = self.current_scope.get_or_define("$try.around", loc=self.loc)
        if offset == min(self.blocks):
            self._call(nothing_raised, (), around)
        self._call(entering(depth, record is not None), (around,), record)

    def _chain_in_front_of(self: Any, block: Any, body: list[Any], left: list[int]) -> None:
        """What goes from a handler to another on the way of an exception passes the first one's on as its context."""
        last = body[-1] if body else None
        if not left or not isinstance(last, ir.Branch) or last.cond.name.split(".")[0] != "$exception_check":
            return
        label = max(self.blocks) + 2
        self.blocks[label] = self.current_block = ir.Block(scope=block.scope, loc=block.loc)
        for handler in left:
            self._call(chaining(with_cause=False), (self._record(handler),))
        self.current_block.append(ir.Jump(last.truebr, last.loc))
        body[-1] = ir.Branch(last.cond, label, last.falsebr, last.loc)
        self.current_block = block

    def _keep_calls(self: Any, body: list[Any]) -> None:
        """Functions that are made inside are inlined, and what fails in one would go on to its end: these are not."""
        for statement in body:
            call = statement.value if isinstance(statement, ir.Assign) else None
            made = self._source(call.func.name) if isinstance(call, ir.Expr) and call.op == "call" else None
            if isinstance(made, ir.Expr) and made.op == "make_function":
                self.called_in_try.add(made.code)
                self._keep_captured(made.code)

    def _keep_captured(self: Any, code: Any) -> None:
        """A comprehension is inlined, and what it calls would be, too."""
        for name in code.co_freevars:
            for made in self.definitions.get(name, ()):
                source = self._source(made.name) if isinstance(made, ir.Var) else made
                found = isinstance(source, ir.Expr) and source.op == "make_function"
                if found and source.code not in self.called_in_try:
                    self.called_in_try.add(source.code)
                    self._keep_captured(source.code)

    def _call(self: Any, function: Any, arguments: tuple[Any, ...], target: Any = None) -> Any:
        """Write a call into the block, whose result becomes `target`, or a new variable."""
        if not isinstance(function, ir.Var):
            function = self._assign(ir.Global("function", function, loc=self.loc), "$function")
        return self._assign(ir.Expr.call(function, arguments, (), loc=self.loc), target or "$result")

    def _assign(self: Any, value: Any, target: Any) -> Any:
        if isinstance(target, str):
            target = self.current_scope.redefine(target, loc=self.loc, rename=True)
        self.definitions[target.name].append(value)
        self.current_block.append(ir.Assign(value, target, self.loc))
        return target

    def _record(self: Any, handler: int) -> Any:
        """The variable with the record of the exception that a handler was entered with."""
        return self.current_scope.get_or_define(f"$caught.{handler}", loc=self.loc)

    def op_POP_EXCEPT(self: Any, inst: Any) -> None:
        handler = self.bytecode.handler_before(inst.offset)
        if handler is not None:
            self._call(drop, (self._record(handler),))

    def op_CHECK_EXC_MATCH(self: Any, inst: Any, pred: Any, tos: Any, tos1: Any) -> None:
        classes, handler = self._classes(tos), self.bytecode.handler_at(inst.offset)
        if classes is None:
            what = "the classes behind `except` are not known when the function is compiled: write their names"
            raise errors.UnsupportedError(what, self.loc)
        if handler is None or Exception in classes or BaseException in classes:
            super().op_CHECK_EXC_MATCH(inst, pred, tos, tos1)  # type: ignore[misc]
            return
        function = self._assign(ir.Global("function", matching(classes), loc=self.loc), "$function")
        self.store(ir.Expr.call(function, (self._record(handler),), (), loc=self.loc), pred)

    def _classes(self: Any, name: str) -> tuple[type, ...] | None:
        """The exceptions that a handler is for; None where they are not known."""
        known = self._known(self._source(name))
        listed = known if isinstance(known, tuple) else (known,)
        return listed if all(isinstance(one, type) and issubclass(one, BaseException) for one in listed) else None

    def _known(self: Any, source: Any) -> Any:
        """The value of a global name, of an attribute of a module, of a tuple of such; None for others."""
        if isinstance(source, ir.Expr) and source.op == "build_tuple":
            return tuple(self._known(self._source(item.name)) for item in source.items)
        if isinstance(source, ir.Expr) and source.op == "getattr":
            module = self._known(self._source(source.value.name))
            return getattr(module, source.attr, None) if isinstance(module, ModuleType) else None
        return source.value if isinstance(source, ir.Global | ir.FreeVar) else None

    def op_RERAISE(self: Any, inst: Any, exc: Any) -> None:
        self._pass_on(inst, self.bytecode.handler_at(inst.offset))

    def op_RAISE_VARARGS(self: Any, inst: Any, exc: Any, cause: Any = None) -> None:
        handler = self.bytecode.handler_at(inst.offset)
        active = self.dfainfo.active_try_block
        left = self.bytecode.left_by(inst.offset)
        if exc is None and handler is not None:
            self._pass_on(inst, handler)
            return
        if exc is None or not (left or cause or active):
            super().op_RAISE_VARARGS(inst, exc)  # type: ignore[misc]
            return
        caused_by = self._cause(cause) if cause else None
        self.current_block.append(ir.TryRaise(self._written_out(exc, active and active["end"]), self.loc))
        if caused_by is not None:
            self._call(chaining(with_cause=True), (caused_by,))
        self._leave(left)

    def _cause(self: Any, cause: str) -> Any:
        """The record of the exception behind `from`; 0 for None."""
        source = self._source(cause)
        if isinstance(source, ir.Const) and source.value is None:
            return self._assign(ir.Const(0, self.loc), "$cause")
        call: Any = source if isinstance(source, ir.Expr) and source.op == "call" else None
        kind = self._known(source if call is None else self._source(call.func.name))
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise errors.UnsupportedError("`raise ... from` needs an exception that is made there, or None", self.loc)
        self.current_block.append(ir.TryRaise(self._written_out(cause, None), self.loc))
        return self._call(take, (), "$cause")

    def _pass_on(self: Any, inst: Any, handler: int | None) -> None:
        if handler is None:
            super().op_RERAISE(inst, None)  # type: ignore[misc]
            return
        self._call(raise_again, (self._record(handler),))
        self._leave([other for other in self.bytecode.left_by(inst.offset) if other != handler])

    def _leave(self: Any, left: list[int]) -> None:
        """Go where the exception is handled that has been raised, past handlers whose exceptions it was raised in."""
        for handler in left:
            self._call(chaining(with_cause=False), (self._record(handler),))
        active = self.dfainfo.active_try_block
        if active is None:
            self.current_block.append(ir.StaticRaise(PassedOn, None, self.loc))
        else:
            self.current_block.append(ir.Jump(active["end"], loc=self.loc))

    def _written_out(self: Any, exc: str, handler: int | None) -> Any:
        """The exception, made here from the variables that it was made from: Numba would take those for constants.

        Where the `handler` that it goes to keeps it, its arguments do not matter, and would not be freed.
        """
        call = self._source(exc)
        if not isinstance(call, ir.Expr) or call.op != "call":
            return self.get(exc)
        is_kept = handler is not None and not self.bytecode.passes_on(handler)
        arguments = () if is_kept else tuple(map(self._origin, call.args))
        return self._call(self._origin(call.func), arguments)

    def _source(self: Any, name: str) -> Any:
        found = self.definitions.get(name, [])
        value = found[0] if len(found) == 1 else None
        return self._source(value.name) if isinstance(value, ir.Var) else value

    def _origin(self: Any, variable: Any) -> Any:
        """The variable that temporary ones stand for."""
        found = self.definitions.get(variable.name, [])
        is_copy = len(found) == 1 and isinstance(found[0], ir.Var) and variable.name.startswith("$")
        return self._origin(found[0]) if is_copy else variable
