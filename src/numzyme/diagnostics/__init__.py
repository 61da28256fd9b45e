"""Errors and source positions: importable by every room, imports none."""

from .errors import (
    DifferentiationError,
    DifferentiationTypeError,
    DifferentiationValueError,
    RecompilationWarning,
    UnknownCallError,
    UnsupportedCodeError,
)
from .source import SourceLocation

__all__ = [
    "DifferentiationError",
    "DifferentiationTypeError",
    "DifferentiationValueError",
    "RecompilationWarning",
    "SourceLocation",
    "UnknownCallError",
    "UnsupportedCodeError",
]
