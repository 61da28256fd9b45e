"""`Module` in, LLVM text out: instructions are printed as they were read or built."""

from __future__ import annotations

from .model import Function, Module


def write_function(function: Function, debug: bool = True) -> str:
    """The text of one function; with `debug`, each instruction keeps its `!dbg` number."""
    lines = [function.header]
    for block in function.blocks:
        lines.append(block.label[1:] + ":")
        for instruction in block.instructions:
            suffix = ", !numzyme.integer !{}" if instruction.integer else ""
            suffix += f", !dbg !{instruction.debug}" if debug and instruction.debug >= 0 else ""
            lines.append(f"  {instruction.text}{suffix}")
    lines.append("}")
    return "\n".join(lines)


def write(module: Module) -> str:
    """The module as LLVM text."""
    parts = [*module.prelude, *module.globals.values()]
    parts += [write_function(function) for function in module.functions.values()]
    parts += module.declarations.values()
    parts += [f"{key} = {value}" for key, value in module.attributes.items()]
    parts += module.named_metadata
    parts += [f"!{number} = {value}" for number, value in module.metadata.items()]
    return "\n".join(parts) + "\n"
