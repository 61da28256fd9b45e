"""Enzyme for Python: derivatives of the optimised LLVM IR that Numba makes of your functions."""

from .api import (
    Active,
    Const,
    DerivativesAndValue,
    Duplicated,
    DuplicatedNoNeed,
    Forward,
    ForwardWithPrimal,
    Mode,
    Reverse,
    ReverseWithPrimal,
    autodiff,
    explain,
    grad,
    gradient,
    value_and_grad,
)
from .diagnostics import (
    DifferentiationError,
    DifferentiationTypeError,
    DifferentiationValueError,
    UnknownCallError,
    UnsupportedCodeError,
)
from .runtime import Memory, memory, release_memory

__all__ = [
    "Active",
    "Const",
    "DerivativesAndValue",
    "DifferentiationError",
    "DifferentiationTypeError",
    "DifferentiationValueError",
    "Duplicated",
    "DuplicatedNoNeed",
    "Forward",
    "ForwardWithPrimal",
    "Memory",
    "Mode",
    "Reverse",
    "ReverseWithPrimal",
    "UnknownCallError",
    "UnsupportedCodeError",
    "autodiff",
    "explain",
    "grad",
    "gradient",
    "memory",
    "release_memory",
    "value_and_grad",
]
