"""Small LLVM functions that derivatives call: loops over arrays, and functions that the C library lacks.

Invariant: `adjoint_copy` undoes a memmove element by element in the opposite order of a safe copy, so overlapping
source and target are right.
"""

from __future__ import annotations

_ADJOINT_COPY = """\
define internal void @"numzyme.adjoint_copy.{kind}"(ptr %target, ptr %source, i64 %size) {{
entry:
  %count = udiv i64 %size, {width}
  %empty = icmp eq i64 %count, 0
  br i1 %empty, label %done, label %choose
choose:
  %upward = icmp ugt ptr %target, %source
  br i1 %upward, label %up, label %down
up:
  %i = phi i64 [ 0, %choose ], [ %i.next, %up ]
  %tu = getelementptr inbounds {kind}, ptr %target, i64 %i
  %su = getelementptr inbounds {kind}, ptr %source, i64 %i
  %au = load {kind}, ptr %tu, align 1
  store {kind} 0.0, ptr %tu, align 1
  %bu = load {kind}, ptr %su, align 1
  %cu = fadd reassoc nsz contract {kind} %bu, %au
  store {kind} %cu, ptr %su, align 1
  %i.next = add nuw nsw i64 %i, 1
  %up.done = icmp eq i64 %i.next, %count
  br i1 %up.done, label %done, label %up
down:
  %j = phi i64 [ %count, %choose ], [ %j.next, %down ]
  %j.next = add nsw i64 %j, -1
  %td = getelementptr inbounds {kind}, ptr %target, i64 %j.next
  %sd = getelementptr inbounds {kind}, ptr %source, i64 %j.next
  %ad = load {kind}, ptr %td, align 1
  store {kind} 0.0, ptr %td, align 1
  %bd = load {kind}, ptr %sd, align 1
  %cd = fadd reassoc nsz contract {kind} %bd, %ad
  store {kind} %cd, ptr %sd, align 1
  %down.done = icmp eq i64 %j.next, 0
  br i1 %down.done, label %done, label %down
done:
  ret void
}}
"""

# `length` bytes from `first` on in every `period` bytes of a block of `size` bytes, in the order that a copy needs
_FIELDS = """\
define internal void @"{name}"(ptr %target, ptr %source, i64 %size, i64 %first, i64 %length, i64 %period) {{
entry:
  %room = sub i64 %size, %first
  %empty = icmp sle i64 %room, 0
  br i1 %empty, label %done, label %choose
choose:
  %most = add nsw i64 %room, -1
  %last = udiv i64 %most, %period
  %upward = icmp {upward} ptr %target, %source
  %start = select i1 %upward, i64 0, i64 %last
  %stop = select i1 %upward, i64 %last, i64 0
  %step = select i1 %upward, i64 1, i64 -1
  br label %loop
loop:
  %i = phi i64 [ %start, %choose ], [ %next, %loop ]
  %ahead = mul i64 %i, %period
  %at = add i64 %ahead, %first
  %left = sub i64 %size, %at
  %whole = icmp slt i64 %length, %left
  %bytes = select i1 %whole, i64 %length, i64 %left
  %t = getelementptr i8, ptr %target, i64 %at
  %s = getelementptr i8, ptr %source, i64 %at
  {action}
  %next = add i64 %i, %step
  %end = icmp eq i64 %i, %stop
  br i1 %end, label %done, label %loop
done:
  ret void
}}
"""

# name -> which order is upward for, and what is done with the bytes of one field
_OF_FIELDS = {
    "numzyme.fields.adjoint_copy": ("ugt", 'call void @"numzyme.adjoint_copy.{kind}"(ptr %t, ptr %s, i64 %bytes)'),
    "numzyme.fields.copy": ("ule", "call void @llvm.memmove.p0.p0.i64(ptr %t, ptr %s, i64 %bytes, i1 false)"),
    "numzyme.fields.clear": ("ule", "call void @llvm.memset.p0.i64(ptr %t, i8 0, i64 %bytes, i1 false)"),
}
FIELDS_NEED = {
    "@llvm.memmove.p0.p0.i64": "declare void @llvm.memmove.p0.p0.i64(ptr, ptr, i64, i1)",
    "@llvm.memset.p0.i64": "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
}

_AXPY = """\
define internal void @"numzyme.axpy.{kind}"(i64 %count, i64 %step, {kind} %factor, ptr %x, ptr %y) {{
entry:
  %empty = icmp sle i64 %count, 0
  br i1 %empty, label %done, label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %place = mul i64 %i, %step
  %px = getelementptr {kind}, ptr %x, i64 %place
  %py = getelementptr {kind}, ptr %y, i64 %place
  %a = load {kind}, ptr %px
  %b = load {kind}, ptr %py
  %c = fmul contract {kind} %factor, %a
  %d = fadd reassoc nsz contract {kind} %b, %c
  store {kind} %d, ptr %py
  %next = add nuw nsw i64 %i, 1
  %end = icmp eq i64 %next, %count
  br i1 %end, label %done, label %loop
done:
  ret void
}}
"""

_DOT = """\
define internal {kind} @"numzyme.dot.{kind}"(i64 %count, i64 %step, ptr %x, ptr %y) {{
entry:
  %empty = icmp sle i64 %count, 0
  br i1 %empty, label %done, label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %sum = phi {kind} [ 0.0, %entry ], [ %d, %loop ]
  %place = mul i64 %i, %step
  %px = getelementptr {kind}, ptr %x, i64 %place
  %py = getelementptr {kind}, ptr %y, i64 %place
  %a = load {kind}, ptr %px
  %b = load {kind}, ptr %py
  %c = fmul contract {kind} %a, %b
  %d = fadd reassoc nsz contract {kind} %sum, %c
  %next = add nuw nsw i64 %i, 1
  %end = icmp eq i64 %next, %count
  br i1 %end, label %done, label %loop
done:
  %result = phi {kind} [ 0.0, %entry ], [ %d, %loop ]
  ret {kind} %result
}}
"""

# of complex numbers: real and imaginary parts alternate; with the sign -1.0, x is conjugated
_COMPLEX_AXPY = """\
define internal void @"numzyme.complex_axpy.{kind}"(
    i64 %count, {kind} %real, {kind} %imag, {kind} %sign, ptr %x, ptr %y
) {{
entry:
  %empty = icmp sle i64 %count, 0
  br i1 %empty, label %done, label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %place = mul i64 %i, {twice}
  %xr = getelementptr i8, ptr %x, i64 %place
  %yr = getelementptr i8, ptr %y, i64 %place
  %xi = getelementptr i8, ptr %xr, i64 {width}
  %yi = getelementptr i8, ptr %yr, i64 {width}
  %a = load {kind}, ptr %xr
  %b.given = load {kind}, ptr %xi
  %b = fmul contract {kind} %b.given, %sign
  %c = load {kind}, ptr %yr
  %d = load {kind}, ptr %yi
  %ra = fmul contract {kind} %real, %a
  %ib = fmul contract {kind} %imag, %b
  %rb = fmul contract {kind} %real, %b
  %ia = fmul contract {kind} %imag, %a
  %e = fsub reassoc nsz contract {kind} %ra, %ib
  %f = fadd reassoc nsz contract {kind} %rb, %ia
  %g = fadd reassoc nsz contract {kind} %c, %e
  %h = fadd reassoc nsz contract {kind} %d, %f
  store {kind} %g, ptr %yr
  store {kind} %h, ptr %yi
  %next = add nuw nsw i64 %i, 1
  %end = icmp eq i64 %next, %count
  br i1 %end, label %done, label %loop
done:
  ret void
}}
"""

_COMPLEX_DOT = """\
define internal void @"numzyme.complex_dot.{kind}"(i64 %count, {kind} %sign, ptr %x, ptr %y, ptr %target) {{
entry:
  %target.imag = getelementptr i8, ptr %target, i64 {width}
  %real = load {kind}, ptr %target
  %imag = load {kind}, ptr %target.imag
  %empty = icmp sle i64 %count, 0
  br i1 %empty, label %done, label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %real.sum = phi {kind} [ %real, %entry ], [ %g, %loop ]
  %imag.sum = phi {kind} [ %imag, %entry ], [ %h, %loop ]
  %place = mul i64 %i, {twice}
  %xr = getelementptr i8, ptr %x, i64 %place
  %yr = getelementptr i8, ptr %y, i64 %place
  %xi = getelementptr i8, ptr %xr, i64 {width}
  %yi = getelementptr i8, ptr %yr, i64 {width}
  %a = load {kind}, ptr %xr
  %b.given = load {kind}, ptr %xi
  %b = fmul contract {kind} %b.given, %sign
  %c = load {kind}, ptr %yr
  %d = load {kind}, ptr %yi
  %ac = fmul contract {kind} %a, %c
  %bd = fmul contract {kind} %b, %d
  %ad = fmul contract {kind} %a, %d
  %bc = fmul contract {kind} %b, %c
  %e = fsub reassoc nsz contract {kind} %ac, %bd
  %f = fadd reassoc nsz contract {kind} %ad, %bc
  %g = fadd reassoc nsz contract {kind} %real.sum, %e
  %h = fadd reassoc nsz contract {kind} %imag.sum, %f
  %next = add nuw nsw i64 %i, 1
  %end = icmp eq i64 %next, %count
  br i1 %end, label %done, label %loop
done:
  %real.result = phi {kind} [ %real, %entry ], [ %g, %loop ]
  %imag.result = phi {kind} [ %imag, %entry ], [ %h, %loop ]
  store {kind} %real.result, ptr %target
  store {kind} %imag.result, ptr %target.imag
  ret void
}}
"""

# 0.0 - x, not -x: nothing is to become a negative zero
_CONJUGATE = """\
define internal void @"numzyme.conjugate.{kind}"(i64 %rows, i64 %columns, i64 %leading, ptr %matrix) {{
entry:
  %no.rows = icmp sle i64 %rows, 0
  %no.columns = icmp sle i64 %columns, 0
  %empty = or i1 %no.rows, %no.columns
  br i1 %empty, label %done, label %column
column:
  %j = phi i64 [ 0, %entry ], [ %j.next, %column.end ]
  %first = mul i64 %j, %leading
  br label %row
row:
  %i = phi i64 [ 0, %column ], [ %i.next, %row ]
  %number = add i64 %first, %i
  %place = mul i64 %number, {twice}
  %real = getelementptr i8, ptr %matrix, i64 %place
  %imag = getelementptr i8, ptr %real, i64 {width}
  %a = load {kind}, ptr %imag
  %b = fsub {kind} 0.0, %a
  store {kind} %b, ptr %imag
  %i.next = add nuw nsw i64 %i, 1
  %row.done = icmp eq i64 %i.next, %rows
  br i1 %row.done, label %column.end, label %row
column.end:
  %j.next = add nuw nsw i64 %j, 1
  %column.done = icmp eq i64 %j.next, %columns
  br i1 %column.done, label %done, label %column
done:
  ret void
}}
"""

# the columns of a matrix may lie apart; sizes are in bytes
_CLEAR = """\
define internal void @"numzyme.clear"(i64 %rows, i64 %columns, i64 %leading, ptr %matrix) {
entry:
  %all = mul i64 %rows, %columns
  %dense = icmp eq i64 %rows, %leading
  %size = select i1 %dense, i64 %all, i64 %rows
  %count = select i1 %dense, i64 1, i64 %columns
  %no.size = icmp sle i64 %size, 0
  %no.columns = icmp sle i64 %count, 0
  %empty = or i1 %no.size, %no.columns
  br i1 %empty, label %done, label %column
column:
  %j = phi i64 [ 0, %entry ], [ %next, %column ]
  %place = mul i64 %j, %leading
  %first = getelementptr i8, ptr %matrix, i64 %place
  call void @llvm.memset.p0.i64(ptr %first, i8 0, i64 %size, i1 false)
  %next = add nuw nsw i64 %j, 1
  %end = icmp eq i64 %next, %count
  br i1 %end, label %done, label %column
done:
  ret void
}
"""

# a complex constant, and a real one for whoever reads only that
_CONSTANT = """\
@"numzyme.one.{kind}" = internal constant [2 x {kind}] [{kind} 1.0, {kind} 0.0]
@"numzyme.zero.{kind}" = internal constant [2 x {kind}] zeroinitializer
"""

# psi(x): reflection for x <= 0, recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.18)
_DIGAMMA = """\
define internal double @"numzyme.digamma"(double %x) {
entry:
  %negative = fcmp ole double %x, 0.0
  %mirror = fsub double 1.0, %x
  %start = select i1 %negative, double %mirror, double %x
  br label %climb
climb:
  %z = phi double [ %start, %entry ], [ %z.next, %step ]
  %sum = phi double [ 0.0, %entry ], [ %sum.next, %step ]
  %small = fcmp olt double %z, 10.0
  br i1 %small, label %step, label %series
step:
  %inverse = fdiv double 1.0, %z
  %sum.next = fsub double %sum, %inverse
  %z.next = fadd double %z, 1.0
  br label %climb
series:
  %r = fdiv double 1.0, %z
  %r2 = fmul double %r, %r
  %p7 = fmul double %r2, 0x3FB5555555555555
  %p6a = fsub double 0x3F95995995995996, %p7
  %p6 = fmul double %r2, %p6a
  %p5a = fsub double 0x3F7F07C1F07C1F08, %p6
  %p5 = fmul double %r2, %p5a
  %p4a = fsub double 0x3F71111111111111, %p5
  %p4 = fmul double %r2, %p4a
  %p3a = fsub double 0x3F70410410410410, %p4
  %p3 = fmul double %r2, %p3a
  %p2a = fsub double 0x3F81111111111111, %p3
  %p2 = fmul double %r2, %p2a
  %p1a = fsub double 0x3FB5555555555555, %p2
  %p1 = fmul double %r2, %p1a
  %log = call double @llvm.log.f64(double %z)
  %half = fmul double 0.5, %r
  %a = fsub double %log, %half
  %b = fsub double %a, %p1
  %value = fadd double %sum, %b
  br i1 %negative, label %reflect, label %done
reflect:
  %angle = fmul double %x, 0x400921FB54442D18
  %sine = call double @llvm.sin.f64(double %angle)
  %cosine = call double @llvm.cos.f64(double %angle)
  %cotangent = fdiv double %cosine, %sine
  %scaled = fmul double %cotangent, 0x400921FB54442D18
  %reflected = fsub double %value, %scaled
  br label %done
done:
  %result = phi double [ %value, %series ], [ %reflected, %reflect ]
  ret double %result
}
"""

_TEMPLATES = {
    "numzyme.adjoint_copy": _ADJOINT_COPY,
    "numzyme.axpy": _AXPY,
    "numzyme.dot": _DOT,
    "numzyme.complex_axpy": _COMPLEX_AXPY,
    "numzyme.complex_dot": _COMPLEX_DOT,
    "numzyme.conjugate": _CONJUGATE,
    "numzyme.constant": _CONSTANT,
}
_WITHOUT_KIND = {"numzyme.digamma": _DIGAMMA, "numzyme.clear": _CLEAR}
DIGAMMA_NEEDS = {f"@llvm.{f}.f64": f"declare double @llvm.{f}.f64(double)" for f in ("log", "sin", "cos")}


def helper_text(name: str) -> str:
    """LLVM text of a helper: `numzyme.axpy.double`, `numzyme.digamma`, ..."""
    if name in _WITHOUT_KIND:
        return _WITHOUT_KIND[name]
    if name.startswith("numzyme.fields."):
        template, kind = (name, "") if name in _OF_FIELDS else name.rsplit(".", 1)
        upward, action = _OF_FIELDS[template]
        return _FIELDS.format(name=name, upward=upward, action=action.format(kind=kind))
    template, kind = name.rsplit(".", 1)
    width = 8 if kind == "double" else 4
    return _TEMPLATES[template].format(kind=kind, width=width, twice=2 * width)
