"""Which Python packages stand for their content by their version, and what is extended from outside of them.

Decides that those are Numba, llvmlite, NumPy, SciPy, the standard library, whatever extends Numba by an entry point,
and `numzyme` itself, whose version is the content of its files. The array wrappers are the exception: their methods are
compiled with users' objects, and their code says which attributes of these are used.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite
import numba
import numpy as np
import scipy
from numba.core import config, imputils
from numba.core.registry import cpu_target
from numba.core.typing import templates

_PACKAGE = Path(__file__).resolve().parents[1]
_LIBRARIES = {"numba", "llvmlite", "numpy", "scipy"}
_COMPILED_WITH_USERS_OBJECTS = "numzyme.arrays"
_STANDARD_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


_WITHOUT_EFFECT_ON_CODE = ("CUDA", "CACHE", "THREAD", "COLOR", "CHROME_TRACE", "DUMP")


def versions() -> tuple[Any, ...]:
    """Everything outside of users' code that decides what is compiled: versions, options, the processor."""
    names = [name for name in sorted(dir(config)) if name.isupper()]
    names = [name for name in names if not any(word in name for word in _WITHOUT_EFFECT_ON_CODE)]
    return *_fixed_versions(), tuple((name, repr(getattr(config, name))) for name in names)


@functools.cache
def _fixed_versions() -> tuple[Any, ...]:
    modules = (numba, llvmlite, np, scipy)
    context: Any = cpu_target.target_context
    return (
        _own_version(),
        platform.python_implementation(),
        sys.version,
        tuple((module.__name__, module.__version__) for module in modules),
        tuple((name, version) for name, version, _ in _extensions()),
        context.codegen().magic_tuple(),
    )


def _own_version() -> str:
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_PACKAGE)} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


@functools.cache
def _extensions() -> tuple[tuple[str, str, str], ...]:
    """(name, version, root package) of what Numba loads by itself when it starts to compile."""
    found = []
    for point in importlib.metadata.entry_points(group="numba_extensions"):
        version = point.dist.version if point.dist is not None else ""
        found.append((point.name, version, point.module.partition(".")[0]))
    return tuple(sorted(found))


@functools.cache
def _is_known(module_name: str) -> bool:
    """Whether the module belongs to one of those packages, not to a namesake of a user."""
    if module_name.startswith(_COMPILED_WITH_USERS_OBJECTS):
        return False
    root = module_name.partition(".")[0]
    if root in _LIBRARIES or root == "numzyme" or root in {package for _, _, package in _extensions()}:
        return True
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    is_standard = not file or (file.startswith(_STANDARD_LIBRARY) and "site-packages" not in file)
    return root in sys.stdlib_module_names and is_standard


def named_in_package(value: Any) -> Any:
    """The name of a function, class or module of those packages, found there under that name; else None."""
    if isinstance(value, type(sys)):
        return ("module", value.__name__) if _is_closed(value) else None
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    module_name = getattr(value, "__module__", None) or getattr(type(value), "__module__", None)
    if not isinstance(name, str) or not isinstance(module_name, str) or not _is_known(module_name):
        return None
    places = (module_name, "numpy", "scipy.special") if isinstance(value, np.ufunc) else (module_name,)
    for place in places:
        found: Any = sys.modules.get(place)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is value and (not isinstance(value, FunctionType) or _comes_from(value, module_name)):
            return ("named", place, name)
    return None


def _is_closed(module: Any) -> bool:
    return _is_known(module.__name__) and sys.modules.get(module.__name__) is module


def _comes_from(function: FunctionType, module_name: str) -> bool:
    """Whether a function's code is that of the package, not a user's that took over its name."""
    root = module_name.partition(".")[0]
    file = function.__code__.co_filename
    home = getattr(sys.modules.get(root), "__file__", None) or _STANDARD_LIBRARY
    return file.startswith(
        (os.path.dirname(os.path.abspath(home)), _STANDARD_LIBRARY, "<frozen", "<__array_function__")
    )


# -- what users add to Numba
_seen: dict[str, int] = {}
_added: list[Any] = []


def added_to_numba() -> tuple[Any, ...]:
    """Functions of others that Numba uses: overloads, typing templates, lowerings that they registered."""
    for name, registry in (("typing", templates.builtin_registry), ("lowering", imputils.builtin_registry)):
        for part in ("functions", "attributes", "globals", "getattrs", "setattrs", "casts", "constants"):
            items = getattr(registry, part, ())
            start = _seen.get(f"{name} {part}", 0)
            for item in items[start:]:
                _added.extend(found for found in _functions_in(item) if not _is_known(_home(found)))
            _seen[f"{name} {part}"] = len(items)
    return tuple(
        [(name, part) for name, part in vars(found).items() if isinstance(part, FunctionType)]
        if isinstance(found, type)
        else found
        for found in _added
    )


def _functions_in(item: Any) -> list[Any]:
    """The functions and templates that one entry of a registry is made of.

    Intrinsics are left out: whoever uses one refers to it, and they are registered only then.
    """
    found = []
    for part in item if isinstance(item, tuple) else (item,):
        if hasattr(part, "_definition_func"):
            continue
        implementation = getattr(part, "_overload_func", part)
        implementation = getattr(implementation, "__func__", implementation)
        if isinstance(implementation, FunctionType | type):
            found.append(implementation)
    return found


def _home(found: Any) -> str:
    """The module that a function or class was written in, whatever name it goes by."""
    scope = found.__globals__.get("__name__") if isinstance(found, FunctionType) else found.__module__
    return scope or ""
