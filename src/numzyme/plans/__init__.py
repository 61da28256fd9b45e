"""Calls whose arguments are any Python values: taken apart for compiled code, and their derivatives put together."""

from .plan import Flattened, Plan, plan_for
from .walk import Walk, is_flat

__all__ = ["Flattened", "Plan", "Walk", "is_flat", "plan_for"]
