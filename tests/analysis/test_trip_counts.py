"""Trip counts against loops that are run: which iteration leaves, for every test, step and form of loop."""

import itertools
import operator

import pytest

from numzyme.analysis import Cfg, LoopForest
from numzyme.ir import read

HOLDS = {
    "eq": operator.eq,
    "ne": operator.ne,
    **{f"{sign}{name}": getattr(operator, name) for sign in "su" for name in ("lt", "le", "gt", "ge")},
}
ENDS = "  ret i64 0\n}\n"
# The test in front of the body, and behind it; `{tested}` is the value now or the next one.
FORMS = {
    "while": """define i64 @f(i64 %limit) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ {start}, %entry ], [ %next, %body ]
  %test = icmp {predicate} i64 {operands}
  br i1 %test, label {labels}
body:
  %next = add i64 %i, {step}
  br label %loop
done:
""",
    "do": """define i64 @f(i64 %limit) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ {start}, %entry ], [ %next, %body ]
  br label %body
body:
  %next = add i64 %i, {step}
  %test = icmp {predicate} i64 {operands}
  br i1 %test, label {labels}
done:
""",
}


def trip_of(text: str):
    forest = LoopForest(Cfg(read(text + ENDS).functions["@f"]))
    (loop,) = forest.loops
    return loop.trip


def last_iteration(start: int, step: int, limit: int, goes_on, shift: int) -> int | None:
    value = start
    for iteration in range(60):
        if not goes_on(value + shift, limit):
            return iteration
        value += step
    return None


CASES = [
    case
    for case in itertools.product(FORMS, HOLDS, [1, 3, -1, -2], [False, True], [False, True])
    if case[1] != "eq"  # goes on while equal: once
]


@pytest.mark.parametrize(("form", "predicate", "step", "swapped", "negated"), CASES)
def test_last_iteration(form: str, predicate: str, step: int, swapped: bool, negated: bool):
    """`negated`: the test tells when to leave."""
    start, tested, entered = 20, "%i" if form == "while" else "%next", "%body" if form == "while" else "%loop"
    text = FORMS[form].format(
        start=start,
        step=step,
        predicate=predicate,
        operands=f"%limit, {tested}" if swapped else f"{tested}, %limit",
        labels=f"%done, label {entered}" if negated else f"{entered}, label %done",
    )
    trip = trip_of(text)
    if trip is None:
        towards = ("lt", "le") if step > 0 else ("gt", "ge")
        relation = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}.get(predicate[1:], "") if swapped else predicate[1:]
        if negated:
            relation = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}.get(relation, "")
        assert relation not in towards and not (predicate == "ne" and not negated)
        return

    def goes_on(value: int, limit: int) -> bool:
        first, second = (limit, value) if swapped else (value, limit)
        return HOLDS[predicate](first, second) != negated

    for limit in range(41):
        expected = last_iteration(start, step, limit, goes_on, 0 if form == "while" else step)
        if expected is None:
            continue  # never left in the numbers that were tried
        named = [i for i in range(60) if not HOLDS[trip.predicate](start + trip.offset + trip.step * i, limit)]
        assert trip.start == str(start) and trip.step == step and trip.limit == "%limit"
        assert named[0] == expected, limit


# A loop that runs twice; the tests of one flag are in `{where}`, and the latch may be reached beside them.
TWICE = """define i64 @f(i1 %c) {{
entry:
  br label %loop
loop:
  %flag = phi i1 [ {first}, %entry ], [ {later}, %latch ]
  br {head}
middle:
  br i1 %flag, label %done, label %latch
latch:
  br label %loop
done:
"""


def test_loop_that_runs_twice():
    trip = trip_of(TWICE.format(first="false", later="true", head="label %middle"))
    assert (trip.start, trip.offset, trip.step, trip.predicate, trip.limit) == ("0", 0, 1, "ne", "1")


@pytest.mark.parametrize(
    "changes",
    [
        {"head": "i1 %c, label %middle, label %latch"},  # not every iteration tests
        {"first": "true", "later": "true"},
        {"later": "false"},  # never leaves
        {"first": "true", "later": "false"},  # leaves at once
        {"later": "%c"},
    ],
    ids=str,
)
def test_loop_that_may_run_otherwise(changes: dict[str, str]):
    assert trip_of(TWICE.format(**{"first": "false", "later": "true", "head": "label %middle"} | changes)) is None
