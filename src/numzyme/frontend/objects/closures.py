"""Functions with captured values: what a function reads from its closure and its module becomes a hidden argument.

Numba freezes such values when it compiles. Here a function that captures arrays, numbers or objects is a struct of
them, keyed by its code: a pass replaces each reading of a captured name by a field of the first argument. Invariants:
compiled code sees the values that the names have at the call; a new closure of the same code shares its compiled code.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numba.core import bytecode, interpreter, ir
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.dispatcher import Dispatcher as NumbaDispatcher
from numba.core.extending import register_model
from numba.core.untyped_passes import TranslateByteCode

from .kinds import BoundMethod, Fields, ObjectModel, ObjectType

HIDDEN = "closure.values"  # no Python name, so no name of the user's
_READ_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_COMPILED_AS_THEY_ARE = (ModuleType, type, BuiltinFunctionType, np.ufunc, NumbaDispatcher, type(np.sum), np.dtype)


@functools.cache
def global_names(code: CodeType) -> tuple[str, ...]:
    """The global names that a function reads, its inner functions included."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in _READ_GLOBAL}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(global_names(constant))
    return tuple(sorted(found))


def captured(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and present values of what a function reads from outside; what is not bound yet is left out."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue
    names = function.__globals__
    yield from ((name, names[name]) for name in global_names(code) if name in names)


def moving_values(function: FunctionType, seen: tuple[Any, ...] = ()) -> dict[str, Any]:
    """The captured values that may change between calls, or that functions called from here capture."""
    found = {}
    for name, value in captured(function):
        if isinstance(value, FunctionType):
            if value is function or value in seen:
                continue
            if moving_values(value, (*seen, function)):
                found[name] = value
        elif is_moving(value):
            found[name] = value
    return found


class Outside:
    """What a function that captures no data finds outside: while its names mean the same, it captures none."""

    def __init__(self, function: FunctionType) -> None:
        self._globals: list[tuple[dict[str, Any], str, Any]] = []
        self._cells: list[tuple[Any, Any]] = []
        self._collect(function, set())

    def _collect(self, function: FunctionType, seen: set[int]) -> None:
        seen.add(id(function))
        found = []
        for cell in function.__closure__ or ():
            value = _content(cell)
            self._cells.append((cell, value))
            found.append(value)
        space = function.__globals__
        for name in global_names(function.__code__):
            value = space.get(name, _UNBOUND)
            self._globals.append((space, name, value))
            found.append(value)
        for value in found:
            if type(value) is FunctionType and id(value) not in seen:
                self._collect(value, seen)

    def holds(self) -> bool:
        """Whether every name means what it meant."""
        for space, name, value in self._globals:
            if space.get(name, _UNBOUND) is not value:
                return False
        return all(_content(cell) is value for cell, value in self._cells)


_UNBOUND: Any = object()


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _UNBOUND


def is_moving(value: Any) -> bool:
    """Whether a captured value is data: whatever is not a function, module, class, tuple of classes or the like."""
    if type(value) is tuple and value and all(isinstance(member, type) for member in value):
        return False
    return not isinstance(value, _COMPILED_AS_THEY_ARE) and not _belongs_to_a_library(value)


def _belongs_to_a_library(value: Any) -> bool:
    """Functions of other kinds (cached, compiled): Numba knows them or refuses them."""
    return callable(value) and type(value).__module__.partition(".")[0] in ("functools", "numba", "numzyme", "builtins")


class ClosureType(ObjectType):
    """A Python function together with the kinds of what it captures."""

    has_fields_only = True

    def __init__(self, function: FunctionType, fields: Fields) -> None:
        self.function = function
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
    """Reads the bytecode of the closure's function where a stub stands for it."""

    _name = "numzyme_translate"

    def run_pass(self, state: Any) -> Any:
        closure_type = closure_type_of(state["func_id"].func)
        if closure_type is None:
            return super().run_pass(state)
        identity = bytecode.FunctionIdentity.from_function(closure_type.function)
        func_ir = interpreter.Interpreter(identity).interpret(bytecode.ByteCode(func_id=identity))
        func_ir.func_id = state["func_id"]
        func_ir.arg_count, func_ir.arg_names = func_ir.arg_count + 1, ("closure_values", *func_ir.arg_names)
        for block in func_ir.blocks.values():
            for statement in block.find_insts(ir.Assign):
                if isinstance(statement.value, ir.Arg):
                    statement.value = ir.Arg(statement.value.name, statement.value.index + 1, statement.value.loc)
        state["func_ir"] = func_ir
        return True


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
            for statement in block.find_insts(ir.Assign):
                value = statement.value
                if not isinstance(value, ir.Global | ir.FreeVar):
                    continue
                if value.value is closure_type.function:
                    statement.value = hidden  # the function calls itself
                elif value.name in closure_type.fields:
                    statement.value = ir.Expr.getattr(hidden, value.name, value.loc)
        return True
