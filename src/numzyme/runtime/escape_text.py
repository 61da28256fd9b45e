"""Memory that leaves an arena, in LLVM text: what an exception or a result hands over to Python.

`numzyme.arena.escape(arena, records, record, meminfo, low, size)` gives the bytes at `low` to whoever holds the meminfo
that it writes to `record`, and says there where they are. Invariants: memory of the arena is copied into a block of
Numba's runtime, once for all that names it among `records`; other memory stays where it is; either way the meminfo is
counted once more. The address is null when there is no memory for a copy.
"""

from __future__ import annotations

from ..ir.exceptions import CHAINED
from . import arena_text

API = ("escape", "publish", "publish_when_raising")
DECLARATIONS = """
declare void @numzyme.arena.escape(ptr, ptr, ptr, ptr, ptr, i64) nounwind willreturn
declare void @numzyme.arena.publish(ptr, ptr, i64) nounwind willreturn
declare void @numzyme.arena.publish_when_raising(ptr, ptr, i64) nounwind willreturn
"""
# Numba's record of an exception with arguments that were known only while the code ran: the third word are these. The
# arguments of one with a context or a cause are the records of these (`frontend.objects.exception_records`).
DROP = f"""
define internal void @numzyme.drop(ptr %record) {{
entry:
  %place = getelementptr i8, ptr %record, i64 16
  %arguments = load ptr, ptr %place
  %count.at = getelementptr i8, ptr %record, i64 32
  %count = load i32, ptr %count.at
  %chained = icmp eq i32 %count, {CHAINED}
  br i1 %chained, label %others, label %own
others:
  %number = phi i64 [ 0, %entry ], [ %next, %dropped ]
  %next = add i64 %number, 1
  %other.at = getelementptr i64, ptr %arguments, i64 %number
  %other = load ptr, ptr %other.at
  %none = icmp eq ptr %other, null
  br i1 %none, label %dropped, label %look
look:
  %other.count.at = getelementptr i8, ptr %other, i64 32
  %other.count = load i32, ptr %other.count.at
  %made = icmp sgt i32 %other.count, 0
  br i1 %made, label %drop, label %dropped
drop:
  call void @numzyme.drop(ptr %other)
  br label %dropped
dropped:
  %more = icmp ult i64 %next, 3
  br i1 %more, label %others, label %own
own:
  call void @NRT_Free(ptr %arguments)
  call void @NRT_Free(ptr %record)
  ret void
}}
declare void @NRT_Free(ptr)
"""
RECORD_BYTES = 40  # meminfo, low, size as they were; meminfo and low as they are
_DATA_OF_MEMINFO = 24
NO_MEMORY = -1  # what `publish` leaves when there was none for a copy

_TEMPLATE = """
declare ptr @NRT_MemInfo_alloc_aligned(i64, i32)
declare noalias ptr @malloc(i64)
declare void @NRT_incref(ptr)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define void @numzyme.arena.escape(ptr %arena, ptr %records, ptr %record, ptr %meminfo, ptr %low, i64 %size) {{
entry:
  %low.at = getelementptr i8, ptr %record, i64 8
  %size.at = getelementptr i8, ptr %record, i64 16
  store ptr %meminfo, ptr %record
  store ptr %low, ptr %low.at
  store i64 %size, ptr %size.at
  %ours = call i1 @holds(ptr %arena, ptr %meminfo)
  br i1 %ours, label %look, label %keep
keep:
  call void @count(ptr %meminfo)
  call void @answer(ptr %record, ptr %meminfo, ptr %low)
  ret void
look:
  %known = phi ptr [ %records, %entry ], [ %known.next, %other ]
  %end = icmp eq ptr %known, %record
  br i1 %end, label %copy, label %compare
compare:
  %known.low.at = getelementptr i8, ptr %known, i64 8
  %known.size.at = getelementptr i8, ptr %known, i64 16
  %known.meminfo = load ptr, ptr %known
  %known.low = load ptr, ptr %known.low.at
  %known.size = load i64, ptr %known.size.at
  %known.high = getelementptr i8, ptr %known.low, i64 %known.size
  %high = getelementptr i8, ptr %low, i64 %size
  %same = icmp eq ptr %known.meminfo, %meminfo
  %from = icmp uge ptr %low, %known.low
  %to = icmp ule ptr %high, %known.high
  %within = and i1 %from, %to
  %covered = and i1 %same, %within
  br i1 %covered, label %again, label %other
other:
  %known.next = getelementptr i8, ptr %known, i64 {record}
  br label %look
again:
  %kept.at = getelementptr i8, ptr %known, i64 24
  %moved.at = getelementptr i8, ptr %known, i64 32
  %kept = load ptr, ptr %kept.at
  %moved = load ptr, ptr %moved.at
  %low.int = ptrtoint ptr %low to i64
  %known.int = ptrtoint ptr %known.low to i64
  %offset = sub i64 %low.int, %known.int
  %moved.low = getelementptr i8, ptr %moved, i64 %offset
  call void @count(ptr %kept)
  call void @answer(ptr %record, ptr %kept, ptr %moved.low)
  ret void
copy:
  %new = call ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 32)
  %failed = icmp eq ptr %new, null
  br i1 %failed, label %fail, label %fill
fill:
  %data.at = getelementptr i8, ptr %new, i64 {data}
  %data = load ptr, ptr %data.at
  call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %low, i64 %size, i1 false)
  call void @answer(ptr %record, ptr %new, ptr %data)
  ret void
fail:
  call void @answer(ptr %record, ptr null, ptr null)
  ret void
}}

define internal void @count(ptr %meminfo) {{
entry:
  %none = icmp eq ptr %meminfo, null
  br i1 %none, label %done, label %more
more:
  call void @NRT_incref(ptr %meminfo)
  br label %done
done:
  ret void
}}

define internal void @answer(ptr %record, ptr %meminfo, ptr %low) alwaysinline {{
  %kept.at = getelementptr i8, ptr %record, i64 24
  %moved.at = getelementptr i8, ptr %record, i64 32
  store ptr %meminfo, ptr %kept.at
  store ptr %low, ptr %moved.at
  ret void
}}

; Leave the address of a copy of some bytes, from malloc, for Python to find ({no_memory} without memory).
define void @numzyme.arena.publish(ptr %slot, ptr %data, i64 %size) {{
  %room = add i64 %size, 1
  %copy = call ptr @malloc(i64 %room)
  %none = icmp eq ptr %copy, null
  %left = select i1 %none, ptr inttoptr (i64 {no_memory} to ptr), ptr %copy
  store ptr %left, ptr %slot
  br i1 %none, label %done, label %fill
fill:
  call void @llvm.memcpy.p0.p0.i64(ptr %copy, ptr %data, i64 %size, i1 false)
  br label %done
done:
  ret void
}}

define void @numzyme.arena.publish_when_raising(ptr %slot, ptr %data, i64 %size) {{
  call void @numzyme.arena.publish(ptr %slot, ptr %data, i64 %size)
  ret void
}}

; Whether an address is in a chunk of the arena.
define internal i1 @holds(ptr %arena, ptr %address) {{
entry:
  GET chunk %arena ptr
  br label %visit
visit:
  %at = phi ptr [ %chunk, %entry ], [ %previous, %back ]
  %none = icmp eq ptr %at, null
  br i1 %none, label %no, label %measure
measure:
  CGET end %at ptr
  %behind = icmp ugt ptr %address, %at
  %before = icmp ult ptr %address, %end
  %inside = and i1 %behind, %before
  br i1 %inside, label %yes, label %back
back:
  CGET previous %at ptr
  br label %visit
yes:
  ret i1 true
no:
  ret i1 false
}}
"""


def definitions() -> str:
    """The LLVM text that defines the API, as a module of its own."""
    return arena_text.expanded(_TEMPLATE.format(record=RECORD_BYTES, data=_DATA_OF_MEMINFO, no_memory=NO_MEMORY))
