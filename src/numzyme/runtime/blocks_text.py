"""Blocks of Numba's runtime that a running derivative owns, in LLVM text.

Forward mode runs Numba's own code with its reference counts, and that code forgets what is alive when an exception
leaves it. Hence every block that a derivative allocates is in a list, whose head is on the stack of its root. The node
is in front of the block's meminfo, and an allocator of our own in the meminfo makes Numba unlink the block when it
frees it. Arguments are lent: the code counts on a stand-in for the meminfo, which lives on the root's stack as well.

Invariants: a block is in the list of at most one running derivative, or its node points at itself; when the root
leaves, what its result (or its exception) names holds exactly as many references as there are names, every other block
is gone, and the counts of the arguments have changed by the names of their stand-ins only. Numba's own counters see
every block once at birth and once at death, since its functions are called for both.
"""

from __future__ import annotations

# Numba's meminfo: reference count, destructor and its argument, data, size, allocator.
_MEMINFO = {"count": 0, "destructor": 8, "info": 16, "data": 24, "size": 32, "allocator": 40}
MEMINFO_BYTES = 48
NODE_BYTES = 16  # previous, next
HEAD_BYTES = 16
KEEP_ALL = -1  # words of a result: nobody knows what it names
_ENOUGH = 1 << 40  # references that no code drops

API = ("enter", "lend", "allocate", "memory", "zeroed", "list", "leave")

# Blocks are memory that nobody else sees, and so are their nodes. `leave` ends the life of memory: it clobbers all.
DECLARATIONS = """
declare void @numzyme.blocks.enter(ptr) nounwind willreturn memory(argmem: readwrite)
declare ptr @numzyme.blocks.lend(ptr, ptr) nounwind willreturn memory(argmem: readwrite)
declare noalias ptr @numzyme.blocks.allocate(ptr, i64, i32, ptr) \
nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite)
declare noalias ptr @numzyme.blocks.memory(ptr, i64) \
nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite)
declare noalias ptr @numzyme.blocks.zeroed(ptr, i64, i32) \
nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite)
declare noalias ptr @numzyme.blocks.list(ptr, i64) \
nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite)
declare void @numzyme.blocks.leave(ptr, ptr, i64, ptr, i64, ptr, i64) nounwind willreturn
"""

# What code that ends in `leave` counts with. Numba's optimiser knows its own functions by name: it moves `NRT_decref`
# to the end of a basic block, behind `leave`, where the block may be gone; and it would pair counts of the code around.
COUNTING = """
define internal void @numzyme.blocks.incref(ptr %meminfo) {
entry:
  %none = icmp eq ptr %meminfo, null
  br i1 %none, label %done, label %count
count:
  %old = atomicrmw add ptr %meminfo, i64 1 monotonic
  br label %done
done:
  ret void
}

define internal void @numzyme.blocks.decref(ptr %meminfo) {
entry:
  %none = icmp eq ptr %meminfo, null
  br i1 %none, label %done, label %count
count:
  fence release
  %old = atomicrmw sub ptr %meminfo, i64 1 monotonic
  %last = icmp eq i64 %old, 1
  br i1 %last, label %free, label %done
free:
  fence acquire
  call void @NRT_MemInfo_call_dtor(ptr %meminfo)
  br label %done
done:
  ret void
}
"""

_TEMPLATE = """
declare ptr @NRT_MemInfo_alloc(i64)
declare void @NRT_MemInfo_call_dtor(ptr)
declare void @free(ptr)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

; Numba's struct of an allocator: malloc, realloc, free, their argument. Only free is ever called.
@allocator = internal constant {{ ptr, ptr, ptr, ptr }} {{ ptr null, ptr null, ptr @free.block, ptr null }}

define internal void @free.block(ptr %meminfo, ptr %unused) {{
  %node = getelementptr i8, ptr %meminfo, i64 -{node}
  call void @unlink(ptr %node)
  call void @free(ptr %node)
  ret void
}}

define internal void @unlink(ptr %node) alwaysinline {{
  %next.at = getelementptr i8, ptr %node, i64 8
  %previous = load ptr, ptr %node
  %next = load ptr, ptr %next.at
  %previous.next = getelementptr i8, ptr %previous, i64 8
  store ptr %next, ptr %previous.next
  store ptr %previous, ptr %next
  store ptr %node, ptr %node
  store ptr %node, ptr %next.at
  ret void
}}

define void @numzyme.blocks.enter(ptr %head) {{
  %next.at = getelementptr i8, ptr %head, i64 8
  store ptr %head, ptr %head
  store ptr %head, ptr %next.at
  ret void
}}

; A stand-in at %place for the meminfo of an argument; null for null.
define ptr @numzyme.blocks.lend(ptr %place, ptr %meminfo) {{
entry:
  %none = icmp eq ptr %meminfo, null
  br i1 %none, label %nothing, label %fill
nothing:
  ret ptr null
fill:
  %data.at = getelementptr i8, ptr %meminfo, i64 {data}
  %data = load ptr, ptr %data.at
  %size.at = getelementptr i8, ptr %meminfo, i64 {size}
  %size = load i64, ptr %size.at
  call void @fill(ptr %place, i64 {enough}, ptr null, ptr %meminfo, ptr %data, i64 %size, ptr null)
  ret ptr %place
}}

define internal void @fill(ptr %meminfo, i64 %count, ptr %destructor, ptr %info, ptr %data, i64 %size, ptr %allocator) \
alwaysinline {{
  %destructor.at = getelementptr i8, ptr %meminfo, i64 {destructor}
  %info.at = getelementptr i8, ptr %meminfo, i64 {info}
  %data.at = getelementptr i8, ptr %meminfo, i64 {data}
  %size.at = getelementptr i8, ptr %meminfo, i64 {size}
  %allocator.at = getelementptr i8, ptr %meminfo, i64 {allocator}
  store i64 %count, ptr %meminfo
  store ptr %destructor, ptr %destructor.at
  store ptr %info, ptr %info.at
  store ptr %data, ptr %data.at
  store i64 %size, ptr %size.at
  store ptr %allocator, ptr %allocator.at
  ret void
}}

; Numba allocates and counts a block with room for our node; its meminfo is then written anew behind the node.
define ptr @numzyme.blocks.allocate(ptr %head, i64 %size, i32 %alignment, ptr %destructor) {{
entry:
  %wide = zext i32 %alignment to i64
  %padded = add i64 %size, %wide
  %total = add i64 %padded, {node}
  %node = call ptr @NRT_MemInfo_alloc(i64 %total)
  %failed = icmp eq ptr %node, null
  br i1 %failed, label %fail, label %link
link:
  %meminfo = getelementptr i8, ptr %node, i64 {node}
  %behind = getelementptr i8, ptr %meminfo, i64 {meminfo}
  %behind.int = ptrtoint ptr %behind to i64
  %negative = sub i64 0, %behind.int
  %mask = sub i64 %wide, 1
  %skip = and i64 %negative, %mask
  %data = getelementptr i8, ptr %behind, i64 %skip
  call void @fill(ptr %meminfo, i64 1, ptr %destructor, ptr null, ptr %data, i64 %size, ptr @allocator)
  %head.next = getelementptr i8, ptr %head, i64 8
  %next = load ptr, ptr %head.next
  %node.next = getelementptr i8, ptr %node, i64 8
  store ptr %head, ptr %node
  store ptr %next, ptr %node.next
  store ptr %node, ptr %next
  store ptr %node, ptr %head.next
  ret ptr %meminfo
fail:
  ret ptr null
}}

define ptr @numzyme.blocks.memory(ptr %head, i64 %size) {{
  %meminfo = call ptr @numzyme.blocks.allocate(ptr %head, i64 %size, i32 32, ptr null)
  %failed = icmp eq ptr %meminfo, null
  br i1 %failed, label %none, label %some
none:
  ret ptr null
some:
  %data.at = getelementptr i8, ptr %meminfo, i64 {data}
  %data = load ptr, ptr %data.at
  ret ptr %data
}}

define ptr @numzyme.blocks.zeroed(ptr %head, i64 %size, i32 %alignment) {{
entry:
  %meminfo = call ptr @numzyme.blocks.allocate(ptr %head, i64 %size, i32 %alignment, ptr null)
  %failed = icmp eq ptr %meminfo, null
  br i1 %failed, label %done, label %clear
clear:
  %data.at = getelementptr i8, ptr %meminfo, i64 {data}
  %data = load ptr, ptr %data.at
  call void @llvm.memset.p0.i64(ptr %data, i8 0, i64 %size, i1 false)
  br label %done
done:
  ret ptr %meminfo
}}

; A list begins with what code that counts takes for its meminfo. Nobody frees it but `leave`.
define ptr @numzyme.blocks.list(ptr %head, i64 %size) {{
entry:
  %memory = call ptr @numzyme.blocks.memory(ptr %head, i64 %size)
  %failed = icmp eq ptr %memory, null
  br i1 %failed, label %done, label %count
count:
  store i64 {enough}, ptr %memory
  br label %done
done:
  ret ptr %memory
}}

; How often %meminfo is among the words of two pieces of memory.
define internal i64 @names(ptr %meminfo, ptr %first, i64 %first.words, ptr %second, i64 %second.words) {{
  %a = call i64 @names.in(ptr %meminfo, ptr %first, i64 %first.words)
  %b = call i64 @names.in(ptr %meminfo, ptr %second, i64 %second.words)
  %sum = add i64 %a, %b
  ret i64 %sum
}}

define internal i64 @names.in(ptr %meminfo, ptr %memory, i64 %words) alwaysinline {{
entry:
  %some = icmp sgt i64 %words, 0
  br i1 %some, label %body, label %done
body:
  %index = phi i64 [ 0, %entry ], [ %index.next, %body ]
  %count = phi i64 [ 0, %entry ], [ %count.next, %body ]
  %at = getelementptr ptr, ptr %memory, i64 %index
  %word = load ptr, ptr %at
  %same = icmp eq ptr %word, %meminfo
  %one = zext i1 %same to i64
  %count.next = add i64 %count, %one
  %index.next = add i64 %index, 1
  %more = icmp slt i64 %index.next, %words
  br i1 %more, label %body, label %done
done:
  %result = phi i64 [ 0, %entry ], [ %count.next, %body ]
  ret i64 %result
}}

; Names of a stand-in become names of what it stands for, which gets a reference for each.
define internal void @return.lent(ptr %stand.in, ptr %memory, i64 %words) {{
entry:
  %some = icmp sgt i64 %words, 0
  br i1 %some, label %body, label %done
body:
  %index = phi i64 [ 0, %entry ], [ %index.next, %next ]
  %at = getelementptr ptr, ptr %memory, i64 %index
  %word = load ptr, ptr %at
  %same = icmp eq ptr %word, %stand.in
  br i1 %same, label %replace, label %next
replace:
  %info.at = getelementptr i8, ptr %stand.in, i64 {info}
  %meminfo = load ptr, ptr %info.at
  %old = atomicrmw add ptr %meminfo, i64 1 monotonic
  store ptr %meminfo, ptr %at
  br label %next
next:
  %index.next = add i64 %index, 1
  %more = icmp slt i64 %index.next, %words
  br i1 %more, label %body, label %done
done:
  ret void
}}

; The root leaves. %first and %second are what outlives it: its result and the tangent, or an exception's arguments.
define void @numzyme.blocks.leave(ptr %head, ptr %stand.ins, i64 %lent, ptr %first, i64 %first.words, ptr %second, \
i64 %second.words) {{
entry:
  %any.lent = icmp sgt i64 %lent, 0
  br i1 %any.lent, label %return.one, label %look
return.one:
  %index = phi i64 [ 0, %entry ], [ %index.next, %return.one ]
  %offset = mul i64 %index, {meminfo}
  %stand.in = getelementptr i8, ptr %stand.ins, i64 %offset
  call void @return.lent(ptr %stand.in, ptr %first, i64 %first.words)
  call void @return.lent(ptr %stand.in, ptr %second, i64 %second.words)
  %index.next = add i64 %index, 1
  %more = icmp slt i64 %index.next, %lent
  br i1 %more, label %return.one, label %look
look:
  %first.at = getelementptr i8, ptr %head, i64 8
  %first.node = load ptr, ptr %first.at
  %empty = icmp eq ptr %first.node, %head
  br i1 %empty, label %done, label %settle
settle:
  call void @settle(ptr %head, ptr %first, i64 %first.words, ptr %second, i64 %second.words)
  br label %done
done:
  ret void
}}

; Destructors drop references to other blocks of the list, so no block may go before all of them have run.
define internal void @settle(ptr %head, ptr %first, i64 %first.words, ptr %second, i64 %second.words) {{
entry:
  %next.at = getelementptr i8, ptr %head, i64 8
  %start = load ptr, ptr %next.at
  %keep.all = icmp eq i64 %first.words, {keep_all}
  br i1 %keep.all, label %detach, label %hold
detach:
  %detached = phi ptr [ %start, %entry ], [ %detached.next, %detach ]
  %detached.next.at = getelementptr i8, ptr %detached, i64 8
  %detached.next = load ptr, ptr %detached.next.at
  call void @unlink(ptr %detached)
  %detached.more = icmp ne ptr %detached.next, %head
  br i1 %detached.more, label %detach, label %done
hold:
  %held = phi ptr [ %start, %entry ], [ %held.next, %hold ]
  %held.meminfo = getelementptr i8, ptr %held, i64 {node}
  store i64 {enough}, ptr %held.meminfo
  %held.next.at = getelementptr i8, ptr %held, i64 8
  %held.next = load ptr, ptr %held.next.at
  %held.more = icmp ne ptr %held.next, %head
  br i1 %held.more, label %hold, label %visit
visit:
  %visited = phi ptr [ %start, %hold ], [ %visited.next, %visited.done ]
  %visited.meminfo = getelementptr i8, ptr %visited, i64 {node}
  %outlives = call i64 @names(ptr %visited.meminfo, ptr %first, i64 %first.words, ptr %second, i64 %second.words)
  %goes = icmp eq i64 %outlives, 0
  %destructor.at = getelementptr i8, ptr %visited.meminfo, i64 {destructor}
  %destructor = load ptr, ptr %destructor.at
  %has.destructor = icmp ne ptr %destructor, null
  %call.it = and i1 %goes, %has.destructor
  br i1 %call.it, label %destroy, label %visited.done
destroy:
  %info.at = getelementptr i8, ptr %visited.meminfo, i64 {info}
  %info = load ptr, ptr %info.at
  %data.at = getelementptr i8, ptr %visited.meminfo, i64 {data}
  %data = load ptr, ptr %data.at
  %size.at = getelementptr i8, ptr %visited.meminfo, i64 {size}
  %size = load i64, ptr %size.at
  call void %destructor(ptr %data, i64 %size, ptr %info)
  store ptr null, ptr %destructor.at
  br label %visited.done
visited.done:
  %visited.next.at = getelementptr i8, ptr %visited, i64 8
  %visited.next = load ptr, ptr %visited.next.at
  %visited.more = icmp ne ptr %visited.next, %head
  br i1 %visited.more, label %visit, label %part
part:
  %parting = phi ptr [ %start, %visited.done ], [ %parting.next, %parted ]
  %parting.next.at = getelementptr i8, ptr %parting, i64 8
  %parting.next = load ptr, ptr %parting.next.at
  %meminfo = getelementptr i8, ptr %parting, i64 {node}
  %named = call i64 @names(ptr %meminfo, ptr %first, i64 %first.words, ptr %second, i64 %second.words)
  %kept = icmp ne i64 %named, 0
  br i1 %kept, label %keep, label %free
keep:
  store i64 %named, ptr %meminfo
  call void @unlink(ptr %parting)
  br label %parted
free:
  call void @NRT_MemInfo_call_dtor(ptr %meminfo)
  br label %parted
parted:
  %parting.more = icmp ne ptr %parting.next, %head
  br i1 %parting.more, label %part, label %done
done:
  ret void
}}
"""


def definitions() -> str:
    """The LLVM text that defines the API, as a module of its own."""
    return _TEMPLATE.format(node=NODE_BYTES, meminfo=MEMINFO_BYTES, enough=_ENOUGH, keep_all=KEEP_ALL, **_MEMINFO)
