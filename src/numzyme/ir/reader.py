"""LLVM text in, `Module` out.

Decides how one line of LLVM's printed form becomes an `Instruction`. LLVM prints an instruction a line (a `switch`
spans several), with metadata behind `, !`. Unknown opcodes are kept as text with their operands unread: the analyses
refuse what they do not know, the reader does not.
"""

from __future__ import annotations

import re

from .model import CASTS, FLOAT_BINARY, INTEGER_BINARY, Block, Function, Instruction, Module, Parameter

_NAME = r'(?:"[^"]*"|[-\w.$]+)'
_RESULT = re.compile(rf"(%{_NAME}) = ")
_SSA_OR_GLOBAL = re.compile(rf"[%@]{_NAME}")
_DEFINE = re.compile(rf"define .*?(@{_NAME})\(")
_GLOBAL = re.compile(rf"(@{_NAME}) = ")
_DECLARE = re.compile(rf"declare .*?(@{_NAME})\(")
_LABEL = re.compile(rf"({_NAME}):")
_DEBUG = re.compile(r"!dbg !(\d+)")
_INTEGER = "!numzyme.integer "
_METADATA = re.compile(r"!(\d+) = (.*)")
_CALL_HEAD = re.compile(r"(?:tail |musttail |notail )?call ")
_FLAG_WORDS = frozenset(
    [
        "nuw",
        "nsw",
        "exact",
        "fast",
        "nnan",
        "ninf",
        "nsz",
        "arcp",
        "contract",
        "afn",
        "reassoc",
        "disjoint",
        "nneg",
        "samesign",
        "inbounds",
        "nusw",
        "volatile",
        "atomic",
        "tail",
        "inrange",
    ]
)
_CONSTANT_WORDS = frozenset(
    [
        "null",
        "undef",
        "poison",
        "true",
        "false",
        "zeroinitializer",
        "none",
        "getelementptr",
        "inttoptr",
        "ptrtoint",
        "bitcast",
        "trunc",
        "sub",
        "add",
        "xor",
        "splat",
        "nan",
        "inf",
        "blockaddress",
    ]
)
_OPENING, _CLOSING = "([{<", ")]}>"


class ReadError(ValueError):
    """The text is not what LLVM prints; the message shows the line."""


def split_commas(text: str) -> list[str]:
    """Split at the commas that are outside brackets and quotes."""
    if not any(c in text for c in '([{<"'):
        return text.split(", ")
    parts, depth, start, quoted = [], 0, 0, False
    for i, c in enumerate(text):
        if c == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif c in _OPENING:
            depth += 1
        elif c in _CLOSING:
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    parts.append(text[start:].strip())
    return parts


def matching(text: str, start: int) -> int:
    """Index of the bracket that closes the one at `start`."""
    depth, quoted = 0, False
    for i in range(start, len(text)):
        c = text[i]
        if c == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif c in _OPENING:
            depth += 1
        elif c in _CLOSING:
            depth -= 1
            if depth == 0:
                return i
    raise ValueError(f"unbalanced brackets: {text}")


def split_type(text: str) -> tuple[str, str]:
    """`double %x` -> (`double`, `%x`): the leading type and the rest."""
    if text[0] in _OPENING:
        end = matching(text, 0) + 1
        return text[:end], text[end:].strip()
    kind, _, rest = text.partition(" ")
    if rest.startswith("addrspace("):
        end = rest.index(")") + 1
        return f"{kind} {rest[:end]}", rest[end:].strip()
    return kind, rest.strip()


def _split_argument(text: str) -> tuple[str, str]:
    """Type and value of a call argument, parameter attributes dropped."""
    kind, rest = split_type(text)
    while rest:
        first = rest[0]
        if first in '%@-{[<c"' and not rest.startswith(("captures", "cold", "convergent")) or first.isdigit():
            break
        word = re.match(r"[a-z_]+", rest)
        if word is None or word.group() in _CONSTANT_WORDS:
            break
        end = word.end()
        if rest[end : end + 1] == "(":
            end = matching(rest, end) + 1
        elif word.group() == "align":
            end = re.compile(r" \d+").match(rest, end).end()  # type: ignore[union-attr]
        rest = rest[end:].strip()
    return kind, rest


def _flags(text: str) -> tuple[str, str]:
    """Strip leading flag words; returns (flags, rest)."""
    flags = []
    while True:
        word, _, rest = text.partition(" ")
        if word not in _FLAG_WORDS:
            return " ".join(flags), text
        flags.append(word)
        text = rest


def _read_call(instruction: Instruction, text: str) -> None:
    text = _CALL_HEAD.sub("", text, count=1)
    instruction.flags, text = _flags(text)
    callee = None
    for match in _SSA_OR_GLOBAL.finditer(text):
        if text[match.end() : match.end() + 1] == "(":
            callee = match
            break
    if callee is None:  # inline assembly or a constant expression: kept as text, refused by whoever needs it
        instruction.callee = "asm"
        return
    head = text[: callee.start()].strip()
    instruction.callee = callee.group()
    instruction.type = _return_type(head)
    close = matching(text, callee.end())
    inside = text[callee.end() + 1 : close].strip()
    for part in split_commas(inside) if inside else []:
        kind, value = _split_argument(part)
        instruction.types.append(kind)
        instruction.operands.append(value)


def _return_type(head: str) -> str:
    """The return type at the end of `noundef nonnull ptr` or `i32 (ptr, ...)`."""
    if head.endswith(")"):  # a function type, for variadic callees; or an attribute with brackets before nothing
        depth = 0
        for i in range(len(head) - 1, -1, -1):
            depth += (head[i] == ")") - (head[i] == "(")
            if depth == 0:
                head = head[:i].strip()
                break
    if head[-1] in "}]>":
        depth = 0
        for i in range(len(head) - 1, -1, -1):
            depth += (head[i] in "}]>") - (head[i] in "{[<")
            if depth == 0:
                return head[i:]
    return head.split(" ")[-1]


def _read_typed_pair(instruction: Instruction, text: str) -> None:
    """`double %a, %b`: binary operations and comparisons."""
    first, second = split_commas(text)
    kind, value = split_type(first)
    instruction.operands, instruction.types, instruction.type = [value, second], [kind, kind], kind


def _read_phi(instruction: Instruction, text: str) -> None:
    instruction.type, rest = split_type(_flags(text)[1])
    for part in split_commas(rest):
        value, label = split_commas(part[1:-1].strip())
        instruction.operands.append(value)
        instruction.labels.append(label)
    instruction.types = [instruction.type] * len(instruction.operands)


def _read_br(instruction: Instruction, text: str) -> None:
    parts = split_commas(text)
    if len(parts) == 1:
        instruction.labels = [parts[0].split(" ", 1)[1]]
        return
    instruction.types, instruction.operands = ["i1"], [parts[0].split(" ", 1)[1]]
    instruction.labels = [p.split(" ", 1)[1] for p in parts[1:]]


def _read_switch(instruction: Instruction, text: str) -> None:
    head, _, cases = text.partition("[")
    value, default = split_commas(head.strip())
    kind, operand = split_type(value)
    instruction.operands, instruction.types, instruction.labels = (
        [operand],
        [kind],
        [default.split(" ", 1)[1]],
    )
    for constant, label in re.findall(rf"{kind} (-?\w+), label (%{_NAME})", cases):
        instruction.operands.append(constant)
        instruction.types.append(kind)
        instruction.labels.append(label)


def _read_memory(instruction: Instruction, opcode: str, text: str) -> None:
    instruction.flags, text = _flags(text)
    parts = [p for p in split_commas(text) if not p.startswith(("align ", "syncscope"))]
    if opcode == "alloca":
        instruction.type, instruction.element_type = "ptr", parts[0]
        pairs = [split_type(p) for p in parts[1:]]
    elif opcode == "load":
        instruction.type = parts[0]
        pairs = [split_type(parts[1])]
    elif opcode == "store":
        pairs = [split_type(p) for p in parts[:2]]
    else:  # getelementptr
        while parts[0].startswith("inrange"):
            parts[0] = parts[0][matching(parts[0], parts[0].index("(")) + 1 :].strip()
        instruction.type, instruction.element_type = "ptr", parts[0]
        pairs = [split_type(p) for p in parts[1:]]
    instruction.types = [p[0] for p in pairs]
    instruction.operands = [_name_or_constant(p[1]) for p in pairs]


def _name_or_constant(value: str) -> str:
    """A value without the memory ordering that follows it in an atomic access."""
    match = _SSA_OR_GLOBAL.match(value)
    return match.group() if match else value


def _read_aggregate(instruction: Instruction, opcode: str, text: str) -> None:
    parts = split_commas(text)
    count = 1 if opcode == "extractvalue" else 2
    pairs = [split_type(p) for p in parts[:count]]
    instruction.types, instruction.operands = [p[0] for p in pairs], [p[1] for p in pairs]
    instruction.indices = tuple(int(p) for p in parts[count:])
    instruction.type = pairs[0][0]
    if opcode == "extractvalue":
        for index in instruction.indices:
            instruction.type = element_types(instruction.type)[index]


def element_types(aggregate: str) -> list[str]:
    """Member types of a literal struct or array type."""
    inner = aggregate.strip("<>") if aggregate.startswith("<{") else aggregate
    inner = inner[1:-1].strip()
    if aggregate.startswith("["):
        count, kind = inner.split(" x ", 1)
        return [kind] * int(count)
    return split_commas(inner)


def read_instruction(line: str) -> Instruction:
    """One instruction from its line (a `switch` joined to one line)."""
    text = line.strip()
    cut = text.find(", !")
    debug, integer = -1, False
    if cut >= 0:
        match = _DEBUG.search(text, cut)
        debug = int(match.group(1)) if match else -1
        integer = _INTEGER in text[cut:]
        text = text[:cut]
    comment = text.rfind(" ; ")
    if comment >= 0 and '"' not in text[comment:]:
        text = text[:comment].rstrip()
    text = re.sub(r" #\d+(?= \[|$)", "", text) if text.endswith(tuple("0123456789")) and " #" in text else text
    result = _RESULT.match(text)
    name, body = (result.group(1), text[result.end() :]) if result else ("", text)
    opcode, _, rest = body.partition(" ")
    instruction = Instruction(opcode, name, text=text, debug=debug, integer=integer)
    if opcode in ("tail", "musttail", "notail", "call"):
        instruction.opcode = "call"
        _read_call(instruction, body)
    elif opcode in ("load", "store", "getelementptr", "alloca"):
        _read_memory(instruction, opcode, rest)
    elif opcode in FLOAT_BINARY or opcode in INTEGER_BINARY:
        instruction.flags, rest = _flags(rest)
        _read_typed_pair(instruction, rest)
    elif opcode in ("icmp", "fcmp"):
        instruction.flags, rest = _flags(rest)
        instruction.predicate, _, rest = rest.partition(" ")
        instruction.flags, rest = (instruction.flags, rest) if opcode == "fcmp" else _flags(rest)
        _read_typed_pair(instruction, rest)
        instruction.type = "i1"
    elif opcode == "phi":
        _read_phi(instruction, rest)
    elif opcode == "br":
        _read_br(instruction, rest)
    elif opcode == "switch":
        _read_switch(instruction, rest)
    elif opcode in CASTS:
        instruction.flags, rest = _flags(rest)
        value, _, instruction.type = rest.rpartition(" to ")
        kind, operand = split_type(value)
        instruction.types, instruction.operands = [kind], [operand]
    elif opcode in ("extractvalue", "insertvalue"):
        _read_aggregate(instruction, opcode, rest)
    elif opcode in ("fneg", "freeze", "ret", "select"):
        _read_simple(instruction, rest)
    elif result:
        instruction.type = "unknown"
    return instruction


def _read_simple(instruction: Instruction, text: str) -> None:
    instruction.flags, text = _flags(text)
    if text == "void":
        return
    pairs = [split_type(p) for p in split_commas(text)]
    instruction.types, instruction.operands = [p[0] for p in pairs], [p[1] for p in pairs]
    if instruction.opcode != "ret":
        instruction.type = pairs[-1][0]


def read_parameters(text: str) -> list[Parameter]:
    """The parameters of a `define` line, from the text between its brackets."""
    parameters = []
    for part in split_commas(text) if text.strip() else []:
        kind, rest = split_type(part)
        attributes, _, name = rest.rpartition(" ") if '"' not in rest else _quoted_name(rest)
        parameters.append(Parameter(name, kind, attributes))
    return parameters


def _quoted_name(text: str) -> tuple[str, str, str]:
    start = text.rindex('%"') if '%"' in text else text.rindex("%")
    return text[:start].strip(), "", text[start:]


def _read_function(lines: list[str], start: int) -> tuple[Function, int]:
    header = lines[start]
    match = _DEFINE.match(header)
    if match is None:
        raise ReadError(f"line {start + 1} is not a function definition: {header}")
    if "}" not in lines[start:]:
        raise ReadError(f"line {start + 1} starts a function that does not end: {header}")
    close = matching(header, match.end() - 1)
    parameters = read_parameters(header[match.end() : close])
    debug = _DEBUG.search(header, close)
    head = header[len("define ") : match.start(1)].strip()
    function = Function(match.group(1), _return_type(head), parameters, [], header, int(debug[1]) if debug else -1)
    i, block = start + 1, None
    while lines[i] != "}":
        line = lines[i]
        i += 1
        if not line:
            continue
        if line[0] != " ":
            label = _LABEL.match(line)
            if label is None:
                continue
            block = Block("%" + label.group(1))
            function.blocks.append(block)
            continue
        if line.lstrip().startswith(("#dbg_", ";")):
            continue
        if " switch " in line or line.startswith("  switch"):
            while "]" not in line:
                line += " " + lines[i].strip()
                i += 1
        if block is None:
            block = Block(_implicit_entry_label(function))
            function.blocks.append(block)
        block.instructions.append(_read_line(line, i))
    return function, i


def _read_line(line: str, number: int) -> Instruction:
    try:
        return read_instruction(line)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ReadError(f"line {number} is not an instruction as LLVM prints it: {line.strip()}") from error


def _implicit_entry_label(function: Function) -> str:
    """LLVM numbers an unnamed entry block after the unnamed parameters."""
    numbered = [p for p in function.parameters if _GIVEN_NAME.match(p.name)]
    return f"%.v{len(numbered)}"


_NUMBERED_VALUE = re.compile(r"%(\d+)(?![-\w.$])")
_NUMBERED_LABEL = re.compile(r"^(\d+):", re.MULTILINE)
_GIVEN_NAME = re.compile(r"%\.v\d+$")  # neither Python nor Numba makes such a name


def name_numbered_values(text: str) -> str:
    """Give LLVM's numbered values and blocks names (`%7` -> `%.v7`): numbers must be in order, names need not."""
    found = re.search(r"^define ", text, re.MULTILINE)  # string constants in globals may hold anything
    start = found.start() if found else len(text)
    body = _NUMBERED_LABEL.sub(r".v\1:", _NUMBERED_VALUE.sub(r"%.v\1", text[start:]))
    return text[:start] + body


def read(text: str) -> Module:
    """A module from LLVM's printed form; numbered values get names."""
    text = name_numbered_values(text)
    module = Module()
    lines = text.split("\n")
    i, count = 0, len(lines)
    while i < count:
        line = lines[i]
        if line.startswith("define "):
            function, i = _read_function(lines, i)
            module.functions[function.name] = function
        elif line.startswith("declare "):
            match = _DECLARE.match(line)
            module.declarations[match.group(1)] = line  # type: ignore[union-attr]
        elif line.startswith("@"):
            match = _GLOBAL.match(line)
            module.globals[match.group(1)] = line  # type: ignore[union-attr]
        elif line.startswith("attributes "):
            key, _, value = line.partition(" = ")
            module.attributes[key] = value
        elif line.startswith("!"):
            match = _METADATA.match(line)
            if match:
                module.metadata[int(match.group(1))] = match.group(2)
            else:
                module.named_metadata.append(line)
        elif line and not line.startswith(";"):
            module.prelude.append(line)
        i += 1
    return module
