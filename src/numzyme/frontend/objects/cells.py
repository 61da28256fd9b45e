"""Fields that compiled code binds anew: their last array is handed to Python when the user's function ends.

Decides that the array is copied out, since the memory that compiled code made belongs to the derivative and ends with
it; when the user's function raises, that happens on the way of the exception (see `escape.CallConv`). Invariant: in
reverse mode what is handed over is the value alone; in forward mode the tangent goes beside it (`derive.forward`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ..escape import leaving
from .attributes import function_type_of

PUBLISH = "numzyme.arena.publish"
PUBLISH_WHEN_RAISING = "numzyme.arena.publish_when_raising"


def room(ndim: int) -> int:
    """How many integers `publish` needs for an array: addresses of a copy and of its tangent, place, shape, strides."""
    return 3 + 2 * ndim


@intrinsic
def cell_content(typing_context: Any, cell: Any) -> Any:
    """The value in a cell."""
    kind = cell.dtype

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = context.data_model_manager[kind].load_from_data_pointer(builder, args[0])
        context.nrt.incref(builder, kind, value)
        return value

    return kind(cell), generate


@intrinsic
def is_same_memory(typing_context: Any, first: Any, second: Any) -> Any:
    """Whether two arrays are one: place, shape and strides."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        arrays = [context.make_array(k)(context, builder, value=v) for k, v in zip(signature.args, args, strict=True)]
        data = [builder.ptrtoint(array.data, context.get_value_type(types.intp)) for array in arrays]
        same = builder.icmp_unsigned("==", *data)
        for axis in range(signature.args[0].ndim):
            for part in ("shape", "strides"):
                numbers = [builder.extract_value(getattr(array, part), axis) for array in arrays]
                same = builder.and_(same, builder.icmp_signed("==", *numbers))
        return same

    return types.boolean(first, second), generate


@intrinsic
def start_of(typing_context: Any, integers: Any) -> Any:
    """Where the integers are: what is passed on without an array has no references to count."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(integers)(context, builder, value=args[0]).data

    return types.CPointer(types.int64)(integers), generate


@intrinsic
def note(typing_context: Any, array: Any, integers: Any, offset: Any) -> Any:
    """The place, shape and strides of an array go to `integers[offset + 2:]`: Python may know the array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        content = context.make_array(array)(context, builder, value=args[0])
        place = builder.ptrtoint(content.data, context.get_value_type(types.intp))
        parts = [builder.extract_value(part, axis) for part in (content.shape, content.strides)
                 for axis in range(array.ndim)]  # fmt: skip
        for position, number in enumerate([place, *parts]):
            where = builder.add(args[2], context.get_constant(types.intp, position + 2))
            builder.store(number, builder.gep(args[1], [where]))
        return context.get_dummy_value()

    return types.none(array, integers, offset), generate


def _sender(symbol: str) -> Any:
    @intrinsic
    def send(typing_context: Any, array: Any, integers: Any, offset: Any) -> Any:
        """Copy a contiguous array to memory of its own, whose address goes to `integers[offset]`."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            content = context.make_array(array)(context, builder, value=args[0])
            slot = builder.gep(args[1], [args[2]])
            pointer = ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [pointer, pointer, ir.IntType(64)])
            function = cgutils.get_or_insert_function(builder.module, kind, symbol)
            size = builder.mul(content.nitems, content.itemsize)
            builder.call(function, [builder.bitcast(slot, pointer), builder.bitcast(content.data, pointer), size])
            return context.get_dummy_value()

        return types.none(array, integers, offset), generate

    return send


_send: Any = _sender(PUBLISH)
# By another name: or LLVM joins the two ways out of a function, one of which no derivative goes back on.
_send_when_raising: Any = _sender(PUBLISH_WHEN_RAISING)


def publish(cell: Any, before: Any, integers: Any, offset: int) -> None:
    """Hand the array in `cell` over, if it is another than `before`."""
    now: Any = cell_content(cell)  # pyright: ignore[reportCallIssue]
    if not is_same_memory(now, before):
        note(now, integers, offset)
        _send(np.ascontiguousarray(now), integers, offset)


def _publish_when_raising(cell: Any, before: Any, integers: Any, offset: int) -> None:
    now: Any = cell_content(cell)  # pyright: ignore[reportCallIssue]
    if not is_same_memory(now, before):
        note(now, integers, offset)
        _send_when_raising(np.ascontiguousarray(now), integers, offset)


@intrinsic
def publish_when_raising(typing_context: Any, cell: Any, before: Any, integers: Any, offset: Any) -> Any:
    """From here on, an exception that passes through this function calls `publish` first."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function_type = function_type_of(context.typing_context, _publish_when_raising)
        called = function_type.get_call_type(context.typing_context, signature.args, {})

        def leave(builder: Any) -> None:
            context.get_function(function_type, called)(builder, args)

        leaving(builder).append(leave)
        return context.get_dummy_value()

    publish_type = function_type_of(typing_context, _publish_when_raising)
    publish_type.get_call_type(typing_context, (cell, before, integers, types.intp), {})  # compiles it now
    return types.none(cell, before, integers, types.intp), generate


@intrinsic
def publish_no_more(typing_context: Any) -> Any:
    """Ends what `publish_when_raising` began."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        leaving(builder).clear()
        return context.get_dummy_value()

    return types.none(), generate
