"""Functions made by `numba.vectorize` and `numpy.vectorize`, in compiled code that is differentiated: loops.

Numba calls the machine code that it made of the first for its own target, which has no derivative, and does not know
the second. Invariant: the function inside is called for each element of the broadcast arguments, in the order of the
result's memory; NumPy calls it once more for the first element, to learn the type of the result.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit
from numba.core import errors, ir, types
from numba.core.typing.typeof import typeof
from numba.extending import overload
from numba.np.numpy_support import as_dtype
from numba.np.ufunc.dufunc import DUFunc

VECTORIZED_BY = ("pyfunc", "otypes", "cache", "excluded", "signature")  # what a function of NumPy's goes by


def is_vectorized(value: Any) -> bool:
    return isinstance(value, DUFunc)


@cache
def looping(function: Any) -> Any:
    """The Python function to compile in the place of a vectorized one."""
    count = function.nin
    listed = ", ".join(f"value{n}" for n in range(count))
    scope: dict[str, Any] = {"_elementwise": elementwise, "_inner": _compiled(function._dispatcher)}
    exec(f"def vectorized({listed}):\n    return _elementwise(_inner, ({listed},))\n", scope)
    made = scope["vectorized"]
    made.__name__ = made.__qualname__ = function.__name__
    return made


def _compiled(dispatcher: Any) -> Any:
    """The function inside, with the options with which Numba compiles it: dividing by zero is infinite."""
    return njit(error_model="numpy", fastmath=dispatcher.targetoptions.get("fastmath", False))(dispatcher.py_func)


def elementwise(function: Any, values: Any) -> Any:
    """`function` of each element of the broadcast `values`; known in compiled code only."""
    raise NotImplementedError


@overload(elementwise)
def _elementwise(function, values):  # Numba compares this signature with that of the implementation
    if not any(isinstance(value, types.Array) for value in values):
        return lambda function, values: function(*values)
    scalars = tuple(value.dtype if isinstance(value, types.Array) else types.unliteral(value) for value in values)
    return _Loop(values, _result_of(function, scalars)).implementation()


def _result_of(function: Any, kinds: tuple[Any, ...]) -> Any:
    from .target import target_for

    return function.get_call_type(target_for(False).typing_context, kinds, {}).return_type


class _Loop:
    """Writes the loop over arguments of given types; a call, where none is an array."""

    def __init__(self, kinds: tuple[Any, ...], result: Any) -> None:
        self.kinds = kinds
        results = list(result.types) if isinstance(result, types.BaseTuple) else [result]  # type: ignore[attr-defined]
        self.dtypes = [as_dtype(kind) for kind in results]
        self.is_tuple = isinstance(result, types.BaseTuple)
        self.scope: dict[str, Any] = {"np": np, **{f"dtype{n}": dtype for n, dtype in enumerate(self.dtypes)}}

    def implementation(self, first: str = "", casts: dict[int, Any] | None = None) -> Any:
        """`first`: what runs before the loop; `casts`: types of arguments that the function gets as others."""
        names = [f"values[{n}]" for n in range(len(self.kinds))]
        arrays = [n for n, kind in enumerate(self.kinds) if isinstance(kind, types.Array)]
        shapes = [f"{names[n]}.shape" for n in arrays]
        lines = ["def implementation(function, values):", *first.splitlines()]
        if shapes:
            shape = f"np.broadcast_shapes({', '.join(shapes)})" if len(shapes) > 1 else shapes[0]
            lines.append(f"    shape = {shape}")
        lines += [f"    view{n} = np.broadcast_to({names[n]}, shape)" for n in arrays]
        elements = [f"view{n}[index]" if n in arrays else name for n, name in enumerate(names)]
        for n, kind in (casts or {}).items():
            self.scope[f"cast{n}"] = kind
            elements[n] = f"cast{n}({elements[n]})"
        call = f"function({', '.join(elements)})"
        results = [f"result{n}" for n in range(len(self.dtypes))]
        if not arrays:
            self.scope |= {f"dtype{n}": dtype.type for n, dtype in enumerate(self.dtypes)}
            lines.append(f"    {', '.join(results)} = {call}")
            results = [f"dtype{n}({name})" for n, name in enumerate(results)]
            lines.append(f"    return ({', '.join(results)},)" if self.is_tuple else f"    return {results[0]}")
            exec("\n".join(lines), self.scope)
            return self.scope["implementation"]
        lines += [f"    {name} = np.empty(shape, dtype{n})" for n, name in enumerate(results)]
        stores = [f"{name}[index]" for name in results]
        lines += ["    for index in np.ndindex(shape):", f"        {', '.join(stores)} = {call}"]
        lines.append(f"    return ({', '.join(results)},)" if self.is_tuple else "    return result0")
        exec("\n".join(lines), self.scope)
        return self.scope["implementation"]


# -- NumPy's

_made: weakref.WeakKeyDictionary[np.vectorize, tuple[tuple[Any, ...], FunctionType]] = weakref.WeakKeyDictionary()
_SIZE_0 = "cannot call `vectorize` on size 0 inputs unless `otypes` is set"


def function_of(value: np.vectorize) -> FunctionType:
    """The Python function to compile in the place of what `np.vectorize` made; new when `value` was changed."""
    otypes = None if value.otypes is None else "".join(np.dtype(one).char for one in value.otypes)
    unknown = next((name for name in ("signature", "excluded") if getattr(value, name)), "")
    if any(np.dtype(one).kind not in "biufc" for one in otypes or ""):
        unknown = "otypes that are no numbers"
    state = value.pyfunc, otypes, bool(value.cache), unknown
    known = _made.get(value)
    if known is None or known[0] != state:
        scope = {"_loop": _numpys_loop(*state[1:]), "_function": value.pyfunc}
        exec("def vectorized(*values):\n    return _loop(_function, values)\n", scope)
        made = scope["vectorized"]
        made.__name__ = made.__qualname__ = getattr(value.pyfunc, "__name__", "vectorized")
        known = _made[value] = state, made
    return known[1]


@cache
def _numpys_loop(otypes: str | None, cached: bool, unknown: str) -> Any:
    """What compiles to the loop; without otypes, NumPy learns from a first call what the result is."""

    def loop(function: Any, values: Any) -> Any:
        raise NotImplementedError

    @overload(loop)
    def _loop(function, values):  # Numba compares this signature with that of the implementation
        if unknown:
            raise errors.TypingError(f"np.vectorize with {unknown} is not known in compiled code: write the loop out")
        return _numpys_implementation(function, tuple(values), otypes, otypes is None and not cached)

    return loop


def _numpys_implementation(function: Any, values: tuple[Any, ...], otypes: str | None, calls_first: bool) -> Any:
    given = tuple(value.dtype if isinstance(value, types.Array) else types.unliteral(value) for value in values)
    kinds = tuple(map(_as_python, given))
    # one that NumPy hands to the first call as something else than to the others
    unlike = next((kind for kind, plain in zip(given, kinds, strict=True) if kind != plain or kind == types.boolean), 0)
    if otypes is None and unlike:
        raise errors.TypingError(f"np.vectorize of {unlike}, where the first element decides the type: give otypes")
    result = _result_of(function, kinds)
    results = result.types if isinstance(result, types.BaseTuple) else [result]  # type: ignore[attr-defined]
    if otypes is None:
        _check_one_type(function, kinds, len(results))
    loop = _Loop(values, result)
    if (loop.is_tuple and len(results) == 1) or len(otypes or results) != len(results):
        raise errors.TypingError("np.vectorize: the function returns another number of values than otypes has")
    if otypes is not None:
        loop.dtypes = list(map(np.dtype, otypes))
    casts = {n: kind for n, kind in enumerate(kinds) if kind != given[n]}
    return loop.implementation(_first_call(values) if calls_first else "", casts)


def _as_python(kind: Any) -> Any:
    """The type of an element as NumPy hands it to the function: a Python number."""
    if isinstance(kind, types.Boolean):
        return types.boolean
    pairs = ((types.Float, types.float64), (types.Complex, types.complex128), (types.Integer, types.int64))
    found = next((python for numba, python in pairs if isinstance(kind, numba)), None)
    if found is None:
        raise errors.TypingError(f"np.vectorize of {kind} is not known in compiled code")
    return found


def _first_call(values: tuple[Any, ...]) -> str:
    arrays = [n for n, value in enumerate(values) if isinstance(value, types.Array)]
    empty = " or ".join(f"values[{n}].size == 0" for n in arrays)
    listed = ", ".join(f"values[{n}].flat[0]" if n in arrays else f"values[{n}]" for n in range(len(values)))
    check = f"    if {empty}: raise ValueError({_SIZE_0!r})\n" if arrays else ""
    return f"{check}    function({listed})\n"


def _check_one_type(function: Any, kinds: tuple[Any, ...], count: int) -> None:
    """The result has the type of what the function returns first: it must return values of one type only."""
    from .objects.kinds import called_method
    from .target import target_for

    method = called_method(target_for(False).typing_context, function, len(kinds))
    called = method.function_type if method else function
    if not isinstance(called, types.Dispatcher):
        return  # a function of NumPy or `math`
    context = target_for(False).typing_context
    signature: Any = called.get_call_type(context, (method.receiver, *kinds) if method else kinds, {})
    (compiled,) = [one for one in called.dispatcher.overloads.values() if one.signature.args == signature.args]
    found = {types.unliteral(kind) for kind in _Returned(compiled.type_annotation).kinds()}
    if len(found) != 1:
        raise errors.TypingError(
            f"the function that np.vectorize was given returns {' and '.join(sorted(map(str, found)))}, and which one "
            f"comes first decides what the others turn into: give otypes=[{', '.join(['float'] * count)}]"
        )


class _Returned:
    """The types of what a function returns, each as it is before all are made one type."""

    def __init__(self, annotation: Any) -> None:
        self.typemap, self.calltypes = annotation.typemap, annotation.calltypes
        self.blocks = annotation.blocks.values()
        self.definitions: dict[str, list[Any]] = {}
        for block in self.blocks:
            for statement in block.find_insts(ir.Assign):
                self.definitions.setdefault(statement.target.name, []).append(statement.value)
        self.seen: set[str] = set()

    def kinds(self) -> Iterator[Any]:
        for block in self.blocks:
            if isinstance(block.body[-1], ir.Return):
                yield from self._of(block.body[-1].value)

    def _of(self, variable: Any) -> Iterator[Any]:
        if variable.name in self.seen:
            return
        self.seen.add(variable.name)
        for value in self.definitions.get(variable.name, ()):
            if isinstance(value, ir.Var):
                yield from self._of(value)
            elif isinstance(value, ir.Expr) and value.op == "cast":
                yield from self._of(value.value)
            elif isinstance(value, ir.Expr) and value.op == "phi":
                for incoming in value.incoming_values:
                    yield from self._of(incoming)
            elif isinstance(value, ir.Const | ir.Global | ir.FreeVar):
                yield typeof(value.value)
            else:
                signature = self.calltypes.get(value)
                yield self.typemap[variable.name] if signature is None else signature.return_type
