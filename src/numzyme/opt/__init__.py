"""Every pass and every analysis on LLVM text, one at a time: `python -m numzyme.opt FILE.ll`.

Needs neither Numba nor llvmlite, so that a construct can be studied from a text file alone.
"""

from .annotations import AnnotationError, Annotations, read_annotations
from .facts import FACTS, describe
from .passes import PASSES, run_passes

__all__ = ["FACTS", "PASSES", "AnnotationError", "Annotations", "describe", "read_annotations", "run_passes"]
