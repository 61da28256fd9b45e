"""Failed attempts at compiling a function, as Numba remembers them.

Invariant: what is remembered has no traceback, whose frames would keep the arguments of a call alive.
"""

from __future__ import annotations

import copy
from typing import Any


class Failures(dict):
    """Exceptions by argument types; each time another copy, since raising one gives it a traceback."""

    def __setitem__(self, key: Any, error: Any) -> None:
        super().__setitem__(key, copy.copy(error))

    def __getitem__(self, key: Any) -> Any:
        return copy.copy(super().__getitem__(key))
