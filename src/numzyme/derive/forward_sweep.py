"""The forward sweep of reverse mode: the primal as it was, with values stored for the reverse sweep.

Invariant: apart from allocations, which come from the arena, every instruction of the primal is emitted as it was
read and in its order, so results, mutations and exceptions are those of the plain call.
"""

from __future__ import annotations

from ..analysis import Loop, Status, symbol_of
from ..analysis.cfg import GOOD_STATUS
from ..analysis.effects import ARENA_ALLOCATORS, RECORD_ALLOCATOR
from ..diagnostics import UnsupportedCodeError
from ..ir import Instruction
from ..ir.model import FLOAT_TYPES, SIZES
from . import blas, calls, copies
from .augment import Augmented, shadow_operand
from .emitter import Emitter
from .facts import FunctionFacts
from .request import OUT_OF_TAPE
from .storage import Buffer, FrameSlot, Place, RecordField, Storage, memory_type

_DROPPED = ("llvm.lifetime.", "llvm.assume", "llvm.experimental.noalias.scope")
_USES_ARENA = frozenset({*ARENA_ALLOCATORS, "numzyme.escape"})


class ForwardSweep:
    """Writes the blocks of the primal; `on_return(status)` ends a good path, `on_error(status)` a bad one."""

    def __init__(
        self,
        facts: FunctionFacts,
        augmented: Augmented,
        storage: Storage,
        emitter: Emitter,
        context: calls.Context,
        stack_slots: dict[str, int],
        keep_primal: bool,
    ) -> None:
        self.facts, self.augmented, self.storage, self.emitter = facts, augmented, storage, emitter
        self.context, self.stack_slots, self.keep_primal = context, stack_slots, keep_primal
        self.shadows = set(augmented.shadow.values())
        self.tail: dict[str, str] = {}
        self.uses_arena = bool(storage.records or storage.buffers)
        self.result_pointer = facts.function.parameters[0].name if facts.function.parameters else ""
        self.exits = {label: n for n, label in enumerate(facts.cfg.returns)}
        self.exit_slot = storage.frame.reserve(4, 4) if len(self.exits) > 1 else None
        self._headers = {loop.header: loop for loop in storage.records}
        self._outermost = {loop.preheader: [] for loop in storage.buffers}
        for loop in storage.buffers:
            self._outermost[loop.preheader].append(loop)
        self._phis: list[tuple[str, int, Instruction]] = []

    def write(self, on_return, on_error) -> None:
        """Emit all blocks."""
        self.on_return, self.on_error = on_return, on_error
        for label in self.facts.cfg.order:
            self._write_block(label)
        for label, position, phi in self._phis:
            self.emitter.blocks[label].lines[position] = self._phi_text(phi)
        if self.uses_arena:
            self.emitter.start('%"out of tape"')
            self.on_error(str(OUT_OF_TAPE))

    def _write_block(self, label: str) -> None:
        self.emitter.start(label)
        body = self.augmented.blocks[label]
        relevant = label in self.facts.cfg.relevant
        phis = [i for i in body if i.opcode == "phi"]
        for phi in phis:
            self._phis.append((label, len(self.emitter.block.lines), phi))
            self.emitter.line("")
        if label in self._headers:
            self._new_record(self._headers[label])
        for phi in phis:
            self._keep(phi)
        for instruction in body[len(phis) : -1]:
            if relevant:
                self._write_instruction(instruction)
            else:
                self._write_plain(instruction)
        for loop in self._outermost.get(label, []):
            self._new_buffers(loop)
        self.tail[label] = self.emitter.block.label
        self._write_terminator(label, body[-1])

    def _phi_text(self, phi: Instruction) -> str:
        incoming = ", ".join(
            f"[ {v}, {self.tail.get(label, label)} ]" for v, label in zip(phi.operands, phi.labels, strict=True)
        )
        return f"{phi.name} = phi {phi.type} {incoming}"

    # -- instructions -----------------------------------------------------------------------------
    def _is_ours(self, pointer: str) -> bool:
        """Whether memory that the primal releases came from the arena, which releases it in its own time."""
        return any(o.kind == "allocation" for o in self.facts.memory.objects(pointer))

    def _write_plain(self, i: Instruction) -> None:
        if i.opcode == "call" and symbol_of(i.callee).startswith(_DROPPED):
            return
        if i.opcode == "call" and symbol_of(i.callee) == "NRT_Free" and self._is_ours(i.operands[0]):
            return
        self.uses_arena |= i.opcode == "call" and (
            symbol_of(i.callee) in _USES_ARENA or i.callee in self.facts.module.functions
        )
        self.emitter.line(calls.plain_instruction(self.context, i))

    def _write_instruction(self, i: Instruction) -> None:
        if i.opcode == "alloca":
            self._write_stack(i)
        elif i.opcode == "call":
            self._write_call(i)
        elif i.opcode == "store":
            self._write_store(i)
        else:
            self.emitter.line(i.text)
        self._keep(i)

    def _write_stack(self, i: Instruction) -> None:
        if i.name not in self.stack_slots:
            self.emitter.line(i.text)
            return
        self.emitter.line(f"{i.name} = getelementptr i8, ptr %frame, i64 {self.stack_slots[i.name]}")
        if i.name in self.shadows:
            size = stack_size(i)
            self._memset(i.name, str(size))

    def _memset(self, pointer: str, size: str) -> None:
        self.context.declarations["@llvm.memset.p0.i64"] = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
        self.emitter.line(f"call void @llvm.memset.p0.i64(ptr {pointer}, i8 0, i64 {size}, i1 false)")

    def _write_store(self, i: Instruction) -> None:
        value, pointer = i.operands
        if not self.keep_primal and pointer == self.result_pointer and i.types[0] in FLOAT_TYPES:
            return
        self.emitter.line(i.text)
        if i.types[0] == "ptr" and self.facts.has_shadow(pointer):
            target = shadow_operand(self.facts, self.augmented.shadow, pointer, i)
            has_shadow = value in self.augmented.shadow
            shadow = shadow_operand(self.facts, self.augmented.shadow, value, i) if has_shadow else "null"
            self.emitter.store("ptr", shadow, target)

    def _write_call(self, i: Instruction) -> None:
        symbol = symbol_of(i.callee)
        if symbol.startswith(_DROPPED):
            return
        if self.facts.is_allocation(i):
            self._write_allocation(i)
        elif self.facts.is_active_call(i):
            self._write_active_call(i)
        else:
            if self.facts.is_blas(i) and self.facts.has_shadow(i.operands[blas.output(i)]):
                self._copy_overwritten_factors(i)
            if symbol == "NRT_Free" and self._is_ours(i.operands[0]):
                return
            self._write_plain(i)
            if symbol.startswith("llvm.mem") and self.facts.has_shadow(i.operands[0]):
                self._copy_shadow_pointers(i, symbol)

    def _copy_overwritten_factors(self, call: Instruction) -> None:
        """Keep a copy of a matrix or vector that the reverse needs and that does not stay."""
        kind = blas.kind_of(self.facts, call)
        for position in blas.copied_operands(self.facts, call):
            name = blas.copy_name(call, position)
            place = self.storage.places.get(name)
            if place is None:
                continue
            self.uses_arena = True
            floats = blas.operand_floats(self.emitter, call, position)
            size = self.emitter.define(f"mul i64 {floats}, {SIZES[kind]}")
            self.emitter.line(f"{name} = call ptr @numzyme.arena.allocate(ptr %arena, i64 {size})")
            self._require(name)
            self.context.declarations["@llvm.memcpy.p0.p0.i64"] = (
                "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
            )
            source = call.operands[position]
            self.emitter.line(f"call void @llvm.memcpy.p0.p0.i64(ptr {name}, ptr {source}, i64 {size}, i1 false)")
            self._store(place, "ptr", name)

    def _copy_shadow_pointers(self, i: Instruction, symbol: str) -> None:
        """Shadows of pointers are copied when the pointers are; shadows of floats wait for the reverse sweep."""
        if copies.clears_new_memory(self.facts, i) or self.facts.block_of(i).has_floats:
            return
        target = shadow_operand(self.facts, self.augmented.shadow, i.operands[0], i)
        if symbol.startswith("llvm.memset"):
            self._memset(target, i.operands[2])
            return
        source = shadow_operand(self.facts, self.augmented.shadow, i.operands[1], i)
        self.emitter.line(f"call void {i.callee}(ptr {target}, ptr {source}, i64 {i.operands[2]}, i1 false)")

    def _write_allocation(self, i: Instruction) -> None:
        if symbol_of(i.callee) == RECORD_ALLOCATOR and i.name not in self.shadows:
            self.emitter.line(i.text)
            return
        self.uses_arena = True
        self.emitter.line(f"{i.name} = {calls.arena_allocation(i)}")
        if i.name in self.shadows:
            self._require(i.name)
            self._memset(i.name, i.operands[0])

    def _require(self, pointer: str) -> None:
        """Go to the out-of-memory exit when an allocation failed; goes on in a new block."""
        self._leave_if(self.emitter.define(f"icmp eq ptr {pointer}, null"))

    def _leave_if(self, out_of_memory: str) -> None:
        onward = self.emitter.fresh(".goes.on")
        self.emitter.branch_if(out_of_memory, '%"out of tape"', onward)
        self.emitter.start(onward)

    def _write_active_call(self, i: Instruction) -> None:
        if i.type not in ("void", "i32"):
            where = self.facts.location(i)
            raise UnsupportedCodeError("a call that returns its result by value cannot be split", where=where)
        signature = calls.signature_of(self.facts, i)
        number = self.context.number(signature)
        self.uses_arena = True
        frame = calls.frame_name(i)
        self.emitter.line(f"{frame} = call ptr @numzyme.arena.allocate(ptr %arena, i64 {calls.frame_token(number)})")
        self._require(frame)
        arguments = [(kind, v) for v, kind in zip(i.operands, i.types, strict=True)]
        for value, status in zip(i.operands, signature.statuses, strict=True):
            if status is Status.DUPLICATED:
                arguments.append(("ptr", shadow_operand(self.facts, self.augmented.shadow, value, i)))
        arguments += [("ptr", frame), ("ptr", "%arena")]
        inside = ", ".join(f"{kind} {value}" for kind, value in arguments)
        status = i.name or self.emitter.fresh(".status")
        self.emitter.line(f"{status} = call i32 {calls.derived_name('augmented', signature, number)}({inside})")
        full = self.emitter.define(f"icmp eq i32 {status}, {OUT_OF_TAPE}")
        self._leave_if(full)
        place = self.storage.places.get(frame)
        if place is not None:
            self._store(place, "ptr", frame)

    # -- storing ----------------------------------------------------------------------------------
    def _keep(self, i: Instruction) -> None:
        place = self.storage.places.get(i.name) if i.name else None
        if place is not None:
            self._store(place, i.type, i.name)

    def _store(self, place: Place, kind: str, value: str) -> None:
        if kind == "i1":
            value = self.emitter.define(f"zext i1 {value} to i8")
        self.emitter.store(memory_type(kind), value, self._address(place))

    def _address(self, place: Place) -> str:
        if isinstance(place, FrameSlot):
            return self.emitter.offset("%frame", place.offset)
        if isinstance(place, RecordField):
            return self.emitter.offset(_record_name(place.loop), place.offset)
        index = self.augmented.counter[place.nest[-1]]
        for loop in reversed(place.nest[:-1]):
            count = self.emitter.define(f"add nsw i64 {self.augmented.trip[loop]}, 1")
            scaled = self.emitter.define(f"mul nsw i64 {index}, {count}")
            index = self.emitter.define(f"add nsw i64 {scaled}, {self.augmented.counter[loop]}")
        return self.emitter.element(memory_type(place.kind), place.name, index)

    def _new_record(self, loop: Loop) -> None:
        record, name = self.storage.records[loop], _record_name(loop)
        self.emitter.line(f"{name} = call ptr @numzyme.arena.allocate(ptr %arena, i64 {record.size})")
        self._require(name)
        top = self.emitter.offset("%frame", record.top)
        self.emitter.store("ptr", self.emitter.load("ptr", top), name)
        self.emitter.store("ptr", name, top)

    def _new_buffers(self, outermost: Loop) -> None:
        for buffer in self.storage.buffers[outermost]:
            self._new_buffer(buffer)

    def _new_buffer(self, buffer: Buffer) -> None:
        size = str(SIZES[buffer.kind])
        for loop in buffer.nest:
            count = self.emitter.define(f"add i64 {self.augmented.trip[loop]}, 1")
            count = self.emitter.call("i64", "@llvm.smax.i64", [("i64", count), ("i64", "0")])
            size = self.emitter.define(f"mul i64 {count}, {size}")
        self.context.declarations["@llvm.smax.i64"] = "declare i64 @llvm.smax.i64(i64, i64)"
        self.emitter.line(f"{buffer.name} = call ptr @numzyme.arena.allocate(ptr %arena, i64 {size})")
        self._require(buffer.name)
        self._store(buffer.pointer, "ptr", buffer.name)

    # -- control ----------------------------------------------------------------------------------
    def _write_terminator(self, label: str, terminator: Instruction) -> None:
        if terminator.opcode != "ret":
            self.emitter.terminate(terminator.text)
            return
        status = terminator.operands[0] if terminator.operands else "0"
        if label not in self.exits:
            self.on_error(status)
            return
        if self.exit_slot is not None:
            self.emitter.store("i32", str(self.exits[label]), self.emitter.offset("%frame", self.exit_slot))
        if status in GOOD_STATUS:
            self.on_return(status)
            return
        tests = [self.emitter.define(f"icmp eq i32 {status}, {value}") for value in sorted(GOOD_STATUS)]
        good = self.emitter.define(f"or i1 {tests[0]}, {tests[1]}")
        onward, away = self.emitter.fresh(".good"), self.emitter.fresh(".bad")
        self.emitter.branch_if(good, onward, away)
        self.emitter.start(away)
        self.on_error(status)
        self.emitter.start(onward)
        self.on_return(status)


def _record_name(loop: Loop) -> str:
    return f'%"{loop.header[1:].strip(chr(34))}.record"'


def stack_size(i: Instruction) -> int:
    """Bytes of a stack slot, from its element type."""
    from .layout import size_of

    return size_of(i.element_type)
