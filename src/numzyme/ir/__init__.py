"""LLVM IR as a light data model: reader, writer, verifier. Imports nothing but `diagnostics`."""

from .model import Block, Function, Instruction, Module, Parameter
from .reader import ReadError, read, read_instruction
from .verifier import VerifyError, verify
from .writer import write, write_function

__all__ = [
    "Block",
    "Function",
    "Instruction",
    "Module",
    "Parameter",
    "ReadError",
    "VerifyError",
    "read",
    "read_instruction",
    "verify",
    "write",
    "write_function",
]
