"""What users call: modes, activities, `autodiff`, `gradient` and the transforms."""

from . import compiled as compiled  # both register the API with Numba
from . import rewriting as rewriting
from .activities import Active, Const, Duplicated, DuplicatedNoNeed, MixedDuplicated
from .explain import Explanation, explain
from .functions import autodiff, gradient
from .modes import (
    DerivativesAndValue,
    Forward,
    ForwardWithPrimal,
    Mode,
    Reverse,
    ReverseHolomorphic,
    ReverseHolomorphicWithPrimal,
    ReverseWithPrimal,
)
from .pullback import vjp
from .transforms import grad, value_and_grad

__all__ = [
    "Active",
    "Const",
    "DerivativesAndValue",
    "Duplicated",
    "DuplicatedNoNeed",
    "Explanation",
    "Forward",
    "ForwardWithPrimal",
    "MixedDuplicated",
    "Mode",
    "Reverse",
    "ReverseHolomorphic",
    "ReverseHolomorphicWithPrimal",
    "ReverseWithPrimal",
    "autodiff",
    "explain",
    "grad",
    "gradient",
    "value_and_grad",
    "vjp",
]
