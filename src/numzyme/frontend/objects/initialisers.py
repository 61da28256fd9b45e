"""Classes whose `__init__` the user wrote, or a dataclass with more than fields: made by what it assigns to `self`.

Decides that the fields are those that `__init__` assigns, in this order: each becomes a variable of the compiled
function, which puts the object together when it returns. Methods called on `self` before that get the fields and give
them back. Invariant: every way through `__init__` assigns the same fields in the same order, and `self` is used for
nothing but its fields and methods; anything else is refused with its line.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from numba.core import bytecode, errors, ir
from numba.core.analysis import compute_cfg_from_blocks

from .classes import class_attribute, hook_of, is_generated

_OBJECT_SETATTR = object.__setattr__


@dataclass(frozen=True)
class Threaded:
    """A function of a class that is compiled without `self`: it takes its fields `incoming` and gives back all fields.

    `makes`: it gives the object instead (it is `__init__`).
    """

    python_class: type
    function: Any
    incoming: tuple[str, ...]
    makes: bool


def constructor(python_class: type) -> FunctionType:
    """The function that compiled code runs when it calls `python_class`."""
    made = stub_of.__wrapped__(Threaded(python_class, class_attribute(python_class, "__init__"), (), True))
    made.constructs = python_class  # pyright: ignore[reportFunctionMemberAccess]
    return made


def runs_initialiser(python_class: type) -> bool:
    """Whether instances are made by running `__init__`, rather than by the fields of a dataclass alone."""
    init = class_attribute(python_class, "__init__")
    if not isinstance(init, FunctionType) or class_attribute(python_class, "__new__") is not vars(object)["__new__"]:
        return False
    if not all(base is object or base.__flags__ & 1 << 9 for base in python_class.__mro__):
        return False  # exceptions, and what else is written in C
    if isinstance(class_attribute(python_class, "arranged"), staticmethod) or "numzyme" in init.__module__:
        return False
    if not is_generated(python_class, "__init__"):
        return True
    fields = python_class.__dataclass_fields__.values()  # type: ignore[attr-defined]
    unusual = any(f._field_type.name == "_FIELD_INITVAR" for f in fields)
    made = [f for f in fields if f._field_type.name == "_FIELD"]
    return unusual or any(not f.init or f.default_factory is not dataclasses.MISSING for f in made)


@functools.cache
def stub_of(threaded: Threaded) -> FunctionType:
    """A function with the parameters of the compiled one; its body comes from `body_of`."""
    function = threaded.function
    scope: dict[str, Any] = {}
    parts = [f"field_{name}" for name in threaded.incoming]
    defaults = []
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            raise errors.TypingError(f"{function.__qualname__} takes any keywords (**{parameter.name})")
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        if parameter.default is not parameter.empty:
            defaults.append(parameter.default)
            parts.append(f"{parameter.name}=None")
        elif defaults and not star:
            raise errors.TypingError(f"{function.__qualname__}: give its keyword-only parameters defaults")
        else:
            parts.append(star + parameter.name)
    # what `function` finds outside is looked at again by way of the closure
    exec(f"def make(initialiser):\n def stub({', '.join(parts)}):\n  return initialiser\n return stub\n", scope)
    stub = scope["make"](function)
    made = FunctionType(stub.__code__, function.__globals__, function.__name__, tuple(defaults), stub.__closure__)
    code = function.__code__
    made.__code__ = made.__code__.replace(co_filename=code.co_filename, co_firstlineno=code.co_firstlineno)
    made.__module__, made.__qualname__ = function.__module__, function.__qualname__
    made.threaded = threaded  # pyright: ignore[reportFunctionMemberAccess]
    return made


def threaded_of(function: Any) -> Threaded | None:
    return getattr(function, "threaded", None)


_under_way: set[Threaded] = set()


@functools.cache
def outgoing(threaded: Threaded) -> tuple[str, ...]:
    """The fields that there are when the function has run."""
    if threaded in _under_way:
        raise errors.TypingError(f"{threaded.function.__qualname__} calls itself before the object is complete")
    _under_way.add(threaded)
    try:
        return Body(threaded).fields
    finally:
        _under_way.discard(threaded)


def body_of(threaded: Threaded) -> Any:
    """The IR of the compiled function."""
    return Body(threaded).func_ir


class Body:
    """`threaded.function` in terms of its fields. `fields`: those that it leaves behind, in order."""

    def __init__(self, threaded: Threaded) -> None:
        from .generators import without_generators
        from .translate import interpreted

        self.threaded, self.python_class = threaded, threaded.python_class
        hook = hook_of(self.python_class, "__setattr__", "__getattribute__")
        shown = self.python_class.__qualname__
        if hook is not None and not is_generated(self.python_class, "__init__"):
            raise errors.TypingError(f"compiled code cannot make a {shown}: it has a {hook} of its own")
        identity = bytecode.FunctionIdentity.from_function(without_generators(threaded.function))
        self.func_ir = interpreted(identity)
        self.selves = self._names_of_self()
        self.readers: dict[str, str] = {}  # variable -> name of the attribute of `self` or of a base that it holds
        self.fields: Any = None  # until the first `return`
        self._rewrite()
        self._take_fields()

    # -- self
    def _names_of_self(self) -> set[str]:
        names: set[str] = set()
        changed = True
        while changed:
            changed = False
            for statement in self._assignments():
                value = statement.value
                is_self = isinstance(value, ir.Arg) and value.index == 0
                if (
                    is_self or (isinstance(value, ir.Var) and value.name in names)
                ) and statement.target.name not in names:
                    names.add(statement.target.name)
                    changed = True
        for name in names:
            if len(self.func_ir._definitions[name]) != 1:
                raise errors.TypingError(f"`{name}` is assigned in {self.threaded.function.__qualname__}")
        return names

    def _assignments(self) -> list[Any]:
        return [s for block in self.func_ir.blocks.values() for s in block.find_insts(ir.Assign)]

    def _value(self, variable: Any) -> Any:
        found = self.func_ir._definitions.get(variable.name, [None])
        if len(found) == 1 and isinstance(found[0], ir.Var):
            return self._value(found[0])
        return found[0].value if len(found) == 1 and isinstance(found[0], ir.Const | ir.Global | ir.FreeVar) else None

    def _definition(self, variable: Any) -> Any:
        found = self.func_ir._definitions.get(variable.name, [None])[0]
        return self._definition(found) if isinstance(found, ir.Var) else found

    def _refuse(self, loc: Any, what: str) -> Any:
        shown = self.python_class.__qualname__
        return errors.UnsupportedError(f"compiled code cannot make a {shown}: {what}", loc)

    # -- blocks in the order of control flow, with the fields that there are
    def _rewrite(self) -> None:
        cfg = compute_cfg_from_blocks(self.func_ir.blocks)
        for label in cfg.dead_nodes():
            del self.func_ir.blocks[label]
        entering: dict[int, tuple[str, ...]] = {}
        leaving: dict[int, tuple[str, ...]] = {}
        for label in cfg.topo_order():
            known = {leaving[source] for source, _ in cfg.predecessors(label) if source in leaving}
            if len(known) > 1:
                raise self._refuse(self.func_ir.blocks[label].loc, "which fields it has depends on a condition")
            entering[label] = known.pop() if known else self.threaded.incoming
            leaving[label] = self._rewrite_block(self.func_ir.blocks[label], entering[label])
        for label, block in self.func_ir.blocks.items():
            for source, _ in cfg.predecessors(label):
                if leaving[source] != entering[label]:
                    raise self._refuse(block.loc, "a loop adds fields")
        if self.fields is None:
            raise self._refuse(self.func_ir.loc, "its __init__ does not return")

    def _rewrite_block(self, block: Any, fields: tuple[str, ...]) -> tuple[str, ...]:
        body, block.body = block.body, []
        for statement in body:
            fields = self._rewrite_statement(block, statement, fields)
        return fields

    def _rewrite_statement(self, block: Any, statement: Any, fields: tuple[str, ...]) -> tuple[str, ...]:
        value = getattr(statement, "value", None)
        if isinstance(statement, ir.SetAttr) and statement.target.name in self.selves:
            return self._assign(block, statement.attr, statement.value, statement.loc, fields)
        if isinstance(statement, ir.Assign):
            if statement.target.name in self.selves:
                return fields
            if isinstance(value, ir.Arg):
                shifted = value.index - 1 + len(self.threaded.incoming)
                statement.value = ir.Arg(value.name, shifted, value.loc)
            if isinstance(value, ir.Expr) and value.op == "getattr" and self._read(block, statement, fields):
                return fields
            if isinstance(value, ir.Expr) and value.op == "call":
                after = self._called(block, statement, fields)
                if after is not None:
                    return after
        if isinstance(statement, ir.Return):
            return self._return(block, statement, fields)
        if any(v.name in self.selves for v in statement.list_vars()):
            raise self._refuse(statement.loc, "its __init__ uses `self` for more than fields and methods here")
        block.body.append(statement)
        return fields

    def _field(self, block: Any, name: str, loc: Any) -> Any:
        return block.scope.get_or_define(f"self.{name}", loc)

    def _assign(self, block: Any, name: str, value: Any, loc: Any, fields: tuple[str, ...]) -> tuple[str, ...]:
        if value.name in self.selves:
            raise self._refuse(loc, "it refers to itself")
        if isinstance(class_attribute(self.python_class, name), property):
            raise self._refuse(loc, f"its __init__ assigns '{name}' by a property")
        block.body.append(ir.Assign(value, self._field(block, name, loc), loc))
        return fields if name in fields else (*fields, name)

    def _read(self, block: Any, statement: Any, fields: tuple[str, ...]) -> bool:
        """`self.name`, `super().__init__`, `Base.__init__`: whether nothing of the statement is left to do."""
        value, target = statement.value, statement.target
        if value.value.name in self.selves:
            if value.attr in fields:
                block.body.append(ir.Assign(self._field(block, value.attr, statement.loc), target, statement.loc))
                return True
            found = class_attribute(self.python_class, value.attr)
            if isinstance(found, staticmethod):
                block.body.append(ir.Assign(ir.FreeVar(0, "function", found.__func__, value.loc), target, value.loc))
                return True
            if not isinstance(found, FunctionType):
                raise self._refuse(statement.loc, f"its __init__ reads '{value.attr}', which is no field yet")
            self.readers[target.name] = value.attr
            return True
        return self._is_super(self._definition(value.value)) or (
            value.attr in ("__init__", "__setattr__", "__post_init__") and isinstance(self._value(value.value), type)
        )

    def _is_super(self, call: Any) -> bool:
        return isinstance(call, ir.Expr) and call.op == "call" and self._value(call.func) is super

    # -- calls
    def _called(self, block: Any, statement: Any, fields: tuple[str, ...]) -> tuple[str, ...] | None:
        """The fields after the call of a method or of a base's `__init__`; None for other calls."""
        call = statement.value
        if self._is_super(call):
            return fields
        if self._value(call.func) in (list, dict, set) and not call.args:
            name = self._value(call.func).__name__
            what = "whose members have no type yet: pass a tuple, or the list of its members"
            raise self._refuse(statement.loc, f"it begins with an empty {name} (default_factory), {what}")
        if call.func.name in self.readers:
            function = class_attribute(self.python_class, self.readers[call.func.name])
            return self._run(block, statement, function, list(call.args), fields)
        method = self._definition(call.func)
        if not isinstance(method, ir.Expr) or method.op != "getattr":
            return None
        behind, args = self._definition(method.value), list(call.args)
        if self._is_super(behind):
            found = self._behind(behind, method.attr, statement.loc)
        elif isinstance(self._value(method.value), type) and args and args[0].name in self.selves:
            found = class_attribute(self._value(method.value), method.attr)
            args = args[1:]
        else:
            return None
        if found is _OBJECT_SETATTR and len(args) == 2 and isinstance(self._value(args[0]), str):
            block.body.append(ir.Assign(ir.Const(None, statement.loc), statement.target, statement.loc))
            return self._assign(block, self._value(args[0]), args[1], statement.loc, fields)
        if found is vars(object)["__init__"] and not args:
            block.body.append(ir.Assign(ir.Const(None, statement.loc), statement.target, statement.loc))
            return fields
        if not isinstance(found, FunctionType):
            raise self._refuse(statement.loc, f"the {method.attr} called here is not written in Python")
        return self._run(block, statement, found, args, fields)

    def _behind(self, call: Any, name: str, loc: Any) -> Any:
        """What `super().name` is."""
        if call.args:
            python_class = self._value(call.args[0])
        else:
            function = self.threaded.function
            names = function.__code__.co_freevars
            cells: Any = function.__closure__ or ()
            python_class = cells[names.index("__class__")].cell_contents if "__class__" in names else None
        order = self.python_class.__mro__
        if python_class not in order:
            raise self._refuse(loc, "super() of a class that is not among its bases (slots=True makes another class)")
        behind = order[order.index(python_class) + 1 :]
        return next((vars(base)[name] for base in behind if name in vars(base)), None)

    def _run(
        self, block: Any, statement: Any, function: Any, args: list[Any], fields: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Call the function with the fields, and take them back."""
        call, loc, scope = statement.value, statement.loc, block.scope
        if any(v.name in self.selves for v in [*args, *(v for _, v in call.kws)]):
            raise self._refuse(loc, "`self` is passed on before it is complete")
        threaded = Threaded(self.python_class, function, fields, False)
        after = outgoing(threaded)
        variable, result = (scope.redefine(name, loc=loc, rename=True) for name in ("$function", "$fields"))
        given = [self._field(block, name, loc) for name in fields]
        block.body += [
            ir.Assign(ir.FreeVar(0, "function", stub_of(threaded), loc), variable, loc),
            ir.Assign(ir.Expr.call(variable, [*given, *args], call.kws, loc), result, loc),
        ]
        targets = [statement.target, *(self._field(block, name, loc) for name in after)]
        for position, target in enumerate(targets):
            block.body.append(ir.Assign(ir.Expr.static_getitem(result, position, None, loc), target, loc))
        return after

    # -- the end
    def _return(self, block: Any, statement: Any, fields: tuple[str, ...]) -> tuple[str, ...]:
        from .construct import _new_object

        loc, scope = statement.loc, block.scope
        if self.fields is not None and self.fields != fields:
            raise self._refuse(loc, "which fields it has depends on a condition")
        self.fields = fields
        result = scope.redefine("$result", loc=loc, rename=True)
        if self.threaded.makes:
            names = in_order(self.python_class, fields)
            function = scope.redefine("$function", loc=loc, rename=True)
            new = ir.FreeVar(0, "function", _new_object(self.python_class, list(names)), loc)
            block.body.append(ir.Assign(new, function, loc))
            made = ir.Expr.call(function, [self._field(block, name, loc) for name in names], (), loc)
        else:
            made = ir.Expr.build_tuple([statement.value, *(self._field(block, name, loc) for name in fields)], loc)
        block.body += [ir.Assign(made, result, loc), ir.Return(result, loc)]
        return fields

    def _take_fields(self) -> None:
        first = self.func_ir.blocks[min(self.func_ir.blocks)]
        loc = first.loc
        taken = [
            ir.Assign(ir.Arg(f"field_{name}", position, loc), self._field(first, name, loc), loc)
            for position, name in enumerate(self.threaded.incoming)
        ]
        first.body[:0] = taken
        names = [f"field_{name}" for name in self.threaded.incoming]
        self.func_ir.arg_names = (*names, *self.func_ir.arg_names[1:])
        self.func_ir.arg_count = len(self.func_ir.arg_names)


def in_order(python_class: type, fields: tuple[str, ...]) -> tuple[str, ...]:
    """The fields as `values` lists those of an instance: of a dataclass as declared, then slots, base classes first."""
    declared = [f.name for f in dataclasses.fields(python_class)] if dataclasses.is_dataclass(python_class) else []
    slots = [name for base in reversed(python_class.__mro__) for name in _slots_of(base)]
    first = [name for name in (*declared, *slots) if name in fields]
    return tuple(dict.fromkeys((*first, *fields)))


def _slots_of(base: type) -> list[str]:
    """The slots of one class, under the names of their attributes."""
    slots = vars(base).get("__slots__", ())
    private = f"_{base.__name__.lstrip('_')}"
    names = [slots] if isinstance(slots, str) else list(slots)
    return [private + name if name.startswith("__") and not name.endswith("__") else name for name in names]
