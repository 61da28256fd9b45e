"""Purity of functions: proved here where LLVM gives up, because they work in memory that they allocate themselves.

A function is pure when it writes only memory that it allocated (heap or stack), lets no pointer to that memory out,
and calls only functions that do the same. It may then be executed once instead of many times.

Invariant: what is not understood is not pure. `returns` claims more, that every loop ends; without it a call is
hoisted only from where it is sure to be executed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..ir import Function, Instruction, Module
from ..ir.symbols import MATH, symbol_of
from .termination import loops_end

_ALLOCATORS = ("numzyme.allocate", "NRT_MemInfo_alloc")
_NO_EFFECT = ("llvm.lifetime", "llvm.assume", "llvm.experimental.noalias", "llvm.donothing", "numzyme.compare.")
# Runtime functions that write through one argument and otherwise only read: position of that argument.
_WRITES = {"numba_xxdot": 5, "numba_xxgemv": 9, "numba_xxgemm": 12, "numba_xxnrm2": 4}
_WRITES_FIRST = ("llvm.memset", "llvm.memcpy", "llvm.memmove")
_SAFE_OPCODES = (
    "phi select icmp fcmp fneg extractvalue insertvalue trunc zext sext fptrunc fpext fptoui fptosi uitofp sitofp "
    "fadd fsub fmul fdiv frem add sub mul udiv sdiv urem srem shl lshr ashr and or xor br switch alloca load "
    "getelementptr freeze"
)
_SAFE = frozenset(_SAFE_OPCODES.split())
_FRESH, _ARGUMENT, _CONSTANT, _UNKNOWN = "fresh", "argument", "constant", "unknown"
_META_DATA_POINTER = ", i64 24"  # where Numba's meminfo keeps the pointer to its data


@dataclass(frozen=True, slots=True)
class Purity:
    """`reads`: what is read beside fresh memory, in LLVM's words for it; `returns`: it always comes back."""

    reads: str
    returns: bool

    @property
    def attributes(self) -> str:
        return f"nounwind memory({self.reads})" + (" willreturn" if self.returns else "")

    def is_news(self, attributes: str) -> bool:
        """Does this say more than the `attributes` that LLVM found?"""
        reading_only = re.search(r"memory\((argmem: read|read|none)\)", attributes)
        return not reading_only or (self.returns and "willreturn" not in attributes)


class PurityProof:
    """Purity of the functions of one module, on demand."""

    def __init__(self, module: Module) -> None:
        self._module = module
        self._known: dict[str, Purity | None] = {}

    def of(self, name: str) -> Purity | None:
        """The purity of the function called `name`, or None when it cannot be shown."""
        if name not in self._known:
            self._known[name] = None  # a recursive function is not pure
            function = self._module.functions.get(name)
            if function is not None:
                self._known[name] = _FunctionProof(self, self._module, function).result()
        return self._known[name]


class _FunctionProof:
    def __init__(self, proof: PurityProof, module: Module, function: Function) -> None:
        self._proof, self._module, self._function = proof, module, function
        self._definitions = {i.name: i for i in function.instructions() if i.name}
        self._pointers = {parameter.name for parameter in function.parameters if "ptr" in parameter.type}
        self._reads: set[str] = set()
        self._returns = True

    def result(self) -> Purity | None:
        for block in self._function.blocks:
            # A path that ends in an abort may do what it likes before it.
            if block.terminator.opcode != "unreachable" and not all(map(self._harmless, block.instructions)):
                return None
        reads = "read" if _UNKNOWN in self._reads else "argmem: read" if _ARGUMENT in self._reads else "none"
        return Purity(reads, self._returns and loops_end(self._function))

    def _harmless(self, instruction: Instruction) -> bool:
        opcode = instruction.opcode
        if "volatile" in instruction.flags or "atomic" in instruction.flags:
            return False
        if opcode == "call":
            return self._harmless_call(instruction)
        if opcode == "store":
            return self._is_fresh(instruction.operands[1])
        if opcode == "ret":
            return all(self._returns_no_memory(operand) for operand in instruction.operands)
        if opcode == "load":
            self._reads |= self._roots(instruction.operands[0])
        return opcode in _SAFE

    def _harmless_call(self, call: Instruction) -> bool:
        symbol = symbol_of(call.callee)
        if symbol.startswith(_ALLOCATORS + _NO_EFFECT):
            return True
        if symbol in ("NRT_incref", "NRT_decref"):
            # Numba counts an argument up and down again: nothing is left of it when the call comes back.
            return self._roots(call.operands[0]) <= {_FRESH, _ARGUMENT, _CONSTANT}
        pointers = [operand for operand, kind in zip(call.operands, call.types, strict=True) if kind == "ptr"]
        if MATH.match(symbol):
            return all(map(self._is_fresh, pointers))  # a second result is written through a pointer
        if symbol.startswith(_WRITES_FIRST) or symbol in _WRITES:
            written = call.operands[_WRITES.get(symbol, 0)]
            self._reads |= self._union(pointer for pointer in pointers if pointer != written)
            return self._is_fresh(written)
        callee = self._proof.of(call.callee)
        if callee is None:
            return False
        self._returns &= callee.returns
        self._reads |= self._union(pointers) if callee.reads != "read" else {_UNKNOWN}
        return True

    def _is_fresh(self, pointer: str) -> bool:
        return self._roots(pointer) <= {_FRESH}

    def _returns_no_memory(self, value: str) -> bool:
        """Is no pointer inside the returned `value` other than to a constant (Numba's exceptions are)?"""
        seen, waiting = set(), [value]
        while waiting:
            current = waiting.pop()
            definition = self._definitions.get(current)
            if current in seen or (definition is None and current not in self._pointers):
                continue
            seen.add(current)
            if definition is None:
                return False
            kind = definition.type
            if "ptr" not in kind:
                continue
            if kind == "ptr":
                if not self._roots(current) <= {_CONSTANT}:
                    return False
            elif definition.opcode in ("insertvalue", "phi", "select"):
                waiting += definition.operands
            elif definition.opcode != "call":
                return False
        return True

    def _union(self, pointers: Iterable[str]) -> frozenset[str]:
        return frozenset().union(*map(self._roots, pointers))

    def _roots(self, pointer: str) -> frozenset[str]:
        """Where `pointer` may point: memory of this call, an argument's memory, a constant, unknown."""
        roots, seen, waiting = set(), set(), [pointer]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            definition = self._definitions.get(current)
            if definition is None:
                roots.add(self._root_of_leaf(current))
            elif definition.opcode in ("getelementptr", "freeze"):
                waiting.append(definition.operands[0])
            elif definition.opcode == "phi":
                waiting += definition.operands
            elif definition.opcode == "select":
                waiting += definition.operands[1:]
            else:
                roots.add(self._root_of_definition(definition))
        return frozenset(roots)

    def _root_of_leaf(self, pointer: str) -> str:
        if pointer in self._pointers:
            return _ARGUMENT
        constant = pointer in ("null", "undef", "poison") or " constant " in self._module.globals.get(pointer, "")
        return _CONSTANT if constant else _UNKNOWN

    def _root_of_definition(self, definition: Instruction) -> str:
        if definition.opcode == "alloca" or self._is_allocation(definition):
            return _FRESH
        source = self._definitions.get(definition.operands[0]) if definition.operands else None
        if source is not None and definition.opcode == "load":
            # The data of memory that was just allocated; any other loaded pointer may point anywhere.
            if source.opcode == "getelementptr" and source.text.endswith(_META_DATA_POINTER):
                base = self._definitions.get(source.operands[0])
                return _FRESH if base is not None and self._is_allocation(base) else _UNKNOWN
        elif source is not None and definition.opcode == "extractvalue" and source.opcode == "call":
            return _CONSTANT if self._proof.of(source.callee) is not None else _UNKNOWN
        return _UNKNOWN

    def _is_allocation(self, definition: Instruction) -> bool:
        return definition.opcode == "call" and symbol_of(definition.callee).startswith(_ALLOCATORS)
