"""Operations that mean something else to Numba than to Python, for arguments of some types: refused.

Decides that lists do not select elements of arrays and are not compared or joined with tuples (a list that comes from
outside is a tuple for compiled code), that floats are not stored into lists of whole numbers (which would truncate
them), and that a negative power of a whole number and a dtype that is compared with a string are not what they are in
Python. Numba's own code passes here, too, so what it relies on is let through.
"""

from __future__ import annotations

import operator
from typing import Any

from numba.core import errors, types

from .kinds import EvenList, MixedList

_SELECTING = {operator.getitem, operator.setitem, operator.delitem, "getitem", "setitem"}
_COMPARING = {operator.eq, operator.ne}
_TAKING_TWO = {operator.lt, operator.le, operator.gt, operator.ge, operator.add, operator.iadd} | _COMPARING
_STORING = {operator.setitem: 2, operator.iadd: 1}  # which argument is stored


def check(operation: Any, args: Any) -> None:
    """Refuse an operation of arguments of these types where its result would not be Python's."""
    problem = _problem(operation, args)
    if problem:
        raise errors.TypingError(problem)


def _problem(operation: Any, args: Any) -> str:
    if operation in _SELECTING and isinstance(args[0], types.Array) and _holds_list(args[1]):
        return "a list selects elements of an array: pass an integer array, numpy.array(indices)"
    if operation in _SELECTING and isinstance(args[0], types.Array) and isinstance(args[1], types.Array):
        mask = args[1]
        if isinstance(mask.dtype, types.Boolean) and mask.ndim > 1 and mask.ndim != args[0].ndim:
            return "a mask of several dimensions for a part of them: loop over the other axes"
    if operation in _TAKING_TWO and len(args) == 2 and all(isinstance(kind, types.BaseTuple) for kind in args):
        unlike = _is_listed(args[0]) != _is_listed(args[1])
        return "a list and a tuple are one in compiled code: compare or join two of one kind" if unlike else ""
    if operation in _STORING and len(args) > _STORING[operation] and isinstance(args[0], types.List):
        return _truncated(args[0].dtype, types.unliteral(args[_STORING[operation]]))
    if operation in (operator.pow, operator.ipow) and len(args) == 2 and isinstance(args[0], types.Integer):
        exponent = args[1].literal_value if isinstance(args[1], types.IntegerLiteral) else 0
        return "a whole number with a negative power would be truncated: write float(n)" if exponent < 0 else ""
    if operation is hasattr and isinstance(args[0], types.Module):  # those with a literal name have been answered
        return "hasattr of a module takes a name that is written out"
    if operation in _COMPARING and len(args) == 2:
        compared = {isinstance(kind, types.DType): types.unliteral(kind) for kind in args}
        if isinstance(compared.get(False), types.UnicodeType) and True in compared:
            return "a dtype is not compared with a string: compare it with numpy.dtype(...)"
    return ""


def _truncated(member: Any, stored: Any) -> str:
    stored = types.unliteral(stored.dtype) if isinstance(stored, types.List) else stored
    if not (isinstance(member, types.Integer | types.Boolean) and isinstance(stored, types.Float | types.Complex)):
        return ""
    return f"a list of {member} would truncate a {stored}: make the list of floats, [0.0] in place of [0]"


def _is_listed(kind: Any) -> bool:
    return isinstance(kind, EvenList | MixedList)


def _holds_list(kind: Any) -> bool:
    return _is_listed(kind) or (isinstance(kind, types.BaseTuple) and any(map(_is_listed, kind.types)))  # type: ignore[attr-defined]
