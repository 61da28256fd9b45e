"""A derivative written by hand in the calling convention of `derive`, for tests of what surrounds it.

The function is `scaled_squares`: the sum of `factor * x[i]**2`, which refuses a negative factor and counts
its calls in `x[0]` when `x[0]` is 100 or more. The derivative runs the real function and then its own reverse
loop.
"""

from __future__ import annotations

import re

from numzyme.derive.request import Activity, Derivative, Report, Request


def scaled_squares(x, factor):
    if factor < 0:
        raise ValueError("negative factor", 7)
    if len(x) and x[0] >= 100:
        x[0] += 1
    total = 0.0
    for i in range(len(x)):
        total += factor * x[i] ** 2
    return total


_TEXT = """
declare ptr @numzyme.arena.enter()
declare void @numzyme.arena.leave(ptr)
declare noalias ptr @numzyme.arena.allocate(ptr, i64)

define i32 @"{symbol}"(ptr %ret, ptr %exc, ptr %meminfo, ptr %parent, i64 %nitems, i64 %itemsize, ptr %x, i64 %n,
                       i64 %stride, double %factor{shadows}, ptr %adjoints) {{
entry:
  %arena = call ptr @numzyme.arena.enter()
  %tape = call ptr @numzyme.arena.allocate(ptr %arena, i64 {tape})
  %none = icmp eq ptr %tape, null
  br i1 %none, label %exhausted, label %run
exhausted:
  call void @numzyme.arena.leave(ptr %arena)
  ret i32 77
run:
  %status = call i32 @{primal}(ptr %ret, ptr %exc, ptr %meminfo, ptr %parent, i64 %nitems, i64 %itemsize, ptr %x,
                               i64 %n, i64 %stride, double %factor)
  %bad = icmp ne i32 %status, 0
  br i1 %bad, label %failed, label %start
failed:
  call void @numzyme.arena.leave(ptr %arena)
  ret i32 %status
start:
  %seed = load double, ptr %dret
  store double 0.0, ptr %dret
  %some = icmp sgt i64 %n, 0
  br i1 %some, label %loop, label %done
loop:
  %i = phi i64 [ 0, %start ], [ %i.next, %loop ]
  %sum = phi double [ 0.0, %start ], [ %sum.next, %loop ]
  %offset = mul i64 %i, %stride
  %at = getelementptr i8, ptr %x, i64 %offset
  %value = load double, ptr %at
  %square = fmul double %value, %value
  %sum.next = fadd double %sum, %square
{accumulate}
  %i.next = add i64 %i, 1
  %more = icmp slt i64 %i.next, %n
  br i1 %more, label %loop, label %done
done:
  %total = phi double [ 0.0, %start ], [ %sum.next, %loop ]
  %dfactor = fmul double %total, %seed
{store}
  call void @numzyme.arena.leave(ptr %arena)
  ret i32 0
}}
"""

_ACCUMULATE = """
  %dat = getelementptr i8, ptr %dx, i64 %offset
  %old = load double, ptr %dat
  %twice = fmul double %value, 2.0
  %scaled = fmul double %twice, %factor
  %increment = fmul double %scaled, %seed
  %new = fadd double %old, %increment
  store double %new, ptr %dat
"""


def differentiate(canonical: str, request: Request, tape: int = 800) -> Derivative:
    """Stands for `numzyme.derive.differentiate`, for `scaled_squares` in reverse mode only."""
    assert request.mode == "reverse"
    data, factor = request.labels.index("x") + 4, request.labels.index("factor")
    shadows = ", ptr %dret"
    active_x = request.activities[data] is Activity.DUPLICATED
    if active_x:
        shadows += ", ptr %dx"
    active_factor = request.activities[factor] is Activity.ACTIVE
    symbol = f"numzyme.reverse.{request.symbol}"
    primal = re.search(r'^define [^@]*@("?[^"(]*"?)\(', canonical, re.MULTILINE)
    assert primal is not None
    text = _TEXT.format(
        symbol=symbol,
        primal=request.symbol if re.fullmatch(r"[\w.$]+", request.symbol) else f'"{request.symbol}"',
        shadows=shadows,
        accumulate=_ACCUMULATE if active_x else "",
        store="  store double %dfactor, ptr %adjoints" if active_factor else "",
        tape=tape,
    )
    return Derivative(canonical + text, symbol, Report())
