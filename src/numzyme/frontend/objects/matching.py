"""The parts of a value that `a, *b = x` and `match` take, by the types.

Decides that these are constants of the types: whether a value is of a class, how many members it has. Invariant: what
Python would find only while it runs is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from numba.core import errors, types
from numba.extending import intrinsic

from .attributes import attribute_type, lower_attribute
from .kinds import ObjectType, SequenceType, members_kind
from .operators import item_of


def member_kinds(kind: Any) -> list[Any] | None:
    """The types of the members of a tuple, of a list from outside or of a NamedTuple; None for others."""
    if isinstance(kind, types.BaseTuple):
        return list(kind.types)  # type: ignore[attr-defined]
    return list(kind.fields.values()) if isinstance(kind, SequenceType) else None


def members(context: Any, builder: Any, kind: Any, value: Any, positions: Sequence[int]) -> list[Any]:
    """The members of such a value at `positions`, each with a reference of its own."""
    if isinstance(kind, SequenceType):
        names = list(kind.fields)
        return [item_of(context, builder, kind, value, names[n]) for n in positions]
    found = [builder.extract_value(value, n) for n in positions]
    for n, part in zip(positions, found, strict=True):
        context.nrt.incref(builder, kind.types[n], part)
    return found


def chosen(value_kind: Any, positions: range, listed: bool) -> Any:
    """The signature and the lowering of the tuple, or list, of the members at `positions`."""
    kinds = member_kinds(value_kind)
    assert kinds is not None
    result = members_kind(tuple(kinds[n] for n in positions), listed)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        found = members(context, builder, value_kind, args[0], positions)
        return context.make_tuple(builder, result, found)

    return result(value_kind), generate


@functools.cache
def middle(before: int, after: int) -> Any:
    """What the starred name in `a, *b, c = x` gets: a list of all but so many members."""

    def typing(typing_context: Any, value: Any) -> Any:
        kinds = member_kinds(value)
        if kinds is None:
            raise errors.TypingError(f"compiled code does not know how many members a starred name gets of {value}")
        if len(kinds) < before + after:
            raise errors.TypingError(
                f"not enough values to unpack (expected at least {before + after}, got {len(kinds)})"
            )
        return chosen(value, range(before, len(kinds) - after), listed=True)

    return intrinsic(typing)


@functools.cache
def parts_of(python_class: type, count: int, names: tuple[str, ...]) -> Any:
    """What `case python_class(...)` tests and takes: None, or the attributes, `count` of them by position."""

    def typing(typing_context: Any, subject: Any) -> Any:
        from .type_tests import python_class_of

        own = python_class_of(subject)
        if own is None:
            raise errors.TypingError(f"compiled code does not know the class of {subject}")
        if not issubclass(own, python_class):
            return types.none(subject), lambda context, *_: context.get_dummy_value()
        wanted = (*_positional(python_class, count), *names)
        if not wanted:
            return types.Tuple(())(subject), lambda context, builder, *_: context.make_tuple(
                builder, types.Tuple(()), []
            )
        if not isinstance(subject, ObjectType):
            raise errors.TypingError(f"`case {python_class.__name__}(...)` takes no parts of {subject}")
        kinds = [attribute_type(typing_context, subject, name) for name in wanted]
        if None in kinds:
            return types.none(subject), lambda context, *_: context.get_dummy_value()
        result = members_kind(tuple(kinds), listed=False)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            found = [lower_attribute(context, builder, subject, args[0], name) for name in wanted]
            return context.make_tuple(builder, result, found)

        return result(subject), generate

    return intrinsic(typing)


def _positional(python_class: type, count: int) -> tuple[str, ...]:
    names = getattr(python_class, "__match_args__", ())
    if count > len(names):
        raise errors.TypingError(f"{python_class.__name__}() accepts {len(names)} positional sub-patterns")
    return tuple(names[:count])


@intrinsic
def matches_sequence(typing_context: Any, subject: Any) -> Any:
    """Whether a value is a sequence for `match`."""
    known = isinstance(subject, types.BaseTuple | SequenceType)
    if not known and isinstance(subject, types.Sequence):
        raise errors.TypingError(f"compiled code does not match {subject} by its members")
    result = types.literal(known)
    return result(subject), lambda context, *_: context.get_constant(types.boolean, known)


@intrinsic
def known_length(typing_context: Any, subject: Any) -> Any:
    """The number of members of what `matches_sequence` found."""
    kinds = member_kinds(subject)
    result = types.literal(len(kinds or ()))
    return result(subject), lambda context, *_: context.get_constant(types.intp, len(kinds or ()))


@intrinsic
def strict_zip(typing_context: Any, *values: Any) -> Any:
    """`zip(..., strict=True)` where it was not unrolled."""
    raise errors.TypingError("zip(..., strict=True) is known for tuples and lists of objects in compiled code")
