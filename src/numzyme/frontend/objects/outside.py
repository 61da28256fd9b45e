"""What functions find outside of themselves: data that may change, and names that their compiled code relies on.

Numba freezes both when it compiles. Decides which captured values are data, for `closures` to pass at each call, and
notices when another name (a helper that was defined anew) means something else. Invariant: compiled code that is used
was made with what its names mean now.
"""

from __future__ import annotations

import dataclasses
import dis
import functools
import hashlib
import sys
import weakref
from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, ClassVar

import numpy as np
from numba.core.dispatcher import Dispatcher as NumbaDispatcher

from ..vectorized import VECTORIZED_BY, function_of

_LIBRARIES = frozenset({"builtins", "numba", "numpy", "numzyme", "scipy"}) | sys.stdlib_module_names
_READ_GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_READ_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_COMPILED_AS_THEY_ARE = (ModuleType, type, BuiltinFunctionType, np.ufunc, NumbaDispatcher, type(np.sum), np.dtype)


@functools.cache
def global_names(code: CodeType) -> tuple[str, ...]:
    """The global names that a function reads, its inner functions included."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in _READ_GLOBAL}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(global_names(constant))
    return tuple(sorted(found))


@functools.cache
def attribute_names(code: CodeType) -> tuple[str, ...]:
    """The names of attributes that a function may read or ask for, its inner functions included."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in _READ_ATTRIBUTE}
    if not {"hasattr", "getattr"}.isdisjoint(code.co_names):
        found.update(constant for constant in code.co_consts if isinstance(constant, str))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(attribute_names(constant))
    return tuple(sorted(found))


class _Contents:
    """What an array holds, as a name that means something else when it has changed."""

    _known: ClassVar[dict[bytes, bytes]] = {}

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def get(self, name: str, default: Any) -> bytes:
        """The same object for equal contents."""
        digest = hashlib.sha256(repr((self._array.shape, self._array.dtype)).encode() + self._array.tobytes()).digest()
        return self._known.setdefault(digest, digest)


def contents_of_defaults(function: Any) -> tuple[bytes, ...]:
    """What the arrays hold that are defaults of a function: compiled code that calls it takes them as they are."""
    given, named = getattr(function, "__defaults__", None) or (), getattr(function, "__kwdefaults__", None) or {}
    return tuple(_Contents(a).get("", None) for a in (*given, *named.values()) if isinstance(a, np.ndarray))


def captured(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and present values of what a function reads from outside; what is not bound yet is left out."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            continue
    names = function.__globals__
    yield from ((name, names[name]) for name in global_names(code) if name in names)


def moving_values(function: FunctionType, seen: tuple[Any, ...] = ()) -> dict[str, Any]:
    """The captured values that may change between calls, or that functions called from here capture."""
    found = {}
    for name, value in captured(function):
        if hasattr(type(value), "numzyme_function"):
            value = value.numzyme_function()  # a derivative, of what may capture data
            if value is None:
                continue
        if value is dataclasses.replace:
            continue  # compiled code has one of its own
        if type(value) is np.vectorize:
            value = function_of(value)
        if isinstance(value, FunctionType):
            if (value.__module__ or "").startswith("numzyme.api."):
                continue  # what it captures is ours
            if value is function or value in seen:
                continue
            if moving_values(value, (*seen, function)):
                found[name] = value
        elif is_moving(value):
            found[name] = value
    return found


def function_behind(value: Any) -> Any:
    """The function that a derivative is a derivative of, or a partial object calls, at whatever depth; others as they
    are."""
    while True:
        if hasattr(type(value), "numzyme_differentiated"):
            value = value.numzyme_differentiated
        elif type(value) is functools.partial:
            value = value.func
        elif type(value) is np.vectorize:
            value = value.pyfunc
        else:
            return value


@functools.cache
def _is_installed(module: str) -> bool:
    """Whether a module is of a library, whose functions nobody defines anew."""
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return module.partition(".")[0] in _LIBRARIES or "site-packages" in file or "dist-packages" in file


class Outside:
    """What a function finds outside besides data: while these names mean the same, its code means the same.

    `moving`: the names of data, which are not looked at. `globals`: namespaces, names and values; `cells`: those of
    closures, with their contents; `functions`: with their code and defaults, which can be replaced. `called`: compiled
    code calls the function, and takes its defaults as they are.
    """

    def __init__(self, function: FunctionType, moving: tuple[str, ...] = (), called: bool = False) -> None:
        self._moving, self._called = moving, called
        self.globals: list[tuple[Mapping[str, Any], str, Any]] = []
        self.cells: list[tuple[Any, Any]] = []
        self.functions: list[tuple[FunctionType, Any, Any, Any]] = []
        self._collect(function, set())

    def _collect(self, function: FunctionType, seen: set[int]) -> None:
        seen.add(id(function))
        found = []
        left_out = self._moving if len(seen) == 1 else ()
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if name in left_out:
                continue
            value = content_of(cell)
            self.cells.append((cell, value))
            found.append(value)
        space = function.__globals__
        for name in global_names(function.__code__):
            if name in left_out:
                continue
            value = space.get(name, UNBOUND)
            self.globals.append((space, name, value))
            found.append(value)
        defaults, keywords = function.__defaults__, function.__kwdefaults__
        self.functions.append((function, function.__code__, defaults, keywords))
        self.globals += [(keywords, name, value) for name, value in (keywords or {}).items() if keywords is not None]
        given = [*(defaults or ()), *(keywords or {}).values()]
        if self._called or len(seen) > 1:  # others are passed at each call
            for array in (value for value in given if isinstance(value, np.ndarray)):
                contents: Any = _Contents(array)
                self.globals.append((contents, "", contents.get("", None)))
        found += given
        self._look_into_modules(function.__code__, found)
        for value in found:
            if type(value) is np.vectorize:  # which can be given another function
                self.globals += [(vars(value), name, vars(value).get(name, UNBOUND)) for name in VECTORIZED_BY]
        for value in map(function_behind, found):
            for inner in self._functions_of(value, seen):
                if id(inner) not in seen:
                    self._collect(inner, seen)

    def _look_into_modules(self, code: CodeType, found: list[Any]) -> None:
        """What a function may read from the user's modules, which compiled code takes as it is: `found` grows by it."""
        for module in found:  # submodules are found on the way
            if type(module) is not ModuleType or _is_installed(module.__name__):
                continue
            for name in attribute_names(code):
                value = vars(module).get(name, UNBOUND)
                self.globals.append((vars(module), name, value))
                if isinstance(value, np.ndarray):
                    contents: Any = _Contents(value)
                    self.globals.append((contents, "", contents.get("", None)))
                if not any(value is other for other in found):
                    found.append(value)

    def _functions_of(self, value: Any, seen: set[int]) -> list[FunctionType]:
        """A function itself, and those of a user's class, whose names are looked at, too."""
        if type(value) is FunctionType:
            return [value]
        if not isinstance(value, type) or id(value) in seen or _is_installed(value.__module__):
            return []
        seen.add(id(value))
        found = []
        for name, member in vars(value).items():
            function = getattr(member, "__func__", member)
            if type(function) is FunctionType:
                self.globals.append((vars(value), name, member))
                found.append(function)
        return found

    def key(self) -> tuple[int, ...]:
        """Equal for functions of equal code whose names mean the same, as long as this object lives."""
        return (
            *(id(value) for _, _, value in self.globals),
            *(id(value) for _, value in self.cells),
            *(id(part) for _, *parts in self.functions for part in parts),
        )

    def holds(self) -> bool:
        """Whether every name means what it meant."""
        for space, name, value in self.globals:
            if space.get(name, UNBOUND) is not value:
                return False
        return functions_hold(self.functions) and all(content_of(cell) is value for cell, value in self.cells)


UNBOUND: Any = object()


def functions_hold(functions: Iterable[tuple[FunctionType, Any, Any, Any]]) -> bool:
    """Whether functions have the code and the defaults that they had."""
    for function, code, defaults, keywords in functions:
        if function.__code__ is not code or function.__defaults__ is not defaults:
            return False
        if function.__kwdefaults__ is not keywords:
            return False
    return True


def content_of(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return UNBOUND


def is_moving(value: Any) -> bool:
    """Whether a captured value is data: whatever is not a function, module, class, tuple of classes or the like."""
    if type(value) is tuple and value and all(isinstance(member, type) for member in value):
        return False
    return not isinstance(value, _COMPILED_AS_THEY_ARE) and not _belongs_to_a_library(value)


def _belongs_to_a_library(value: Any) -> bool:
    """Functions of other kinds (cached, compiled), which Numba knows or refuses, and modes such as `Forward`."""
    home = type(value).__module__
    is_function = callable(value) and home.partition(".")[0] in ("functools", "numba", "numzyme", "builtins")
    return is_function or home == "numzyme.api.modes"


_NOTHING = Outside(lambda: None)


def outside_of(function: Any) -> Outside:
    """What `function` relies on; nothing for what is not a Python function, whose names Numba keeps as they were."""
    function = function_behind(function)
    return Outside(function) if type(function) is FunctionType else _NOTHING


_versions: weakref.WeakKeyDictionary[FunctionType, list[tuple[Outside, FunctionType]]] = weakref.WeakKeyDictionary()
_is_version: weakref.WeakSet[FunctionType] = weakref.WeakSet()


def version_of(function: Any) -> Any:
    """The function to compile in place of `function`: a copy of it once a name that it uses means something else.

    Compiled code is kept by the function that it was made of, and holds what the names meant then. Of a derivative,
    it is the same derivative of a copy; of a partial object, one of a copy.
    """
    if hasattr(type(function), "numzyme_version"):
        return function.numzyme_version()
    if type(function) is functools.partial:
        return _version_of_partial(function)
    if type(function) is not FunctionType or function in _is_version:
        return function
    known = _versions.setdefault(function, [])
    for outside, version in known:
        if outside.holds():
            return version
    version = _copy(function) if known else function
    known.insert(0, (Outside(function), version))
    return version


_partials: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()


def _version_of_partial(one: functools.partial) -> functools.partial:
    function = version_of(one.func)
    if function is one.func:
        return one
    known = _partials.setdefault(one, {})
    if function not in known:
        known[function] = functools.partial(function, *one.args, **one.keywords)
    return known[function]


def _copy(function: FunctionType) -> FunctionType:
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__, made.__qualname__ = function.__kwdefaults__, function.__qualname__
    made.__module__ = function.__module__
    made.__dict__.update(function.__dict__)
    _is_version.add(made)
    return made
