"""What one call of the API asks for, and what it means for given Numba types.

`Call` is known before the types: the function, the mode, the role of each argument and the form of the
result. `TypedCall` adds the types: it checks that they can be differentiated and names every array that takes
part. Invariant: after `TypedCall.of` has returned, what is left to check depends on shapes and addresses
only.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from numba.core import types

from ..frontend import floats_in
from ..plans import captures
from . import refusals
from .callables import wrapped
from .modes import DerivativesAndValue, Mode
from .pipeline import CompiledDerivative, DerivativeKey, compile_derivative, extract, has_derivative, members_of


class Role(enum.Enum):
    """What happens with an argument of the function.

    ACTIVE: floats whose derivative is returned; DUPLICATED: the caller brings the shadow; WANTED: the
    derivative is returned, for arrays in a new one. The members of tuples follow the tuple.
    """

    CONST = "const"
    ACTIVE = "active"
    DUPLICATED = "duplicated"
    WANTED = "wanted"


class Value(enum.Enum):
    """Where the function's own result goes: nowhere, in front of the derivatives, behind them in a named
    tuple."""

    NONE = "none"
    FIRST = "first"
    NAMED = "named"


@dataclass(frozen=True)
class Call:
    """`pick`: the argument whose derivative is the result, or those whose derivatives form a tuple."""

    function: Any
    mode: Mode
    roles: tuple[Role, ...]
    pick: int | tuple[int, ...] = 0
    value: Value = Value.NONE
    # Refuse when one of the wanted derivatives does not exist, rather than when none does.
    strict: bool = False
    result_active: bool | None = None
    boundscheck: bool | None = None
    # From compiled code LLVM may want to inline the derivative; from Python that would only compile it twice.
    inline: bool = False

    @property
    def reverse(self) -> bool:
        return self.mode.direction == "reverse"

    @property
    def gives_back(self) -> bool:
        """Whether the function's result keeps its memory when reverse mode ends."""
        return hasattr(self.function, "numzyme_returned")

    def labels(self) -> tuple[str, ...]:
        """The names of the function's arguments."""
        return argument_labels(self.function, len(self.roles))


@lru_cache(maxsize=1024)
def argument_labels(function: Any, count: int) -> tuple[str, ...]:
    """Names for `count` positional arguments of `function`."""
    labels = getattr(function, "numzyme_labels", ())
    if len(labels) == count:
        return labels
    try:
        parameters = list(inspect.signature(getattr(function, "py_func", function)).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL and p.kind is not p.VAR_KEYWORD]
    names = names[:count]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "argument")
    return (*names, *(f"{rest}[{index}]" for index in range(count - len(names))))


@dataclass(frozen=True)
class Leaf:
    """One array among the arguments. `data`: position of its data pointer among the LLVM parameters."""

    argument: int
    path: tuple[int, ...]
    kind: types.Array
    role: Role
    label: str
    data: int
    readonly: bool

    @property
    def shadowed(self) -> bool:
        return self.role is not Role.CONST


@dataclass(frozen=True)
class TypedCall:
    """A call for given types. `slots`: the types of the runtime values, `primals` and `shadows` per
    argument."""

    call: Call
    slots: tuple[types.Type, ...]
    primals: tuple[types.Type, ...]
    shadows: tuple[types.Type | None, ...]
    compiled: CompiledDerivative
    key: DerivativeKey
    leaves: tuple[Leaf, ...]
    entries: tuple[types.Type, ...]
    result: types.Type
    result_active: bool

    @staticmethod
    def of(call: Call, slots: tuple[types.Type, ...], nested: bool = False) -> TypedCall:
        """Check `slots`, the types of the values that the glue gets, and compile the derivative for them.

        `nested`: the code around the call will be differentiated.
        """
        slots = tuple(types.unliteral(slot) for slot in slots)
        primals, shadows = _split(call, slots)
        _check_arguments(call, primals, shadows)
        primals = primal_types(call, slots)
        if nested and (captures(call.function) or captures(wrapped(call.function))):
            raise refusals.captures_inside(wrapped(call.function))
        raw = extract(call.function, primals, call.boundscheck)
        if not call.reverse and holds_record(raw.return_type):
            raise refusals.returned_record(call.function)
        result_active = _result_active(call, raw.return_type)
        active = tuple(
            role is not Role.CONST and has_derivative(kind) for role, kind in zip(call.roles, primals, strict=True)
        )
        key = DerivativeKey(
            function=call.function,
            argument_types=primals,
            direction=call.mode.direction,
            active=active,
            keep_primal=call.value is not Value.NONE,
            disjoint=True,
            boundscheck=call.boundscheck,
            nested=nested,
        )
        compiled = compile_derivative(key)
        entries = tuple(
            derivative_type(kind) if role in (Role.ACTIVE, Role.WANTED) else types.none
            for role, kind in zip(call.roles, primals, strict=True)
        )
        result = _result_type(call, entries, raw.return_type, result_active)
        leaves = tuple(_leaves(call, primals, compiled))
        return TypedCall(call, slots, primals, shadows, compiled, key, leaves, entries, result, result_active)

    @property
    def needs_result(self) -> bool:
        """Whether there is nothing to return when the function returns None instead of its number."""
        return self.call.reverse and self.result_active and Role.WANTED in self.call.roles

    def overlapping_key(self) -> DerivativeKey:
        """The derivative that does not assume that the arrays are disjoint."""
        return replace(self.key, disjoint=False)


def primal_types(call: Call, slots: tuple[types.Type, ...]) -> tuple[types.Type, ...]:
    """The types with which the function is called."""
    primals, _ = _split(call, tuple(types.unliteral(slot) for slot in slots))
    return tuple(
        _as_float(kind) if role is Role.ACTIVE else kind for role, kind in zip(call.roles, primals, strict=True)
    )


def _split(call: Call, slots: tuple) -> tuple[tuple, tuple]:
    """Types of the primals and of the shadows among the runtime values."""
    remaining = iter(slots)
    primals, shadows = [], []
    for role in call.roles:
        primals.append(next(remaining))
        shadows.append(next(remaining) if role is Role.DUPLICATED else None)
    return tuple(primals), tuple(shadows)


def _check_arguments(call: Call, primals: tuple, shadows: tuple) -> None:
    for role, kind, shadow, label in zip(call.roles, primals, shadows, call.labels(), strict=True):
        if role is Role.CONST:
            continue
        if may_be_none(kind):
            raise refusals.optional_inside(call.function, label)
        if holds_record(kind):
            raise refusals.record_inside(call.function, label)
        if role is Role.ACTIVE:
            if isinstance(kind, types.Array):
                raise refusals.active_array(call.function, label)
            if not _is_floats(_as_float(kind)):
                raise refusals.no_derivative(call.function, label, kind)
        elif role is Role.DUPLICATED:
            if not has_derivative(kind):
                raise refusals.no_derivative(call.function, label, kind)
            _check_shadow(call, kind, shadow, label)
    wanted = [i for i, role in enumerate(call.roles) if role is Role.WANTED]
    hopeless = [i for i in wanted if not (has_derivative(primals[i]) or isinstance(primals[i], types.BaseTuple))]
    if hopeless and (call.strict or hopeless == wanted):
        first = hopeless[0]
        raise refusals.no_derivative(call.function, call.labels()[first], primals[first])


def holds_record(kind: Any) -> bool:
    """Whether a value is, or holds, one record with a derivative: a reference to memory of somebody else's."""
    if isinstance(kind, types.BaseTuple):
        return any(map(holds_record, members_of(kind)))
    return bool(floats_in(kind))


def may_be_none(kind: Any) -> bool:
    """Whether a value, or a member of it, is known to be there only while the code runs."""
    if isinstance(kind, types.BaseTuple):
        return any(map(may_be_none, members_of(kind)))
    return isinstance(kind, types.Optional)


def _is_floats(kind: types.Type) -> bool:
    if isinstance(kind, types.BaseTuple):
        return all(_is_floats(member) for member in members_of(kind))
    return has_derivative(kind)


def _as_float(kind: types.Type) -> types.Type:
    """`Active(3)` is `Active(3.0)`."""
    if isinstance(kind, types.BaseTuple):
        return rebuilt_tuple(kind, [_as_float(member) for member in members_of(kind)])
    return types.float64 if isinstance(kind, types.Integer | types.Boolean) else kind


def rebuilt_tuple(kind: types.BaseTuple, members: list[types.Type]) -> Any:
    """The type of a tuple like `kind` with other members."""
    return types.BaseTuple.from_types(members, getattr(kind, "instance_class", None))


def _check_shadow(call: Call, kind: types.Type, shadow: types.Type, label: str) -> None:
    if isinstance(kind, types.BaseTuple):
        if not isinstance(shadow, types.BaseTuple) or len(members_of(shadow)) != len(members_of(kind)):
            raise refusals.shadow_type(call.function, label, kind, shadow)
        for index, (member, member_shadow) in enumerate(zip(members_of(kind), members_of(shadow), strict=True)):
            _check_shadow(call, member, member_shadow, f"{label}[{index}]")
    elif isinstance(kind, types.Array) and has_derivative(kind):
        same = isinstance(shadow, types.Array) and (shadow.dtype, shadow.ndim) == (kind.dtype, kind.ndim)
        if not same:
            raise refusals.shadow_type(call.function, label, kind, shadow)
        if not shadow.mutable and call.reverse:
            raise refusals.readonly_shadow(call.function, label)
    elif isinstance(kind, types.Float | types.Complex):
        if call.reverse:
            raise refusals.duplicated_scalar(call.function, label)
        fitting = types.Float | types.Integer if isinstance(kind, types.Float) else types.Number
        if not isinstance(shadow, fitting):
            raise refusals.shadow_type(call.function, label, kind, shadow)


def _result_active(call: Call, kind: types.Type) -> bool:
    """Whether the function's result takes part; reverse mode can start from one float only."""
    if not call.reverse:
        return call.result_active is not False and has_derivative(kind)
    number: Any = kind.type if isinstance(kind, types.Optional) else kind
    if isinstance(number, types.Complex if call.mode.holomorphic else types.Float):
        return call.result_active is not False
    if isinstance(kind, types.NoneType) and call.result_active is not True and Role.WANTED not in call.roles:
        return False
    if call.result_active is False and (isinstance(kind, types.Integer | types.Boolean) or call.gives_back):
        return False
    if call.mode.holomorphic:
        raise refusals.not_complex(call.function, kind)
    raise refusals.result_kind(call.function, kind)


def derivative_type(kind: types.Type) -> types.Type:
    """The Numba type of the derivative of a value of type `kind`; none where there is none."""
    if isinstance(kind, types.BaseTuple):
        return rebuilt_tuple(kind, [derivative_type(member) for member in members_of(kind)])
    if not has_derivative(kind):
        return types.none
    if isinstance(kind, types.Optional):
        return types.Optional(derivative_type(kind.type))
    if isinstance(kind, types.Array):
        return types.Array(kind.dtype, kind.ndim, kind.layout)
    return kind


def _result_type(call: Call, entries: tuple, value: types.Type, result_active: bool) -> Any:
    if not call.reverse:
        derivatives = derivative_type(value) if result_active else types.none
    elif isinstance(call.pick, int):
        derivatives = entries[call.pick]
    else:
        derivatives = types.Tuple([entries[index] for index in call.pick])
    if call.value is Value.FIRST:
        return types.Tuple([value, derivatives])
    if call.value is Value.NAMED:
        return types.BaseTuple.from_types([derivatives, value], DerivativesAndValue)
    return derivatives


def _leaves(call: Call, primals: tuple, compiled: CompiledDerivative) -> Iterator[Leaf]:
    for position, parameter in enumerate(compiled.raw.parameters):
        if parameter.role == "data" and parameter.argument is not None:
            kind = parameter.numba_type
            role = call.roles[parameter.argument] if has_derivative(kind) else Role.CONST
            yield Leaf(
                argument=parameter.argument,
                path=parameter.path,
                kind=kind,
                role=role,
                label=parameter.label,
                data=position,
                readonly=not kind.mutable or compiled.surely_readonly(parameter),
            )
