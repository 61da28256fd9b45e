"""Errors and source positions: importable by every room, imports none."""

from .errors import (
    DifferentiationError,
    DifferentiationTypeError,
    DifferentiationValueError,
    RecompilationWarning,
    UnknownCallError,
    UnsupportedCodeError,
    VerificationError,
    VerificationWarning,
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
    "VerificationError",
    "VerificationWarning",
]
