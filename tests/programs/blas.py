"""Every form of BLAS products, also those that only derivatives make: conjugated, added to what the target holds,
of a part of the columns' memory.

Plain Python calls NumPy; compiled code calls Numba's BLAS helpers with the flags as they are.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload
from numba.np.linalg import get_blas_kind

from numzyme.testing.program import Corpus, array

from .complex_numbers import numbers

CORPUS = Corpus()
program = CORPUS.program

ROWS, COLUMNS, INNER = 2, 4, 3
LEADING = 5  # of all matrices, so that each column of memory has elements that belong to none
_BYTE, _WORD, _POINTER = ir.IntType(8), ir.IntType(64), ir.IntType(8).as_pointer()


def _matrix(memory: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A view of the matrix in `memory`."""
    return np.lib.stride_tricks.as_strided(
        memory, (rows, columns), (memory.itemsize, LEADING * memory.itemsize), writeable=True
    )


def _as_flagged(memory: np.ndarray, rows: int, columns: int, flag: str) -> np.ndarray:
    if flag == "n":
        return _matrix(memory, rows, columns)
    turned = _matrix(memory, columns, rows).T
    return np.conj(turned) if flag == "c" else turned


def _call(symbol: str, types_: list[Any], arguments: Callable) -> Any:
    """An intrinsic of three arrays that calls a helper."""

    @intrinsic
    def calls(typing_context, a, b, c):
        def generate(context, builder, signature, values):
            def constant(number: float) -> Any:
                slot = builder.alloca(context.get_value_type(a.dtype))
                builder.store(context.get_constant_generic(builder, a.dtype, number), slot)
                return builder.bitcast(slot, _POINTER)

            data = [
                builder.bitcast(context.make_array(kind)(context, builder, value).data, _POINTER)
                for kind, value in zip(signature.args, values, strict=True)
            ]
            letter = ord(get_blas_kind(a.dtype))
            given = [
                value if isinstance(value, ir.Value) else ir.Constant(kind, value)
                for kind, value in zip(types_, arguments(letter, constant, *data), strict=True)
            ]
            function_type = ir.FunctionType(ir.IntType(32), types_)
            helper = builder.module.globals.get(symbol) or ir.Function(builder.module, function_type, symbol)
            builder.call(helper, given)
            return context.get_dummy_value()

        return types.none(a, b, c), generate

    return calls


def matrix_product(left: str, right: str, beta: float) -> Callable:
    """c = op(a) op(b) + beta c, of matrices in flat memory."""

    def product(a, b, c):
        target = _matrix(c, ROWS, COLUMNS)
        found = _as_flagged(a, ROWS, INNER, left) @ _as_flagged(b, INNER, COLUMNS, right)
        target[...] = found + beta * target if beta else found

    kinds = [*[_BYTE] * 3, *[_WORD] * 3, _POINTER, _POINTER, _WORD, _POINTER, _WORD, _POINTER, _POINTER, _WORD]

    def arguments(letter, constant, a, b, c):
        flags, sizes = (ord(left), ord(right)), (ROWS, COLUMNS, INNER)
        return letter, *flags, *sizes, constant(1.0), a, LEADING, b, LEADING, constant(beta), c, LEADING

    helper = _call("numba_xxgemm", kinds, arguments)
    overload(product)(lambda a, b, c: lambda a, b, c: helper(a, b, c))
    return product


def vector_product(flag: str, beta: float) -> Callable:
    """c = op(a) b + beta c, of a matrix in flat memory and vectors."""

    def product(a, b, c):
        found = _as_flagged(a, ROWS, INNER, flag) @ b[:INNER]
        c[:ROWS] = found + beta * c[:ROWS] if beta else found

    kinds = [_BYTE, _BYTE, _WORD, _WORD, _POINTER, _POINTER, _WORD, _POINTER, _POINTER, _POINTER]
    sizes = (ROWS, INNER) if flag == "n" else (INNER, ROWS)

    def arguments(letter, constant, a, b, c):
        return letter, ord(flag), *sizes, constant(1.0), a, LEADING, b, constant(beta), c

    helper = _call("numba_xxgemv", kinds, arguments)
    overload(product)(lambda a, b, c: lambda a, b, c: helper(a, b, c))
    return product


def _register(name: str, product: Callable, maker: Callable) -> None:
    """The product once and, after its operands were overwritten, once more."""
    library = ModuleType("library")  # the checks compile helpers themselves, but not those of a library
    library.product = product

    def run(a, b, c):
        library.product(a, b, c)
        a[1] = c[0] * c[1]
        b[2] = c[1]
        library.product(a, b, c)

    run.__name__ = name
    program(*[maker] * 3)(run)


_SIZE = LEADING * max(COLUMNS, INNER)
for _flags in ("nn", "nt", "nc", "tn", "tt", "tc", "cn", "ct", "cc"):
    for _beta in (0.0, 1.0):
        _name = f"blas_gemm_{_flags}_{'added' if _beta else 'set'}"
        _register(f"{_name}_complex", matrix_product(*_flags, _beta), numbers(_SIZE))
        if "c" not in _flags:
            _register(f"{_name}_real", matrix_product(*_flags, _beta), array(_SIZE))
for _flag in "ntc":
    for _beta in (0.0, 1.0):
        _name = f"blas_gemv_{_flag}_{'added' if _beta else 'set'}"
        _register(f"{_name}_complex", vector_product(_flag, _beta), numbers(_SIZE))
        if _flag != "c":
            _register(f"{_name}_real", vector_product(_flag, _beta), array(_SIZE))
_register("blas_gemm_nc_set_complex_single", matrix_product("n", "c", 0.0), numbers(_SIZE, dtype=np.complex64))
_register("blas_gemm_tn_added_complex_single", matrix_product("t", "n", 1.0), numbers(_SIZE, dtype=np.complex64))
_register("blas_gemv_t_set_complex_single", vector_product("t", 0.0), numbers(_SIZE, dtype=np.complex64))
