"""Where the arrays of a call lie in memory, compared in compiled code.

Decides whether the plain way is open: all buffers disjoint, no broadcast dimension, shadows of the right
shape with the strides of their primals, no new shadow that spans much more than it holds. Ranges are
compared, not elements: a wrong alarm costs a call of Python, never a wrong derivative.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from .calls import Leaf, Role
from .overlap import SPARSE_SPAN
from .places import INT64, ArrayFields, LLVMValue

MOST_PAIRS_IN_LINE = 66


@dataclass(eq=False)
class ArrayValue:
    """One array of a call while code is generated: the fields of the primal and of the shadow given."""

    leaf: Leaf
    primal: ArrayFields
    shadow: ArrayFields | None
    shadow_layout: str

    def address(self, builder: ir.IRBuilder) -> LLVMValue:
        return builder.ptrtoint(self.primal.data, INT64)

    def range(self, context: Any, builder: ir.IRBuilder, shadow: bool = False) -> tuple[LLVMValue, LLVMValue]:
        """First and behind the last byte."""
        fields = (self.shadow if shadow else None) or self.primal
        start = builder.ptrtoint(fields.data, INT64)
        itemsize = INT64(context.get_abi_sizeof(context.get_data_type(self.leaf.kind.dtype)))
        size = builder.mul(fields.nitems, itemsize)
        if (self.shadow_layout if shadow else self.leaf.kind.layout) != "A":
            return start, builder.add(start, size)
        low, high = start, builder.add(start, itemsize)
        for length, stride in zip(fields.shape, fields.strides, strict=True):
            step = builder.mul(builder.sub(length, INT64(1)), stride)
            backwards = builder.icmp_signed("<", step, INT64(0))
            low = builder.add(low, builder.select(backwards, step, INT64(0)))
            high = builder.add(high, builder.select(backwards, INT64(0), step))
        empty = builder.icmp_signed("==", size, INT64(0))
        return builder.select(empty, start, low), builder.select(empty, start, high)


def must_be_prepared(context: Any, builder: ir.IRBuilder, arrays: list[ArrayValue]) -> LLVMValue | None:
    """Whether Python has to look at the call; None when that cannot happen for these types."""
    conditions = [c for array in arrays for c in _array_conditions(context, builder, array)]
    pairs = list(_pairs_that_matter(arrays))
    overlap = _overlap_in_a_loop if len(pairs) > MOST_PAIRS_IN_LINE else _overlap
    overlap = overlap(context, builder, pairs)
    if overlap is not None:
        conditions.append(overlap)
    if not conditions:
        return None
    found = conditions[0]
    for condition in conditions[1:]:
        found = builder.or_(found, condition)
    return found


def _array_conditions(context: Any, builder: ir.IRBuilder, array: ArrayValue) -> list[LLVMValue]:
    """What is unusual about one array and its shadow."""
    leaf, shape, strides = array.leaf, array.primal.shape, array.primal.strides
    if not leaf.shadowed:
        return []
    conditions = []
    if leaf.kind.layout == "A":
        for length, stride in zip(shape, strides, strict=True):
            long = builder.icmp_signed(">", length, INT64(1))
            conditions.append(builder.and_(long, builder.icmp_signed("==", stride, INT64(0))))
    if leaf.kind.layout == "A" and leaf.role is Role.WANTED:
        low, high = array.range(context, builder)
        itemsize = context.get_abi_sizeof(context.get_data_type(leaf.kind.dtype))
        limit = builder.mul(array.primal.nitems, INT64(SPARSE_SPAN * itemsize))
        conditions.append(builder.icmp_signed(">", builder.sub(high, low), limit))
    if array.shadow is not None:
        pairs = zip(shape, array.shadow.shape, strict=True)
        conditions += [builder.icmp_signed("!=", a, b) for a, b in pairs]
    if array.shadow is not None and (leaf.kind.layout == "A" or array.shadow_layout != leaf.kind.layout):
        for length, stride, other in zip(shape, strides, array.shadow.strides, strict=True):
            long = builder.icmp_signed(">", length, INT64(1))
            conditions.append(builder.and_(long, builder.icmp_signed("!=", stride, other)))
    return conditions


Buffer = tuple[ArrayValue, bool]  # an array, and whether its shadow is meant


def _pairs_that_matter(arrays: list[ArrayValue]) -> Iterator[tuple[Buffer, Buffer]]:
    """Pairs of buffers of which one has a shadow, or may be written."""
    buffers = [(array, False) for array in arrays] + [(a, True) for a in arrays if a.shadow is not None]
    for a, b in itertools.combinations(buffers, 2):
        if _matters(*a, *b):
            yield a, b


def _overlap(context: Any, builder: ir.IRBuilder, pairs: list[tuple[Buffer, Buffer]]) -> LLVMValue | None:
    """Whether the ranges of some pair overlap.

    In the sign bit of integers: two subtractions, an `and` and an `or` for each pair are what makes the check
    cheap enough for a derivative of some tens of nanoseconds. Addresses are below 2**63.
    """
    if not pairs:
        return None
    ranges: dict[tuple[int, bool], tuple[LLVMValue, LLVMValue]] = {}
    for array, shadow in itertools.chain.from_iterable(pairs):
        if (id(array), shadow) not in ranges:
            ranges[id(array), shadow] = array.range(context, builder, shadow)
    found = INT64(0)
    for (a, a_is_shadow), (b, b_is_shadow) in pairs:
        (low_a, high_a), (low_b, high_b) = ranges[id(a), a_is_shadow], ranges[id(b), b_is_shadow]
        both = builder.and_(builder.sub(low_b, high_a), builder.sub(low_a, high_b))
        found = builder.or_(found, both)
    return builder.icmp_signed("<", found, INT64(0))


def _overlap_in_a_loop(context: Any, builder: ir.IRBuilder, pairs: list[tuple[Buffer, Buffer]]) -> LLVMValue:
    """The same for many buffers, whose pairs would be too much code: all are compared but those read in vain twice."""
    buffers = {(id(array), shadow): (array, shadow) for pair in pairs for array, shadow in pair}
    count = len(buffers)
    columns = ir.ArrayType(INT64, count)
    low, high, quiet = (cgutils.alloca_once(builder, columns) for _ in range(3))
    for number, (array, shadow) in enumerate(buffers.values()):
        first, behind = array.range(context, builder, shadow)
        silent = INT64(-int(not shadow and not array.leaf.shadowed and array.leaf.readonly))
        for column, value in ((low, first), (high, behind), (quiet, silent)):
            builder.store(value, cgutils.gep_inbounds(builder, column, 0, number))
    found = cgutils.alloca_once_value(builder, INT64(0))

    def at(column: LLVMValue, index: LLVMValue) -> LLVMValue:
        return builder.load(cgutils.gep_inbounds(builder, column, 0, index))

    with cgutils.for_range(builder, INT64(count)) as outer:
        start, end, silent = at(low, outer.index), at(high, outer.index), at(quiet, outer.index)
        with cgutils.for_range(builder, INT64(count), start=builder.add(outer.index, INT64(1))) as inner:
            other = inner.index
            both = builder.and_(builder.sub(at(low, other), end), builder.sub(start, at(high, other)))
            counts = builder.not_(builder.and_(silent, at(quiet, other)))
            builder.store(builder.or_(builder.load(found), builder.and_(both, counts)), found)
    return builder.icmp_signed("<", builder.load(found), INT64(0))


def _matters(a: ArrayValue, a_is_shadow: bool, b: ArrayValue, b_is_shadow: bool) -> bool:
    if a_is_shadow or b_is_shadow:
        return True
    if a.leaf.shadowed and b.leaf.shadowed:
        return True
    return not (a.leaf.readonly and b.leaf.readonly)
