"""Checks of derivatives, for users (`check_gradient`) and for numzyme's own programs."""

from .checks import CheckFailed
from .gradient import check_gradient

__all__ = ["CheckFailed", "check_gradient"]
