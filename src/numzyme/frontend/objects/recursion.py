"""Methods and closures that call themselves: typed from what is known of their result so far, linked by name.

Numba knows recursion only where a global name stands for the function. Invariant: as with Numba's own recursion, some
path returns without calling itself, or the types cannot be inferred.
"""

from __future__ import annotations

from typing import Any

from numba.core import errors
from numba.core.funcdesc import default_mangler, qualifying_prefix
from numba.core.typing.templates import signature

_asked: set[tuple[Any, tuple]] = set()  # under Numba's compiler lock
# dispatcher -> argument types -> the name of the version that is being compiled
_open: dict[Any, dict[tuple, tuple[str, int]]] = {}


def signature_in_progress(context: Any, function_type: Any, args: tuple, kws: Any) -> Any:
    """The signature of a call of a function that is being compiled for just these types; None otherwise."""
    dispatcher = getattr(function_type, "dispatcher", None)
    if dispatcher is None or not dispatcher.is_compiling:
        return None
    pysig, folded = dispatcher.fold_argument_types(args, kws)
    frame = context.callstack.match(dispatcher.py_func, folded)
    if frame is None or folded in dispatcher.overloads:
        return None
    key = dispatcher, folded
    if key in _asked:
        raise errors.TypingError("the result of a recursive call has no type yet")
    _asked.add(key)
    try:
        result = frame.typeinfer.return_types_from_partial()  # types the function again, this call left out
    finally:
        _asked.discard(key)
    if result is None:
        raise errors.TypingError("the result of a recursive call has no type: a path must return without it")
    frame.add_return_type(result)
    identity = frame.func_id
    name = qualifying_prefix(identity.modname, identity.func_qualname)
    _open.setdefault(dispatcher, {})[folded] = (name, identity.unique_id)
    return signature(result, *folded).replace(pysig=pysig)


def lower_call_in_progress(lower: Any, function_type: Any, call_signature: Any, argument_values: list) -> Any:
    """The call of a version that is not finished yet, by name; None when it is finished."""
    dispatcher = getattr(function_type, "dispatcher", None)
    full = call_signature.as_function()
    found = _open.get(dispatcher, {}).get(tuple(full.args))
    if dispatcher is None or found is None or tuple(full.args) in dispatcher.overloads:
        return None
    name, unique = found
    mangled = default_mangler(name, full.args, abi_tags=lower.fndesc.abi_tags, uid=unique)
    if lower.builder.function.name.startswith(mangled):
        return lower.context.call_internal(lower.builder, lower.fndesc, full, argument_values)
    return lower.context.call_unresolved(lower.builder, mangled, full, argument_values)
