"""Where numzyme thinks that scalars lie in structs, compared with LLVM."""

from __future__ import annotations

import llvmlite.binding as llvm
import llvmlite.ir as llvm_ir
import pytest

from numzyme.ir.layout import alignment_of, leaves_of, size_of

DOUBLE, FLOAT, POINTER = llvm_ir.DoubleType(), llvm_ir.FloatType(), llvm_ir.IntType(8).as_pointer()
I1, I8, I16, I32, I64 = map(llvm_ir.IntType, (1, 8, 16, 32, 64))
STRUCTS = [
    llvm_ir.LiteralStructType(members)
    for members in (
        [I8, DOUBLE],
        [I8, I64, DOUBLE, I8],
        [I32, I1, FLOAT, POINTER, I16],
        [I8, llvm_ir.LiteralStructType([I8, DOUBLE, I8]), I8],
        [I8, llvm_ir.ArrayType(llvm_ir.LiteralStructType([I16, FLOAT]), 3), DOUBLE],
    )
]


@pytest.mark.parametrize("kind", STRUCTS, ids=str)
def test_offsets_are_those_of_llvm(kind) -> None:
    data = llvm.create_target_data("e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128")
    text = str(kind).replace("i8*", "ptr")
    assert (size_of(text), alignment_of(text)) == (kind.get_abi_size(data), kind.get_abi_alignment(data))
    for path, offset, scalar in leaves_of(text):
        inside, expected = kind, 0
        for index in path:
            if isinstance(inside, llvm_ir.ArrayType):
                expected += index * inside.element.get_abi_size(data)
                inside = inside.element
            else:
                expected += inside.get_element_offset(data, index)
                inside = inside.elements[index]
        assert (offset, scalar) == (expected, str(inside).replace("i8*", "ptr"))
    assert len(leaves_of(text)) == str(kind).count(",") + 1 + 2 * 2 * str(kind).count("[3 x")


def test_packed_structs_have_no_padding() -> None:
    assert leaves_of("<{ i8, double, i32 }>") == (((0,), 0, "i8"), ((1,), 1, "double"), ((2,), 9, "i32"))
    assert (size_of("<{ i8, double, i32 }>"), alignment_of("<{ i8, double, i32 }>")) == (13, 1)
