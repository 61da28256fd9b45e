"""Calls whose arguments are any Python values: taken apart for compiled code, and their derivatives put together."""

from .plan import Flattened, Plan, holds_immutable_numbers, plan_for
from .reading import MISS
from .results import put_together, tangent_of
from .walk import Walk, captured_data, captures, is_flat
from .warm import Asked, gradient_function

__all__ = [
    "MISS",
    "Asked",
    "Flattened",
    "Plan",
    "Walk",
    "captured_data",
    "captures",
    "gradient_function",
    "holds_immutable_numbers",
    "is_flat",
    "plan_for",
    "put_together",
    "tangent_of",
]
