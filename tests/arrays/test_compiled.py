"""Wrappers and scipy.sparse arrays in compiled code, and their gradients.

The table of operations.py: for each specimen one compiled program that adds up some of its operations, taken in turn
so that all of them occur; NUMZYME_WHOLE_TABLE=1 runs every operation on every specimen (half an hour). The reference is
the same program in plain Python: its value, and its central differences with respect to each stored float. The programs
are polynomials of degree two at most in each, for which these are exact whatever the step.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from numzyme import (
    Const,
    DifferentiationError,
    Forward,
    Reverse,
    ReverseWithPrimal,
    gradient,
)
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
)
from numzyme.arrays.indices import NUMBERS
from numzyme.values import is_structural, rebuild

from .operations import Operation, Specimen, operations, specimens, values
from .test_gradients import NATURAL

EVERY_OPERATION = bool(os.environ.get("NUMZYME_WHOLE_TABLE"))
AT_A_TIME = 6 if EVERY_OPERATION else 4
STEP = 0.5


# -- stored floats as one vector ------------------------------------------------------------------------------------


def stored(value: Any) -> np.ndarray:
    """The floats of a value or of its gradient, in the order of the fields."""
    if isinstance(value, np.ndarray):
        return value.ravel() if value.dtype.kind == "f" else np.empty(0)
    if sparse.issparse(value):
        return value.data
    if isinstance(value, tuple | list):
        return np.concatenate([np.empty(0), *map(stored, value)])
    if isinstance(value, dict):
        return stored(list(value.values()))
    if is_dataclass(value):
        return stored([getattr(value, field.name) for field in fields(value)])
    return np.array([value]) if isinstance(value, float) else np.empty(0)


def moved(value: Any, numbers: Any) -> Any:
    """A value like `value` with other stored floats, taken from an iterator."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "f":
            return value
        return np.array([next(numbers) for _ in range(value.size)], value.dtype).reshape(value.shape)
    if sparse.issparse(value):
        made = value.copy()
        made.data = moved(value.data, numbers)
        return made
    if isinstance(value, tuple | list):
        return type(value)([moved(member, numbers) for member in value])
    if isinstance(value, dict):
        return {key: moved(member, numbers) for key, member in value.items()}
    if is_dataclass(value):
        return rebuild(value, {field.name: moved(getattr(value, field.name), numbers) for field in fields(value)})
    return next(numbers) if isinstance(value, float) else value


def differences(function: Any, value: Any) -> np.ndarray:
    """The derivative of `function` in plain Python with respect to each stored float."""
    base = stored(value)
    steps = STEP * np.eye(base.size)
    pairs = [(function(moved(value, iter(base + s))), function(moved(value, iter(base - s)))) for s in steps]
    return np.array([(up - down) / (2 * STEP) for up, down in pairs])


def check(function: Any, value: Any) -> Any:
    """Compare value and gradient in compiled code with plain Python; the gradient."""
    expected, slopes = function(value), differences(function, value)
    found = gradient(ReverseWithPrimal, function, value)
    np.testing.assert_allclose(found.val, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(stored(found.derivs), slopes, rtol=1e-11, atol=1e-11)
    return found.derivs


# -- the table ------------------------------------------------------------------------------------------------------


def weighted_total(result: Any) -> Any:
    """A number that depends on every element of an operation's result in its own way."""
    if isinstance(result, NUMBERS):
        return result
    total = 0.0
    weight = 1.0
    for value in result.flat:
        total += weight * value
        weight = 1.5 - 0.75 * weight
    return total


def program_of(chosen: tuple[Operation, ...]) -> Any:
    """A function of the wrapper that adds up the operations' results."""
    scope: dict[str, Any] = {"weighted_total": weighted_total}
    lines = ["def program(A):", "    total = 0.0"]
    for number, operation in enumerate(chosen):
        scope[f"operation{number}"] = operation.function
        lines.append(f"    total += {number + 1}.0 * weighted_total(operation{number}(A))")
    exec("\n".join([*lines, "    return total"]), scope)
    return scope["program"]


SPARSE = ("-csc", "-csr", "-coo")
NOT_COMPILED = ("doubled", "difference", "square")  # + and @ of two sparse arrays are refused in compiled code


def is_left_out(specimen: Specimen, operation: Operation) -> bool:
    return any(part in specimen.name for part in SPARSE) and operation.name in NOT_COMPILED


def selected() -> list[tuple[Specimen, tuple[Operation, ...]]]:
    """The largest specimen of each kind, with groups of operations."""
    small = ("-0-", "-1-", "-2-")
    chosen = [s for s in specimens() if s.dtype is np.float64 and not any(part in s.name for part in small)]
    chosen = chosen if EVERY_OPERATION else chosen[::3]
    found = []
    uses: Counter[str] = Counter()
    for specimen in chosen:
        listed = [operation for operation in operations(specimen) if not is_left_out(specimen, operation)]
        if EVERY_OPERATION:
            starts: Any = range(0, len(listed), AT_A_TIME)
            found += [(specimen, tuple(listed[start : start + AT_A_TIME])) for start in starts]
        else:
            listed.sort(key=lambda operation: uses[operation.name])  # those that occurred least
            uses.update(operation.name for operation in listed[:AT_A_TIME])
            found.append((specimen, tuple(listed[:AT_A_TIME])))
    return found


SELECTED = selected()


def test_every_operation_is_selected():
    every = {operation.name for specimen in specimens() for operation in operations(specimen)}
    assert {operation.name for _, chosen in SELECTED for operation in chosen} == every


def is_natural(wrapper: Any) -> bool:
    """Whether natural and structural gradients agree: by the classes of the wrapper and of its parents."""
    while type(wrapper).__module__.startswith("numzyme"):
        if type(wrapper).__name__ not in NATURAL:
            return False
        wrapper = getattr(wrapper, "parent", None)
    return True


@pytest.mark.parametrize(
    ("specimen", "chosen"), SELECTED, ids=[f"{s.name}-{'-'.join(o.name for o in c)}" for s, c in SELECTED]
)
def test_table(specimen, chosen):
    wrapper = specimen.make()
    found = check(program_of(chosen), wrapper)
    assert type(found).__name__ == type(wrapper).__name__
    assert is_structural(found) != is_natural(wrapper)


# -- forms ----------------------------------------------------------------------------------------------------------


def total_of(A: Any) -> Any:
    return A.sum()


def test_forms():
    """Structural where natural and structural form differ, the wrapper elsewhere, projected on demand."""
    A = Symmetric(values((3, 3)))
    found = gradient(Reverse, total_of, A)
    np.testing.assert_array_equal(found.data, [[1, 2, 2], [0, 1, 2], [0, 0, 1]])
    assert is_structural(found) and found.uplo is None
    projected = gradient(Reverse, total_of, A, project=True)
    assert type(projected) is Symmetric
    np.testing.assert_array_equal(projected.toarray(), np.ones((3, 3)))
    assert type(gradient(Reverse, total_of, Diagonal(values(3)))) is Diagonal


@pytest.mark.parametrize("make", [lambda: Diagonal(values(3)), lambda: Symmetric(values((3, 3)), "L")])
def test_forward_equals_reverse(make):
    def function(A: Any) -> Any:
        return np.sum((A @ np.array([1.0, -2.0, 3.0])) ** 2) + A[1, 1] * A.sum()

    forward, reverse = gradient(Forward, function, make()), gradient(Reverse, function, make())
    assert type(forward) is type(reverse)
    np.testing.assert_allclose(stored(forward), stored(reverse), rtol=1e-14, atol=1e-14)


# -- wrappers that compiled code makes ------------------------------------------------------------------------------


def makes_diagonal(x: Any) -> Any:
    return np.sum(Diagonal(x) @ x) + (2.0 * Diagonal(x))[1, 1]


def makes_symmetric(x: Any) -> Any:
    A = np.outer(x, np.array([1.0, 2.0, 3.0]))
    return (Symmetric(A, "U") @ x)[0] + Symmetric(A, "L")[0, 2] + Symmetric(A)[0, 2] + Hermitian(A).sum()


def makes_bands(x: Any) -> Any:
    off = x[1:]
    U, T = Bidiagonal(x, off, "U"), Tridiagonal(off, x, 2.0 * off)
    return (U @ x).sum() + (T + SymTridiagonal(x, off)).sum() + UniformScaling(x[0], 3)[1, 1]


def makes_small(x: Any) -> Any:
    v = SVector(x[0], x[1], 2.0)
    M = SMatrix(((x[0], 1.0, 0.0), (0.5, x[1], x[2])))
    return (M @ v).sum() + v @ v + v[0]


def makes_range(x: Any) -> Any:
    r = LinRange(x[0], x[1], 5)
    return r[2] + 2.0 * r.sum() + (r * x[2])[4]


def makes_views(x: Any) -> Any:
    D = Diagonal(x)
    column = Reshaped(x, (3, 1))
    return (Adjoint(D) @ x).sum() + Transpose(column)[0, 2] + PermutedDims(column, (1, 0)).sum() + column[1, 0]


def makes_triangle(x: Any) -> Any:
    L = LowerTriangular(np.outer(x, x) * np.array([0.0, 1.0, 1.0]))
    return L.sum() + (L.T @ np.array([1.0, 2.0, 3.0]))[2]


MAKERS = (makes_diagonal, makes_symmetric, makes_bands, makes_small, makes_range, makes_views, makes_triangle)


@pytest.mark.parametrize("function", MAKERS, ids=lambda f: f.__name__)
def test_made_in_compiled_code(function):
    check(function, np.array([0.5, -1.25, 2.0]))


# -- inside other values --------------------------------------------------------------------------------------------


@dataclass
class Model:
    scale: Any
    matrix: Any
    sparse: Any
    offset: float


def test_in_a_dataclass():
    def function(model: Any) -> Any:
        y = model.scale @ (model.matrix @ np.array([1.0, 2.0]))
        return np.sum(model.sparse @ y) + model.offset * model.scale[0, 0]

    matrix = sparse.csc_array([[0.0, 3.0], [1.0, 0.0]])
    found = check(function, Model(Diagonal(values(2)), Symmetric(values((2, 2), 1)), matrix, 0.5))
    assert type(found.scale) is Diagonal and type(found.sparse) is sparse.csc_array
    assert is_structural(found.matrix)


def test_in_a_dict_and_shared():
    def function(parts: Any) -> Any:
        return parts["D"].sum() + 3.0 * (parts["E"] @ parts["v"])[1] + parts["S"].sum()

    diagonal = values(3)
    parts = {"D": Diagonal(diagonal), "E": Diagonal(diagonal), "v": values(3, 2), "S": sparse.coo_array(np.eye(3))}
    found = gradient(Reverse, function, parts)
    assert found["D"].diag is found["E"].diag  # one array has one gradient
    np.testing.assert_allclose(found["D"].diag, 1.0 + 3.0 * parts["v"] * np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(found["v"], 3.0 * diagonal * np.array([0.0, 1.0, 0.0]))
    np.testing.assert_array_equal(found["S"].data, np.ones(3))


def test_wrapper_of_wrapper():
    def function(A: Any) -> Any:
        return (A @ np.array([1.0, 2.0])).sum() + 2.0 * A[1, 0] + A.T[0, 0]

    found = check(function, Reshaped(Adjoint(SVector(1.0, 2.0, 3.0, 4.0)), (2, 2)))
    assert type(found) is Reshaped and type(found.parent) is Adjoint and type(found.parent.parent) is SVector
    check(function, PermutedDims(Transpose(Diagonal(values(2))), (1, 0)))


def test_float32():
    found = gradient(Reverse, total_of, Diagonal(np.ones(3, np.float32)))
    assert found.diag.dtype == np.float32
    np.testing.assert_array_equal(found.diag, np.ones(3, np.float32))


def test_complex_numbers():
    """`d/dx + i d/dy` of `Re(c sum)` is `conj(c)` for every stored number, and `c` where the number is conjugated."""
    factor = 2.0 - 3.0j
    for mode in (Reverse, Forward):
        found = gradient(mode, lambda A: (factor * A.sum()).real, Diagonal(values(3, dtype=np.complex128)))
        np.testing.assert_array_equal(found.diag, np.full(3, factor.conjugate()))
        found = gradient(mode, lambda A: (factor * A.sum()).real, UniformScaling(1.0 + 2.0j, 3))
        assert found.value == 3.0 * factor.conjugate()
        found = gradient(mode, lambda A: (factor * A.sum()).real, SVector(1.0j, 2.0 + 0.0j))
        assert found.data == (factor.conjugate(),) * 2
        found = gradient(mode, lambda A: (factor * A.sum()).real, sparse.csc_array(np.eye(2) * 1j))
        np.testing.assert_array_equal(found.data, np.full(2, factor.conjugate()))
        found = gradient(mode, lambda A: (factor * A[0, 1]).real, Hermitian(values((2, 2), dtype=np.complex128)))
        assert found.data[0, 1] == factor.conjugate()
        found = gradient(mode, lambda A: (factor * A[1, 0]).real, Hermitian(values((2, 2), dtype=np.complex128)))
        assert found.data[0, 1] == factor
    constant = Const(UniformScaling(1.0 + 2.0j, 3))
    assert gradient(Reverse, lambda x, A: x * A.sum().imag, 2.0, constant) == (6.0, None)


def test_refused():
    """What would make a structured matrix dense."""
    for function in (lambda A: (A + 1.0).sum(), lambda A: (A * A).sum(), lambda A: (1.0 / A).sum()):
        for wrapper in (Diagonal(values(3)), sparse.csr_array(np.eye(3))):
            with pytest.raises(DifferentiationError):
                gradient(Reverse, function, wrapper)


def test_exceptions():
    """Bad indices and shapes raise in compiled code what they raise in Python."""
    with pytest.raises(IndexError, match="out of range"):
        gradient(Reverse, lambda A: A[3, 0], Diagonal(values(3)))
    with pytest.raises(ValueError, match="inner lengths"):
        gradient(Reverse, lambda A: (A @ np.ones(2)).sum(), Diagonal(values(3)))
    with pytest.raises(ValueError, match="one shorter"):
        gradient(Reverse, lambda x: Bidiagonal(x, x, "U").sum(), values(3))


# -- scipy.sparse ---------------------------------------------------------------------------------------------------

KINDS = [getattr(sparse, f"{name}_{family}") for name in ("csc", "csr", "coo") for family in ("array", "matrix")]


def sparse_program(A: Any) -> Any:
    """Sum, elements, products, transposes, stored elements, shape and multiples."""
    rows, columns = A.shape
    vector, other = np.cos(np.arange(columns) + 1.0), np.sin(np.arange(rows) + 1.0)
    matrix = np.outer(vector, np.array([1.0, -2.0]))
    total = np.sum(A) + 0.5 * A.sum() + (2.0 * A).sum() + (A / 4.0).sum() + (-A).sum() + A.nnz + A.shape[0]
    total += (A @ vector) @ other + np.sum((A @ matrix)[0]) + (A.T @ other)[1] + np.sum(A.data * A.data)
    return total + np.sum(A.toarray()[1])


def sparse_items(A: Any) -> Any:
    return A[0, 1] * 2.0 + A[2, 0] + A[-1, -1] * A[1, 0]


def specimen_of(kind: Any) -> Any:
    """3 rows, 2 columns, an explicit zero."""
    made = kind(np.array([[0.0, 5.0], [1.5, 2.0], [0.0, -4.0]]))
    made.data[1] = 0.0
    return made


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_sparse(kind):
    A = specimen_of(kind)
    found = check(sparse_program, A)
    assert type(found) is kind and found.shape == A.shape and found.nnz == A.nnz
    for name in ("indices", "indptr", "row", "col"):
        if hasattr(A, name):
            np.testing.assert_array_equal(getattr(found, name), getattr(A, name))
    if A.format != "coo":  # scipy's has no elements
        check(sparse_items, A)


def test_sparse_duplicates_and_empty():
    A = sparse.coo_array((np.array([1.0, 2.0, 3.0]), (np.array([0, 0, 1]), np.array([1, 1, 0]))), shape=(2, 2))
    found = gradient(ReverseWithPrimal, lambda A: A[0, 1] ** 2 + (A @ np.array([1.0, 2.0])).sum(), A)
    assert found.val == 9.0 + 9.0
    np.testing.assert_allclose(found.derivs.data, [8.0, 8.0, 1.0])
    empty = gradient(Reverse, total_of, sparse.csc_array((3, 2)))
    assert empty.nnz == 0 and empty.shape == (3, 2)


def test_sparse_gradient_is_never_dense():
    """A matrix that no memory holds when dense."""
    n = 2_000_000
    A = sparse.dia_array((np.ones((1, n)), [0]), shape=(n, n)).tocsr()
    found = gradient(Reverse, lambda A: (A @ np.ones(A.shape[1])).sum(), A)
    assert found.nnz == n and found.shape == (n, n)
    found = gradient(Reverse, lambda D: (D @ np.ones(D.shape[1])).sum() + D[0, 1], Diagonal(np.ones(n)))
    assert found.diag.shape == (n,)


def test_sparse_field_in_wrapper():
    """A view of a sparse array has a view of a sparse gradient."""
    A = sparse.csc_array([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])
    found = check(lambda A: A[2, 1] + 0.5 * A.sum(), PermutedDims(A, (1, 0)))
    assert type(found) is PermutedDims and type(found.parent) is sparse.csc_array and found.parent.nnz == 4
