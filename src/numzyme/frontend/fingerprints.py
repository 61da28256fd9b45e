"""Fingerprints: a digest of all that a compilation of Python values depends on, the same in every process.

Decides what belongs to a function: its code with the lines, defaults, captured and global values, and the same of
whatever it names, through modules and classes too; of a class, what reachable code could look up in it, the special
methods always. Numba, NumPy, SciPy and the standard library count by their version, and their functions by name.

Invariants: nothing is guessed: what has no stable description gives a fingerprint with a `reason`, which is no key. And
a value that changed since this process first looked at it has one too, for code compiled then has the old value in it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import hashlib
import types as python_types
from collections import deque
from typing import Any

import numpy as np
from numba.core import types
from numba.core.dispatcher import Dispatcher
from numba.core.extending import _Intrinsic  # pyright: ignore[reportPrivateUsage]

from .code import builtin_or_global, code_token, globals_of, names_of
from .objects.classes import class_attribute, is_generated, method_in_class, value_in_class
from .objects.operators import UNARY
from .packages import named_in_package
from .types_token import type_token

Token = Any  # nested tuples of strings, numbers and bytes; equal in every process

LARGEST_ARRAY = 10**6  # bytes; Numba puts larger ones into code by address only
_DEEPEST = 40
# What compiled code may look up in a class by itself, besides special methods.
_ALWAYS_LOOKED_UP = {"call_for", "compiled_as", *(name for name in UNARY.values() if not name.startswith("__"))}
_NEVER_LOOKED_UP = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__", "__orig_bases__",
    "__parameters__", "__abstractmethods__", "__match_args__", "__dataclass_fields__", "__dataclass_params__",
    "__slots__", "__firstlineno__", "__static_attributes__", "__class_getitem__", "__subclasshook__", "__reduce__",
    "__reduce_ex__", "__getnewargs__", "__getstate__", "__setstate__", "__repr__", "__str__", "__format__", "__del__",
    "__init_subclass__", "__copy__", "__deepcopy__", "__array_function__", "__array_ufunc__", "__array__",
}  # fmt: skip
_NEVER_COMPILED = {"__init__", "__new__"}  # users' own make objects in Python; what they name does not matter
_PLAIN = (type(None), bool, int, str, bytes, type(...), type(NotImplemented))
_CACHED: Any = type(functools.cache(len))
_SLOTS = (python_types.MemberDescriptorType, python_types.GetSetDescriptorType)


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """`reason`: why `digest` cannot stand for the values, or None. `classes`: users' classes, in the order they were
    met, which is the same in every process; `names`: what compiled code may have looked up in them."""

    digest: bytes
    reason: str | None
    classes: tuple[type, ...]
    names: frozenset[str]

    def watch_classes(self) -> None:
        """Notice later changes of values and methods in the classes, as if a compilation had taken them just now."""
        for python_class in self.classes:
            for name in self.names:
                found = class_attribute(python_class, name)
                value_in_class(python_class, name, found)
                if is_generated(python_class, name):
                    continue  # its names are the dataclass's own
                for function in (found, getattr(found, "fget", None), getattr(found, "__func__", None)):
                    method_in_class(python_class, function)


def observe(*values: Any) -> None:
    """Note the values that code depends on which is about to be compiled, so that a later change is known as one."""
    with contextlib.suppress(Exception):  # users' classes may do anything when they are looked at
        fingerprint(*values)


def fingerprint(*values: Any) -> Fingerprint:
    """The fingerprint of `values` together: functions, classes, Numba types, plain data, dataclasses of ours."""
    walk = _Walk()
    walk.add(("values", tuple(walk.token(value) for value in values)))
    walk.finish()
    return Fingerprint(walk.hash.digest(), walk.reason, tuple(walk.classes), walk.names_in_classes())


# (id of a function, class or module; name) -> (its value then, stamp of the value): what was first seen there.
# The objects are kept, so that no id is used twice; most of them live as long as what was compiled from them.
_first_seen: dict[tuple[int, str], tuple[Any, Any, Any]] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class _Closure:
    """A function as compiled code sees it that reads the captured `fields` from a hidden argument."""

    function: Any
    fields: frozenset[str]


class _Walk:
    """One fingerprint in the making. Objects have numbers, in the order in which they are met."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.reason: str | None = None
        self.classes: list[type] = []
        self._numbers: dict[Any, int] = {}
        self._kept: list[Any] = []
        self._waiting: deque[Any] = deque()
        self._names: set[str] = set(_ALWAYS_LOOKED_UP)
        self._spaces: list[tuple[Any, set[str]]] = []  # modules and classes with the names that were looked up
        self._depth = 0

    def add(self, token: Token) -> None:
        self.hash.update(repr(token).encode())

    def fail(self, why: str) -> Token:
        self.reason = self.reason or why
        return ("unknown",)

    def finish(self) -> None:
        """Describe all objects that were met, until no name leads to new ones."""
        while True:
            while self._waiting:
                self._describe(self._waiting.popleft())
            if not any(self._look_up(space, done) for space, done in self._spaces):
                return

    def names_in_classes(self) -> frozenset[str]:
        """All names that were looked up in classes."""
        return frozenset().union(*(done for space, done in self._spaces if isinstance(space, type)))

    # -- values
    def token(self, value: Any) -> Token:
        """What stands for `value`; objects with more to say are described later."""
        self._depth += 1
        try:
            return self._token(value) if self._depth < _DEEPEST else self.fail("a value is nested too deeply")
        finally:
            self._depth -= 1

    def _token(self, value: Any) -> Token:
        kind = type(value)
        if kind in _PLAIN:
            return kind.__name__, repr(value)
        if kind in (float, complex):
            return kind.__name__, complex(value).real.hex(), complex(value).imag.hex()
        if kind in (tuple, list):
            return kind.__name__, tuple(map(self.token, value))
        if kind is dict:
            return "dict", tuple((self.token(key), self.token(part)) for key, part in value.items())
        if kind in (set, frozenset):
            return kind.__name__, tuple(sorted(map(self.token, value), key=repr))
        if isinstance(value, types.Type):
            return type_token(value, self)
        if isinstance(value, np.ndarray | np.generic | np.dtype):
            return self._numpy(value)
        named = named_in_package(value)
        if named is not None:
            return named
        if kind is _CACHED:
            return "cached", self.token(value.__wrapped__)
        return self._instance(value) or self._object(value)

    def _numpy(self, value: Any) -> Token:
        if isinstance(value, np.dtype):
            return ("dtype", repr(value)) if not value.hasobject else self.fail("an array of objects")
        if value.dtype.hasobject or type(value) not in (np.ndarray, value.dtype.type) or value.nbytes > LARGEST_ARRAY:
            return self.fail(f"a global or captured {type(value).__name__} is large, or holds objects")
        flags = (value.flags.c_contiguous, value.flags.f_contiguous, value.flags.writeable, value.flags.aligned)
        content = hashlib.sha256(value.tobytes()).digest()
        return "array", type(value).__name__, repr(value.dtype), value.shape, value.strides, flags, content

    def _instance(self, value: Any) -> Token | None:
        """Instances that are data: enumeration members, NamedTuples, frozen dataclasses of ours."""
        kind: Any = type(value)
        if isinstance(value, enum.Enum):
            return "member", self.token(kind), value.name
        if isinstance(value, tuple) and hasattr(kind, "_fields"):
            return "named tuple", self.token(kind), tuple(map(self.token, value))
        if dataclasses.is_dataclass(value) and kind.__module__.startswith("numzyme."):
            fields = dataclasses.fields(value)
            return "fields", kind.__qualname__, tuple(self.token(getattr(value, field.name)) for field in fields)
        if isinstance(value, functools.partial):
            return "partial", self.token(value.func), self.token(value.args), self.token(value.keywords)
        if isinstance(value, python_types.MethodType):
            return "method", self.token(value.__func__), self.token(value.__self__)
        hook = getattr(kind, "numzyme_fingerprint", None)  # of our own classes
        return None if hook is None else ("described", kind.__qualname__, self.token(hook(value)))

    def closure(self, kind: Any) -> Token:
        """A function of whose captured values the type says the kinds."""
        value = _Closure(kind.function, frozenset(kind.fields))
        key = "closure", id(value.function), value.fields
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._numbers[id(value)] = self._numbers[key]
            self._kept.append(value)
            self._waiting.append(value)
        return "object", self._numbers[key]

    def _object(self, value: Any) -> Token:
        if not isinstance(value, python_types.FunctionType | python_types.ModuleType | Dispatcher | _Intrinsic | type):
            return self.fail(f"a {type(value).__module__}.{type(value).__qualname__} has no stable description")
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._numbers)
            self._kept.append(value)
            self._waiting.append(value)
        return "object", self._numbers[id(value)]

    # -- objects
    def _describe(self, value: Any) -> None:
        function: Any = value
        number = self._numbers[id(value)]
        if type(value) is python_types.FunctionType:
            stands_for = getattr(function, "closure_type", None)
            self.add(("function", number, self._function(function, frozenset()), self.token(stands_for)))
        elif isinstance(value, _Closure):
            self.add(("closure", number, self._function(value.function, value.fields)))
        elif isinstance(value, Dispatcher):
            options = sorted(value.targetoptions.items())
            self.add(("dispatcher", number, self.token([value.py_func, options, getattr(value, "locals", None)])))
        elif isinstance(value, _Intrinsic):
            self.add(("intrinsic", number, self.token([value._defn, value._prefer_literal])))
        elif isinstance(value, python_types.ModuleType):
            self.add(("module", number, value.__name__))
            self._spaces.append((value, set()))
        else:
            self.add(("class", number, self._class(value)))
            self._spaces.append((value, set()))

    def _function(self, function: python_types.FunctionType, moving: frozenset[str]) -> Token:
        """`moving`: the captured names that compiled code reads at each call."""
        code = function.__code__
        self._names |= names_of(code)
        parts: list[tuple[str, Any]] = [("defaults", function.__defaults__), ("keywords", function.__kwdefaults__)]
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if name in moving:
                continue
            try:
                parts.append((f"captured {name}", cell.cell_contents))
            except ValueError:
                parts.append((f"captured {name}", "not bound yet"))
        for name in globals_of(code):
            if name in moving:
                continue
            parts.append((f"global {name}", builtin_or_global(function, name)))
        self._watch(function, "code", code)
        for name, value in parts:
            self._watch(function, name, value)
        members = tuple((name, self.token(value)) for name, value in parts)
        return function.__module__, function.__qualname__, code_token(code, self.token), members

    def _class(self, python_class: type) -> Token:
        self.classes.append(python_class)
        hook = vars(python_class).get("numzyme_fingerprint")
        if isinstance(hook, tuple):
            return "made", self.token(hook)
        bases = tuple(self.token(base) for base in python_class.__mro__[1:])
        meta = self.token(type(python_class))
        about: list[Any] = [getattr(python_class, "_fields", None), getattr(python_class, "_field_defaults", None)]
        if "__dataclass_fields__" in vars(python_class):
            parameters: Any = vars(python_class)["__dataclass_params__"]
            about.append([(name, getattr(parameters, name)) for name in ("frozen", "eq", "order", "init")])
            about += [self._field(field) for field in dataclasses.fields(python_class)]  # type: ignore[arg-type]
        if issubclass(python_class, enum.Enum):
            about += [(name, member.value) for name, member in python_class.__members__.items()]
        return python_class.__module__, python_class.__qualname__, meta, bases, self.token(about)

    def _field(self, field: dataclasses.Field[Any]) -> Any:
        missing = dataclasses.MISSING
        given = [part for part in (field.default, field.default_factory) if part is not missing]
        return field.name, field.init, field.kw_only, field.default is missing, given

    # -- what names lead to
    def _look_up(self, space: Any, done: set[str]) -> bool:
        """Describe what reachable code may find in a module or class; whether there was something new."""
        content = vars(space)
        if isinstance(space, type):
            wanted = {name for name in content if name in self._names or (name.startswith("__") and name[-2:] == "__")}
            wanted -= _NEVER_LOOKED_UP
        else:
            wanted = {name for name in self._names if name in content and name not in ("__builtins__", "__loader__")}
        new = sorted(wanted - done)
        done |= wanted
        for name in new:
            value = content[name]
            if isinstance(space, type) and self._is_generated(space, name, value):
                continue
            self._watch(space, name, value)
            if name in _NEVER_COMPILED and type(value) is python_types.FunctionType:
                value = value.__code__.co_filename, value.__code__.co_firstlineno, value.__code__.co_code
            self.add(("in", self.token(space), name, self._attribute(value)))
        return bool(new)

    def _attribute(self, value: Any) -> Token:
        if isinstance(value, property):
            return "property", self.token([value.fget, value.fset])
        if isinstance(value, staticmethod | classmethod):
            return type(value).__name__, self.token(value.__func__)
        if isinstance(value, functools.cached_property):
            return "cached property", self.token(value.func)
        if isinstance(value, _SLOTS) or type(value).__name__ == "_tuplegetter":
            return ("slot",)
        return self.token(value)

    def _is_generated(self, python_class: type, name: str, value: Any) -> bool:
        """Whether a member was made by `dataclass`, NamedTuple or Enum from the fields, which are described."""
        value = getattr(value, "__wrapped__", value)
        if isinstance(value, python_types.FunctionType):
            by_dataclass = value.__code__.co_qualname.startswith("__create_fn__.<locals>")
            return by_dataclass or (hasattr(python_class, "_fields") and name == "__new__")
        return issubclass(python_class, enum.Enum) and not isinstance(value, property)

    # -- what changed
    def _watch(self, owner: Any, name: str, value: Any) -> None:
        """Note what `owner` has under `name`, or fail when that was something else before."""
        stamp = self._stamp(value)
        first = _first_seen.setdefault((id(owner), name), (owner, value, stamp))
        if first[2] != stamp:
            shown = getattr(owner, "__qualname__", owner.__name__)
            self.fail(f"{name} of {shown} has changed since it was first compiled")

    def _stamp(self, value: Any) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return kind, value
        if kind in (float, complex):
            return kind, repr(value)
        if kind in (tuple, list):
            return kind, *map(self._stamp, value)
        if kind is dict:
            return kind, *((key, self._stamp(part)) for key, part in value.items())
        if isinstance(value, np.ndarray) and not value.dtype.hasobject and value.nbytes <= LARGEST_ARRAY:
            return self._numpy(value)
        return id(value)
