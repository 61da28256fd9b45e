"""Numba's records of exceptions, as they lie in memory, and what compiled code calls for them.

Decides how a record is recognised that keeps others: `CHAINED` stands where Numba counts the arguments that were known
only while the code ran. The first of these is then the address of the record of the exception itself.
"""

from __future__ import annotations

import ctypes

DROP = "numzyme.drop"  # frees a record
MATCHES = "numzyme.matches"  # whether the exception of a record is of one of some classes
CHAINED = 1 << 20


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
