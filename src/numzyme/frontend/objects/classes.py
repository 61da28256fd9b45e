"""What compiled code may take from a class: how its instances are made, what it holds, and whether that has changed.

Decides which classes compiled code can call (those whose constructor Python wrote from the fields), and what
`Class.name` means. Numbers that a class holds are frozen into compiled code; `refresh` notices that one was changed and
gives the class a new generation, which is part of the types of its instances.

Invariant: no code of the user's that Python would run for an object is left out silently.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from collections import Counter
from types import FunctionType
from typing import Any

import numpy as np

from .outside import UNBOUND, Outside, content_of, functions_hold

generations: Counter[type] = Counter()
_changes: list[int] = []  # for each time that something had changed, in how many classes
_methods: dict[tuple[type, FunctionType], Outside] = {}
_watched: tuple[int, Any, Any, Any] = (0, (), (), ())  # of how many methods; their names, cells and functions
_frozen: dict[tuple[type, str], tuple[Any, Any]] = {}  # class and name: what compiled code took, and a copy of it


def class_attribute(python_class: type, name: str) -> Any:
    """What `python_class` has under `name`, unbound; None when there is nothing."""
    return next((vars(base)[name] for base in python_class.__mro__ if name in vars(base)), None)


def is_named_tuple_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields")


def is_numbas(python_class: type) -> bool:
    """Whether a class belongs to Numba, whose own code uses it."""
    return python_class.__module__.partition(".")[0] == "numba"


def is_compilable_class(value: Any) -> bool:
    """Whether compiled code can make instances of this class: nobody but Python wrote how."""
    if not isinstance(value, type) or is_numbas(value):
        return False
    if type(value).__call__ is not type.__call__:  # pyright: ignore[reportGeneralTypeIssues]
        return False
    if is_named_tuple_class(value):
        return is_generated(value, "__new__")
    if getattr(value, "__abstractmethods__", None) or class_attribute(value, "__new__") is not vars(object)["__new__"]:
        return False
    from .initialisers import runs_initialiser

    if runs_initialiser(value):
        return True
    if not dataclasses.is_dataclass(value):
        return False
    arranged = isinstance(class_attribute(value, "arranged"), staticmethod)
    return (arranged or is_generated(value, "__init__") or _takes_all_values(value)) and not _has_init_only(value)


def is_generated(python_class: type, name: str) -> bool:
    """Whether `__init__` or `__new__` was made by Python from the fields."""
    found = class_attribute(python_class, name)
    code = getattr(getattr(found, "__func__", found), "__code__", None)
    # not by the file's name alone: code from `python -c` has it, too
    made = "<lambda>" if name == "__new__" else "__create_fn__.<locals>."
    return code is not None and code.co_filename.startswith("<string>") and code.co_qualname.startswith(made)


def _has_init_only(python_class: type) -> bool:
    kinds = [field._field_type.name for field in python_class.__dataclass_fields__.values()]  # type: ignore[attr-defined]
    return "_FIELD_INITVAR" in kinds


def _pattern(self: Any, *values: Any) -> None:
    object.__setattr__(self, "data", values)


def _takes_all_values(python_class: type) -> bool:
    """Whether `__init__(self, *values)` does nothing but keep the values in the one field."""
    code = getattr(class_attribute(python_class, "__init__"), "__code__", None)
    fields = [field.name for field in dataclasses.fields(python_class)]
    parameters = inspect.signature(python_class).parameters.values()
    if code is None or len(fields) != 1 or [p.kind for p in parameters] != [inspect.Parameter.VAR_POSITIONAL]:
        return False
    same = code.co_code == _pattern.__code__.co_code and code.co_names == _pattern.__code__.co_names
    return same and fields[0] in code.co_consts


def hook_of(python_class: type, *names: str) -> str | None:
    """The first of these special methods that the class defines itself."""
    return next((n for n in names if isinstance(class_attribute(python_class, n), FunctionType)), None)


def value_in_class(python_class: type, name: str, found: Any) -> Any:
    """`found`, which compiled code takes from `python_class`; `refresh` looks at it again."""
    if isinstance(found, int | float | complex | str | tuple | np.generic | np.ndarray) and not isinstance(
        found, enum.Enum
    ):
        _frozen[python_class, name] = found, found.copy() if isinstance(found, np.ndarray) else found
    return found


def method_in_class(python_class: type, function: Any) -> Any:
    """`function`, which compiled code takes from `python_class`; `refresh` looks at what it finds outside again."""
    own = type(function) is FunctionType and not function.__module__.startswith("numzyme.")
    if own and (python_class, function) not in _methods:
        outside = _methods[python_class, function] = Outside(function, called=True)
        outside.globals += _places_of(python_class, function)
    return function


def _places_of(python_class: type, function: Any) -> list[tuple[Any, str, Any]]:
    """Where a class has a method, as `Outside` remembers names: the class itself, and those that could override it."""
    for position, base in enumerate(python_class.__mro__):
        for name, member in vars(base).items():
            parts = member, *(getattr(member, part, None) for part in ("__func__", "fget", "fset", "func"))
            if any(part is function for part in parts):
                before = python_class.__mro__[:position]
                return [(vars(base), name, member), *((vars(one), name, UNBOUND) for one in before)]
    return []


def refresh() -> int:
    """Notice what has changed in classes since compiled code took it: their instances have new types then.

    Returns: how often that has happened; whoever keeps compiled code without its types compares it.
    """
    global _watched
    if not (_frozen or _methods):
        return len(_changes)
    if not _frozen and _methods_hold():
        return len(_changes)
    methods = [*_methods.items()]  # other threads may compile meanwhile
    changed = {
        python_class
        for (python_class, name), (found, copy) in [*_frozen.items()]
        if not _is_same(class_attribute(python_class, name), found, copy)
    }
    changed.update(python_class for (python_class, _), outside in methods if not outside.holds())
    for python_class in changed:
        generations[python_class] += 1
        for key in [key for key in _frozen if key[0] is python_class]:
            del _frozen[key]
        for method in [method for method in _methods if method[0] is python_class]:
            del _methods[method]
    if changed:
        _watched = (-1, (), (), ())
        _changes.append(len(changed))
    return len(_changes)


def _methods_hold() -> bool:
    """Whether all names that methods rely on mean what they meant; each is looked at once, for every call asks."""
    global _watched
    count, names, cells, functions = _watched
    if count != len(_methods):
        outsides = [*_methods.values()]
        names = {
            (id(space), name, id(value)): (space, name, value) for o in outsides for space, name, value in o.globals
        }
        cells = {(id(cell), id(value)): (cell, value) for o in outsides for cell, value in o.cells}
        functions = {(id(found[0]), *map(id, found[1:])): found for o in outsides for found in o.functions}
        names, cells, functions = tuple(names.values()), tuple(cells.values()), tuple(functions.values())
        _watched = len(outsides), names, cells, functions
    for space, name, value in names:
        if space.get(name, UNBOUND) is not value:
            return False
    return functions_hold(functions) and all(content_of(cell) is value for cell, value in cells)


def _is_same(now: Any, found: Any, copy: Any) -> bool:
    if isinstance(found, np.ndarray):
        return now is found and np.array_equal(found, copy)
    return now is found or (type(now) is type(found) and now == found and str(now) == str(found))
