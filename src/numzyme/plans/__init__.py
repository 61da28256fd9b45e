"""Calls whose arguments are any Python values: taken apart for compiled code, and their derivatives put together."""

from .plan import Flattened, Plan, holds_immutable_numbers, plan_for
from .walk import Walk, captured_data, captures, is_flat
from .warm import Warm, warm

__all__ = [
    "Flattened",
    "Plan",
    "Walk",
    "Warm",
    "captured_data",
    "captures",
    "holds_immutable_numbers",
    "is_flat",
    "plan_for",
    "warm",
]
