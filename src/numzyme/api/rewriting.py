"""Calls of the API in jitted code, rewritten before type inference to what they mean.

`autodiff(Reverse, f, Duplicated(x, dx), Active(a))` becomes one intrinsic on `x, dx, a`, and `grad(f)` the
dispatcher that it stands for. Decides that this is done only where everything but the values is constant, and
the values cannot have changed since the activity was written; the overloads in `compiled` serve every other
case. The reason is speed: no activity is built, no reference is counted, and LLVM sees the derivative in the
caller's own loop. It also lets compiled code name plain functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

from numba.core import ir
from numba.core.rewrites.registry import Rewrite, register_rewrite

from ..diagnostics import SourceLocation
from ..frontend import data_of, is_private, lift
from ..plans import is_flat
from . import refusals
from .activities import Active, Const, Duplicated, DuplicatedNoNeed
from .calls import Call
from .functions import autodiff, autodiff_call, gradient, gradient_call
from .glue import core
from .modes import Mode
from .transforms import Transform, grad, value_and_grad

_FUNCTIONS = (autodiff, gradient, grad, value_and_grad)
_ACTIVITIES = (Const, Active, Duplicated, DuplicatedNoNeed)
_UNKNOWN = object()


@register_rewrite("before-inference")
class RewriteDifferentiation(Rewrite):
    """Finds the calls of one block and replaces them."""

    def __init__(self, state: Any) -> None:
        self.contexts = state.typingctx, state.targetctx

    def match(self, func_ir: Any, block: Any, typemap: Any, calltypes: Any) -> Any:
        if self.contexts[0] is None:
            return False  # code of a function that is made inside: it is read again where it is inlined
        self.ir, self.block = func_ir, block
        self.positions = {id(statement): index for index, statement in enumerate(block.body)}
        self.replaced: dict[int, list[ir.Assign]] = {}
        for statement in block.find_insts(ir.Assign):
            expression: Any = statement.value
            if isinstance(expression, ir.Expr) and expression.op == "call":
                function = self._ours(expression.func)
                if function is autodiff or function is gradient:
                    self._replace_call(statement, function)
                elif isinstance(function, Transform):
                    if is_private(self.contexts[0]) and function.numzyme_function() is not None:
                        continue  # read as what it is at the call, with the data that it captures
                    self._replace_transform_call(statement, function)
                elif function is not None:
                    self._replace_transform(statement)
        if self.replaced:
            for context in self.contexts:
                context.refresh()  # the intrinsics are new
        return bool(self.replaced)

    def apply(self) -> ir.Block:
        block = self.block.copy()
        block.clear()
        for statement in self.block.body:
            for replacement in self.replaced.get(id(statement), [statement]):
                block.append(replacement)
        return block

    # -- constants
    def _definition(self, variable: ir.Var) -> Any:
        try:
            return self.ir.get_definition(variable)
        except KeyError:
            return None

    def _ours(self, variable: ir.Var) -> Any:
        """The function or transform of ours that `variable` stands for, else None."""
        definition = self._definition(variable)
        value = _UNKNOWN
        if isinstance(definition, ir.Expr) and definition.op == "call":
            return self._made_transform(definition)
        if isinstance(definition, ir.Expr) and definition.op == "getattr":
            value = self._constant(variable)
        elif isinstance(definition, ir.Global | ir.FreeVar):
            value = definition.value
        known = isinstance(value, Transform) or any(value is function for function in _FUNCTIONS)
        return value if known else None

    def _made_transform(self, expression: Any) -> Transform | None:
        """The transform that a call of `grad` or `value_and_grad` on constants makes."""
        definition = self._definition(expression.func)
        if isinstance(definition, ir.Expr) and definition.op == "call":
            return None
        make = self._ours(expression.func)
        if not (make is grad or make is value_and_grad) or expression.vararg:
            return None
        arguments = [self._constant(argument) for argument in expression.args]
        keywords = {name: self._constant(value) for name, value in expression.kws}
        if any(value is _UNKNOWN for value in (*arguments, *keywords.values())):
            return None
        return make(*arguments, **keywords)

    def _constant(self, variable: ir.Var) -> Any:
        """The value of `variable` when it is a global, a captured value, a literal or an attribute of a
        module."""
        definition = self._definition(variable)
        if isinstance(definition, ir.Global | ir.FreeVar | ir.Const):
            return definition.value
        if isinstance(definition, ir.Expr) and definition.op == "getattr":
            owner = self._constant(definition.value)
            return getattr(owner, definition.attr, _UNKNOWN) if isinstance(owner, ModuleType) else _UNKNOWN
        if isinstance(definition, ir.Expr) and definition.op == "build_tuple":
            members = [self._constant(item) for item in definition.items]
            return _UNKNOWN if any(member is _UNKNOWN for member in members) else tuple(members)
        return _UNKNOWN

    # -- replacements
    def _replace_transform(self, statement: Any) -> None:
        """`grad(f)` by its dispatcher, which Numba knows as a value."""
        expression = statement.value
        transform = self._made_transform(expression)
        if transform is not None:
            value = ir.Global(repr(transform), transform.inner(), statement.loc)
            self._put(statement, [ir.Assign(value, statement.target, statement.loc)])
            self._drop_sources([expression.func, *expression.args, *(value for _, value in expression.kws)])

    def _replace_transform_call(self, statement: Any, transform: Transform) -> None:
        expression = statement.value
        if transform.takes(len(expression.args)) and not expression.kws and not expression.vararg:
            call = transform.call_for(len(expression.args), inline=True)
            self._put(statement, list(self._core_call(statement, call, list(expression.args))))
            self._drop_sources([expression.func])

    def _replace_call(self, statement: Any, function: Callable[..., Any]) -> None:
        expression = statement.value
        options = {name: self._constant(value) for name, value in expression.kws}
        if options.pop("verify", False) is not False:
            raise refusals.verified_inside(function, SourceLocation(statement.loc.filename, statement.loc.line))
        if expression.vararg or len(expression.args) < 2 or options.keys() - {"boundscheck"}:
            return
        boundscheck = options.get("boundscheck")
        if boundscheck is _UNKNOWN:
            return
        mode, f = (self._constant(argument) for argument in expression.args[:2])
        if not isinstance(mode, Mode) or f is _UNKNOWN or (function is gradient and mode.direction == "forward"):
            return
        variables = list(expression.args[2:])
        result_active = None
        if function is autodiff and variables and self._constant(variables[0]) in _ACTIVITIES:
            result_active = self._constant(variables.pop(0)) is not Const
        parts = [self._activity(variable, statement) for variable in variables]
        if function is autodiff and not all(activity for activity, _ in parts):
            return
        if any(variable is None for _, values in parts for variable in values):
            return
        values = [variable for _, values in parts for variable in values]
        lifted = None
        if is_private(self.contexts[0]):
            lifted = lift(f.numzyme_function() if isinstance(f, Transform) else f, is_flat)
        f, leading = (f, 0) if lifted is None else (lifted[0], 1)
        if function is autodiff:
            kinds = (*[Const] * leading, *(activity for activity, _ in parts if activity is not None))
            call = autodiff_call(mode, f, kinds, result_active, boundscheck, inline=True)
        else:
            constant = (*[True] * leading, *(activity is Const for activity, _ in parts))
            call = gradient_call(mode, f, constant, boundscheck, inline=True)
        made: list[ir.Assign] = []
        if lifted is not None:
            picked = tuple(range(1, len(call.roles)))
            call = replace(call, pick=1 if function is gradient and len(picked) == 1 else picked)
            data = ir.Var(statement.target.scope, f"{statement.target.name}.numzyme.data", statement.loc)
            made += self._call("numzyme_data", data_of, [expression.args[1]], data, statement.loc)
            values.insert(0, data)
        self._put(statement, [*made, *self._core_call(statement, call, values)])
        self._drop_activities(variables)
        self._drop_sources([expression.func, expression.args[0], *([] if lifted else expression.args[1:2])])

    def _core_call(self, statement: ir.Assign, call: Call, values: list[ir.Var]) -> Iterator[ir.Assign]:
        return self._call("numzyme_core", core(call, len(values), False), values, statement.target, statement.loc)

    def _call(
        self, name: str, intrinsic: Any, values: list[ir.Var], target: ir.Var, loc: ir.Loc
    ) -> Iterator[ir.Assign]:
        """`target` is what `intrinsic` gives for `values`."""
        source = ir.Global(name, intrinsic, loc)
        function = ir.Var(target.scope, f"{target.name}.{name}", loc)
        self.ir._definitions[function.name] = [source]
        yield ir.Assign(source, function, loc)
        expression = ir.Expr.call(function, values, (), loc)
        self.ir._definitions[target.name] = [expression]
        yield ir.Assign(expression, target, loc)

    def _activity(self, variable: ir.Var, use: ir.Assign) -> tuple[type | None, list[Any]]:
        """The activity that `variable` is made with, and the values in it; None values where it is not so
        simple."""
        definition = self._definition(variable)
        if not (isinstance(definition, ir.Expr) and definition.op == "call"):
            return None, [variable]
        activity = self._constant(definition.func)
        if activity not in _ACTIVITIES:
            return None, [variable]
        count = 2 if issubclass(activity, Duplicated) else 1
        simple = not definition.kws and not definition.vararg and len(definition.args) == count
        if not simple or not self._unchanged(variable, definition, use):
            return activity, [None]
        return activity, list(definition.args)

    def _unchanged(self, variable: ir.Var, definition: ir.Expr, use: ir.Assign) -> bool:
        """Whether the activity is a temporary of this block, and what it holds is not rebound before its
        use."""
        made = next((s for s in self.block.body if isinstance(s, ir.Assign) and s.value is definition), None)
        if made is None or not variable.name.startswith("$"):
            return False
        names = {argument.name for argument in definition.args}
        between = self.block.body[self.positions[id(made)] + 1 : self.positions[id(use)]]
        return not any(isinstance(s, ir.Assign) and s.target.name in names for s in between)

    # -- what is left over
    def _drop_activities(self, variables: list[ir.Var]) -> None:
        """The activities themselves: temporaries that nothing reads any more."""
        for variable in variables:
            definition = self._definition(variable)
            made = isinstance(definition, ir.Expr) and definition.op == "call"
            if made and self._constant(definition.func) in _ACTIVITIES:
                self._drop(variable)
                self._drop_sources([definition.func])

    def _drop_sources(self, variables: list[ir.Var]) -> None:
        """Temporaries that held functions and modes: Numba could not type a plain function."""
        for variable in variables:
            if variable.name.startswith("$"):
                self._drop(variable)

    def _drop(self, variable: ir.Var) -> None:
        for statement in self.block.find_insts(ir.Assign):
            if statement.target.name == variable.name and id(statement) not in self.replaced:
                nothing = ir.Const(None, statement.loc)
                self._put(statement, [ir.Assign(nothing, statement.target, statement.loc)])

    def _put(self, statement: ir.Assign, replacement: list[ir.Assign]) -> None:
        self.replaced[id(statement)] = replacement
