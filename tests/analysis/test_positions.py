"""Residues of pointers, layouts of records, and where floats are beside integers."""

from itertools import product

import pytest

from numzyme.analysis import Cfg, Kinds, Memory, MemoryObject, Summaries
from numzyme.analysis.positions import ANYWHERE, Positions, Residue
from numzyme.ir import Layout, Run, read

RECORDS = Layout.of(40, [Run(0, "double", 1), Run(16, "double", 3)])
TEXT = """
define i32 @f(ptr %p, ptr %other, i64 %n, i64 %stride, i1 %c) {
entry:
  %first = getelementptr i8, ptr %p, i64 8
  %third = getelementptr [40 x i8], ptr %p, i64 3
  %packed = getelementptr <{ double, i64, [3 x double] }>, ptr %p, i64 %n, i32 2, i64 1
  %step = mul i64 %n, %stride
  %strided = getelementptr i8, ptr %p, i64 %step
  %word = shl i64 %n, 3
  %somewhere = getelementptr i8, ptr %first, i64 %word
  %two = select i1 %c, ptr %first, ptr %third
  %either = select i1 %c, ptr %first, ptr %other
  %difference = sub i64 %step, %word
  %away = getelementptr i8, ptr %p, i64 %difference
  %anywhere = getelementptr i8, ptr %p, i64 %n
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %loop ]
  %walking = phi ptr [ %first, %entry ], [ %walking.next, %loop ]
  %at = mul nuw i64 %i, 40
  %field = getelementptr i8, ptr %first, i64 %at
  %number = load i64, ptr %field
  %walking.next = getelementptr i8, ptr %walking, i64 40
  %i.next = add nuw i64 %i, 1
  %more = icmp slt i64 %i.next, %n
  br i1 %more, label %loop, label %done
done:
  ret i32 0
}
"""
P, OTHER = MemoryObject("argument", "%p"), MemoryObject("argument", "%other")


def memory_of(text):
    module = read(text)
    return Memory(module, Cfg(next(iter(module.functions.values()))), Summaries(module))


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("%p", Residue(0, 0)),
        ("%first", Residue(8, 0)),
        ("%third", Residue(120, 0)),
        ("%packed", Residue(24, 40)),
        ("%strided", Residue(0, 40)),
        ("%somewhere", Residue(0, 8)),
        ("%two", Residue(8, 112)),
        ("%away", Residue(0, 8)),
        ("%anywhere", ANYWHERE),
        ("%walking", Residue(8, 40)),
        ("%field", Residue(8, 40)),
    ],
)
def test_places(pointer, place):
    assert Positions(memory_of(TEXT), {"%stride": 40}).of(pointer, P) == place


def test_each_object_has_its_place():
    positions = Positions(memory_of(TEXT), {})
    assert positions.of("%either", P) == Residue(8, 0)
    assert positions.of("%either", OTHER) == Residue(0, 0)
    assert positions.of("%strided", P) == ANYWHERE


def test_arithmetic_by_enumeration():
    """Sums and products of members are members; what does not meet has no byte in common."""
    residues = [
        Residue(offset, step)
        for offset, step in product(range(-3, 9), (0, 1, 4, 6, 8))
        if not step or offset in range(step)
    ]
    members = {r: [r.offset + r.step * k for k in range(-6, 7)] for r in residues}

    def holds(residue, number):
        return number == residue.offset if not residue.step else (number - residue.offset) % residue.step == 0

    for a, b in product(residues, residues):
        for x, y in zip(members[a], reversed(members[b]), strict=True):
            assert holds(a + b, x + y) and holds(a.times(b), x * y) and holds(a.negative(), -x)
            assert holds(a.joined(b), x) and holds(a.joined(b), y)
        touching = any(x < y + 4 and y < x + 8 for x, y in product(members[a], members[b]))
        assert a.meets(8, b, 4) or not touching


def test_kinds_at_places():
    kinds = Kinds(memory_of(TEXT), {P: RECORDS}, {"%stride": 40})
    assert kinds.floats_at("%p", 8) == {"double"} and kinds.floats_at("%first", 8) == set()
    assert kinds.floats_at("%field", 8) == set() and kinds.floats_at("%field", 16) == {"double"}
    assert kinds.floats_at("%packed", 8) == {"double"}
    assert kinds.floats_at("%somewhere", 8) == {"double"}  # an index of words may lead to any field


def test_layouts():
    assert str(RECORDS) == "40 bytes: double 0..8, double 16..40"
    assert str(RECORDS.seen_from(16)) == "40 bytes: double 0..32"  # the next record follows
    assert str(RECORDS.seen_from(24)) == "40 bytes: double 0..24, double 32..40"
    assert RECORDS.seen_from(4) is None
    assert Layout.of(16, [Run(8, "double", 1), Run(0, "double", 1)]).only_kind == "double"
    assert RECORDS.only_kind is None and RECORDS.kinds == {"double"}


COPIED = """
define i32 @f(ptr %source) {
entry:
  %made = alloca [24 x i8]
  %copy = alloca [24 x i8]
  store double 1.0, ptr %made
  %second = getelementptr i8, ptr %made, i64 8
  store i32 7, ptr %second
  %third = getelementptr i8, ptr %made, i64 16
  store i64 5, ptr %third
  call void @llvm.memcpy.p0.p0.i64(ptr %copy, ptr %made, i64 24, i1 false)
  ret i32 0
}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""


def test_integer_constants_beside_floats_are_copied_as_integers():
    kinds = Kinds(memory_of(COPIED), {})
    assert kinds.of[MemoryObject("stack", "%copy")] == {"double", "i32", "i64"}
