"""Sizes of LLVM types, and the memory images of global variables.

Named types do not occur in what Numba makes: every struct type is spelled out. Struct members are aligned
as on x86-64 unless the type is packed (`<{ }>`).
"""

from __future__ import annotations

import re
import struct

from numzyme.ir.reader import element_types, split_commas, split_type

from .memory import FLOATS, Memory, OracleError
from .tape import Number

_SIZES = {"double": 8, "float": 4, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "i1": 1, "ptr": 8, "i128": 16}
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2}|\\)")
_GLOBAL = re.compile(r".*?\b(?:global|constant) (.*)", re.S)


def size_of(kind: str) -> int:
    """Bytes from one element of an array of `kind` to the next."""
    if kind in _SIZES:
        return _SIZES[kind]
    if kind.startswith("["):
        count, element = _array(kind)
        return count * size_of(element)
    if kind.startswith(("{", "<{")):
        members = element_types(kind)
        end = offset_of(kind, len(members))
        return end
    raise OracleError(f"unknown type {kind}")


def offset_of(kind: str, index: int) -> int:
    """Offset of member `index` of a struct or array; the whole size for the index behind the last."""
    if kind.startswith("["):
        return index * size_of(_array(kind)[1])
    members, packed, offset = element_types(kind), kind.startswith("<"), 0
    for member in members[:index]:
        offset = offset if packed else _aligned(offset, alignment_of(member))
        offset += size_of(member)
    if packed:
        return offset
    return _aligned(offset, alignment_of(members[index] if index < len(members) else kind))


def alignment_of(kind: str) -> int:
    if kind in _SIZES:
        return _SIZES[kind]
    if kind.startswith("["):
        return alignment_of(_array(kind)[1])
    return 1 if kind.startswith("<") else max((alignment_of(m) for m in element_types(kind)), default=1)


def member_type(kind: str, index: int) -> str:
    return _array(kind)[1] if kind.startswith("[") else element_types(kind)[index]


def global_type_and_value(line: str) -> tuple[str, str]:
    """Type and initialiser of `@name = ... global TYPE VALUE, ...`; external ones have no value."""
    match = _GLOBAL.match(line.split(" = ", 1)[1])
    if match is None:
        raise OracleError(f"not a global variable: {line}")
    kind, rest = split_type(split_commas(match[1])[0])
    return kind, rest


def write_constant(memory: Memory, address: int, kind: str, value: str, symbols: dict[str, int]) -> None:
    """Write the constant `value` of type `kind` into memory."""
    if value in ("zeroinitializer", "null"):
        memory.fill(address, 0, size_of(kind))
    elif value in ("undef", "poison", ""):
        pass
    elif value.startswith('c"'):
        raw = value[2:-1].encode("latin-1")
        memory.write(address, _ESCAPE.sub(lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1], 16)]), raw))
    elif kind.startswith(("[", "{", "<{")):
        inner = value.strip("<>")[1:-1].strip()
        for index, member in enumerate(split_commas(inner) if inner else []):
            member_kind, member_value = split_type(member)
            write_constant(memory, address + offset_of(kind, index), member_kind, member_value, symbols)
    else:
        memory.store(address, kind, scalar_constant(kind, value, symbols))


def scalar_constant(kind: str, value: str, symbols: dict[str, int]) -> int | Number:
    """A constant as the interpreter holds it: integers modulo 2**width, addresses, numbers."""
    if kind in FLOATS:
        return Number(_float_constant(value))
    if value in ("true", "false"):
        return int(value == "true")
    if value in ("null", "zeroinitializer", "undef", "poison", "none"):
        return 0
    if value.startswith("@"):
        return symbols[value]
    if value.startswith("getelementptr"):
        return _address_constant(value, symbols)
    if value.startswith(("inttoptr", "ptrtoint")):
        inner = value[value.index("(") + 1 : value.rindex(")")].rpartition(" to ")[0]
        return scalar_constant(*split_type(inner), symbols)
    if kind.startswith("i"):
        return int(value) % (1 << int(kind[1:]))
    raise OracleError(f"unknown constant {kind} {value}")


def _address_constant(value: str, symbols: dict[str, int]) -> int:
    parts = split_commas(value[value.index("(") + 1 : value.rindex(")")])
    pointer = split_type(parts[1])
    indices = [int(split_type(part)[1]) for part in parts[2:]]
    base = scalar_constant(*pointer, symbols)
    assert isinstance(base, int)
    return base + element_offset(parts[0], indices)


def element_offset(kind: str, indices: list[int]) -> int:
    """What `getelementptr` adds, from signed indices."""
    offset = indices[0] * size_of(kind)
    for index in indices[1:]:
        offset += offset_of(kind, index)
        kind = member_type(kind, index)
    return offset


def _float_constant(value: str) -> float:
    if value in ("undef", "poison"):
        return float("nan")
    if value == "zeroinitializer":
        return 0.0
    if value.startswith("0x"):
        return struct.unpack(">d", int(value, 16).to_bytes(8, "big"))[0]
    return float(value)


def _array(kind: str) -> tuple[int, str]:
    count, element = kind[1:-1].split(" x ", 1)
    return int(count), element


def _aligned(offset: int, alignment: int) -> int:
    return -(-offset // alignment) * alignment
