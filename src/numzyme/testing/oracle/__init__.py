"""The oracle: a slow and obvious differentiator to compare the real one with.

It interprets the canonical LLVM text, tapes every float operation with textbook partial derivatives, and
sweeps the tape. It shares the reader of LLVM text with numzyme and nothing else: no analyses, no rules, no
derivation.

    run = trace(raw, canonical_text, arguments)
    run.reverse(1.0, seeds)              # adjoint of every input, a Vector
"""

from .memory import OracleError
from .trace import Trace, trace

__all__ = ["OracleError", "Trace", "trace"]
