"""Runs LLVM IR one instruction at a time, and tapes every float operation.

Values: integers and addresses are Python integers modulo 2**width, floats are `Number`s, structs are
tuples. Float operations on constants are not taped. What is not known here raises `OracleError`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numzyme.ir import Function, Instruction, Module
from numzyme.ir.model import CASTS
from numzyme.ir.reader import element_types

from .functions import ARITHMETIC
from .layout import (
    element_offset,
    global_type_and_value,
    member_type,
    offset_of,
    scalar_constant,
    size_of,
    write_constant,
)
from .memory import FLOATS, Bits, Memory, OracleError
from .tape import Number, Tape

STEP_LIMIT = 3_000_000
Frame = dict[str, Any]
External = Callable[["Interpreter", Instruction, Sequence[Any]], Any]


class Interpreter:
    """One module with its memory and tape; `externals` are the functions that the module only declares."""

    def __init__(self, module: Module, externals: dict[str, External]) -> None:
        self.module, self.externals = module, externals
        self.memory, self.tape = Memory(), Tape()
        self.symbols: dict[str, int] = {}
        self._steps = 0
        self._place_globals()

    def _place_globals(self) -> None:
        for name in (*self.module.functions, *self.module.declarations):
            self.symbols[name] = self.memory.allocate(16)
        lines = {name: global_type_and_value(line) for name, line in self.module.globals.items()}
        for name, (kind, _) in lines.items():
            self.symbols[name] = self.memory.allocate(max(size_of(kind), 64))
        for name, (kind, value) in lines.items():
            write_constant(self.memory, self.symbols[name], kind, value, self.symbols)

    def call(self, name: str, arguments: Sequence[Any]) -> Any:
        """Call a function of the module."""
        function = self.module.functions[name]
        frame: Frame = dict(zip((p.name for p in function.parameters), arguments, strict=True))
        blocks = {block.label: block for block in function.blocks}
        label, previous = function.blocks[0].label, ""
        while True:
            block = blocks[label]
            phis = block.phis
            frame.update([(phi.name, self._phi(phi, previous, frame)) for phi in phis])
            for instruction in block.instructions[len(phis) : -1]:
                self._execute(instruction, frame, function)
            terminator = block.terminator
            if terminator.opcode == "ret":
                return self.operand(terminator, 0, frame) if terminator.operands else None
            label, previous = self._branch(terminator, frame, function), label

    def operand(self, instruction: Instruction, position: int, frame: Frame) -> Any:
        return self._value(instruction.operands[position], instruction.types[position], frame)

    def _value(self, text: str, kind: str, frame: Frame) -> Any:
        if text.startswith("%"):
            return frame[text]
        if kind.startswith(("{", "[")):
            return None  # undef and poison aggregates: filled by insertvalue
        return scalar_constant(kind, text, self.symbols)

    def _phi(self, phi: Instruction, previous: str, frame: Frame) -> Any:
        return self.operand(phi, phi.labels.index(previous), frame)

    def _branch(self, terminator: Instruction, frame: Frame, function: Function) -> str:
        if terminator.opcode == "br":
            taken = not terminator.operands or self.operand(terminator, 0, frame)
            return terminator.labels[0 if taken else 1]
        if terminator.opcode == "switch":
            cases = [self.operand(terminator, i, frame) for i in range(len(terminator.operands))]
            matching = [i for i, case in enumerate(cases[1:], 1) if case == cases[0]]
            return terminator.labels[matching[0] if matching else 0]
        raise OracleError(f"{terminator} in {function.name}")

    def _execute(self, instruction: Instruction, frame: Frame, function: Function) -> None:
        self._steps += 1
        if self._steps > STEP_LIMIT:
            raise OracleError("too many steps")
        handler = _HANDLERS.get(instruction.opcode)
        if handler is None:
            raise OracleError(f"unknown instruction in {function.name}: {instruction}")
        values = [self.operand(instruction, i, frame) for i in range(len(instruction.operands))]
        result = handler(self, instruction, values)
        if instruction.name:
            frame[instruction.name] = result

    def operate(self, kind: str, rule: tuple[Callable, Callable], operands: Sequence[Number]) -> Number:
        """A float operation: value and partials from `rule`, rounded to `kind`."""
        points = [operand.value for operand in operands]
        with np.errstate(all="ignore"):
            value = rounded(kind, float(rule[0](*points)))
            if all(operand.node < 0 for operand in operands):
                return Number(value)
            try:
                partials = rule[1](*points, value)
            except (ValueError, OverflowError, ZeroDivisionError):
                partials = (float("nan"),) * len(points)
        if isinstance(partials, (float, int)):
            partials = (partials,)
        return self.tape.record(value, zip(operands, partials, strict=True))


def rounded(kind: str, value: float) -> float:
    return float(np.float32(value)) if kind == "float" else value


def signed(value: int, kind: str) -> int:
    """The signed reading of an integer of type `kind`."""
    width = _width(kind)
    return value - (1 << width) if value >> (width - 1) else value


def _width(kind: str) -> int:
    return 64 if kind == "ptr" else int(kind[1:])


def _float_binary(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Number:
    return run.operate(i.type, ARITHMETIC[i.opcode], values)


def _negate(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Number:
    return run.operate(i.type, (np.negative, lambda a, y: -1.0), values)


def _divide(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


_UNSIGNED: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "udiv": lambda a, b: a // b, "urem": lambda a, b: a % b, "shl": lambda a, b: a << b,
    "lshr": lambda a, b: a >> b, "and": lambda a, b: a & b,
    "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
}  # fmt: skip
_SIGNED: dict[str, Callable[[int, int], int]] = {
    "sdiv": _divide, "srem": lambda a, b: a - b * _divide(a, b), "ashr": lambda a, b: a >> b
}  # fmt: skip
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
}  # fmt: skip


def _integer_binary(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    if i.opcode in _UNSIGNED:
        return _UNSIGNED[i.opcode](*map(int, values)) % (1 << _width(i.type))
    return _SIGNED[i.opcode](*(signed(v, i.type) for v in values)) % (1 << _width(i.type))


def _compare_integers(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    kind = i.types[0]
    a, b = (signed(v, kind) for v in values) if i.predicate.startswith("s") else map(int, values)
    return int(_COMPARE[i.predicate[-2:]](a, b))


def _compare_floats(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    a, b = values[0].value, values[1].value
    unordered = a != a or b != b
    if i.predicate in ("ord", "uno"):
        return int(unordered == (i.predicate == "uno"))
    if i.predicate in ("true", "false"):
        return int(i.predicate == "true")
    if unordered:
        return int(i.predicate.startswith("u"))
    return int(_COMPARE[i.predicate[1:]](a, b))


def _convert(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Any:
    (value,), source, target = values, i.types[0], i.type
    if i.opcode in ("trunc", "zext", "ptrtoint", "inttoptr"):
        return value if _width(source) == _width(target) else int(value) % (1 << _width(target))
    if i.opcode == "sext":
        return signed(value, source) % (1 << _width(target))
    if i.opcode in ("fpext", "fptrunc"):
        return run.operate(target, (float, lambda a, y: 1.0), values)
    if i.opcode in ("sitofp", "uitofp"):
        return Number(rounded(target, float(signed(value, source) if i.opcode == "sitofp" else value)))
    if i.opcode in ("fptosi", "fptoui"):
        return int(value.value) % (1 << _width(target)) if abs(value.value) < 2.0**64 else 1 << (_width(target) - 1)
    return _bitcast(value, source, target)


def _bitcast(value: Any, source: str, target: str) -> Any:
    if source == target:
        return value
    if source in FLOATS:
        bits = struct.unpack("<Q" if source == "double" else "<I", struct.pack(f"<{source[0]}", value.value))[0]
        return Bits(bits, value.node) if value.node >= 0 else bits
    node = value.node if isinstance(value, Bits) else -1
    return Number(struct.unpack(f"<{target[0]}", struct.pack("<Q" if target == "double" else "<I", value))[0], node)


def _address(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    indices = [signed(v, kind) for v, kind in zip(values[1:], i.types[1:], strict=True)]
    return (values[0] + element_offset(i.element_type, indices)) % (1 << 64)


def _alloca(run: Interpreter, i: Instruction, values: Sequence[Any]) -> int:
    return run.memory.allocate(size_of(i.element_type) * (values[0] if values else 1))


def _load(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Any:
    return _loaded(run.memory, values[0], i.type)


def _store(run: Interpreter, i: Instruction, values: Sequence[Any]) -> None:
    _stored(run.memory, values[1], i.types[0], values[0])


def _loaded(memory: Memory, address: int, kind: str) -> Any:
    if not kind.startswith(("{", "<{", "[")):
        return memory.load(address, kind)
    count = len(element_types(kind))
    return {n: _loaded(memory, address + offset_of(kind, n), member_type(kind, n)) for n in range(count)}


def _stored(memory: Memory, address: int, kind: str, value: Any) -> None:
    if not kind.startswith(("{", "<{", "[")):
        memory.store(address, kind, value)
        return
    for n, member in (value or {}).items():  # of a part that is unknown nothing is known
        _stored(memory, address + offset_of(kind, n), member_type(kind, n), member)


def _select(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Any:
    return values[1] if values[0] else values[2]


def _extract(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Any:
    value = values[0]
    for index in i.indices:
        value = None if value is None else value[index]  # of a struct, or a part of one, that is unknown
    return value


def _insert(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Any:
    return _inserted(values[0], i.indices, values[1])


def _inserted(aggregate: Any, indices: Sequence[int], value: Any) -> Any:
    """A copy of a struct, which may still be partly unknown, with one (nested) member replaced."""
    if not indices:
        return value
    members = dict(aggregate or {})
    members[indices[0]] = _inserted(members.get(indices[0]), indices[1:], value)
    return members


def _call(run: Interpreter, i: Instruction, values: Sequence[Any]) -> Any:
    name = i.callee
    if name.startswith("%"):
        raise OracleError(f"indirect call: {i}")
    if name in run.module.functions:
        return run.call(name, values)
    return run.externals[_external_key(name, run)](run, i, values)


def _external_key(name: str, run: Interpreter) -> str:
    plain = name[1:].strip('"')
    if plain not in run.externals:
        plain = plain.rsplit(".", 1)[0] if plain.startswith("llvm.") else plain
        while plain.startswith("llvm.") and plain not in run.externals and "." in plain[5:]:
            plain = plain.rsplit(".", 1)[0]
    if plain not in run.externals:
        raise OracleError(f"unknown function {name}")
    return plain


_HANDLERS: dict[str, Callable[[Interpreter, Instruction, Sequence[Any]], Any]] = {
    **dict.fromkeys(ARITHMETIC, _float_binary),
    **dict.fromkeys((*_UNSIGNED, *_SIGNED), _integer_binary),
    **dict.fromkeys(CASTS, _convert),
    "fneg": _negate, "icmp": _compare_integers, "fcmp": _compare_floats, "getelementptr": _address,
    "alloca": _alloca, "load": _load, "store": _store, "select": _select, "extractvalue": _extract,
    "insertvalue": _insert, "call": _call, "freeze": lambda run, i, values: values[0],
}  # fmt: skip
