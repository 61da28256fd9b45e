"""Reverse mode of one function: plan what to save, write the forward sweep, write the reverse sweep.

The root is one function with both sweeps; a function that stays a call is split into two. Both share everything but
the frame: the root's is a stack slot, which LLVM dissolves into registers; a split function's is memory that the caller
gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..analysis import Status
from ..ir import Function, Instruction
from ..ir.symbols import IN_ARENA
from . import blas, calls
from .augment import augment
from .emitter import Emitter
from .facts import FunctionFacts, Signature
from .forward_sweep import ForwardSweep, stack_size
from .lookup import Lookup, NeedsRecorder
from .request import Report, Stored
from .reverse_sweep import ReverseSweep, reverse_label
from .saving import Recomputation, choose, live_in_forward_sweep
from .storage import Storage

ARENA_DECLARATIONS = {
    "@numzyme.arena.enter": "declare ptr @numzyme.arena.enter()",
    "@numzyme.arena.leave": "declare void @numzyme.arena.leave(ptr)",
    **{f"@{name}": f"declare noalias ptr @{name}(ptr, i64)" for name in IN_ARENA.values()},
    "@numzyme.arena.escape": "declare void @numzyme.arena.escape(ptr, ptr, ptr, ptr, ptr, i64)",
}


class ReverseFunction:
    """Plans and writes the two sweeps of one function under one signature."""

    def __init__(self, context: calls.Context, signature: Signature, keep_primal: bool) -> None:
        self.context, self.signature, self.keep_primal = context, signature, keep_primal
        function = context.module.functions[signature.name]
        self.function: Function = function
        self.facts = FunctionFacts(context.module, function, signature, context.summaries, context.report)
        self.augmented = augment(self.facts, counters=True)
        self._add_call_values()
        self.storage = Storage(self.augmented, self.facts.forest.of)
        self.stack: list[Instruction] = [
            i for label in self.facts.cfg.order for i in self.augmented.blocks[label] if i.opcode == "alloca"
        ]
        self.stack_slots: dict[str, int] = {}
        if not signature.is_root:
            for i in self.stack:
                self.stack_slots[i.name] = self.storage.frame.reserve(stack_size(i), 16)
        self.recomputation = Recomputation(
            self.facts, self.augmented, self._free_values(), live_in_forward_sweep(self.facts, keep_primal)
        )
        self._plan()

    def _add_call_values(self) -> None:
        """Frames of active calls and copies of overwritten matrices are values that the reverse sweep wants."""
        for call in self.facts.activity.instructions:
            names = []
            if self.facts.is_active_call(call):
                names = [calls.frame_name(call)]
            elif self.facts.is_blas(call) and self.facts.has_shadow(call.operands[blas.output(call)]):
                names = [blas.copy_name(call, p) for p in blas.copied_operands(self.facts, call)]
            for name in names:
                self.augmented.instruction[name] = Instruction("frame", name, "ptr")
                self.augmented.definition[name] = self.facts.site[id(call)][0]

    def _free_values(self) -> set[str]:
        parameters = {p.name for p in self.function.parameters}
        shadows = {self.augmented.shadow[p] for p in parameters if p in self.augmented.shadow}
        stack = {i.name for i in self.stack}
        return parameters | shadows | stack | set(self.augmented.counter.values()) | {"%frame", "%arena"}

    def _plan(self) -> None:
        recorder = NeedsRecorder()
        dry = calls.Context(self.context.module, self.context.summaries, Report(), self.context.wanted)
        sweep = ReverseSweep(self.facts, self.augmented, Emitter("dry."), dry)
        sweep.write(recorder, '%"dry"')
        self.needed = {n for n in recorder.needed if n in self.augmented.instruction or n in self.recomputation.free}
        forest = self.facts.forest

        def depth_of(label: str) -> int:
            loop = forest.of[label]
            return loop.depth if loop is not None else 0

        stored = choose(self.recomputation, self.needed, depth_of)
        while self._what_is_stored_is_computed(stored):
            stored = choose(self.recomputation, self.needed, depth_of)
        order = {label: n for n, label in enumerate(self.facts.cfg.order)}
        for name in sorted(stored, key=lambda n: (order[self.augmented.definition[n]], n)):
            instruction = self.augmented.instruction[name]
            label = self.augmented.definition[name]
            self.storage.store(name, instruction.type, label)
            self._report(name, instruction, depth_of(label))

    def _what_is_stored_is_computed(self, stored: set[str]) -> bool:
        """Whether the forward sweep computes more than was thought, because stored values depend on it."""
        live = self.recomputation.live_forward
        before, stack = len(live), [name for name in stored if name in self.facts.forest.instruction]
        while stack:
            name = stack.pop()
            if name not in live and name in self.facts.forest.instruction:
                live.add(name)
                stack += self.facts.forest.instruction[name].operands
        return len(live) > before

    def _report(self, name: str, instruction: Instruction, depth: int) -> None:
        from ..ir.model import SIZES

        why = {
            "load": "read from memory that is overwritten later",
            "phi": "carried by a loop or joined from branches",
            "call": "an expensive call or a fresh buffer",
            "frame": "the memory of a differentiated call",
        }.get(instruction.opcode, "cheaper to keep than to compute again")
        primal = {shadow: pointer for pointer, shadow in self.augmented.shadow.items()}
        where = self.facts.line_of_value(primal.get(name, name))
        self.context.report.stored.append(Stored(name, SIZES.get(instruction.type, 8), depth, where, why))

    # -- writing ----------------------------------------------------------------------------------
    def _sweeps(self, emitter: Emitter) -> tuple[ForwardSweep, ReverseSweep]:
        forward = ForwardSweep(
            self.facts,
            self.augmented,
            self.storage,
            emitter,
            self.context,
            self.stack_slots,
            self.keep_primal,
        )
        return forward, ReverseSweep(self.facts, self.augmented, emitter, self.context)

    def _write_reverse(self, sweep: ReverseSweep, emitter: Emitter, finish: str) -> None:
        lookup = Lookup(emitter, self.augmented, self.storage, self.recomputation, sweep.entry_of, self.stack_slots)
        sweep.storage = self.storage
        sweep.write(lookup, finish)
        self.context.helpers |= sweep.helpers
        for name, declaration in sweep.writer.declarations.items():
            if name == '@"numzyme.digamma"':
                self.context.helpers.add("numzyme.digamma")
            else:
                self.context.declarations[name] = declaration

    def _enter_reverse(
        self, forward: ForwardSweep, emitter: Emitter, label: str, statuses: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """The block that starts the reverse sweep at the exit that was taken; the status there, of those given."""
        returns = self.facts.cfg.returns
        emitter.start(label)
        status = "0"
        if not returns:
            emitter.terminate("unreachable")  # the function always raises
            return status
        if set(statuses.values()) - {status}:
            incoming = ", ".join(f"[ {value}, {block} ]" for block, value in statuses.items())
            status = emitter.define(f"phi i32 {incoming}")
        if forward.exit_slot is None:
            emitter.branch(reverse_label(returns[0]))
            return status
        taken = emitter.load("i32", emitter.offset("%frame", forward.exit_slot))
        cases = " ".join(f"i32 {n}, label {reverse_label(r)}" for n, r in enumerate(returns) if n)
        emitter.terminate(f"switch i32 {taken}, label {reverse_label(returns[0])} [ {cases} ]")
        return status

    def _parameters(self, attributes: bool) -> list[str]:
        shadows, primal = [], []
        for p, status in zip(self.function.parameters, self.signature.statuses, strict=True):
            mark = " noalias" if attributes and "noalias" in p.attributes else ""
            primal.append(f"{p.type}{mark} {p.name}")
            if status is Status.DUPLICATED:
                shadows.append(f"ptr{mark} {self._shadow_parameter(p.name)}")
        return primal + shadows

    def _shadow_parameter(self, name: str) -> str:
        from .emitter import quoted

        return quoted(name, ".shadow")

    def _finish(self, emitter: Emitter, sweep: ReverseSweep) -> None:
        """Store the adjoints of the active scalar parameters."""
        sweep.values.enter_block(self.facts.cfg.entry)
        position = 0
        for p, status in zip(self.function.parameters, self.signature.statuses, strict=True):
            if status is not Status.ACTIVE:
                continue
            adjoint = sweep.adjoints.take(p.name) if sweep.facts.is_active(p.name) else None
            clean = emitter.define(f"fadd {p.type} {adjoint}, 0.000000e+00") if adjoint else "0.000000e+00"
            emitter.store(p.type, clean, emitter.offset("%adjoints", 8 * position))
            position += 1

    def write_root(self, symbol: str) -> str:
        """The combined function: forward sweep, reverse sweep, one return."""
        emitter = Emitter("z.")
        forward, sweep = self._sweeps(emitter)
        start, finish = '%"reverse"', '%"finish"'

        def on_error(status: str) -> None:
            emitter.line("<leave>")
            emitter.terminate(f"ret i32 {status}")

        statuses: dict[str, str] = {}  # of the good ways out, by the block that they leave

        def on_return(status: str) -> None:
            statuses[emitter.block.label] = status
            emitter.branch(start)

        forward.write(on_return, on_error)
        status = self._enter_reverse(forward, emitter, start, statuses)
        self._write_reverse(sweep, emitter, finish)
        emitter.start(finish)
        self._finish(emitter, sweep)
        on_error(status)
        leave = "call void @numzyme.arena.leave(ptr %arena)" if forward.uses_arena else ""
        for block in emitter.blocks.values():
            block.lines = [leave if line == "<leave>" else line for line in block.lines if line != "<leave>" or leave]
            block.lines = [line for line in block.lines if not self._is_hoisted(line)]
        entry = self._root_entry(forward, sweep)
        parameters = ", ".join([*self._parameters(True), "ptr noalias %adjoints"])
        return f'define i32 @"{symbol}"({parameters}) {{\n{entry}\n{emitter.text()}\n}}'

    def _is_hoisted(self, line: str) -> bool:
        return " = alloca " in line

    def _root_entry(self, forward: ForwardSweep, sweep: ReverseSweep) -> str:
        lines = []
        if self.storage.frame.size:
            lines.append(f"%frame = alloca [{self.storage.frame.size} x i8], align 32")
        for i in self.stack:
            lines.append(i.text)
        for i in self.stack:
            if i.name in forward.shadows:
                lines.append(f"call void @llvm.memset.p0.i64(ptr {i.name}, i8 0, i64 {stack_size(i)}, i1 false)")
                self.context.declarations["@llvm.memset.p0.i64"] = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
        lines += sweep.stack_text() + self._clear_records()
        if forward.uses_arena:
            lines.append("%arena = call ptr @numzyme.arena.enter()")
        lines.append(f"br label {self.facts.cfg.entry}")
        return "\n".join(['"numzyme.entry":', *("  " + line for line in lines)])

    def _clear_records(self) -> list[str]:
        lines = []
        for n, record in enumerate(self.storage.records.values()):
            lines.append(f'%"top{n}" = getelementptr i8, ptr %frame, i64 {record.top}')
            lines.append(f'store ptr null, ptr %"top{n}"')
        return lines

    def write_split(self, number: int) -> list[str]:
        """The augmented and the reverse function of a call."""
        emitter = Emitter("z.")
        forward, _ = self._sweeps(emitter)
        forward.write(
            lambda status: emitter.terminate(f"ret i32 {status}"),
            lambda status: emitter.terminate(f"ret i32 {status}"),
        )
        entry = "\n".join(
            [
                '"numzyme.entry":',
                *("  " + x for x in self._clear_records()),
                f"  br label {self.facts.cfg.entry}",
            ]
        )
        parameters = ", ".join([*self._parameters(False), "ptr %frame", "ptr %arena"])
        name = calls.derived_name("augmented", self.signature, number)
        texts = [f"define internal i32 {name}({parameters}) {{\n{entry}\n{emitter.text()}\n}}"]
        emitter = Emitter("z.")
        _, sweep = self._sweeps(emitter)
        self._enter_reverse(forward, emitter, '%"reverse"')
        self._write_reverse(sweep, emitter, '%"finish"')
        emitter.start('%"finish"')
        self._finish(emitter, sweep)
        emitter.terminate("ret void")
        entry = "\n".join(['"numzyme.entry":', *("  " + x for x in sweep.stack_text()), '  br label %"reverse"'])
        parameters = ", ".join([*self._parameters(False), "ptr %adjoints", "ptr %frame", "ptr %arena"])
        name = calls.derived_name("reverse", self.signature, number)
        texts.append(f"define internal void {name}({parameters}) {{\n{entry}\n{emitter.text()}\n}}")
        self.context.frame_sizes[number] = max(8, self.storage.frame.size)
        return texts
