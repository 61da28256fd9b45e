"""Members of enumerations as values: what compiled code has of one where its type alone does not serve.

Decides that a member is converted as the value that Numba makes of it, and that whole-number members are numbers
wherever Python's are: Numba's typing says so, too, but its code converts them to integers only.
"""

from __future__ import annotations

from typing import Any

from numba.core import imputils, types

from .kinds import EnumerationLiteral

lowering_registry: Any = imputils.Registry("numzyme enumerations")


@lowering_registry.lower_cast(types.IntEnumMember, types.Float)
@lowering_registry.lower_cast(types.IntEnumMember, types.Complex)
def whole_number_as_number(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    return context.cast(builder, value, given.dtype, wanted)


@lowering_registry.lower_cast(EnumerationLiteral, types.EnumMember)
@lowering_registry.lower_cast(EnumerationLiteral, types.Number)
def literal_as_value(context: Any, builder: Any, given: Any, wanted: Any, value: Any) -> Any:
    kind = given.literal_type
    return context.cast(builder, context.get_constant_generic(builder, kind, given.value), kind, wanted)
