"""Memory that outlives a derivative: what an exception, or a result that reverse mode hands over, names.

Whatever compiled code allocates belongs to the derivative and ends with it. Decides that arrays and strings that reach
Python are given memory of Numba's own when they leave: a copy where they are the derivative's, another reference where
they are the caller's. Invariant: what leaves holds one reference for each name; a view of an
array that left before it in the same exception or result is a view of the copy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, errors, types
from numba.core.callconv import RETCODE_USEREXC, CPUCallConv

from .objects.exception_records import handled, write_contexts

ESCAPE = "numzyme.escape"
UNWRAP = "__excinfo_unwrap_args"  # as Numba calls them
RECORD = "numzyme.record"
RECORD_WORDS = 5  # meminfo, data, size as they were; meminfo and data as they are
_BYTES = ir.IntType(8).as_pointer()
_WORD = ir.IntType(64)


def leaving(builder: Any) -> list[Any]:
    """What the function that `builder` writes does before an exception of what it calls leaves it."""
    function = builder.function
    if not hasattr(function, "numzyme_leaving"):
        function.numzyme_leaving = []
    return function.numzyme_leaving


class CallConv(CPUCallConv):
    """Numba's calling convention, in which exceptions take memory along, and may have something to do on their way."""

    def return_status_propagate(self, builder: Any, status: Any) -> None:
        waiting = leaving(builder)
        todo = list(waiting)
        waiting.clear()  # what they call may raise, too
        for leave in todo:
            leave(builder)
        waiting.extend(todo)
        if not handled(builder):
            super().return_status_propagate(builder, status)
            return
        in_try = self.check_try_status(builder).in_try
        builder.store(status.excinfoptr, self._get_excinfo_argument(builder.function))
        with builder.if_then(builder.not_(in_try)):
            with builder.if_then(status.is_user_exc):  # others have no record
                write_contexts(builder)
            self._return_errcode_raw(builder, status.code)

    def return_user_exc(
        self, builder: Any, exc: Any, exc_args: Any = None, loc: Any = None, func_name: Any = None
    ) -> None:
        if not handled(builder) or hasattr(builder, "_in_try_block"):  # it goes to another handler
            super().return_user_exc(builder, exc, exc_args, loc, func_name)
            return
        self.set_static_user_exc(builder, exc, exc_args=exc_args, loc=loc, func_name=func_name)
        write_contexts(builder)
        self._return_errcode_raw(builder, RETCODE_USEREXC)

    def emit_unwrap_dynamic_exception_fn(self, module: Any, st_type: Any, nb_types: Any) -> Any:
        """The function that makes Python's tuple of an exception's arguments. Numba's never frees what is in it."""
        digest = hashlib.sha256(str((st_type, nb_types)).encode()).hexdigest()
        name = f"{UNWRAP}{digest}"
        if name in module.globals:
            return module.globals[name]
        function = ir.Function(module, ir.FunctionType(_BYTES, [_BYTES]), name)
        function.linkage = "linkonce_odr"  # each function that raises with such arguments has one of this name
        for attribute in ("nounwind", "noinline"):
            function.attributes.add(attribute)
        builder = ir.IRBuilder(function.append_basic_block())
        python = self.context.get_python_api(builder)
        arguments = builder.load(builder.bitcast(function.args[0], st_type.as_pointer()))
        kinds = [kind for kind in nb_types if kind is not None]  # None: known when the function was compiled
        # code that knows its environment cannot be moved to another process, and numbers need none
        numbers = all(isinstance(kind, types.Number | types.Boolean) for kind in kinds)
        environment = None if numbers else self.context.get_env_manager(builder, return_pyobject=True)
        objects = [
            python.from_native_value(kind, builder.extract_value(arguments, place), env_manager=environment)
            for place, kind in enumerate(kinds)
        ]
        self.context.nrt.free(builder, function.args[0])
        made = python.tuple_pack(objects)
        for one in objects:
            python.decref(one)  # the tuple counts its own
        builder.ret(made)
        return function

    def set_dynamic_user_exc(
        self, builder: Any, exc: Any, exc_args: Any, nb_types: Any, loc: Any = None, func_name: Any = None
    ) -> None:
        known = [kind for kind in nb_types if kind is not None]
        taken = iter(escaped(self.context, builder, known, [v for v in exc_args if isinstance(v, ir.Value)]))
        exc_args = tuple(next(taken) if isinstance(value, ir.Value) else value for value in exc_args)
        before = {id(block): len(block.instructions) for block in builder.function.blocks}
        super().set_dynamic_user_exc(builder, exc, exc_args, nb_types, loc=loc, func_name=func_name)
        for block in builder.function.blocks:
            for written in block.instructions[before.get(id(block), 0) :]:
                callee = getattr(written, "callee", None)
                if callee is not None and callee.name == "NRT_Allocate":  # Python frees it
                    written.callee = cgutils.get_or_insert_function(builder.module, callee.function_type, RECORD)


def escaped(context: Any, builder: Any, kinds: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """`values`, of types `kinds`, with memory that nobody takes away; their references are taken over."""
    leaving = _Leaving(context, builder, sum(map(_count, kinds)))
    return [leaving.value(kind, value) for kind, value in zip(kinds, values, strict=True)]


def _count(kind: Any) -> int:
    """How many blocks of memory a value may name."""
    if isinstance(kind, types.BaseTuple):
        return sum(map(_count, kind.types))  # type: ignore[attr-defined]
    return int(isinstance(kind, types.Array | types.UnicodeType))


class _Leaving:
    """The values that leave together. `records`: a place for each of their blocks."""

    def __init__(self, context: Any, builder: Any, count: int) -> None:
        self.context, self.builder, self.number = context, builder, 0
        kind = ir.ArrayType(_WORD, RECORD_WORDS * count)
        self.records = builder.bitcast(cgutils.alloca_once(builder, kind, zfill=True), _BYTES) if count else None

    def value(self, kind: Any, value: Any) -> Any:
        if isinstance(kind, types.BaseTuple):
            members: Any = kind.types  # type: ignore[attr-defined]
            for index, member in enumerate(members):
                part = self.value(member, self.builder.extract_value(value, index))
                value = self.builder.insert_value(value, part, index)
            return value
        if isinstance(kind, types.Array):
            return self._array(kind, value)
        if isinstance(kind, types.UnicodeType):
            return self._string(kind, value)
        if self.context.data_model_manager[kind].contains_nrt_meminfo():
            raise errors.TypingError(f"{kind} cannot leave compiled code: numbers, arrays, strings and tuples can")
        return value

    def _array(self, kind: Any, value: Any) -> Any:
        context, builder = self.context, self.builder
        array = context.make_array(kind)(context, builder, value=value)
        zero = context.get_constant(types.intp, 0)
        before, after = zero, array.itemsize
        for axis in range(kind.ndim):
            steps = builder.sub(builder.extract_value(array.shape, axis), context.get_constant(types.intp, 1))
            reach = builder.mul(steps, builder.extract_value(array.strides, axis))
            is_back = builder.icmp_signed("<", reach, zero)
            before = builder.add(before, builder.select(is_back, reach, zero))
            after = builder.add(after, builder.select(is_back, zero, reach))
        is_empty = builder.icmp_signed("==", array.nitems, zero)
        before = builder.select(is_empty, zero, before)
        size = builder.select(is_empty, zero, builder.sub(after, before))
        low = builder.gep(builder.bitcast(array.data, _BYTES), [before])
        array.meminfo, low = self._kept(array.meminfo, low, size)
        array.data = builder.bitcast(builder.gep(low, [builder.neg(before)]), array.data.type)
        return array._getvalue()

    def _string(self, kind: Any, value: Any) -> Any:
        string = cgutils.create_struct_proxy(kind)(self.context, self.builder, value=value)
        characters = self.builder.add(string.length, self.context.get_constant(types.intp, 1))
        size = self.builder.mul(characters, self.builder.sext(string.kind, _WORD))
        string.meminfo, low = self._kept(string.meminfo, string.data, size)
        string.data = self.builder.bitcast(low, string.data.type)
        return string._getvalue()

    def _kept(self, meminfo: Any, low: Any, size: Any) -> tuple[Any, Any]:
        """The meminfo and the address that stand for `meminfo` and `low` from now on."""
        builder = self.builder
        record = builder.gep(self.records, [_WORD(8 * RECORD_WORDS * self.number)])
        self.number += 1
        kind = ir.FunctionType(ir.VoidType(), [_BYTES, _BYTES, _BYTES, _BYTES, _WORD])
        function = cgutils.get_or_insert_function(builder.module, kind, ESCAPE)
        meminfo_kind, low = meminfo.type, builder.bitcast(low, _BYTES)
        builder.call(function, [self.records, record, builder.bitcast(meminfo, _BYTES), low, size])
        places = [builder.gep(record, [_WORD(8 * word)]) for word in (3, 4)]
        kept, moved = (builder.load(builder.bitcast(place, _BYTES.as_pointer())) for place in places)
        no_memory = builder.and_(cgutils.is_null(builder, moved), cgutils.is_not_null(builder, low))
        with cgutils.if_unlikely(builder, no_memory):
            self.context.call_conv.return_user_exc(builder, MemoryError, ("Allocation failed (probably too large).",))
        return builder.bitcast(kept, meminfo_kind), moved
