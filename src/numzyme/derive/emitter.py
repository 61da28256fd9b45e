"""LLVM text under construction: blocks of lines, fresh names, the few instructions that derivatives are made of.

Text is the fastest way to build IR from Python and lets new LLVM attributes pass through. Invariant: every name made
here is unique in its function and quoted, so it cannot collide with names of the primal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

# adjoints may be added in any order and fused; primal values are never recomputed with these flags
SUM_FLAGS = "reassoc nsz contract"
PRODUCT_FLAGS = "contract"
ZERO = "-0.000000e+00"  # x + -0.0 is x for every x, so LLVM folds it
# What sums begin with: LLVM 22 loses those that begin with -0.0 in short loops, which it fills up to a vector.
CLEAR = "0.000000e+00"


@dataclass(slots=True)
class TextBlock:
    """A block being written; the terminator is kept apart so that lines can be added before it."""

    label: str
    lines: list[str] = field(default_factory=list)
    terminator: str = ""


class Emitter:
    """Writes the blocks of one function; `block` is the one that instructions are appended to."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.blocks: dict[str, TextBlock] = {}
        self.block = TextBlock("")
        self._count = 0

    def fresh(self, hint: str = "") -> str:
        self._count += 1
        return f'%"{self.prefix}{self._count}{hint}"'

    def start(self, label: str) -> TextBlock:
        self.block = self.blocks[label] = TextBlock(label)
        return self.block

    def line(self, text: str) -> None:
        self.block.lines.append(text)

    def define(self, text: str, hint: str = "") -> str:
        """Append `name = text` and return the name."""
        name = self.fresh(hint)
        self.block.lines.append(f"{name} = {text}")
        return name

    def terminate(self, text: str) -> None:
        self.block.terminator = text

    # -- small vocabulary -------------------------------------------------------------------------
    def load(self, kind: str, pointer: str, alignment: str = "") -> str:
        return self.define(f"load {kind}, ptr {pointer}{alignment}")

    def store(self, kind: str, value: str, pointer: str, alignment: str = "") -> None:
        self.line(f"store {kind} {value}, ptr {pointer}{alignment}")

    def offset(self, pointer: str, size: int | str) -> str:
        return pointer if size == 0 else self.define(f"getelementptr inbounds i8, ptr {pointer}, i64 {size}")

    def element(self, kind: str, pointer: str, index: str) -> str:
        return self.define(f"getelementptr inbounds {kind}, ptr {pointer}, i64 {index}")

    def sum(self, kind: str, a: str, b: str) -> str:
        return self.define(f"fadd {SUM_FLAGS} {kind} {a}, {b}")

    def product(self, kind: str, a: str, b: str) -> str:
        return self.define(f"fmul {PRODUCT_FLAGS} {kind} {a}, {b}")

    def quotient(self, kind: str, a: str, b: str) -> str:
        return self.define(f"fdiv {PRODUCT_FLAGS} {kind} {a}, {b}")

    def negative(self, kind: str, a: str) -> str:
        return self.define(f"fneg {kind} {a}")

    def select(self, condition: str, kind: str, a: str, b: str) -> str:
        return self.define(f"select i1 {condition}, {kind} {a}, {kind} {b}")

    def call(self, result: str, callee: str, arguments: Sequence[tuple[str, str]]) -> str:
        inside = ", ".join(f"{kind} {value}" for kind, value in arguments)
        if result == "void":
            self.line(f"call void {callee}({inside})")
            return ""
        return self.define(f"call {result} {callee}({inside})")

    def branch(self, label: str) -> None:
        self.terminate(f"br label {label}")

    def branch_if(self, condition: str, then: str, otherwise: str) -> None:
        self.terminate(f"br i1 {condition}, label {then}, label {otherwise}")

    def text(self, labels: Sequence[str] | None = None) -> str:
        lines = []
        for label in labels or self.blocks:
            block = self.blocks[label]
            lines.append(label[1:] + ":")
            lines += ["  " + line for line in block.lines]
            lines.append("  " + block.terminator)
        return "\n".join(lines)


def quoted(name: str, suffix: str) -> str:
    """`%x` or `%"x"` -> `%"x<suffix>"`."""
    return f'%"{name[1:].strip(chr(34))}{suffix}"'
