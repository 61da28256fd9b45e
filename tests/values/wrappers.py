"""Array wrappers as a user writes them: dataclasses, registered in a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from numzyme import DifferentiationValueError
from numzyme.values import natural_fields, register_wrapper


@dataclass(frozen=True)
class Diagonal:
    diag: Any


@dataclass
class Bidiagonal:
    dv: Any
    ev: Any
    uplo: str


@dataclass(frozen=True)
class Adjoint:
    parent: Any


@dataclass(frozen=True)
class Reshaped:
    parent: Any
    dims: Any


@dataclass(frozen=True, init=False)
class SVector:
    data: Any

    def __init__(self, *values):
        object.__setattr__(self, "data", values)


@dataclass(frozen=True)
class LinRange:
    start: Any
    stop: Any
    len: int
    lendiv: int


@dataclass(frozen=True)
class Symmetric:
    data: Any
    uplo: str = "U"


@dataclass(frozen=True)
class Circulant:
    """Stores the first column; the dense matrix has `column[(i - j) % n]` at `[i, j]`."""

    column: Any

    def dense(self):
        n = len(self.column)
        return self.column[np.subtract.outer(np.arange(n), np.arange(n)) % n]


def project_symmetric(x, dx, strip):
    g = strip(x.data, dx.data)
    shown = np.triu(g) if x.uplo == "U" else np.tril(g)
    if not np.array_equal(shown, g):
        raise DifferentiationValueError(f"{strip.path}: the gradient lies on what Symmetric does not show")
    return Symmetric((shown + shown.T) / 2, x.uplo)


def project_circulant(x, dx, strip):
    return Circulant(strip(x.column, dx.column) / len(x.column))


register_wrapper(Diagonal, natural=natural_fields("diag"))
register_wrapper(Bidiagonal, natural=natural_fields("dv", "ev"))
register_wrapper(Adjoint, natural=natural_fields("parent"))
register_wrapper(Reshaped, natural=natural_fields("parent"))
register_wrapper(SVector, natural=natural_fields("data"))
register_wrapper(Symmetric, project=project_symmetric)
register_wrapper(Circulant, natural=natural_fields("column"), project=project_circulant)
