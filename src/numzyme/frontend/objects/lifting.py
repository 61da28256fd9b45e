"""Captured data as an argument: a function that captures becomes one of a tuple of its data and of its own arguments.

For derivatives of derivatives, whose inner one takes no data beside its arguments. Decides which functions can be
lifted: those that capture numbers, arrays and tuples of these, and functions of the same kind. Invariant: as that of
`closures`, with whose types the body is compiled: the data are those of the call, new closures of the same code share
what was compiled; integers, strings and None are constants of the code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from numba.core import errors, types
from numba.extending import intrinsic

from .closures import ClosureType
from .construct import put_together
from .kinds import is_static
from .outside import Outside, moving_values, version_of

MOST_INTEGER = 2**63 - 1  # of Numba


@dataclass(frozen=True)
class Constant:
    """A captured value that is part of the code."""

    value: int | str | None

    @property
    def kind(self) -> Any:
        return types.none if self.value is None else types.literal(self.value)


@dataclass(frozen=True)
class Captured:
    """What a function captures, by name: a constant, another `Captured` for a function, None for a value.

    `key`: equal for closures that share their code, as long as `outside` lives.
    """

    function: Any
    members: tuple[tuple[str, Any], ...]
    outside: Outside

    @property
    def key(self) -> tuple:
        function = self.function
        members = tuple((n, m.key if isinstance(m, Captured) else m) for n, m in self.members)
        return function.__code__, id(function.__globals__), function.__defaults__, members, self.outside.key()

    def kind(self, values: Any) -> ClosureType:
        """The type of the closure over a tuple of `values`."""
        rest = list(values)
        fields = []
        for name, member in self.members:
            if isinstance(member, Constant):
                fields.append((name, member.kind))
            else:
                given = rest.pop(0)
                fields.append((name, member.kind(given) if isinstance(member, Captured) else given))
        return ClosureType(self.function, tuple(fields), self.outside)


_lifted: dict[tuple, tuple[Any, Captured]] = {}  # of each key; what is in it lives


def lift(function: Any, is_native: Callable[[Any], bool]) -> tuple[Any, tuple] | None:
    """The lifted function and its data now; None for a function that captures nothing, or other things.

    `is_native`: whether Numba takes a value as an argument.
    """
    if type(function) is not FunctionType:
        return None
    found = _captured(version_of(function), is_native, ())
    if found is None or not found[0].members:
        return None
    captured, data = found
    code = captured.function.__code__
    if code.co_kwonlyargcount or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return None
    try:
        known = _lifted.get(captured.key)
    except TypeError:  # a default that has no hash
        return _make(captured), data
    if known is None:
        known = _lifted[captured.key] = (_make(captured), captured)
    return known[0], data


def _captured(
    function: Any, is_native: Callable[[Any], bool], within: tuple[Any, ...]
) -> tuple[Captured, tuple] | None:
    members: list[tuple[str, Any]] = []
    data: list[Any] = []
    moving: dict[str, Any] = moving_values(function)
    for name, value in moving.items():
        if type(value) is FunctionType:
            inner = None if value in (*within, function) else _captured(value, is_native, (*within, function))
            if inner is None:
                return None
            members.append((name, inner[0]))
            data.append(inner[1])
        elif value is None or type(value) is str or (type(value) is int and abs(value) <= MOST_INTEGER):
            members.append((name, Constant(value)))
        elif is_native(value):
            members.append((name, None))
            data.append(value)
        else:
            return None
    return Captured(function, tuple(members), Outside(function, tuple(moving))), tuple(data)


def _make(captured: Captured) -> FunctionType:
    function = captured.function
    scope: dict[str, Any] = {"__name__": function.__module__, "_closure": _closure_of(captured)}
    parameters = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is parameter.empty:
            parameters.append(name)
        else:
            scope[f"_default_{name}"] = parameter.default
            parameters.append(f"{name}=_default_{name}")
    names = ", ".join(inspect.signature(function).parameters)
    listed = ", ".join(["captured_data", *parameters])
    exec(f"def lifted({listed}):\n    return _closure(captured_data)({names})\n", scope)
    made, code = scope["lifted"], function.__code__
    made.__name__ = made.__qualname__ = function.__name__
    made.__code__ = made.__code__.replace(co_filename=code.co_filename, co_firstlineno=code.co_firstlineno)
    return made


def _closure_of(captured: Captured) -> Any:
    """The intrinsic that puts the closure together from the tuple of its data."""

    @intrinsic
    def closure(typing_context: Any, values: Any) -> Any:
        kind = captured.kind(values)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            made = _build(context, builder, kind, args[0])
            context.nrt.incref(builder, kind, made)
            return made

        return kind(values), generate

    return closure


@intrinsic
def data_of(typing_context: Any, closure: Any) -> Any:
    """The data of a closure, as the function that `lift` makes takes them."""
    if not isinstance(closure, ClosureType):
        raise errors.TypingError("a function that captures data is differentiated where its data are not known")
    kind = _data_type(closure)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        made = _data(context, builder, closure, args[0])
        context.nrt.incref(builder, kind, made)
        return made

    return kind(closure), generate


def _data_type(closure: ClosureType) -> Any:
    kinds = [_data_type(k) if isinstance(k, ClosureType) else k for k in closure.fields.values() if not is_static(k)]
    return types.Tuple(kinds)


def _data(context: Any, builder: Any, closure: ClosureType, value: Any) -> Any:
    model, parts = context.data_model_manager[closure], []
    for name, kind in closure.fields.items():
        if not is_static(kind):
            part = model.get(builder, value, name)
            parts.append(_data(context, builder, kind, part) if isinstance(kind, ClosureType) else part)
    return context.make_tuple(builder, _data_type(closure), parts)


def _build(context: Any, builder: Any, kind: ClosureType, values: Any) -> Any:
    parts = {}
    for name, field in kind.fields.items():
        if isinstance(field, ClosureType):
            parts[name] = _build(context, builder, field, builder.extract_value(values, len(parts)))
        elif not is_static(field):
            parts[name] = builder.extract_value(values, len(parts))
    return put_together(context, builder, kind, parts)
