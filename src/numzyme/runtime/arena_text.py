"""The arena in LLVM text: bump allocation for tapes, without locks and without thread-local storage.

An arena is a slot of a process-wide pool together with a list of chunks from malloc. The pool is reached
through the symbol `numzyme.arena.pool`, never through an address in the code, so that compiled code can be
stored.

Invariants: a slot is used only by the caller that turned its `busy` word from 0 to 1, hence everything else
in it is written without atomics; `before + (bump - base)` is the number of bytes in use; an idle slot has
nothing in use and at most one chunk; whoever finds all slots busy works on a slot of its own from malloc,
freed by `leave`.
"""

from __future__ import annotations

import re

SLOTS = 64
SLOT_BYTES = 128
# Requests above this are refused before the arithmetic on sizes could wrap around.
LARGEST_REQUEST = 1 << 46

# Byte offsets: fields of a slot, and of the header that precedes the usable memory of a chunk.
_SLOT = "busy bump limit chunk base before peak wanted reserved entries exits allocations extra highest"
SLOT_FIELDS = {name: 8 * position for position, name in enumerate(_SLOT.split())}
CHUNK_FIELDS = {"raw": 0, "previous": 8, "next": 16, "end": 24, "before": 32}
HEADER_BYTES = 64

API = ("enter", "leave", "allocate", "mark", "release", "trim")

# What a derivative declares: the calls touch only the arena and memory that nobody else sees, so that LLVM
# keeps what it knows of the user's arrays across them. `leave` and `release` end the life of memory: they
# clobber all.
DECLARATIONS = """
declare ptr @numzyme.arena.enter() nounwind willreturn memory(inaccessiblemem: readwrite)
declare void @numzyme.arena.leave(ptr) nounwind willreturn
declare noalias ptr @numzyme.arena.allocate(ptr, i64) \
nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite) allocsize(1)
declare ptr @numzyme.arena.mark(ptr) nounwind willreturn memory(argmem: read)
declare void @numzyme.arena.release(ptr, ptr) nounwind willreturn
"""

_TEMPLATE = """
@numzyme.arena.pool = external global [{pool_bytes} x i8]
declare noalias ptr @malloc(i64)
declare noalias ptr @calloc(i64, i64)
declare void @free(ptr)
declare i64 @llvm.umax.i64(i64, i64)

; The search starts at a place that the thread's stack decides, so that a thread meets its own warm arena
; again.
define ptr @numzyme.arena.enter() {{
entry:
  %here = alloca i8
  %address = ptrtoint ptr %here to i64
  %page = lshr i64 %address, 20
  %mixed = mul i64 %page, -7046029254386353131
  %hint = lshr i64 %mixed, 58
  br label %probe
probe:
  %step = phi i64 [ 0, %entry ], [ %next.step, %next ]
  %place = add i64 %hint, %step
  %index = and i64 %place, {last_slot}
  %offset = mul i64 %index, {slot_bytes}
  %slot = getelementptr i8, ptr @numzyme.arena.pool, i64 %offset
  %seen = load atomic i32, ptr %slot monotonic, align 8
  %idle = icmp eq i32 %seen, 0
  br i1 %idle, label %claim, label %next
claim:
  %old = atomicrmw xchg ptr %slot, i32 1 acquire
  %claimed = icmp eq i32 %old, 0
  br i1 %claimed, label %found, label %next
next:
  %next.step = add i64 %step, 1
  %more = icmp ult i64 %next.step, {slots}
  br i1 %more, label %probe, label %all.busy
all.busy:
  %fresh = call ptr @calloc(i64 1, i64 {slot_bytes})
  %none = icmp eq ptr %fresh, null
  br i1 %none, label %fail, label %mark.extra
mark.extra:
  SET extra %fresh i64 1
  br label %found
found:
  %arena = phi ptr [ %slot, %claim ], [ %fresh, %mark.extra ]
  INC entries %arena
  ret ptr %arena
fail:
  ret ptr null
}}

define ptr @numzyme.arena.allocate(ptr %arena, i64 %size) {{
entry:
  %size.positive = call i64 @llvm.umax.i64(i64 %size, i64 1)
  %padded = add i64 %size.positive, 31
  %rounded = and i64 %padded, -32
  INC allocations %arena
  GET bump %arena ptr
  GET limit %arena ptr
  %bump.int = ptrtoint ptr %bump to i64
  %limit.int = ptrtoint ptr %limit to i64
  %room = sub i64 %limit.int, %bump.int
  %fits = icmp ule i64 %rounded, %room
  %sane = icmp ule i64 %size, {largest_request}
  %fast = and i1 %fits, %sane
  br i1 %fast, label %take, label %slow, !prof !0
take:
  %new = getelementptr i8, ptr %bump, i64 %rounded
  SET bump %arena ptr %new
  ret ptr %bump
slow:
  br i1 %sane, label %grow, label %refuse
grow:
  %found = call ptr @grow(ptr %arena, i64 %rounded)
  ret ptr %found
refuse:
  ret ptr null
}}
!0 = !{{!"branch_weights", i32 2000, i32 1}}

; The next chunk when it is there and large enough, else a new one; at least twice as large as the one before.
define internal ptr @grow(ptr %arena, i64 %size) noinline {{
entry:
  GET chunk %arena ptr
  GET base %arena ptr
  GET bump %arena ptr
  GET before %arena i64
  GET wanted %arena i64
  %bump.int = ptrtoint ptr %bump to i64
  %base.int = ptrtoint ptr %base to i64
  %used.here = sub i64 %bump.int, %base.int
  %used = add i64 %before, %used.here
  %first = icmp eq ptr %chunk, null
  br i1 %first, label %size.up, label %look.ahead
look.ahead:
  CGET end %chunk i64
  %old.capacity = sub i64 %end, %base.int
  %double = shl i64 %old.capacity, 1
  CGET next %chunk ptr
  %has.next = icmp ne ptr %next, null
  br i1 %has.next, label %measure, label %size.up
measure:
  %next.base = getelementptr i8, ptr %next, i64 {header_bytes}
  %next.base.int = ptrtoint ptr %next.base to i64
  %next.end.at = getelementptr i8, ptr %next, i64 {end_offset}
  %next.end = load i64, ptr %next.end.at
  %next.capacity = sub i64 %next.end, %next.base.int
  %next.fits = icmp ule i64 %size, %next.capacity
  br i1 %next.fits, label %use, label %drop
drop:
  CSET next %chunk ptr null
  call void @free.chunks(ptr %arena, ptr %next)
  br label %size.up
size.up:
  %at.least = phi i64 [ %wanted, %entry ], [ %double, %look.ahead ], [ %double, %drop ]
  %eighth = lshr i64 %size, 3
  %generous.0 = add i64 %size, %eighth
  %generous = add i64 %generous.0, 65536
  %asked = call i64 @llvm.umax.i64(i64 %generous, i64 %at.least)
  %total = add i64 %asked, 128
  %raw.0 = call ptr @malloc(i64 %total)
  %failed = icmp eq ptr %raw.0, null
  br i1 %failed, label %modest, label %made
modest:
  %total.modest = add i64 %size, 128
  %raw.1 = call ptr @malloc(i64 %total.modest)
  %failed.again = icmp eq ptr %raw.1, null
  br i1 %failed.again, label %fail, label %made
made:
  %raw = phi ptr [ %raw.0, %size.up ], [ %raw.1, %modest ]
  %bytes = phi i64 [ %total, %size.up ], [ %total.modest, %modest ]
  %raw.int = ptrtoint ptr %raw to i64
  %raw.end = add i64 %raw.int, %bytes
  %up = add i64 %raw.int, 63
  %aligned = and i64 %up, -64
  %skip = sub i64 %aligned, %raw.int
  %new = getelementptr i8, ptr %raw, i64 %skip
  CSET raw %new ptr %raw
  CSET end %new i64 %raw.end
  CSET next %new ptr null
  CSET previous %new ptr %chunk
  GET reserved %arena i64
  %usable.from = add i64 %aligned, {header_bytes}
  %usable = sub i64 %raw.end, %usable.from
  %reserved.more = add i64 %reserved, %usable
  SET reserved %arena i64 %reserved.more
  br i1 %first, label %use, label %append
append:
  CSET next %chunk ptr %new
  br label %use
use:
  %current = phi ptr [ %next, %measure ], [ %new, %made ], [ %new, %append ]
  CSET before %current i64 %used
  call void @enter.chunk(ptr %arena, ptr %current)
  GET base.2 %arena ptr
  %after = getelementptr i8, ptr %base.2, i64 %size
  SET bump %arena ptr %after
  ret ptr %base.2
fail:
  ret ptr null
}}

define internal void @enter.chunk(ptr %arena, ptr %chunk) alwaysinline {{
  CGET end %chunk i64
  CGET before %chunk i64
  %limit = inttoptr i64 %end to ptr
  %base = getelementptr i8, ptr %chunk, i64 {header_bytes}
  SET chunk %arena ptr %chunk
  SET base %arena ptr %base
  SET bump %arena ptr %base
  SET limit %arena ptr %limit
  SET before %arena i64 %before
  ret void
}}

define internal void @free.chunks(ptr %arena, ptr %start) noinline {{
entry:
  %empty = icmp eq ptr %start, null
  br i1 %empty, label %done, label %body
body:
  %chunk = phi ptr [ %start, %entry ], [ %next, %body ]
  CGET next %chunk ptr
  CGET raw %chunk ptr
  CGET end %chunk i64
  %base = getelementptr i8, ptr %chunk, i64 {header_bytes}
  %base.int = ptrtoint ptr %base to i64
  %usable = sub i64 %end, %base.int
  GET reserved %arena i64
  %less = sub i64 %reserved, %usable
  SET reserved %arena i64 %less
  call void @free(ptr %raw)
  %last = icmp eq ptr %next, null
  br i1 %last, label %done, label %body
done:
  ret void
}}

define internal void @note.peak(ptr %arena) alwaysinline {{
  GET bump %arena ptr
  GET base %arena ptr
  GET before %arena i64
  GET peak %arena i64
  %bump.int = ptrtoint ptr %bump to i64
  %base.int = ptrtoint ptr %base to i64
  %here = sub i64 %bump.int, %base.int
  %used = add i64 %before, %here
  %more = call i64 @llvm.umax.i64(i64 %used, i64 %peak)
  SET peak %arena i64 %more
  ret void
}}

define internal ptr @first.chunk(ptr %chunk) {{
entry:
  br label %back
back:
  %at = phi ptr [ %chunk, %entry ], [ %previous, %back ]
  CGET previous %at ptr
  %first = icmp eq ptr %previous, null
  br i1 %first, label %done, label %back
done:
  ret ptr %at
}}

define ptr @numzyme.arena.mark(ptr %arena) {{
  GET bump %arena ptr
  ret ptr %bump
}}

; Chunks behind the mark stay for the next time: a loop that marks and releases must not malloc in every
; iteration.
define void @numzyme.arena.release(ptr %arena, ptr %mark) {{
entry:
  call void @note.peak(ptr %arena)
  GET base %arena ptr
  GET limit %arena ptr
  %behind = icmp uge ptr %mark, %base
  %inside = icmp ule ptr %mark, %limit
  %here = and i1 %behind, %inside
  br i1 %here, label %reset, label %walk
walk:
  GET chunk %arena ptr
  %none = icmp eq ptr %chunk, null
  br i1 %none, label %done, label %look
look:
  %at = phi ptr [ %chunk, %walk ], [ %previous, %back ]
  call void @enter.chunk(ptr %arena, ptr %at)
  GET base.2 %arena ptr
  GET limit.2 %arena ptr
  %behind.2 = icmp uge ptr %mark, %base.2
  %inside.2 = icmp ule ptr %mark, %limit.2
  %here.2 = and i1 %behind.2, %inside.2
  br i1 %here.2, label %reset, label %back
back:
  CGET previous %at ptr
  ; A mark taken before the first chunk existed is null: everything goes.
  %first = icmp eq ptr %previous, null
  br i1 %first, label %done, label %look
reset:
  SET bump %arena ptr %mark
  br label %done
done:
  ret void
}}

; After growth one chunk stays, large enough for the whole run, so that the next one is contiguous and its
; pages warm.
define void @numzyme.arena.leave(ptr %arena) {{
entry:
  call void @note.peak(ptr %arena)
  INC exits %arena
  GET base %arena ptr
  SET bump %arena ptr %base
  GET extra %arena i64
  %own = icmp ne i64 %extra, 0
  br i1 %own, label %drop.slot, label %check
check:
  GET peak %arena i64
  GET highest %arena i64
  %higher = call i64 @llvm.umax.i64(i64 %peak, i64 %highest)
  SET highest %arena i64 %higher
  SET peak %arena i64 0
  GET chunk %arena ptr
  %none = icmp eq ptr %chunk, null
  br i1 %none, label %give.back, label %single
single:
  CGET previous %chunk ptr
  CGET next %chunk ptr
  %no.previous = icmp eq ptr %previous, null
  %no.next = icmp eq ptr %next, null
  %alone = and i1 %no.previous, %no.next
  br i1 %alone, label %give.back, label %several
several:
  call void @keep.one(ptr %arena, ptr %chunk, i64 %peak)
  br label %give.back
give.back:
  store atomic i32 0, ptr %arena release, align 8
  ret void
drop.slot:
  call void @drop(ptr %arena)
  ret void
}}

define internal void @keep.one(ptr %arena, ptr %chunk, i64 %peak) noinline {{
entry:
  %first = call ptr @first.chunk(ptr %chunk)
  br label %find.last
find.last:
  %last = phi ptr [ %first, %entry ], [ %next, %find.last ]
  CGET next %last ptr
  %end.reached = icmp eq ptr %next, null
  br i1 %end.reached, label %judge, label %find.last
judge:
  CGET end %last i64
  CGET previous %last ptr
  %base = getelementptr i8, ptr %last, i64 {header_bytes}
  %base.int = ptrtoint ptr %base to i64
  %capacity = sub i64 %end, %base.int
  %enough = icmp uge i64 %capacity, %peak
  br i1 %enough, label %keep.last, label %free.all
keep.last:
  CSET next %previous ptr null
  CSET previous %last ptr null
  CSET before %last i64 0
  call void @free.chunks(ptr %arena, ptr %first)
  call void @enter.chunk(ptr %arena, ptr %last)
  ret void
free.all:
  call void @clear(ptr %arena, ptr %first)
  SET wanted %arena i64 %peak
  ret void
}}

define internal void @clear(ptr %arena, ptr %first) {{
  call void @free.chunks(ptr %arena, ptr %first)
  SET chunk %arena ptr null
  SET base %arena ptr null
  SET bump %arena ptr null
  SET limit %arena ptr null
  SET before %arena i64 0
  ret void
}}

; The counters of a slot from malloc are added to those of slot 0, atomically because its owner may be
; running.
define internal void @drop(ptr %arena) noinline {{
entry:
  GET chunk %arena ptr
  %none = icmp eq ptr %chunk, null
  br i1 %none, label %count, label %free.chunks
free.chunks:
  %first = call ptr @first.chunk(ptr %chunk)
  call void @clear(ptr %arena, ptr %first)
  br label %count
count:
  GET allocations %arena i64
  %entries.at = getelementptr i8, ptr @numzyme.arena.pool, i64 {dropped_entries}
  %allocations.at = getelementptr i8, ptr @numzyme.arena.pool, i64 {dropped_allocations}
  %highest.at = getelementptr i8, ptr @numzyme.arena.pool, i64 {dropped_highest}
  GET peak %arena i64
  %a = atomicrmw add ptr %entries.at, i64 1 monotonic
  %b = atomicrmw add ptr %allocations.at, i64 %allocations monotonic
  %c = atomicrmw umax ptr %highest.at, i64 %peak monotonic
  call void @free(ptr %arena)
  ret void
}}

; Free what idle arenas hold and forget their peaks; the number of bytes that were freed.
define i64 @numzyme.arena.trim() {{
entry:
  br label %visit
visit:
  %index = phi i64 [ 0, %entry ], [ %index.next, %next ]
  %freed = phi i64 [ 0, %entry ], [ %freed.next, %next ]
  %offset = mul i64 %index, {slot_bytes}
  %slot = getelementptr i8, ptr @numzyme.arena.pool, i64 %offset
  %old = atomicrmw xchg ptr %slot, i32 1 acquire
  %idle = icmp eq i32 %old, 0
  br i1 %idle, label %claimed, label %next
claimed:
  GET reserved %slot i64
  GET chunk %slot ptr
  SET wanted %slot i64 0
  SET highest %slot i64 0
  %none = icmp eq ptr %chunk, null
  br i1 %none, label %give.back, label %free.it
free.it:
  call void @clear(ptr %slot, ptr %chunk)
  br label %give.back
give.back:
  %more = add i64 %freed, %reserved
  store atomic i32 0, ptr %slot release, align 8
  br label %next
next:
  %freed.next = phi i64 [ %freed, %visit ], [ %more, %give.back ]
  %index.next = add i64 %index, 1
  %again = icmp ult i64 %index.next, {slots}
  br i1 %again, label %visit, label %done
done:
  ret i64 %freed.next
}}
"""

# After the slots: totals of the slots from malloc that are gone.
DROPPED_ENTRIES = SLOTS * SLOT_BYTES
DROPPED_ALLOCATIONS = DROPPED_ENTRIES + 8
DROPPED_HIGHEST = DROPPED_ENTRIES + 16
POOL_BYTES = DROPPED_ENTRIES + 64


def definitions() -> str:
    """The LLVM text that defines the API, as a module of its own."""
    text = _TEMPLATE.format(
        pool_bytes=POOL_BYTES,
        slots=SLOTS,
        last_slot=SLOTS - 1,
        slot_bytes=SLOT_BYTES,
        largest_request=LARGEST_REQUEST,
        header_bytes=HEADER_BYTES,
        end_offset=CHUNK_FIELDS["end"],
        dropped_entries=DROPPED_ENTRIES,
        dropped_allocations=DROPPED_ALLOCATIONS,
        dropped_highest=DROPPED_HIGHEST,
    )
    return expanded(text)


def expanded(text: str) -> str:
    """LLVM text without the shorthand for fields of slots and chunks."""
    return "\n".join(_expand(number, line) for number, line in enumerate(text.splitlines()))


def _expand(number: int, line: str) -> str:
    """Shorthand in full: GET and SET a field of a slot (CGET, CSET: of a chunk), INC a counter of a slot."""
    shorthand = re.fullmatch(r"  (C?)(GET|SET|INC) (\S+) (%\S+)(?: (.*))?", line)
    if shorthand is None:
        return line
    chunk, operation, name, pointer, rest = shorthand.groups()
    offset = (CHUNK_FIELDS if chunk else SLOT_FIELDS)[name.split(".")[0]]
    address = f"  %at.{number} = getelementptr i8, ptr {pointer}, i64 {offset}"
    if operation == "GET":
        return f"{address}\n  %{name} = load {rest}, ptr %at.{number}"
    if operation == "SET":
        return f"{address}\n  store {rest}, ptr %at.{number}"
    return f"""{address}
  %{name}.old = load i64, ptr %at.{number}
  %{name}.new = add i64 %{name}.old, 1
  store i64 %{name}.new, ptr %at.{number}"""
