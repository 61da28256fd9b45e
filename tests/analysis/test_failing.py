"""Calls that fail: whether the function ends then, for every way in which a status is made and looked at."""

import pytest

from numzyme.analysis.failing import caught_functions
from numzyme.derive import parse

CALLEES = {
    "well": "define i32 @helper(double %x) {\n  ret i32 0\n}",
    "none": "define i32 @helper(double %x) {\n  ret i32 -2\n}",
    "badly": "define i32 @helper(double %x) {\n  ret i32 1\n}",
    "either": """define i32 @helper(double %x) {
entry:
  %test = fcmp olt double %x, 0.0
  br i1 %test, label %bad, label %done
bad:
  br label %done
done:
  %status = phi i32 [ 0, %entry ], [ {status}, %bad ]
  ret i32 %status
}""",
    "chosen": """define i32 @helper(double %x) {
  %test = fcmp olt double %x, 0.0
  %status = select i1 %test, i32 {status}, i32 0
  ret i32 %status
}""",
    "handed on": """define i32 @helper(double %x) {
  %status = call i32 @inner(double %x)
  ret i32 %status
}
define i32 @inner(double %x) {
  %test = fcmp olt double %x, 0.0
  %status = select i1 %test, i32 {status}, i32 0
  ret i32 %status
}""",
}
CALLERS = {
    "goes on": "  ret i32 0",
    "hands it on": "  ret i32 %called",
    "looks": """  %failed = icmp ne i32 %called, 0
  br i1 %failed, label %bad, label %good
bad:
  ret i32 %called
good:
  ret i32 0""",
    "looks the wrong way": """  %failed = icmp eq i32 %called, 0
  br i1 %failed, label %bad, label %good
bad:
  ret i32 %called
good:
  ret i32 0""",
    "looks at something else": """  %failed = fcmp olt double %x, 0.0
  br i1 %failed, label %bad, label %good
bad:
  ret i32 %called
good:
  ret i32 0""",
    "raises another": """  %good = icmp eq i32 %called, 0
  %none = icmp eq i32 %called, -2
  %fine = or i1 %good, %none
  br i1 %fine, label %well, label %bad
bad:
  ret i32 1
well:
  ret i32 0""",
    "distinguishes": """  switch i32 %called, label %bad [ i32 0, label %well
    i32 -2, label %well ]
bad:
  ret i32 1
well:
  ret i32 0""",
    "loops before it looks": """  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %next = add i64 %i, 1
  %again = icmp slt i64 %next, 5
  br i1 %again, label %loop, label %look
look:
  %failed = icmp ne i32 %called, 0
  br i1 %failed, label %bad, label %good
bad:
  ret i32 %called
good:
  ret i32 0""",
    "freezes it": """  %frozen = freeze i32 %called
  %failed = icmp ne i32 %frozen, 0
  br i1 %failed, label %bad, label %good
bad:
  ret i32 %frozen
good:
  ret i32 0""",
    "freezes the test": """  %failed = icmp ne i32 %called, 0
  %frozen = freeze i1 %failed
  br i1 %frozen, label %bad, label %good
bad:
  ret i32 1
good:
  ret i32 0""",
    "freezes something else": """  %other = fptosi double %x to i32
  %frozen = freeze i32 %other
  %failed = icmp ne i32 %frozen, 0
  br i1 %failed, label %bad, label %good
bad:
  ret i32 1
good:
  ret i32 0""",
    "catches one": """  switch i32 %called, label %bad [ i32 0, label %well
    i32 3, label %well ]
bad:
  ret i32 1
well:
  ret i32 0""",
}
ENDS = {
    "hands it on",
    "looks",
    "raises another",
    "distinguishes",
    "loops before it looks",
    "freezes it",
    "freezes the test",
}


def ends(callee: str, caller: str, status: str) -> bool:
    text = f"define i32 @f(double %x) {{\nentry:\n  %called = call i32 @helper(double %x)\n{CALLERS[caller]}\n}}\n"
    module = parse(text + CALLEES[callee].replace("{status}", status))
    return "@helper" not in caught_functions(module)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("callee", CALLEES)
def test_bad_status_ends_the_function(callee: str, caller: str):
    assert ends(callee, caller, "3") == (caller in ENDS or callee in ("well", "none"))


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("callee", ["either", "chosen", "handed on"])
@pytest.mark.parametrize("status", ["0", "-2"])
def test_status_that_is_always_good(callee: str, caller: str, status: str):
    assert ends(callee, caller, status)


def test_what_a_caught_function_calls_may_be_caught():
    text = """define i32 @f(double %x) {
  %called = call i32 @outer(double %x)
  ret i32 0
}
define i32 @outer(double %x) {
  %called = call i32 @helper(double %x)
  ret i32 %called
}
define i32 @other(double %x) {
  %called = call i32 @helper(double %x)
  ret i32 %called
}
"""
    assert caught_functions(parse(text + CALLEES["badly"])) == {"@outer", "@helper"}
