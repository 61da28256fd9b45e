"""Loops over objects: `for x in object` in compiled code.

Decides that `__iter__` is compiled where the class has one, unless it is marked as what `len` and indices give
(`compiled_as = "indices"`); without one, the object is read by `len` and indices, which a compiler and a differentiator
like better than a generator.
"""

from __future__ import annotations

import operator
from typing import Any

from numba.core import cgutils, errors, imputils, types
from numba.core.typing import templates

from .attributes import class_attribute, function_type_of, lowering_registry, method_of, typing_registry
from .kinds import DictType, ObjectIteratorType, ObjectType, SequenceType
from .operators import resolve


def own_iteration(context: Any, kind: ObjectType) -> Any:
    """The function type of `__iter__` and the signature of its call; None for iteration by indices."""
    found = method_of(kind, "__iter__")
    if found is None or getattr(found, "compiled_as", None) == "indices":
        return None
    function_type = function_type_of(context, found)
    return function_type, function_type.get_call_type(context, (kind,), {})


@typing_registry.register
class GetIterator(templates.AbstractTemplate):
    key = "getiter"

    def generic(self, args: Any, kws: Any) -> Any:
        (kind,) = args
        if not isinstance(kind, ObjectType) or isinstance(kind, DictType | SequenceType):
            return None
        own = own_iteration(self.context, kind)
        if own is not None:
            iterator = own[1].return_type
            if not isinstance(iterator, types.Generator):  # others refer to the stack of what made them
                shown = kind.python_class.__qualname__
                raise errors.TypingError(f"compiled code cannot loop over a {shown}: its __iter__ has no yield")
            return templates.signature(iterator, kind)
        if class_attribute(kind.python_class, "__len__") is None:
            raise errors.TypingError(
                f"{kind.python_class.__qualname__} cannot be looped over in compiled code: it has no __len__"
            )
        element = resolve(self.context, operator.getitem, (kind, types.intp))
        length = resolve(self.context, len, (kind,))
        if element is None or length is None:
            return None
        return templates.signature(ObjectIteratorType(kind, element[1].return_type), kind)


@lowering_registry.lower("getiter", ObjectType)
def lower_iterator(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.args[0]
    own = own_iteration(context.typing_context, kind)
    if own is not None:
        return context.get_function(*own)(builder, args)
    iterator = context.make_helper(builder, sig.return_type)
    iterator.container = args[0]
    iterator.index = cgutils.alloca_once_value(builder, context.get_constant(types.intp, 0))
    context.nrt.incref(builder, kind, args[0])
    return imputils.impl_ret_new_ref(context, builder, sig.return_type, iterator._getvalue())


@lowering_registry.lower("iternext", ObjectIteratorType)
@imputils.iternext_impl(imputils.RefType.NEW)
def lower_next(context: Any, builder: Any, sig: Any, args: Any, result: Any) -> None:
    iterator_type = sig.args[0]
    kind = iterator_type.container
    iterator = context.make_helper(builder, iterator_type, value=args[0])
    length_of = context.get_function(len, templates.signature(types.intp, kind))
    element_of = context.get_function(operator.getitem, templates.signature(iterator_type.yield_type, kind, types.intp))
    index = builder.load(iterator.index)
    is_valid = builder.icmp_signed("<", index, length_of(builder, (iterator.container,)))
    result.set_valid(is_valid)
    with builder.if_then(is_valid):
        result.yield_(element_of(builder, (iterator.container, index)))
        builder.store(builder.add(index, context.get_constant(types.intp, 1)), iterator.index)


def _enumerate(values, start=0):
    number = start
    for value in values:
        yield number, value
        number += 1


def _enumeration(context: Any, args: Any) -> Any:
    function_type = function_type_of(context, _enumerate)
    return function_type, function_type.get_call_type(context, tuple(args), {})


@typing_registry.register
class Enumerate(templates.AbstractTemplate):
    """`enumerate(object)`; keywords are gone by now."""

    key = enumerate

    def generic(self, args: Any, kws: Any) -> Any:
        if not args or not isinstance(args[0], ObjectType) or isinstance(args[0], DictType | SequenceType):
            return None
        return _enumeration(self.context, args)[1]


@lowering_registry.lower(enumerate, ObjectType)
@lowering_registry.lower(enumerate, ObjectType, types.Any)
def lower_enumerate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return context.get_function(*_enumeration(context.typing_context, sig.args))(builder, args)


typing_registry.register_global(enumerate, types.Function(Enumerate))
