"""Effects of calls: what counts as plain mathematics, and what writes memory though it looks like it."""

from __future__ import annotations

import pytest

from numzyme.analysis import Cfg, Memory, Summaries
from numzyme.analysis.effects import external_effects
from numzyme.ir import read, read_instruction
from numzyme.rules import is_inactive, rule_for


@pytest.mark.parametrize(
    "call",
    [
        "%y = call double @llvm.sin.f64(double %x)",
        "%y = call float @tanf(float %x)",
        "%y = call double @numba_gamma(double %x)",
        "%y = call double @numba_nextafter(double %x, double %z)",
        "%y = call float @nextafterf(float %x, float %z)",
    ],
)
def test_mathematics_has_no_effect_and_a_rule(call: str) -> None:
    instruction = read_instruction(call)
    effects = external_effects(instruction)
    assert effects.known and not effects.reads and not effects.writes
    assert rule_for(instruction) is not None


@pytest.mark.parametrize("callee", ["numba_frexp", "numba_frexpf"])
def test_frexp_writes_its_exponent(callee: str) -> None:
    instruction = read_instruction(f"%m = call double @{callee}(double %x, ptr %exponent)")
    assert external_effects(instruction).writes == {1}
    assert rule_for(instruction) is not None


def test_a_complex_power_is_not_plain_mathematics() -> None:
    """It goes through pointers: taken for a function of numbers, its derivative would silently be zero."""
    instruction = read_instruction("call void @numba_cpow(ptr %a, ptr %b, ptr %c)")
    assert 2 in external_effects(instruction).writes
    assert rule_for(instruction) is None
    assert not is_inactive(instruction)


def test_unknown_functions_may_do_everything() -> None:
    instruction = read_instruction("call void @mystery(ptr %a, i64 3, ptr %b)")
    effects = external_effects(instruction)
    assert not effects.known
    assert effects.reads == effects.writes == {0, 2}
    assert (0, 2) in effects.stores


EXPONENTS = """\
define i32 @f(ptr noalias %out, double %x) {
entry:
  %exponent = alloca i32, align 4
  %m = call double @numba_frexp(double %x, ptr %exponent)
  %e = load i32, ptr %exponent, align 4
  %n = call double @numba_frexp(double %m, ptr %exponent)
  ret i32 0
}

declare double @numba_frexp(double, ptr)
"""


def test_an_exponent_is_overwritten_by_the_next_frexp() -> None:
    module = read(EXPONENTS)
    memory = Memory(module, Cfg(module.functions["@f"]), Summaries(module))
    assert "%e, read from stack(%exponent), may be overwritten later" in memory.describe().split("\n")


SUMMARIES = """\
define i32 @root(ptr %a, ptr %b) {
entry:
  %s = call i32 @reader(ptr %a, ptr %b, i64 3)
  ret i32 %s
}

define internal i32 @reader(ptr %target, ptr %source, i64 %n) {
entry:
  %v = load double, ptr %source, align 8
  store double %v, ptr %target, align 8
  %again = icmp eq i64 %n, 0
  br i1 %again, label %end, label %more

more:
  %less = add i64 %n, -1
  %s = call i32 @reader(ptr %target, ptr %source, i64 %less)
  br label %end

end:
  ret i32 0
}
"""


def test_summaries_follow_calls_and_recursion() -> None:
    summaries = Summaries(read(SUMMARIES))
    for name in ("@root", "@reader"):
        assert summaries.of(name).writes == {0}
        assert 1 in summaries.of(name).reads
        assert summaries.of(name).known
