"""Objects made in compiled code: calls of users' classes, and the argument tuple that is rebuilt from flat buffers.

Decides that a class is called by its dataclass or NamedTuple fields (a user's own `__init__` is not compiled), or by
the arguments of its static method `arranged`, which gives the tuple of all fields. A
`Skeleton` says how an object is put together from the leaves of a call: which array, which number of the float or
integer buffer. Invariant: an object reached by two paths is built once, so that both paths see every change.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numba.core import cgutils, errors, types
from numba.extending import intrinsic

from ...diagnostics import DifferentiationTypeError
from .attributes import constant_value, new_slots, rebound_of
from .classes import class_attribute, hook_of, is_generated, is_named_tuple_class
from .cyclic import is_cyclic, parts_model
from .initialisers import constructor, runs_initialiser
from .kinds import IDENTITY, MutableObjectType, ObjectType, SequenceType, identity_number, is_static

_METHODS_OF_TUPLES = ("__add__", "__radd__", "__iadd__", "__bool__", "__getitem__", "__len__", "__iter__")


def object_type_of(python_class: type, fields: Any, cells: frozenset[str] = frozenset()) -> Any:
    """The type of an instance of `python_class` whose fields have these kinds."""
    if is_named_tuple_class(python_class):
        own = hook_of(python_class, *_METHODS_OF_TUPLES)
        if own is not None:
            raise DifferentiationTypeError(
                f"{python_class.__qualname__} is a NamedTuple with a method {own} of its own",
                why="compiled code does what tuples do",
                todo=("use a frozen dataclass",),
            )
        return SequenceType(python_class, tuple(fields))
    if is_frozen(python_class):
        return ObjectType(python_class, tuple(fields))
    return MutableObjectType(python_class, tuple(fields), cells)


def is_frozen(python_class: type) -> bool:
    parameters = getattr(python_class, "__dataclass_params__", None)
    return bool(parameters and parameters.frozen) or is_named_tuple_class(python_class)


def constructor_of(python_class: type) -> Any:
    """The function that compiled code runs when it calls `python_class`."""
    return _constructor(python_class, rebound_of(python_class))


@functools.cache
def _constructor(python_class: type, cells: frozenset[str]) -> Any:
    """The same; `cells` are the fields that `_new_object` makes room for."""
    if runs_initialiser(python_class):
        return constructor(python_class)
    arranged = class_attribute(python_class, "arranged")
    if isinstance(arranged, staticmethod) and not is_generated(python_class, "__init__"):
        return _arranging_constructor(python_class, arranged.__func__)
    names, parameters, scope = _constructor_parameters(python_class)
    if any("=" in one and "=" not in following for one, following in zip(parameters, parameters[1:], strict=False)):
        shown = python_class.__qualname__
        raise errors.TypingError(f"compiled code cannot make a {shown}: give its keyword-only fields defaults")
    listed = ", ".join(parameters)
    scope["_new"] = _new_object(python_class, names)
    values = ", ".join(names)
    body = [f"made = _new({values})"]
    after = class_attribute(python_class, "__post_init__")
    if after is not None:
        scope["_after"] = after
        body.append("_after(made)")
    body.append("return made")
    exec(f"def construct({listed}):\n" + "".join(f"    {line}\n" for line in body), scope)
    function = scope["construct"]
    function.__name__ = function.__qualname__ = python_class.__name__
    function.constructs = python_class
    return function


def _arranging_constructor(python_class: type, arranged: Any) -> Any:
    """The constructor of a class that computes all its fields from the arguments: with `arranged`."""
    names = [field.name for field in dataclasses.fields(python_class)]
    scope: dict[str, Any] = {"__name__": __name__, "_arranged": arranged, "_new": _new_object(python_class, names)}
    listed = ", ".join(inspect.signature(arranged).parameters)
    values = ", ".join(f"fields[{position}]" for position in range(len(names)))
    exec(f"def construct({listed}):\n    fields = _arranged({listed})\n    return _new({values})\n", scope)
    function = scope["construct"]
    function.__name__ = function.__qualname__ = python_class.__name__
    function.constructs = python_class
    return function


def _constructor_parameters(python_class: type) -> tuple[list[str], list[str], dict[str, Any]]:
    """Names of the fields, the parameters with defaults as source, and the values that the source refers to."""
    scope: dict[str, Any] = {"__name__": __name__}
    if is_named_tuple_class(python_class):
        names = list(python_class._fields)  # type: ignore[attr-defined]
        defaults = python_class._field_defaults  # type: ignore[attr-defined]
    else:
        fields = [field for field in dataclasses.fields(python_class) if field.init]
        fields.sort(key=lambda field: bool(field.kw_only))
        names = [field.name for field in fields]
        defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    star = _only_star_parameter(python_class)
    if star is not None and len(names) == 1:
        return names, [f"*{names[0]}"], scope
    parameters = []
    for name in names:
        if name in defaults:
            scope[f"_default_{name}"] = defaults[name]
            parameters.append(f"{name}=_default_{name}")
        else:
            parameters.append(name)
    return names, parameters, scope


def _only_star_parameter(python_class: type) -> str | None:
    """The name of `*values` when the class is called with any number of values for its one field."""
    if is_named_tuple_class(python_class):
        return None
    parameters = list(inspect.signature(python_class).parameters.values())
    return parameters[0].name if len(parameters) == 1 and parameters[0].kind is parameters[0].VAR_POSITIONAL else None


def _new_object(python_class: type, names: list[str]) -> Any:
    """The intrinsic that puts an object together from the values of its fields."""

    def typed(values: tuple) -> tuple:
        kinds = [field_kind(kind) for kind in values]
        arrays = {name for name, kind in zip(names, kinds, strict=True) if isinstance(kind, types.Array)}
        made = object_type_of(python_class, tuple(zip(names, kinds, strict=True)), rebound_of(python_class) & arrays)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return put_together(context, builder, made, cast_fields(context, builder, names, kinds, sig.args, args))

        return made(*values), generate

    listed = ", ".join(f"value{index}" for index in range(len(names)))
    scope: dict[str, Any] = {"typed": typed}
    exec(f"def typing(typing_context, {listed}):\n    return typed(({listed}{',' if names else ''}))\n", scope)
    return intrinsic(scope["typing"])


def field_kind(kind: Any) -> Any:
    if isinstance(kind, types.Omitted):
        value = kind.value
        if value is None:
            return types.none
        kind = types.maybe_literal(value) or kind
    if isinstance(kind, types.StringLiteral | types.BooleanLiteral):
        return kind
    if isinstance(kind, types.UnicodeType):
        raise errors.TypingError("a string in an object made by compiled code must be a literal")
    return types.unliteral(kind)


def cast_fields(
    context: Any, builder: Any, names: Sequence[str], kinds: Sequence[Any], given: Sequence[Any], args: Sequence[Any]
) -> dict[str, Any]:
    """Values for fields of types `kinds` from `args`, of types `given`, each with a reference of its own."""
    cast = {
        name: None if is_static(kind) else context.cast(builder, value, source, kind)
        for name, value, source, kind in zip(names, args, given, kinds, strict=True)
    }
    for name, kind in zip(names, kinds, strict=True):
        if cast[name] is not None:
            context.nrt.incref(builder, kind, cast[name])
    return cast


def put_together(context: Any, builder: Any, kind: Any, values: dict[str, Any]) -> Any:
    """An object of type `kind` from the values of its fields, whose references it takes over."""
    if kind.mutable:
        return new_slots(context, builder, kind, values)
    made = context.get_constant_undef(kind)
    model = context.data_model_manager[kind]
    for name, _ in kind.slots():
        made = model.set(builder, made, values[name], name)
    return made


@dataclass(frozen=True)
class Skeleton:
    """How one value is built. `kind`: its type; `source`: array, record (in an array of its own), float, fixed (a
    number without derivative), integer, static, members, fields, alias (a bound method, which is its object), optional
    (its member, or None); for objects in cycles of references component (all of them), after (the second member, once
    the first is there), reference.

    `index`: which array, or which number of a buffer; `identity`: equal for the occurrences of one mutable object;
    `first`: the identity under which it was met first, when it is passed as constant and as differentiated.
    """

    kind: Any
    source: str
    index: int = 0
    members: tuple[Skeleton, ...] = ()
    identity: int | None = None
    first: int | None = None


Cell = tuple[int, str, Any]  # identity of the object, name of the field, its kind


def rebuild(skeletons: tuple[Skeleton, ...], array_count: int, cells: tuple[Cell, ...] = ()) -> Any:
    """The intrinsic `rebuild(*arrays, floats, fixed, integers)` that gives the tuple of the values of `skeletons`.

    Pointers to `cells` follow them.
    """
    result = types.Tuple([skeleton.kind for skeleton in skeletons] + [types.CPointer(kind) for _, _, kind in cells])

    leaves = {leaf.index: leaf for leaf in _array_leaves(skeletons)}

    def typed(values: tuple) -> tuple:
        if any(_passed(values[index], leaf) != leaf.kind for index, leaf in leaves.items()):
            raise StructureDiffers

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            parts = _Builder(context, builder, sig.args, args)
            built = [parts.build(skeleton) for skeleton in skeletons]
            built += [parts.cells[identity, name] for identity, name, _ in cells]
            made = context.make_tuple(builder, result, built)
            context.nrt.incref(builder, result, made)
            return made

        return result(*values), generate

    names = ", ".join(f"value{index}" for index in range(array_count + 3))
    scope: dict[str, Any] = {"typed": typed}
    exec(f"def typing(typing_context, {names}):\n    return typed(({names},))\n", scope)
    return intrinsic(scope["typing"])


class StructureDiffers(Exception):
    """Arrays of other types than those that a flat function was made for."""


def _passed(kind: Any, leaf: Skeleton) -> Any:
    """The type of what is passed in an array of type `kind`."""
    return kind.dtype if leaf.source == "record" else kind


def _array_leaves(skeletons: tuple[Skeleton, ...]) -> Iterator[Skeleton]:
    for skeleton in skeletons:
        if skeleton.source in ("array", "record"):
            yield skeleton
        yield from _array_leaves(skeleton.members)


class _Builder:
    """Builds values from the arguments of the flat function."""

    def __init__(self, context: Any, builder: Any, kinds: Any, args: Any) -> None:
        self.context, self.builder, self.arrays = context, builder, args[:-3]
        self.array_kinds = kinds[:-3]
        names = ("float", "fixed", "integer")
        self.buffers = {
            name: context.make_array(kind)(context, builder, value=value).data
            for name, kind, value in zip(names, kinds[-3:], args[-3:], strict=True)
        }
        self.made: dict[int, Any] = {}
        self.cells: dict[tuple[int, str], Any] = {}

    def build(self, skeleton: Skeleton) -> Any:
        if skeleton.identity is not None and skeleton.identity in self.made:
            return self.made[skeleton.identity]
        value = getattr(self, "_" + skeleton.source)(skeleton)
        if skeleton.identity is not None:
            self.made[skeleton.identity] = value
        return value

    def _array(self, skeleton: Skeleton) -> Any:
        return self.arrays[skeleton.index]

    def _record(self, skeleton: Skeleton) -> Any:
        """A record is a reference to the memory that it is in."""
        make = self.context.make_array(self.array_kinds[skeleton.index])
        data = make(self.context, self.builder, value=self.arrays[skeleton.index]).data
        return self.builder.bitcast(data, self.context.get_value_type(skeleton.kind))

    def _static(self, skeleton: Skeleton) -> Any:
        return constant_value(self.context, self.builder, skeleton.kind)

    def _pointer(self, skeleton: Skeleton) -> Any:
        return cgutils.gep(self.builder, self.buffers[skeleton.source], skeleton.index)

    def _float(self, skeleton: Skeleton) -> Any:
        loaded = self.builder.load(self._pointer(skeleton))
        if isinstance(skeleton.kind, types.Complex):
            following = cgutils.gep(self.builder, self.buffers[skeleton.source], skeleton.index + 1)
            imaginary = self.builder.load(following)
            part = skeleton.kind.underlying_float
            pair = [self.context.cast(self.builder, v, types.float64, part) for v in (loaded, imaginary)]
            made = self.context.make_complex(self.builder, skeleton.kind)
            made.real, made.imag = pair
            return made._getvalue()
        return self.context.cast(self.builder, loaded, types.float64, skeleton.kind)

    _fixed = _float

    def _alias(self, skeleton: Skeleton) -> Any:
        return self.build(skeleton.members[0])

    def _integer(self, skeleton: Skeleton) -> Any:
        loaded = self.builder.load(self._pointer(skeleton))
        return self.context.cast(self.builder, loaded, types.int64, skeleton.kind)

    def _members(self, skeleton: Skeleton) -> Any:
        values = [self.build(member) for member in skeleton.members]
        return self.context.make_tuple(self.builder, skeleton.kind, values)

    def _fields(self, skeleton: Skeleton) -> Any:
        kind, model = skeleton.kind, parts_model(self.context, skeleton.kind)
        made = (
            cgutils.get_null_value(model.get_value_type()) if is_cyclic(kind) else self.context.get_constant_undef(kind)
        )
        if kind.mutable:
            assert skeleton.identity is not None
            first = skeleton.identity if skeleton.first is None else skeleton.first
            number = self.context.get_constant(types.intp, identity_number(skeleton.identity, first))
            made = model.set(self.builder, made, number, IDENTITY)
        for (name, field_kind), member in zip(kind.fields.items(), skeleton.members, strict=True):
            if is_static(field_kind):
                continue
            apart = kind.mutable and kind.in_memory(name)
            part = self._place(skeleton, name, member) if apart else self.build(member)
            made = model.set(self.builder, made, part, name)
        return made

    def _component(self, skeleton: Skeleton) -> Any:
        """Objects that lead to each other: first their places, then what is there."""
        for one in skeleton.members:
            place = cgutils.alloca_once(self.builder, parts_model(self.context, one.kind).get_value_type())
            assert one.identity is not None
            self.made[one.identity] = self.builder.bitcast(place, cgutils.voidptr_t)
        for one in skeleton.members:
            assert one.identity is not None
            parts = self._fields(one)
            self.builder.store(parts, self.builder.bitcast(self.made[one.identity], parts.type.as_pointer()))
        return self.context.get_dummy_value()

    def _reference(self, skeleton: Skeleton) -> Any:
        assert skeleton.identity is not None
        return self.made[skeleton.identity]

    def _after(self, skeleton: Skeleton) -> Any:
        self.build(skeleton.members[0])
        return self.build(skeleton.members[1])

    def _optional(self, skeleton: Skeleton) -> Any:
        if not skeleton.members:
            return self.context.make_optional_none(self.builder, skeleton.kind.type)
        return self.context.make_optional_value(self.builder, skeleton.kind.type, self.build(skeleton.members[0]))

    def _place(self, owner: Skeleton, name: str, member: Skeleton) -> Any:
        """Where a field of a mutable object lives: in its buffer, or in a cell of its own."""
        if name not in owner.kind.cells:
            data_type = self.context.get_data_type(member.kind)
            return self.builder.bitcast(self._pointer(member), data_type.as_pointer())
        value = self.build(member)
        data = self.context.data_model_manager[member.kind].as_data(self.builder, value)
        cell = cgutils.alloca_once(self.builder, data.type)
        self.builder.store(data, cell)
        assert owner.identity is not None
        self.cells[owner.identity, name] = cell
        return cell
