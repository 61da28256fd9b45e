"""Tuples, lists and NamedTuples with members of any kind: slices, sums, copies, tests, as functions of compiled code.

Decides what stands for `a + b`, `a[1:]`, `sum(a)`, `list(a)` and the like where Numba knows them for members of one
kind only. Invariant: a list stays a list and a tuple a tuple, as far as `isinstance` can tell.
"""

from __future__ import annotations

import functools
from functools import partial
from typing import Any

from numba.core import cgutils, errors, types
from numba.extending import intrinsic

from .cyclic import parts_of
from .kinds import IDENTITY, EvenList, MixedList, ObjectType, members_kind
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
    """`first is second`: by what objects know of their identity."""
    if first.python_class is not second.python_class:
        return types.literal(False)(first, second), lambda context, *_: context.get_constant(types.boolean, False)
    if not (first.mutable and second.mutable):
        raise errors.TypingError(
            f"`is` between two {first.python_class.__qualname__}, objects that cannot change, is not known in compiled "
            "code: two equal ones may be one"
        )

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _is_same(context, builder, signature.args, args)

    return types.boolean(first, second), generate


def _is_same(context: Any, builder: Any, kinds: Any, values: Any) -> Any:
    """Whether two mutable objects are one; see `identity_number`."""
    numbers = []
    for kind, value in zip(kinds, values, strict=True):
        model, parts = parts_of(context, builder, kind, value)
        numbers.append(model.get(builder, parts, IDENTITY))
    zero, half = (context.get_constant(types.intp, n) for n in (0, 32))
    came_in = builder.and_(*(builder.icmp_signed(">", number, zero) for number in numbers))
    one = builder.icmp_signed("==", *(builder.ashr(number, half) for number in numbers))
    return builder.or_(builder.icmp_signed("==", *numbers), builder.and_(came_in, one))


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
    """`first is second`, of which one or both may be None."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        there, objects = zip(*map(partial(_opened, context, builder), signature.args, args), strict=True)
        both = builder.and_(*there)
        result = cgutils.alloca_once_value(builder, builder.not_(builder.or_(*there)))
        with builder.if_then(both):
            kinds = [kind.type if isinstance(kind, types.Optional) else kind for kind in signature.args]
            builder.store(_is_same(context, builder, kinds, objects), result)
        return builder.load(result)

    return types.boolean(first, second), generate


def _opened(context: Any, builder: Any, kind: Any, value: Any) -> tuple[Any, Any]:
    """Whether there is an object, and the object."""
    if not isinstance(kind, types.Optional):
        return cgutils.true_bit, value
    helper = context.make_helper(builder, kind, value=value)
    return cgutils.as_bool_bit(builder, helper.valid), helper.data


def is_not_same_nor_none(first: Any, second: Any) -> Any:
    """`first is not second` of the same."""
    return not is_same_or_none(first, second)  # pyright: ignore[reportCallIssue]
