"""Forward mode: after each instruction of the primal, its tangent.

Tangents of SSA values are SSA values, tangents of memory live in its shadow. Calls that stay calls get the shadows and
tangents as further arguments. Reference counts of arrays with a shadow are kept for the shadow too, so memory is
released when the plain call would release it; what Numba's code forgets is released when the root leaves (`owned`).

Invariant: the instructions of the primal are emitted as they were read and in their order.
"""

from __future__ import annotations

import re

from ..analysis import Status, symbol_of
from ..analysis.effects import ARENA_ALLOCATORS, DIRECT_ALLOCATORS, LIST_ALLOCATOR, is_arena_allocation
from ..diagnostics import UnsupportedCodeError
from ..ir import Instruction
from ..ir.model import FLOAT_TYPES
from ..rules import operation_of, rule_for
from . import blas, calls, copies, owned
from .accesses import alignment_of_access
from .adjoints import ExpressionWriter
from .augment import augment, shadow_operand
from .emitter import ZERO, Emitter, quoted
from .facts import PUBLISH, FunctionFacts, Signature
from .forward_sweep import stack_size

_REFERENCE_COUNTS = frozenset({"NRT_incref", "NRT_decref", "NRT_Free"})
_DATA_POINTER_OFFSET = 24  # of Numba's meminfo


class ForwardFunction:
    """Writes the forward derivative of one function under one signature."""

    def __init__(self, context: calls.Context, signature: Signature) -> None:
        self.context, self.signature = context, signature
        self.function = context.module.functions[signature.name]
        self.facts = FunctionFacts(
            context.module, self.function, signature, context.summaries, context.report, one_sweep=True
        )
        self.augmented = augment(self.facts, counters=False)
        self.shadows = set(self.augmented.shadow.values())
        self.emitter = Emitter("z.")
        self.writer = ExpressionWriter(self.emitter)
        self.helpers: set[str] = set()
        self.uses_arena = any(symbol_of(name) in ARENA_ALLOCATORS for name in context.module.declarations)
        self.counted = context.counted
        # Callees get the arena, or the list of what was allocated, under the same name.
        self.has_owner = self.uses_arena or self.counted is not None
        self.lent = self._meminfos_to_lend()

    # -- the function -----------------------------------------------------------------------------
    def write(self, name: str, *, internal: bool) -> str:
        for label in self.facts.cfg.order:
            self._write_block(label)
        for callee, declaration in self.writer.declarations.items():
            if callee == '@"numzyme.digamma"':
                self.helpers.add("numzyme.digamma")
            else:
                self.context.declarations[callee] = declaration
        self.context.helpers |= self.helpers
        linkage = "internal " if internal else ""
        parameters, body = self._parameters(), self.emitter.text()
        if self.has_owner and internal:
            parameters += ", ptr %arena"
        elif self.has_owner:
            enter = owned.entry(self.lent) if self.counted else ["%arena = call ptr @numzyme.arena.enter()"]
            entry = "\n  ".join([*enter, f"br label {self.facts.cfg.entry}"])
            body = f'"numzyme.entry":\n  {entry}\n{body}'
        return f"define {linkage}{self.function.return_type} {name}({parameters}) {{\n{body}\n}}"

    def _parameters(self) -> str:
        primal, extra = [], []
        for p, status in zip(self.function.parameters, self.signature.statuses, strict=True):
            mark = " noalias" if self.signature.is_root and "noalias" in p.attributes else ""
            primal.append(f"{p.type}{mark} {self._given(p.name)}")
            if status is Status.DUPLICATED:
                extra.append(f"ptr{mark} {self._given(quoted(p.name, '.shadow'))}")
            elif status is Status.ACTIVE:
                extra.append(f"{p.type} {self.tangent_name(p.name)}")
        return ", ".join(primal + extra)

    def _given(self, parameter: str) -> str:
        return owned.given(parameter) if parameter in self.lent else parameter

    def _meminfos_to_lend(self) -> list[str]:
        """Meminfos of the root's arguments and of their shadows, if the code counts and no count outlives it unseen."""
        if not (self.signature.is_root and self.counted and "@NRT_incref" in self.context.module.declarations):
            return []
        if self.counted.result_words is None or not self.counted.contained:
            return []
        shadows = [name for name in map(self.augmented.shadow.get, self.counted.meminfos) if name]
        return [*self.counted.meminfos, *shadows]

    def _leave(self, terminator: Instruction) -> None:
        """What the root does before it returns."""
        if self.counted is None:
            self.emitter.line("call void @numzyme.arena.leave(ptr %arena)")
            return
        exits = owned.exceptions(self.context.module) or {}
        if exits:
            self.context.extra_functions["numzyme.raised"] = owned.raised_text(exits)
        shadow = self.augmented.shadow.get(self.counted.result)
        owned.leave(self.emitter, self.counted, exits, len(self.lent), shadow, terminator)

    def _write_block(self, label: str) -> None:
        self.emitter.start(label)
        body = self.augmented.blocks[label]
        relevant = label in self.facts.cfg.relevant
        phis = [i for i in body if i.opcode == "phi"]
        for phi in phis:
            self.emitter.line(phi.text)
            if relevant and self.facts.is_active(phi.name):
                incoming = ", ".join(
                    f"[ {self.tangent(v)}, {p} ]" for v, p in zip(phi.operands, phi.labels, strict=True)
                )
                self.emitter.line(f"{self.tangent_name(phi.name)} = phi {phi.type} {incoming}")
        for i in body[len(phis) : -1]:
            if relevant:
                self._write_instruction(i)
            else:
                self._write_verbatim(i)
        if body[-1].opcode == "ret" and self.has_owner and self.signature.is_root:
            self._leave(body[-1])
        self.emitter.terminate(body[-1].text)

    # -- tangents ---------------------------------------------------------------------------------
    def tangent_name(self, name: str) -> str:
        return quoted(name, ".tangent")

    def tangent(self, value: str) -> str:
        return self.tangent_name(value) if self.facts.is_active(value) else ZERO

    def _bind(self, i: Instruction, value: str | None) -> None:
        """Give the tangent of `i` its name; adding -0.0 changes nothing and LLVM folds it."""
        self.emitter.line(f"{self.tangent_name(i.name)} = fadd {i.type} {value or ZERO}, {ZERO}")

    def _write_instruction(self, i: Instruction) -> None:
        if i.opcode == "call":
            self._write_call(i)
            return
        self.emitter.line(i.text)
        if i.opcode == "alloca" and i.name in self.shadows:
            self._memset(i.name, str(stack_size(i)))
        if i.opcode == "store":
            self._write_store(i)
        if not self.facts.is_active(i.name):
            return
        if i.opcode == "load":
            shadow = self.shadow(i.operands[0], i)
            alignment = alignment_of_access(i)
            self.emitter.line(f"{self.tangent_name(i.name)} = load {i.type}, ptr {shadow}{alignment}")
        elif i.opcode in ("fptrunc", "fpext"):
            tangent = self.tangent(i.operands[0])
            self.emitter.line(f"{self.tangent_name(i.name)} = {i.opcode} {i.types[0]} {tangent} to {i.type}")
        elif i.opcode == "freeze":
            self._bind(i, self.tangent(i.operands[0]))
        elif i.opcode == "select":
            a, b = self.tangent(i.operands[1]), self.tangent(i.operands[2])
            self._bind(i, self.emitter.select(i.operands[0], i.type, a, b))
        else:
            self._write_operation(i)

    def _write_operation(self, i: Instruction) -> None:
        rule = rule_for(i)
        assert rule is not None  # FunctionFacts has refused anything else
        self.context.report.rules[operation_of(i) or i.opcode] += 1

        def symbol(name: str) -> str:
            return i.name if name == "y" else i.operands[int(name[1:])]

        total = None
        for operand, partial in zip(i.operands, rule.expressions(), strict=False):
            if self.facts.is_active(operand):
                part = self.writer.times(self.tangent(operand), partial, symbol, i.type)
                if part is not None:
                    total = part if total is None else self.emitter.sum(i.type, total, part)
        self._bind(i, total)

    # -- memory -----------------------------------------------------------------------------------
    def shadow(self, pointer: str, user: Instruction) -> str:
        return shadow_operand(self.facts, self.augmented.shadow, pointer, user)

    def _memset(self, pointer: str, size: str) -> None:
        self.context.declarations["@llvm.memset.p0.i64"] = "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)"
        self.emitter.line(f"call void @llvm.memset.p0.i64(ptr {pointer}, i8 0, i64 {size}, i1 false)")

    def _write_store(self, i: Instruction) -> None:
        value, pointer = i.operands
        if not self.facts.has_shadow(pointer):
            return
        kind, target, alignment = i.types[0], self.shadow(pointer, i), alignment_of_access(i)
        if kind in FLOAT_TYPES:
            tangent = self.tangent(value) if self.facts.is_active(value) else "0.000000e+00"
            self.emitter.store(kind, tangent, target, alignment)
        elif kind == "ptr":
            known = value in self.augmented.shadow
            self._refuse_constant_array(i, value)
            self.emitter.store("ptr", self.shadow(value, i) if known else value, target)
        elif self._is_beside_floats(pointer):
            if self.facts.writes_over_floats(i) or not self.facts.is_in_records(pointer):
                self.emitter.store(kind, "0", target, alignment)
        else:
            self.emitter.store(kind, value, target, alignment)  # shapes and strides of a returned array's shadow

    def _is_beside_floats(self, pointer: str) -> bool:
        """Whether memory holds floats and no pointers: nobody would need the integers beside their tangents."""
        kinds = set().union(*(self.facts.kinds.of.get(o, set()) for o in self.facts.memory.objects(pointer)))
        return bool(kinds & FLOAT_TYPES) and "ptr" not in kinds

    def _refuse_constant_array(self, store: Instruction, value: str) -> None:
        """A constant array that is handed over has no shadow to be handed over beside it."""
        if not self.facts.memory.objects(store.operands[1]) & self.facts.activity.handed_over:
            return  # what is loaded from there and has a shadow on some path has one on all
        for an_object in self.facts.memory.objects(value) - self.facts.activity.objects:
            if self.facts.kinds.holds_floats(an_object):
                label = self.facts.labels.get(an_object.name)
                made_here = "a list or an array that was made here without derivatives"
                todo = [f"return a copy of {label}", f"pass {label} as Duplicated with a tangent of zeros"]
                raise UnsupportedCodeError(
                    f"{f'the constant array {label}' if label else made_here} is part of a differentiated result",
                    where=self.facts.location(store),
                    why="it has no tangent that could be returned with it",
                    todo=todo if label else ["keep it apart from those that have derivatives"],
                )

    # -- calls ------------------------------------------------------------------------------------
    def _write_verbatim(self, i: Instruction) -> None:
        if i.opcode == "call" and symbol_of(i.callee).startswith("llvm.experimental.noalias.scope"):
            return  # about memory whose shadow it does not mention
        if i.opcode == "call" and i.callee in self.context.module.functions:
            self.context.plain.setdefault(i.callee)
            arena = "ptr %arena" if self.has_owner else "ptr null"
            self.emitter.line(calls.replace_callee(i.text, i.callee, calls.plain_name(i.callee), arena))
            return
        if is_arena_allocation(i) or (
            self.uses_arena and i.opcode == "call" and symbol_of(i.callee) == "numzyme.escape"
        ):
            self.emitter.line(calls.plain_instruction(self.context, i))
            return
        block = owned.allocation(i) if self.counted and i.opcode == "call" else None
        if block:
            self._write_block_of_memory(i, block)
            return
        # Counting reaches the list and the stand-ins on the root's stack: no tail call may do that.
        self.emitter.line(re.sub(r"\btail call", "call", i.text) if self.counted else i.text)

    def _write_block_of_memory(self, i: Instruction, block: str) -> None:
        """An allocation with its shadow; if that cannot be had, the primal's own test finds that there is no memory."""
        shadow = self.augmented.shadow.get(i.name)
        if shadow is None:
            self.emitter.line(f"{i.name} = {block}")
            return
        primal = self.emitter.define(block)
        self.emitter.line(f"{shadow} = {owned.shadow_allocation(i)}")
        failed = self.emitter.define(f"icmp eq ptr {shadow}, null")
        self.emitter.line(f"{i.name} = select i1 {failed}, ptr null, ptr {primal}")

    def _write_call(self, i: Instruction) -> None:
        symbol = symbol_of(i.callee)
        if symbol.startswith("llvm.lifetime."):
            return
        if self.facts.is_active_call(i):
            self._write_active_call(i)
            return
        if i.name in self.shadows and self.counted and owned.allocation(i):
            return  # written with its primal
        self._write_verbatim(i)
        if i.name in self.shadows:
            self._clear_allocation(i, symbol)
        elif symbol == PUBLISH and self.facts.has_shadow(i.operands[1]):
            slot, shadow = self.emitter.offset(i.operands[0], 8), self.shadow(i.operands[1], i)
            self.emitter.line(f"call void {i.callee}(ptr {slot}, ptr {shadow}, i64 {i.operands[2]})")
        elif symbol in _REFERENCE_COUNTS and self.facts.has_shadow(i.operands[0]):
            shadow = self.shadow(i.operands[0], i)
            self.emitter.line(f"call void {i.callee}(ptr {shadow})")
        elif symbol.startswith("llvm.mem") and self.facts.has_shadow(i.operands[0]):
            self._write_copy(i, symbol)
        elif self.facts.is_blas(i) and self.facts.has_shadow(i.operands[blas.output(i)]):
            blas.forward(
                self.emitter,
                self.facts,
                i,
                lambda n: self.shadow(i.operands[n], i),
                self.writer.declarations,
                self.helpers,
            )
        elif self.facts.is_active(i.name):
            self._write_operation(i)

    def _clear_allocation(self, i: Instruction, symbol: str) -> None:
        """A fresh shadow is zero; its address follows from its meminfo."""
        if symbol in DIRECT_ALLOCATORS:
            failed = self.emitter.define(f"icmp eq ptr {i.name}, null")  # the primal's own test follows
            # a list's count of references stays, where there is one
            kept = 8 if self.counted and symbol == LIST_ALLOCATOR else 0
            size = self.emitter.define(f"sub i64 {i.operands[0]}, {kept}") if kept else i.operands[0]
            cleared = self.emitter.offset(i.name, kept) if kept else i.name
            self._memset(cleared, self.emitter.select(failed, "i64", "0", size))
            return
        data = self.emitter.load("ptr", self.emitter.offset(i.name, _DATA_POINTER_OFFSET))
        self._memset(data, i.operands[0])

    def _write_copy(self, i: Instruction, symbol: str) -> None:
        target, block = self.shadow(i.operands[0], i), self.facts.block_of(i)
        copied = not symbol.startswith("llvm.memset") and self.facts.has_shadow(i.operands[1])
        source = self.shadow(i.operands[1], i) if copied else ""
        if block.pieces and copied:
            self.helpers |= copies.write_copy(self.emitter, block, target, source, i.operands[2])
        elif block.pieces:
            self.helpers |= copies.write_zeros(self.emitter, block, target, i.operands[2])
        elif copied:
            self.emitter.line(f"call void {i.callee}(ptr {target}, ptr {source}, i64 {i.operands[2]}, i1 false)")
        else:
            self._memset(target, i.operands[2])

    def _write_active_call(self, i: Instruction) -> None:
        if i.name and (self.facts.is_active(i.name) or i.type.startswith("{")):
            where = self.facts.location(i)
            raise UnsupportedCodeError("a call that returns its result by value has no tangent", where=where)
        signature = calls.signature_of(self.facts, i)
        number = self.context.number(signature)
        arguments = [(kind, v) for v, kind in zip(i.operands, i.types, strict=True)]
        for value, kind, status in zip(i.operands, i.types, signature.statuses, strict=True):
            if status is Status.DUPLICATED:
                arguments.append(("ptr", self.shadow(value, i)))
            elif status is Status.ACTIVE:
                arguments.append((kind, self.tangent(value)))
        if self.has_owner:
            arguments.append(("ptr", "%arena"))
        inside = ", ".join(f"{kind} {value}" for kind, value in arguments)
        name = f"{i.name} = " if i.name else ""
        self.emitter.line(f"{name}call {i.type} {calls.derived_name('forward', signature, number)}({inside})")
