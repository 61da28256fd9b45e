"""Numba values taken apart and put together in generated code: arguments, shadows, derivatives.

Decides nothing about when something happens; `lowering` does. Invariant: a value rebuilt for the derivative
has the type of the primal, member by member, so that Numba's own packer gives its LLVM arguments in the right
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from ..derive import Activity
from .calls import Role, TypedCall, derivative_type
from .pipeline import members_of
from .ranges import INT64, ArrayValue, LLVMValue


@dataclass(eq=False)
class Prepared:
    """What the derivative gets for one array: where its data and its shadow are, and both's strides.

    `meminfo` is the shadow's when it is new.
    """

    data: LLVMValue
    strides: list[LLVMValue]
    shadow_data: LLVMValue | None
    meminfo: LLVMValue | None


class Values:
    """The values of one call."""

    def __init__(self, context: Any, builder: ir.IRBuilder, typed: TypedCall, values: Sequence[LLVMValue]) -> None:
        self.context, self.builder, self.typed = context, builder, typed
        self.given = values
        self.primals, self.shadows = self._split()
        self.arrays = [self._array(leaf) for leaf in typed.leaves]
        self.places = {(array.leaf.argument, array.leaf.path): index for index, array in enumerate(self.arrays)}

    # -- taking apart
    # ------------------------------------------------------------------------------------------
    def _split(self) -> tuple[list[LLVMValue], list[LLVMValue | None]]:
        remaining = iter(zip(self.given, self.typed.slots, strict=True))
        primals, shadows = [], []
        for role, kind in zip(self.typed.call.roles, self.typed.primals, strict=True):
            value, slot = next(remaining)
            primals.append(value if slot == kind else self.context.cast(self.builder, value, slot, kind))
            shadows.append(next(remaining)[0] if role is Role.DUPLICATED else None)
        return primals, shadows

    def _array(self, leaf: Any) -> ArrayValue:
        primal = self._helper(leaf.kind, self._member(self.primals[leaf.argument], leaf.path))
        if leaf.role is not Role.DUPLICATED:
            return ArrayValue(leaf, primal, None, leaf.kind.layout)
        kind = _member_type(self.typed.shadows[leaf.argument], leaf.path)
        shadow = self._helper(kind, self._member(self.shadows[leaf.argument], leaf.path))
        return ArrayValue(leaf, primal, shadow, kind.layout)

    def _helper(self, kind: types.Type, value: LLVMValue) -> Any:
        return self.context.make_array(kind)(self.context, self.builder, value=value)

    def _member(self, value: Any, path: tuple[int, ...]) -> Any:
        for index in path:
            value = self.builder.extract_value(value, index)
        return value

    # -- arguments of the derivative
    # ---------------------------------------------------------------------------
    def arguments(self, prepared: list[Prepared], result_shadow: LLVMValue) -> list[LLVMValue]:
        """All LLVM arguments between the exception pointer and the adjoints."""
        flat = self._flat(prepared, shadow=False)
        shadows = self._flat(prepared, shadow=True)
        reverse = self.typed.call.reverse
        for position, activity in enumerate(self.typed.compiled.activities):
            if activity is Activity.DUPLICATED or (activity is Activity.ACTIVE and not reverse):
                flat.append(result_shadow if position == 0 else shadows[position - 2])
        return flat

    def _flat(self, prepared: list[Prepared], shadow: bool) -> list[LLVMValue]:
        rebuilt = [
            self._rebuilt(kind, value, argument, (), prepared, shadow)
            for argument, (kind, value) in enumerate(zip(self.typed.primals, self.primals, strict=True))
        ]
        packer = self.context.get_arg_packer(self.typed.primals)
        return list(packer.as_arguments(self.builder, rebuilt))

    def _rebuilt(
        self, kind: Any, value: Any, argument: int, path: tuple[int, ...], prepared: list[Prepared], shadow: bool
    ) -> Any:
        """The primal as the derivative shall get it; or a value of the same type made of its shadows."""
        if isinstance(kind, types.BaseTuple):
            members = [
                self._rebuilt(member, self.builder.extract_value(value, i), argument, (*path, i), prepared, shadow)
                for i, member in enumerate(members_of(kind))
            ]
            return self.context.make_tuple(self.builder, kind, members)
        if isinstance(kind, types.Array):
            place = self.places[argument, path]
            if not self.arrays[place].leaf.shadowed:
                return value
            if shadow:
                return self.shadow_array(self.arrays[place], prepared[place], kind)
            return self._primal_array(value, kind, prepared[place])
        given = self.shadows[argument]
        if shadow and given is not None and isinstance(kind, types.Float):
            slot = _member_type(self.typed.shadows[argument], path)
            return self.context.cast(self.builder, self._member(given, path), slot, kind)
        return value

    def _primal_array(self, value: LLVMValue, kind: types.Array, prepared: Prepared) -> LLVMValue:
        copy = self._helper(kind, value)
        copy.data = prepared.data
        copy.strides = cgutils.pack_array(self.builder, prepared.strides, INT64)
        return copy._getvalue()

    def shadow_array(self, array: ArrayValue, prepared: Prepared, kind: types.Array) -> LLVMValue:
        """The shadow as an array value; for new shadows this is the gradient that the caller gets."""
        made = self._helper(kind, cgutils.get_null_value(self.context.get_value_type(kind)))
        made.data = prepared.shadow_data
        made.shape = array.primal.shape
        made.strides = cgutils.pack_array(self.builder, prepared.strides, INT64)
        made.nitems, made.itemsize = array.primal.nitems, array.primal.itemsize
        if array.shadow is not None:
            made.meminfo, made.parent = array.shadow.meminfo, array.shadow.parent
        elif prepared.meminfo is not None:
            made.meminfo = prepared.meminfo
        return made._getvalue()

    # -- results
    # -----------------------------------------------------------------------------------------------
    def tangent(self, kind: Any, value: Any) -> LLVMValue:
        """The tangent of a result: members that have none are None."""
        if isinstance(kind, types.BaseTuple):
            members = [
                self.tangent(member, self.builder.extract_value(value, i)) for i, member in enumerate(members_of(kind))
            ]
            return self.context.make_tuple(self.builder, derivative_type(kind), members)
        if derivative_type(kind) == types.none:
            self.context.nrt.decref(self.builder, kind, value)
            return self.context.get_dummy_value()
        return value

    def entry(self, argument: int, prepared: list[Prepared], adjoints: LLVMValue) -> LLVMValue:
        """The derivative of an argument, None when it has none to return."""
        if self.typed.call.roles[argument] not in (Role.ACTIVE, Role.WANTED):
            return self.context.get_dummy_value()
        kind, entry = self.typed.primals[argument], self.typed.entries[argument]
        return self._derivative(kind, entry, (argument, ()), prepared, adjoints)

    def _derivative(
        self, kind: Any, entry: Any, place: tuple, prepared: list[Prepared], adjoints: LLVMValue
    ) -> LLVMValue:
        """Read from the adjoint slot of a float, or made of the shadow of an array."""
        argument, path = place
        if isinstance(kind, types.BaseTuple):
            members = [
                self._derivative(member, members_of(entry)[i], (argument, (*path, i)), prepared, adjoints)
                for i, member in enumerate(members_of(kind))
            ]
            return self.context.make_tuple(self.builder, entry, members)
        if isinstance(entry, types.Array):
            index = self.places[place]
            return self.shadow_array(self.arrays[index], prepared[index], entry)
        if isinstance(entry, types.Float):
            slot = cgutils.gep_inbounds(self.builder, adjoints, 0, self._slot(place))
            pointer = self.builder.bitcast(slot, self.context.get_value_type(kind).as_pointer())
            return self.builder.load(pointer)
        return self.context.get_dummy_value()

    def _slot(self, place: tuple) -> int:
        """The position of a scalar among the active ones."""
        parameters = zip(self.typed.compiled.raw.parameters, self.typed.compiled.activities, strict=True)
        return [(p.argument, p.path) for p, activity in parameters if activity is Activity.ACTIVE].index(place)


def _member_type(kind: Any, path: tuple[int, ...]) -> Any:
    for index in path:
        kind = members_of(kind)[index]
    return kind
