"""Tuples, lists and NamedTuples with members of any kind: slices, sums, copies, tests, as functions of compiled code.

Decides what stands for `a + b`, `a[1:]`, `sum(a)`, `list(a)` and the like where Numba knows them for members of one
kind only. Invariant: a list stays a list and a tuple a tuple, as far as `isinstance` can tell.
"""

from __future__ import annotations

import functools
from typing import Any

from numba.core import cgutils, errors, types
from numba.extending import intrinsic

from .cyclic import is_cyclic
from .kinds import EvenList, MixedList, MutableObjectType, ObjectType, members_kind
from .matching import chosen, member_kinds, members
from .operators import item_of


def is_listed(kind: Any) -> bool:
    return isinstance(kind, EvenList | MixedList)


@intrinsic
def as_list(typing_context: Any, values: Any) -> Any:
    """`list(values)`; it cannot be changed."""
    return chosen(values, range(len(member_kinds(values) or ())), listed=True)


@intrinsic
def as_tuple(typing_context: Any, values: Any) -> Any:
    """`tuple(values)`."""
    return chosen(values, range(len(member_kinds(values) or ())), listed=False)


@functools.cache
def sliced(start: Any, stop: Any, step: Any) -> Any:
    """The function `values[start:stop:step]`."""

    def typing(typing_context: Any, values: Any) -> Any:
        positions = range(len(member_kinds(values) or ()))[slice(start, stop, step)]
        return chosen(values, positions, listed=is_listed(values))

    return intrinsic(typing)


@intrinsic
def joined(typing_context: Any, left: Any, right: Any) -> Any:
    """`left + right`."""
    kinds = [member_kinds(kind) or [] for kind in (left, right)]
    if is_listed(left) != is_listed(right):
        raise errors.TypingError("a list and a tuple cannot be added")
    result = members_kind((*kinds[0], *kinds[1]), is_listed(left))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        parts = [members(context, builder, kind, value, range(len(found)))
                 for kind, value, found in zip((left, right), args, kinds, strict=True)]  # fmt: skip
        return context.make_tuple(builder, result, parts[0] + parts[1])

    return result(left, right), generate


@functools.cache
def repeated(count: int) -> Any:
    """The function `values * count`."""

    def typing(typing_context: Any, values: Any) -> Any:
        kinds = member_kinds(values) or []
        result = members_kind(tuple(kinds * count), is_listed(values))

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            found = [p for _ in range(count) for p in members(context, builder, values, args[0], range(len(kinds)))]
            return context.make_tuple(builder, result, found)

        return result(values), generate

    return intrinsic(typing)


@intrinsic
def is_same_object(typing_context: Any, first: Any, second: Any) -> Any:
    """`first is second`: by the memory that holds their numbers."""
    if first != second and first.python_class is not second.python_class:
        return types.literal(False)(first, second), lambda context, *_: context.get_constant(types.boolean, False)
    slots = [name for name in first.fields if isinstance(first, MutableObjectType) and first.in_memory(name)]
    if first != second:
        return types.literal(False)(first, second), lambda context, *_: context.get_constant(types.boolean, False)
    if not slots and not is_cyclic(first):
        what = "can change" if first.mutable else "cannot change (two equal ones may be one)"
        raise errors.TypingError(
            f"`is` between two {first.python_class.__qualname__}, objects without numbers of their own that {what}, "
            "is not known in compiled code"
        )

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if is_cyclic(first):
            return builder.icmp_unsigned("==", *(builder.ptrtoint(value, cgutils.intp_t) for value in args))
        model = context.data_model_manager[first]
        places = [builder.ptrtoint(model.get(builder, value, slots[0]), cgutils.intp_t) for value in args]
        return builder.icmp_unsigned("==", *places)

    return types.boolean(first, second), generate


def is_another_object(first: Any, second: Any) -> Any:
    """`first is not second`."""
    return not is_same_object(first, second)  # pyright: ignore[reportCallIssue]


def contains(values: Any, item: Any) -> Any:
    """`item in values`."""
    for value in values:  # noqa: SIM110
        if value is item or value == item:
            return True
    return False


def any_of(values: Any) -> Any:
    """`any(values)`."""
    for value in values:  # noqa: SIM110
        if value:
            return True
    return False


def all_of(values: Any) -> Any:
    """`all(values)`."""
    for value in values:  # noqa: SIM110
        if not value:
            return False
    return True


def sum_of(values: Any, start: Any = 0) -> Any:
    """`sum(values, start)`."""
    for value in values:
        start = start + value
    return start


@functools.cache
def item_behind(key: str) -> Any:
    """The function that gives the item `key` of the dict whose method it is called with."""

    def typing(typing_context: Any, method: Any) -> Any:
        kind = method.receiver

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return item_of(context, builder, kind, args[0], key)

        return kind.fields[key](method), generate

    return intrinsic(typing)


def is_object(kind: Any) -> bool:
    return isinstance(kind, ObjectType)


def may_be_no_object(kind: Any) -> bool:
    """Whether a value is an object or None, which is known at run time only."""
    return isinstance(kind, types.Optional) and is_object(kind.type)


@intrinsic
def is_same_or_none(typing_context: Any, first: Any, second: Any) -> Any:
    """`first is second` of references that may be None."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pairs = [context.make_helper(builder, kind, value=v) for kind, v in zip(signature.args, args, strict=True)]
        there = [cgutils.as_bool_bit(builder, pair.valid) for pair in pairs]
        neither = builder.not_(builder.or_(*there))
        if first != second:  # objects of two types are two objects
            return neither
        places = [builder.ptrtoint(pair.data, cgutils.intp_t) for pair in pairs]
        same = builder.icmp_unsigned("==", *places)
        return builder.or_(neither, builder.and_(builder.and_(*there), same))

    return types.boolean(first, second), generate


def is_not_same_nor_none(first: Any, second: Any) -> Any:
    """`first is not second` of the same."""
    return not is_same_or_none(first, second)  # pyright: ignore[reportCallIssue]
