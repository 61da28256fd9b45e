"""Names of a package whose modules are loaded when the first one is asked for: `import numzyme` is to be quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def loaded_later(package: str, modules: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: `modules` gives the names that each of its modules has."""
    home = {name: module for module, names in modules.items() for name in names}

    def find(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(importlib.import_module(f".{home[name]}", package), name)
        setattr(sys.modules[package], name, found)
        return found

    return find
