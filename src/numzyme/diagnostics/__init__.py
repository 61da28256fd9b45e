"""Errors and source positions: importable by every room, imports none."""

from .errors import (
    DifferentiationError,
    DifferentiationTypeError,
    DifferentiationValueError,
    UnknownCallError,
    UnsupportedCodeError,
)
from .source import SourceLocation

__all__ = [
    "DifferentiationError",
    "DifferentiationTypeError",
    "DifferentiationValueError",
    "SourceLocation",
    "UnknownCallError",
    "UnsupportedCodeError",
]
