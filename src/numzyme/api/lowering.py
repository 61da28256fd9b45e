"""The glue in LLVM: from Numba values to a call of the derivative, and from its adjoints to the result.

Decides where shadows live (new arrays laid out like their primals), calls the derivative that assumes disjoint
arrays when the ranges of all buffers are disjoint, and asks `overlap.prepare` in every other case. In compiled code
the plain way may cost more than the derivative itself. Hence it is a function of its own that is always inlined,
after Numba has pruned reference counts around what it sees as one call; and the other way is one that never is,
nor is it optimised, for it takes the time of Python. Called from Python the plain way is not inlined either: Numba
would compile it again in every wrapper.

Invariants: an exception leaves nothing allocated here behind, and no reference to an argument; the result is
zero unless the status is good, so that a `try` around the call in compiled code sees a valid value.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import fix_returning_optional

from .. import frontend
from ..derive import OUT_OF_TAPE, Activity
from ..diagnostics import DifferentiationValueError
from . import overlap
from .calls import Role, TypedCall, Value
from .pipeline import holds_arrays
from .places import INT64, LLVMValue, Place, struct_in_memory
from .ranges import ArrayValue, must_be_prepared
from .values import Prepared, Values

INT32 = ir.IntType(32)
BYTES = ir.IntType(8).as_pointer()
# Statuses of the glue beside those of the derivative.
_REFUSED, _NO_MEMORY, _OVERLAP_INSIDE, _NOTHING = 78, 79, 80, 81
_EXITS = (
    (_REFUSED, DifferentiationValueError, overlap.REFUSAL),
    (
        _OVERLAP_INSIDE,
        DifferentiationValueError,
        "arrays that overlap, or that are not laid out alike, in a derivative that is differentiated",
    ),
    (_NO_MEMORY, MemoryError, "numzyme: no memory for gradients or copies of arguments"),
    (OUT_OF_TAPE, MemoryError, "numzyme: no memory for the tape"),
    (_NOTHING, DifferentiationValueError, "the function returned None, which has no gradient"),
)
_numbers = itertools.count()


def emit(
    context: Any,
    builder: ir.IRBuilder,
    typed: TypedCall,
    values: Sequence[LLVMValue],
    owns_values: bool,
) -> LLVMValue:
    """Code for one call; `values` are the runtime values, of the types `typed.slots`.

    `owns_values`: the function around holds one reference to each value that it would lose by an exception.
    """
    convention = context.call_conv
    answer = cgutils.alloca_once(builder, context.get_value_type(typed.result), zfill=True)
    information_type = convention.get_function_type(types.none, ()).args[1].pointee
    information = cgutils.alloca_once(builder, information_type, zfill=True)
    if typed.call.inline:
        arguments = [*values, answer, information]
    else:
        arguments = [struct_in_memory(builder, values), answer, information]
    code = builder.call(_plain_function(context, builder.module, typed, arguments), arguments)
    status = convention._get_return_status(builder, code, builder.load(information))
    with cgutils.if_unlikely(builder, status.is_error):
        if owns_values:  # Numba drops them only on the good path
            for value, kind in zip(values, typed.slots, strict=True):
                context.nrt.decref(builder, kind, value)
        for exit_code, exception, message in _EXITS:
            with cgutils.if_unlikely(builder, builder.icmp_signed("==", code, INT32(exit_code))):
                convention.return_user_exc(builder, exception, (message,))
        in_try = convention.check_try_status(builder).in_try
        store = builder.store(status.excinfoptr, convention._get_excinfo_argument(builder.function))
        # As Numba marks its own raising: its pass that prunes reference counts then knows this exit.
        store.set_metadata("numba_exception_output", builder.module.add_metadata([ir.IntType(1)(1)]))
        with builder.if_then(builder.not_(in_try)):
            builder.ret(code)
    return builder.load(answer)


def _plain_function(context: Any, module: ir.Module, typed: TypedCall, arguments: Sequence[LLVMValue]) -> ir.Function:
    """A function of the runtime values (one by one, or in memory), where the result goes, and the exception."""
    inline = typed.call.inline
    makes_arrays = typed.key.nested and holds_arrays(typed.compiled.raw.return_type)
    name = "numzyme.glue.of_arrays" if makes_arrays else "numzyme.glue"
    function, builder = _new_function(module, arguments, ["alwaysinline" if inline else "noinline"], name)
    *values, answer, information = function.args
    places = [Place(builder, value) for value in values] if inline else _places_at(builder, values[0])
    glue = _Glue(context, builder, typed, places, answer, information)
    condition = must_be_prepared(context, builder, glue.values.arrays)
    if typed.key.nested:
        if condition is not None:
            with cgutils.if_unlikely(builder, condition):
                builder.ret(INT32(_OVERLAP_INSIDE))
        glue.run()
        return function
    # The other way has addresses of this process in it, which keeps Numba from caching the code on disk.
    linked = glue.linked
    glue.may_inline = (
        linked is not None and inline and linked.small and (linked.self_contained or condition is not None)
    )
    if condition is not None:
        with cgutils.if_unlikely(builder, condition):
            memory = struct_in_memory(builder, values) if inline else values[0]
            builder.ret(_call_other_way(context, builder, typed, [memory, answer, information]))
    glue.run()
    return function


def _call_other_way(context: Any, builder: ir.IRBuilder, typed: TypedCall, arguments: Sequence[LLVMValue]) -> LLVMValue:
    other, other_builder = _new_function(builder.module, arguments, ["noinline", "optnone", "cold"])
    memory, answer, information = other.args
    places = _places_at(other_builder, memory)
    _Glue(context, other_builder, typed, places, answer, information).run_after_python()
    return builder.call(other, arguments)


def _places_at(builder: ir.IRBuilder, memory: LLVMValue) -> list[Place]:
    place = Place(builder, memory, in_memory=True)
    return [place.member(index) for index in range(len(memory.type.pointee.elements))]


def _new_function(
    module: ir.Module, arguments: Sequence[LLVMValue], attributes: Sequence[str], name: str = "numzyme.glue"
) -> tuple[ir.Function, ir.IRBuilder]:
    function_type = ir.FunctionType(INT32, [argument.type for argument in arguments])
    function = ir.Function(module, function_type, f"{name}.{next(_numbers)}")
    function.linkage = "internal"
    for attribute in attributes:
        function.attributes.add(attribute)
    return function, ir.IRBuilder(function.append_basic_block("entry"))


class _Glue:
    """What one of the two functions does. `information` is Numba's pointer to the exception."""

    def __init__(
        self,
        context: Any,
        builder: ir.IRBuilder,
        typed: TypedCall,
        places: Sequence[Place],
        answer: LLVMValue,
        information: LLVMValue,
    ) -> None:
        self.context, self.builder, self.typed = context, builder, typed
        self.answer, self.information = answer, information
        self.values = Values(context, builder, typed, places)
        self.arrays = self.values.arrays
        self.linked = typed.compiled.linked
        self.may_inline = False
        result_type = context.call_conv.get_return_type(typed.compiled.raw.return_type).pointee
        self.result = cgutils.alloca_once(builder, result_type, zfill=True)
        self.result_shadow = cgutils.alloca_once(builder, result_type, zfill=True)
        count = typed.compiled.activities.count(Activity.ACTIVE)
        self.adjoints = cgutils.alloca_once(builder, ir.ArrayType(INT64, max(1, count)))

    def run(self) -> None:
        """The plain way."""
        prepared = self._new_shadows()
        self._conclude(self._call_derivative(prepared, None), prepared)

    def run_after_python(self) -> None:
        """Write the record, let Python prepare it, read it back, call, and let Python finish."""
        builder = self.builder
        path = overlap.SlowPath.of(self.typed)
        words = cgutils.alloca_once(builder, ir.ArrayType(INT64, path.words))
        for array, record in zip(self.arrays, path.records, strict=True):
            self._write_record(words, array, record)
        function_type = ir.FunctionType(INT64, [INT64, INT64])
        prepare = self._function_at(overlap.PREPARE_ADDRESS, function_type, overlap.PREPARE)
        outcome = builder.call(prepare, [self._number_of(path), builder.ptrtoint(words, INT64)])
        for bad, code in ((overlap.REFUSED, _REFUSED), (overlap.NO_MEMORY, _NO_MEMORY)):
            with cgutils.if_unlikely(builder, builder.icmp_signed("==", outcome, INT64(bad))):
                builder.ret(INT32(code))
        ticket = self._word(words, overlap.TICKET)
        finish_type = ir.FunctionType(ir.VoidType(), [INT64])
        finish = self._function_at(overlap.FINISH_ADDRESS, finish_type, overlap.FINISH)
        prepared = self._read_records(words, path.records, lambda: builder.call(finish, [ticket]))
        code = self._call_derivative(prepared, self._word(words, overlap.ADDRESS))
        builder.call(finish, [ticket])
        self._conclude(code, prepared)

    # -- the call
    def _call_derivative(self, prepared: list[Prepared], address: LLVMValue | None) -> LLVMValue:
        """Call the derivative for disjoint arrays, or the one at `address` when that is not 0."""
        builder = self.builder
        if self.typed.call.reverse and self.typed.result_active:
            kind = self.result_shadow.type.pointee
            seed = [1.0, 0.0] if self.typed.call.mode.holomorphic else 1.0
            builder.store(ir.Constant(kind, seed), self.result_shadow)
        arguments = [self.result, self.information]
        arguments += self.values.arguments(prepared, self.result_shadow)
        if self.typed.call.reverse:
            arguments.append(builder.bitcast(self.adjoints, BYTES))
        function_type = ir.FunctionType(INT32, [argument.type for argument in arguments])
        if self.typed.key.nested:
            derivative = self.typed.compiled.derivative
            name = frontend.provide(derivative.symbol, derivative.text)
            return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)
        assert self.linked is not None
        if address is None and self.may_inline:
            self.context.active_code_library.add_linking_library(self.linked.library)
            function = cgutils.get_or_insert_function(builder.module, function_type, self.linked.symbol)
            return builder.call(function, arguments)
        function = self._function_at(self.linked.address, function_type, self.linked.symbol)
        if address is not None:
            chosen = builder.inttoptr(address, function_type.as_pointer())
            function = builder.select(builder.icmp_unsigned("!=", address, INT64(0)), chosen, function)
        return builder.call(function, arguments)

    def _number_of(self, path: overlap.SlowPath) -> LLVMValue:
        if self.typed.call.inline:
            return INT64(path.number)
        return self.builder.load(ir.GlobalVariable(self.builder.module, INT64, path.symbol()))

    def _function_at(self, address: int, function_type: ir.FunctionType, name: str) -> LLVMValue:
        """The function by its name, which `stored` finds again in another process.

        In users' compiled code by its address: Numba does not store that, and it could not find the name.
        """
        if not self.typed.call.inline:
            return cgutils.get_or_insert_function(self.builder.module, function_type, name)
        pointer = self.context.add_dynamic_addr(self.builder, address, info=name)
        return self.builder.bitcast(pointer, function_type.as_pointer())

    def _conclude(self, code: LLVMValue, prepared: list[Prepared]) -> None:
        """Store the result, or release what was allocated; return the status."""
        builder = self.builder
        status = self.context.call_conv._get_return_status(builder, code, builder.load(self.information))
        usable = status.is_ok
        if self.typed.needs_result:
            nothing = status.is_none
            usable = builder.and_(usable, builder.not_(nothing))
            code = builder.select(nothing, INT32(_NOTHING), code)
        with builder.if_else(usable, likely=True) as (good, bad):
            with good:
                builder.store(self._build_result(prepared, status), self.answer)
            with bad:
                self._release([place.meminfo for place in prepared if place.meminfo is not None])
        builder.ret(code)

    def _build_result(self, prepared: list[Prepared], status: Any) -> LLVMValue:
        typed, call, builder = self.typed, self.typed.call, self.builder
        kind, value = self._returned(self.result, status)
        if not call.reverse:
            derivatives = self._tangent(value, status)
        elif isinstance(call.pick, int):
            derivatives = self.values.entry(call.pick, prepared, self.adjoints)
        else:
            entries = types.Tuple([typed.entries[index] for index in call.pick])
            members = [self.values.entry(index, prepared, self.adjoints) for index in call.pick]
            derivatives = self.context.make_tuple(builder, entries, members)
        if call.value is Value.NONE:
            self.context.nrt.decref(builder, kind, value)
            return derivatives
        members = [value, derivatives] if call.value is Value.FIRST else [derivatives, value]
        return self.context.make_tuple(builder, typed.result, members)

    def _tangent(self, value: LLVMValue, status: Any) -> LLVMValue:
        kind, tangent = self._returned(self.result_shadow, status)
        if self.typed.result_active:
            return self.values.tangent(kind, tangent, value)
        self.context.nrt.decref(self.builder, kind, tangent)
        return self.context.get_dummy_value()

    def _returned(self, place: LLVMValue, status: Any) -> tuple[types.Type, LLVMValue]:
        """What the function returned, its constants made values, and its type."""
        kind: types.Type = self.typed.compiled.raw.return_type
        value = self.context.get_returned_value(self.builder, kind, self.builder.load(place))
        value = fix_returning_optional(self.context, self.builder, kind(), status, value)
        general = types.unliteral(kind)
        return general, value if general == kind else self.context.cast(self.builder, value, kind, general)

    # -- memory for new shadows
    def _new_shadows(self) -> list[Prepared]:
        builder = self.builder
        prepared = [
            Prepared(array.primal.data, array.primal.strides, array.shadow and array.shadow.data, None)
            for array in self.arrays
        ]
        wanted = [pair for pair in zip(self.arrays, prepared, strict=True) if pair[0].leaf.role is Role.WANTED]
        ranges = [array.range(self.context, builder) for array, _ in wanted]
        sizes = [builder.sub(high, low) for low, high in ranges]
        for (_, place), size in zip(wanted, sizes, strict=True):
            place.meminfo = self._allocate(size)
        self._return_without_memory([place.meminfo for _, place in wanted], lambda: None)
        for (array, place), size, (low, _) in zip(wanted, sizes, ranges, strict=True):
            lead = builder.sub(array.address(builder), low)
            place.shadow_data = self._zeroed(place.meminfo, size, lead, array.primal.data.type)
        return prepared

    def _allocate(self, size: LLVMValue) -> LLVMValue:
        return self.context.nrt.meminfo_alloc_aligned_unchecked(self.builder, size, 32)

    def _zeroed(self, meminfo: Any, size: LLVMValue, offset: LLVMValue, kind: ir.Type) -> LLVMValue:
        """Zero the memory of `meminfo`; the address in it at `offset`."""
        data = self.context.nrt.meminfo_data(self.builder, meminfo)
        cgutils.memset(self.builder, data, size, 0)
        return self.builder.bitcast(self.builder.gep(data, [offset]), kind)

    def _return_without_memory(self, meminfos: list[Any], finish: Callable[[], Any]) -> None:
        if not meminfos:
            return
        missing = ir.Constant(ir.IntType(1), 0)
        for meminfo in meminfos:
            missing = self.builder.or_(missing, cgutils.is_null(self.builder, meminfo))
        with cgutils.if_unlikely(self.builder, missing):
            self._release(meminfos)
            finish()
            self.builder.ret(INT32(_NO_MEMORY))

    def _release(self, meminfos: list[Any]) -> None:
        for meminfo in meminfos:
            self.context.nrt.decref(self.builder, types.MemInfoPointer(types.voidptr), meminfo)

    # -- the record that Python prepares
    def _write_record(self, words: LLVMValue, array: ArrayValue, record: overlap.Record) -> None:
        for shadow, fields in ((False, array.primal), (True, array.shadow)):
            if fields is not None:
                self._set_word(words, record.data(shadow), self.builder.ptrtoint(fields.data, INT64))
                for index, value in zip(record.shape(shadow), fields.shape, strict=True):
                    self._set_word(words, index, value)
                for index, value in zip(record.strides(shadow), fields.strides, strict=True):
                    self._set_word(words, index, value)

    def _read_records(
        self, words: LLVMValue, records: list[overlap.Record], finish: Callable[[], Any]
    ) -> list[Prepared]:
        """New shadows are places in one block of memory; each holds a reference to it."""
        builder = self.builder
        size = self._word(words, overlap.SHADOW_BYTES)
        wanted = any(array.leaf.role is Role.WANTED for array in self.arrays)
        meminfo = self._allocate(size) if wanted else None
        self._return_without_memory([meminfo] if wanted else [], finish)
        prepared, references = [], 0
        for array, record in zip(self.arrays, records, strict=True):
            kind = array.primal.data.type
            data = builder.inttoptr(self._word(words, record.data(False)), kind)
            strides = [self._word(words, index) for index in record.strides(False)]
            place = Prepared(data, strides, None, None)
            if array.leaf.role is Role.WANTED:
                offset = self._word(words, record.data(True))
                place.meminfo, place.shadow_data = meminfo, self._zeroed(meminfo, size, offset, kind)
                references += 1
                if references > 1:
                    self.context.nrt.incref(builder, types.MemInfoPointer(types.voidptr), meminfo)
            elif array.shadow is not None:
                place.shadow_data = builder.inttoptr(self._word(words, record.data(True)), kind)
            prepared.append(place)
        return prepared

    def _word(self, words: LLVMValue, index: int) -> LLVMValue:
        return self.builder.load(cgutils.gep_inbounds(self.builder, words, 0, index))

    def _set_word(self, words: LLVMValue, index: int, value: LLVMValue) -> None:
        self.builder.store(value, cgutils.gep_inbounds(self.builder, words, 0, index))
