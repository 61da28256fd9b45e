"""Functions made by `numba.guvectorize`, in compiled code that is differentiated: loops over their kernel.

Decides what a call with all outputs means as Numba does for compiled code: the leading dimensions of the first one
are the loop, and an array with fewer dimensions is used again in the outer loops. A call without outputs, which Numba
does not know, means what NumPy makes of it: new arrays, and inputs that are broadcast. Invariants: the kernel runs
once for each index of the loop, in the order in which Numba runs it, on views of the arrays; shapes that do not fit
raise what Numba raises. An exception of the kernel ends the call, as it does when NumPy calls it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit
from numba.core import errors, types
from numba.extending import overload
from numba.np.numpy_support import as_dtype
from numba.np.ufunc.gufunc import GUFunc

from ..diagnostics import DifferentiationTypeError

_LOOP = "Loop and array shapes are incompatible"
_CORE = (
    "Operand has a mismatch in one of its core dimensions. Please, check if all arguments to a @guvectorize function "
    "have the same core dimensions."
)


def is_generalized(value: Any) -> bool:
    return isinstance(value, GUFunc)


@cache
def looping_kernel(function: Any) -> Any:
    """The Python function to compile in the place of a generalized one."""
    python_function = function.gufunc_builder.py_func
    kernel = FunctionType(
        python_function.__code__,
        python_function.__globals__,
        python_function.__name__,
        python_function.__defaults__,
        python_function.__closure__,
    )
    kernel.__module__, kernel.numzyme_generalized = python_function.__module__, function  # type: ignore[attr-defined]
    options = {"error_model": "numpy", "fastmath": function.gufunc_builder.targetoptions.get("fastmath", False)}
    inputs, outputs = map(len, _signature(function))
    names = [f"value{n}" for n in range(inputs + outputs)]
    listed, parameters = ", ".join(names), ", ".join([*names[:inputs], *(f"{name}=None" for name in names[inputs:])])
    scope: dict[str, Any] = {"_called": called, "_kernel": njit(**options)(kernel)}
    exec(f"def generalized({parameters}):\n    return _called(_kernel, {listed})\n", scope)
    made = scope["generalized"]
    made.__name__ = made.__qualname__ = function.__name__
    return made


def called(kernel: Any, *values: Any) -> Any:
    """The outputs of a call; known in compiled code only."""
    raise NotImplementedError


@overload(called)
def _called(kernel, *values):  # Numba compares this signature with that of the implementation
    function = kernel.dispatcher.py_func.numzyme_generalized
    inputs, outputs = map(len, _signature(function))
    given = [not isinstance(kind, types.NoneType | types.Omitted) for kind in values[inputs:]]
    if function._frozen and not any(given):
        return _NewOutputs(function, values[:inputs]).implementation()
    names = [f"values[{n}]" for n in range(inputs + outputs)]
    lines = ["def implementation(kernel, *values):", f"    over_loop(kernel, {', '.join(names)})"]
    lines.append(f"    return {', '.join(names[inputs:])}")
    scope: dict[str, Any] = {"over_loop": over_loop}
    exec("\n".join(lines), scope)
    return scope["implementation"]


def over_loop(kernel: Any, *values: Any) -> None:
    """`kernel` of the core dimensions of `values`, at each index of the loop; known in compiled code only."""
    raise NotImplementedError


@overload(over_loop)
def _over_loop(kernel, *values):  # Numba compares this signature with that of the implementation
    function = kernel.dispatcher.py_func.numzyme_generalized
    return _Writer(function, values).implementation()


def _signature(function: Any) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The names of the core dimensions of inputs and outputs."""
    return function.gufunc_builder.sin, function.gufunc_builder.sout


class _Writer:
    """Writes the loops for arguments of given types."""

    def __init__(self, function: Any, kinds: tuple[Any, ...]) -> None:
        self.function, self.kinds = function, [types.unliteral(kind) for kind in kinds]
        inputs, outputs = _signature(function)
        self.cores, self.inputs = [*inputs, *outputs], len(inputs)
        self.names = [f"values[{n}]" for n in range(len(kinds))]
        self.scope: dict[str, Any] = {"np": np}
        for n, (kind, core) in enumerate(zip(self.kinds, self.cores, strict=True)):
            if n >= self.inputs and isinstance(kind, types.NoneType | types.Omitted):
                raise self._refused("compiled code makes no array for its output")
            if n >= self.inputs and not isinstance(kind, types.Array):
                raise self._refused(f"output {n - self.inputs} is {kind}, not an array")
            if core and not isinstance(kind, types.Array):
                raise self._refused(f"input {n} is {kind}, not an array")
            if isinstance(kind, types.Array) and kind.ndim < len(core):
                raise self._refused(f"argument {n} has {kind.ndim} dimensions, and {len(core)} in the signature")
        self.depth = self._loops(self.inputs)
        self.casts = self._casts()

    def _refused(self, why: str) -> DifferentiationTypeError:
        return DifferentiationTypeError(
            f"`{self.function.__name__}`, made by guvectorize for {self.function.gufunc_builder.signature}, cannot be "
            "called like this in compiled code",
            why=why,
            todo=("pass arrays of the types that it was made for, those of its outputs as well",),
        )

    def _loops(self, n: int) -> int:
        """The number of dimensions of an argument in front of its core."""
        kind = self.kinds[n]
        return kind.ndim - len(self.cores[n]) if isinstance(kind, types.Array) else 0

    def _casts(self) -> list[Any]:
        """What the kernel was compiled for, where it takes a number of another type; arrays are of its types."""
        if not self.function._frozen:
            return [None] * len(self.kinds)
        elements = [kind.dtype if isinstance(kind, types.Array) else kind for kind in self.kinds]
        found, _ = self.function.find_ewise_function(elements)
        if found is None:
            raise self._refused(f"no signature for {', '.join(map(str, elements))}")
        casts: list[Any] = []
        for kind, element, declared in zip(self.kinds, elements, found.args, strict=True):
            wanted = declared.dtype if isinstance(declared, types.Array) else declared
            if isinstance(kind, types.Array) and element != wanted:
                raise self._refused(f"an array of {element} where the function was made for {wanted}")
            casts.append(wanted if element != wanted else None)
        return casts

    def implementation(self) -> Any:
        lines = ["def implementation(kernel, *values):", *(f"    {line}" for line in self._checks())]
        lines.append(f"    shape = {self.names[self.inputs]}.shape")
        indent = "    "
        order = range(self.depth) if not self._in_columns() else reversed(range(self.depth))
        for dimension in order:
            lines.append(f"{indent}for i{dimension} in range(shape[{dimension}]):")
            indent += "    "
        lines.append(f"{indent}kernel({', '.join(map(self._part, range(len(self.kinds))))})")
        exec("\n".join(lines), self.scope)
        return self.scope["implementation"]

    def _in_columns(self) -> bool:
        layouts = [kind.layout for kind in self.kinds if isinstance(kind, types.Array)]
        return layouts.count("F") > layouts.count("C")

    def _checks(self) -> Iterator[str]:
        """The checks that Numba makes before the loop, in its order."""
        arrays = [n for n, kind in enumerate(self.kinds) if isinstance(kind, types.Array)]
        for a, b in itertools.combinations(arrays, 2):
            for axis in range(len(self.cores[a]) if self.cores[a] == self.cores[b] else 0):
                of_a, of_b = (f"{self.names[n]}.shape[{self._loops(n) + axis}]" for n in (a, b))
                yield f"if {of_a} != {of_b}: raise ValueError({_CORE!r})"
        for n in (n for n in arrays if n < self.inputs):
            if self._loops(n) > self.depth:
                yield f"raise ValueError({_LOOP!r})"
                continue
            for axis in range(self._loops(n)):
                shapes = f"{self.names[n]}.shape[{axis}] != {self.names[self.inputs]}.shape[{axis}]"
                yield f"if {shapes}: raise ValueError({_LOOP!r})"

    def _part(self, n: int) -> str:
        """What the kernel gets of an argument."""
        name, core = self.names[n], self.cores[n]
        if not isinstance(self.kinds[n], types.Array):
            if self.casts[n] is None:
                return name
            self.scope[f"cast{n}"] = self.casts[n]
            return f"cast{n}({name})"
        loops = self._loops(n)
        first = self.depth - loops  # the outer loops use the array again
        indices = [f"i{first + axis} if {name}.shape[{axis}] > 1 else 0" for axis in range(loops)]
        if n >= self.inputs and not core:  # a number that the kernel writes is an array with one element
            if not loops:
                return f"{name}.reshape(1)"
            last = indices.pop()
            indices.append(f"slice({last}, ({last}) + 1)")
        return f"{name}[{', '.join(f'({index})' for index in indices)}]" if indices else name if core else f"{name}[()]"


class _NewOutputs:
    """Writes a call that makes its outputs, as NumPy does: inputs of given types are converted and broadcast."""

    def __init__(self, function: Any, kinds: tuple[Any, ...]) -> None:
        self.function, self.kinds = function, [types.unliteral(kind) for kind in kinds]
        self.inputs, self.outputs = _signature(function)
        self.arrays = [n for n, kind in enumerate(self.kinds) if isinstance(kind, types.Array)]
        self.loops = {n: self.kinds[n].ndim - len(self.inputs[n]) for n in self.arrays}
        for n, core in enumerate(self.inputs):
            if core and self.loops.get(n, -1) < 0:
                raise errors.TypingError(f"input {n} of `{function.__name__}` has fewer dimensions than its signature")
        self.dtypes = self._dtypes()

    def _dtypes(self) -> list[np.dtype]:
        """Those of the first signature that the inputs can be converted to, as NumPy chooses."""
        given = [as_dtype(kind.dtype if isinstance(kind, types.Array) else kind) for kind in self.kinds]
        for listed in self.function.ufunc.types:
            wanted = [np.dtype(one) for one in listed.replace("->", "")]
            if all(map(np.can_cast, given, wanted)):
                return wanted
        raise errors.TypingError(f"`{self.function.__name__}` has no signature for {', '.join(map(str, given))}")

    def implementation(self) -> Any:
        scope: dict[str, Any] = {"np": np, "over_loop": over_loop}
        scope |= {f"dtype{n}": dtype for n, dtype in enumerate(self.dtypes)}
        scope |= {f"cast{n}": dtype.type for n, dtype in enumerate(self.dtypes)}
        lines = ["def implementation(kernel, *values):", *(f"    {line}" for line in self._lines())]
        exec("\n".join(lines), scope)
        return scope["implementation"]

    def _lines(self) -> Iterator[str]:
        yield from self._sizes()
        shapes = [f"values[{n}].shape[:{loops}]" for n, loops in self.loops.items() if loops]
        shape = f"np.broadcast_shapes({', '.join(shapes)})" if len(shapes) > 1 else "".join(shapes) or "()"
        yield f"shape = {shape}"
        inputs = list(self._converted(len(shapes) > 1))
        outputs = []
        for n, core in enumerate(self.outputs):
            yield f"output{n} = np.empty(shape + {_tuple(core)}, dtype{len(self.inputs) + n})"
            outputs.append(f"output{n}")
        yield f"over_loop(kernel, {', '.join([*inputs, *outputs])})"
        single = not shapes  # NumPy gives numbers, not arrays without dimensions
        yield f"return {', '.join(f'{one}[()]' if single and not core else one for one, core in self._results())}"

    def _results(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(f"output{n}", core) for n, core in enumerate(self.outputs)]

    def _sizes(self) -> Iterator[str]:
        """The sizes of the core dimensions, which must agree."""
        known: set[str] = set()
        name, signature = self.function.__name__, self.function.ufunc.signature
        for n, core in enumerate(self.inputs):
            for axis, symbol in enumerate(core):
                size = f"values[{n}].shape[{self.loops[n] + axis}]"
                if symbol not in known:
                    yield f"size_{symbol} = {size}"
                    known.add(symbol)
                    continue
                what = f"{name}: Input operand {n} has a mismatch in its core dimension {axis}, with gufunc signature "
                what += f"{signature} (size {{{size}}} is different from {{size_{symbol}}})"
                yield f"if {size} != size_{symbol}: raise ValueError(f{what!r})"
        if not known.issuperset(itertools.chain(*self.outputs)):
            raise errors.TypingError(f"the size of an output of `{name}` is not that of an input: give it an array")

    def _converted(self, broadcast: bool) -> Iterator[str]:
        for n, (kind, core) in enumerate(zip(self.kinds, self.inputs, strict=True)):
            name = f"values[{n}]"
            if n not in self.arrays:
                yield f"cast{n}({name})"
                continue
            if as_dtype(kind.dtype) != self.dtypes[n]:
                name = f"{name}.astype(dtype{n})"
            yield f"np.broadcast_to({name}, shape + {_tuple(core)})" if broadcast and self.loops[n] else name


def _tuple(core: tuple[str, ...]) -> str:
    return f"({''.join(f'size_{symbol}, ' for symbol in core)})"
