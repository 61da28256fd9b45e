"""Functions made by `numba.vectorize`, in compiled code that is differentiated: a loop over the broadcast arguments.

Numba calls the machine code that it made of them for its own target, which has no derivative. Invariant: the function
inside is called once for each element, in the order of the result's memory.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import overload
from numba.np.numpy_support import as_dtype
from numba.np.ufunc.dufunc import DUFunc


def is_vectorized(value: Any) -> bool:
    return isinstance(value, DUFunc)


@cache
def looping(function: Any) -> Any:
    """The Python function to compile in the place of a vectorized one."""
    count = function.nin
    listed = ", ".join(f"value{n}" for n in range(count))
    scope: dict[str, Any] = {"_elementwise": elementwise, "_inner": _compiled(function._dispatcher)}
    exec(f"def vectorized({listed}):\n    return _elementwise(_inner, {listed})\n", scope)
    made = scope["vectorized"]
    made.__name__ = made.__qualname__ = function.__name__
    return made


def _compiled(dispatcher: Any) -> Any:
    """The function inside, with the options with which Numba compiles it: dividing by zero is infinite."""
    return njit(error_model="numpy", fastmath=dispatcher.targetoptions.get("fastmath", False))(dispatcher.py_func)


def elementwise(function: Any, *values: Any) -> Any:
    """`function` of each element of the broadcast `values`; known in compiled code only."""
    raise NotImplementedError


@overload(elementwise)
def _elementwise(function, *values):  # Numba compares this signature with that of the implementation
    from .target import target_for

    if not any(isinstance(value, types.Array) for value in values):
        return lambda function, *values: function(*values)
    scalars = tuple(value.dtype if isinstance(value, types.Array) else types.unliteral(value) for value in values)
    result = function.get_call_type(target_for(False).typing_context, scalars, {}).return_type
    names = [f"values[{n}]" for n in range(len(values))]
    shapes = [f"{name}.shape" for name, value in zip(names, values, strict=True) if isinstance(value, types.Array)]
    lines = ["def implementation(function, *values):"]
    lines.append(
        f"    shape = np.broadcast_shapes({', '.join(shapes)})" if len(shapes) > 1 else f"    shape = {shapes[0]}"
    )
    lines.append("    result = np.empty(shape, dtype)")
    elements = []
    for number, (name, value) in enumerate(zip(names, values, strict=True)):
        if isinstance(value, types.Array):
            lines.append(f"    view{number} = np.broadcast_to({name}, shape)")
            elements.append(f"view{number}[index]")
        else:
            elements.append(name)
    lines += ["    for index in np.ndindex(shape):", f"        result[index] = function({', '.join(elements)})"]
    scope: dict[str, Any] = {"np": np, "dtype": as_dtype(result)}
    exec("\n".join([*lines, "    return result"]), scope)
    return scope["implementation"]
