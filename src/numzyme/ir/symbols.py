"""Names of external functions: how a callee is spelled, and which symbols are pure mathematics."""

from __future__ import annotations

import re

MATH = re.compile(
    r"^(?:llvm\.(?!mem|assume|lifetime|va_|stack|experimental|trap|ubsan|eh)|"
    r"(?:sqrt|tan|tanh|sin|cos|sinh|cosh|asin|acos|atan|atan2|asinh|acosh|atanh|exp|exp2|expm1|log|log2|log10|log1p|"
    r"cbrt|hypot|erf|erfc|lgamma|tgamma|pow|fmod|floor|ceil|trunc|rint|round|copysign|fabs|nextafter|ldexp|remainder|"
    r"fma|fmin|fmax|exp10|log_gamma)f?$|"
    r"numba_(?:gamma|lgamma|erf|erfc|gammaf|lgammaf|erff|erfcf|fixed_fmod|fixed_fmodf|ldexpf?|frexpf?|nextafterf?)$|"
    r"numzyme\.power\.(?:real|imag)$)"
)


def symbol_of(callee: str) -> str:
    """`@"name"` -> `name`."""
    return callee[1:].strip('"')


# of memory that came from an arena: what has Numba's meminfo in front; the same for lists, whose memory begins with
# integers (how many members, how many have room, changed or not); tapes of derivatives that are differentiated
BLOCK_ALLOCATOR = "numzyme.allocate"
LIST_ALLOCATOR = "numzyme.allocate.list"
TAPE_ALLOCATOR = "numzyme.allocate.tape"
# what a derivative calls for them: one function, by names that tell what is taken
IN_ARENA = {
    BLOCK_ALLOCATOR: "numzyme.arena.allocate.block",
    LIST_ALLOCATOR: "numzyme.arena.allocate.list",
    TAPE_ALLOCATOR: "numzyme.arena.allocate",
}
CONTAINED = "of."  # begins the names of functions that belong to a derivative which another function calls
FRAME = "frame"  # ends the names of parameters that point at the frame of a call, between the two sweeps
# begins the name of a copy of memory through which no derivative goes: what is made of it is exact for as many
# derivatives as the number behind tells, and each derivative of the code counts it down
HOLD = "numzyme.hold."
HELD = 3  # the number that it begins with
