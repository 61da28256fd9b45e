"""The table of wrappers and of operations on one wrapper, for plain Python here and for compiled code elsewhere.

`cases()` gives `Case(name, make, function, dense)`: `function(make())` must equal `dense(make().toarray())`. Each
function is compilable, builds its other operands itself, and returns a number or an array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array

from numzyme.arrays import (
    Adjoint,
    Bidiagonal,
    Diagonal,
    Hermitian,
    LinRange,
    LowerTriangular,
    PermutedDims,
    Reshaped,
    SMatrix,
    SVector,
    Symmetric,
    SymTridiagonal,
    Transpose,
    Tridiagonal,
    UniformScaling,
    UnitLowerTriangular,
    UnitUpperTriangular,
    UpperTriangular,
)
from numzyme.arrays.operations import dense_of

FLOATS = (np.float64, np.float32, np.complex128)


@dataclass(frozen=True)
class Specimen:
    """A wrapper: `make()` builds it, the same one each time."""

    name: str
    make: Callable[[], Any]
    ndim: int = 2
    empty: bool = False
    structured: bool = False
    dtype: Any = np.float64


@dataclass(frozen=True)
class Operation:
    """`dense`: what it means for an array; None: the same function."""

    name: str
    function: Callable[[Any], Any]
    dense: Callable[[Any], Any] | None = None
    ndims: tuple[int, ...] = (1, 2)
    empty: bool = True


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[], Any]
    function: Callable[[Any], Any]
    dense: Callable[[Any], Any]


def values(shape: Any, seed: int = 0, dtype: Any = np.float64) -> np.ndarray:
    """Random numbers of any dtype."""
    generator = np.random.default_rng(seed)
    drawn = generator.normal(size=shape)
    if np.issubdtype(dtype, np.complexfloating):
        drawn = drawn + 1j * generator.normal(size=shape)
    return drawn.astype(dtype)


def numbers(count: int, seed: int = 0, dtype: Any = np.float64) -> list[Any]:
    return values(count, seed, dtype).tolist()


def weights(count: int) -> Any:
    """A vector for products."""
    return np.cos(np.arange(count) + 1.0)


def weights2(rows: int, columns: int) -> Any:
    """A matrix for products."""
    return np.cos(np.arange(rows * columns) + 0.5).reshape((rows, columns))


# -- the wrappers ---------------------------------------------------------------------------------------------------


def _square(n: int, dtype: Any) -> Iterator[tuple[str, Callable[[], Any], bool]]:
    """Wrappers with n rows and columns: name, maker, whether it is structured."""
    v = lambda seed, count=n: values(max(count, 0), seed, dtype)  # noqa: E731
    m = lambda seed: values((n, n), seed, dtype)  # noqa: E731
    one = values((), 5, dtype)[()].item()
    yield "Diagonal", lambda: Diagonal(v(1)), True
    yield "Bidiagonal-U", lambda: Bidiagonal(v(1), v(2, n - 1), "U"), True
    yield "Bidiagonal-L", lambda: Bidiagonal(v(1), v(2, n - 1), "L"), True
    yield "Tridiagonal", lambda: Tridiagonal(v(1, n - 1), v(2), v(3, n - 1)), True
    yield "SymTridiagonal", lambda: SymTridiagonal(v(1), v(2, n - 1)), True
    yield "UniformScaling", lambda: UniformScaling(one, n), True
    yield "LowerTriangular", lambda: LowerTriangular(m(1)), True
    yield "UpperTriangular", lambda: UpperTriangular(m(1)), True
    yield "UnitLowerTriangular", lambda: UnitLowerTriangular(m(1)), True
    yield "UnitUpperTriangular", lambda: UnitUpperTriangular(m(1)), True
    yield "Symmetric-U", lambda: Symmetric(m(1)), False
    yield "Symmetric-L", lambda: Symmetric(m(1), "L"), False
    yield "Hermitian-U", lambda: Hermitian(m(1)), False
    yield "Hermitian-L", lambda: Hermitian(m(1), "L"), False
    if n:
        yield "SMatrix", lambda: SMatrix(m(1).tolist()), False


def _views(dtype: Any) -> Iterator[Specimen]:
    """Views, nested and not, square and not."""
    m = lambda rows, columns: values((rows, columns), 3, dtype)  # noqa: E731
    vector = lambda: SVector(*numbers(4, 1, dtype))  # noqa: E731

    def sparse(kind: Any = csc_array) -> Any:
        return kind(m(3, 2) * (np.arange(6).reshape(3, 2) % 3 > 0))

    def view(name: str, make: Callable[[], Any], ndim: int = 2, structured: bool = False) -> Specimen:
        return Specimen(f"{name}-{np.dtype(dtype).name}", make, ndim, structured=structured, dtype=dtype)

    yield view("Adjoint", lambda: Adjoint(m(3, 2)))
    yield view("Transpose", lambda: Transpose(m(3, 2)))
    yield view("Adjoint-vector", lambda: Adjoint(values(3, 1, dtype)))
    yield view("Transpose-vector", lambda: Transpose(values(3, 1, dtype)))
    yield view("Adjoint-SVector", lambda: Adjoint(vector()))
    yield view("Adjoint-Diagonal", lambda: Adjoint(Diagonal(values(3, 1, dtype))), structured=True)
    yield view("Adjoint-csc", lambda: Adjoint(sparse()), structured=True)
    yield view("Transpose-csr", lambda: Transpose(sparse(csr_array)), structured=True)
    yield view("Transpose-coo", lambda: Transpose(sparse(coo_array)), structured=True)
    yield view("PermutedDims", lambda: PermutedDims(m(3, 2), (1, 0)))
    yield view("PermutedDims-same", lambda: PermutedDims(m(3, 2), (0, 1)))
    yield view("PermutedDims-csc", lambda: PermutedDims(sparse(), (1, 0)), structured=True)
    yield view("PermutedDims-SVector", lambda: PermutedDims(vector(), (0,)), ndim=1)
    yield view("PermutedDims-Symmetric", lambda: PermutedDims(Symmetric(m(3, 3)), (1, 0)))
    yield view("PermutedDims-Reshaped", lambda: PermutedDims(Reshaped(m(3, 2), (2, 3)), (1, 0)))
    yield view("Reshaped", lambda: Reshaped(m(3, 2), (2, 3)))
    yield view("Reshaped-vector", lambda: Reshaped(values(6, 1, dtype), (2, 3)))
    yield view("Reshaped-flat", lambda: Reshaped(m(3, 2), (6,)), ndim=1)
    yield view("Reshaped-Adjoint-SVector", lambda: Reshaped(Adjoint(vector()), (2, 2)))
    yield view("Reshaped-Adjoint-LinRange", lambda: Reshaped(Adjoint(LinRange(1.0, 2.0, 4)), (2, 2)))
    yield view("Reshaped-csc", lambda: Reshaped(sparse(), (2, 3)), structured=True)
    yield view("Adjoint-Adjoint", lambda: Adjoint(Adjoint(m(3, 2))))
    yield view("Transpose-Reshaped", lambda: Transpose(Reshaped(values(6, 1, dtype), (2, 3))))
    yield view("PermutedDims-3d", lambda: PermutedDims(values((2, 3, 4), 1, dtype), (2, 0, 1)), ndim=3)
    yield view("Reshaped-3d", lambda: Reshaped(values((4, 6), 1, dtype), (2, 3, 4)), ndim=3)


def _vectors(dtype: Any) -> Iterator[Specimen]:
    name = np.dtype(dtype).name
    for count in (1, 2, 5):
        yield Specimen(f"SVector-{count}-{name}", lambda c=count: SVector(*numbers(c, 1, dtype)), 1, dtype=dtype)
    start, stop = numbers(2, 2, dtype)
    for count in (0, 1, 2, 5):
        yield Specimen(
            f"LinRange-{count}-{name}", lambda c=count: LinRange(start, stop, c), 1, empty=count == 0, dtype=dtype
        )


def specimens() -> Iterator[Specimen]:
    """Every wrapper, in several sizes and dtypes."""
    for dtype in FLOATS:
        for n in (0, 1, 2, 4):
            for name, make, structured in _square(n, dtype):
                label = f"{name}-{n}-{np.dtype(dtype).name}"
                yield Specimen(label, make, empty=n == 0, structured=structured, dtype=dtype)
        if dtype is not np.float32:  # SVector holds Python floats
            yield from _vectors(dtype)
            yield Specimen(
                f"SMatrix-2x3-{np.dtype(dtype).name}",
                lambda d=dtype: SMatrix(values((2, 3), 1, d).tolist()),
                dtype=dtype,
            )
        yield from _views(dtype)


# -- the operations -------------------------------------------------------------------------------------------------


def _rows(A: Any) -> Any:
    total = 0.0
    for row in A:
        total = total + 2 * row[0]
    return total


def _elements(A: Any) -> Any:
    total = 0.0
    for element in A:
        total = 2 * total + element
    return total


def _weighted(A: Any) -> Any:
    total = 0.0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            total = total + A[i, j] * (i + 2 * j + 1)
    return total


def _negative_indices(A: Any) -> Any:
    total = 0.0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            total = total + A[i - A.shape[0], j - A.shape[1]] * (i - 2 * j + 1)
    return total


ANY = (
    Operation("np.sum", lambda A: np.sum(A)),
    Operation("sum", lambda A: A.sum()),
    Operation("size", lambda A: float(A.size + A.ndim), ndims=(1, 2, 3)),
    Operation("len", lambda A: float(len(A)), ndims=(1, 2, 3)),
    Operation("asarray", lambda A: dense_of(A), ndims=(1, 2, 3)),
    Operation("scaled", lambda A: dense_of(A * 2.5), ndims=(1, 2, 3)),
    Operation("scaled from the left", lambda A: dense_of(2.5 * A), ndims=(1, 2, 3)),
    Operation("divided", lambda A: dense_of(A / 2.5), ndims=(1, 2, 3)),
    Operation("negated", lambda A: dense_of(-A), ndims=(1, 2, 3)),
    Operation("doubled", lambda A: dense_of(A + A), ndims=(1, 2, 3)),
    Operation("difference", lambda A: dense_of(A - A * 3.0), ndims=(1, 2, 3)),
    Operation("conjugate", lambda A: dense_of(A.conj())),
    Operation("plus array", lambda A: A + np.ones(A.shape)),
    Operation("minus array", lambda A: A - np.ones(A.shape)),
    Operation("array plus", lambda A: np.ones(A.shape) + A),
    Operation("array minus", lambda A: np.ones(A.shape) - A),
    Operation("transposed", lambda A: dense_of(A.T), ndims=(1, 2, 3)),
    Operation("@ vector", lambda A: A @ weights(A.shape[-1])),
    Operation("@ matrix", lambda A: A @ weights2(A.shape[-1], 3)),
    Operation("vector @", lambda A: weights(A.shape[0]) @ A),
    Operation("matrix @", lambda A: weights2(3, A.shape[0]) @ A),
    Operation("transposed @ vector", lambda A: A.T @ weights(A.shape[0])),
    Operation("transposed @ matrix", lambda A: A.T @ weights2(A.shape[0], 2)),
)
NOT_EMPTY = (
    Operation("first of matrix", lambda A: A[0, 0], ndims=(2,)),
    Operation("first of vector", lambda A: A[0], ndims=(1,)),
    Operation("last of matrix", lambda A: A[-1, -1], ndims=(2,)),
    Operation("last of vector", lambda A: A[-1], ndims=(1,)),
    Operation("corner of 3d", lambda A: A[-1, 0, 1], ndims=(3,)),
    Operation("row", lambda A: A[A.shape[0] - 1], ndims=(2,)),
    Operation("row times", lambda A: A[0] @ weights(A.shape[1]), ndims=(2,)),
    Operation("rows", _rows, ndims=(2,)),
    Operation("elements", _elements, ndims=(1,)),
    Operation("weighted", _weighted, ndims=(2,)),
    Operation("negative indices", _negative_indices, ndims=(2,)),
    Operation("column", lambda A: A[:, 0], ndims=(2,)),
    Operation("square", lambda A: dense_of(A @ A.T), ndims=(2,)),
    Operation("square of vector", lambda A: A @ A, ndims=(1,)),
)
SHIFTS = (
    Operation("plus number", lambda A: dense_of(A + 1.5), ndims=(1, 2, 3)),
    Operation("number minus", lambda A: dense_of(1.5 - A), ndims=(1, 2, 3)),
    Operation("elementwise product", lambda A: dense_of(A * A), ndims=(1, 2, 3)),
)


def operations(specimen: Specimen) -> Iterator[Operation]:
    """What the table asks of a wrapper."""
    groups = (ANY, () if specimen.empty else NOT_EMPTY, () if specimen.structured else SHIFTS)
    for group in groups:
        for operation in group:
            if specimen.ndim in operation.ndims:
                yield operation


def cases() -> Iterator[Case]:
    """The whole table."""
    for specimen in specimens():
        for operation in operations(specimen):
            dense = operation.dense or operation.function
            yield Case(f"{specimen.name}: {operation.name}", specimen.make, operation.function, dense)
