"""Selects whose untaken side is carried around loops: which of them are settled, and by what."""

import pytest

from numzyme.analysis import Cfg, LoopForest, settle_carried_selects
from numzyme.ir import read

# Numba's broadcasting: the index of an operand of length one stays what it was in front of the loop.
TEXT = """
define i64 @f(i64 %n, i1 %broadcast, i1 %other, i64 %before) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %loop ]
  %last = phi i64 [ {entering}, %entry ], [ {latch}, %loop ]
  %changing = icmp slt i64 %i, 5
  %index = select i1 {condition}, i64 {taken}, i64 {otherwise}
  %i.next = add i64 %i, 1
  %more = icmp slt i64 %i.next, %n
  br i1 %more, label %loop, label %done
done:
  ret i64 %index
}}
"""
PLAIN = {
    "entering": "0",
    "latch": "%index",
    "condition": "%broadcast",
    "taken": "%last",
    "otherwise": "%i",
}


def settled(**changes: str) -> tuple[int, str]:
    function = read(TEXT.format(**PLAIN | changes)).functions["@f"]
    cfg = Cfg(function)
    count = settle_carried_selects(cfg, LoopForest(cfg))
    (select,) = (i for i in function.instructions() if i.opcode == "select")
    return count, select.text


def test_the_side_is_the_value_in_front_of_the_loop():
    assert settled() == (1, "%index = select i1 %broadcast, i64 0, i64 %i")
    assert settled(entering="%before") == (1, "%index = select i1 %broadcast, i64 %before, i64 %i")


def test_the_other_side_is_settled_when_the_condition_is_false():
    assert settled(taken="%i", otherwise="%last") == (1, "%index = select i1 %broadcast, i64 %i, i64 0")


@pytest.mark.parametrize(
    "changes",
    [
        {"condition": "%changing"},  # another one when the value was made
        {"latch": "%i"},  # two values enter
        {"taken": "%n"},  # no phi
    ],
    ids=str,
)
def test_what_is_left_alone(changes):
    count, text = settled(**changes)
    assert count == 0 and text == f"%index = select i1 {changes.get('condition', '%broadcast')}, i64 " + (
        f"{changes.get('taken', '%last')}, i64 %i"
    )
