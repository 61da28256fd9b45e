"""Python values and their derivatives: zeros, sums, comparison and gradients of any nested value.

Public: `make_zero`, `make_zero_inplace`, `remake_zero`, `accumulate`, `congruent`, `tree_map`, `strip_types`, and the
registry of array wrappers, for whoever writes one (see `register_wrapper` for an example):

    register_wrapper(cls, *, natural=None, project=None) -> cls
    natural_fields(*names) -> a function for `natural`

`natural(x, dx, strip)` and `project(x, dx, strip)` get the wrapper, its shadow and the recursion.
A class whose gradient is structural and projected (`Symmetric`) registers `project` only; one whose
forms agree (`Diagonal`) registers `natural=natural_fields("diag")` only; a plain container registers nothing.

For other rooms: `classify`, `children`, `rebuild`, `is_mutable` take values apart and put them together.
"""

from .comparison import check_congruent, congruent
from .kinds import SUPPORTED, Kind, classify, is_sparse
from .mapping import make_zero, reached_arrays, tree_map
from .memory import overlapping, shadows_of
from .paths import Path, Step
from .records import array_of, like, numbers_of, problem_of
from .strip import strip_types
from .structural import is_structural, structural_type
from .structure import (
    all_fields,
    children,
    fill,
    has_open_fields,
    is_copied_by_attributes,
    is_mutable,
    make_shell,
    rebuild,
    set_child,
    slots_of,
)
from .sums import accumulate, make_zero_inplace, remake_zero
from .wrappers import Strip, is_registered, natural_fields, natural_names, register_wrapper, registrations, wrapper_of

__all__ = [
    "SUPPORTED",
    "Kind",
    "Path",
    "Step",
    "Strip",
    "accumulate",
    "all_fields",
    "array_of",
    "check_congruent",
    "children",
    "classify",
    "congruent",
    "fill",
    "has_open_fields",
    "is_copied_by_attributes",
    "is_mutable",
    "is_registered",
    "is_sparse",
    "is_structural",
    "like",
    "make_shell",
    "make_zero",
    "make_zero_inplace",
    "natural_fields",
    "natural_names",
    "numbers_of",
    "overlapping",
    "problem_of",
    "reached_arrays",
    "rebuild",
    "register_wrapper",
    "registrations",
    "remake_zero",
    "set_child",
    "shadows_of",
    "slots_of",
    "strip_types",
    "structural_type",
    "tree_map",
    "wrapper_of",
]
