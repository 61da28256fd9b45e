"""The glue in LLVM: from Numba values to a call of the derivative, and from its adjoints to the result.

Decides where shadows live (new arrays laid out like their primals), calls the derivative that assumes
disjoint arrays when the ranges of all buffers are disjoint, and asks `overlap.prepare` in every other case.
Invariants: an exception leaves nothing allocated here behind, and no reference to an argument; the result is
built only when the status is good, and is zero otherwise, so that a `try` around the call in compiled code
sees a valid value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from ..derive import Activity
from ..diagnostics import DifferentiationValueError
from . import overlap
from .calls import Leaf, Role, TypedCall, Value, derivative_type
from .ranges import ArrayValue, must_be_prepared

INT64 = ir.IntType(64)
INT32 = ir.IntType(32)
BYTES = ir.IntType(8).as_pointer()
_OUT_OF_TAPE = 77
_REFUSAL = "the arguments overlap or their shadows do not fit: call from Python for the details"


def emit(context: Any, builder: ir.IRBuilder, typed: TypedCall, values: Sequence[ir.Value]) -> ir.Value:
    """Code for one call; `values` are the runtime values, of the types `typed.slots`."""
    return _Glue(context, builder, typed, values).run()


class _Glue:
    def __init__(self, context: Any, builder: ir.IRBuilder, typed: TypedCall, values: Sequence[ir.Value]):
        self.context, self.builder, self.typed = context, builder, typed
        self.raw = typed.compiled.raw
        self.values = values
        self.primals, self.shadows = self._split(values)
        self.arrays = [self._array(leaf) for leaf in typed.leaves]
        self.result = cgutils.alloca_once(builder, context.get_value_type(typed.result), zfill=True)
        self.adjoints = cgutils.alloca_once(builder, ir.ArrayType(INT64, max(1, self._count(Activity.ACTIVE))))

    def run(self) -> ir.Value:
        self._prepare()
        self._refuse_without_memory()
        status, value, tangent = self._call()
        self._finish()
        self._propagate(status)
        with self.builder.if_then(status.is_ok, likely=True):
            self.builder.store(self._build_result(value, tangent), self.result)
        return self.builder.load(self.result)

    # -- arguments
    # ---------------------------------------------------------------------------------------------
    def _split(self, values: Sequence[ir.Value]) -> tuple[list[ir.Value], list[ir.Value | None]]:
        remaining = iter(zip(values, self.typed.slots, strict=True))
        primals, shadows = [], []
        for role, kind in zip(self.typed.call.roles, self.typed.primals, strict=True):
            value, slot = next(remaining)
            primals.append(value if slot == kind else self.context.cast(self.builder, value, slot, kind))
            shadows.append(next(remaining)[0] if role is Role.DUPLICATED else None)
        return primals, shadows

    def _array(self, leaf: Leaf) -> ArrayValue:
        primal = self._member(self.primals[leaf.argument], leaf.path)
        if leaf.role is not Role.DUPLICATED:
            return ArrayValue(leaf, self._helper(leaf.kind, primal), None, leaf.kind.layout)
        kind = self._member_type(self.typed.shadows[leaf.argument], leaf.path)
        shadow = self._helper(kind, self._member(self.shadows[leaf.argument], leaf.path))
        return ArrayValue(leaf, self._helper(leaf.kind, primal), shadow, kind.layout)

    def _helper(self, kind: types.Type, value: ir.Value) -> Any:
        return self.context.make_array(kind)(self.context, self.builder, value=value)

    def _member(self, value: Any, path: tuple[int, ...]) -> Any:
        for index in path:
            value = self.builder.extract_value(value, index)
        return value

    @staticmethod
    def _member_type(kind: Any, path: tuple[int, ...]) -> Any:
        for index in path:
            kind = kind.types[index]
        return kind

    def _count(self, activity: Activity) -> int:
        return self.typed.compiled.activities.count(activity)

    # -- shadows, fast and slow
    # --------------------------------------------------------------------------------
    def _prepare(self) -> None:
        """New shadows, and the choice of the derivative; afterwards `self.arrays` hold what it shall get."""
        builder = self.builder
        self.address: ir.Value | None = None
        self.ticket: ir.Value | None = None
        condition = must_be_prepared(self.context, builder, self.arrays)
        if condition is None:
            for array in self.arrays:
                self._new_shadow(array)
            return
        with builder.if_else(condition, likely=False) as (slow, fast):
            with slow:
                slow_values = self._slow_values()
                slow_block = builder.block
            with fast:
                for array in self.arrays:
                    self._new_shadow(array)
                fast_values = [INT64(0), INT64(0), *self._prepared_values()]
                fast_block = builder.block
        merged = []
        for one, other in zip(slow_values, fast_values, strict=True):
            phi = builder.phi(one.type)
            phi.add_incoming(one, slow_block)
            phi.add_incoming(other, fast_block)
            merged.append(phi)
        self.address, self.ticket = merged[:2]
        self._set_prepared_values(iter(merged[2:]))

    def _prepared_values(self) -> list[ir.Value]:
        """What differs between the fast and the slow way, in the order that `_set_prepared_values` reads."""
        found = []
        for array in self.arrays:
            if array.leaf.shadowed:
                found += [array.data, *array.strides(self.builder), array.shadow_data]
            if array.leaf.role is Role.WANTED:
                found.append(array.meminfo)
        return found

    def _set_prepared_values(self, values: Iterator[ir.Value]) -> None:
        for array in self.arrays:
            if array.leaf.shadowed:
                array.data = next(values)
                array.new_strides = [next(values) for _ in range(array.leaf.kind.ndim)]
                array.shadow_data = next(values)
            if array.leaf.role is Role.WANTED:
                array.meminfo = next(values)

    def _new_shadow(self, array: ArrayValue) -> None:
        """A zeroed array with the strides of the primal; it spans what the primal spans."""
        if array.leaf.role is not Role.WANTED:
            return
        low, high = array.range(self.context, self.builder)
        size = self.builder.sub(high, low)
        array.meminfo, start = self._zeroed(size)
        lead = self.builder.sub(array.address(self.builder), low)
        array.shadow_data = self.builder.bitcast(self.builder.gep(start, [lead]), array.data.type)

    def _zeroed(self, size: ir.Value) -> tuple[ir.Value, ir.Value]:
        """New NRT memory: its meminfo, null when there was none, and its data."""
        nrt, builder = self.context.nrt, self.builder
        meminfo = nrt.meminfo_alloc_aligned_unchecked(builder, size, 32)
        result = cgutils.alloca_once(builder, BYTES, zfill=True)
        with builder.if_then(cgutils.is_not_null(builder, meminfo), likely=True):
            data = nrt.meminfo_data(builder, meminfo)
            cgutils.memset(builder, data, size, 0)
            builder.store(data, result)
        return meminfo, builder.load(result)

    def _slow_values(self) -> list[ir.Value]:
        """Write the record, let Python prepare it, read it back."""
        builder = self.builder
        path = overlap.SlowPath(self.typed)
        words = cgutils.alloca_once(builder, ir.ArrayType(INT64, path.words))
        for array, record in zip(self.arrays, path.records, strict=True):
            self._write_record(words, array, record)
        function_type = ir.FunctionType(INT64, [INT64, INT64])
        function = self._python_function(overlap.PREPARE_ADDRESS, function_type, "numzyme.prepare")
        address = builder.ptrtoint(words, INT64)
        outcome = builder.call(function, [INT64(path.number), address])
        self._raise_if(outcome, overlap.REFUSED, DifferentiationValueError, _REFUSAL)
        self._raise_if(outcome, overlap.NO_MEMORY, MemoryError, "numzyme: no memory for copies of arguments")
        size = self._word(words, overlap.SHADOW_BYTES)
        self._read_shared_shadows(words, path.records, size)
        for array, record in zip(self.arrays, path.records, strict=True):
            if array.leaf.shadowed:
                self._read_record(words, array, record)
        header = [self._word(words, overlap.ADDRESS), self._word(words, overlap.TICKET)]
        return [*header, *self._slow_prepared(path.records, words)]

    def _slow_prepared(self, records: list[overlap.Record], words: ir.Value) -> list[ir.Value]:
        found = []
        for array, record in zip(self.arrays, records, strict=True):
            if array.leaf.shadowed:
                strides = [self._word(words, index) for index in record.strides(False)]
                found += [array.slow_data, *strides, array.slow_shadow_data]
            if array.leaf.role is Role.WANTED:
                found.append(array.slow_meminfo)
        return found

    def _write_record(self, words: ir.Value, array: ArrayValue, record: overlap.Record) -> None:
        for shadow, helper in ((False, array.primal), (True, array.shadow)):
            if helper is None:
                continue
            count = array.leaf.kind.ndim
            self._set_word(words, record.data(shadow), self.builder.ptrtoint(helper.data, INT64))
            for indices, tuple_value in (
                (record.shape(shadow), helper.shape),
                (record.strides(shadow), helper.strides),
            ):
                members = cgutils.unpack_tuple(self.builder, tuple_value, count)
                for index, member in zip(indices, members, strict=True):
                    self._set_word(words, index, member)

    def _read_shared_shadows(self, words: ir.Value, records: list[overlap.Record], size: ir.Value) -> None:
        """One block of memory for all new shadows; each holds one reference to it."""
        wanted = [pair for pair in zip(self.arrays, records, strict=True) if pair[0].leaf.role is Role.WANTED]
        if not wanted:
            return
        meminfo, start = self._zeroed(size)
        for count, (array, record) in enumerate(wanted):
            if count:
                self._incref(meminfo)
            array.slow_meminfo = meminfo
            offset = self._word(words, record.data(True))
            array.slow_shadow_data = self.builder.bitcast(self.builder.gep(start, [offset]), array.data.type)

    def _read_record(self, words: ir.Value, array: ArrayValue, record: overlap.Record) -> None:
        data = self._word(words, record.data(False))
        array.slow_data = self.builder.inttoptr(data, array.data.type)
        if array.leaf.role is Role.DUPLICATED:
            shadow = self._word(words, record.data(True))
            array.slow_shadow_data = self.builder.inttoptr(shadow, array.data.type)

    def _incref(self, meminfo: ir.Value) -> None:
        self.context.nrt.incref(self.builder, types.MemInfoPointer(types.voidptr), meminfo)

    def _word(self, words: ir.Value, index: int) -> ir.Value:
        return self.builder.load(cgutils.gep_inbounds(self.builder, words, 0, index))

    def _set_word(self, words: ir.Value, index: int, value: ir.Value) -> None:
        self.builder.store(value, cgutils.gep_inbounds(self.builder, words, 0, index))

    def _python_function(self, address: int, function_type: ir.FunctionType, name: str) -> ir.Value:
        pointer = self.context.add_dynamic_addr(self.builder, address, info=name)
        return self.builder.bitcast(pointer, function_type.as_pointer())

    def _raise_if(self, outcome: ir.Value, code: int, exception: type[Exception], message: str) -> None:
        hit = self.builder.icmp_unsigned("==", outcome, INT64(code))
        with cgutils.if_unlikely(self.builder, hit):
            self._release_arguments()
            self.context.call_conv.return_user_exc(self.builder, exception, (message,))

    # -- the call
    # ----------------------------------------------------------------------------------------------
    def _refuse_without_memory(self) -> None:
        wanted = [array for array in self.arrays if array.leaf.role is Role.WANTED]
        if not wanted:
            return
        missing = [cgutils.is_null(self.builder, array.meminfo) for array in wanted]
        with cgutils.if_unlikely(self.builder, _any(self.builder, missing)):
            self._release_shadows()
            self._release_arguments()
            self._finish()
            message = "numzyme: no memory for gradients"
            self.context.call_conv.return_user_exc(self.builder, MemoryError, (message,))

    def _call(self) -> tuple[Any, ir.Value, ir.Value]:
        """Status, the primal's result and its tangent (forward mode), both as values."""
        builder, convention = self.builder, self.context.call_conv
        result_type = convention.get_return_type(self.raw.return_type).pointee
        result = cgutils.alloca_once(builder, result_type, zfill=True)
        result_shadow = cgutils.alloca_once(builder, result_type, zfill=True)
        information = cgutils.alloca_once(
            builder, convention.get_function_type(types.none, ()).args[1].pointee, zfill=True
        )
        if self.typed.call.reverse and self.typed.result_active:
            builder.store(ir.Constant(result_type, 1.0), result_shadow)
        flat = self._flat([self._rebuilt(i, shadow=False) for i in range(len(self.primals))])
        arguments = [result, information, *flat, *self._extra_arguments(result_shadow, flat)]
        code = self._call_either(arguments)
        status = convention._get_return_status(builder, code, builder.load(information))
        get = self.context.get_returned_value
        value = get(builder, self.raw.return_type, builder.load(result))
        tangent = get(builder, self.raw.return_type, builder.load(result_shadow))
        return status, value, tangent

    def _call_either(self, arguments: list[ir.Value]) -> ir.Value:
        """The derivative for disjoint arrays, or the one that `prepare` chose."""
        builder = self.builder
        function_type = ir.FunctionType(INT32, [argument.type for argument in arguments])
        if self.address is None:
            return builder.call(self._disjoint_function(function_type), arguments)
        chosen = builder.icmp_unsigned("!=", self.address, INT64(0))
        with builder.if_else(chosen, likely=False) as (other, usual):
            with other:
                function = builder.inttoptr(self.address, function_type.as_pointer())
                other_code = builder.call(function, arguments)
                other_block = builder.block
            with usual:
                usual_code = builder.call(self._disjoint_function(function_type), arguments)
                usual_block = builder.block
        code = builder.phi(INT32)
        code.add_incoming(other_code, other_block)
        code.add_incoming(usual_code, usual_block)
        return code

    def _disjoint_function(self, function_type: ir.FunctionType) -> ir.Value:
        linked = self.typed.compiled.linked
        if self.typed.call.inline and linked.small:
            self.context.active_code_library.add_linking_library(linked.library)
            return cgutils.get_or_insert_function(self.builder.module, function_type, linked.symbol)
        return self._python_function(linked.address, function_type, linked.symbol)

    def _extra_arguments(self, result_shadow: ir.Value, flat: list[ir.Value]) -> list[ir.Value]:
        """Shadows in the order of the parameters that have one, tangents among them in forward mode."""
        flat_shadows = self._flat([self._rebuilt(i, shadow=True) for i in range(len(self.primals))])
        extra = []
        for position, activity in enumerate(self.typed.compiled.activities):
            passed = activity is Activity.DUPLICATED or (activity is Activity.ACTIVE and not self.typed.call.reverse)
            if passed:
                extra.append(result_shadow if position == 0 else flat_shadows[position - 2])
        if self.typed.call.reverse:
            extra.append(self.builder.bitcast(self.adjoints, BYTES))
        return extra

    def _flat(self, values: list[ir.Value]) -> list[ir.Value]:
        packer = self.context.get_arg_packer(self.typed.primals)
        return list(packer.as_arguments(self.builder, values))

    def _rebuilt(self, argument: int, shadow: bool) -> ir.Value:
        """The primal as the derivative shall get it; or a value of the same type made of its shadows."""
        kind = self.typed.primals[argument]
        return self._rebuild(kind, self.primals[argument], argument, (), shadow)

    def _rebuild(self, kind: Any, value: ir.Value, argument: int, path: tuple[int, ...], shadow: bool) -> ir.Value:
        if isinstance(kind, types.BaseTuple):
            members = [
                self._rebuild(member, self.builder.extract_value(value, i), argument, (*path, i), shadow)
                for i, member in enumerate(kind.types)
            ]
            return self.context.make_tuple(self.builder, kind, members)
        if isinstance(kind, types.Array):
            array = self._find(argument, path)
            if not array.leaf.shadowed:
                return value
            return self._shadow_struct(array, kind) if shadow else self._primal_struct(array, value)
        given = self.shadows[argument]
        if shadow and given is not None and isinstance(kind, types.Float):
            slot = self._member_type(self.typed.shadows[argument], path)
            return self.context.cast(self.builder, self._member(given, path), slot, kind)
        return value

    def _find(self, argument: int, path: tuple[int, ...]) -> ArrayValue:
        return next(a for a in self.arrays if (a.leaf.argument, a.leaf.path) == (argument, path))

    def _primal_struct(self, array: ArrayValue, value: ir.Value) -> ir.Value:
        if array.new_strides is None:
            return value
        copy = self._helper(array.leaf.kind, value)
        copy.data = array.data
        copy.strides = cgutils.pack_array(self.builder, array.new_strides, INT64)
        return copy._getvalue()

    def _shadow_struct(self, array: ArrayValue, kind: types.Array) -> ir.Value:
        """The shadow as an array value; for new shadows this is the gradient that the caller gets."""
        made = self.context.make_array(kind)(self.context, self.builder)
        primal, shadow = array.primal, array.shadow
        made.data = array.shadow_data
        made.shape = primal.shape
        made.strides = cgutils.pack_array(self.builder, array.strides(self.builder), INT64)
        made.nitems, made.itemsize = primal.nitems, primal.itemsize
        made.meminfo = array.meminfo if shadow is None else shadow.meminfo
        made.parent = cgutils.get_null_value(made.parent.type) if shadow is None else shadow.parent
        return made._getvalue()

    # -- afterwards
    # --------------------------------------------------------------------------------------------
    def _finish(self) -> None:
        if self.ticket is None:
            return
        with cgutils.if_unlikely(self.builder, self.builder.icmp_unsigned("!=", self.ticket, INT64(0))):
            function_type = ir.FunctionType(ir.VoidType(), [INT64])
            function = self._python_function(overlap.FINISH_ADDRESS, function_type, "numzyme.finish")
            self.builder.call(function, [self.ticket])

    def _propagate(self, status: Any) -> None:
        builder, convention = self.builder, self.context.call_conv
        with cgutils.if_unlikely(builder, status.is_error):
            self._release_shadows()
            self._release_arguments()
            exhausted = builder.icmp_signed("==", status.code, INT32(_OUT_OF_TAPE))
            with cgutils.if_unlikely(builder, exhausted):
                convention.return_user_exc(builder, MemoryError, ("numzyme: no memory for the tape",))
            convention.return_status_propagate(builder, status)

    def _release_arguments(self) -> None:
        """The reference that the function around the intrinsic holds; Numba drops it only on the good
        path."""
        for value, kind in zip(self.values, self.typed.slots, strict=True):
            self.context.nrt.decref(self.builder, kind, value)

    def _release_shadows(self) -> None:
        for array in self.arrays:
            if array.leaf.role is Role.WANTED:
                kind = types.MemInfoPointer(types.voidptr)
                self.context.nrt.decref(self.builder, kind, array.meminfo)

    def _build_result(self, value: ir.Value, tangent: ir.Value) -> ir.Value:
        typed, call = self.typed, self.typed.call
        if not call.reverse:
            derivatives = self._tangent(tangent)
        elif isinstance(call.pick, int):
            derivatives = self._entry(call.pick)
        else:
            kind = types.Tuple([typed.entries[index] for index in call.pick])
            members = [self._entry(index) for index in call.pick]
            derivatives = self.context.make_tuple(self.builder, kind, members)
        if call.value is Value.NONE:
            self.context.nrt.decref(self.builder, self.raw.return_type, value)
            return derivatives
        members = [value, derivatives] if call.value is Value.FIRST else [derivatives, value]
        return self.context.make_tuple(self.builder, typed.result, members)

    def _tangent(self, tangent: ir.Value) -> ir.Value:
        if self.typed.result_active:
            return self._without_inactive(self.raw.return_type, tangent)
        self.context.nrt.decref(self.builder, self.raw.return_type, tangent)
        return self.context.get_dummy_value()

    def _without_inactive(self, kind: Any, value: ir.Value) -> ir.Value:
        """The tangent of a result: members that have none are None."""
        if isinstance(kind, types.BaseTuple):
            members = [
                self._without_inactive(member, self.builder.extract_value(value, i))
                for i, member in enumerate(kind.types)
            ]
            return self.context.make_tuple(self.builder, derivative_type(kind), members)
        if derivative_type(kind) == types.none:
            self.context.nrt.decref(self.builder, kind, value)
            return self.context.get_dummy_value()
        return value

    def _entry(self, argument: int) -> ir.Value:
        if self.typed.call.roles[argument] not in (Role.ACTIVE, Role.WANTED):
            return self.context.get_dummy_value()
        return self._derivative(self.typed.primals[argument], self.typed.entries[argument], argument, ())

    def _derivative(self, kind: Any, entry: Any, argument: int, path: tuple[int, ...]) -> ir.Value:
        """The derivative of one argument or tuple member, read from its adjoint slot or its shadow."""
        if isinstance(kind, types.BaseTuple):
            members = [
                self._derivative(member, entry.types[i], argument, (*path, i)) for i, member in enumerate(kind.types)
            ]
            return self.context.make_tuple(self.builder, entry, members)
        if isinstance(entry, types.Array):
            return self._shadow_struct(self._find(argument, path), entry)
        if isinstance(entry, types.Float):
            slot = cgutils.gep_inbounds(self.builder, self.adjoints, 0, self._slot(argument, path))
            pointer = self.builder.bitcast(slot, self.context.get_value_type(kind).as_pointer())
            return self.builder.load(pointer)
        return self.context.get_dummy_value()

    def _slot(self, argument: int, path: tuple[int, ...]) -> int:
        """The position of a scalar among the active ones."""
        active = [
            (parameter.argument, parameter.path)
            for parameter, activity in zip(self.raw.parameters, self.typed.compiled.activities, strict=True)
            if activity is Activity.ACTIVE
        ]
        return active.index((argument, path))


def _any(builder: ir.IRBuilder, conditions: list[ir.Value]) -> ir.Value:
    found = conditions[0]
    for condition in conditions[1:]:
        found = builder.or_(found, condition)
    return found
