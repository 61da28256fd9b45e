"""How Numba lays out arguments and results: one `Parameter` for each LLVM parameter of a compiled function.

Invariant: the order and number of the parameters are those of the LLVM signature (return pointer, exception
pointer, then the flattened arguments), and each knows the Python argument and the place in it that it carries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import types

from ..ir import Parameter as LlvmParameter
from ..ir.records import Layout
from .records import layout_of


@dataclass(frozen=True)
class Parameter:
    """One LLVM parameter of the root function.

    `role`: return, exception, scalar, meminfo, parent, nitems, itemsize, data, shape, stride, or constant (anything
    else: it carries no derivative). `memory`: for role data, the LLVM scalar type of what it points at, or where the
    floats are in the records there.
    """

    name: str
    llvm_type: str
    role: str
    argument: int | None
    path: tuple[int, ...]
    label: str
    numba_type: Any
    memory: str | Layout | None
    readonly: bool


# Numba's classes have no annotations: a type checker would know less after `isinstance` than before.
_Tuple: Any = types.BaseTuple
_Integer: Any = types.Integer
_Structure: Any = ir.BaseStructType
_ARRAY_FIELDS = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "stride")


def parameters_of(context: Any, descriptor: Any, signature: Sequence[LlvmParameter]) -> tuple[Parameter, ...]:
    """What the parameters of `signature`, as LLVM names them, carry of the arguments that `descriptor` describes."""
    leaves: list[tuple] = [
        ("return", None, (), "return value", descriptor.restype, None),
        ("exception", None, (), "exception", None, None),
    ]
    for position, (name, argument_type) in enumerate(zip(descriptor.args, descriptor.argtypes, strict=True)):
        for role, path, leaf, memory in _flatten(context, argument_type, ()):
            label = name.removeprefix("arg.") + "".join(f"[{index}]" for index in path)
            leaves.append((role, position, path, label, leaf, memory))
    return tuple(
        Parameter(
            name=parameter.name,
            llvm_type=parameter.type,
            role=role,
            argument=position,
            path=path,
            label=label,
            numba_type=leaf,
            memory=memory,
            readonly=isinstance(leaf, types.Array) and not leaf.mutable,
        )
        for parameter, (role, position, path, label, leaf, memory) in zip(signature, leaves, strict=True)
    )


def _flatten(context: Any, kind: Any, path: tuple[int, ...]) -> Iterator[tuple[str, tuple, Any, str | Layout | None]]:
    """(role, path, leaf type, memory) of every LLVM parameter that an argument of type `kind` becomes."""
    if isinstance(kind, _Tuple):
        for index, member in enumerate(kind.types):
            yield from _flatten(context, member, (*path, index))
    elif isinstance(kind, types.Array):
        memory = memory_of(kind.dtype)
        for role in _ARRAY_FIELDS:
            for _ in range(kind.ndim if role in ("shape", "stride") else 1):
                yield role, path, kind, memory if role == "data" else None
    elif isinstance(kind, types.Number | types.Boolean):
        for _ in range(_width(context, kind)):
            yield "scalar", path, kind, None
    else:
        for _ in range(_width(context, kind)):
            yield "constant", path, kind, None


def _width(context: Any, kind: Any) -> int:
    """Number of LLVM parameters of an argument of type `kind`."""
    packer = context.get_arg_packer([kind])
    return len(packer.argument_types)


def memory_of(dtype: Any) -> str | Layout | None:
    """LLVM scalar type of the elements of an array, or the layout of its records; None when they are neither."""
    if isinstance(dtype, types.Record):
        layout = layout_of(dtype)
        return (layout.only_kind or layout) if layout.runs else "i8"
    if isinstance(dtype, types.Complex):
        return "float" if dtype.bitwidth == 64 else "double"
    if isinstance(dtype, types.Float):
        return {16: "half", 32: "float", 64: "double"}[dtype.bitwidth]
    if isinstance(dtype, types.Boolean):
        return "i8"
    if isinstance(dtype, _Integer):
        return f"i{dtype.bitwidth}"
    return None


def multiples_of(parameters: Sequence[Parameter]) -> tuple[tuple[str, int], ...]:
    """The parameters that step from one record to another, with the bytes of a record.

    The strides of records inside other records are other numbers, but they lead from record to record as well.
    """
    return tuple(
        (parameter.name, parameter.numba_type.dtype.size)
        for parameter in parameters
        if parameter.role in ("stride", "itemsize") and isinstance(parameter.numba_type.dtype, types.Record)
    )


def return_layout_of(context: Any, kind: Any) -> tuple[tuple[int, str], ...]:
    """(byte offset, LLVM scalar type) of every scalar of a result of type `kind`."""
    value_type = context.call_conv.get_return_type(kind).pointee
    return tuple(_scalars(context, value_type, 0))


def _scalars(context: Any, kind: Any, offset: int) -> Iterator[tuple[int, str]]:
    if isinstance(kind, _Structure):
        for index, element in enumerate(kind.elements):
            inner = kind.get_element_offset(context.target_data, index)
            yield from _scalars(context, element, offset + inner)
    elif isinstance(kind, ir.ArrayType):
        size = context.get_abi_sizeof(kind.element)
        for index in range(kind.count):
            yield from _scalars(context, kind.element, offset + index * size)
    else:
        yield offset, _opaque(kind)


def _opaque(kind: ir.Type) -> str:
    return "ptr" if isinstance(kind, ir.PointerType) else str(kind)
