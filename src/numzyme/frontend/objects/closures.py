"""Functions with captured values: what a function reads from its closure and its module becomes a hidden argument.

Numba freezes such values when it compiles. Here a function that captures arrays, numbers or objects is a struct of
them, keyed by its code: a pass replaces each reading of a captured name by a field of the first argument. Invariants:
compiled code sees the values that the names have at the call; a new closure of the same code shares its compiled code.
"""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

from numba.core import bytecode, errors, imputils, interpreter, ir
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.extending import intrinsic, register_model
from numba.core.ir_utils import get_definition, guard
from numba.core.untyped_passes import TranslateByteCode

from ..functions import LEFT_OUT
from .kinds import BoundMethod, ConstantType, Fields, ObjectModel, ObjectType
from .outside import Outside

HIDDEN = "closure.values"  # no Python name, so no name of the user's
DEFAULT = "default."  # in front of the name of a parameter: the field with its default


class ClosureType(ObjectType):
    """A Python function together with the kinds of what it captures."""

    has_fields_only = True

    def __init__(self, function: FunctionType, fields: Fields, outside: Outside) -> None:
        self.function, self.outside = function, outside
        super().__init__(type(function), fields)
        self.name = f"{function.__qualname__}{self.name}"

    @property
    def key(self) -> Any:
        function = self.function
        return (
            type(self),
            function.__code__,
            id(function.__globals__),
            function.__defaults__,
            tuple(self.fields.items()),
            self.outside.key(),
        )

    @property
    def mangling_args(self) -> Any:
        label, _ = super().mangling_args
        return f"{self.function.__name__}.{label}", ()

    def _called(self, context: Any, count: int) -> Any:
        from .attributes import function_type_of

        return BoundMethod(self, function_type_of(context, stub_of(self)))


register_model(ClosureType)(ObjectModel)

_stubs: dict[ClosureType, Any] = {}


def stub_of(closure_type: ClosureType) -> Any:
    """A function with the parameters of the closure's and a hidden first one; its body comes from the closure's."""
    if closure_type not in _stubs:
        original = closure_type.function
        signature = inspect.signature(original)
        scope: dict[str, Any] = {"__name__": original.__module__}
        parts = []
        for parameter in signature.parameters.values():
            star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
            if parameter.default is not parameter.empty:
                scope[f"default_{parameter.name}"] = parameter.default
                parts.append(f"{parameter.name}=default_{parameter.name}")
            else:
                parts.append(star + parameter.name)
        exec(f"def stub({', '.join(['closure_values', *parts])}):\n    pass\n", scope)
        stub = scope["stub"]
        stub.__name__, stub.__qualname__ = original.__name__, original.__qualname__
        code = original.__code__
        stub.__code__ = stub.__code__.replace(co_filename=code.co_filename, co_firstlineno=code.co_firstlineno)
        stub.closure_type = closure_type
        _stubs[closure_type] = stub
    return _stubs[closure_type]


def closure_type_of(function: Any) -> ClosureType | None:
    """The closure whose body the function `stub_of` stands for."""
    return getattr(function, "closure_type", None)


@register_pass(mutates_CFG=True, analysis_only=False)
class TranslateClosure(TranslateByteCode):
    """Reads the bytecode of the closure's function where a stub stands for it, and of others with more than Numba's."""

    _name = "numzyme_translate"

    def run_pass(self, state: Any) -> Any:
        from .translate import translated

        closure_type = closure_type_of(state["func_id"].func)
        func_ir = translated(closure_type.function if closure_type else state["func_id"].func)
        state["typingctx"].refresh()  # the translation may have made functions
        if closure_type is None:
            if func_ir is None:
                super().run_pass(state)
            else:
                func_ir.func_id = state["func_id"]
                state["func_ir"] = func_ir
            pass_all_arguments(state["func_ir"])
            return True
        if func_ir is None:
            identity = bytecode.FunctionIdentity.from_function(closure_type.function)
            func_ir = interpreter.Interpreter(identity).interpret(bytecode.ByteCode(func_id=identity))
        func_ir.func_id = state["func_id"]
        func_ir.arg_count, func_ir.arg_names = func_ir.arg_count + 1, ("closure_values", *func_ir.arg_names)
        for block in func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                if isinstance(statement.value, ir.Arg):
                    statement.value = ir.Arg(statement.value.name, statement.value.index + 1, statement.value.loc)
        state["func_ir"] = func_ir
        pass_all_arguments(func_ir)
        return True


def pass_all_arguments(func_ir: Any) -> None:
    """Calls of functions that are defined inside, with what they leave to defaults: Numba ignores keywords, and takes
    the first default for the first parameter that is not given, which may have another."""
    for block in func_ir.blocks.values():
        body = []
        for statement in block.body:
            call = statement.value if isinstance(statement, ir.Assign) else None
            if isinstance(call, ir.Expr) and call.op == "call" and not call.vararg:
                found = guard(get_definition, func_ir, call.func)
                if isinstance(found, ir.Expr) and found.op == "make_function":
                    body += _with_all_arguments(func_ir, block.scope, call, found)
            body.append(statement)
        block.body = body


def _with_all_arguments(func_ir: Any, scope: Any, call: Any, function: Any) -> list[Any]:
    """Give `call` an argument for each parameter; the definitions of those that are constants."""
    names, given = function.code.co_varnames[: function.code.co_argcount], dict(call.kws)
    args, made = list(call.args), []
    defaults = defaults_of(func_ir, function)
    for position, name in enumerate(names[len(args) :], len(args)):
        if name in given:
            args.append(given.pop(name))
            continue
        if len(names) - position > len(defaults):
            break  # missing: Numba says so
        value = defaults[position - len(names)]
        if not isinstance(value, ir.Var):
            variable = scope.redefine("$default", loc=call.loc, rename=True)
            made.append(ir.Assign(ir.Const(value, call.loc), variable, call.loc))
            value = variable
        args.append(value)
    if given:
        listed = ", ".join(given)
        raise errors.TypingError(f"a function that is defined inside is called with keywords: {listed}", call.loc)
    call._kws.update(args=args, kws=())
    return made


def defaults_of(func_ir: Any, function: Any) -> list[Any]:
    """Variables, or the constants themselves."""
    defaults = function.defaults
    if isinstance(defaults, ir.Var):
        defaults = guard(get_definition, func_ir, defaults)
    if isinstance(defaults, ir.Expr) and defaults.op == "build_tuple":
        return list(defaults.items)
    defaults = getattr(defaults, "value", defaults)
    return list(defaults) if isinstance(defaults, tuple) else []


def keyword_defaults_of(function: Any) -> dict[str, Any]:
    """Variables with the defaults of keyword-only parameters."""
    return function._kws.get("keyword_defaults", {})


@intrinsic
def given_or_default(typing_context: Any, given: Any, default: Any) -> Any:
    """A parameter's argument, or its default where it is left out."""
    position = int(isinstance(given, ConstantType) and given.value is LEFT_OUT)
    result = (given, default)[position]

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return imputils.impl_ret_borrowed(context, builder, result, args[position])

    return result(given, default), generate


def _choose_default(block: Any, statement: Any, hidden: Any) -> None:
    """Read the parameter that `statement` reads, or where it is left out the closure's field."""
    loc, read = statement.loc, statement.value
    made = []

    def assigned(value: Any, prefix: str) -> Any:
        made.append(ir.Assign(value, block.scope.redefine(prefix, loc=loc, rename=True), loc))
        return made[-1].target

    function = assigned(ir.FreeVar(0, "function", given_or_default, loc), "$function")
    choices = (assigned(read, "$given"), assigned(ir.Expr.getattr(hidden, DEFAULT + read.name, loc), "$default"))
    statement.value = ir.Expr.call(function, choices, (), loc)
    position = block.body.index(statement)
    block.body[position:position] = made


@register_pass(mutates_CFG=False, analysis_only=False)
class ReadCaptured(FunctionPass):
    """Captured names become fields of the hidden argument."""

    _name = "numzyme_read_captured"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> Any:
        closure_type = closure_type_of(state.func_id.func)
        if closure_type is None:
            return False
        first = state.func_ir.blocks[min(state.func_ir.blocks)]
        hidden = first.scope.define(HIDDEN, loc=first.loc)
        first.body.insert(0, ir.Assign(ir.Arg("closure_values", 0, first.loc), hidden, first.loc))
        for block in state.func_ir.blocks.values():
            for statement in list(block.find_insts(ir.Assign)):
                value = statement.value
                if isinstance(value, ir.Arg) and DEFAULT + value.name in closure_type.fields:
                    _choose_default(block, statement, hidden)
                if not isinstance(value, ir.Global | ir.FreeVar):
                    continue
                if value.value is closure_type.function:
                    statement.value = hidden  # the function calls itself
                elif value.name in closure_type.fields:
                    statement.value = ir.Expr.getattr(hidden, value.name, value.loc)
        return True
