"""Linking of hand-written derivatives: naming, hiding, debug information, and what the code computes."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np

from numzyme.runtime import link, memory
from numzyme.runtime.link import strip_debug

SQUARES = """
declare ptr @numzyme.arena.enter()
declare void @numzyme.arena.leave(ptr)
declare ptr @numzyme.arena.allocate(ptr, i64)

define i32 @"numzyme.reverse.squares"(ptr %ret, ptr %exc, ptr %x, i64 %n, ptr %dret, ptr %dx, ptr %adjoints) {
entry:
  %arena = call ptr @numzyme.arena.enter()
  %size = mul i64 %n, 8
  %tape = call ptr @numzyme.arena.allocate(ptr %arena, i64 %size)
  %exhausted = icmp eq ptr %tape, null
  br i1 %exhausted, label %fail, label %start
fail:
  call void @numzyme.arena.leave(ptr %arena)
  ret i32 77
start:
  %seed = load double, ptr %dret
  store double 0.0, ptr %dret
  br label %check
check:
  %i = phi i64 [ 0, %start ], [ %i.next, %body ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %back
body:
  %at = getelementptr double, ptr %x, i64 %i
  %value = load double, ptr %at
  %keep = getelementptr double, ptr %tape, i64 %i
  store double %value, ptr %keep
  %i.next = add i64 %i, 1
  br label %check
back:
  %j = phi i64 [ %n, %check ], [ %j.next, %step ]
  %again = icmp sgt i64 %j, 0
  br i1 %again, label %step, label %done
step:
  %j.next = sub i64 %j, 1
  %kept = getelementptr double, ptr %tape, i64 %j.next
  %old = load double, ptr %kept
  %twice = fmul double %old, FACTOR
  %gain = fmul double %twice, %seed
  %dat = getelementptr double, ptr %dx, i64 %j.next
  %before = load double, ptr %dat
  %after = fadd double %before, %gain
  store double %after, ptr %dat
  br label %back
done:
  call void @numzyme.arena.leave(ptr %arena)
  ret i32 0
}
"""
SYMBOL = "numzyme.reverse.squares"
_P, _I = ctypes.c_void_p, ctypes.c_int64
_CALLABLE = ctypes.CFUNCTYPE(ctypes.c_int32, _P, _P, _P, _I, _P, _P, _P)


def run(address: int, x: np.ndarray, count: int | None = None) -> tuple[int, np.ndarray]:
    seed, shadow = np.ones(1), np.ones_like(x)
    status = _CALLABLE(address)(
        None, None, x.ctypes.data, len(x) if count is None else count, seed.ctypes.data, shadow.ctypes.data, None
    )
    return status, shadow


def test_a_linked_derivative_computes():
    x = np.arange(1000.0)
    before = memory()
    status, shadow = run(link(SQUARES.replace("FACTOR", "2.0"), SYMBOL).address, x)
    assert status == 0
    np.testing.assert_array_equal(shadow, 1 + 2 * x)
    assert memory().entries - before.entries == memory().exits - before.exits == 1


def test_out_of_memory_is_a_status():
    before = memory()
    status, _ = run(link(SQUARES.replace("FACTOR", "2.0"), SYMBOL).address, np.zeros(1), count=1 << 44)
    assert status == 77
    assert memory().exits - before.exits == 1


def test_equal_text_is_linked_once_and_versions_live_side_by_side():
    two, three = (SQUARES.replace("FACTOR", factor) for factor in ("2.0", "3.0"))
    assert link(two, SYMBOL) is link(two, SYMBOL)
    x = np.ones(3)
    assert run(link(two, SYMBOL).address, x)[1][0] == 3
    assert run(link(three, SYMBOL).address, x)[1][0] == 4
    assert run(link(two, SYMBOL).address, x)[1][0] == 3


def test_only_the_derivative_is_visible():
    helper = "\ndefine double @helper(double %x) noinline {\n  ret double %x\n}\n"
    used = SQUARES.replace("FACTOR", "4.0").replace(
        "%gain = fmul double %twice, %seed",
        "%same = call double @helper(double %twice)\n  %gain = fmul double %same, %seed",
    )
    linked = link(helper + used, SYMBOL)
    visible = [f.name for f in linked.library.get_defined_functions() if f.linkage == llvm.Linkage.external]
    assert visible == [linked.symbol]


def test_debug_information_is_stripped():
    text = SQUARES.replace("FACTOR", "5.0").replace(
        "%seed = load double, ptr %dret", "%seed = load double, ptr %dret, !dbg !7"
    )
    text = text.replace("ptr %adjoints) {", "ptr %adjoints) !dbg !3 {")
    text += """
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!2}
!0 = distinct !DICompileUnit(language: DW_LANG_C_plus_plus, file: !1, producer: "n", emissionKind: NoDebug)
!1 = !DIFile(filename: "user.py", directory: "/")
!2 = !{i32 2, !"Debug Info Version", i32 3}
!3 = distinct !DISubprogram(name: "f", file: !1, line: 1, type: !4, unit: !0, spFlags: DISPFlagDefinition)
!4 = !DISubroutineType(types: !5)
!5 = !{null}
!7 = !DILocation(line: 2, column: 1, scope: !3)
"""
    stripped = strip_debug(text)
    assert "!dbg" not in stripped
    assert "llvm.dbg.cu" not in stripped
    assert run(link(text, SYMBOL).address, np.ones(2))[1][0] == 6
