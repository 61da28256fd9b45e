"""The same Python function over other numbers, or with its helpers compiled.

`retyped(f, complex)` is `f` with NumPy and `math` replaced by namespaces whose buffers are complex and
whose functions take complex numbers: that is what the complex step needs. `retyped(f, float)` turns a
float32 program into a float64 one. Helpers (plain or `@njit`) that `f` reaches through its globals or
captured variables are treated likewise. Nothing is compiled here, apart from what `compiled` asks for.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher
from scipy import special


def retyped(function: Callable, kind: type) -> Callable:
    """`function` in plain Python over `kind` (complex or float)."""
    dtype = np.complex128 if kind is complex else np.float64
    modules = {"numpy": _Numpy(dtype), "math": _COMPLEX_MATH if kind is complex else math}
    return _rebind(function, lambda plain, _: plain, modules)


def uncompiled(function: Callable) -> Callable:
    """`function` in plain Python, its compiled helpers included."""
    return _rebind(function, lambda plain, _: plain, {})


def compiled(function: Callable, options: Mapping[str, Any]) -> Dispatcher:
    """`njit(function)` whose plain helpers are compiled too, as numzyme compiles them."""

    def compile_helper(plain: FunctionType, original: Callable) -> Callable:
        given = dict(original.targetoptions) if isinstance(original, Dispatcher) else {}
        given.pop("nopython", None)
        given.update(options)
        # Nobody calls it from C: the wrapper would be a twentieth of the time to compile.
        given["no_cfunc_wrapper"] = True
        return njit(**given)(plain)

    return _rebind(function, compile_helper, {})


def _rebind(function: Callable, finish: Callable, modules: Mapping[str, Any]) -> Any:
    made: dict[FunctionType, Any] = {}

    def convert(value: Any) -> Any:
        if isinstance(value, ModuleType):
            return modules.get(value.__name__, value)
        plain = value.py_func if isinstance(value, Dispatcher) else value
        if not isinstance(plain, FunctionType) or _is_library(plain):
            return value
        if plain not in made:
            names = dict(plain.__globals__)
            cells = tuple(type(cell)(cell.cell_contents) for cell in plain.__closure__ or ())
            copy = FunctionType(plain.__code__, names, plain.__name__, plain.__defaults__, cells or None)
            copy.__module__ = plain.__module__
            made[plain] = finish(copy, value)
            for name in _names(plain.__code__):
                if name in names:
                    names[name] = convert(names[name])
            for cell in cells:
                cell.cell_contents = convert(cell.cell_contents)
        return made[plain]

    return convert(function)


def _names(code: Any) -> set[str]:
    """Global names that `code`, and functions and comprehensions inside it, use."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            names |= _names(constant)
    return names


def _is_library(function: FunctionType) -> bool:
    return (function.__module__ or "").split(".")[0] in {"numpy", "math", "scipy", "numba"}


class _Numpy:
    """NumPy whose new buffers, and whose float types, are of one dtype."""

    def __init__(self, dtype: type) -> None:
        self._dtype = dtype
        self.float64 = self.float32 = dtype

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def zeros(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return np.zeros(shape, dtype or self._dtype)

    def ones(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return np.ones(shape, dtype or self._dtype)

    def empty(self, shape: Any, dtype: Any = None) -> np.ndarray:
        return np.empty(shape, dtype or self._dtype)

    def full(self, shape: Any, value: Any, dtype: Any = None) -> np.ndarray:
        return np.full(shape, value, dtype or self._dtype)

    def log2(self, x: Any) -> Any:
        return np.log(x) / math.log(2.0)

    def hypot(self, x: Any, y: Any) -> Any:
        return np.sqrt(x * x + y * y)

    def arctan2(self, y: Any, x: Any) -> Any:
        return np.arctan(y / x)

    def cbrt(self, x: Any) -> Any:
        return x ** (1 / 3)


class _ComplexMath:
    """`math` over complex numbers, for real parts in the domains of the real functions (x > 0 for atan2)."""

    pi, e, inf, nan = math.pi, math.e, math.inf, math.nan
    sqrt, exp, log, log10 = cmath.sqrt, cmath.exp, cmath.log, cmath.log10
    sin, cos, tan, asin, acos, atan = cmath.sin, cmath.cos, cmath.tan, cmath.asin, cmath.acos, cmath.atan
    sinh, cosh, tanh = cmath.sinh, cmath.cosh, cmath.tanh
    asinh, acosh, atanh = cmath.asinh, cmath.acosh, cmath.atanh

    @staticmethod
    def log1p(x: Any) -> Any:
        return cmath.log(1.0 + x)

    @staticmethod
    def expm1(x: Any) -> Any:
        return cmath.exp(x) - 1.0

    @staticmethod
    def log2(x: Any) -> Any:
        return cmath.log(x) / math.log(2.0)

    @staticmethod
    def pow(x: Any, y: Any) -> Any:
        return complex(x) ** y

    @staticmethod
    def hypot(x: Any, y: Any) -> Any:
        return cmath.sqrt(x * x + y * y)

    @staticmethod
    def atan2(y: Any, x: Any) -> Any:
        return cmath.atan(y / x)

    @staticmethod
    def erf(x: Any) -> Any:
        return complex(special.erf(x))

    @staticmethod
    def erfc(x: Any) -> Any:
        return 1.0 - complex(special.erf(x))

    @staticmethod
    def gamma(x: Any) -> Any:
        return complex(special.gamma(x))

    @staticmethod
    def lgamma(x: Any) -> Any:
        return complex(special.loggamma(x))


_COMPLEX_MATH = _ComplexMath()
