"""Array wrappers, plain dataclasses in plain Python, and the mirrors of scipy.sparse arrays in compiled code.

A user's own wrapper is written the same way: fields, `shape`, `dtype` and `at` (or `__getitem__`) on top of
`VectorLike` or `MatrixLike`, and a line for `numzyme.values.register_wrapper`.
"""

from .banded import Bidiagonal, Diagonal, SymTridiagonal, Tridiagonal, UniformScaling
from .base import ArrayLike, MatrixLike, Structured, VectorLike
from .gradients import register_all
from .indices import build_tuple
from .mirrors import COO, CSC, CSR, Mirror
from .ranges import LinRange
from .sparse import mirror_of, sparse_of
from .stack import SMatrix, SVector
from .symmetric import Hermitian, Symmetric
from .triangular import LowerTriangular, UnitLowerTriangular, UnitUpperTriangular, UpperTriangular
from .views import Adjoint, PermutedDims, Reshaped, Transpose

register_all()

__all__ = [
    "COO",
    "CSC",
    "CSR",
    "Adjoint",
    "ArrayLike",
    "Bidiagonal",
    "Diagonal",
    "Hermitian",
    "LinRange",
    "LowerTriangular",
    "MatrixLike",
    "Mirror",
    "PermutedDims",
    "Reshaped",
    "SMatrix",
    "SVector",
    "Structured",
    "SymTridiagonal",
    "Symmetric",
    "Transpose",
    "Tridiagonal",
    "UniformScaling",
    "UnitLowerTriangular",
    "UnitUpperTriangular",
    "UpperTriangular",
    "VectorLike",
    "build_tuple",
    "mirror_of",
    "sparse_of",
]
