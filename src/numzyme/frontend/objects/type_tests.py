"""`isinstance` and `hasattr`: what Python answers for all values of a Numba type.

Decides which Python classes a type stands for. Invariant: where the answers for these classes differ, the test is
refused. (Numba's own answer is by what its types have, and not by what Python's classes have.)
"""

from __future__ import annotations

from types import FunctionType, ModuleType, UnionType
from typing import Any

import numpy as np
from numba.core import errors, types
from numba.np.numpy_support import as_dtype

from .attributes import attribute_type
from .classes import hook_of
from .kinds import ConstantType, EvenList, MixedList, ObjectType

UNKNOWN: Any = object()
_STAND_INS = ("numzyme.plans", "numzyme.arrays.mirrors")  # classes that stand for those of others
_STOOD_FOR = ("scipy", "functools")
_PLAIN = (types.float64, types.complex128, types.int64)
# What Python tells apart and compiled code does not; of whole numbers, where NumPy's are asked for.
_ALIKE: dict[type, tuple[type, ...]] = {float: (float, np.float64), complex: (complex, np.complex128)}
_ALIKE_IN_NUMPY = {**_ALIKE, int: (int, np.int64), bool: (bool, np.bool_)}
_OF_CLASSES = (
    (types.Boolean, bool), (types.Integer, int), (types.Float, float), (types.Complex, complex),
    (types.Array, np.ndarray), (MixedList | EvenList, list), (types.BaseTuple, tuple), (types.NoneType, type(None)),
    (types.UnicodeType | types.StringLiteral, str), (types.SliceType, slice),
)  # fmt: skip
_CONTAINERS = ((types.DictType, dict), (types.List | types.ListType, list), (types.Set, set))


def python_class_of(kind: Any) -> type | None:
    """The Python class of values of a Numba type, where there is one."""
    if isinstance(kind, ObjectType):
        return kind.python_class
    if isinstance(kind, types.Literal):
        kind = types.unliteral(kind)
    if isinstance(kind, types.BaseNamedTuple):
        return kind.instance_class  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(kind, types.Float | types.Complex | types.Integer) and kind not in _PLAIN:
        return as_dtype(kind).type
    if isinstance(kind, types.Dispatcher):
        return FunctionType
    return next((python for numba, python in _OF_CLASSES if isinstance(kind, numba)), None)


def is_instance(kind: Any, classes: Any, loc: Any) -> Any:
    """`isinstance` of values of a type; `UNKNOWN` where the classes are not known."""
    own = python_class_of(kind)
    if isinstance(classes, UnionType):
        classes = classes.__args__
    listed = classes if isinstance(classes, tuple) else (classes,)
    if not all(isinstance(one, type) for one in listed):
        return UNKNOWN
    stands_in = own is not None and own.__module__.startswith(_STAND_INS)
    if stands_in and any(one.__module__.startswith(_STOOD_FOR) for one in listed):
        what = "the class of a partial or a scipy.sparse array is not known in compiled code"
        raise errors.TypingError(f"isinstance: {what}", loc)
    if isinstance(kind, ConstantType):
        own = type(kind.value)
    if own is None:
        return UNKNOWN
    numpys = any(issubclass(one, np.generic) for one in listed)
    return _agreed("isinstance", own, _ALIKE_IN_NUMPY if numpys else _ALIKE, lambda cls: issubclass(cls, listed), loc)


def has_attribute(context: Any, kind: Any, name: Any, loc: Any) -> Any:
    """`hasattr` of values of a type; `UNKNOWN` where the name, or what a class has, is not known."""
    if not isinstance(name, str):
        return UNKNOWN
    if isinstance(kind, ObjectType):
        if hook_of(kind.python_class, "__getattr__"):
            shown = kind.python_class.__qualname__
            raise errors.TypingError(f"{shown} has a __getattr__, which does not run here", loc)
        return attribute_type(context, kind, name) is not None
    if isinstance(kind, ConstantType):
        return hasattr(kind.value, name)
    if isinstance(kind, types.Module):
        module: ModuleType = kind.pymod  # type: ignore[attr-defined]
        return hasattr(module, name)
    own = python_class_of(kind) or next((cls for numba, cls in _CONTAINERS if isinstance(kind, numba)), None)
    if own is None:
        return UNKNOWN
    if own is FunctionType and not hasattr(own, name):  # it may be given that attribute at any time
        raise errors.TypingError(f"hasattr of a function: whether it has a {name} is not known in compiled code", loc)
    return _agreed("hasattr", own, _ALIKE_IN_NUMPY, lambda cls: hasattr(cls, name), loc)


def _agreed(test: str, own: type, alike: dict[type, tuple[type, ...]], answer: Any, loc: Any) -> bool:
    classes = alike.get(own, (own,))
    answers = set(map(answer, classes))
    if len(answers) > 1:
        names = " and ".join(cls.__name__ for cls in classes)
        raise errors.TypingError(f"{test}: {names} are one type in compiled code", loc)
    return answers.pop()
