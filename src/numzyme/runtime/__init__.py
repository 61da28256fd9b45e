"""Machine code of derivatives and the memory of their tapes."""

from .arena import Memory, memory, release_memory
from .link import LinkedFunction, link

__all__ = ["LinkedFunction", "Memory", "link", "memory", "release_memory"]
