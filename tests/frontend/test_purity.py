"""What counts as pure, one small LLVM function per rule."""

from __future__ import annotations

import pytest

from numzyme.frontend.purity import PurityProof
from numzyme.frontend.termination import blocks_in_loops, loops_end
from numzyme.ir import read

DECLARATIONS = """
@constant = internal constant i64 3
@variable = internal global i64 3
declare noalias ptr @numzyme.allocate(i64)
declare noalias ptr @NRT_MemInfo_alloc_aligned(i64, i32)
declare void @NRT_decref(ptr)
declare double @tanh(double)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i32 @numba_xxdot(i8, i8, i64, ptr, ptr, ptr)
declare void @unknown(ptr)
declare double @numba_frexp(double, ptr)
declare void @Py_FatalError(ptr)
define internal double @reader(ptr %p) {
entry:
  %v = load double, ptr %p, align 8
  ret double %v
}
define internal void @writer(ptr %p) {
entry:
  store double 0.0, ptr %p, align 8
  ret void
}
"""
PURE = {
    "arithmetic": ("double @f(double %x)", "%y = call double @tanh(double %x)\n  ret double %y", "none"),
    "reads_argument": (
        "double @f(ptr %x)",
        "%p = getelementptr double, ptr %x, i64 1\n  %v = load double, ptr %p, align 8\n  ret double %v",
        "argmem: read",
    ),
    "reads_constant": ("i64 @f()", "%v = load i64, ptr @constant, align 8\n  ret i64 %v", "none"),
    "reads_variable": ("i64 @f()", "%v = load i64, ptr @variable, align 8\n  ret i64 %v", "read"),
    "reads_through_loaded_pointer": (
        "double @f(ptr %x)",
        "%p = load ptr, ptr %x, align 8\n  %v = load double, ptr %p, align 8\n  ret double %v",
        "read",
    ),
    "writes_its_stack": (
        "double @f(double %x)",
        "%a = alloca double, align 8\n  store double %x, ptr %a, align 8\n"
        "  %v = load double, ptr %a, align 8\n  ret double %v",
        "none",
    ),
    "writes_its_heap": (
        "double @f(ptr %x)",
        "%m = call ptr @numzyme.allocate(i64 72)\n  %d = getelementptr i8, ptr %m, i64 64\n"
        "  call void @llvm.memset.p0.i64(ptr %d, i8 0, i64 8, i1 false)\n"
        "  %s = call i32 @numba_xxdot(i8 100, i8 0, i64 1, ptr %x, ptr %x, ptr %d)\n"
        "  %v = load double, ptr %d, align 8\n  ret double %v",
        "argmem: read",
    ),
    "writes_counted_heap": (
        "void @f()",
        "%m = call ptr @NRT_MemInfo_alloc_aligned(i64 72, i32 32)\n  %s = getelementptr i8, ptr %m, i64 24\n"
        "  %d = load ptr, ptr %s, align 8\n  store double 1.0, ptr %d, align 8\n"
        "  call void @NRT_decref(ptr %m)\n  ret void",
        "none",
    ),
    "second_result_into_stack": (
        "double @f(double %x)",
        "%e = alloca i32, align 4\n  %m = call double @numba_frexp(double %x, ptr %e)\n  ret double %m",
        "none",
    ),
    "calls_pure_function": (
        "double @f(ptr %x)",
        "%v = call double @reader(ptr %x)\n  ret double %v",
        "argmem: read",
    ),
    "returns_an_exception_by_value": (
        "{ i32, ptr, double } @f()",
        "%a = insertvalue { i32, ptr, double } undef, i32 1, 0\n"
        "  %b = insertvalue { i32, ptr, double } %a, ptr @constant, 1\n  ret { i32, ptr, double } %b",
        "none",
    ),
}
IMPURE = {
    "writes_argument": ("void @f(ptr %x)", "store double 1.0, ptr %x, align 8\n  ret void"),
    "writes_variable": ("void @f()", "store i64 1, ptr @variable, align 8\n  ret void"),
    "writes_through_loaded_pointer": (
        "void @f(ptr %x)",
        "%p = load ptr, ptr %x, align 8\n  store double 1.0, ptr %p, align 8\n  ret void",
    ),
    "writes_argument_or_stack": (
        "void @f(ptr %x, i1 %c)",
        "%a = alloca double, align 8\n  %p = select i1 %c, ptr %a, ptr %x\n"
        "  store double 1.0, ptr %p, align 8\n  ret void",
    ),
    "calls_unknown": ("void @f(ptr %x)", "call void @unknown(ptr %x)\n  ret void"),
    "calls_writer": ("void @f(ptr %x)", "call void @writer(ptr %x)\n  ret void"),
    "calls_itself": ("void @f(ptr %x)", "call void @f(ptr %x)\n  ret void"),
    "returns_fresh_memory": ("ptr @f()", "%m = call ptr @numzyme.allocate(i64 72)\n  ret ptr %m"),
    "returns_fresh_memory_in_an_aggregate": (
        "{ i32, ptr } @f()",
        "%m = call ptr @numzyme.allocate(i64 72)\n"
        "  %a = insertvalue { i32, ptr } undef, ptr %m, 1\n  ret { i32, ptr } %a",
    ),
    "returns_argument": ("ptr @f(ptr %x)", "ret ptr %x"),
    "hides_a_pointer": ("i64 @f(ptr %x)", "%i = ptrtoint ptr %x to i64\n  ret i64 %i"),
    "volatile": ("double @f(ptr %x)", "%v = load volatile double, ptr %x, align 8\n  ret double %v"),
    "second_result_into_argument": (
        "double @f(double %x, ptr %e)",
        "%m = call double @numba_frexp(double %x, ptr %e)\n  ret double %m",
    ),
    "blas_into_argument": (
        "void @f(ptr %x)",
        "%s = call i32 @numba_xxdot(i8 100, i8 0, i64 1, ptr %x, ptr %x, ptr %x)\n  ret void",
    ),
}


def module_with(signature: str, body: str):
    return read(f"{DECLARATIONS}define internal {signature} {{\nentry:\n  {body}\n}}\n")


@pytest.mark.parametrize("name", PURE)
def test_pure(name: str) -> None:
    signature, body, reads = PURE[name]
    purity = PurityProof(module_with(signature, body)).of("@f")
    assert purity is not None
    assert (purity.reads, purity.returns) == (reads, True)


@pytest.mark.parametrize("name", IMPURE)
def test_impure(name: str) -> None:
    assert PurityProof(module_with(*IMPURE[name])).of("@f") is None


def test_aborting_paths_do_not_count() -> None:
    body = """br i1 %c, label %bad, label %good
bad:
  call void @Py_FatalError(ptr null)
  unreachable
good:
  ret void"""
    assert PurityProof(module_with("void @f(i1 %c)", body)).of("@f") is not None


LOOP = """define void @f(i64 %n, i64 %m, ptr %x) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  {body}
  br i1 %done, label %exit, label %loop
exit:
  ret void
}}
"""
ENDING = [
    "%next = add i64 %i, 1\n  %done = icmp eq i64 %next, %n",
    "%next = add nsw i64 %i, 2\n  %done = icmp sge i64 %next, %n",
    "%next = add nuw i64 %i, 3\n  %done = icmp ult i64 %n, %next",
    "%next = add i64 %i, -1\n  %done = icmp sle i64 %next, 1",
    "%next = add i64 %i, 1\n  %done = icmp ne i64 %i, 7",
]
UNKNOWN = [
    "%next = add i64 %i, 2\n  %done = icmp eq i64 %next, %n",  # jumps over the limit
    "%next = add i64 %i, 2\n  %done = icmp sge i64 %next, %n",  # may wrap around
    "%next = add nsw i64 %i, 1\n  %done = icmp slt i64 %next, %n",  # moves away
    "%next = add i64 %i, %m\n  %done = icmp eq i64 %next, %n",  # step may be zero
    "%next = load i64, ptr %x\n  %done = icmp eq i64 %next, %n",  # not a counter
    "%next = add i64 %i, 1\n  %limit = load i64, ptr %x\n  %done = icmp eq i64 %next, %limit",  # limit may move
    "%next = add i64 %i, 1\n  %done = icmp sgt i64 %next, %n",  # never, when n is the largest number
]


@pytest.mark.parametrize("body", ENDING)
def test_counted_loops_end(body: str) -> None:
    function = read(LOOP.format(body=body)).functions["@f"]
    assert loops_end(function) and blocks_in_loops(function) == {"%loop"}


@pytest.mark.parametrize("body", UNKNOWN)
def test_other_loops_may_not(body: str) -> None:
    assert not loops_end(read(LOOP.format(body=body)).functions["@f"])


def test_one_endless_loop_inside_a_counted_one_is_enough() -> None:
    text = """define void @f(i64 %n, ptr %x) {
entry:
  br label %outer
outer:
  %i = phi i64 [ 0, %entry ], [ %next, %latch ]
  br label %inner
inner:
  %v = load i64, ptr %x
  %c = icmp eq i64 %v, 0
  br i1 %c, label %latch, label %inner
latch:
  %next = add nsw i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %exit, label %outer
exit:
  ret void
}
"""
    assert not loops_end(read(text).functions["@f"])
