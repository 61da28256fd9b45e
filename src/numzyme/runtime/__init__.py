"""Machine code of derivatives, the memory of their tapes, and their store on disk."""

from .arena import Memory, memory, release_memory
from .link import LinkedFunction, adopt, is_derivative, link, object_of, prepare_process
from .objects import (
    ObjectCode,
    address_in_engine,
    load_object,
    missing,
    object_code,
    set_environment,
)
from .random_state import random_state, set_random_state

__all__ = [
    "LinkedFunction",
    "Memory",
    "ObjectCode",
    "address_in_engine",
    "adopt",
    "is_derivative",
    "link",
    "load_object",
    "memory",
    "missing",
    "object_code",
    "object_of",
    "prepare_process",
    "random_state",
    "release_memory",
    "set_environment",
    "set_random_state",
]
