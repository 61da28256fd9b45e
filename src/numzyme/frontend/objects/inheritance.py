"""Classes and base classes in compiled code: `super().method(...)`, `Base.method(self, ...)`, class methods.

Decides what `Class.name` and `super().name` mean by the order of resolution of the object's class, as Python does.
Invariant: a class is a constant of compiled code, and so is what is found in it.
"""

from __future__ import annotations

import functools
from typing import Any

from numba.core import errors, types
from numba.core.extending import register_model
from numba.core.typing import templates
from numba.extending import intrinsic

from .attributes import (
    constant_attribute_type,
    constant_value,
    lower_member,
    lowering_registry,
    member_type,
    typing_registry,
)
from .kinds import BoundMethodModel, ObjectType, is_static

_Type: Any = types.Type


class SuperType(_Type):
    """`super()`: the object, whose attributes are looked for behind `python_class`."""

    def __init__(self, receiver: Any, python_class: type) -> None:
        self.receiver, self.python_class = receiver, python_class
        super().__init__(f"super({python_class.__module__}.{python_class.__qualname__}, {receiver})")

    @property
    def key(self) -> Any:
        return self.receiver, self.python_class

    def found(self, name: str) -> Any:
        """What the classes behind have under `name`; None when there is nothing."""
        order = self.receiver.python_class.__mro__
        behind = order[order.index(self.python_class) + 1 :]
        return next((vars(base)[name] for base in behind if name in vars(base)), None)


register_model(SuperType)(BoundMethodModel)


@functools.cache
def super_of(python_class: type) -> Any:
    """The function that stands for `super()` in methods of `python_class`."""

    def typing(typing_context: Any, receiver: Any) -> Any:
        shown = python_class.__qualname__
        if not isinstance(receiver, ObjectType):
            raise errors.TypingError(f"super() of {shown} is known for its instances only, not for {receiver}")
        if python_class not in receiver.python_class.__mro__:
            raise errors.TypingError(
                f"super(type, obj): obj must be an instance or subtype of type ({shown}); a class made with slots=True "
                "is another than the one that its methods name"
            )

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            context.nrt.incref(builder, receiver, args[0])
            return args[0]

        return SuperType(receiver, python_class)(receiver), generate

    return intrinsic(typing)


@typing_registry.register_attr
class SuperAttributes(templates.AttributeTemplate):
    key = SuperType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        found = kind.found(name)
        if found is None:
            raise errors.TypingError(f"no class behind {kind.python_class.__qualname__} has '{name}' (super().{name})")
        return member_type(self.context, kind.receiver, name, found)


@lowering_registry.lower_getattr_generic(SuperType)
def lower_super_attribute(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    return lower_member(context, builder, kind.receiver, value, name, kind.found(name))


def class_of(kind: Any) -> type | None:
    """The class that a value of this type is, where compiled code can make its instances."""
    if not isinstance(kind, types.Dispatcher):
        return None
    return getattr(kind.dispatcher.py_func, "constructs", None)


@typing_registry.register_attr
class ClassAttributes(templates.AttributeTemplate):
    """Attributes of classes that compiled code can call."""

    key = types.Dispatcher

    def generic_resolve(self, kind: Any, name: str) -> Any:
        python_class = None if name == "__call__" else class_of(kind)  # Numba asks for it before it calls a class
        return None if python_class is None else constant_attribute_type(self.context, python_class, name)


@lowering_registry.lower_getattr_generic(types.Dispatcher)
def lower_class_attribute(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    result = constant_attribute_type(context.typing_context, class_of(kind), name)
    if is_static(result):
        return constant_value(context, builder, result)
    return context.get_dummy_value()
