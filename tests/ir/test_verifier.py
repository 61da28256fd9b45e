"""The verifier finds each of the structural faults that it promises to find."""

from __future__ import annotations

import pytest

from numzyme.ir import VerifyError, read, verify

GOOD = """\
define i32 @f(i1 %c, double %x) {
entry:
  br i1 %c, label %a, label %b

a:
  %y = fmul double %x, 2.0
  br label %b

b:
  %z = phi double [ %x, %entry ], [ %y, %a ]
  ret i32 0
}
"""


def test_a_good_function_passes() -> None:
    verify(read(GOOD))


def test_one_block_may_be_a_target_twice() -> None:
    verify(read(GOOD.replace("label %a, label %b", "label %a, label %a").replace("[ %x, %entry ], ", "")))


@pytest.mark.parametrize(
    "old,new,message",
    [
        ("  ret i32 0\n", "", "block %b has no terminator"),
        ("  %y = fmul", "  br label %b\n  %y = fmul", "terminator inside %a: br label %b"),
        ("%z = phi", "%y = phi", "%y is defined twice"),
        ("%y = fmul", "%x = fmul", "%x is defined twice"),
        ("label %a, label %b", "label %a, label %c", "%entry branches to %c, which does not exist"),
        ("double %x, 2.0", "double %w, 2.0", "%w is not defined: %y = fmul double %w, 2.0"),
        (", [ %y, %a ]", "", "%z does not match the predecessors of %b"),
        ("[ %y, %a ]", "[ %y, %b ]", "%z does not match the predecessors of %b"),
        ("[ %y, %a ]", "[ %y, %a ], [ %x, %a ]", "%z does not match the predecessors of %b"),
    ],
)
def test_faults(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(VerifyError) as caught:
        verify(read(GOOD.replace(old, new)))
    assert str(caught.value) == f"@f: {message}"
