"""Calls whose arguments are any Python values: taken apart for compiled code, and their derivatives put together."""

from .jacobians import jacobian
from .plan import Flattened, Plan, holds_immutable_numbers, plan_for
from .reading import MISS
from .results import put_together, tangent_of
from .shadowing import AskedOfShadows, derivative_function
from .walk import Walk, captured_data, captures, is_flat
from .warm import Asked, gradient_function

__all__ = [
    "MISS",
    "Asked",
    "AskedOfShadows",
    "Flattened",
    "Plan",
    "Walk",
    "captured_data",
    "captures",
    "derivative_function",
    "gradient_function",
    "holds_immutable_numbers",
    "is_flat",
    "jacobian",
    "plan_for",
    "put_together",
    "tangent_of",
]
