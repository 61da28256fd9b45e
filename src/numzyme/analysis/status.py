"""What is asked about a parameter."""

from __future__ import annotations

import enum


class Status(enum.Enum):
    """Activity of a parameter: no derivative, a pointer with a shadow, a scalar with a derivative."""

    CONST = "const"
    DUPLICATED = "duplicated"
    ACTIVE = "active"
