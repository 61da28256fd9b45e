"""`x % y` and `divmod(x, y)` of floats where nothing remains.

Numba stores a zero of the sign of `y` there, which has no derivative: that of `x % 1.0` was 0 at whole numbers. Decides
that the zero is computed from the remainder of the division, whose derivatives are those next to the point, 1 and
`-(x // y)`. Invariant: the values are those of Numba's code, to the bit.
"""

from __future__ import annotations

import operator
from typing import Any

from numba.core import cgutils, types
from numba.cpython import numbers


def _moving(builder: Any, remainder: Any, x: Any, y: Any) -> Any:
    """`remainder`, and in place of a zero the same zero with its derivatives."""
    zero = remainder.type(0.0)
    exact = builder.frem(x, y)
    above, below = builder.fadd(exact, zero), builder.fneg(builder.fadd(builder.fneg(exact), zero))
    signed = builder.select(builder.fcmp_ordered("<", y, zero), below, above)
    return builder.select(builder.fcmp_ordered("==", remainder, zero), signed, remainder)


def _lower_remainder(context: Any, builder: Any, signature: Any, args: Any, loc: Any = None) -> Any:
    return _moving(builder, numbers.real_mod_impl(context, builder, signature, args, loc), *args)


def _lower_both(context: Any, builder: Any, signature: Any, args: Any, loc: Any = None) -> Any:
    both = numbers.real_divmod_impl(context, builder, signature, args, loc)
    quotient, remainder = cgutils.unpack_tuple(builder, both)
    return cgutils.pack_array(builder, (quotient, _moving(builder, remainder, *args)))


LOWERING: dict[Any, Any] = {
    **{(operation, types.Float, types.Float): _lower_remainder for operation in (operator.mod, operator.imod)},
    (divmod, types.Float, types.Float): _lower_both,
}
