"""Numba values taken apart and put together in generated code: arguments, shadows, derivatives.

Decides nothing about when something happens; `lowering` does. Invariant: the arguments of the derivative are in the
order of the LLVM parameters of the function, each shadow in the order of its primal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from ..derive import Activity
from .calls import Role, TypedCall, derivative_type
from .pipeline import members_of
from .places import ArrayFields, LLVMValue, Place
from .ranges import ArrayValue


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
    """The values of one call; `given` are the places of the runtime values."""

    def __init__(self, context: Any, builder: ir.IRBuilder, typed: TypedCall, given: Sequence[Place]) -> None:
        self.context, self.builder, self.typed = context, builder, typed
        self.primals: list[Place] = []
        self.shadows: list[Place | None] = []
        remaining = iter(zip(given, typed.slots, strict=True))
        for role, kind in zip(typed.call.roles, typed.primals, strict=True):
            place, slot = next(remaining)
            if slot != kind:
                place = Place(builder, context.cast(builder, place.load(), slot, kind))
            self.primals.append(place)
            self.shadows.append(next(remaining)[0] if role is Role.DUPLICATED else None)
        self.arrays = [self._array(leaf) for leaf in typed.leaves]
        self.places = {(array.leaf.argument, array.leaf.path): index for index, array in enumerate(self.arrays)}

    def _array(self, leaf: Any) -> ArrayValue:
        primal = ArrayFields.of(self.primals[leaf.argument].member(*leaf.path), leaf.kind.ndim)
        shadow_place = self.shadows[leaf.argument]
        if leaf.role is not Role.DUPLICATED or shadow_place is None:
            return ArrayValue(leaf, primal, None, leaf.kind.layout)
        kind = _member_type(self.typed.shadows[leaf.argument], leaf.path)
        shadow = ArrayFields.of(shadow_place.member(*leaf.path), leaf.kind.ndim)
        return ArrayValue(leaf, primal, shadow, kind.layout)

    # -- arguments of the derivative
    def arguments(self, prepared: list[Prepared], result_shadow: LLVMValue) -> list[LLVMValue]:
        """All LLVM arguments between the exception pointer and the adjoints."""
        flat, shadows = [], []
        for argument, (kind, place) in enumerate(zip(self.typed.primals, self.primals, strict=True)):
            for value, shadow in self._flat(kind, place, (argument, ()), prepared):
                flat.append(value)
                shadows.append(shadow)
        reverse = self.typed.call.reverse
        for position, activity in enumerate(self.typed.compiled.activities):
            if activity is Activity.DUPLICATED or (activity is Activity.ACTIVE and not reverse):
                flat.append(result_shadow if position == 0 else shadows[position - 2])
        return flat

    def _flat(
        self, kind: Any, place: Place, where: tuple, prepared: list[Prepared]
    ) -> list[tuple[LLVMValue, LLVMValue]]:
        """Every LLVM argument of a value, with its shadow (itself where it has none)."""
        argument, path = where
        if isinstance(kind, types.BaseTuple):
            members = enumerate(members_of(kind))
            return [
                pair
                for index, member in members
                for pair in self._flat(member, place.member(index), (argument, (*path, index)), prepared)
            ]
        if isinstance(kind, types.Array):
            index = self.places[where]
            array = self.arrays[index]
            if not array.leaf.shadowed:
                return [(value, value) for value in array.primal.flat()]
            primal = replace(array.primal, data=prepared[index].data, strides=prepared[index].strides)
            return list(zip(primal.flat(), self.shadow(array, prepared[index]).flat(), strict=True))
        packer = self.context.get_arg_packer([kind])
        values = list(packer.as_arguments(self.builder, [place.load()]))
        shadow_place = self.shadows[argument]
        if shadow_place is not None and isinstance(kind, types.Float | types.Complex):
            slot = _member_type(self.typed.shadows[argument], path)
            tangent = self.context.cast(self.builder, shadow_place.member(*path).load(), slot, kind)
            return list(zip(values, packer.as_arguments(self.builder, [tangent]), strict=True))
        return [(value, value) for value in values]

    def shadow(self, array: ArrayValue, prepared: Prepared) -> ArrayFields:
        """The shadow as an array; for new shadows this is the gradient that the caller gets."""
        null = cgutils.get_null_value
        given = array.shadow
        return replace(
            array.primal,
            data=prepared.shadow_data,
            strides=prepared.strides,
            meminfo=given.meminfo if given else prepared.meminfo or null(array.primal.meminfo.type),
            parent=given.parent if given else null(array.primal.parent.type),
        )

    # -- results
    def tangent(self, kind: Any, value: Any, primal: Any) -> LLVMValue:
        """The tangent of a result: members that have none are None, and those whose `primal` is None."""
        builder = self.builder
        if isinstance(kind, types.Optional) and derivative_type(kind) != types.none:
            halves = [self.context.make_helper(builder, kind, value=half) for half in (value, primal)]
            made = self.context.make_helper(builder, derivative_type(kind))
            made.valid = halves[1].valid  # what is in the shadow there belongs to no number
            made.data = self.tangent(kind.type, halves[0].data, halves[1].data)
            return made._getvalue()
        if isinstance(kind, types.BaseTuple):
            members = [
                self.tangent(member, builder.extract_value(value, index), builder.extract_value(primal, index))
                for index, member in enumerate(members_of(kind))
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
        self, kind: Any, entry: Any, where: tuple, prepared: list[Prepared], adjoints: LLVMValue
    ) -> LLVMValue:
        """Read from the adjoint slots of a number, or made of the shadow of an array."""
        argument, path = where
        if isinstance(kind, types.BaseTuple):
            members = [
                self._derivative(member, members_of(entry)[i], (argument, (*path, i)), prepared, adjoints)
                for i, member in enumerate(members_of(kind))
            ]
            return self.context.make_tuple(self.builder, entry, members)
        if isinstance(entry, types.Array):
            index = self.places[where]
            fields = self.shadow(self.arrays[index], prepared[index])
            return fields.build(self.builder, self.context.get_value_type(entry))
        if isinstance(entry, types.Float):
            return self._adjoint(adjoints, self._slot(where), kind)
        if isinstance(entry, types.Complex):
            made = self.context.make_complex(self.builder, kind)
            made.real, made.imag = (
                self._adjoint(adjoints, self._slot(where) + part, kind.underlying_float) for part in (0, 1)
            )
            return made._getvalue()
        return self.context.get_dummy_value()

    def _adjoint(self, adjoints: LLVMValue, slot: int, kind: Any) -> LLVMValue:
        place = cgutils.gep_inbounds(self.builder, adjoints, 0, slot)
        return self.builder.load(self.builder.bitcast(place, self.context.get_value_type(kind).as_pointer()))

    def _slot(self, where: tuple) -> int:
        """The position of a scalar among the active ones; the imaginary part of a complex number follows the real."""
        parameters = zip(self.typed.compiled.raw.parameters, self.typed.compiled.activities, strict=True)
        return [(p.argument, p.path) for p, activity in parameters if activity is Activity.ACTIVE].index(where)


def _member_type(kind: Any, path: tuple[int, ...]) -> Any:
    for index in path:
        kind = kind.types[index]
    return kind
