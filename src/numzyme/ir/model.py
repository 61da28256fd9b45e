"""The LLVM IR that numzyme works on, on one screen.

    Module      = prelude lines, Global*, Declaration*, Function*, attribute groups, metadata
    Function    = name, Parameter*, Block*                 (the first block is the entry)
    Block       = label, Instruction*                      (the last instruction is the terminator)
    Instruction = name "=" opcode operands                 (one line of LLVM text, kept verbatim)

Values are text: `%x` (SSA name, with its quotes if it has any), `@g` (global) or a constant (`0.0`, `null`, `poison`,
a constant expression). Types are text too. What numzyme does not interpret (flags, attributes, alignment) stays in
`Instruction.text`, so that new LLVM attributes pass through unharmed.

Invariant: `Instruction.text` is the instruction as LLVM reads it, without leading blanks and without metadata;
the parsed fields describe that text and are never changed without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..diagnostics import SourceLocation


@dataclass(slots=True)
class Instruction:
    """One instruction. Which of the fields are used depends on the opcode:

    `phi`: operands are the incoming values, labels their blocks; `br`: operands `[condition]` or `[]`, labels the
    targets; `switch`: operands `[value, case constants...]`, labels `[default, case targets...]`; `load`: operands
    `[pointer]`; `store`: `[value, pointer]`; `call`: `callee` and the arguments; `icmp`/`fcmp`: `predicate`;
    `getelementptr`/`alloca`: `element_type`; `extractvalue`/`insertvalue`: `indices`. `integer` marks a load or store
    that is known to be of an integer, and never of the bits of a float.
    """

    opcode: str
    name: str = ""
    type: str = "void"
    operands: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    callee: str = ""
    predicate: str = ""
    element_type: str = ""
    indices: tuple[int, ...] = ()
    flags: str = ""
    debug: int = -1
    text: str = ""
    integer: bool = False

    @property
    def is_terminator(self) -> bool:
        return self.opcode in TERMINATORS

    def __str__(self) -> str:
        return self.text


TERMINATORS = frozenset({"br", "switch", "ret", "unreachable", "invoke", "resume", "indirectbr"})
CASTS = frozenset(
    [
        "trunc",
        "zext",
        "sext",
        "fptrunc",
        "fpext",
        "fptoui",
        "fptosi",
        "uitofp",
        "sitofp",
        "ptrtoint",
        "inttoptr",
        "bitcast",
        "addrspacecast",
    ]
)
FLOAT_BINARY = frozenset({"fadd", "fsub", "fmul", "fdiv", "frem"})
INTEGER_BINARY = frozenset(
    ["add", "sub", "mul", "udiv", "sdiv", "urem", "srem", "shl", "lshr", "ashr", "and", "or", "xor"]
)
FLOAT_TYPES = frozenset({"double", "float"})
SIZES = {"double": 8, "float": 4, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "i1": 1, "ptr": 8}


@dataclass(slots=True)
class Parameter:
    """A parameter: its SSA name, its type, and its attributes as text."""

    name: str
    type: str
    attributes: str = ""


@dataclass(slots=True)
class Block:
    """A basic block; `label` is the SSA name of the block (`%entry`), as branches spell it."""

    label: str
    instructions: list[Instruction] = field(default_factory=list)

    @property
    def terminator(self) -> Instruction:
        return self.instructions[-1]

    @property
    def successors(self) -> list[str]:
        return self.instructions[-1].labels

    @property
    def phis(self) -> list[Instruction]:
        found = []
        for instruction in self.instructions:
            if instruction.opcode != "phi":
                break
            found.append(instruction)
        return found


@dataclass(slots=True)
class Function:
    """A function definition. `header` is the `define` line verbatim; `name` has its `@`."""

    name: str
    return_type: str
    parameters: list[Parameter]
    blocks: list[Block]
    header: str
    debug: int = -1

    def instructions(self):
        for block in self.blocks:
            yield from block.instructions

    @property
    def entry(self) -> Block:
        return self.blocks[0]


@dataclass(slots=True)
class Module:
    """A module. Everything that is not a function body is kept as lines of text."""

    functions: dict[str, Function] = field(default_factory=dict)
    declarations: dict[str, str] = field(default_factory=dict)
    globals: dict[str, str] = field(default_factory=dict)
    prelude: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    metadata: dict[int, str] = field(default_factory=dict)
    named_metadata: list[str] = field(default_factory=list)
    _locations: dict[int, SourceLocation | None] = field(default_factory=dict)

    def location(self, instruction: Instruction) -> SourceLocation | None:
        """The user's line that `instruction` was made from, or None when no line was recorded."""
        from .locations import resolve

        if instruction.debug < 0:
            return None
        if instruction.debug not in self._locations:
            self._locations[instruction.debug] = resolve(self.metadata, instruction.debug)
        return self._locations[instruction.debug]
