"""Specialisation of Numba's IR to the types at hand: loops over tuples of unlike members, and tests that types decide.

Decides, before Numba infers types: a loop over a tuple (or `enumerate`, `zip`, `reversed` of tuples) whose members are
objects, functions, arrays or unlike becomes a copy of its body for each member, so that each step may have types of its
own; a branch on `x is None`, `isinstance`, `hasattr`, `x.ndim == 2` or a constant field keeps the side that can run.

The decisions come from a trial: the IR is copied, put in SSA form and typed as far as that goes; the first loop or
branch that is settled is rewritten in the original, and so on until none is left. Invariant: what is removed can not
run for arguments of these types.
"""

from __future__ import annotations

import contextlib
import enum
import operator
from types import FunctionType, SimpleNamespace, UnionType
from typing import Any

import numpy as np
from numba.core import errors, ir, postproc, typeinfer, types
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.ir_utils import build_definitions, get_definition, guard

from . import identity
from .attributes import getter_of, is_no_value, truth_of
from .initialisers import threaded_of
from .kinds import BoundMethod, ConstantType, DictType, ObjectType, SequenceType, is_static
from .matching import strict_zip
from .replacements import Replaced, answers, replacements, tag, untag
from .rewrites import DecidedBranch, Item, UnrolledLoop, copied, keep_live_blocks, make_tuples_of_lists, stepping_blocks
from .ssa import reconstruct_ssa
from .translate import frontend
from .type_tests import UNKNOWN, has_attribute, is_instance, python_class_of

LONGEST_UNROLLED = 256
DICT_VIEWS = frozenset({"keys", "values", "items"})
_COMPARISONS = {operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge}
_UNIQUE = (type, FunctionType, enum.Enum, bool)  # two values of these that are one object are known to be
_ARITHMETIC = {operator.add, operator.sub, operator.mul}
_ITERATORS = {enumerate, zip, reversed}
_TESTS_OF_TYPES = {"isinstance", "hasattr", "_replace"}


@register_pass(mutates_CFG=True, analysis_only=False)
class Specialise(FunctionPass):
    _name = "numzyme_specialise"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> Any:
        function = state.func_id.func
        wanted = any(map(needs_specialising, state.args)) or threaded_of(function) is not None
        if not wanted and not (function.__module__ or "").startswith(
            "numba."
        ):  # costs a trial, and what it has is decided
            tests = not _TESTS_OF_TYPES.isdisjoint(function.__code__.co_names)
            wanted = tests or _loops_over_written_tuple(state.func_ir) or _asks_for_functions(state)
        return wanted and specialise(state)[1]


def _loops_over_written_tuple(func_ir: Any) -> bool:
    """Whether there is a loop over a tuple that stands in the code, the members of which may be unlike."""

    def is_written(variable: Any) -> bool:
        found: Any = guard(get_definition, func_ir, variable)
        if isinstance(found, ir.Expr):
            return found.op == "build_tuple" or (found.op == "call" and any(map(is_written, found.args)))
        value = getattr(found, "value", None)  # of a constant or a global
        return isinstance(value, tuple) and not (len({*map(type, value)}) == 1 and type(value[0]) in (int, float))

    return any(
        isinstance(statement.value, ir.Expr) and statement.value.op == "getiter" and is_written(statement.value.value)
        for block in func_ir.blocks.values()
        for statement in block.find_insts(ir.Assign)
    )


def _asks_for_functions(state: Any) -> bool:
    """Whether there is an `is` that is no comparison with None, or a function is compared or asked for its truth."""
    func_ir = state.func_ir
    given = any(isinstance(kind, identity.FUNCTIONS) for kind in state.args)
    comparisons = {*identity.OPERATORS, *([operator.eq, operator.ne] if given else [])}

    def definition(variable: Any) -> Any:
        return guard(get_definition, func_ir, variable)

    def is_none(variable: Any) -> bool:
        found = definition(variable)
        return isinstance(found, ir.Const) and found.value is None

    def asks(value: Any) -> bool:
        if not isinstance(value, ir.Expr):
            return False
        if value.op == "binop":
            return value.fn in comparisons and not (is_none(value.lhs) or is_none(value.rhs))
        if value.op != "call" or not given or len(value.args) != 1:
            return False
        return getattr(definition(value.func), "value", None) is bool and isinstance(definition(value.args[0]), ir.Arg)

    return any(asks(found.value) for block in func_ir.blocks.values() for found in block.find_insts(ir.Assign))


def specialise(state: Any) -> tuple[Trial, bool]:
    """Rewrite `state.func_ir` until nothing is left to settle; the last trial, and whether anything changed."""
    changed = False
    while True:
        trial = Trial(state)
        settled = trial.first()
        if settled is None:
            break
        settled.rewrite(state.func_ir)
        state.typingctx.refresh()  # it may have made functions
        keep_live_blocks(state.func_ir)
        make_tuples_of_lists(state.func_ir)
        changed = True
    untag(state.func_ir)
    if changed:
        state.func_ir._definitions = build_definitions(state.func_ir.blocks)
        postproc.PostProcessor(state.func_ir).run(emit_dels=False)
    return trial, changed


def static_result(context: Any, target_context: Any, function: Any, args: tuple) -> Any:
    """What `function` returns for all arguments of these types, if that is one Python value."""
    key = context, function, args
    if key not in _static_results:
        _static_results[key] = UNKNOWN  # for recursive functions
        state = SimpleNamespace(
            func_ir=frontend(function), typingctx=context, targetctx=target_context, args=args, locals={}
        )
        context.refresh()
        trial, _ = specialise(state)
        returns = [block.body[-1] for block in trial.blocks.values() if isinstance(block.body[-1], ir.Return)]
        if len(returns) == 1:
            _static_results[key] = trial.value(returns[0].value)
    return _static_results[key]


_static_results: dict[Any, Any] = {}


def needs_specialising(kind: Any) -> bool:
    """Whether an argument of this type may decide branches or be looped over member by member."""
    if isinstance(kind, types.BaseTuple):
        members: Any = kind.types  # type: ignore[attr-defined]
        return len(set(members)) != 1 or any(map(_opens, members))
    return isinstance(kind, ObjectType | BoundMethod | ConstantType | types.NoneType)


def _opens(kind: Any) -> bool:
    return needs_specialising(kind) or is_static(kind) or isinstance(kind, types.Array)


class Trial:
    """A typed copy of the IR, in SSA form: every variable has one definition and, where known, one type."""

    def __init__(self, state: Any) -> None:
        self.context, self.target_context, self.original = state.typingctx, state.targetctx, state.func_ir
        self.tagged = tag(state.func_ir)
        func_ir = state.func_ir.copy()
        for block in func_ir.blocks.values():
            block.body = [copied(statement) for statement in block.body]
        func_ir = reconstruct_ssa(func_ir)
        func_ir._definitions = build_definitions(func_ir.blocks)
        postproc.PostProcessor(func_ir).run(emit_dels=False)
        self.blocks = func_ir.blocks
        self.definition = {
            statement.target.name: statement.value
            for block in self.blocks.values()
            for statement in block.find_insts(ir.Assign)
        }
        self.types = self._infer(state, func_ir)

    def _infer(self, state: Any, func_ir: Any) -> dict[str, Any]:
        warnings: Any = errors
        inference = typeinfer.TypeInferer(state.typingctx, func_ir, warnings.WarningsFixer(errors.NumbaWarning))
        callstack = state.typingctx.callstack
        with callstack.register(state.targetctx.target, inference, func_ir.func_id, state.args):
            for index, (name, kind) in enumerate(zip(func_ir.arg_names, state.args, strict=True)):
                inference.seed_argument(name, index, kind)
            inference.build_constraint()
            with contextlib.suppress(RuntimeError):  # a call of what is being compiled: some types stay unknown
                inference.propagate(raise_errors=False)
        return {name: variable.getone() for name, variable in inference.typevars.items() if variable.defined}

    def first(self) -> DecidedBranch | UnrolledLoop | Replaced | None:
        """What is to be replaced, or the first thing in the order of control flow that is settled."""
        replaced = replacements(self, self.tagged)
        if replaced is not None:
            return replaced
        cfg = compute_cfg_from_blocks(self.blocks)
        loops = cfg.loops()
        for label in cfg.topo_order():
            end = self.blocks[label].body[-1]
            if label in loops:
                found = self._loop(cfg, label)
                if found is not None:
                    return found
            if isinstance(end, ir.Branch):
                value = self.value(end.cond)
                if value is not UNKNOWN and isinstance(value, bool | np.bool_ | int):
                    return DecidedBranch(label, bool(value))
        return answers(self, self.tagged)

    # -- loops
    def _loop(self, cfg: Any, header: int) -> UnrolledLoop | None:
        loop = cfg.loops()[header]
        found = stepping_blocks(self.blocks, loop.body, header)
        if found is None:
            return None
        iternext = [
            s.value for s in self.blocks[found[0]].find_insts(ir.Assign)
            if isinstance(s.value, ir.Expr) and s.value.op == "iternext"
        ]  # fmt: skip
        if len(iternext) != 1:
            return None
        entries = [source for source, _ in cfg.predecessors(header) if source not in loop.body]
        getiter = self._resolved(iternext[0].value)
        if len(entries) != 1 or not isinstance(getiter, ir.Expr) or getiter.op != "getiter":
            return None
        start = self._block_of(getiter)
        steps = self._steps(getiter.value)
        if steps is None:
            steps = self._steps_of_range(getiter.value, loop.body)
        return None if steps is None or start is None else UnrolledLoop(header, start, steps)

    def _block_of(self, value: Any) -> int | None:
        for label, block in self.blocks.items():
            if any(s.value is value for s in block.find_insts(ir.Assign)):
                return label
        return None

    def _resolved(self, variable: Any) -> Any:
        value = variable
        while isinstance(value, ir.Var):
            value = self.definition.get(value.name)
        return value

    def _steps(self, variable: Any) -> tuple[Item, ...] | None:
        """The item of each step of a loop over `variable`; None when it is not over tuples that need unrolling."""
        if not self._needs_unrolling(variable):
            return None
        return self._items(variable)

    def _steps_of_range(self, variable: Any, body: Any) -> tuple[Item, ...] | None:
        """The numbers of a loop over a known `range`, when they are indices of tuples of unlike members."""
        call = self._resolved(variable)
        if not isinstance(call, ir.Expr) or call.op != "call" or call.kws or self.value(call.func) is not range:
            return None
        bounds = [self.value(argument) for argument in call.args]
        if not all(type(bound) is int for bound in bounds) or len(range(*bounds)) > LONGEST_UNROLLED:
            return None
        indexed = [
            self.types.get(s.value.value.name)
            for label in body
            for s in self.blocks[label].find_insts(ir.Assign)
            if isinstance(s.value, ir.Expr) and s.value.op == "getitem"
        ]
        unlike = any(isinstance(k, types.BaseTuple) and not isinstance(k, types.UniTuple) for k in indexed)
        wanted = unlike or any(isinstance(kind, SequenceType) for kind in indexed)
        return tuple(Item(None, number) for number in range(*bounds)) if wanted else None

    def _iterated(self, variable: Any) -> tuple[Any, list[Any]] | None:
        """The function and the arguments behind `enumerate(x)`, `zip(x, y)`, `reversed(x)`."""
        call = self._resolved(variable)
        if not isinstance(call, ir.Expr) or call.op != "call" or call.kws or not call.args or call.vararg:
            return None
        function = self.value(call.func)
        if function is strict_zip:
            return function, list(call.args)
        known = function in _ITERATORS if isinstance(function, type) else False
        count = {zip: len(call.args), enumerate: min(len(call.args), 2)}.get(function, 1)
        return (function, list(call.args)) if known and len(call.args) == count else None

    def _needs_unrolling(self, variable: Any) -> bool:
        kind = self.types.get(variable.name)
        if isinstance(kind, types.BaseTuple | SequenceType) and self._dict_items(variable) is None:
            return needs_specialising(kind)
        if self._dict_items(variable) is not None:
            return True
        iterated = self._iterated(variable)
        return iterated is not None and any(map(self._needs_unrolling, iterated[1]))

    def _items(self, variable: Any) -> tuple[Item, ...] | None:
        of_dict = self._dict_items(variable)
        if of_dict is not None:
            return of_dict
        length = self._length(variable)
        if length is not None:
            return tuple(Item(variable.unversioned_name, index) for index in range(length))
        iterated = self._iterated(variable)
        if iterated is None:
            return None
        function, arguments = iterated
        start = 0
        if function is enumerate and len(arguments) == 2:
            start = self.value(arguments.pop())
            if type(start) is not int:
                return None
        parts = [self._items(argument) for argument in arguments]
        if any(part is None for part in parts):
            return None
        if function is enumerate:
            return tuple(Item(group=(Item(None, n), item)) for n, item in enumerate(parts[0] or (), start))
        if function is reversed:
            return tuple(reversed(parts[0] or ()))
        if function is strict_zip and len({len(part or ()) for part in parts}) > 1:
            lengths = ", ".join(str(len(part or ())) for part in parts)
            raise errors.TypingError(f"zip(..., strict=True) of different lengths: {lengths}", variable.loc)
        return tuple(Item(group=group) for group in zip(*parts, strict=False))  # type: ignore[arg-type]

    def _dict_items(self, variable: Any) -> tuple[Item, ...] | None:
        """The items of a loop over a dict or one of its views, whose keys are constants of the type."""
        view, source = "keys", variable
        call = self._resolved(variable)
        if isinstance(call, ir.Expr) and call.op == "call" and not call.args and not call.kws:
            method = self._resolved(call.func)
            if not isinstance(method, ir.Expr) or method.op != "getattr" or method.attr not in DICT_VIEWS:
                return None
            view, source = method.attr, method.value
        kind = self.types.get(source.name)
        if not isinstance(kind, DictType) or len(kind.fields) > LONGEST_UNROLLED:
            return None
        keys = [Item(None, key) for key in kind.fields]
        members = [Item(source.unversioned_name, key) for key in kind.fields]
        if view == "items":
            return tuple(Item(group=pair) for pair in zip(keys, members, strict=True))
        return tuple(keys if view == "keys" else members)

    def _length(self, variable: Any) -> int | None:
        kind = self.types.get(variable.name)
        if isinstance(kind, SequenceType):
            return len(kind.fields)
        if not isinstance(kind, types.BaseTuple):
            return None
        count = len(kind.types)  # type: ignore[attr-defined]
        return count if count <= LONGEST_UNROLLED else None

    # -- values that types decide
    def value(self, variable: Any) -> Any:
        """The Python value of a variable, if it is the same for all arguments of these types."""
        kind = self.types.get(variable.name)
        definition = self._resolved(variable)
        if isinstance(kind, types.NoneType):
            return None
        if isinstance(definition, ir.Expr) and definition.op == "call":
            function = self.value(definition.func)
            if function is isinstance or function is hasattr:
                return self._value_of_call(definition)  # Numba's own would not take a bool for an int
        if isinstance(kind, types.Literal):
            return kind.literal_value
        if isinstance(kind, ConstantType):
            return kind.value
        if isinstance(definition, ir.Const | ir.Global | ir.FreeVar):
            return definition.value
        if not isinstance(definition, ir.Expr):
            return UNKNOWN
        reader = getattr(self, f"_value_of_{definition.op}", None)
        return UNKNOWN if reader is None else reader(definition)

    def _value_of_getattr(self, expression: Any) -> Any:
        kind = self.types.get(expression.value.name)
        if isinstance(kind, types.Array) and expression.attr == "ndim":
            return kind.ndim
        if isinstance(kind, ObjectType):
            if expression.attr == "__class__":
                return python_class_of(kind)
            getter = getter_of(kind, expression.attr)
            return UNKNOWN if getter is None else static_result(self.context, self.target_context, getter, (kind,))
        base = self.value(expression.value)
        if base is UNKNOWN or base is None:
            return UNKNOWN
        return getattr(base, expression.attr, UNKNOWN) if isinstance(base, type | type(np)) else UNKNOWN

    def _value_of_build_tuple(self, expression: Any) -> Any:
        members = [self.value(item) for item in expression.items]
        return UNKNOWN if UNKNOWN in members else tuple(members)

    def _value_of_cast(self, expression: Any) -> Any:
        return self.value(expression.value)

    def _value_of_unary(self, expression: Any) -> Any:
        value = self.value(expression.value)
        return not value if value is not UNKNOWN and expression.fn is operator.not_ else UNKNOWN

    def _value_of_binop(self, expression: Any) -> Any:
        left, right = self.value(expression.lhs), self.value(expression.rhs)
        kinds = self.types.get(expression.lhs.name), self.types.get(expression.rhs.name)
        negated = expression.fn in (operator.is_not, operator.ne)
        if expression.fn in identity.OPERATORS:
            same = self._is_same(left, right, kinds)
            return same if same is UNKNOWN else same != negated
        if expression.fn is operator.contains and isinstance(right, str):
            container = self.types.get(expression.lhs.name)
            return right in container.fields if isinstance(container, DictType) else UNKNOWN
        if expression.fn in (operator.eq, operator.ne) and all(isinstance(kind, identity.FUNCTIONS) for kind in kinds):
            return (kinds[0] == kinds[1]) != negated
        if left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        if expression.fn is operator.or_ and all(isinstance(side, type | UnionType) for side in (left, right)):
            return left | right
        whole = type(left) is int and type(right) is int and expression.fn in _ARITHMETIC
        return expression.fn(left, right) if whole or expression.fn in _COMPARISONS else UNKNOWN

    def _is_same(self, left: Any, right: Any, kinds: tuple[Any, Any]) -> Any:
        """`left is right`, by what is known of the values and of their types."""
        if None in (left, right):
            kind = kinds[left is None]
            return UNKNOWN if kind is None or isinstance(kind, types.Optional) else isinstance(kind, types.NoneType)
        if is_no_value(right):
            return UNKNOWN if kinds[0] is None else left is right
        if all(isinstance(value, _UNIQUE) or value is NotImplemented for value in (left, right)):
            return left is right
        try:
            same = None if None in kinds else identity.known(*kinds)
        except errors.TypingError:  # which is for the line to say, if it can run
            same = None
        return UNKNOWN if same is None else same

    def _value_of_call(self, expression: Any) -> Any:
        function, args = self.value(expression.func), expression.args
        if function is bool and len(args) == 1:
            value = self.value(args[0])
            known = truth_of(self.types.get(args[0].name))
            if known is not None:
                return known
            return UNKNOWN if value is UNKNOWN else bool(value)
        kind = self.types.get(args[0].name) if args else None
        if kind is None:
            return UNKNOWN
        if function is len and isinstance(kind, types.BaseTuple):
            return len(kind.types)  # type: ignore[attr-defined]
        if function is isinstance:
            return is_instance(kind, self.value(args[1]), expression.loc)
        if function is hasattr:
            return has_attribute(self.context, kind, self.value(args[1]), expression.loc)
        if function is type and len(args) == 1 and isinstance(kind, ObjectType):
            return python_class_of(kind)
        return UNKNOWN
