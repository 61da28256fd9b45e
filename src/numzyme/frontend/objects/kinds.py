"""Numba types of users' objects: one type for each class and kinds of fields, and how values of it are represented.

Decides that an immutable object is a value, the struct of its fields; that of a mutable one, the numbers live in memory
that every reference shares, and so does a field that compiled code binds anew (a *cell*); and that whatever is constant
(None, strings, functions, literals) lives in the type alone and takes no room.

Invariant: a type is made from the class and the kinds of its fields alone, so equal structures share compiled code.
"""

from __future__ import annotations

import enum
import functools
import hashlib
from typing import Any

from numba.core import types
from numba.core.datamodel import models
from numba.core.extending import register_model
from numba.core.typeconv.castgraph import Conversion
from numba.core.typing.typeof import typeof

from .classes import generations

Fields = tuple[tuple[str, types.Type], ...]
IDENTITY = "object.identity"  # no Python name, so no field of the user's
_Callable: Any = types.Callable
_Dummy: Any = types.Dummy
_Literal: Any = types.Literal


def identity_number(identity: int, first: int) -> int:
    """What an object that came in knows: itself, and the identity under which it was met first. Never 0."""
    return identity + 1 + ((first + 1) << 32)


def identity_of(number: int) -> int | None:
    """The identity in an `identity_number`; None for what compiled code made."""
    return (number & 0xFFFFFFFF) - 1 if number > 0 else None


def is_static(kind: Any) -> bool:
    """Whether values of `kind` are known from the type: they take no room in a struct."""
    if isinstance(kind, types.LiteralStrKeyDict | types.LiteralList):
        return False  # literals to Numba only in that their members are told apart
    return isinstance(kind, types.Literal | types.Dummy | types.Opaque | types.Function)


def is_number(kind: Any) -> bool:
    """Whether a mutable object keeps values of `kind` in memory of their own: plain numbers."""
    return isinstance(kind, types.Number | types.Boolean) and not is_static(kind)


class ConstantType(_Dummy):
    """The type of one Python value that compiled code only compares (an enumeration member, NotImplemented)."""

    def __init__(self, value: Any) -> None:
        self.value = value
        super().__init__(f"constant({value!r})")

    @property
    def key(self) -> Any:
        return type(self), self.value


class EnumerationLiteral(_Literal, ConstantType):
    """The type of one member of an enumeration that Numba knows: where its type has to serve for others, a value."""

    def __init__(self, value: Any) -> None:
        self._literal_init(value)
        ConstantType.__init__(self, value)

    def can_convert_to(self, typingctx: Any, other: Any) -> Any:
        found = typingctx.can_convert(self.literal_type, other)
        return None if found is None else max(found, Conversion.promote)


def member_kind(member: enum.Enum) -> ConstantType:
    """The type of a member of an enumeration."""
    try:
        is_member = isinstance(typeof(member), types.EnumMember)  # not so where the class is one of strings, too
    except ValueError:  # the values of its members are of unlike types
        is_member = False
    return EnumerationLiteral(member) if is_member else ConstantType(member)


class BoundMethod(_Callable):
    """A method of an object, represented by the object; `function_type` is the type of the plain function."""

    def __init__(self, receiver: Any, function_type: Any) -> None:
        self.receiver, self.function_type = receiver, function_type
        super().__init__(f"method({receiver}, {function_type})")

    @property
    def key(self) -> Any:
        return type(self), self.receiver, self.function_type

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return self._bound(self.function_type.get_call_type(context, (self.receiver, *args), kws))

    def recursive_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        """The signature of a call from inside the method itself; None when it is not being compiled."""
        from .recursion import signature_in_progress

        return self._bound(signature_in_progress(context, self.function_type, (self.receiver, *args), kws))

    def _bound(self, found: Any) -> Any:
        """The signature of the function as one of the method."""
        if found is None:
            return None
        pysig = found.pysig
        if pysig is not None:
            pysig = pysig.replace(parameters=list(pysig.parameters.values())[1:])
        return found.replace(args=found.args[1:], recvr=self.receiver, pysig=pysig)

    def get_call_signatures(self) -> Any:
        return self.function_type.get_call_signatures()

    def get_impl_key(self, sig: Any) -> Any:
        return self.function_type.get_impl_key(sig)


class TupleBuilder(_Callable, _Dummy):
    """The type of `build_tuple(function, like, *arguments)`: calls `function` for each position of the tuple `like`."""

    def __init__(self) -> None:
        super().__init__("build_tuple")

    def _function_type(self, context: Any, args: Any) -> Any:
        from .attributes import function_type_of

        return function_type_of(context, _members_function(len(args[1].types), len(args) - 2))

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        if len(args) < 2 or not isinstance(args[1], types.BaseTuple):
            return None
        return self._function_type(context, args).get_call_type(context, args, kws)

    def get_call_signatures(self) -> Any:
        return (), True

    def get_impl_key(self, sig: Any) -> Any:
        from .attributes import current_typing_context

        return self._function_type(current_typing_context(), sig.args).get_impl_key(sig)


@functools.cache
def _members_function(length: int, count: int) -> Any:
    """`build_tuple` for tuples of one length and so many further arguments."""
    names = "".join(f", value{n}" for n in range(count))
    members = "".join(f"function({position}{names}), " for position in range(length))
    scope: dict[str, Any] = {}
    exec(f"def build_tuple(function, like{names}):\n    return ({members})\n", scope)
    return scope["build_tuple"]


class ObjectType(_Callable):
    """A user's object: `python_class` and the kind of each field. Immutable: a struct of its fields."""

    mutable = False
    has_fields_only = False  # no attribute comes from the class

    def __init__(self, python_class: type, fields: Fields, cells: frozenset[str] = frozenset()) -> None:
        self.python_class, self.fields, self.cells = python_class, dict(fields), cells
        self.generation = generations[python_class]
        self._call: Any = None
        shown = ", ".join(f"{name}: {kind}" for name, kind in fields)
        marked = f"; rebinds {', '.join(sorted(cells))}" if cells else ""
        marked += f"; generation {self.generation}" if self.generation else ""
        super().__init__(f"{python_class.__module__}.{python_class.__qualname__}({shown}{marked})")

    @property
    def key(self) -> Any:
        return type(self), self.python_class, tuple(self.fields.items()), self.cells, self.generation

    @property
    def mangling_args(self) -> Any:
        # LLVM cuts local names at a thousand characters
        digest = hashlib.sha256(str(self.name).encode()).hexdigest()[:12]
        return f"{self.python_class.__name__}.{digest}", ()

    # `obj(...)`: Numba looks `__call__` up first, and lowers the call through this type
    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        called = self._called(context, len(args))
        return None if called is None else called.get_call_type(context, args, kws)

    def get_call_signatures(self) -> Any:
        return (), True

    def get_impl_key(self, sig: Any) -> Any:
        from .attributes import current_typing_context

        return self._called(current_typing_context(), len(sig.args) - 1).get_impl_key(sig)

    def _called(self, context: Any, count: int) -> Any:
        """The method that a call with `count` arguments means: `__call__`, or what `call_for` of the class makes."""
        from .attributes import attribute_type, class_attribute, function_type_of

        maker = class_attribute(self.python_class, "call_for")
        if isinstance(maker, staticmethod) and class_attribute(self.python_class, "__call__") is None:
            return BoundMethod(self, function_type_of(context, maker.__func__(count)))
        return attribute_type(context, self, "__call__")

    def slots(self) -> list[tuple[str, types.Type]]:
        """The parts of a value: field names, and the kinds that stand for them."""
        return [(name, kind) for name, kind in self.fields.items() if not is_static(kind)]


class MutableObjectType(ObjectType):
    """An object with identity: numbers and rebound fields are pointers to where every reference finds them.

    One that came in knows its number among the objects of the call (`identity_number`); one that compiled code makes, a
    negative address.
    """

    mutable = True

    def in_memory(self, name: str) -> bool:
        """Whether the value of field `name` is behind a pointer."""
        return name in self.cells or is_number(self.fields[name])

    def slots(self) -> list[tuple[str, types.Type]]:
        parts = [(n, types.CPointer(k) if self.in_memory(n) else k) for n, k in super().slots()]
        return [(IDENTITY, types.intp), *parts]


class DictType(MutableObjectType):
    """A dict with string keys: an object whose fields are its items."""


class SequenceType(ObjectType):
    """A NamedTuple: an immutable object whose fields also have positions."""


class MixedTuple(types.Tuple):
    """A tuple of any members: Numba's own makes one of functions a tuple of pointers to functions."""

    def __new__(cls, members: Any) -> Any:
        return object.__new__(cls)

    def __repr__(self) -> str:  # part of the names of generators
        return self.name


class MixedList(MixedTuple):
    """A list from outside, whose length is fixed: a tuple for compiled code, which knows that it was a list."""

    def __unliteral__(self) -> Any:
        return self


class EvenList(types.UniTuple):
    """The same with members of one kind."""

    def __unliteral__(self) -> Any:
        return self

    def __repr__(self) -> str:
        return self.name


def members_kind(kinds: tuple, listed: bool) -> Any:
    """The type of a tuple, or of a list, with members of these kinds."""
    if kinds and len(set(kinds)) == 1 and not is_static(kinds[0]):
        return EvenList(kinds[0], len(kinds)) if listed else types.UniTuple(kinds[0], len(kinds))
    if any(map(is_static, kinds)) or listed:
        return MixedList(kinds) if listed else MixedTuple(kinds)
    return types.Tuple(kinds)


register_model(MixedTuple)(models.TupleModel)
register_model(MixedList)(models.TupleModel)
register_model(EvenList)(models.UniTupleModel)


class ObjectIteratorType(types.SimpleIteratorType):
    """Iteration over an object by `len` and indices."""

    def __init__(self, container: Any, yield_type: Any) -> None:
        self.container = container
        super().__init__(f"iter({container})", yield_type)


@register_model(ObjectType)
@register_model(MutableObjectType)
@register_model(DictType)
@register_model(SequenceType)
class ObjectModel(models.StructModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, fe_type.slots())


@register_model(BoundMethod)
class BoundMethodModel(models.ProxyModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type)
        self._proxied_model = dmm.lookup(fe_type.receiver)

    def traverse(self, builder: Any) -> Any:
        return self._proxied_model.traverse(builder)

    def traverse_types(self) -> Any:
        return [self._fe_type]

    def inner_models(self) -> Any:
        return [self._proxied_model]


@register_model(ObjectIteratorType)
class ObjectIteratorModel(models.StructModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        members = [("container", fe_type.container), ("index", types.EphemeralPointer(types.intp))]
        super().__init__(dmm, fe_type, members)


register_model(ConstantType)(models.OpaqueModel)
register_model(EnumerationLiteral)(models.OpaqueModel)
register_model(TupleBuilder)(models.OpaqueModel)


def called_method(context: Any, kind: Any, count: int) -> BoundMethod | None:
    """The method that a call of a value of `kind` with `count` arguments runs; None for other callables."""
    if isinstance(kind, BoundMethod):
        return kind
    return kind._called(context, count) if isinstance(kind, ObjectType) else None


def stays_in_compiled_code(kind: Any) -> bool:
    """Whether Numba cannot give a value of `kind` back to Python: it is, or holds, something of ours."""
    if isinstance(kind, ObjectType | BoundMethod | ConstantType | TupleBuilder | ObjectIteratorType):
        return True
    if isinstance(kind, MixedTuple | EvenList | types.LiteralStrKeyDict):
        return True
    if isinstance(kind, types.Optional):
        return stays_in_compiled_code(kind.type)
    return isinstance(kind, types.BaseTuple) and any(map(stays_in_compiled_code, kind.types))  # type: ignore[attr-defined]
