"""Records of structured arrays: where their floats are, how compiled code copies one, and what it reads as integers.

Decides that a record which is copied is copied field by field: Numba moves its bytes, and nobody could tell which of
them are floats. Invariants: the struct that stands for a record has its size, and its fields at their offsets; an
access that is marked is one of an integer, for LLVM drops marks where it makes one access of two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import RecordModel
from numba.core.errors import TypingError

from ..ir.records import Layout, Run

_FLOATS = {32: "float", 64: "double"}
_Field = tuple[int, Any, int]  # offset, type, how many of them


def fields_of(record: Any) -> Iterator[_Field]:
    """Every field of a Numba record type, those of records inside it too, in the order of their offsets."""
    for name, field in record.fields.items():
        if not record.is_title(name):
            yield from _fields_of(field.type, field.offset)


def _fields_of(kind: Any, offset: int) -> Iterator[_Field]:
    if isinstance(kind, types.Record):
        yield from ((offset + inner, scalar, count) for inner, scalar, count in fields_of(kind))
    elif isinstance(kind, types.NestedArray) and isinstance(kind.dtype, types.Record):
        for number in range(kind.nitems):
            yield from _fields_of(kind.dtype, offset + number * kind.dtype.size)
    elif isinstance(kind, types.NestedArray):
        yield offset, kind.dtype, kind.nitems
    else:
        yield offset, kind, 1


def layout_of(record: Any) -> Layout:
    """Where the floats of a record are that can have a derivative."""
    runs = []
    for offset, kind, count in fields_of(record):
        if isinstance(kind, types.Complex):
            runs.append(Run(offset, _FLOATS[kind.bitwidth // 2], 2 * count))
        elif isinstance(kind, types.Float) and kind.bitwidth in _FLOATS:
            runs.append(Run(offset, _FLOATS[kind.bitwidth], count))
    return Layout.of(record.size, runs)


def floats_in(kind: Any) -> tuple[Run, ...]:
    """The floats of a record that can have a derivative; none for other types."""
    return layout_of(kind).runs if isinstance(kind, types.Record) else ()


def check_fields(kind: Any) -> Any:
    """`kind`, the type of a value; refused when it is a dtype of records whose fields share memory."""
    record: Any = kind.dtype if isinstance(kind, types.DType) else None
    if isinstance(record, types.Record) and _members_of(record) is None:
        raise TypingError("fields of a dtype share memory: what is a float in one is something else in the other")
    return kind


MARK = "numzyme.integer"
_REINTERPRETS = "numzyme.reinterprets"
_MARKED = re.compile(rf", !{re.escape(MARK)} !\d+")
_MOST_APART = 64  # integers side by side that are copied one by one
_INTEGERS = types.Integer | types.NPDatetime | types.NPTimedelta


def mark(access: Any, kind: Any) -> None:
    """Note on a load or store that the elements of the array, or the field of the record, are integers."""
    if isinstance(kind, _INTEGERS) and isinstance(access, ir.LoadInstr | ir.StoreInstr):
        access.set_metadata(MARK, access.module.add_metadata([]))


def reinterprets(function: Any, signature: Any) -> bool:
    """Whether a call makes an array of other elements on the same memory."""
    key = getattr(getattr(function, "template", None), "key", None) or getattr(function, "typing_key", None)
    if key == "array.view":
        return signature.recvr is None or signature.return_type.dtype != signature.recvr.dtype
    return getattr(key, "_name", None) == "np_frombuffer"


@dataclass(frozen=True)
class Reinterpreting:
    """The implementation of such a call, which says so in the module."""

    implementation: Any

    def __call__(self, builder: Any, args: Any, loc: Any = None) -> Any:
        if _REINTERPRETS not in builder.module.namedmetadata:
            builder.module.add_named_metadata(_REINTERPRETS, [ir.Constant(ir.IntType(1), 1)])
        return self.implementation(builder, args, loc)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.implementation, name)


def with_valid_marks(text: str) -> str:
    """The raw text without marks where memory has elements of several types: integers may be the bits of floats."""
    return _MARKED.sub("", text) if f"!{_REINTERPRETS} =" in text else text


class FieldwiseRecordModel(RecordModel):
    """A record is a reference, as in Numba; in memory it is a packed struct of its fields, and bytes between them.

    `members`: the type of each member and how many of it there are; None for bytes.
    """

    def __init__(self, manager: Any, record: Any) -> None:
        super().__init__(manager, record)
        self.members = _members_of(record)
        self._stored = self._be_type if self.members is None else _struct_of(manager, self.members)

    def get_data_type(self) -> Any:
        return self._stored

    def as_data(self, builder: Any, value: Any) -> Any:
        return builder.load(builder.bitcast(value, self._stored.as_pointer()))


def copy_record(context: Any, builder: Any, record: Any, source: Any, target: Any) -> None:
    """Copy one record field by field, so that every integer is marked as one."""
    model = context.data_model_manager[record]
    pointer = model.get_data_type().as_pointer()
    source, target = (builder.bitcast(place, pointer) for place in (source, target))
    alignment = None if record.aligned else 1
    parts = []
    for index, (kind, count) in enumerate(model.members):
        apart = count > 1 and count <= _MOST_APART and isinstance(kind, _INTEGERS)
        parts += [(kind, (0, index, number)) for number in range(count)] if apart else [(kind, (0, index))]
    values = []
    for kind, place in parts:
        values.append(builder.load(cgutils.gep_inbounds(builder, source, *place), align=alignment))
        mark(values[-1], kind)
    for (kind, place), value in zip(parts, values, strict=True):
        mark(builder.store(value, cgutils.gep_inbounds(builder, target, *place), align=alignment), kind)


def _members_of(record: Any) -> list[tuple[Any, int]] | None:
    """None for fields that overlap."""
    members: list[tuple[Any, int]] = []
    end = 0
    for offset, kind, count in sorted(fields_of(record), key=lambda field: field[0]):
        if offset < end:
            return None
        members += [(None, offset - end)] if offset > end else []
        members.append((kind, count))
        end = offset + count * _size_of(kind)
    return [*members, (None, record.size - end)] if record.size > end else members


def _struct_of(manager: Any, members: list[tuple[Any, int]]) -> Any:
    found = []
    for kind, count in members:
        scalar = ir.IntType(8) if kind is None else manager[kind].get_data_type()
        found.append(scalar if count == 1 else ir.ArrayType(scalar, count))
    return ir.LiteralStructType(found, packed=True)


def _size_of(kind: Any) -> int:
    if isinstance(kind, types.Boolean):
        return 1
    if isinstance(kind, types.CharSeq):
        return kind.count  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(kind, types.UnicodeCharSeq):
        return 4 * kind.count  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(kind, types.NPDatetime | types.NPTimedelta):
        return 8
    return kind.bitwidth // 8


MODELS = {types.Record: FieldwiseRecordModel}
