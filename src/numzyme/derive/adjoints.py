"""Adjoints of SSA values in the reverse sweep, and how rules are turned into code.

An adjoint that is collected and used up within the reverse of one block is a chain of SSA values; any other has a stack
slot that holds -0.0 between uses (LLVM promotes the slots). Invariant: taking an adjoint resets it, so each execution
of a definition gets the adjoint of that execution only.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from ..ir import Instruction
from ..ir.model import FLOAT_TYPES
from ..rules.expression import Expression
from ..rules.functions import INTRINSICS
from .emitter import CLEAR, ZERO, Emitter
from .facts import FunctionFacts
from .lookup import Values

_SUFFIX = {"double": "f64", "float": "f32"}
_OPERATORS = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}


class ExpressionWriter:
    """Writes rule expressions as LLVM; remembers which external functions were used in `declarations`."""

    def __init__(self, emitter: Emitter) -> None:
        self.emitter = emitter
        self.declarations: dict[str, str] = {}
        self._known: Callable[[str, tuple[Expression, ...]], str | None] | None = None

    def constant(self, value: float, kind: str) -> str:
        if kind == "float":
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        return "0x" + struct.pack(">d", value).hex().upper()

    def write(self, expression: Expression, symbols, kind: str) -> str:
        """The value of `expression`; `symbols(name)` gives the text of a symbol."""
        operator, arguments = expression.operator, expression.arguments
        if operator == "symbol":
            return symbols(expression.name)
        if operator == "constant":
            return self.constant(float(expression.name), kind)
        if operator == "call":
            found = self.known(expression.name, arguments)
            if found is not None:
                return found
        values = [self.write(a, symbols, kind) for a in arguments]
        if operator == "number":
            return self.emitter.define(f"sitofp i32 {values[0]} to {kind}")
        if operator == "negate":
            return self.emitter.negative(kind, values[0])
        if operator == "compare":
            return self.emitter.define(f"fcmp {expression.name} {kind} {values[0]}, {values[1]}")
        if operator == "where":
            return self.emitter.select(values[0], kind, values[1], values[2])
        if operator == "call":
            return self.call(expression.name, kind, values)
        return self.emitter.define(f"{_OPERATORS[operator]} {kind} {values[0]}, {values[1]}")

    def known(self, name: str, arguments: tuple[Expression, ...]) -> str | None:
        """A value that the primal has computed already; set for the instruction at hand by the reverse sweep."""
        return self._known(name, arguments) if self._known is not None else None

    def reuse(self, known: Callable[[str, tuple[Expression, ...]], str | None] | None) -> None:
        """Ask `known(function, arguments)` before a function is computed."""
        self._known = known

    def call(self, name: str, kind: str, values: list[str]) -> str:
        if name in INTRINSICS:
            callee = f"@llvm.{name}.{_SUFFIX[kind]}"
        elif name == "digamma":
            return self._digamma(kind, values[0])
        else:
            callee = f"@{name}" + ("f" if kind == "float" else "")
        parameters = ", ".join([kind] * len(values))
        self.declarations[callee] = f"declare {kind} {callee}({parameters}) nounwind willreturn memory(none)"
        return self.emitter.call(kind, callee, [(kind, v) for v in values])

    def _digamma(self, kind: str, value: str) -> str:
        self.declarations['@"numzyme.digamma"'] = ""
        wide = value if kind == "double" else self.emitter.define(f"fpext float {value} to double")
        result = self.emitter.call("double", '@"numzyme.digamma"', [("double", wide)])
        return result if kind == "double" else self.emitter.define(f"fptrunc double {result} to float")

    def times(self, factor: str, expression: Expression, symbols, kind: str) -> str | None:
        """`factor * expression`, written with as few operations as its shape allows; None when it is zero."""
        operator, arguments = expression.operator, expression.arguments
        if operator == "constant":
            value = float(expression.name)
            if value == 0.0:
                return None
            if abs(value) == 1.0:
                return factor if value > 0 else self.emitter.negative(kind, factor)
            return self.emitter.product(kind, factor, self.constant(value, kind))
        if operator == "negate":
            inner = self.times(factor, arguments[0], symbols, kind)
            return None if inner is None else self.emitter.negative(kind, inner)
        if operator == "divide":
            quotient = self.emitter.quotient(kind, factor, self.write(arguments[1], symbols, kind))
            return self.times(quotient, arguments[0], symbols, kind)
        if operator == "where" and any(a.operator == "constant" for a in arguments[1:]):
            condition = self.write(arguments[0], symbols, kind)
            sides = [self.times(factor, a, symbols, kind) or ZERO for a in arguments[1:]]
            return self.emitter.select(condition, kind, sides[0], sides[1])
        return self.emitter.product(kind, factor, self.write(expression, symbols, kind))


class Adjoints:
    """The adjoints of the active values of one function."""

    def __init__(self, emitter: Emitter, facts: FunctionFacts) -> None:
        self.emitter, self.facts = emitter, facts
        self.slots: dict[str, str] = {}
        self.types: dict[str, str] = {p.name: p.type for p in facts.function.parameters}
        self._current: dict[str, str] = {}
        self._shared = self._values_used_across_blocks()

    def _values_used_across_blocks(self) -> set[str]:
        facts, definition = self.facts, {}
        shared: set[str] = set()
        for label in facts.cfg.order:
            for i in facts.cfg.blocks[label].instructions:
                if i.name:
                    definition[i.name] = label
                    self.types[i.name] = i.type
        for label in facts.cfg.order:
            for i in facts.cfg.blocks[label].instructions:
                for operand in i.operands:
                    if facts.is_active(operand) and (i.opcode == "phi" or definition.get(operand) != label):
                        shared.add(operand)
        return shared

    def _slot(self, name: str) -> str:
        if name not in self.slots:
            self.slots[name] = f'%"{name[1:].strip(chr(34))}.adjoint"'
        return self.slots[name]

    def add(self, name: str, contribution: str | None) -> None:
        """Add to the adjoint of a value; inactive values and zero contributions are ignored."""
        if contribution is None or not self.facts.is_active(name):
            return
        kind = self.types[name]
        if name in self._shared:
            slot = self._slot(name)
            self.emitter.store(kind, self.emitter.sum(kind, self.emitter.load(kind, slot), contribution), slot)
        elif name in self._current:
            self._current[name] = self.emitter.sum(kind, self._current[name], contribution)
        else:
            self._current[name] = contribution

    def take(self, name: str) -> str | None:
        """The adjoint collected for a value, which is reset; None when nothing was added in this block."""
        if name in self._shared:
            kind, slot = self.types[name], self._slot(name)
            value = self.emitter.load(kind, slot)
            self.emitter.store(kind, CLEAR, slot)
            return value
        return self._current.pop(name, None)

    def stack_text(self) -> list[str]:
        """Allocation and initialisation of the slots, for the entry block."""
        lines = []
        for name, slot in self.slots.items():
            lines.append(f"{slot} = alloca {self.types[name]}")
            lines.append(f"store {self.types[name]} {CLEAR}, ptr {slot}")
        return lines


def symbols_of(instruction: Instruction, values: Values):
    """Symbols of a rule for this instruction: `x0`, `x1`, ... are its operands, `y` is its result."""

    def symbol(name: str) -> str:
        return values.value(instruction.name if name == "y" else instruction.operands[int(name[1:])])

    return symbol


def is_differentiable_type(kind: str) -> bool:
    return kind in FLOAT_TYPES
