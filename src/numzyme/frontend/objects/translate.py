"""From a Python function to Numba's IR, with what Numba's interpreter leaves out.

Decides the meaning of `a, *b = x` and of `match` by calls of functions in `matching`, and of `super()`, `setattr` with
a known name, `enumerate(x, start=1)` and `zip(x, y, strict=True)` by what they stand for; functions with handlers are
read with `exceptions`. Invariant: functions that have none of these go Numba's own way.
"""

from __future__ import annotations

import dis
import functools
import inspect
from types import CodeType, FunctionType
from typing import Any

from numba.core import bytecode, byteflow, errors, interpreter, ir
from numba.core.compiler import run_frontend
from numba.core.ir_utils import build_definitions, get_definition, guard

from .classes import class_attribute, method_in_class
from .closures import pass_all_arguments
from .exceptions import ByteCode, PassingOn, raise_varargs
from .generators import without_generators
from .inheritance import super_of
from .initialisers import body_of, threaded_of
from .made_inside import (
    captured_by_functions,
    codes_inside,
    make_values,
    may_be_a_value,
    must_be_a_value,
    refers_to_itself,
    with_named_lambdas,
)
from .matching import known_length, matches_sequence, middle, parts_of, strict_zip
from .sequences import all_of, any_of

_NAMES = frozenset({"super", "setattr", "enumerate", "zip", "any", "all", "__call__"})


def translated(function: FunctionType) -> Any:
    """The IR of `function`; None where Numba's own translation will do."""
    threaded = threaded_of(function)
    if threaded is not None:
        func_ir = body_of(threaded)
        func_ir._definitions = build_definitions(func_ir.blocks)
        _Rewriting(func_ir).run()
        return func_ir
    code = function.__code__
    if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        loc = ir.Loc(code.co_filename, code.co_firstlineno)
        raise errors.UnsupportedError(f"`{function.__qualname__}` is asynchronous (async def)", loc)
    _refuse_nonlocal(function)
    _refuse_nonlocal_inside(function.__code__)
    _refuse_finally_around_yield(function)
    changed = with_named_lambdas(without_generators(function))
    if changed is function and not _needs_translation(function.__code__):
        return None
    identity = bytecode.FunctionIdentity.from_function(changed)
    func_ir = interpreted(identity)
    _Rewriting(func_ir).run()
    return func_ir


def read_inside(function: FunctionType) -> Any:
    """The IR of a function that is made inside of another and inlined; None where Numba's own reading will do."""
    makes_others = any(map(may_be_a_value, codes_inside(function.__code__)))
    if not makes_others and not _needs_translation(function.__code__):
        return None
    func_ir = interpreted(bytecode.FunctionIdentity.from_function(with_named_lambdas(function)))
    _Rewriting(func_ir).run()
    pass_all_arguments(func_ir)
    for block in func_ir.blocks.values():
        for statement in block.find_insts(ir.Assign):
            made = statement.value
            if isinstance(made, ir.FreeVar) and made.value is not None:  # what is captured has no value yet
                statement.value = ir.Global(made.name, made.value, made.loc)  # or Numba takes it for captured
    func_ir._definitions = build_definitions(func_ir.blocks)
    return func_ir


def interpreted(identity: Any) -> Any:
    """The IR of a function's bytecode."""
    interpreter = _Interpreter(identity)
    func_ir = interpreter.interpret(ByteCode(func_id=identity))
    kept = interpreter.called_in_try | interpreter.called_with_star | interpreter.with_defaults
    make_values(func_ir, lambda code: must_be_a_value(code) or code in kept, True)
    return func_ir


def frontend(function: FunctionType) -> Any:
    """The IR of `function`, as `run_frontend` gives it."""
    return translated(function) or run_frontend(function)


def _refuse_nonlocal(function: FunctionType) -> None:
    """What a function binds anew of another's variables: Numba takes it for one of its own, which is 0 at first."""
    line, free = function.__code__.co_firstlineno, function.__code__.co_freevars
    for step in dis.get_instructions(function.__code__) if free else ():
        line = step.starts_line or line
        if step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in free:
            raise errors.UnsupportedError(
                f"`{step.argval}` is a variable of another function (nonlocal): pass it as an argument and return it",
                ir.Loc(function.__code__.co_filename, line),
            )


def _refuse_nonlocal_inside(code: CodeType) -> None:
    """Inlined code binds the variable where it stands, and what was read of it before, in one expression, with it."""
    for inner in codes_inside(code):
        line = inner.co_firstlineno
        for step in dis.get_instructions(inner) if inner.co_freevars and may_be_a_value(inner) else ():
            line = step.starts_line or line
            if step.opname in ("STORE_DEREF", "DELETE_DEREF") and step.argval in inner.co_freevars:
                what = f"`{step.argval}` is a variable of the function around (nonlocal): return the new value"
                raise errors.UnsupportedError(what, ir.Loc(inner.co_filename, line))
        _refuse_bound_anew(inner)
        _refuse_nonlocal_inside(inner)


def _refuse_bound_anew(code: CodeType) -> None:
    """A function that is made inside, and itself makes one, is inlined: who binds a captured name anew is lost."""
    bound = [step for step in dis.get_instructions(code) if step.opname == "STORE_DEREF"]
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    for name in sorted({*captured_by_functions(code)} & {*code.co_cellvars}):
        if sum(step.argval == name for step in bound) + (name in parameters) > 1:
            what = f"`{name}` is captured and bound more than once in `{code.co_name}`, which is made inside"
            raise errors.UnsupportedError(
                f"{what}: give it another name", ir.Loc(code.co_filename, code.co_firstlineno)
            )


def _refuse_finally_around_yield(function: FunctionType) -> None:
    """Python runs it when the generator is left early; compiled code forgets the generator."""
    code = function.__code__
    if not code.co_flags & inspect.CO_GENERATOR or not code.co_exceptiontable:
        return
    steps, line = ByteCode(func_id=bytecode.FunctionIdentity.from_function(function)), code.co_firstlineno
    for entry in steps.exception_entries:
        inside = [one for one in steps.table.values() if entry.start <= one.offset < entry.end]
        yields = [one for one in inside if one.opname == "YIELD_VALUE"]
        if yields and steps.passes_on(entry.target):
            line = yields[0].lineno
            raise errors.UnsupportedError("a `yield` inside of `try` with `finally`", ir.Loc(code.co_filename, line))


_DEFAULTS = 1 | 2  # of MAKE_FUNCTION, where it takes defaults, and those of keyword-only parameters


@functools.cache
def _needs_translation(code: CodeType) -> bool:
    opcodes = {step.opname for step in dis.get_instructions(code)}
    known = _NAMES.isdisjoint(code.co_names) and _OPCODES.isdisjoint(opcodes)
    making = [step for step in dis.get_instructions(code) if step.opname == "MAKE_FUNCTION"]
    known = known and not any((step.arg or 0) & _DEFAULTS for step in making)
    known = known and not (making and "CALL_FUNCTION_EX" in opcodes)
    return bool(code.co_exceptiontable) or not known or any(map(must_be_a_value, codes_inside(code)))


class _TraceRunner(byteflow.TraceRunner):
    """Knows how these instructions move values on the stack, and in which `try` a jump ends."""

    def dispatch(self, state: Any) -> None:
        if state._pc == state.pc_initial and not state.in_with() and state.is_in_exception():
            entry, around = state.get_exception(), state.get_top_block("TRY")
            if around is None or around["end"] != entry.target:
                block = state.make_block("TRY", end=entry.target)
                block.update(end_offset=entry.end, stack_depth=entry.depth, push_lasti=entry.lasti)
                state._blockstack.append(block)
                state._blockstack_initial = tuple(state._blockstack)
        super().dispatch(state)

    def op_UNPACK_EX(self, state: Any, inst: Any) -> None:
        before, after = inst.arg & 255, inst.arg >> 8
        iterable = state.pop()
        stores = [state.make_temp() for _ in range(before + 1 + after)]
        state.append(inst, iterable=iterable, stores=stores, temporary=state.make_temp(), before=before, after=after)
        for store in reversed(stores):
            state.push(store)

    def op_MATCH_CLASS(self, state: Any, inst: Any) -> None:
        names, python_class, subject = state.pop(), state.pop(), state.pop()
        self._call(state, inst, names=names, python_class=python_class, subject=subject, count=inst.arg)

    def op_MATCH_SEQUENCE(self, state: Any, inst: Any) -> None:
        self._call(state, inst, subject=state._stack[-1])

    def op_GET_LEN(self, state: Any, inst: Any) -> None:
        self._call(state, inst, subject=state._stack[-1])

    def op_CALL(self, state: Any, inst: Any) -> None:
        """In `try`, every instruction has a block of its own, and what `KW_NAMES` told the one before is lost."""
        state.pop_kw_names()
        names = state._bytecode.keyword_names.get(inst.offset)
        if names is not None:
            state.set_kw_names(names)
        super().op_CALL(state, inst)

    def op_POP_EXCEPT(self, state: Any, inst: Any) -> None:
        state.pop()
        state.append(inst)

    def op_RAISE_VARARGS(self, state: Any, inst: Any) -> None:
        raise_varargs(self, state, inst)

    def _call(self, state: Any, inst: Any, **operands: Any) -> None:
        result, function = state.make_temp(), state.make_temp()
        state.append(inst, result=result, function=function, **operands)
        state.push(result)


_OPCODES = frozenset({"UNPACK_EX", "MATCH_CLASS", "MATCH_SEQUENCE", "GET_LEN", "RAISE_VARARGS"})


def _with_names(function: Any, **names: Any) -> Any:
    """A copy of one of Numba's methods that finds other classes under these names."""
    made = FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__)
    return made


class _Flow(byteflow.Flow):
    run = _with_names(byteflow.Flow.run, TraceRunner=_TraceRunner)

    def _run_handle_exception(self, runner: Any, state: Any) -> Any:
        if state.get_inst().offset in state._bytecode.joining:
            state.advance_pc()
            return None
        return super()._run_handle_exception(runner, state)


class _Interpreter(PassingOn, interpreter.Interpreter):
    """Writes calls for these instructions."""

    interpret = _with_names(interpreter.Interpreter.interpret, Flow=_Flow)

    def __init__(self, identity: Any) -> None:
        super().__init__(identity)
        self.called_in_try, self.called_with_star = set(), set[CodeType]()
        self.with_defaults = set[CodeType]()  # that are no constants: each function that is made has its own

    def op_CALL_FUNCTION_EX(self, inst: Any, func: Any, vararg: Any, varkwarg: Any, res: Any) -> None:
        super().op_CALL_FUNCTION_EX(inst, func, vararg, varkwarg, res)
        made = self._source(func)
        if isinstance(made, ir.Expr) and made.op == "make_function":
            self.called_with_star.add(made.code)

    def op_LOAD_CLOSURE(self, inst: Any, res: Any) -> None:
        """A function that calls itself reads its name before it is bound; so may others, which Numba refuses."""
        code = self.func_id.func.__code__
        name = code._varname_from_oparg(inst.arg)  # type: ignore[attr-defined]
        own = any(inner.co_name == name and refers_to_itself(inner) for inner in codes_inside(code))
        is_bound = bool(self.definitions.get(name))  # another function captures it, too
        if own and name in self.code_cellvars and not is_bound:
            self.store(ir.Const(None, self.loc), res)
        else:
            super().op_LOAD_CLOSURE(inst, res)

    def op_MAKE_FUNCTION(
        self, inst: Any, *operands: Any, kwdefaults: Any, defaults: Any, res: Any, **others: Any
    ) -> None:
        """Defaults become variables of their own: what they are read from may be bound anew before a call."""
        given = self._source(defaults) if isinstance(defaults, str) else None
        named = self._source(kwdefaults) if kwdefaults else None
        own: dict[str, Any] = {}
        if isinstance(given, ir.Expr) and given.op == "build_tuple":
            own["defaults"] = tuple(map(self._own_default, given.items))
        if named is not None:
            own["keyword_defaults"] = {
                self._source(key.name).value: self._own_default(value) for key, value in named.items
            }
            self._leave_out(named)
        super().op_MAKE_FUNCTION(inst, *operands, kwdefaults=None, defaults=defaults, res=res, **others)
        made = self.definitions[res][-1]
        made._kws.update(own)
        if not all(isinstance(self.definitions[value.name][-1], ir.Const) for value in own.get("defaults", ())):
            self.with_defaults.add(made.code)

    def _leave_out(self, value: Any) -> None:
        """Take away the dict that only Python's instruction needs: compiled code would make one."""
        for block in self.blocks.values():
            for statement in block.find_insts(ir.Assign):
                if statement.value is value:
                    statement.value = ir.Const(None, statement.loc)
                    self.definitions[statement.target.name] = [statement.value]

    def _own_default(self, variable: Any) -> Any:
        found = self.definitions.get(variable.name, [])
        # a variable of the user's may be bound once more, further down in a loop
        is_constant = variable.name.startswith("$") and len(found) == 1 and isinstance(found[0], ir.Const)
        return self._assign(found[0] if is_constant else variable, "$default")

    def op_UNPACK_EX(self, inst: Any, iterable: Any, stores: Any, temporary: Any, before: int, after: int) -> None:
        # first, since it looks at the number of members
        self._write_call(middle(before, after), [self.get(iterable)], temporary, stores[before])
        for position, store in enumerate(stores):
            if position != before:
                index = position if position < before else position - len(stores)
                item = ir.Expr.static_getitem(self.get(iterable), index=index, index_var=None, loc=self.loc)
                self.store(item, store)

    def op_MATCH_CLASS(self, inst: Any, subject: Any, python_class: Any, names: Any, count: int, **temps: Any) -> None:
        listed = tuple(self.definitions[item.name][0].value for item in self.definitions[names][0].items)
        values = [d for d in self.definitions[python_class] if isinstance(d, ir.Global | ir.FreeVar)]
        if len(values) != 1:
            raise errors.UnsupportedError("`case Class(...)` needs a class that is a global name", self.loc)
        self._write_call(parts_of(values[0].value, count, listed), [self.get(subject)], temps["function"],
                         temps["result"])  # fmt: skip

    def op_MATCH_SEQUENCE(self, inst: Any, subject: Any, result: Any, function: Any) -> None:
        self._write_call(matches_sequence, [self.get(subject)], function, result)

    def op_GET_LEN(self, inst: Any, subject: Any, result: Any, function: Any) -> None:
        self._write_call(known_length, [self.get(subject)], function, result)

    def _write_call(self, function: Any, arguments: list[Any], temporary: Any, target: Any) -> None:
        self.store(ir.FreeVar(0, "function", function, loc=self.loc), temporary)
        self.store(ir.Expr.call(self.get(temporary), arguments, (), loc=self.loc), target)


class _Rewriting:
    """Calls of built-in functions that Numba does not know, written as what they mean."""

    def __init__(self, func_ir: Any) -> None:
        self.func_ir = func_ir

    def run(self) -> None:
        for block in self.func_ir.blocks.values():
            for statement in list(block.find_insts(ir.Assign)):
                value = statement.value
                if isinstance(value, ir.Expr) and value.op == "getattr" and value.attr == "__call__":
                    self._unbound_call(statement, value)
                elif isinstance(value, ir.Expr) and value.op == "call":
                    self._name_directly(block, statement, value)
                    rewrite = self._rewriting_of(value)
                    if rewrite is not None:
                        rewrite(block, statement, value)

    def _name_directly(self, block: Any, statement: Any, call: Any) -> None:
        """Read a global function where it is called: Numba knows a recursive call by that, and `try` hands it on."""
        found = self.func_ir._definitions.get(call.func.name, [])
        if not call.func.name.startswith("$phi") or len(found) != 1 or not isinstance(found[0], ir.Var):
            return
        source = guard(get_definition, self.func_ir, call.func)
        if isinstance(source, ir.Global | ir.FreeVar):
            variable = block.scope.redefine("$function", loc=statement.loc, rename=True)
            block.body.insert(block.body.index(statement), ir.Assign(source, variable, statement.loc))
            self.func_ir._definitions[variable.name] = [source]
            call._kws["func"] = variable

    def _rewriting_of(self, call: Any) -> Any:
        function = self._value(call.func)
        known = {
            super: self._super, setattr: self._setattr, enumerate: self._enumerate, zip: self._zip,
            any: self._any_or_all, all: self._any_or_all,
        }  # fmt: skip
        return next((rewrite for one, rewrite in known.items() if one is function), None)

    def _value(self, variable: Any) -> Any:
        """The value of a constant, global or captured name; None for others."""
        found = self.func_ir._definitions.get(variable.name, [])
        if len(found) != 1:
            return None
        if isinstance(found[0], ir.Var):
            return self._value(found[0])
        return found[0].value if isinstance(found[0], ir.Const | ir.Global | ir.FreeVar) else None

    def _call(self, block: Any, statement: Any, function: Any, arguments: list[Any]) -> None:
        variable = block.scope.redefine("$function", loc=statement.loc, rename=True)
        made = ir.FreeVar(0, "function", function, loc=statement.loc)
        block.body.insert(block.body.index(statement), ir.Assign(made, variable, statement.loc))
        statement.value = ir.Expr.call(variable, arguments, (), loc=statement.loc)

    def _super(self, block: Any, statement: Any, call: Any) -> None:
        identity = self.func_ir.func_id
        if len(call.args) == 2:
            python_class, receiver = self._value(call.args[0]), call.args[1]
        else:
            names = identity.func.__code__.co_freevars
            if call.args or "__class__" not in names or not self.func_ir.arg_names:
                return
            python_class = identity.func.__closure__[names.index("__class__")].cell_contents
            receiver = block.scope.redefine("$receiver", loc=statement.loc, rename=True)
            first = ir.Arg(self.func_ir.arg_names[0], 0, statement.loc)
            block.body.insert(block.body.index(statement), ir.Assign(first, receiver, statement.loc))
        if isinstance(python_class, type):
            self._call(block, statement, super_of(python_class), [receiver])

    def _unbound_call(self, statement: Any, value: Any) -> None:
        """`Base.__call__`, which Numba reads as the call of the class."""
        python_class = self._value(value.value)
        found = class_attribute(python_class, "__call__") if isinstance(python_class, type) else None
        if isinstance(found, FunctionType):
            statement.value = ir.FreeVar(0, "function", method_in_class(python_class, found), statement.loc)

    def _any_or_all(self, block: Any, statement: Any, call: Any) -> None:
        if len(call.args) == 1 and not call.kws:
            function = any_of if self._value(call.func) is any else all_of
            self._call(block, statement, function, list(call.args))

    def _setattr(self, block: Any, statement: Any, call: Any) -> None:
        if len(call.args) != 3 or call.kws:
            return
        name = self._value(call.args[1])
        if not isinstance(name, str):
            raise errors.UnsupportedError("the name that setattr assigns must be written as a string", statement.loc)
        assignment = ir.SetAttr(call.args[0], name, call.args[2], statement.loc)
        block.body.insert(block.body.index(statement), assignment)
        statement.value = ir.Const(None, statement.loc)
        for other in self.func_ir.blocks.values():
            for made in other.find_insts(ir.Assign):
                if made.target.name == call.func.name:
                    made.value = ir.Const(None, made.loc)

    def _enumerate(self, block: Any, statement: Any, call: Any) -> None:
        if len(call.args) == 1 and [name for name, _ in call.kws] == ["start"]:
            call.args, call.kws = [*call.args, call.kws[0][1]], ()

    def _zip(self, block: Any, statement: Any, call: Any) -> None:
        if [name for name, _ in call.kws] != ["strict"]:
            return
        strict = self._value(call.kws[0][1])
        if strict is True:
            self._call(block, statement, strict_zip, list(call.args))
        elif strict is False:
            call.kws = ()
