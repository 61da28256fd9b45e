"""Generator expressions as arguments of `sum`, `any`, `all`, `max`, `min`, `list`, `tuple`, `sorted`: loops.

Numba inlines comprehensions, but knows no generator inside a function. Decides by the bytecode what becomes of one: for
`list`, `tuple` and `sorted`, which take every item before they do anything, a list comprehension; for the others a
function that folds the items as they come, and gives the result as a tuple of one, on which the same built-in function
is called. Invariant: what runs, and in which order, is what Python runs; any other generator stays one, and is refused.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
import sys
from types import CodeType, FunctionType
from typing import Any

from ..functions import with_code

KNOWS_BYTECODE = sys.version_info[:2] == (3, 11)
_TAKE_ALL = ("list", "tuple", "sorted")
_FOLD = ("sum", "any", "all", "max", "min")
_CACHES = {"BINARY_OP": 1, "COMPARE_OP": 2, "LOAD_GLOBAL": 5, "PRECALL": 1, "CALL": 4}
_ADD = next(n for n, (_, symbol) in enumerate(dis._nb_ops) if symbol == "+") if KNOWS_BYTECODE else 0  # type: ignore[attr-defined]


def without_generators(function: FunctionType) -> FunctionType:
    """`function`, or a copy of it without the generator expressions that have become loops."""
    if not KNOWS_BYTECODE or not isinstance(function, FunctionType):
        return function
    shadowed = any(name in function.__globals__ for name in (*_TAKE_ALL, *_FOLD))
    return function if shadowed else with_code(function, _code_without_generators(function.__code__))


@functools.cache
def _code_without_generators(code: CodeType) -> CodeType:
    constants = list(code.co_consts)
    consumers = _consumers(code)
    for position, constant in enumerate(constants):
        if isinstance(constant, CodeType):
            inner = _code_without_generators(constant)
            if constant.co_name == "<genexpr>" and constant.co_flags & inspect.CO_GENERATOR:
                inner = _without_yield(inner, consumers.get(position))
            constants[position] = inner
    if all(one is other for one, other in zip(constants, code.co_consts, strict=True)):
        return code
    return code.replace(co_consts=tuple(constants))


def _consumers(code: CodeType) -> dict[int, str]:
    """The built-in function around each generator expression, by the position of its code among the constants.

    The name ends with `*` when it takes more arguments than the generator.
    """
    steps = [i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"]
    found: dict[int, str] = {}
    for position, step in enumerate(steps):
        if step.opname != "MAKE_FUNCTION" or not isinstance(steps[position - 1].argval, CodeType):
            continue
        before = position - 2
        if step.arg & 8:  # type: ignore[operator]
            before -= 1 + steps[before].arg  # type: ignore[operator]
        function = steps[before]
        end = _end_of_call(steps, position)
        if function.opname != "LOAD_GLOBAL" or function.argval not in (*_TAKE_ALL, *_FOLD) or end is None:
            continue
        alone = [(s.opname, s.arg) for s in steps[end : end + 2]] == [("PRECALL", 1), ("CALL", 1)]
        found[steps[position - 1].arg] = function.argval + ("" if alone else "*")  # type: ignore[index]
    return found


def _end_of_call(steps: list[Any], made: int) -> int | None:
    """Where the call of the generator's or comprehension's function, made at `made`, has ended."""
    depth = 0
    for position in range(made, len(steps) - 2):
        step = steps[position]
        inner = isinstance(steps[position - 1].argval, CodeType) and steps[position - 1].argval.co_name
        if step.opname == "MAKE_FUNCTION" and inner in ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>"):
            depth += 1
        called = [(s.opname, s.arg) for s in steps[position : position + 3]]
        if called == [("GET_ITER", None), ("PRECALL", 0), ("CALL", 0)]:
            depth -= 1
            if depth == 0:
                return position + 3
    return None


def _without_yield(code: CodeType, consumer: str | None) -> CodeType:
    """The code of a generator expression as that of a function that does what `consumer` needs."""
    steps = list(dis.get_instructions(code))
    starts = [s.offset for s in steps if s.opname == "RETURN_GENERATOR"]
    yields = [s.offset for s in steps if s.opname == "YIELD_VALUE"]
    ends = [s.offset for s in steps if s.opname == "RETURN_VALUE"]
    awaits = any(s.arg is not None and s.arg > 200 and s.opcode in dis.hasfree for s in steps) or any(
        s.opname in ("SEND", "GET_AWAITABLE", "YIELD_FROM") for s in steps
    )
    if consumer is None or awaits or len(starts) != 1 or len(yields) != 1 or len(ends) != 1:
        return code
    iterators = sum(s.opname == "FOR_ITER" for s in steps)
    writer = _Writer(code)
    if consumer.rstrip("*") in _TAKE_ALL or consumer.endswith("*"):
        writer.put(starts[0], [("RESUME", 0), ("BUILD_LIST", 0), ("NOP", 0)])
        writer.put(yields[0], [("LIST_APPEND", iterators + 1), ("NOP", 0), ("NOP", 0)])
        writer.put(ends[0] - 2, [("NOP", 0), ("RETURN_VALUE", 0)])
        name = "<listcomp>"
    else:
        name = f"<{consumer}>"
        _Fold(writer, starts[0], yields[0], ends[0] - 2, iterators).write(consumer)
    return writer.code(name)


class _Writer:
    """Changes instructions in place, and adds others at the end, which no jump has to be changed for."""

    def __init__(self, code: CodeType) -> None:
        self.old, self.text = code, bytearray(code.co_code)
        self.constants, self.names, self.variables = list(code.co_consts), list(code.co_names), list(code.co_varnames)

    def put(self, offset: int, steps: list[tuple[str, int]]) -> None:
        for name, argument in steps:
            self.text[offset : offset + 2] = bytes((dis.opmap[name], argument))
            offset += 2

    def jump(self, offset: int, name: str, target: int) -> None:
        """A jump from `offset`, which takes two instructions."""
        distance = abs(target - (offset + 4)) // 2
        self.put(offset, [("EXTENDED_ARG", distance >> 8), (name, distance & 255)])

    def add(self, name: str, argument: int = 0) -> None:
        argument_bytes = argument.to_bytes(2, "big")
        if argument > 255:
            self.text += bytes((dis.opmap["EXTENDED_ARG"], argument_bytes[0]))
        self.text += bytes((dis.opmap[name], argument_bytes[1])) + bytes(2 * _CACHES.get(name, 0))

    def add_jump(self, name: str, target: int) -> int:
        """A jump at the end, whose target may be given later with `jump`; where it is."""
        place = len(self.text)
        self.text += bytes(4)
        self.jump(place, name, target)
        return place

    def constant(self, value: Any) -> int:
        self.constants.append(value)
        return len(self.constants) - 1

    def variable(self, name: str) -> int:
        self.variables.append(name)
        return len(self.variables) - 1

    def code(self, name: str) -> CodeType:
        self._move_cells()
        flags = self.old.co_flags & ~inspect.CO_GENERATOR
        return self.old.replace(
            co_code=bytes(self.text), co_flags=flags, co_name=name, co_qualname=name, co_consts=tuple(self.constants),
            co_names=tuple(self.names), co_varnames=tuple(self.variables), co_nlocals=len(self.variables),
            co_stacksize=self.old.co_stacksize + 4,
        )  # fmt: skip

    def _move_cells(self) -> None:
        """Captured variables are numbered after the local ones, of which there may be more now."""
        count, added = self.old.co_nlocals, len(self.variables) - self.old.co_nlocals
        for step in dis.get_instructions(self.old):
            if step.opcode in dis.hasfree and step.arg is not None and step.arg >= count:
                self.text[step.offset + 1] += added


class _Fold:
    """The steps of `sum`, `any`, `all`, `max` and `min` in place of `yield`."""

    def __init__(self, writer: _Writer, start: int, at_yield: int, end: int, iterators: int) -> None:
        self.writer, self.start, self.at_yield, self.end, self.iterators = writer, start, at_yield, end, iterators
        self.after = at_yield + 6

    def write(self, consumer: str) -> None:
        if consumer in ("any", "all"):
            self._until(consumer == "any")
        elif consumer == "sum":
            self._sum()
        else:
            self._extreme(consumer)

    def _return(self) -> None:
        self.writer.add("BUILD_TUPLE", 1)
        self.writer.add("RETURN_VALUE")

    def _begin(self, variable: int, value: Any) -> None:
        number = self.writer.constant(value)
        self.writer.put(self.start, [("RESUME", 0), ("LOAD_CONST", number), ("STORE_FAST", variable)])

    def _leave(self) -> None:
        """Go on at the end of the code, once the loops are over."""
        self.writer.jump(self.end, "JUMP_FORWARD", len(self.writer.text))

    def _until(self, found: bool) -> None:
        writer = self.writer
        self.writer.put(self.start, [("RESUME", 0), ("NOP", 0), ("NOP", 0)])
        name = "POP_JUMP_FORWARD_IF_TRUE" if found else "POP_JUMP_FORWARD_IF_FALSE"
        writer.jump(self.at_yield, name, len(writer.text))
        writer.put(self.at_yield + 4, [("NOP", 0)])
        for _ in range(self.iterators):
            writer.add("POP_TOP")
        writer.add("LOAD_CONST", writer.constant(found))
        self._return()
        self._leave()
        writer.add("LOAD_CONST", writer.constant(not found))
        self._return()

    def _sum(self) -> None:
        writer, total = self.writer, self.writer.variable(".total")
        self._begin(total, 0)
        self._jump_at_yield()
        item = writer.variable(".item")
        writer.add("STORE_FAST", item)
        writer.add("LOAD_FAST", total)
        writer.add("LOAD_FAST", item)
        writer.add("BINARY_OP", _ADD)
        writer.add("STORE_FAST", total)
        writer.add_jump("JUMP_BACKWARD", self.after)
        self._leave()
        writer.add("LOAD_FAST", total)
        self._return()

    def _jump_at_yield(self) -> None:
        self.writer.jump(self.at_yield, "JUMP_FORWARD", len(self.writer.text))
        self.writer.put(self.at_yield + 4, [("NOP", 0)])

    def _extreme(self, consumer: str) -> None:
        writer = self.writer
        begun, best, item = (writer.variable(name) for name in (".begun", ".best", ".item"))
        writer.put(self.start, [("RESUME", 0)])
        writer.jump(self.start + 2, "JUMP_FORWARD", len(writer.text))
        for variable, value in ((begun, False), (best, 0)):
            writer.add("LOAD_CONST", writer.constant(value))
            writer.add("STORE_FAST", variable)
        writer.add_jump("JUMP_BACKWARD", self.start + 6)
        self._jump_at_yield()
        writer.add("STORE_FAST", item)
        writer.add("LOAD_FAST", begun)
        first = writer.add_jump("POP_JUMP_FORWARD_IF_FALSE", 0)
        writer.add("LOAD_FAST", item)
        writer.add("LOAD_FAST", best)
        writer.add("COMPARE_OP", dis.cmp_op.index(">" if consumer == "max" else "<"))
        better = writer.add_jump("POP_JUMP_FORWARD_IF_TRUE", 0)
        writer.add_jump("JUMP_BACKWARD", self.after)
        for jump in (first, better):
            writer.jump(jump, dis.opname[writer.text[jump + 2]], len(writer.text))
        writer.add("LOAD_FAST", item)
        writer.add("STORE_FAST", best)
        writer.add("LOAD_CONST", writer.constant(True))
        writer.add("STORE_FAST", begun)
        writer.add_jump("JUMP_BACKWARD", self.after)
        self._leave()
        writer.add("LOAD_FAST", begun)
        empty = writer.add_jump("POP_JUMP_FORWARD_IF_FALSE", 0)
        writer.add("LOAD_FAST", best)
        self._return()
        writer.jump(empty, "POP_JUMP_FORWARD_IF_FALSE", len(writer.text))
        self._raise(f"{consumer}() arg is an empty sequence")

    def _raise(self, message: str) -> None:
        writer = self.writer
        writer.names.append(builtins.ValueError.__name__)
        writer.add("LOAD_GLOBAL", 2 * len(writer.names) - 1)  # with a NULL for the call
        writer.add("LOAD_CONST", writer.constant(message))
        writer.add("PRECALL", 1)
        writer.add("CALL", 1)
        writer.add("RAISE_VARARGS", 1)
