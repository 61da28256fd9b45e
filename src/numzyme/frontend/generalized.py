"""Functions made by `numba.guvectorize`, in compiled code that is differentiated: loops over their kernel.

Decides what a call means as Numba does for compiled code: all outputs are given, and the leading dimensions of the
first one are the loop; an array with fewer dimensions is used again in the outer loops. Invariants: the kernel runs
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
from numba.core import types
from numba.extending import overload
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
    scope: dict[str, Any] = {"_over_loop": over_loop, "_kernel": njit(**options)(kernel)}
    exec(f"def generalized({parameters}):\n    _over_loop(_kernel, {listed})\n", scope)
    made = scope["generalized"]
    made.__name__ = made.__qualname__ = function.__name__
    return made


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
