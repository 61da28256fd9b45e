"""By-value twins: callees in a form that lets LLVM hoist, merge and drop whole calls before they are inlined.

Numba returns results and exceptions through pointers, so every call looks as if it wrote memory, and inlining first
would turn `x[i] / magnitude(x)` into a nest of loops that no optimiser takes apart again. A twin `f.v` returns
status, exception and result by value and wraps the original `f`; it stays a call during one optimisation.

Invariant: a twin computes what its original computes. Twins are not recursive, so `inlining` removes them all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ..ir import Block, Function, read
from ..ir.symbols import symbol_of
from .graphs import closure, reverse
from .inlining import TWIN
from .purity import PurityProof
from .termination import blocks_in_loops

_LABEL = re.compile(r"^([^\s:]+):\s+; preds = (.*)$")
_DEFINITION = re.compile(
    r"^define (?:internal )?i32 @([\w.$]+)\(ptr [^,]*%retptr[.\d]*, ptr [^,]*%excinfo[.\d]*(?:, (.*))?\)"
)
_CALL = re.compile(
    r"^  (?P<status>%\S+) = call i32 @(?P<callee>[\w.$]+)\(ptr (?P<result>%[^,]+), ptr (?P<exception>%[^,)]+)"
    r"(?:, (?P<arguments>.*))?\)(?P<debug>, !dbg !\d+)?$"
)
_UNRESOLVED = re.compile(r'load ptr, ptr @"?\.numba\.unresolved\$([\w.$]+)')  # a function that was not yet compiled
_RESULT = re.compile(r"^  store (.+?) (?:\S+|\{[^}]*\}), ptr %retptr[.\d]*[,\s]")


@dataclass(slots=True)
class _Function:
    """What a scan of the text tells about one function of Numba's calling convention."""

    parameters: str
    result: str | None = None
    loops: bool = False  # its own, or those of a BLAS function
    calls: list[tuple[str, bool]] = field(default_factory=list)  # callee, inside a loop?


def worthwhile(text: str, root: str) -> set[str]:
    """Functions with a loop that are called from within a loop and return plain numbers: those worth a twin."""
    functions = _scan(text)
    callees = {name: {callee for callee, _ in found.calls if callee in functions} for name, found in functions.items()}
    slow = closure({name for name, found in functions.items() if found.loops}, reverse(callees))
    repeated = {callee for found in functions.values() for callee, inside in found.calls if inside}
    repeated = closure(repeated, callees)
    return {
        name
        for name, found in functions.items()
        if name in slow
        and name in repeated
        and name != root
        and found.result is not None
        and "ptr" not in found.result
        and ("double" in found.result or "float" in found.result or not name.startswith("_ZN5numba"))
        and name not in closure(callees[name], callees)  # not recursive
    }


def _scan(text: str) -> dict[str, _Function]:
    functions: dict[str, _Function] = {}
    current: _Function | None = None
    labels: list[tuple[str, list[str]]] = []
    calls: list[tuple[str, int]] = []
    for line in text.split("\n"):
        if current is None:
            found = _DEFINITION.match(line) if line.startswith("define ") else None
            if found:
                current = functions[found[1]] = _Function(found[2] or "")
                labels, calls = [], []
        elif line.startswith("  "):
            if " = call i32 @" in line and (call := _CALL.match(line)):
                calls.append((call["callee"], len(labels)))
            elif ".numba.unresolved$" in line and (call := _UNRESOLVED.search(line)):
                calls.append((call[1], len(labels)))
            elif "@numba_xx" in line:
                current.loops = True  # a loop inside BLAS
            elif current.result is None and "ptr %retptr" in line and (stored := _RESULT.match(line)):
                current.result = stored[1]
        elif line == "}":
            _note_loops(current, labels, calls)
            current = None
        elif found := _LABEL.match(line):
            labels.append((found[1], found[2].split(", ")))
    return functions


def _note_loops(function: _Function, labels: list, calls: list[tuple[str, int]]) -> None:
    """Numba prints blocks in the order of the bytecode, so a block entered from further down heads a loop."""
    position = {f"%{label}": i for i, (label, _) in enumerate(labels, 1)}
    spans = []
    for i, (_, predecessors) in enumerate(labels, 1):
        last = max((position.get(predecessor, 0) for predecessor in predecessors), default=0)
        if last >= i:
            spans.append((i, last))
    function.loops |= bool(spans)
    function.calls = [(callee, any(first <= block <= last for first, last in spans)) for callee, block in calls]


def add_twins(text: str, names: set[str]) -> str:
    """Add a twin for each of `names` and call it instead of the original."""
    functions = _scan(text)
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if " = call i32 @" in line and (call := _CALL.match(line)) and call["callee"] in names:
            result = functions[call["callee"]].result
            assert result is not None
            lines[i] = _twin_call(call, result)
    twins = [_twin(name, functions[name]) for name in sorted(names)]
    return "\n".join(lines) + "\n" + "\n".join(twins)


def _twin_call(call: re.Match[str], result: str) -> str:
    aggregate = f"{{ i32, ptr, {result} }}"
    status, debug = call["status"], call["debug"] or ""
    quoted = status.endswith('"')

    def part(suffix: str) -> str:
        return f'{status[:-1]}.{suffix}"' if quoted else f"{status}.{suffix}"

    return "\n".join(
        [
            f"  {part('twin')} = call {aggregate} @{call['callee']}{TWIN}({call['arguments'] or ''}){debug}",
            f"  {part('result')} = extractvalue {aggregate} {part('twin')}, 2",
            f"  store {result} {part('result')}, ptr {call['result']}, align 8",
            f"  {part('exception')} = extractvalue {aggregate} {part('twin')}, 1",
            f"  store ptr {part('exception')}, ptr {call['exception']}, align 8",
            f"  {status} = extractvalue {aggregate} {part('twin')}, 0",
        ]
    )


def _twin(name: str, function: _Function) -> str:
    result = function.result
    passed = f", {function.parameters}" if function.parameters else ""
    aggregate = f"{{ i32, ptr, {result} }}"
    return f"""
define internal {aggregate} @{name}{TWIN}({function.parameters}) noinline {{
  %twin.result = alloca {result}, align 8
  %twin.exception = alloca ptr, align 8
  store {result} zeroinitializer, ptr %twin.result, align 8
  store ptr null, ptr %twin.exception, align 8
  %twin.status = call i32 @{name}(ptr %twin.result, ptr %twin.exception{passed})
  %twin.value = load {result}, ptr %twin.result, align 8
  %twin.raised = load ptr, ptr %twin.exception, align 8
  %twin.0 = insertvalue {aggregate} undef, i32 %twin.status, 0
  %twin.1 = insertvalue {aggregate} %twin.0, ptr %twin.raised, 1
  %twin.2 = insertvalue {aggregate} %twin.1, {result} %twin.value, 2
  ret {aggregate} %twin.2
}}
"""


def state_purity(text: str) -> str:
    """Write what we can prove of twins that are still called in loops into their attributes.

    Returns `text` itself when that tells LLVM nothing new.
    """
    module = read(text)
    repeated = {
        instruction.callee
        for function in module.functions.values()
        for block in _repeated_blocks(function)
        for instruction in block.instructions
        if instruction.opcode == "call" and symbol_of(instruction.callee).endswith(TWIN)
    }
    proof = PurityProof(module)
    for name in repeated:
        purity, header = proof.of(name), module.functions[name].header
        group = re.search(r"#\d+", header.rpartition(")")[2])
        known = module.attributes.get(f"attributes {group[0]}", "") if group else ""
        if purity is None or not purity.is_news(known):
            continue
        start, _, _ = header.rpartition(")")
        text = text.replace(header, f"{start}) noinline {purity.attributes} {{")
    return text


def _repeated_blocks(function: Function) -> list[Block]:
    labels = blocks_in_loops(function)
    return [block for block in function.blocks if block.label in labels]
