"""The glue in LLVM: from Numba values to a call of the derivative, and from its adjoints to the result.

Decides where shadows live (new arrays laid out like their primals), calls the derivative that assumes
disjoint arrays when the ranges of all buffers are disjoint, and asks `overlap.prepare` in every other case.
The plain way is kept as short as can be: in compiled code it may cost more than the derivative itself.

Invariants: an exception leaves nothing allocated here behind, and no reference to an argument; the result is
built only when the status is good, and is zero otherwise, so that a `try` around the call in compiled code
sees a valid value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from ..derive import OUT_OF_TAPE, Activity
from ..diagnostics import DifferentiationValueError
from . import overlap
from .calls import Role, TypedCall, Value
from .ranges import ArrayValue, must_be_prepared
from .values import INT64, Prepared, Values

INT32 = ir.IntType(32)
BYTES = ir.IntType(8).as_pointer()
_REFUSAL = "the arguments overlap or their shadows do not fit: call from Python for the details"


def emit(
    context: Any,
    builder: ir.IRBuilder,
    typed: TypedCall,
    values: Sequence[ir.Value],
    owns_values: bool = True,
) -> ir.Value:
    """Code for one call; `values` are the runtime values, of the types `typed.slots`.

    `owns_values`: the function around holds one reference to each value that it would lose by an exception.
    """
    return _Glue(context, builder, typed, values, owns_values).run()


class _Glue:
    def __init__(
        self,
        context: Any,
        builder: ir.IRBuilder,
        typed: TypedCall,
        values: Sequence[ir.Value],
        owns_values: bool,
    ) -> None:
        self.context, self.builder, self.typed, self.owns_values = context, builder, typed, owns_values
        self.values = Values(context, builder, typed, values)
        self.arrays = self.values.arrays
        self.linked = typed.compiled.linked
        result_type = context.call_conv.get_return_type(typed.compiled.raw.return_type).pointee
        self.result = cgutils.alloca_once(builder, result_type, zfill=True)
        self.result_shadow = cgutils.alloca_once(builder, result_type, zfill=True)
        information_type = context.call_conv.get_function_type(types.none, ()).args[1].pointee
        self.information = cgutils.alloca_once(builder, information_type, zfill=True)
        count = typed.compiled.activities.count(Activity.ACTIVE)
        self.adjoints = cgutils.alloca_once(builder, ir.ArrayType(INT64, max(1, count)))

    def run(self) -> ir.Value:
        builder, convention = self.builder, self.context.call_conv
        code, prepared = self._call()
        status = convention._get_return_status(builder, code, builder.load(self.information))
        answer = cgutils.alloca_once(builder, self.context.get_value_type(self.typed.result), zfill=True)
        with builder.if_else(status.is_error, likely=False) as (bad, good):
            with bad:
                self._propagate(status, prepared)
            with good:
                builder.store(self._build_result(prepared), answer)
        return builder.load(answer)

    # -- the call, in the plain way and the other
    # --------------------------------------------------------------
    def _call(self) -> tuple[ir.Value, list[Prepared]]:
        """The status, and the arrays as the derivative got them."""
        builder = self.builder
        if self.typed.call.reverse and self.typed.result_active:
            builder.store(ir.Constant(self.result_shadow.type.pointee, 1.0), self.result_shadow)
        condition = must_be_prepared(self.context, builder, self.arrays)
        if condition is None:
            prepared = self._prepared()
            return self._call_derivative(prepared, None), prepared
        with builder.if_else(condition, likely=False) as (other, plain):
            with other:
                other_code, other_prepared = self._call_after_python()
                other_block = builder.block
            with plain:
                plain_prepared = self._prepared()
                plain_code = self._call_derivative(plain_prepared, None)
                plain_block = builder.block

        def merged(first: ir.Value, second: ir.Value) -> ir.Value:
            phi = builder.phi(first.type)
            phi.add_incoming(first, other_block)
            phi.add_incoming(second, plain_block)
            return phi

        code = merged(other_code, plain_code)
        pairs = zip(self.arrays, other_prepared, plain_prepared, strict=True)
        return code, [_merge(array, first, second, merged) for array, first, second in pairs]

    def _call_derivative(self, prepared: list[Prepared], address: ir.Value | None) -> ir.Value:
        """Call the derivative for disjoint arrays, or the one at `address` when that is not 0."""
        builder = self.builder
        arguments = [self.result, self.information]
        arguments += self.values.arguments(prepared, self.result_shadow)
        if self.typed.call.reverse:
            arguments.append(builder.bitcast(self.adjoints, BYTES))
        function_type = ir.FunctionType(INT32, [argument.type for argument in arguments])
        if address is None and self.typed.call.inline and self.linked.small:
            self.context.active_code_library.add_linking_library(self.linked.library)
            function = cgutils.get_or_insert_function(builder.module, function_type, self.linked.symbol)
            return builder.call(function, arguments)
        function = self._function_at(self.linked.address, function_type, self.linked.symbol)
        if address is not None:
            chosen = builder.inttoptr(address, function_type.as_pointer())
            function = builder.select(builder.icmp_unsigned("!=", address, INT64(0)), chosen, function)
        return builder.call(function, arguments)

    def _function_at(self, address: int, function_type: ir.FunctionType, name: str) -> ir.Value:
        pointer = self.context.add_dynamic_addr(self.builder, address, info=name)
        return self.builder.bitcast(pointer, function_type.as_pointer())

    # -- the plain way: new shadows
    # ----------------------------------------------------------------------------
    def _prepared(self) -> list[Prepared]:
        builder = self.builder
        prepared = [
            Prepared(array.primal.data, array.strides(builder), array.shadow and array.shadow.data, None)
            for array in self.arrays
        ]
        wanted = [pair for pair in zip(self.arrays, prepared, strict=True) if pair[0].leaf.role is Role.WANTED]
        sizes = []
        for array, place in wanted:
            low, high = array.range(self.context, builder)
            sizes.append(builder.sub(high, low))
            place.meminfo = self._allocate(sizes[-1])
        self._refuse_without_memory([place.meminfo for _, place in wanted], None)
        for (array, place), size in zip(wanted, sizes, strict=True):
            low, _ = array.range(self.context, builder)
            lead = builder.sub(array.address(builder), low)
            place.shadow_data = self._zeroed(place.meminfo, size, lead, array.primal.data.type)
        return prepared

    def _allocate(self, size: ir.Value) -> ir.Value:
        return self.context.nrt.meminfo_alloc_aligned_unchecked(self.builder, size, 32)

    def _zeroed(self, meminfo: Any, size: ir.Value, offset: ir.Value, kind: ir.Type) -> ir.Value:
        """Zero the memory of `meminfo`; the address in it at `offset`."""
        data = self.context.nrt.meminfo_data(self.builder, meminfo)
        cgutils.memset(self.builder, data, size, 0)
        return self.builder.bitcast(self.builder.gep(data, [offset]), kind)

    def _refuse_without_memory(self, meminfos: list[Any], ticket: ir.Value | None) -> None:
        if not meminfos:
            return
        missing = ir.Constant(ir.IntType(1), 0)
        for meminfo in meminfos:
            missing = self.builder.or_(missing, cgutils.is_null(self.builder, meminfo))
        with cgutils.if_unlikely(self.builder, missing):
            self._release(meminfos)
            self._release_arguments()
            if ticket is not None:
                self._finish(ticket)
            message = "numzyme: no memory for gradients"
            self.context.call_conv.return_user_exc(self.builder, MemoryError, (message,))

    # -- the other way: Python prepares
    # ------------------------------------------------------------------------
    def _call_after_python(self) -> tuple[ir.Value, list[Prepared]]:
        """Write the record, let Python prepare it, read it back, call, and let Python finish."""
        builder = self.builder
        path = overlap.SlowPath(self.typed)
        words = cgutils.alloca_once(builder, ir.ArrayType(INT64, path.words))
        for array, record in zip(self.arrays, path.records, strict=True):
            self._write_record(words, array, record)
        function_type = ir.FunctionType(INT64, [INT64, INT64])
        function = self._function_at(overlap.PREPARE_ADDRESS, function_type, "numzyme.prepare")
        outcome = builder.call(function, [INT64(path.number), builder.ptrtoint(words, INT64)])
        self._raise_if(outcome, overlap.REFUSED, DifferentiationValueError, _REFUSAL)
        self._raise_if(outcome, overlap.NO_MEMORY, MemoryError, "numzyme: no memory for copies of arguments")
        ticket = self._word(words, overlap.TICKET)
        prepared = self._read_records(words, path.records, ticket)
        code = self._call_derivative(prepared, self._word(words, overlap.ADDRESS))
        self._finish(ticket)
        return code, prepared

    def _write_record(self, words: ir.Value, array: ArrayValue, record: overlap.Record) -> None:
        builder, count = self.builder, array.leaf.kind.ndim
        for shadow, helper in ((False, array.primal), (True, array.shadow)):
            if helper is None:
                continue
            self._set_word(words, record.data(shadow), builder.ptrtoint(helper.data, INT64))
            for indices, members in (
                (record.shape(shadow), cgutils.unpack_tuple(builder, helper.shape, count)),
                (record.strides(shadow), cgutils.unpack_tuple(builder, helper.strides, count)),
            ):
                for index, member in zip(indices, members, strict=True):
                    self._set_word(words, index, member)

    def _read_records(self, words: ir.Value, records: list[overlap.Record], ticket: ir.Value) -> list[Prepared]:
        """New shadows are places in one block of memory; each holds a reference to it."""
        builder = self.builder
        size = self._word(words, overlap.SHADOW_BYTES)
        wanted = any(array.leaf.role is Role.WANTED for array in self.arrays)
        meminfo = self._allocate(size) if wanted else None
        self._refuse_without_memory([meminfo] if wanted else [], ticket)
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

    def _word(self, words: ir.Value, index: int) -> ir.Value:
        return self.builder.load(cgutils.gep_inbounds(self.builder, words, 0, index))

    def _set_word(self, words: ir.Value, index: int, value: ir.Value) -> None:
        self.builder.store(value, cgutils.gep_inbounds(self.builder, words, 0, index))

    def _raise_if(self, outcome: ir.Value, code: int, exception: type[Exception], message: str) -> None:
        hit = self.builder.icmp_unsigned("==", outcome, INT64(code))
        with cgutils.if_unlikely(self.builder, hit):
            self._release_arguments()
            self.context.call_conv.return_user_exc(self.builder, exception, (message,))

    def _finish(self, ticket: ir.Value) -> None:
        with self.builder.if_then(self.builder.icmp_unsigned("!=", ticket, INT64(0))):
            function_type = ir.FunctionType(ir.VoidType(), [INT64])
            function = self._function_at(overlap.FINISH_ADDRESS, function_type, "numzyme.finish")
            self.builder.call(function, [ticket])

    # -- afterwards
    # --------------------------------------------------------------------------------------------
    def _propagate(self, status: Any, prepared: list[Prepared]) -> None:
        builder, convention = self.builder, self.context.call_conv
        self._release([place.meminfo for place in prepared if place.meminfo is not None])
        self._release_arguments()
        exhausted = builder.icmp_signed("==", status.code, INT32(OUT_OF_TAPE))
        with cgutils.if_unlikely(builder, exhausted):
            convention.return_user_exc(builder, MemoryError, ("numzyme: no memory for the tape",))
        in_try = convention.check_try_status(builder).in_try
        store = builder.store(status.excinfoptr, convention._get_excinfo_argument(builder.function))
        # As Numba marks its own raising: its pass that prunes reference counts then knows this exit.
        store.set_metadata("numba_exception_output", builder.module.add_metadata([ir.IntType(1)(1)]))
        with builder.if_then(builder.not_(in_try)):
            builder.ret(status.code)

    def _release_arguments(self) -> None:
        """Numba drops the references of the function around only on the good path."""
        if self.owns_values:
            for value, kind in zip(self.values.given, self.typed.slots, strict=True):
                self.context.nrt.decref(self.builder, kind, value)

    def _release(self, meminfos: list[Any]) -> None:
        for meminfo in meminfos:
            self.context.nrt.decref(self.builder, types.MemInfoPointer(types.voidptr), meminfo)

    def _build_result(self, prepared: list[Prepared]) -> ir.Value:
        typed, call, builder = self.typed, self.typed.call, self.builder
        kind = typed.compiled.raw.return_type
        value = self.context.get_returned_value(builder, kind, builder.load(self.result))
        if not call.reverse:
            derivatives = self._tangent()
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

    def _tangent(self) -> ir.Value:
        kind = self.typed.compiled.raw.return_type
        tangent = self.context.get_returned_value(self.builder, kind, self.builder.load(self.result_shadow))
        if self.typed.result_active:
            return self.values.tangent(kind, tangent)
        self.context.nrt.decref(self.builder, kind, tangent)
        return self.context.get_dummy_value()


def _merge(array: ArrayValue, first: Prepared, second: Prepared, merged: Any) -> Prepared:
    """Of what differs between the two ways, only new shadows are needed afterwards."""
    if array.leaf.role is not Role.WANTED:
        return second
    return Prepared(
        second.data,
        [merged(*pair) for pair in zip(first.strides, second.strides, strict=True)],
        merged(first.shadow_data, second.shadow_data),
        merged(first.meminfo, second.meminfo),
    )
