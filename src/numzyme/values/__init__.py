"""Python values and their derivatives: zeros, sums, comparison and gradients of any nested value.

The registry of array wrappers, for whoever writes one (see `register_wrapper` for an example):

    register_wrapper(cls, *, natural=None, project=None) -> cls
    natural_fields(*names) -> a function for `natural`

`natural(x, dx, strip)` and `project(x, dx, strip)` get the wrapper, its shadow and the recursion.
A class whose gradient is structural and projected (`Symmetric`) registers `project` only; one whose
forms agree (`Diagonal`) registers `natural=natural_fields("diag")` only; a plain container registers nothing.
"""

from .wrappers import Strip, natural_fields, register_wrapper

__all__ = ["Strip", "natural_fields", "register_wrapper"]
