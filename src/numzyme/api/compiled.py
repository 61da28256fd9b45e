"""The API inside compiled code: Numba types of modes and activities, and overloads of the functions.

Importing this module registers them. Decides that an activity is a struct of its fields, a mode is known to
the compiler by its type alone, and a transform is the dispatcher inside it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import impl_ret_borrowed, lower_constant
from numba.extending import (
    NativeValue,
    intrinsic,
    lower_builtin,
    overload,
    register_model,
    type_callable,
    typeof_impl,
    unbox,
)

from ..diagnostics import DifferentiationTypeError
from ..frontend import is_private
from . import lowering
from .activities import Active, Const, Duplicated, DuplicatedNoNeed
from .calls import Call, TypedCall
from .functions import autodiff, autodiff_call, gradient, gradient_call
from .modes import Mode
from .pipeline import members_of
from .pullback import vjp
from .transforms import Transform, grad, value_and_grad


class ModeType(types.Opaque):
    """The type of one mode."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        super().__init__(name=f"numzyme.{mode.name}")


register_model(ModeType)(models.OpaqueModel)


@typeof_impl.register(Mode)
def _type_of_mode(value: Mode, context: Any) -> ModeType:
    return ModeType(value)


@lower_constant(ModeType)
def _constant_mode(context, builder, kind, value):
    return context.get_dummy_value()


@unbox(ModeType)
def _unbox_mode(kind, value, c):
    return NativeValue(c.context.get_dummy_value())


class ActivityType(types.Type):
    """The type of an activity around values of types `members`: the primal, and the shadow of Duplicated."""

    def __init__(self, activity: type, members: tuple[types.Type, ...]) -> None:
        self.activity, self.members = activity, members
        super().__init__(name=f"numzyme.{activity.__name__}({', '.join(map(str, members))})")


@register_model(ActivityType)
class _ActivityModel(models.StructModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, list(zip(("primal", "shadow"), kind.members, strict=False)))


def _register_activity(activity: type, fields: int) -> None:
    @type_callable(activity)
    def type_activity(context):
        if fields == 1:
            return lambda primal: ActivityType(activity, (types.unliteral(primal),))
        return lambda primal, shadow: ActivityType(activity, (types.unliteral(primal), types.unliteral(shadow)))

    @lower_builtin(activity, *[types.Any] * fields)
    def make_activity(context, builder, signature, arguments):
        made = cgutils.create_struct_proxy(signature.return_type)(context, builder)
        for name, kind, member, value in zip(
            ("primal", "shadow"), signature.args, signature.return_type.members, arguments, strict=False
        ):
            setattr(made, name, context.cast(builder, value, kind, member))
        return impl_ret_borrowed(context, builder, signature.return_type, made._getvalue())


for _activity, _fields in ((Const, 1), (Active, 1), (Duplicated, 2), (DuplicatedNoNeed, 2)):
    _register_activity(_activity, _fields)


@cache
def _core(call: Call, skip: int) -> Any:
    """The intrinsic for `call` whose values, after the first `skip`, are bare or activities."""

    def typing(typing_context, values):
        kinds = values.types[skip:]
        slots = tuple(slot for kind in kinds for slot in _slots(kind))
        typed = TypedCall.of(call, slots, is_private(typing_context))

        def generate(context, builder, signature, arguments):
            flat = []
            for index, kind in enumerate(kinds):
                value = builder.extract_value(arguments[0], index + skip)
                if isinstance(kind, ActivityType):
                    flat += [builder.extract_value(value, i) for i in range(len(kind.members))]
                else:
                    flat.append(value)
            return lowering.emit(context, builder, typed, flat, owns_values=True)

        return typed.result(values), generate

    return intrinsic(typing)


def _slots(kind: types.Type) -> tuple[types.Type, ...]:
    return kind.members if isinstance(kind, ActivityType) else (kind,)


def _function_of(kind: types.Type) -> Any:
    """The function behind the type that Numba has for it."""
    if isinstance(kind, types.Dispatcher):
        return kind.dispatcher
    raise DifferentiationTypeError(
        f"compiled code can differentiate jitted functions only, not {kind}",
        todo=(
            "decorate the function with numba.njit",
            "make g = grad(f) outside and call g in compiled code",
        ),
    )


@overload(autodiff)
def _compiled_autodiff(mode, f, *args):
    if not isinstance(mode, ModeType):
        return None
    kinds, skip, result_active = args, 0, None
    if args and isinstance(args[0], types.Function):
        kinds, skip, result_active = args[1:], 1, args[0].typing_key is not Const
    if not all(isinstance(kind, ActivityType) for kind in kinds):
        raise DifferentiationTypeError(
            "autodiff in compiled code got an argument without activity",
            todo=("wrap it: Const(x), Active(x) or Duplicated(x, dx)",),
        )
    activities = tuple(kind.activity for kind in kinds)
    call = autodiff_call(mode.mode, _function_of(f), activities, result_active, inline=True)
    core = _core(call, skip)
    return lambda mode, f, *args: core(args)


@overload(vjp)
def _compiled_vjp(f, *primals):
    raise DifferentiationTypeError(
        "vjp is not available in compiled code",
        todo=("autodiff(Reverse, f, Const, Duplicated(x, dx), ...) of a function that writes into an array",),
    )


@overload(gradient)
def _compiled_gradient(mode, f, *args):
    if not isinstance(mode, ModeType):
        return None
    if mode.mode.direction == "forward":
        raise DifferentiationTypeError(
            "gradient(Forward, ...) is not available in compiled code",
            todo=("gradient(Reverse, ...)", "autodiff(Forward, f, Duplicated(x, dx))"),
        )
    constant = tuple(isinstance(kind, ActivityType) and kind.activity is Const for kind in args)
    core = _core(gradient_call(mode.mode, _function_of(f), constant, inline=True), 0)
    return lambda mode, f, *args: core(args)


@cache
def _transform(make: Callable[..., Transform], f: Any, argnums: Any) -> Transform:
    return make(f, argnums)


def _register_transform(make: Callable[..., Transform]) -> None:
    @overload(make, prefer_literal=True)
    def compiled_transform(f, argnums=0):
        inner = _transform(make, _function_of(f), _literal(argnums)).inner()
        return lambda f, argnums=0: inner


_register_transform(grad)
_register_transform(value_and_grad)


def _literal(argnums: Any) -> Any:
    """The value that the compiler knows of `argnums`."""
    if isinstance(argnums, int | tuple):
        return argnums
    if isinstance(argnums, types.Omitted):
        return argnums.value
    if isinstance(argnums, types.IntegerLiteral):
        return argnums.literal_value
    if isinstance(argnums, types.BaseTuple):
        members: Any = members_of(argnums)
        if all(isinstance(member, types.IntegerLiteral) for member in members):
            return tuple(member.literal_value for member in members)
    raise DifferentiationTypeError("argnums must be a constant in compiled code")


@typeof_impl.register(Transform)
def _type_of_transform(value: Transform, context: Any) -> types.Type:
    return types.Dispatcher(value.inner())
