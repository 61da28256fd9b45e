"""`a is b`: what the types of two values say of it, and what compiled code finds out.

Decides that functions, classes and other values that their type knows are one where the types are; that enumeration
members, booleans, arrays and containers are compared by what they hold at run time (arrays as Numba does it: by their
memory, so a view of a whole array is that array); and that everything else is refused, since Numba's own answer would
be `==`, or False. Identity of users' objects is `sequences`'; None needs nothing of its own.

Invariant: an answer is Python's, for all values of these types.
"""

from __future__ import annotations

import enum
import operator
from typing import Any

from numba.core import cgutils, errors, types

from .kinds import BoundMethod, ConstantType, EnumerationLiteral, EvenList, MixedList, ObjectType, SequenceType

OPERATORS = (operator.is_, operator.is_not)
FUNCTIONS = (types.Dispatcher, types.Function)
_KNOWN_BY_TYPE = (*FUNCTIONS, types.Module)
_BY_VALUE = (types.Number, types.UnicodeType, types.Bytes, types.CharSeq, types.UnicodeCharSeq, types.BaseTuple)
_ALIKE = ((types.EnumMember, EnumerationLiteral), types.Boolean)
_BY_PLACE = (types.Array, types.List, types.Set, types.ListType)


def known(left: Any, right: Any) -> bool | None:
    """`left is right` for all values of these types; None where it depends on the values.

    Raises TypingError where neither the types nor compiled code can tell.
    """
    for one, other in ((left, right), (right, left)):
        if isinstance(one, types.NoneType):
            return None if isinstance(other, types.Optional) else isinstance(other, types.NoneType)
    families = _family(left), _family(right)
    if families[0] != families[1] and None not in families:
        return False
    if isinstance(left, ConstantType) and isinstance(right, ConstantType) and not isinstance(left.value, tuple):
        return left.value is right.value
    if isinstance(left, _KNOWN_BY_TYPE) and isinstance(right, _KNOWN_BY_TYPE):
        return left == right
    if any(all(isinstance(one, kinds) for one in (left, right)) for kinds in _ALIKE):
        return None
    if left == right and isinstance(left, _BY_PLACE):
        return None
    if any(isinstance(kind, types.NumberClass) for kind in (left, right)):
        raise errors.TypingError("types of numbers are not compared in compiled code: int and np.int64 are one")
    raise errors.TypingError(f"`is` between {left} and {right} is not known in compiled code{_instead(left)}")


def _instead(kind: Any) -> str:
    return ": compare them with `==`" if isinstance(types.unliteral(kind), _BY_VALUE) else ""


def _family(kind: Any) -> Any:
    """Values of types in unlike families are never one object; None: of any."""
    if isinstance(kind, types.Optional):
        return _family(kind.type)
    if isinstance(kind, ConstantType) and isinstance(kind.value, enum.Enum):
        return "enumeration", type(kind.value)
    if isinstance(kind, types.EnumMember):
        return "enumeration", kind.instance_class
    kind = types.unliteral(kind)
    if isinstance(kind, EvenList | MixedList | SequenceType):
        return "list"
    if isinstance(kind, ObjectType):
        return "object", kind.python_class
    if isinstance(kind, types.Array):
        return "array", kind.dtype, kind.ndim
    if isinstance(kind, BoundMethod):
        return "method"
    if isinstance(kind, ConstantType | types.Callable):
        return "constant"
    families = (types.Boolean, *_BY_VALUE, types.List, types.Set, types.ListType, types.DictType, types.Buffer)
    return next((family for family in families if isinstance(kind, family)), None)


def is_replaced(function: Any, signature: Any) -> bool:
    """Whether `lower` writes the code of this call."""
    return getattr(function, "typing_key", function) is operator.is_ and (
        known(*signature.args) is not None or any(isinstance(kind, EnumerationLiteral) for kind in signature.args)
    )


def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """The code of `left is right`."""
    answer = known(*signature.args)
    if answer is not None:
        return cgutils.true_bit if answer else cgutils.false_bit
    values, kinds = list(args), list(signature.args)
    for position, kind in enumerate(kinds):
        if isinstance(kind, EnumerationLiteral):
            kinds[position] = kind.literal_type
            values[position] = context.cast(builder, args[position], kind, kind.literal_type)
    plain = types.boolean(*kinds)
    return context.get_function(operator.is_, plain)(builder, values)
