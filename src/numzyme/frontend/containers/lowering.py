"""Which of Numba's functions are replaced, and the models of data that go with them."""

from __future__ import annotations

from typing import Any

from numba.core import types

from ..numerics import numpy_functions, powers, remainders
from . import dicts, lists

_REPLACED = {
    **lists.LOWERING,
    **dicts.LOWERING,
    **numpy_functions.LOWERING,
    **powers.LOWERING,
    **remainders.LOWERING,
}
MODELS = {types.ListType: lists.ListModel, types.DictType: dicts.DictModel}


def replaced_lowering(function: Any, signature: Any) -> Any:
    """What writes the code of this call instead of Numba's function; None where nothing does."""
    key = function.typing_key if isinstance(function, types.Function) else function
    try:
        return _REPLACED.get(key) or _REPLACED.get((key, *map(type, signature.args)))
    except TypeError:  # a key that cannot be hashed is none of these
        return None
