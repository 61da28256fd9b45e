"""What every wrapper does by its elements alone: `ArrayLike`, `VectorLike`, `MatrixLike`, `Structured`.

Decides which operation keeps a wrapper's kind and which gives a NumPy array. A class says its `shape`, its `dtype`,
one element (`at`) and what an operation on its stored floats gives (`mapped`); what it can do faster it overrides.
Invariant: every method but those of `NumpyProtocol` compiles when the fields have types: tests of types
and of numbers of axes, written `len(x.shape)`, are constants there, and no method returns different types for
different numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .indices import INTEGERS, NUMBERS, place, product
from .numpy_protocol import NumpyProtocol
from .operations import conjugated, dense_of, negated, over, plus, times
from .products import check_inner, dot, matrix_times_matrix, matrix_times_vector, vector_times_matrix


def check_same_shape(left: Any, right: Any) -> None:
    """Raises: ValueError unless two arrays have one shape; sums that keep a kind do not broadcast."""
    if left.shape != right.shape:
        raise ValueError("the shapes of the operands differ")


def scalar(value: Any) -> Any:
    """`value`, a number.

    Compiled for anything else it has no result, which keeps the compiler out of branches that are not for numbers.

    Raises: TypeError when it is something else.
    """
    if not isinstance(value, NUMBERS):
        raise TypeError("an operand is neither a number nor an array; convert it with np.asarray first")
    return value


class ArrayLike(NumpyProtocol):
    """An array made of stored floats: base class of `VectorLike`, `MatrixLike` and the views.

    A subclass has `shape` (tuple), `dtype` and `at(index)`, the element at a full tuple of places that are in range (or
    its own `__getitem__`). `mapped(operation, argument)`, the array with an operation done to each stored float,
    and `T` keep its kind where it says how; otherwise the result is a NumPy array.
    """

    shape: Any
    dtype: Any
    ndim: Any
    T: Any
    transposed_times: Any  # matrices have it: other -> self.T @ other

    @property
    def size(self) -> int:
        return product(self.shape)

    def at(self, index: Any) -> Any:
        return self[index]

    def mapped(self, operation: Any, argument: Any) -> Any:
        return operation(self.toarray(), argument)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self)):
            yield self[index]

    __iter__.compiled_as = "indices"  # pyright: ignore[reportFunctionMemberAccess]

    def __getitem__(self, key: Any) -> Any:
        # one test per branch: each is a constant of the types
        if isinstance(key, tuple):
            if len(key) == len(self.shape) and isinstance(key[0], INTEGERS) and isinstance(key[-1], INTEGERS):
                return self.item(key)
        elif isinstance(key, INTEGERS):
            return self.slab(place(key, self.shape[0]))
        return self.toarray()[key]

    def item(self, key: Any) -> Any:
        """The element at a full index that is not yet checked."""
        raise NotImplementedError

    def slab(self, index: Any) -> Any:
        """What one index into the first axis gives."""
        raise NotImplementedError

    def toarray(self) -> Any:
        """A new NumPy array with the elements."""
        raise NotImplementedError

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """The sum of all elements, or along `axis` of the dense array."""
        if dtype is not None:
            raise TypeError("the sum of a wrapper takes no dtype; convert it with np.asarray first")
        if out is not None:
            raise TypeError("the sum of a wrapper takes no out; convert it with np.asarray first")
        if axis is None:
            return self.total()
        return self.toarray().sum(axis)

    def total(self) -> Any:
        """The sum of all elements."""
        return self.toarray().sum()

    def conjugate(self) -> Any:
        return self.mapped(conjugated, 0)

    def conj(self) -> Any:
        return self.conjugate()

    def transpose(self, axes: Any = None) -> Any:
        """`.T`, as NumPy's functions spell it."""
        if axes is not None:
            raise TypeError("transpose of a wrapper takes no axes; see PermutedDims")
        return self.T

    # -- elementwise --------------------------------------------------------------------------------------------

    def __neg__(self) -> Any:
        return self.mapped(negated, 0)

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, ArrayLike):
            return self.times_elements(other)
        if isinstance(other, np.ndarray):
            if len(other.shape) == 0:
                return self.scaled(scalar(other[()]))
            return self.times_elements(other)
        return self.scaled(scalar(other))

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, ArrayLike):
            return self.over_elements(other)
        if isinstance(other, np.ndarray):
            if len(other.shape) == 0:
                return self.divided(scalar(other[()]))
            return self.over_elements(other)
        return self.divided(scalar(other))

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.toarray()

    def __add__(self, other: Any) -> Any:
        if isinstance(other, ArrayLike):
            return self.plus_wrapper(other)
        if isinstance(other, np.ndarray):
            if len(other.shape) == 0:
                return self.shifted(scalar(other[()]))
            return self.toarray() + other
        return self.shifted(scalar(other))

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return (-self) + other

    def scaled(self, factor: Any) -> Any:
        """The array times a number."""
        return self.mapped(times, factor)

    def divided(self, divisor: Any) -> Any:
        """The array divided by a number."""
        return self.mapped(over, divisor)

    def shifted(self, number: Any) -> Any:
        """The array plus a number."""
        return self.mapped(plus, number)

    def plus_wrapper(self, other: Any) -> Any:
        """The sum with another wrapper."""
        return self.toarray() + other.toarray()

    def plus_banded(self, other: Any) -> Any:
        """The sum with a banded matrix."""
        return self.toarray() + other.toarray()

    def times_elements(self, other: Any) -> Any:
        """The elementwise product with an array or wrapper."""
        return self.toarray() * dense_of(other)

    def over_elements(self, other: Any) -> Any:
        """The elementwise quotient by an array or wrapper."""
        return self.toarray() / dense_of(other)

    # -- products -----------------------------------------------------------------------------------------------

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return self.times_array(other)
        if isinstance(other, ArrayLike):
            return self.times_wrapper(other)
        if isinstance(other, NUMBERS) or not hasattr(other, "toarray"):
            raise TypeError("the right operand of @ is neither an array nor a wrapper")
        return self.times_wrapper(other)  # a scipy.sparse array

    def __rmatmul__(self, other: Any) -> Any:
        raise NotImplementedError

    def times_wrapper(self, other: Any) -> Any:
        """The product with another wrapper, or with a scipy.sparse array."""
        return self.times_array(other.toarray())

    def times_array(self, array: Any) -> Any:
        """The product with a NumPy array."""
        if len(array.shape) == 1:
            check_inner(self.shape[-1], array.shape[0])
            return self.times_vector(array)
        if len(array.shape) == 2:
            check_inner(self.shape[-1], array.shape[0])
            return self.times_matrix(array)
        return self.toarray() @ array

    def times_vector(self, vector: Any) -> Any:
        """The product with a NumPy vector whose length fits."""
        return self.toarray() @ vector

    def times_matrix(self, matrix: Any) -> Any:
        """The product with a NumPy matrix whose number of rows fits."""
        return self.toarray() @ matrix


class VectorLike(ArrayLike):
    """An array with one axis."""

    ndim = 1

    def at(self, index: Any) -> Any:
        return self[index[0]]

    def item(self, key: Any) -> Any:
        return self.at((place(key[0], self.shape[0]),))

    def slab(self, index: Any) -> Any:
        return self.at((index,))

    def toarray(self) -> Any:
        out = np.empty(self.shape[0], self.dtype)
        for index in range(self.shape[0]):
            out[index] = self.at((index,))
        return out

    def total(self) -> Any:
        total = self.dtype.type(0)
        for index in range(self.shape[0]):
            total += self.at((index,))
        return total

    @property
    def T(self) -> Any:
        return self

    def times_wrapper(self, other: Any) -> Any:
        if len(other.shape) == 2:
            return other.transposed_times(self)
        return self.times_array(other.toarray())

    def times_vector(self, vector: Any) -> Any:
        return dot(self.toarray(), vector)

    def times_matrix(self, matrix: Any) -> Any:
        return vector_times_matrix(self.toarray(), matrix)

    def __rmatmul__(self, other: Any) -> Any:
        if len(other.shape) == 1:
            return self.times_array(other)
        return other @ self.toarray()


class MatrixLike(ArrayLike):
    """An array with two axes."""

    ndim = 2

    @property
    def T(self) -> Any:
        return self.toarray().T

    def item(self, key: Any) -> Any:
        return self.at((place(key[0], self.shape[0]), place(key[1], self.shape[1])))

    def slab(self, index: Any) -> Any:
        row = np.empty(self.shape[1], self.dtype)
        for column in range(self.shape[1]):
            row[column] = self.at((index, column))
        return row

    def toarray(self) -> Any:
        out = np.empty(self.shape, self.dtype)
        for row in range(self.shape[0]):
            for column in range(self.shape[1]):
                out[row, column] = self.at((row, column))
        return out

    def total(self) -> Any:
        total = self.dtype.type(0)
        for row in range(self.shape[0]):
            for column in range(self.shape[1]):
                total += self.at((row, column))
        return total

    def transposed_times(self, other: Any) -> Any:
        """`self.T @ other`."""
        return self.T @ other

    def times_vector(self, vector: Any) -> Any:
        return matrix_times_vector(self, vector)

    def times_matrix(self, matrix: Any) -> Any:
        return matrix_times_matrix(self, matrix)

    def __rmatmul__(self, other: Any) -> Any:
        if len(other.shape) == 1:
            return self.transposed_times(other)
        if len(other.shape) == 2:
            return self.transposed_times(other.T).T
        return other @ self.toarray()


class Structured(ArrayLike):
    """A matrix with zeros that it does not store; what would fill them is refused."""

    structured = True

    def shifted(self, number: Any) -> Any:
        raise TypeError("adding a number to each element would make the matrix dense; convert it: np.asarray(...)")

    def times_elements(self, other: Any) -> Any:
        raise TypeError("* of a structured matrix takes a number; use @, or convert it: np.asarray(...)")

    def over_elements(self, other: Any) -> Any:
        raise TypeError("/ of a structured matrix takes a number; convert it: np.asarray(...)")

    def __rtruediv__(self, other: Any) -> Any:
        raise TypeError("dividing by a structured matrix would divide by its zeros; convert it: np.asarray(...)")
