"""How NumPy sees a wrapper: conversion, operators with arrays on their left, ufuncs, the printed form.

Runs in plain Python only; compiled code calls the operators directly. Invariant: no ufunc makes a structured
wrapper dense without being asked.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

OPERATORS = {
    np.add: ("__add__", "__radd__"),
    np.subtract: ("__sub__", "__rsub__"),
    np.multiply: ("__mul__", "__rmul__"),
    np.divide: ("__truediv__", "__rtruediv__"),
    np.matmul: ("__matmul__", "__rmatmul__"),
}


class NumpyProtocol:
    """Mixin of `ArrayLike`: what only plain Python needs."""

    structured: Any = False

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(f"the dense array of a {type(self).__name__} is always a copy")
        return np.asarray(self.toarray(), dtype=dtype)  # type: ignore[attr-defined]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        if method == "__call__" and not keywords:
            if ufunc in OPERATORS:
                left, right = inputs
                forward, reflected = OPERATORS[ufunc]
                if isinstance(left, NumpyProtocol):
                    return getattr(left, forward)(right)
                return getattr(right, reflected)(left)
            if ufunc is np.negative:
                return -self  # type: ignore[operator]
            if ufunc is np.conjugate:
                return self.conjugate()  # type: ignore[attr-defined]
        wrappers = [value for value in inputs if isinstance(value, NumpyProtocol)]
        for wrapper in wrappers:
            if wrapper.structured and keywords.get("out") is None:
                name = type(wrapper).__name__
                raise TypeError(
                    f"np.{ufunc.__name__} of a {name} would make it dense; convert it first: np.asarray(...)"
                )
        dense = [value.toarray() if isinstance(value, NumpyProtocol) else value for value in inputs]  # type: ignore[attr-defined]
        return getattr(ufunc, method)(*dense, **keywords)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(shown(value) for value in self._shown_values())})"

    def _shown_values(self) -> list[Any]:
        """The constructor's arguments."""
        return [getattr(self, field.name) for field in dataclasses.fields(self) if field.init]  # type: ignore[arg-type]


def shown(value: Any) -> str:
    """A field as the printed form shows it."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, separator=", ")
    return repr(value.item() if isinstance(value, np.generic) else value)
