"""Between scipy.sparse and its mirrors, in plain Python; scipy is imported when it is needed.

Invariant: the arrays are shared both ways, none is copied, converted or sorted; the elements stay where they are.
"""

from __future__ import annotations

from typing import Any

from ..diagnostics import DifferentiationTypeError
from .mirrors import COO, CSC, CSR, Mirror

FORMATS = {"csc": CSC, "csr": CSR, "coo": COO}


def mirror_of(sparse: Any) -> Mirror:
    """The mirror of a scipy.sparse array or matrix of format csc, csr or coo.

    Arguments: `sparse`, with two axes.
    Returns: a `CSC`, `CSR` or `COO` that shares its arrays.
    Raises: DifferentiationTypeError for other formats and numbers of axes.

    >>> from scipy.sparse import csc_array
    >>> matrix = csc_array([[5.0, 0.0, 6.0]])
    >>> mirror_of(matrix).data is matrix.data
    True
    """
    format_name = getattr(sparse, "format", None)
    if format_name not in FORMATS:
        raise DifferentiationTypeError(
            f"sparse arrays of class {type(sparse).__name__} are not supported",
            todo=("convert it: .tocsc(), .tocsr() or .tocoo()",),
        )
    if len(sparse.shape) != 2:
        raise DifferentiationTypeError(
            f"a {type(sparse).__name__} with {len(sparse.shape)} axis is not supported", todo=("use one with two axes",)
        )
    shape = (int(sparse.shape[0]), int(sparse.shape[1]))
    if format_name == "coo":
        return COO(sparse.data, sparse.row, sparse.col, shape)
    return FORMATS[format_name](sparse.data, sparse.indices, sparse.indptr, shape)


def sparse_of(mirror: Mirror, like: Any) -> Any:
    """The scipy.sparse object of a mirror.

    Arguments: `mirror`; `like`, an array or matrix of scipy.sparse: the result is an array or a matrix as it is.
    Returns: an object of the mirror's format that shares the mirror's arrays.

    >>> from scipy.sparse import csc_array
    >>> matrix = csc_array([[5.0, 0.0, 6.0]])
    >>> transposed = sparse_of(mirror_of(matrix).T, like=matrix)
    >>> type(transposed).__name__, transposed.shape, transposed.indices is matrix.indices
    ('csr_array', (3, 1), True)
    """
    from scipy import sparse

    format_name = next(name for name, kind in FORMATS.items() if isinstance(mirror, kind))
    family = "array" if isinstance(like, sparse.sparray) else "matrix"
    result = getattr(sparse, f"{format_name}_{family}")(mirror.shape, dtype=mirror.data.dtype)
    # set, not passed: the constructor would convert wide index arrays to narrow ones
    result.data = mirror.data
    if isinstance(mirror, COO):
        result.coords = (mirror.row, mirror.col)
        result.has_canonical_format = False
    elif isinstance(mirror, CSC | CSR):
        result.indices, result.indptr = mirror.indices, mirror.indptr
    return result
