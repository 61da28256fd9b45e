"""What compiled code may do with an object's attributes: fields, properties, methods, class constants, assignment.

Decides the meaning of `object.name` as Python does, from the class: a field first, then what the class has under that
name. Methods and properties are compiled from their Python source with the object's type in front.

Invariant: an assignment never changes the kind of a field and never adds one: it is refused instead, with the line.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType, NoneType
from typing import Any

from numba.core import errors, imputils, types
from numba.core.dispatcher import Dispatcher as NumbaDispatcher
from numba.core.target_extension import current_target
from numba.core.typing import templates

from ..functions import LEFT_OUT, REQUIRED
from .classes import class_attribute, hook_of, method_in_class, value_in_class
from .cyclic import parts_of
from .kinds import (
    IDENTITY,
    BoundMethod,
    ConstantType,
    DictType,
    MutableObjectType,
    ObjectType,
    SequenceType,
    TupleBuilder,
    is_static,
    member_kind,
)

typing_registry: Any = templates.Registry()
lowering_registry: Any = imputils.Registry("numzyme objects")


def current_typing_context() -> Any:
    """The typing context of the private target that is compiling now."""
    from ..target import descriptor_of

    return descriptor_of(current_target()).typing_context


def function_type_of(context: Any, function: Any) -> Any:
    """The type of a Python function in `context`."""
    return types.Dispatcher(context.descriptor.dispatcher_of(function))


def method_of(kind: Any, name: str) -> Any:
    """The Python function behind a method of an object of type `kind`, or None."""
    is_open = isinstance(kind, ObjectType) and not kind.has_fields_only
    found = class_attribute(kind.python_class, name) if is_open else None
    return method_in_class(kind.python_class, found) if isinstance(found, FunctionType | NumbaDispatcher) else None


def truth_of(kind: Any) -> bool | None:
    """Whether objects of a type are true, as far as the type says it."""
    if isinstance(kind, types.BaseTuple):
        return len(kind.types) > 0  # type: ignore[attr-defined]
    if isinstance(kind, types.Dispatcher | types.Function):
        return True
    if not isinstance(kind, ObjectType):
        return None
    if isinstance(kind, DictType | SequenceType):
        return bool(kind.fields)
    return None if method_of(kind, "__bool__") or method_of(kind, "__len__") else True


def attribute_type(context: Any, kind: ObjectType, name: str) -> Any:
    """The type of `object.name`; None when there is no such attribute."""
    if isinstance(kind, DictType):
        if name == "get":
            return BoundMethod(kind, _own_callable("ItemGetter"))
        view = dict_view(tuple(kind.fields), name)
        if view is None and hasattr(dict, name):
            raise errors.TypingError(f"compiled code does not know '{name}' of a dict, whose keys are fixed")
        return view and BoundMethod(kind, function_type_of(context, view))
    if name in kind.fields or kind.has_fields_only:
        return kind.fields.get(name)
    return member_type(context, kind, name, class_attribute(kind.python_class, name))


def member_type(context: Any, kind: ObjectType, name: str, found: Any) -> Any:
    """The type of `object.name`, where `found` is what its class, or one behind it, has under this name."""
    python_class = kind.python_class
    if kind.mutable and isinstance(found, functools.cached_property):
        raise errors.TypingError(
            f"'{name}' of {python_class.__qualname__} is a cached_property, which keeps what it was when it was first "
            "read, and compiled code does not: make it a property, or the class frozen"
        )
    getter = _getter(found)
    if getter is not None:
        called = function_type_of(context, method_in_class(python_class, getter)).get_call_type(context, (kind,), {})
        return called and called.return_type
    if isinstance(found, staticmethod):
        return function_type_of(context, method_in_class(python_class, found.__func__))
    if isinstance(found, classmethod):
        return _class_method(context, python_class, found)
    if isinstance(found, FunctionType | NumbaDispatcher):
        if name == "_replace" and found.__code__.co_filename == collections.__file__:
            return BoundMethod(kind, _own_callable("FieldReplacer"))
        return BoundMethod(kind, function_type_of(context, method_in_class(python_class, found)))
    if name == "__class__":
        return context.resolve_value_type(python_class)
    return _type_in_class(context, python_class, name, found)


def _class_method(context: Any, python_class: type, found: classmethod) -> Any:
    """The type of a class method, bound to the class."""
    function = method_in_class(python_class, found.__func__)
    return BoundMethod(context.resolve_value_type(python_class), function_type_of(context, function))


def _type_in_class(context: Any, python_class: type, name: str, found: Any) -> Any:
    """The type of what a class holds, other than methods; None when compiled code cannot use it."""
    if found is None:
        return None
    found = value_in_class(python_class, name, found)
    try:
        return types.maybe_literal(found) or context.resolve_value_type(found)
    except ValueError:
        return None


def constant_attribute(value: Any, name: str) -> Any:
    """What `value.name` is for a class or an enumeration member that compiled code compares; None: not known."""
    if isinstance(value, enum.Enum):
        return getattr(value, name) if name in ("value", "name") or isinstance(getattr(value, name), property) else None
    if not isinstance(value, type):
        return None
    if name in ("__name__", "__qualname__", "__module__"):
        return getattr(value, name)
    found = class_attribute(value, name)
    if isinstance(value, enum.EnumMeta) and name in value.__members__:
        return value[name]
    return found.__func__ if isinstance(found, staticmethod) else None if isinstance(found, property) else found


def constant_attribute_type(context: Any, value: Any, name: str) -> Any:
    """The type of `value.name` for a class or an enumeration member."""
    found = constant_attribute(value, name)
    if isinstance(found, FunctionType | NumbaDispatcher):
        return function_type_of(context, method_in_class(value, found) if isinstance(value, type) else found)
    if isinstance(found, classmethod):
        return _class_method(context, value, found)
    known = isinstance(found, enum.Enum | type | NoneType) or name in ("__name__", "__qualname__", "__module__")
    if isinstance(value, type) and not known:
        # nothing in the types of the arguments would say that it has changed
        raise errors.TypingError(f"compiled code does not read '{name}' from {value!r}: read it from an instance")
    return _type_in_class(context, value if isinstance(value, type) else type(value), name, found)


@typing_registry.register_attr
class ConstantAttributes(templates.AttributeTemplate):
    key = ConstantType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        is_call = name == "__call__" and isinstance(kind.value, type)
        return None if is_call else constant_attribute_type(self.context, kind.value, name)


@lowering_registry.lower_getattr_generic(ConstantType)
def lower_constant_attribute(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    result = constant_attribute_type(context.typing_context, kind.value, name)
    if is_static(result):
        return constant_value(context, builder, result)
    return context.get_constant_generic(builder, result, constant_attribute(kind.value, name))


def getter_of(kind: ObjectType, name: str) -> Any:
    """The function behind a property of objects of type `kind`; None when `name` is something else."""
    if isinstance(kind, DictType) or name in kind.fields:
        return None
    return _getter(class_attribute(kind.python_class, name))


def _getter(found: Any) -> Any:
    if isinstance(found, property):
        return found.fget
    return found.func if isinstance(found, functools.cached_property) else None


@functools.cache
def dict_view(keys: tuple[str, ...], name: str) -> Any:
    """The function that stands for a method of dicts with these keys."""
    parts = {
        "keys": [repr(key) for key in keys],
        "values": [f"self[{key!r}]" for key in keys],
        "items": [f"({key!r}, self[{key!r}])" for key in keys],
    }.get(name)
    if parts is None:
        return None
    scope: dict[str, Any] = {}
    exec(f"def {name}(self):\n    return ({''.join(part + ', ' for part in parts)})\n", scope)
    return scope[name]


@typing_registry.register_attr
class ObjectAttributes(templates.AttributeTemplate):
    key = ObjectType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        return attribute_type(self.context, kind, name)


def constant_value(context: Any, builder: Any, kind: Any) -> Any:
    """The value of a static kind."""
    if isinstance(kind, types.Literal) and not isinstance(kind, types.Dummy):
        return context.get_constant_generic(builder, kind, kind.literal_value)
    return context.get_dummy_value()


def load_field(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    """The value of field `name`, borrowed."""
    field_kind = kind.fields[name]
    if is_static(field_kind):
        return constant_value(context, builder, field_kind)
    model, parts = parts_of(context, builder, kind, value)
    part = model.get(builder, parts, name)
    if isinstance(kind, MutableObjectType) and kind.in_memory(name):
        return context.data_model_manager[field_kind].load_from_data_pointer(builder, part)
    return part


@lowering_registry.lower_getattr_generic(ObjectType)
def lower_attribute(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    if name in kind.fields and not isinstance(kind, DictType):
        loaded = load_field(context, builder, kind, value, name)
        return imputils.impl_ret_borrowed(context, builder, kind.fields[name], loaded)
    if isinstance(kind, DictType):
        return imputils.impl_ret_borrowed(context, builder, kind, value)  # a method
    return lower_member(context, builder, kind, value, name, class_attribute(kind.python_class, name))


def lower_member(context: Any, builder: Any, kind: Any, value: Any, name: str, found: Any) -> Any:
    """The value of `object.name`, whose type is `member_type`."""
    typing_context = context.typing_context
    getter = _getter(found)
    if getter is not None:
        function_type = function_type_of(typing_context, getter)
        called = function_type.get_call_type(typing_context, (kind,), {})
        return context.get_function(function_type, called)(builder, (value,))
    result = member_type(typing_context, kind, name, found)
    if isinstance(result, BoundMethod) and result.receiver == kind:
        return imputils.impl_ret_borrowed(context, builder, kind, value)
    if is_static(result) or isinstance(result, BoundMethod):
        return constant_value(context, builder, result)
    return context.get_constant_generic(builder, result, found)


class RebindsField(Exception):
    """Compiled code binds a field anew that was taken as fixed: compile again with a cell for it."""

    def __init__(self, python_class: type, name: str) -> None:
        super().__init__(f"{python_class.__qualname__}.{name}")
        self.python_class, self.name = python_class, name


Fields = frozenset[tuple[type, str]]

_rebound: ContextVar[Fields] = ContextVar("rebound", default=frozenset())


@contextmanager
def rebinding(fields: Fields) -> Iterator[None]:
    """Compile what binds these fields anew: the objects that it makes have cells for them."""
    token = _rebound.set(fields)
    try:
        yield
    finally:
        _rebound.reset(token)


def rebound() -> Fields:
    """The fields that the function which is being compiled binds anew."""
    return _rebound.get()


def rebound_of(python_class: type) -> frozenset[str]:
    """Those of one class."""
    return frozenset(name for cls, name in rebound() if cls is python_class)


def setattr_signature(context: Any, kind: Any, name: str, value: Any) -> Any:
    """The signature of `object.name = value`, or a typing error in the user's terms."""
    shown = kind.python_class.__qualname__
    if not kind.mutable:
        raise errors.TypingError(f"{shown} is frozen: its field '{name}' cannot be assigned")
    hook = hook_of(kind.python_class, "__setattr__")
    if hook is not None:
        raise errors.TypingError(f"{shown} has a {hook} of its own, which compiled code does not run")
    setter = _setter_of(kind, name)
    if setter is not None:
        called = function_type_of(context, setter).get_call_type(context, (kind, types.unliteral(value)), {})
        return templates.signature(types.void, kind, called.args[1])
    if name not in kind.fields:
        listed = ", ".join(kind.fields)
        raise errors.TypingError(f"{shown} has no field '{name}', and compiled code cannot add one (fields: {listed})")
    field_kind = kind.fields[name]
    if types.unliteral(value) == types.unliteral(field_kind) and is_static(field_kind):
        raise errors.TypingError(f"the field '{name}' of {shown} is a constant of the compiled code: {field_kind}")
    refused = context.can_convert(types.unliteral(value), field_kind)
    if refused is None or refused > types_conversion_limit(field_kind, value):
        raise errors.TypingError(
            f"the field '{name}' of {shown} is {field_kind} and cannot become {types.unliteral(value)}"
        )
    if not kind.in_memory(name):
        if not isinstance(field_kind, types.Array):
            raise errors.TypingError(f"compiled code can bind numbers and arrays to fields, not {field_kind}: '{name}'")
        if (kind.python_class, name) in rebound():  # objects of arguments have a cell for it by now
            raise errors.TypingError(
                f"the field '{name}' of a {shown} that a compiled function made cannot be bound to another array: "
                f"assign to its elements (x.{name}[:] = ...)"
            )
        raise RebindsField(kind.python_class, name)
    return templates.signature(types.void, kind, field_kind)


def _setter_of(kind: Any, name: str) -> Any:
    """The function that Python runs for `object.name = value`; None when it stores a field."""
    found = None if isinstance(kind, DictType) else class_attribute(kind.python_class, name)
    if not isinstance(found, property):
        return None
    if found.fset is None:
        shown = kind.python_class.__qualname__
        raise errors.TypingError(f"property '{name}' of '{shown}' object has no setter")
    return method_in_class(kind.python_class, found.fset)


def types_conversion_limit(field_kind: Any, value: Any) -> Any:
    """The loosest conversion that an assignment may make: never one that loses a fraction."""
    from numba.core.typeconv.castgraph import Conversion

    widening = isinstance(field_kind, types.Float) and isinstance(value, types.Integer | types.Boolean)
    same_sort = isinstance(field_kind, types.Integer) and isinstance(value, types.Integer | types.Boolean)
    floats = isinstance(field_kind, types.Float) and isinstance(value, types.Float)
    return Conversion.unsafe if widening or same_sort or floats else Conversion.safe


@lowering_registry.lower_setattr_generic(MutableObjectType)
def lower_assignment(context: Any, builder: Any, sig: Any, args: Any, name: str) -> Any:
    kind = sig.args[0]
    setter = _setter_of(kind, name)
    if setter is None:
        return store_field(context, builder, kind, args[0], name, args[1])
    typing_context = context.typing_context
    function_type = function_type_of(typing_context, setter)
    called = function_type.get_call_type(typing_context, tuple(sig.args), {})
    result = context.get_function(function_type, called)(builder, args)
    context.nrt.decref(builder, called.return_type, result)


def store_field(context: Any, builder: Any, kind: Any, value: Any, name: str, new: Any) -> None:
    """Put `new` where every reference to the object finds field `name`."""
    field_kind = kind.fields[name]
    model, parts = parts_of(context, builder, kind, value)
    pointer = model.get(builder, parts, name)
    context.nrt.incref(builder, field_kind, new)
    model = context.data_model_manager[field_kind]
    builder.store(model.as_data(builder, new), pointer)


def _own_callable(name: str) -> Any:
    from . import replacing

    return getattr(replacing, name)()


def is_no_value(value: Any) -> bool:
    """Whether a value stands for an argument of a dataclass that was not given, and has a factory."""
    return type(value).__name__ == "_HAS_DEFAULT_FACTORY_CLASS"


def static_kind_of(value: Any) -> Any:
    """The type of a Python value that is a constant of compiled code, as far as Numba has no better one."""
    if getattr(value, "compiled_as", None) == "build_tuple":
        return TupleBuilder()
    if value is dataclasses.replace:
        return _own_callable("FieldReplacer")
    if value is REQUIRED:
        raise errors.TypingError("a call leaves out a keyword argument that has no default")
    listed = value if type(value) is tuple else ()
    if isinstance(value, enum.Enum):
        return member_kind(value)
    is_mark = value is NotImplemented or value is LEFT_OUT or is_no_value(value)
    if is_mark or (listed and all(isinstance(v, type) for v in listed)):
        return ConstantType(value)
    return None


def new_slots(context: Any, builder: Any, kind: Any, values: dict[str, Any]) -> Any:
    """A new mutable object: memory for its numbers, by sort, and for its cells."""
    made = context.get_constant_undef(kind)
    model = context.data_model_manager[kind]
    place = None
    for name, field_kind in kind.fields.items():
        if is_static(field_kind):
            continue
        part = values[name]
        if kind.in_memory(name):
            data = context.data_model_manager[field_kind].as_data(builder, part)
            size = context.get_constant(types.intp, context.get_abi_sizeof(data.type))
            meminfo = context.nrt.meminfo_alloc(builder, size)
            memory = builder.bitcast(context.nrt.meminfo_data(builder, meminfo), data.type.as_pointer())
            builder.store(data, memory)
            part = place = memory
        made = model.set(builder, made, part, name)
    if place is None:  # what has no numbers has a place all the same, by which it is known
        place = context.nrt.meminfo_data(
            builder, context.nrt.meminfo_alloc(builder, context.get_constant(types.intp, 8))
        )
    address = builder.ptrtoint(place, context.get_value_type(types.intp))
    return model.set(builder, made, builder.neg(address), IDENTITY)
