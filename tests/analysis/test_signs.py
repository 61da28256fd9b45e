"""Integers that cannot be negative: a loop's index needs a guard in front of the loop that fits its limit."""

import pytest

from numzyme.analysis import Cfg, LoopForest
from numzyme.analysis.signs import Signs
from numzyme.ir import read

# A counted loop as LLVM leaves it: it runs at least once, so a test in front of it has to say that it may.
TEXT = """
define i64 @f(i64 %start, i64 %limit, i64 %other) {{
entry:
  %zero = icmp eq i64 %other, 0
  %above = icmp sgt i64 %limit, %start
  %below = icmp sle i64 %limit, %start
  %enters = {guard}
  br i1 %enters, label %ahead, label %done
ahead:
  br label %loop
loop:
  %i = phi i64 [ {first}, %ahead ], [ %next, %loop ]
  %next = add i64 %i, 1
  %last = icmp eq i64 %next, %limit
  br i1 %last, label %done, label %loop
done:
  %result = phi i64 [ 0, %entry ], [ %next, %loop ]
  ret i64 %result
}}
"""


def index_is_known(guard: str, first: str = "%start", shapes: tuple[str, ...] = ("%start",)) -> bool:
    cfg = Cfg(
        read(
            TEXT.format(guard=guard if guard[:3] in ("sel", "and", "or ", "xor") else f"icmp {guard}", first=first)
        ).functions["@f"]
    )
    return Signs(cfg, LoopForest(cfg), frozenset(shapes)).is_nonnegative("%i", "%loop")


@pytest.mark.parametrize("guard", ["sgt i64 %limit, %start", "slt i64 %start, %limit"])
def test_index_below_a_limit_above_the_start(guard: str):
    assert index_is_known(guard)


@pytest.mark.parametrize(
    "guard",
    [
        "select i1 %zero, i1 %above, i1 false",
        "select i1 %above, i1 %zero, i1 false",
        "and i1 %above, %zero",
        "and i1 %zero, %above",
    ],
)
def test_index_behind_two_tests(guard: str):
    assert index_is_known(guard)


@pytest.mark.parametrize(
    "guard",
    [
        "select i1 %zero, i1 %above, i1 true",
        "select i1 %zero, i1 true, i1 %above",
        "select i1 %zero, i1 false, i1 %below",
        "or i1 %above, %zero",
        "xor i1 %above, %zero",
    ],
)
def test_index_behind_one_of_two_tests(guard: str):
    assert not index_is_known(guard)


@pytest.mark.parametrize("guard", ["select i1 %zero, i1 true, i1 %below", "or i1 %below, %zero"])
def test_index_behind_two_tests_that_fail(guard: str):
    text = TEXT.format(guard=guard, first="%start").replace("label %ahead, label %done", "label %done, label %ahead")
    cfg = Cfg(read(text).functions["@f"])
    assert Signs(cfg, LoopForest(cfg), frozenset({"%start"})).is_nonnegative("%i", "%loop")


@pytest.mark.parametrize("guard", ["sgt i64 %limit, 3", "sge i64 %limit, 4", "sgt i64 %limit, 7"])
def test_index_from_a_literal(guard: str):
    assert index_is_known(guard, first="3", shapes=())


@pytest.mark.parametrize(
    ("guard", "first", "shapes"),
    [
        ("slt i64 %limit, %start", "%start", ("%start",)),  # runs up through all numbers
        ("sge i64 %limit, %start", "%start", ("%start",)),  # the limit may be the start
        ("sgt i64 %other, %start", "%start", ("%start",)),
        ("sgt i64 %limit, %other", "%start", ("%start",)),
        ("ne i64 %limit, %start", "%start", ("%start",)),
        ("sgt i64 %limit, %start", "%start", ()),  # the start may be negative
        ("sgt i64 %limit, 2", "3", ()),
        ("sge i64 %limit, 3", "3", ()),
        ("sgt i64 %limit, -3", "-3", ()),
    ],
)
def test_index_that_may_be_negative(guard: str, first: str, shapes: tuple[str, ...]):
    assert not index_is_known(guard, first, shapes)
