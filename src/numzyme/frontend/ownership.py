"""Who owns the memory that a function allocates: rewriting of Numba's runtime calls before optimisation.

Invariant: after `arena`, no reference count is left, and every plain allocation is one call of `numzyme.allocate`,
whose result is the meminfo pointer with the data at a constant offset, so that LLVM sees through both.
"""

from __future__ import annotations

import re

MEMINFO_HEADER_BYTES = 64
_DATA_POINTER_OFFSET = 24

_ALLOCATE = """\
define internal noalias ptr @{name}({parameters}) alwaysinline {{
  %total = add i64 %size, {header}
  %meminfo = call noalias ptr @numzyme.allocate(i64 %total)
  ret ptr %meminfo
}}
"""
_ARENA = {
    "NRT_incref": "define internal void @NRT_incref(ptr %meminfo) alwaysinline {\n  ret void\n}\n",
    "NRT_decref": "define internal void @NRT_decref(ptr %meminfo) alwaysinline {\n  ret void\n}\n",
    "NRT_MemInfo_data_fast": (
        "define internal ptr @NRT_MemInfo_data_fast(ptr %meminfo) alwaysinline {\n"
        f"  %data = getelementptr i8, ptr %meminfo, i64 {MEMINFO_HEADER_BYTES}\n  ret ptr %data\n}}\n"
    ),
    **{
        name: _ALLOCATE.format(name=name, parameters=parameters, header=MEMINFO_HEADER_BYTES)
        for name, parameters in {
            "NRT_MemInfo_alloc": "i64 %size",
            "NRT_MemInfo_alloc_safe": "i64 %size",
            "NRT_MemInfo_alloc_aligned": "i64 %size, i32 %alignment",
            "NRT_MemInfo_alloc_safe_aligned": "i64 %size, i32 %alignment",
        }.items()
    },
}
# An allocation that nobody uses may go; nothing else in memory is touched by allocating.
_ALLOCATE_DECLARATION = (
    "\ndeclare noalias ptr @numzyme.allocate(i64) nounwind willreturn memory(inaccessiblemem: readwrite) "
    'allockind("alloc,uninitialized") "alloc-family"="numzyme"\n'
)
# Counting touches the count only, and at zero the memory that it counts.
_COUNT = "declare void @{name}(ptr captures(none)) nounwind willreturn memory(argmem: readwrite, inaccessiblemem: readwrite)\n"
_NRT = {
    "NRT_incref": _COUNT.format(name="NRT_incref"),
    "NRT_decref": _COUNT.format(name="NRT_decref"),
    "NRT_MemInfo_data_fast": (
        "define internal ptr @NRT_MemInfo_data_fast(ptr %meminfo) alwaysinline {\n"
        f"  %slot = getelementptr i8, ptr %meminfo, i64 {_DATA_POINTER_OFFSET}\n"
        "  %data = load ptr, ptr %slot, align 8\n  ret ptr %data\n}\n"
    ),
}
_DECLARATION = re.compile(r"^declare [^@\n]*@(NRT_\w+)\(.*\n", re.M)


def own_memory(text: str, ownership: str) -> str:
    """Replace the declarations of Numba's memory functions by what `ownership` ("arena" or "nrt") makes of them."""
    definitions = {"arena": _ARENA, "nrt": _NRT}[ownership]
    text, _ = _DECLARATION.subn(lambda match: definitions.get(match[1], match[0]), text)
    if "@numzyme.allocate(" in text:
        text += _ALLOCATE_DECLARATION
    return text
