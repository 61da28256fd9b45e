"""Python objects compared by address and put into tuples, in LLVM text: CPython's fast calling convention.

Each function gets its own object (a tuple of a class, True and False), an array of arguments and their number. They run
under the GIL and keep no reference; what they give has a reference of its own.
"""

from __future__ import annotations

# In CPython: an object's class, a tuple's members. In NumPy: shape and strides behind the number of axes, the dtype.
CLASS, MEMBERS = 8, 24
AXES, SHAPE, STRIDES, DTYPE = 24, 32, 40, 56
BYTE_ORDER, NUMBER = 26, 28  # of a dtype
MOST = 8000  # arguments: the table is on the stack

DISTINCT, CONGRUENT = "numzyme.identity.distinct_arrays", "numzyme.identity.congruent_arrays"
TUPLE_OF = "numzyme.identity.tuple_of"

_TEMPLATE = """
declare ptr @PyType_GenericAlloc(ptr, i64)
declare void @Py_IncRef(ptr)
declare i64 @llvm.ctlz.i64(i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define internal ptr @field(ptr %object, i64 %offset) alwaysinline {{
  %at = getelementptr i8, ptr %object, i64 %offset
  %value = load ptr, ptr %at
  ret ptr %value
}}

define internal ptr @answer(ptr %self, i1 %good) {{
  %offset = select i1 %good, i64 {true_member}, i64 {false_member}
  %chosen = call ptr @field(ptr %self, i64 %offset)
  call void @Py_IncRef(ptr %chosen)
  ret ptr %chosen
}}

; Whether all are instances of `class` itself and no two are one object: a table of addresses, half of it empty.
define internal i1 @distinct(ptr %class, ptr %items, i64 %count) {{
entry:
  %twice = shl i64 %count, 1
  %zeros = call i64 @llvm.ctlz.i64(i64 %twice, i1 false)
  %bits = sub i64 64, %zeros
  %size = shl i64 1, %bits
  %mask = sub i64 %size, 1
  %shift = sub i64 64, %bits
  %table = alloca ptr, i64 %size
  %bytes = shl i64 %size, 3
  call void @llvm.memset.p0.i64(ptr %table, i8 0, i64 %bytes, i1 false)
  br label %next
next:
  %index = phi i64 [ 0, %entry ], [ %following, %keep ]
  %more = icmp ult i64 %index, %count
  br i1 %more, label %look, label %good
look:
  %item.at = getelementptr ptr, ptr %items, i64 %index
  %item = load ptr, ptr %item.at
  %its = call ptr @field(ptr %item, i64 {class_at})
  %same.class = icmp eq ptr %its, %class
  %address = ptrtoint ptr %item to i64
  %spread = mul i64 %address, -7046029254386353131
  %start = lshr i64 %spread, %shift
  br i1 %same.class, label %probe, label %bad
probe:
  %place = phi i64 [ %start, %look ], [ %wrapped, %on ]
  %slot = getelementptr ptr, ptr %table, i64 %place
  %known = load ptr, ptr %slot
  %free = icmp eq ptr %known, null
  br i1 %free, label %keep, label %taken
taken:
  %again = icmp eq ptr %known, %item
  br i1 %again, label %bad, label %on
on:
  %after = add i64 %place, 1
  %wrapped = and i64 %after, %mask
  br label %probe
keep:
  store ptr %item, ptr %slot
  %following = add i64 %index, 1
  br label %next
good:
  ret i1 true
bad:
  ret i1 false
}}

; Whether two arrays of numbers have equal dtypes, shapes and strides, and no axis whose elements are one.
define internal i1 @alike(ptr %a, ptr %b) {{
entry:
  %a.dtype = call ptr @field(ptr %a, i64 {dtype})
  %b.dtype = call ptr @field(ptr %b, i64 {dtype})
  %a.order.at = getelementptr i8, ptr %a.dtype, i64 {order}
  %b.order.at = getelementptr i8, ptr %b.dtype, i64 {order}
  %a.number.at = getelementptr i8, ptr %a.dtype, i64 {number}
  %b.number.at = getelementptr i8, ptr %b.dtype, i64 {number}
  %a.order = load i8, ptr %a.order.at
  %b.order = load i8, ptr %b.order.at
  %a.number = load i32, ptr %a.number.at
  %b.number = load i32, ptr %b.number.at
  %same.order = icmp eq i8 %a.order, %b.order
  %same.number = icmp eq i32 %a.number, %b.number
  %same.dtype = and i1 %same.order, %same.number
  %a.axes.at = getelementptr i8, ptr %a, i64 {axes}
  %b.axes.at = getelementptr i8, ptr %b, i64 {axes}
  %axes = load i32, ptr %a.axes.at
  %b.axes = load i32, ptr %b.axes.at
  %same.axes = icmp eq i32 %axes, %b.axes
  %same = and i1 %same.dtype, %same.axes
  %a.shape = call ptr @field(ptr %a, i64 {shape})
  %b.shape = call ptr @field(ptr %b, i64 {shape})
  %a.strides = call ptr @field(ptr %a, i64 {strides})
  %b.strides = call ptr @field(ptr %b, i64 {strides})
  br i1 %same, label %next, label %bad
next:
  %axis = phi i32 [ 0, %entry ], [ %following, %compare ]
  %more = icmp slt i32 %axis, %axes
  br i1 %more, label %compare, label %good
compare:
  %a.length.at = getelementptr i64, ptr %a.shape, i32 %axis
  %b.length.at = getelementptr i64, ptr %b.shape, i32 %axis
  %a.stride.at = getelementptr i64, ptr %a.strides, i32 %axis
  %b.stride.at = getelementptr i64, ptr %b.strides, i32 %axis
  %length = load i64, ptr %a.length.at
  %b.length = load i64, ptr %b.length.at
  %stride = load i64, ptr %a.stride.at
  %b.stride = load i64, ptr %b.stride.at
  %same.length = icmp eq i64 %length, %b.length
  %same.stride = icmp eq i64 %stride, %b.stride
  %moves = icmp ne i64 %stride, 0
  %short = icmp sle i64 %length, 1
  %apart = or i1 %moves, %short
  %laid.out = and i1 %same.length, %same.stride
  %fits = and i1 %laid.out, %apart
  %following = add i32 %axis, 1
  br i1 %fits, label %next, label %bad
good:
  ret i1 true
bad:
  ret i1 false
}}

define ptr @"{distinct}"(ptr %self, ptr %items, i64 %count) {{
  %class = call ptr @field(ptr %self, i64 {members})
  %good = call i1 @distinct(ptr %class, ptr %items, i64 %count)
  %result = call ptr @answer(ptr %self, i1 %good)
  ret ptr %result
}}

; An instance of a subclass of tuple, as tuple.__new__ makes it.
define ptr @"{tuple_of}"(ptr %self, ptr %items, i64 %count) {{
entry:
  %class = call ptr @field(ptr %self, i64 {members})
  %made = call ptr @PyType_GenericAlloc(ptr %class, i64 %count)
  %failed = icmp eq ptr %made, null
  %members = getelementptr i8, ptr %made, i64 {members}
  br i1 %failed, label %done, label %next
next:
  %index = phi i64 [ 0, %entry ], [ %following, %put ]
  %more = icmp ult i64 %index, %count
  br i1 %more, label %put, label %done
put:
  %from = getelementptr ptr, ptr %items, i64 %index
  %to = getelementptr ptr, ptr %members, i64 %index
  %item = load ptr, ptr %from
  call void @Py_IncRef(ptr %item)
  store ptr %item, ptr %to
  %following = add i64 %index, 1
  br label %next
done:
  ret ptr %made
}}

; Arrays, each followed by its shadow.
define ptr @"{congruent}"(ptr %self, ptr %items, i64 %count) {{
entry:
  %class = call ptr @field(ptr %self, i64 {members})
  %apart = call i1 @distinct(ptr %class, ptr %items, i64 %count)
  br i1 %apart, label %next, label %done
next:
  %index = phi i64 [ 0, %entry ], [ %following, %compare ]
  %more = icmp ult i64 %index, %count
  br i1 %more, label %compare, label %done
compare:
  %a.at = getelementptr ptr, ptr %items, i64 %index
  %a = load ptr, ptr %a.at
  %b.at = getelementptr ptr, ptr %a.at, i64 1
  %b = load ptr, ptr %b.at
  %following = add i64 %index, 2
  %fits = call i1 @alike(ptr %a, ptr %b)
  br i1 %fits, label %next, label %done
done:
  %good = phi i1 [ false, %entry ], [ true, %next ], [ false, %compare ]
  %result = call ptr @answer(ptr %self, i1 %good)
  ret ptr %result
}}
"""


def definitions() -> str:
    return _TEMPLATE.format(
        distinct=DISTINCT, congruent=CONGRUENT, tuple_of=TUPLE_OF,
        members=MEMBERS, true_member=MEMBERS + 8, false_member=MEMBERS + 16,
        class_at=CLASS, axes=AXES, shape=SHAPE, strides=STRIDES, dtype=DTYPE, order=BYTE_ORDER, number=NUMBER,
    )  # fmt: skip
