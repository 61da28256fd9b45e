"""Numba's records of exceptions, as they lie in memory, and what compiled code calls for them.

Decides how a record is recognised that keeps others: `CHAINED` stands where Numba counts the arguments that were known
only while the code ran. The first of these is then the address of the record of the exception itself.
"""

from __future__ import annotations

import ctypes

DROP = "numzyme.drop"  # frees a record
MATCHES = "numzyme.matches"  # whether the exception of a record is of one of some classes
CHAINED = 1 << 20
_CONTEXT = "numzyme_context"


class Record(ctypes.Structure):
    """The class, its arguments and the line, pickled; arguments of the run, who makes Python's of them, how many."""

    _fields_ = (
        ("pickled", ctypes.c_void_p),
        ("length", ctypes.c_int32),
        ("arguments", ctypes.c_void_p),
        ("unwrap", ctypes.c_void_p),
        ("count", ctypes.c_int32),
    )

    def content(self) -> bytes:
        """What is pickled."""
        return ctypes.string_at(self.pickled, self.length)


def first_of(exception: BaseException) -> BaseException:
    """The first of the exceptions that led to this one."""
    while exception.__context__ is not None:
        exception = exception.__context__
    return exception


def keep_context(exception: BaseException) -> None:
    """Python gives an exception the context of who called compiled code, and forgets its own: remember that."""
    vars(exception)[_CONTEXT] = exception.__context__


def restore_context(exception: BaseException) -> None:
    """Give an exception its own context again; that of who called comes behind it."""
    own, callers = vars(exception).pop(_CONTEXT, None), exception.__context__
    if own is None:
        return
    if own is not callers:
        exception.__context__ = own
        first_of(own).__context__ = callers
    before: BaseException | None = own
    while before is not None:  # those have been made in the same way
        vars(before).pop(_CONTEXT, None)
        before = before.__context__
