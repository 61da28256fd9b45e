"""Where generated code finds the parts of a Numba value: in a register, or in memory.

Decides to read and build arrays field by field. Numba's own struct proxies would go through a stack slot for every
array, which costs LLVM more time than all the rest of the glue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils

INT64 = ir.IntType(64)
# llvmlite's values have attributes that depend on what they are.
LLVMValue = Any

_MEMINFO, _PARENT, _ITEMS, _ITEMSIZE, _DATA, _SHAPE, _STRIDES = range(7)  # the fields of Numba's arrays


@dataclass(frozen=True)
class Place:
    """A value, as it is or behind a pointer."""

    builder: ir.IRBuilder
    value: LLVMValue
    in_memory: bool = False

    def member(self, *path: int) -> Place:
        """The member of a struct or array at `path`."""
        if not path:
            return self
        if self.in_memory:
            return Place(self.builder, cgutils.gep_inbounds(self.builder, self.value, 0, *path), True)
        return Place(self.builder, self.builder.extract_value(self.value, path))

    def load(self) -> LLVMValue:
        return self.builder.load(self.value) if self.in_memory else self.value


@dataclass(frozen=True, eq=False)
class ArrayFields:
    """The fields of an array, each a value."""

    meminfo: LLVMValue
    parent: LLVMValue
    nitems: LLVMValue
    itemsize: LLVMValue
    data: LLVMValue
    shape: list[LLVMValue]
    strides: list[LLVMValue]

    @staticmethod
    def of(place: Place, dimensions: int) -> ArrayFields:
        return ArrayFields(
            meminfo=place.member(_MEMINFO).load(),
            parent=place.member(_PARENT).load(),
            nitems=place.member(_ITEMS).load(),
            itemsize=place.member(_ITEMSIZE).load(),
            data=place.member(_DATA).load(),
            shape=[place.member(_SHAPE, index).load() for index in range(dimensions)],
            strides=[place.member(_STRIDES, index).load() for index in range(dimensions)],
        )

    def flat(self) -> list[LLVMValue]:
        """In the order of Numba's calling convention."""
        return [
            *(self.meminfo, self.parent, self.nitems, self.itemsize, self.data),
            *(*self.shape, *self.strides),
        ]

    def build(self, builder: ir.IRBuilder, kind: ir.Type) -> LLVMValue:
        """The array as one value of LLVM type `kind`."""
        made: LLVMValue = ir.Constant(kind, ir.Undefined)
        for field, value in enumerate((self.meminfo, self.parent, self.nitems, self.itemsize, self.data)):
            made = builder.insert_value(made, value, field)
        for field, values in ((_SHAPE, self.shape), (_STRIDES, self.strides)):
            for index, value in enumerate(values):
                made = builder.insert_value(made, value, (field, index))
        return made


def struct_in_memory(builder: ir.IRBuilder, values: Sequence[LLVMValue]) -> LLVMValue:
    """A pointer to a struct on the stack that holds `values`."""
    kind = ir.LiteralStructType([value.type for value in values])
    with builder.goto_entry_block():
        memory = builder.alloca(kind)  # Numba's own helper would fill it with zeros on the plain way too
    for index, value in enumerate(values):
        builder.store(value, cgutils.gep_inbounds(builder, memory, 0, index))
    return memory
