"""Values taken apart and put together: the one place that knows what is inside a tuple, an object, a sparse array.

Decides what the children of a value are and how one of the same kind is made of other children.
Invariant: `rebuild(x, [child for _, child in children(x)])` is a value that cannot be told from `x`, and no code of the
user's class (`__init__`, `__post_init__`, `__setattr__`) runs for it.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from .kinds import Kind, classify
from .paths import Path, Step

Children = list[tuple[Step, Any]]

# Made first and filled later, so that what they hold can refer to them.
_SHELLS = frozenset({Kind.LIST, Kind.DICT, Kind.OBJECT, Kind.SPARSE})
_LEAVES = frozenset({Kind.SCALAR, Kind.ARRAY, Kind.RECORD, Kind.CONSTANT})
_NOT_SLOTS = ("__dict__", "__weakref__")


def children(value: Any, path: Path | None = None) -> Children:
    """The parts of a value, each with the step to it; none for numbers, arrays and constants.

    Arguments: the value; the path to it, for messages.
    Raises: `DifferentiationTypeError` when the value cannot be taken apart.

    >>> [(str(step), child) for step, child in children({"w": 1.0, "n": (2,)})]
    [("['w']", 1.0), ("['n']", (2,))]
    """
    return children_of(classify(value, path), value)


def children_of(kind: Kind, value: Any) -> Children:
    """`children` of a value whose kind is known."""
    if kind in _LEAVES:
        return []
    if kind in (Kind.TUPLE, Kind.LIST):
        return [(Step(index), child) for index, child in enumerate(value)]
    if kind is Kind.DICT:
        return [(Step(key), child) for key, child in value.items()]
    if kind is Kind.NAMED_TUPLE:
        members = tuple.__iter__(value)  # the class may have another `__iter__`
        return [(Step(name, True), child) for name, child in zip(value._fields, members, strict=True)]
    if kind is Kind.OBJECT:
        plain = _shape_of(type(value)).plain_steps
        if plain and len(value.__dict__) >= len(plain) and all(step.key in value.__dict__ for step in plain):
            return [(step, value.__dict__[step.key]) for step in plain]
        return [(Step(name, True), _get(value, name)) for name in present_fields(value)]
    names = {Kind.PARTIAL: ("func", "args", "keywords"), Kind.METHOD: ("__self__",), Kind.SPARSE: ("data",)}[kind]
    return [(Step(name, True), getattr(value, name)) for name in names]


def is_mutable(value: Any) -> bool:
    """Whether the value has an identity that gradients keep.

    Arrays, lists, dicts, sparse arrays and mutable instances have; numbers, tuples, frozen dataclass instances and
    constants have not.

    >>> is_mutable([1.0]), is_mutable((1.0,))
    (True, False)
    """
    return has_identity(classify(value), value)


def has_identity(kind: Kind, value: Any) -> bool:
    """`is_mutable` of a value whose kind is known."""
    if kind is Kind.OBJECT:
        return not _shape_of(type(value)).frozen
    return kind in (Kind.ARRAY, Kind.RECORD, Kind.LIST, Kind.DICT, Kind.SPARSE)


def rebuild(value: Any, new: Sequence[Any] | Mapping[Any, Any]) -> Any:
    """A value of the same kind as `value` with other children, without running the user's code.

    Arguments: the value; its new children, in the order of `children(value)`, or by name, index or key those that
    differ. What is not a child (other attributes of an instance, index arrays) is taken over as it is; values of
    `functools.cached_property` are dropped, since they were computed from the old children.
    Raises: `KeyError` for a name that is no child, `ValueError` for a wrong number of children.

    >>> rebuild((1, 2.0), [3, 4.0]), rebuild({"w": 1.0, "b": 2.0}, {"b": 5.0})
    ((3, 4.0), {'w': 1.0, 'b': 5.0})
    """
    parts = children(value)
    if isinstance(new, Mapping):
        unknown = [key for key in new if all(step.key != key for step, _ in parts)]
        if unknown:
            raise KeyError(f"{type(value).__name__} has no {unknown[0]!r}")
        new = [new.get(step.key, child) for step, child in parts]
    if len(new) != len(parts):
        raise ValueError(f"{type(value).__name__} has {len(parts)} children, got {len(new)}")
    kind = classify(value)
    if kind in _LEAVES:
        return value
    if kind in _SHELLS:
        shell = make_shell(kind, value)
        fill(shell, parts, new)
        return shell
    return rebuild_immutable(kind, value, new)


def has_shell(kind: Kind) -> bool:
    """Whether values of a kind are made with `make_shell` and `fill`."""
    return kind in _SHELLS


def make_shell(kind: Kind, value: Any) -> Any:
    """A value of the same kind that has no children yet; see `has_shell`."""
    if kind in (Kind.LIST, Kind.DICT):
        return type(value)()
    shell = object.__new__(type(value))
    shape = _shape_of(type(value))
    attributes = getattr(value, "__dict__", {})
    if kind is Kind.OBJECT and not shape.is_open and shape.dataclass_fields == tuple(attributes):
        return shell
    left_out = {"data"} if kind is Kind.SPARSE else {*present_fields(value), *shape.cached}
    for name, attribute in attributes.items():
        if name not in left_out:
            shell.__dict__[name] = attribute
    for name in shape.slots:
        if name not in left_out and _has(value, name):
            object.__setattr__(shell, name, _get(value, name))
    return shell


def fill(shell: Any, parts: Children, new: Sequence[Any]) -> None:
    """Give a shell its children; `parts` are those of the value that it is made like."""
    if isinstance(shell, list):
        shell[:] = new
    else:
        for (step, _), child in zip(parts, new, strict=True):
            set_child(shell, step, child)


def set_child(parent: Any, step: Step, child: Any) -> None:
    """Replace one child of a list, dict, sparse array or instance (a frozen one, too)."""
    if not step.attribute:
        parent[step.key] = child
    elif isinstance(getattr(type(parent), step.key, None), property | types.MemberDescriptorType):
        object.__setattr__(parent, step.key, child)
    else:  # past the `__setattr__` and data descriptors of the class
        parent.__dict__[step.key] = child


def all_fields(value: Any) -> tuple[str, ...]:
    """The names of all fields of an instance, of dataclass fields that have no value too."""
    names = _shape_of(type(value)).dataclass_fields
    return tuple(dict.fromkeys((*names, *present_fields(value))))


def present_fields(value: Any) -> list[str]:
    """The names of the fields of an instance that have a value: dataclass fields, slots, attributes."""
    shape = _shape_of(type(value))
    names = [name for name in shape.dataclass_fields if _has(value, name)]
    if shape.is_open:
        names += [name for name in shape.slots if name not in names and _has(value, name)]
        hidden = {*names, *shape.cached}
        names += [name for name in getattr(value, "__dict__", ()) if name not in hidden and not _is_special(name)]
    return names


def has_open_fields(cls: type) -> bool:
    """Whether instances may have other fields than those that the class names."""
    return _shape_of(cls).is_open


def slots_of(cls: type) -> tuple[str, ...]:
    """The slots of a class and its bases, under the names of their attributes."""
    return _shape_of(cls).slots


def is_copied_by_attributes(value: Any) -> bool:
    """Whether `rebuild` makes an instance with the same `__dict__`, the new children aside."""
    shape = _shape_of(type(value))
    attributes = getattr(value, "__dict__", {})
    return not (shape.slots or shape.cached) and all(step.key in attributes for step, _ in children(value))


@dataclasses.dataclass(frozen=True)
class _Shape:
    """What a class says about its instances.

    `is_open`: attributes other than dataclass fields are fields too. `plain_steps`: the fields of a dataclass whose
    instances keep them in `__dict__`, where they can be read at once.
    """

    dataclass_fields: tuple[str, ...]
    slots: tuple[str, ...]
    cached: frozenset[str]
    is_open: bool
    frozen: bool
    plain_steps: tuple[Step, ...]


_shapes: weakref.WeakKeyDictionary[type, _Shape] = weakref.WeakKeyDictionary()


def _shape_of(cls: type) -> _Shape:
    shape = _shapes.get(cls)
    if shape is None:
        is_dataclass = dataclasses.is_dataclass(cls)
        members = {name: member for base in reversed(cls.__mro__) for name, member in vars(base).items()}
        names = tuple(field.name for field in dataclasses.fields(cls)) if is_dataclass else ()
        plain = "__dataclass_fields__" in vars(cls) and cls.__dictoffset__ != 0
        plain = plain and not any(hasattr(members.get(name), "__set__") for name in names)
        _shapes[cls] = shape = _Shape(
            names,
            tuple(dict.fromkeys(name for base in reversed(cls.__mro__) for name in _own_slots(base))),
            frozenset(name for name, member in members.items() if isinstance(member, functools.cached_property)),
            # a subclass of a dataclass that is none itself may add attributes
            "__dataclass_fields__" not in vars(cls),
            is_dataclass and cls.__dataclass_params__.frozen,  # type: ignore[attr-defined]
            tuple(Step(name, True) for name in names) if plain else (),
        )
    return shape


def _own_slots(cls: type) -> list[str]:
    """The slots that a class itself defines, under the names of their attributes."""
    slots = vars(cls).get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    private = f"_{cls.__name__.lstrip('_')}"
    mangled = (private + name if name.startswith("__") and not name.endswith("__") else name for name in names)
    return [name for name in mangled if name not in _NOT_SLOTS]


def _is_special(name: str) -> bool:
    """What Python itself notes on instances, such as `__orig_class__` of generic classes."""
    return name.startswith("__") and name.endswith("__")


def _get(value: Any, name: str) -> Any:
    return object.__getattribute__(value, name)


def _has(value: Any, name: str) -> bool:
    try:
        _get(value, name)
    except AttributeError:
        return False
    return True


def rebuild_immutable(kind: Kind, value: Any, new: Sequence[Any]) -> Any:
    """`rebuild` of a value that is not made with a shell."""
    if kind is Kind.METHOD:
        return type(value)(value.__func__, new[0])
    if kind is Kind.PARTIAL:
        made = functools.partial.__new__(type(value), value.func)
        # not through the constructor, which would copy the keywords
        made.__setstate__((new[0], new[1], new[2], dict(value.__dict__) or None))
        return made
    if kind is Kind.TUPLE:
        return tuple(new)
    made = tuple.__new__(type(value), new)
    if hasattr(value, "__dict__"):
        made.__dict__.update(value.__dict__)
    return made
