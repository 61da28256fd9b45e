"""Records of exceptions in compiled code: who keeps them, and what was handled when another exception was raised.

A record of Numba's says of which class an exception is and with which arguments, and has no room for a cause or a
context. Decides that one with either has a record around it, whose class is `Chained` and whose arguments are the
addresses of the others: when it reaches Python, that class gives the exception of the inner record, with its context
and cause. Invariant: a record that was made while the code ran has one owner: a handler, or the record around it.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from typing import Any

from llvmlite import ir as llvm_ir
from numba.core import callconv, cgutils, serialize, types
from numba.core.extending import intrinsic

from ...ir.exceptions import CHAINED, DROP, MATCHES, Record, first_of, keep_context

_HAS_CAUSE = 1


class PassedOn(Exception):
    """Stands in Numba's IR for the exception that is on its way already."""


class _Every(type):
    """The type of a class whose subclasses are all: Python takes what `Chained` gives as it is."""

    def __subclasscheck__(cls, other: type) -> bool:
        return True


class Chained(Exception, metaclass=_Every):
    """`Chained(own, context, cause, flags)` is the exception of the record `own`; the others are addresses, or 0."""

    _made = threading.local()

    def __new__(cls, own: int, context: int, cause: int, flags: int) -> Any:
        last = getattr(cls._made, "last", None)
        if last is not None and last[0] is own:  # Python asks twice, and the records are gone
            cls._made.last = None
            return last[1]
        exception = _exception_of(own)
        if context:
            first_of(exception).__context__ = _exception_of(context)
            keep_context(exception)
        if flags & _HAS_CAUSE:
            exception.__cause__ = _exception_of(cause) if cause else None
        cls._made.last = own, exception
        return exception


def _exception_of(address: int) -> Any:
    """The exception of the record at `address`, which is freed if it was made while the code ran."""
    record = Record.from_address(address)
    content = record.content()
    if record.count > 0:
        unwrap = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p)(record.unwrap)
        kind, arguments, _ = serialize.runtime_build_excinfo_struct(content, unwrap(record.arguments))
        _free()(address)
    else:
        kind, arguments, _ = serialize.loads(content)
    return kind(*arguments)


@functools.cache
def _free() -> Any:
    from numba.core.runtime import _nrt_python  # type: ignore[attr-defined]

    return ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_nrt_python.c_helpers["Free"])


# -- intrinsics -----------------------------------------------------------------------------------
def _excinfo(context: Any, builder: Any) -> Any:
    """Where the function keeps the exception that is on its way."""
    return context.call_conv._get_excinfo_argument(builder.function)


@functools.cache
def entering(depth: int, handles: bool) -> Any:
    """What a block does first that `depth` of `try` surround, besides those `around` the function; a handler gives the
    record of its exception."""

    @intrinsic
    def enter(typing_context: Any, around: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            calls = context.call_conv
            builder.store(builder.add(args[0], cgutils.intp_t(depth)), calls._get_try_state(builder))
            return _take(context, builder) if handles else context.get_dummy_value()

        return (types.intp if handles else types.none)(types.intp), generate

    return enter


def _take(context: Any, builder: Any) -> Any:
    """The record of the exception that is on its way; none is any more."""
    place = _excinfo(context, builder)
    record = builder.ptrtoint(builder.load(place), cgutils.intp_t)
    builder.store(cgutils.get_null_value(place.type.pointee), place)
    return record


@intrinsic
def take(typing_context: Any) -> Any:
    """The record of an exception that was raised to be the cause of another."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _take(context, builder)

    return types.intp(), generate


@intrinsic
def nothing_raised(typing_context: Any) -> Any:
    """What a function with `try` does first: its caller leaves undefined what tells whether something was raised.

    Returns how many `try` are open around it: some where it is inlined.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _excinfo(context, builder)
        builder.store(cgutils.get_null_value(place.type.pointee), place)
        return builder.load(context.call_conv._get_try_state(builder))

    return types.intp(), generate


@intrinsic
def drop(typing_context: Any, record: Any) -> Any:
    """Free the record of an exception that has been dealt with, if it was made while the code ran."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], callconv.excinfo_ptr_t)
        places = [cgutils.int32_t(0), cgutils.int32_t(callconv.ALLOC_FLAG_IDX)]
        count = builder.load(builder.gep(pointer, places))
        with builder.if_then(builder.icmp_signed(">", count, count.type(0))):
            kind = llvm_ir.FunctionType(llvm_ir.VoidType(), [pointer.type])
            builder.call(cgutils.get_or_insert_function(builder.module, kind, DROP), [pointer])
        handled(builder).clear()
        return context.get_dummy_value()

    return types.none(types.intp), generate


@intrinsic
def raise_again(typing_context: Any, record: Any) -> Any:
    """Raise the exception of a record."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _excinfo(context, builder)
        builder.store(builder.inttoptr(args[0], place.type.pointee), place)
        return context.get_dummy_value()

    return types.none(types.intp), generate


def matching(classes: tuple[type, ...]) -> Any:
    """`match(record)`: whether an exception is of one of the classes."""

    @intrinsic
    def match(typing_context: Any, record: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            wanted = builder.load(context.get_python_api(builder).serialize_object(classes))
            place = cgutils.alloca_once_value(builder, wanted)
            kind = llvm_ir.FunctionType(cgutils.int32_t, [callconv.excinfo_ptr_t, place.type])
            function = cgutils.get_or_insert_function(builder.module, kind, MATCHES)
            answer = builder.call(function, [builder.inttoptr(args[0], callconv.excinfo_ptr_t), place])
            return builder.icmp_signed("!=", answer, answer.type(0))

        return types.boolean(types.intp), generate

    return match


@functools.cache
def chaining(with_cause: bool) -> Any:
    """`chain(record)`: the exception on its way takes over the record of its context, or of its cause; 0: has none."""

    @intrinsic
    def chain(typing_context: Any, record: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            none = cgutils.intp_t(0)
            write_chained(context, builder, *((none, args[0], _HAS_CAUSE) if with_cause else (args[0], none, 0)))
            return context.get_dummy_value()

        return types.none(types.intp), generate

    return chain


def write_chained(context: Any, builder: Any, handled_record: Any, cause: Any, flags: int) -> None:
    """Put a record around that of the exception that is on its way."""
    handled(builder).clear()  # or no memory for the record would want another one
    place = _excinfo(context, builder)
    own = builder.ptrtoint(builder.load(place), cgutils.intp_t)
    number = cgutils.intp_t(flags)
    kinds = (types.intp,) * 4
    context.call_conv.set_dynamic_user_exc(builder, Chained, (own, handled_record, cause, number), kinds)
    places = [cgutils.int32_t(0), cgutils.int32_t(callconv.ALLOC_FLAG_IDX)]
    builder.store(cgutils.int32_t(CHAINED), builder.gep(builder.load(place), places))


def handled(builder: Any) -> list[tuple[Any, Any]]:
    """The records of the exceptions that are handled where `builder` writes, the innermost first; each with Numba's
    context, since that of an error model knows of no memory."""
    function = builder.function
    if not hasattr(function, "numzyme_handled"):
        function.numzyme_handled = []
    return function.numzyme_handled


@intrinsic
def handling(typing_context: Any, record: Any) -> Any:
    """From here on in this block, an exception that leaves the function was raised while another was handled."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        handled(builder).append((context, args[0]))
        return context.get_dummy_value()

    return types.none(types.intp), generate


def write_contexts(builder: Any) -> None:
    """What happens to an exception that is on its way out, where others are handled."""
    known = list(handled(builder))
    for context, record in known:
        write_chained(context, builder, record, cgutils.intp_t(0), 0)
    handled(builder).extend(known)


def lower_passing_on(context: Any, builder: Any) -> None:
    """Leave the function with the exception that has been raised."""
    context.call_conv._return_errcode_raw(builder, callconv.RETCODE_USEREXC)
