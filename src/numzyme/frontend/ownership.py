"""Who owns the memory that a function allocates: rewriting of Numba's runtime calls before optimisation.

Invariant: after `arena`, no reference count is left, and every allocation is a call of `numzyme.allocate`, whose
argument is the whole size and whose result is the meminfo pointer; lists have an allocator of their own name. Data is
at a constant offset from it, so that LLVM sees through both; only where lists grow is the data pointer kept in the
meminfo, as Numba does.
"""

from __future__ import annotations

import re
from textwrap import dedent

from .escape import ESCAPE

HEADER_BYTES = 64
_DATA_SLOT = 24  # offsets in Numba's meminfo
_SIZE_SLOT = 32

# An allocation that nobody uses may go; nothing else in memory is touched by allocating.
_ALLOCATE_DECLARATION = (
    "\ndeclare noalias ptr @{}(i64) nounwind willreturn memory(inaccessiblemem: readwrite) "
    'allockind("alloc,uninitialized") "alloc-family"="numzyme"\n'
)
_ALLOCATE, _ALLOCATE_LIST, _ALLOCATE_TAPE = "numzyme.allocate", "numzyme.allocate.list", "numzyme.allocate.tape"
_ALLOCATORS = {
    "NRT_MemInfo_alloc": "i64 %size",
    "NRT_MemInfo_alloc_safe": "i64 %size",
    "NRT_MemInfo_alloc_aligned": "i64 %size, i32 %alignment",
    "NRT_MemInfo_alloc_safe_aligned": "i64 %size, i32 %alignment",
}
_LIST_ALLOCATORS = {
    "NRT_MemInfo_new_varsize": "i64 %size",
    "NRT_MemInfo_new_varsize_dtor": "i64 %size, ptr %destructor",
}
_NO_COUNTING = """\
    define internal void @{name}(ptr %meminfo) alwaysinline {{
      ret void
    }}
"""
_FIXED_ALLOCATE = f"""\
    define internal noalias ptr @{{name}}({{parameters}}) alwaysinline {{{{
      %total = add i64 %size, {HEADER_BYTES}
      %meminfo = call noalias ptr @numzyme.allocate(i64 %total)
      ret ptr %meminfo
    }}}}
"""
_FIXED_DATA = f"""\
    define internal ptr @NRT_MemInfo_data_fast(ptr %meminfo) alwaysinline {{
      %data = getelementptr i8, ptr %meminfo, i64 {HEADER_BYTES}
      ret ptr %data
    }}
"""
_MOVABLE_ALLOCATE = f"""\
    define internal noalias ptr @{{name}}({{parameters}}) alwaysinline {{{{
      %total = add i64 %size, {HEADER_BYTES}
      %meminfo = call noalias ptr @{{allocate}}(i64 %total)
      %failed = icmp eq ptr %meminfo, null
      br i1 %failed, label %done, label %fill
    fill:
      %data = getelementptr i8, ptr %meminfo, i64 {HEADER_BYTES}
      %data_slot = getelementptr i8, ptr %meminfo, i64 {_DATA_SLOT}
      store ptr %data, ptr %data_slot, align 8
      %size_slot = getelementptr i8, ptr %meminfo, i64 {_SIZE_SLOT}
      store i64 %size, ptr %size_slot, align 8
      br label %done
    done:
      ret ptr %meminfo
    }}}}
"""
_MOVABLE_DATA = f"""\
    define internal ptr @NRT_MemInfo_data_fast(ptr %meminfo) alwaysinline {{
      %data_slot = getelementptr i8, ptr %meminfo, i64 {_DATA_SLOT}
      %data = load ptr, ptr %data_slot, align 8
      ret ptr %data
    }}
"""
_GROW = f"""\
    define internal ptr @NRT_MemInfo_varsize_realloc(ptr %meminfo, i64 %size) alwaysinline {{
      %total = add i64 %size, {HEADER_BYTES}
      %block = call noalias ptr @{_ALLOCATE_LIST}(i64 %total)
      %failed = icmp eq ptr %block, null
      br i1 %failed, label %done, label %move
    move:
      %data = getelementptr i8, ptr %block, i64 {HEADER_BYTES}
      %data_slot = getelementptr i8, ptr %meminfo, i64 {_DATA_SLOT}
      %old = load ptr, ptr %data_slot, align 8
      %size_slot = getelementptr i8, ptr %meminfo, i64 {_SIZE_SLOT}
      %old_size = load i64, ptr %size_slot, align 8
      %kept = call i64 @llvm.umin.i64(i64 %old_size, i64 %size)
      call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %old, i64 %kept, i1 false)
      store ptr %data, ptr %data_slot, align 8
      store i64 %size, ptr %size_slot, align 8
      br label %done
    done:
      %result = phi ptr [ null, %0 ], [ %data, %move ]
      ret ptr %result
    }}
    declare i64 @llvm.umin.i64(i64, i64)
    declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
"""
# Counting touches the count only, and at zero the memory that it counts.
_COUNTING = """\
    declare void @{name}(ptr captures(none)) nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite)
"""
# Where references are counted, memory that leaves is kept by the reference that it leaves with.
_ESCAPE = """\
    define internal void @{name}(ptr %records, ptr %record, ptr %meminfo, ptr %low, i64 %size) alwaysinline {{
      %kept = getelementptr i8, ptr %record, i64 24
      store ptr %meminfo, ptr %kept, align 8
      %moved = getelementptr i8, ptr %record, i64 32
      store ptr %low, ptr %moved, align 8
      ret void
    }}
"""
# Numba's functions that make Python's objects of an exception's arguments, which are of Numba's own memory.
_UNWRAPPING = re.compile(r"^define [^\n]*@__excinfo_unwrap_args.*?^\}", re.M | re.S)
_RELEASE = "numzyme.released"
_RELEASING = f"""
    define internal void @{_RELEASE}(ptr %meminfo) {{
      %none = icmp eq ptr %meminfo, null
      br i1 %none, label %done, label %count
    count:
      %old = atomicrmw sub ptr %meminfo, i64 1 acq_rel
      %last = icmp eq i64 %old, 1
      br i1 %last, label %free, label %done
    free:
      call void @NRT_MemInfo_call_dtor(ptr %meminfo)
      br label %done
    done:
      ret void
    }}
    declare void @NRT_MemInfo_call_dtor(ptr)
"""
_COUNTS = ("NRT_incref", "NRT_decref")
_MOVING = ("@NRT_MemInfo_varsize_", "@NRT_MemInfo_alloc_dtor")
_DECLARATION = re.compile(r"^declare [^@\n]*@(NRT_\w+|numzyme\.escape)\(.*\n", re.M)
_INTRINSIC = re.compile(r"^declare \S+ @(llvm\.umin\.i64|llvm\.memcpy\.p0\.p0\.i64)\(.*\n", re.M)


def own_memory(text: str, ownership: str, *, foreign: bool = False) -> str:
    """Replace the declarations of Numba's memory functions by what `ownership` ("arena" or "nrt") makes of them.

    `foreign`: meminfo pointers come in through arguments whose data is not at our offset (lists, structures).
    """
    if ownership == "nrt":
        return _with_counting(text)
    text = _with_unwrapping(text)
    movable = foreign or any(name in text for name in _MOVING)
    allocate = _MOVABLE_ALLOCATE if movable else _FIXED_ALLOCATE
    replacements = {
        **{name: _NO_COUNTING.format(name=name) for name in _COUNTS},
        "NRT_MemInfo_data_fast": _MOVABLE_DATA if movable else _FIXED_DATA,
        **{
            name: allocate.format(name=name, parameters=parameters, allocate=_ALLOCATE)
            for name, parameters in _ALLOCATORS.items()
        },
    }
    return _declared(_replace(_with_lists(text), replacements), (_ALLOCATE, _ALLOCATE_LIST, _ALLOCATE_TAPE))


def _with_unwrapping(text: str) -> str:
    """`text` where what makes Python's objects of an exception's arguments gives up the references to their copies."""
    kept = _UNWRAPPING.sub(lambda match: match[0].replace("@NRT_decref(", f"@{_RELEASE}("), text)
    return text if kept == text else kept + dedent(_RELEASING)


def _with_counting(text: str) -> str:
    """References are counted as Numba does, but for those to lists: a list's memory ends with the derivative."""
    counting = {name: _COUNTING.format(name=name) for name in _COUNTS}
    escape = {ESCAPE: _ESCAPE.format(name=ESCAPE)}
    text = _replace(_with_lists(text), {**counting, **escape, "NRT_MemInfo_data_fast": _MOVABLE_DATA})
    if "@numzyme.record(" in text:  # is no other memory here
        text = re.sub(r"^declare [^\n]*@(?:numzyme\.record|NRT_Allocate)\(.*\n", "", text, flags=re.M)
        text = text.replace("@numzyme.record(", "@NRT_Allocate(") + "declare noalias ptr @NRT_Allocate(i64)\n"
    return _declared(text, (_ALLOCATE_LIST,))


def _with_lists(text: str) -> str:
    """`text` with lists whose memory is that of the derivative."""
    replacements = {
        name: _MOVABLE_ALLOCATE.format(name=name, parameters=parameters, allocate=_ALLOCATE_LIST)
        for name, parameters in _LIST_ALLOCATORS.items()
    }
    if "@NRT_MemInfo_varsize_realloc(" in text:
        replacements["NRT_MemInfo_varsize_realloc"] = _GROW
        text = _INTRINSIC.sub("", text)
    return _replace(text, replacements)


def _declared(text: str, allocators: tuple[str, ...]) -> str:
    """`text` with a declaration for each of the allocators that it calls; derivatives inside bring others along."""
    for name in allocators:
        text = re.sub(rf"^declare [^\n]*@{re.escape(name)}\(.*\n", "", text, flags=re.M)
    called = [name for name in allocators if f"@{name}(" in text]
    return text + "".join(map(_ALLOCATE_DECLARATION.format, called))


def _replace(text: str, replacements: dict[str, str]) -> str:
    return _DECLARATION.sub(
        lambda match: dedent(replacements[match[1]]) if match[1] in replacements else match[0], text
    )
