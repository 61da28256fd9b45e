"""Functions that are made inside of a function, as values: a lambda that is handed on, a recursive `def`.

Numba inlines calls of such functions, and refuses those that leave the function and capture more than constants.
Decides that a function is a `ClosureType` over what it captures where it is handed on, calls itself, is a generator, or
is called inside of `try` (what fails in inlined code would go on to its end). Invariant: captured names have the value
of the moment when the function is made, and code in which Python would see a later one is refused.
"""

from __future__ import annotations

import dis
import functools
import inspect
import re
import types as python_types
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from numba.core import errors, ir, types
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.extending import intrinsic
from numba.core.ir_utils import get_definition, guard

from ..dead_code import variables_read
from ..functions import LEFT_OUT, with_code, with_positional_keywords
from .closures import DEFAULT, ClosureType, closure_type_of, defaults_of, keyword_defaults_of
from .construct import cast_fields, field_kind, put_together
from .outside import Outside, moving_values

_TEMPORARY = re.compile(r"^\$|__v\d+load_closure")  # the second, where the function around has been inlined
_INLINED = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})


def refers_to_itself(code: CodeType) -> bool:
    """Whether a function reads its own name from where it is made."""
    return code.co_name in code.co_freevars


def with_named_lambdas(function: FunctionType) -> FunctionType:
    """`function`, or a copy of it in which lambdas that call themselves have the name by which they do."""
    return with_code(function, _code_with_named_lambdas(function.__code__))


@functools.cache
def _code_with_named_lambdas(code: CodeType) -> CodeType:
    constants = list(code.co_consts)
    for position, constant in enumerate(constants):
        if isinstance(constant, CodeType):
            constants[position] = _code_with_named_lambdas(constant)
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("EXTENDED_ARG", "CACHE")]
    for load, make, store in zip(steps, steps[1:], steps[2:], strict=False):
        if (load.opname, make.opname, store.opname) == ("LOAD_CONST", "MAKE_FUNCTION", "STORE_DEREF"):
            inner = constants[load.arg or 0]
            if inner.co_name == "<lambda>" and store.argval in inner.co_freevars:
                constants[load.arg or 0] = inner.replace(co_name=store.argval)
    if all(one is other for one, other in zip(constants, code.co_consts, strict=True)):
        return code
    return code.replace(co_consts=tuple(constants))


def codes_inside(code: CodeType) -> Iterator[CodeType]:
    """The code of the functions that are made directly inside of another."""
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


def must_be_a_value(code: CodeType) -> bool:
    """Whether calls of a function cannot be inlined."""
    is_mistaken = bool(code.co_flags & (inspect.CO_GENERATOR | inspect.CO_VARARGS))  # by Numba's inlining
    return ((is_mistaken or code.co_kwonlyargcount > 0) and may_be_a_value(code)) or refers_to_itself(code)


def captured_by_functions(code: CodeType) -> Iterator[str]:
    """Names that functions capture which are made in a function, or in a comprehension there."""
    for inner in codes_inside(code):
        yield from (
            inner.co_freevars if may_be_a_value(inner) else set(inner.co_freevars) & {*captured_by_functions(inner)}
        )


def may_be_a_value(code: CodeType) -> bool:
    """Whether it is a function, and no comprehension."""
    return code.co_name not in _INLINED


def make_values(func_ir: Any, chosen: Any, capturing_or_not: bool = False) -> bool:
    """Turn the functions that are made in `func_ir`, and whose code is `chosen`, into values; whether any was.

    Numba has values for those that capture nothing; `capturing_or_not`: calls of these must not be inlined either.
    """
    changed = False
    for block in func_ir.blocks.values():
        body = []
        for statement in block.body:
            made = statement.value if isinstance(statement, ir.Assign) else None
            if isinstance(made, ir.Expr) and made.op == "make_function" and chosen(made.code):
                before = _as_value(func_ir, block.scope, statement, made, capturing_or_not)
                changed = changed or statement.value is not made
                body += before
            body.append(statement)
        block.body = body
    return changed


def _as_value(func_ir: Any, scope: Any, statement: Any, made: Any, capturing_or_not: bool) -> list[Any]:
    """Write the call that makes the closure into `statement`; statements that have to come before."""
    code, loc = made.code, statement.loc
    function, defaults = _function_of(func_ir, made)
    moving = moving_values(function)
    if not code.co_freevars and not moving and not defaults:
        if capturing_or_not:
            statement.value = ir.FreeVar(0, "function", function, loc)
            func_ir._definitions[statement.target.name] = [statement.value]
        return []
    listed = guard(get_definition, func_ir, made.closure) if made.closure else None
    cells = dict(zip(code.co_freevars, listed.items if isinstance(listed, ir.Expr) else (), strict=True))
    if refers_to_itself(code):
        if not _is_own_name(func_ir, statement.target.name, code.co_name):
            what = f"`{code.co_name}` captures another variable that has its own name: call it otherwise"
            raise errors.UnsupportedError(what, loc)
        del cells[code.co_name]
    before = []

    def assign(value: Any, prefix: str) -> Any:
        variable = scope.redefine(prefix, loc=loc, rename=True)
        before.append(ir.Assign(value, variable, loc))
        func_ir._definitions[variable.name].append(value)
        return variable

    cells.update(defaults)
    values = [*cells.values(), *(assign(ir.Global(name, value, loc), "$data") for name, value in moving.items())]
    for cell in function.__closure__ or ():
        _fill(cell)
    maker = assign(ir.FreeVar(0, "function", capturing(function, (*cells, *moving)), loc), "$function")
    statement.value = ir.Expr.call(maker, tuple(values), (), loc)
    func_ir._definitions[statement.target.name] = [statement.value]
    return before


def _is_own_name(func_ir: Any, target: str, name: str) -> bool:
    """Whether the function is bound to the variable that it reads, and nothing else is."""
    found = func_ir._definitions.get(name, [])
    bound = target == name or (isinstance(found[0], ir.Var) and found[0].name == target)
    return len(found) == 1 and bound


def _function_of(func_ir: Any, made: Any) -> tuple[FunctionType, dict[str, Any]]:
    """A Python function with the code of one that is made inside, in whose cells is nothing but the function itself.

    Also the variables with the defaults that are no constants, by the names of the fields that are to hold them.
    """
    code = made.code
    # what a comprehension runs over has a name that no parameter may have
    code = code.replace(co_varnames=tuple(name.replace(".", "iterator") for name in code.co_varnames))
    given, keywords = defaults_of(func_ir, made), keyword_defaults_of(made)
    parameters = code.co_varnames[: code.co_argcount][code.co_argcount - len(given) :]
    by_name = {**dict(zip(parameters, given, strict=True)), **keywords}
    constants = {name: _constant(func_ir, value) for name, value in by_name.items()}
    captured = {DEFAULT + name: by_name[name] for name, value in constants.items() if value is LEFT_OUT}
    cells = tuple(python_types.CellType() for _ in code.co_freevars)
    surrounding = func_ir.func_id.func
    stands_for = closure_type_of(surrounding)
    names = (stands_for.function if stands_for else surrounding).__globals__
    function = FunctionType(code, names, code.co_name, tuple(constants[name] for name in parameters) or None, cells)
    function.__kwdefaults__ = {name: constants[name] for name in keywords} or None
    function = with_positional_keywords(function)
    function.__qualname__ = code.co_qualname
    if refers_to_itself(code):
        cells[code.co_freevars.index(code.co_name)].cell_contents = function
    return function, captured


def _fill(cell: Any) -> None:
    """Whoever reads the code looks into the cells, too."""
    try:
        _ = cell.cell_contents
    except ValueError:
        cell.cell_contents = None


def _constant(func_ir: Any, value: Any) -> Any:
    """The constant behind a default; `LEFT_OUT` for others."""
    found = guard(get_definition, func_ir, value) if isinstance(value, ir.Var) else ir.Const(value, func_ir.loc)
    return found.value if isinstance(found, ir.Const) else LEFT_OUT


def capturing(function: FunctionType, names: tuple[str, ...]) -> Any:
    """The intrinsic that makes a closure from the values of the captured `names`."""
    outside = Outside(function, names)

    def typed(values: tuple) -> tuple:
        given = zip(names, values, strict=True)
        # a default may be another number in the next round of a loop
        kept = [isinstance(kind, types.IntegerLiteral) and not name.startswith(DEFAULT) for name, kind in given]
        kinds = [kind if is_kept else field_kind(kind) for is_kept, kind in zip(kept, values, strict=True)]
        made = ClosureType(function, tuple(zip(names, kinds, strict=True)), outside)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return put_together(context, builder, made, cast_fields(context, builder, names, kinds, sig.args, args))

        return made(*values), generate

    listed = ", ".join(f"value{index}" for index in range(len(names)))
    scope: dict[str, Any] = {"typed": typed}
    exec(f"def capture(typing_context, {listed}):\n    return typed(({listed},))\n", scope)
    return intrinsic(prefer_literal=True)(scope["capture"])


@register_pass(mutates_CFG=False, analysis_only=False)
class HandedOn(FunctionPass):
    """Functions that are left over when calls have been inlined: they are handed on."""

    _name = "numzyme_handed_on"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> Any:
        changed = make_values(state.func_ir, may_be_a_value)
        if changed:
            state.typingctx.refresh()
        return changed


@register_pass(mutates_CFG=False, analysis_only=True)
class NothingLater(FunctionPass):
    """Refuses functions whose captured names are bound anew while they are in use: Python would see the new value."""

    _name = "numzyme_nothing_later"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> Any:
        for label, block in state.func_ir.blocks.items():
            for position, statement in enumerate(block.body):
                kind = state.typemap.get(statement.target.name) if isinstance(statement, ir.Assign) else None
                if isinstance(kind, ClosureType) and _makes(state.func_ir, statement.value):
                    _Later(state, statement, kind).check(label, position)
        return False


def _makes(func_ir: Any, call: Any) -> bool:
    """Whether an expression makes a closure."""
    if not isinstance(call, ir.Expr) or call.op != "call":
        return False
    function = guard(get_definition, func_ir, call.func)
    return isinstance(function, ir.FreeVar | ir.Global) and getattr(function.value, "_name", "") == "capture"


class _Later:
    """What happens behind the statement that makes a closure."""

    def __init__(self, state: Any, making: Any, kind: ClosureType) -> None:
        self.func_ir, self.blocks, self.typemap = state.func_ir, state.func_ir.blocks, state.typemap
        self.graph = compute_cfg_from_blocks(self.blocks)
        self.making, self.kind = making, kind
        self.captured: dict[str, None] = {}
        for name, value in zip(kind.fields, making.value.args, strict=True):
            if not name.startswith(DEFAULT):  # which is what it was
                self._note(value)

    def _note(self, variable: Any) -> None:
        """The variables that were read for one that is captured."""
        found = self.func_ir._definitions.get(variable.name, [])
        if _TEMPORARY.search(variable.name) and len(found) == 1 and isinstance(found[0], ir.Var):
            self._note(found[0])
        else:
            self.captured[variable.unversioned_name] = None

    def check(self, label: int, position: int) -> None:
        """Follow all ways from the statement, each block once with and once without a later binding behind it."""
        todo, seen = [(label, position + 1, "")], set()
        while todo:
            label, start, later = todo.pop()
            later = self._through(self.blocks[label].body[start:], later)
            if later is None:
                continue
            for target, _ in self.graph.successors(label):
                if (target, bool(later)) not in seen:
                    seen.add((target, bool(later)))
                    todo.append((target, 0, later))

    def _through(self, statements: Any, later: str) -> str | None:
        """The captured name that was bound anew, if any; None where the closure is made again."""
        for statement in statements:
            if statement is self.making:
                return None
            if isinstance(statement, ir.Del):
                continue
            if later and any(map(self._holds_closure, variables_read(statement))):
                name = self.kind.function.__name__
                what = f"`{name}` captures `{later}`, which is bound anew while `{name}` is in use"
                raise errors.UnsupportedError(f"{what}: give the variable another name there", statement.loc)
            is_phi = isinstance(statement, ir.Assign) and getattr(statement.value, "op", "") == "phi"
            if isinstance(statement, ir.Assign) and not is_phi and statement.target.unversioned_name in self.captured:
                later = statement.target.unversioned_name
        return later

    def _holds_closure(self, variable: Any) -> bool:
        """Whether a variable may be, or hold, the closure; one that another statement makes may capture it."""
        found = guard(get_definition, self.func_ir, variable)
        is_another = isinstance(found, ir.Expr) and found is not self.making.value and _makes(self.func_ir, found)
        kind = self.typemap.get(variable.name)
        if is_another and isinstance(kind, ClosureType):
            return any(_holds(member, self.kind) for member in kind.fields.values())
        return _holds(kind, self.kind)


def _members(kind: Any) -> tuple:
    """The types of what a value holds whose type has another name."""
    if isinstance(kind, types.Generator):
        return tuple(kind.arg_types)
    return tuple(kind.types) if isinstance(kind, types.BaseTuple) else ()  # type: ignore[attr-defined]


def _holds(kind: Any, closure: ClosureType) -> bool:
    """Whether a value of type `kind` is, or holds, one of type `closure`, whose name is then in most types' names."""
    return str(closure) in str(kind) or any(_holds(member, closure) for member in _members(kind))
