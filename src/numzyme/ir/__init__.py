"""LLVM IR as a light data model: reader, writer, verifier. Imports nothing but `diagnostics`."""

from .model import Block, Function, Instruction, Module, Parameter
from .reader import ReadError, read, read_instruction
from .records import Layout, Run
from .verifier import VerifyError, verify
from .writer import write, write_function

__all__ = [
    "Block",
    "Function",
    "Instruction",
    "Layout",
    "Module",
    "Parameter",
    "ReadError",
    "Run",
    "VerifyError",
    "read",
    "read_instruction",
    "verify",
    "write",
    "write_function",
]
