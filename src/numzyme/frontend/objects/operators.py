"""Operators and functions on objects, as Python's data model defines them: `a @ b` is `type(a).__matmul__(a, b)`.

Decides by the types: the left operand's method, then the right one's reflected method, each compiled from its Python
source. A method that returns NotImplemented for the types at hand counts as missing, as in Python.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numba.core import cgutils, errors, ir, types
from numba.core.typing import templates

from ...diagnostics import DifferentiationTypeError
from .attributes import (
    constant_value,
    function_type_of,
    load_field,
    lowering_registry,
    method_of,
    store_field,
    truth_of,
    typing_registry,
)
from .kinds import ConstantType, DictType, ObjectType, SequenceType, is_static

BINARY = {
    operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.truediv: "truediv",
    operator.floordiv: "floordiv", operator.mod: "mod", operator.pow: "pow", operator.matmul: "matmul",
    operator.and_: "and", operator.or_: "or", operator.xor: "xor",
}  # fmt: skip
INPLACE: dict[Any, Any] = {
    getattr(operator, "i" + name if not name.endswith("_") else "i" + name[:-1]): symbol
    for symbol, name in {symbol: symbol.__name__ for symbol in BINARY}.items()
}
COMPARISONS = {
    operator.eq: "__eq__", operator.ne: "__ne__", operator.lt: "__lt__",
    operator.le: "__le__", operator.gt: "__gt__", operator.ge: "__ge__",
}  # fmt: skip
UNARY = {
    operator.neg: "__neg__", operator.pos: "__pos__", operator.invert: "__invert__", abs: "__abs__",
    len: "__len__", bool: "__bool__", np.sum: "sum", np.mean: "mean", np.asarray: "toarray",
    np.abs: "__abs__",
}  # fmt: skip
ITEMS = {operator.getitem: "__getitem__", operator.setitem: "__setitem__", operator.contains: "__contains__"}

Candidate = tuple[Any, tuple[int, ...]]  # a function type, and the order in which it takes the operands


def candidates(context: Any, symbol: Any, args: tuple) -> list[Candidate]:
    """The methods that Python would try for `symbol` on operands of these types."""
    if symbol is bool:
        return [(function_type_of(context, _truth_function(args[0])), (0,))]
    if symbol in INPLACE:
        method = method_of(args[0], f"__i{BINARY[INPLACE[symbol]]}__")
        inplace = [(function_type_of(context, method), (0, 1))] if method is not None else []
        return inplace + candidates(context, INPLACE[symbol], args)
    if symbol in BINARY:
        methods = _binary_methods(BINARY[symbol], args)
    else:
        name = COMPARISONS.get(symbol) or UNARY.get(symbol) or ITEMS[symbol]
        method = method_of(args[0], name)
        if symbol is operator.ne and method is None and method_of(args[0], "__eq__") is not None:
            method = _differs
        if name in ("__eq__", "__ne__"):
            _refuse_equality_of_arrays(args[0], method)
        methods = [(method, tuple(range(len(args))))]
    return [(function_type_of(context, method), order) for method, order in methods if method is not None]


def _refuse_equality_of_arrays(kind: Any, method: Any) -> None:
    """The `__eq__` that `dataclass` writes compares fields as a whole, and arrays have no truth as a whole."""
    if getattr(getattr(method, "__code__", None), "co_filename", "") != "<string>" and method is not _differs:
        return
    arrays = [name for name, part in getattr(kind, "fields", {}).items() if isinstance(part, types.Array)]
    if arrays:
        raise errors.TypingError(
            f"== of two {kind.python_class.__name__} compares `{arrays[0]}`, an array, as a whole: "
            "write an __eq__ with np.array_equal"
        )


def _differs(left: Any, right: Any) -> Any:
    return not left == right  # noqa: SIM201


def _truth_function(kind: Any) -> Any:
    known, method = truth_of(kind), method_of(kind, "__bool__")
    return (_always if known else _never) if known is not None else method or _is_not_empty


def _always(value: Any) -> bool:
    return True


def _never(value: Any) -> bool:
    return False


def _is_not_empty(value: Any) -> bool:
    return len(value) != 0


def _binary_methods(name: str, args: tuple) -> list[tuple[Any, tuple[int, ...]]]:
    """The left operand's method and the right one's reflected one; a subclass that overrides comes first."""
    if len(args) < 2:
        return []
    direct, reflected = method_of(args[0], f"__{name}__"), method_of(args[1], f"__r{name}__")
    methods = [(direct, (0, 1)), (reflected, (1, 0))]
    classes = [kind.python_class if isinstance(kind, ObjectType) else None for kind in args]
    left, right = classes
    if left is right:
        return methods[:1]  # Python does not try the reflected method of the same class
    if left and right and issubclass(right, left) and reflected is not method_of(args[0], f"__r{name}__"):
        methods.reverse()
    return methods


def resolve(context: Any, symbol: Any, args: tuple) -> tuple[Candidate, Any] | None:
    """The method for `symbol`, and the signature of its call; None when there is none."""
    for function_type, order in candidates(context, symbol, args):
        called = function_type.get_call_type(context, tuple(args[i] for i in order), {})
        if called is not None and isinstance(called.return_type, types.NoneType) and symbol is not operator.setitem:
            refuse_what_only_raises(args[order[0]], function_type.dispatcher.py_func)
        if called is not None and not isinstance(called.return_type, ConstantType):
            return (function_type, order), called
    return None


def refuse_what_only_raises(kind: Any, function: Any) -> None:
    """A method that gives nothing for these types, since it only raises, says why the operator is not there."""
    from .translate import frontend

    func_ir = frontend(function)
    ends = [block.body[-1] for block in func_ir.blocks.values()]
    returned = [func_ir._definitions.get(end.value.name, [None])[0] for end in ends if isinstance(end, ir.Return)]
    for value in returned:
        while isinstance(value, ir.Expr) and value.op == "cast":
            value = func_ir._definitions.get(value.value.name, [None])[0]
        made_by = value.func.name if isinstance(value, ir.Expr) and value.op == "call" else None
        called = func_ir._definitions.get(made_by, [None])[0]
        if isinstance(called, ir.Expr) and called.op == "getattr":
            method = method_of(kind, called.attr)
            if method is not None and method is not function:
                refuse_what_only_raises(kind, method)
    for end in [] if returned else ends:
        exception = end.exception if isinstance(end, ir.Raise) else None
        made = func_ir._definitions.get(exception.name, [None])[0] if exception is not None else None
        if isinstance(made, ir.Expr) and made.op == "call":
            parts = [func_ir._definitions.get(v.name, [None])[0] for v in (made.func, *made.args)]
            shown, *said = [getattr(part, "value", "...") for part in parts]
            name = getattr(shown, "__name__", "an exception")
            raise errors.TypingError(f"{function.__qualname__} raises {name}: {' '.join(map(str, said))}")


def _template(symbol: Any) -> None:
    class ObjectOperator(templates.AbstractTemplate):
        key = symbol

        def generic(self, args: Any, kws: Any) -> Any:
            if symbol is bool and args and isinstance(args[0], types.Optional):
                return truth_of_optional(args[0])
            if kws or not any(isinstance(kind, ObjectType) for kind in args):
                return None
            if symbol is len and isinstance(args[0], DictType | SequenceType):
                return templates.signature(types.intp, *args)
            if symbol is operator.contains and isinstance(args[0], DictType):
                known = getattr(args[1], "literal_value", None) is not None
                return templates.signature(types.boolean, *args) if known else None
            if symbol is operator.getitem and isinstance(args[0], DictType):
                name = field_at(args[0], getattr(args[1], "literal_value", None))
                return name and templates.signature(args[0].fields[name], *args)
            found = resolve(self.context, symbol, tuple(args))
            return found and templates.signature(found[1].return_type, *args)

    ObjectOperator.__name__ = f"Object{getattr(symbol, '__name__', symbol)}"
    typing_registry.register(ObjectOperator)
    if not isinstance(symbol, str):
        typing_registry.register_global(symbol, types.Function(ObjectOperator))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if symbol is len and isinstance(sig.args[0], DictType | SequenceType):
            return context.get_constant(types.intp, len(sig.args[0].fields))
        if symbol is operator.contains and isinstance(sig.args[0], DictType):
            return context.get_constant(types.boolean, sig.args[1].literal_value in sig.args[0].fields)
        if symbol is operator.getitem and isinstance(sig.args[0], DictType):
            return item_of(context, builder, sig.args[0], args[0], sig.args[1].literal_value)
        found = resolve(context.typing_context, symbol, tuple(sig.args))
        assert found is not None
        (function_type, order), called = found
        given = zip(order, called.args, strict=False)
        ordered = [context.cast(builder, args[i], sig.args[i], kind) for i, kind in given]
        ordered += [context.get_dummy_value()] * (len(called.args) - len(ordered))  # defaults
        return context.get_function(function_type, called)(builder, ordered)

    patterns = {
        1: [(ObjectType,)],
        2: [
            (ObjectType, types.Any), (types.Any, ObjectType), (ObjectType, ObjectType),
            (ObjectType, types.Array), (types.Array, ObjectType),  # or Numba's own (Array, Any) is as good
        ],
        3: [(ObjectType, types.Any, types.Any)],
    }  # fmt: skip
    for pattern in patterns[1 if symbol in UNARY else 3 if symbol is operator.setitem else 2]:
        lowering_registry.lower(symbol, *pattern)(lower)


def truth_of_optional(kind: Any) -> Any:
    """The signature of the truth of a reference that may be None."""
    if not isinstance(kind.type, ObjectType):
        return None
    if truth_of(kind.type) is not True:
        shown = kind.type.python_class.__qualname__
        raise DifferentiationTypeError(
            f"the truth of a {shown} that may be None is not known in compiled code", todo=("write `x is not None`",)
        )
    return templates.signature(types.boolean, kind)


@lowering_registry.lower(bool, types.Optional)
def lower_truth_of_optional(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return cgutils.as_bool_bit(builder, context.make_helper(builder, sig.args[0], value=args[0]).valid)


for _symbol in (*BINARY, *INPLACE, *COMPARISONS, *UNARY, *ITEMS):
    _template(_symbol)


@typing_registry.register
class StaticItem(templates.AbstractTemplate):
    """`d["key"]` of dicts, `t[0]` of NamedTuples."""

    key = "static_getitem"

    def generic(self, args: Any, kws: Any) -> Any:
        container, index = args
        name = field_at(container, index)
        return name and templates.signature(container.fields[name], *args)


def field_at(container: Any, index: Any) -> str | None:
    """The field that a literal index means."""
    if isinstance(container, DictType) and isinstance(index, str):
        if index not in container.fields:
            raise errors.TypingError(f"no key {index!r}; the keys are {', '.join(map(repr, container.fields))}")
        return index
    if isinstance(container, SequenceType) and isinstance(index, int):
        names = list(container.fields)
        if -len(names) <= index < len(names):
            return names[index]
    return None


@lowering_registry.lower("static_getitem", ObjectType, types.Any)
def lower_static_item(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    container = sig.args[0]
    name = field_at(container, args[1])
    if name is None:
        raise NotImplementedError
    return item_of(context, builder, container, args[0], name)


def item_of(context: Any, builder: Any, container: Any, value: Any, name: str) -> Any:
    """The value of a field, with a reference of its own."""
    kind = container.fields[name]
    if is_static(kind):
        return constant_value(context, builder, kind)
    loaded = load_field(context, builder, container, value, name)
    context.nrt.incref(builder, kind, loaded)
    return loaded


@typing_registry.register
class StaticAssignment(templates.AbstractTemplate):
    """`d["key"] = value`."""

    key = "static_setitem"

    def generic(self, args: Any, kws: Any) -> Any:
        from .attributes import setattr_signature

        container, index, value = args
        if not isinstance(container, DictType) or not isinstance(index, str):
            return None
        found = setattr_signature(self.context, container, index, value)
        return templates.signature(types.void, container, types.literal(index), found.args[1])


@lowering_registry.lower("static_setitem", DictType, types.StringLiteral, types.Any)
def lower_static_assignment(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    container = sig.args[0]
    store_field(context, builder, container, args[0], sig.args[1].literal_value, args[2])
    return context.get_dummy_value()
