"""Numba's typed lists and dicts, as code that can be differentiated.

Decides that in the private target a `ListType` is a list as Python writes it, and a `DictType` is four such lists with
a hash table over them. Numba's own functions for these types stay; only what they call in C is replaced. Invariant:
members, order, exceptions and the meaning of changes during iteration are those of Numba's containers.
"""

from .lowering import MODELS, replaced_lowering

__all__ = ["MODELS", "replaced_lowering"]
