"""What a `.ll` file says about its own differentiation, in comments.

    ; symbol: f
    ; activities: %out=duplicated:double %x=duplicated:double %s=active %index=const:i64

Decides which function is the root (the one that `symbol` names, else the first that is not internal) and what its
parameters are: `const`, `active` (a scalar), `duplicated` (a pointer with a shadow); `:KIND` is the scalar type of the
memory behind a pointer. Parameters that no annotation names are constant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..derive import Activity, Request
from ..ir import Function, Module, Parameter
from ..ir.model import FLOAT_TYPES, SIZES
from ..ir.symbols import symbol_of

_COMMENT = re.compile(r"^;\s*(symbol|activities):\s*(.*?)\s*$", re.MULTILINE)
_ITEM = re.compile(r'(%(?:"[^"]*"|[-\w.$]+))=(\w+)(?::(\w+))?$')
_ITEMS = re.compile(r'(?:"[^"]*"|\S)+')


class AnnotationError(ValueError):
    """An annotation, or an option that stands for one, cannot be understood; the message says how to write it."""


@dataclass(frozen=True, slots=True)
class Annotations:
    """The root function of a module, and for each of its parameters the activity and the kind of memory."""

    function: Function
    activities: tuple[Activity, ...]
    memory: tuple[str | None, ...]

    @property
    def symbol(self) -> str:
        return symbol_of(self.function.name)

    def request(self, mode: Literal["forward", "reverse"], *, keep_primal: bool = True) -> Request:
        """The derivative that the annotations ask for."""
        labels = tuple(parameter.name for parameter in self.function.parameters)
        return Request(mode, self.symbol, self.activities, self.memory, labels, keep_primal)


def read_annotations(
    text: str, module: Module, symbol: str | None = None, activities: Sequence[str] = ()
) -> Annotations:
    """The annotations in the comments of `text`, the source of `module`; `symbol` and `activities` (as in the
    comments: `%x=active`) override them."""
    comments: dict[str, list[str]] = {"symbol": [], "activities": []}
    for kind, content in _COMMENT.findall(text):
        comments[kind] += [content] if kind == "symbol" else _ITEMS.findall(content)
    described = _root(module, next(iter(comments["symbol"]), None))
    function = _root(module, symbol) if symbol else described
    items = comments["activities"] if function is described else []
    found: dict[str, tuple[Activity, str | None]] = {p.name: (Activity.CONST, None) for p in function.parameters}
    for item in [*items, *activities]:
        parameter, activity, kind = _read_item(item, function)
        found[parameter.name] = activity, kind
    return Annotations(function, tuple(a for a, _ in found.values()), tuple(k for _, k in found.values()))


def _root(module: Module, symbol: str | None) -> Function:
    if not module.functions:
        raise AnnotationError("the file defines no function")
    if symbol is None:
        external = [f for f in module.functions.values() if " internal " not in f.header.partition("@")[0]]
        return external[0] if external else next(iter(module.functions.values()))
    for function in module.functions.values():
        if symbol_of(function.name) == symbol:
            return function
    names = ", ".join(symbol_of(name) for name in module.functions)
    raise AnnotationError(f"there is no function `{symbol}`; the file defines {names}")


def _read_item(item: str, function: Function) -> tuple[Parameter, Activity, str | None]:
    match = _ITEM.match(item)
    choices = [activity.value for activity in Activity]
    if match is None or match.group(2) not in choices:
        raise AnnotationError(f"`{item}` is not an activity; write %name={'|'.join(choices)}, with :KIND for a pointer")
    name, activity, kind = match.group(1), Activity(match.group(2)), match.group(3)
    parameter = next((p for p in function.parameters if p.name == name), None)
    if parameter is None:
        names = " ".join(p.name for p in function.parameters)
        raise AnnotationError(f"{function.name} has no parameter {name}; its parameters are {names or 'none'}")
    if kind is not None and (parameter.type != "ptr" or kind not in SIZES):
        raise AnnotationError(f"`{item}`: `:{kind}` must be one of {' '.join(SIZES)}, and {name} a pointer")
    if activity is Activity.DUPLICATED and (parameter.type != "ptr" or kind is None):
        raise AnnotationError(
            f"`{item}`: duplicated is for pointers and needs the kind of memory, as in {name}=duplicated:double"
        )
    if activity is Activity.ACTIVE and parameter.type not in FLOAT_TYPES:
        raise AnnotationError(f"`{item}`: active is for scalars of type float or double, {name} is {parameter.type}")
    return parameter, activity, kind
