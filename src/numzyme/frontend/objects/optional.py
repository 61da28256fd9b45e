"""Attributes of what may be an object or None: None raises what Python raises, where Numba speaks of its types."""

from __future__ import annotations

from typing import Any

from numba.core import cgutils
from numba.core.typing.templates import signature as signature_of


def lower_attribute(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    """`value.name` for a value of type `kind`, an Optional of an object type."""
    held = _object_behind(context, builder, kind, value, name)
    return context.get_getattr(kind.type, name)(context, builder, kind.type, held, name)


def assignment_of(context: Any, name: str, signature: Any) -> Any:
    """The implementation of `target.name = value`, whose `signature` has an Optional of an object type first."""
    kind, value_kind = signature.args
    assign = context.get_setattr(name, signature_of(signature.return_type, kind.type, value_kind))

    def implementation(builder: Any, args: Any) -> Any:
        return assign(builder, (_object_behind(context, builder, kind, args[0], name), args[1]))

    return implementation


def _object_behind(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    helper = context.make_helper(builder, kind, value=value)
    with builder.if_then(builder.not_(cgutils.as_bool_bit(builder, helper.valid)), likely=False):
        message = f"'NoneType' object has no attribute '{name}'"
        context.call_conv.return_user_exc(builder, AttributeError, (message,))
    return helper.data
