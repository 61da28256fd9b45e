"""Arrays that are made of a list which a loop fills: `np.array([v * v for v in x])`.

Numba makes the array at once, and stores what is appended. Decides where that means the same: the list is used for
nothing else, its members are no sequences, and the length of what the loop runs over is known before it. Invariant:
everywhere else the list is made, and the array of it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from numba.core import ir, types
from numba.core.extending import intrinsic
from numba.core.ir_utils import GuardException, find_callname, get_definition, guard

_COUNTED = frozenset({"range", "enumerate", "zip"})
_SEQUENCES = frozenset({"build_list", "build_tuple", "build_set", "build_map"})


class ArraysFromLists:
    """While it is entered, Numba makes arrays of lists where it may; `kinds` are the types of the arguments."""

    def __init__(self, kinds: Any) -> None:
        self.kinds = kinds

    def __enter__(self) -> None:
        self.inlining: Any = importlib.import_module("numba.core.inline_closurecall")  # which loads Numba's compiler
        ours = {
            "_inline_arraycall": self._inline_arraycall,
            "_find_iter_range": self._not_found,  # it takes the end for the length, which may be negative
            "length_of_iterator": length_of_iterator,
        }
        self.numbas = {name: getattr(self.inlining, name) for name in ours}
        for name, value in ours.items():
            setattr(self.inlining, name, value)

    def __exit__(self, *_: Any) -> None:
        for name, value in self.numbas.items():
            setattr(self.inlining, name, value)

    def _inline_arraycall(self, func_ir: Any, cfg: Any, visited: Any, loop: Any, *options: Any) -> bool:
        may = len(loop.exits) == 1 and _is_counted(func_ir, func_ir.blocks[loop.header], self.kinds)
        if not may or not self._is_only_filled(func_ir, func_ir.blocks[next(iter(loop.exits))]):
            raise GuardException
        return self.numbas["_inline_arraycall"](func_ir, cfg, visited, loop, *options)

    def _not_found(self, *_: Any) -> Any:
        raise GuardException

    def _is_only_filled(self, func_ir: Any, after: Any) -> bool:
        """Whether the list that becomes an array in the block `after` a loop is used for nothing else."""
        found = guard(self.inlining._find_arraycall, func_ir, after)
        if found is None:
            return False
        names, appends, arrays = _names_of(func_ir, found[0]), set(), 0
        for statement in _statements(func_ir):
            value = getattr(statement, "value", None)
            if isinstance(statement, ir.Del) or _is_copy(statement, names):
                continue
            if isinstance(value, ir.Expr) and value.op == "getattr" and value.value.name in names:
                if value.attr != "append":
                    return False
                appends.add(statement.target.name)
            elif isinstance(value, ir.Expr) and value.op == "call" and value.func.name in appends:
                if _is_sequence(func_ir, value.args[0]):
                    return False
            elif any(variable.name in names for variable in statement.list_vars()) and not _makes_list(statement):
                arrays += 1
        return arrays == 1 and len(appends) == 1


def _statements(func_ir: Any) -> Iterator[Any]:
    for block in func_ir.blocks.values():
        yield from block.body


def _makes_list(statement: Any) -> bool:
    return isinstance(statement, ir.Assign) and getattr(statement.value, "op", "") == "build_list"


def _is_copy(statement: Any, names: set[str]) -> bool:
    """Whether one name of the list becomes another."""
    source = _copied(statement)
    return source is not None and source.name in names and statement.target.name in names


def _copied(statement: Any) -> Any:
    """The variable that an assignment copies; None for other statements."""
    if not isinstance(statement, ir.Assign):
        return None
    value = statement.value
    if isinstance(value, ir.Expr) and value.op == "cast":
        value = value.value
    return value if isinstance(value, ir.Var) else None


def _names_of(func_ir: Any, variable: Any) -> set[str]:
    """All names that a list has: those that were copied from it, or from which it was."""
    names, before = {variable.name}, 0
    while len(names) > before:
        before = len(names)
        for statement in _statements(func_ir):
            source = _copied(statement)
            if source is not None and not names.isdisjoint({source.name, statement.target.name}):
                names |= {source.name, statement.target.name}
    return names


def _definition(func_ir: Any, variable: Any) -> Any:
    found = guard(get_definition, func_ir, variable)
    while isinstance(found, ir.Expr) and found.op == "cast":
        found = guard(get_definition, func_ir, found.value)
    return found


def _is_sequence(func_ir: Any, variable: Any) -> bool:
    found = _definition(func_ir, variable)
    return isinstance(found, ir.Expr) and found.op in _SEQUENCES


def _is_counted(func_ir: Any, header: Any, kinds: Any) -> bool:
    """Whether the length of what a loop runs over is known before it, and stays as it is."""
    steps = list(header.find_exprs("iternext"))
    if len(steps) != 1:
        return False
    found = _definition(func_ir, steps[0].value)
    return isinstance(found, ir.Expr) and found.op == "getiter" and _has_length(func_ir, found.value, kinds)


def _has_length(func_ir: Any, variable: Any, kinds: Any) -> bool:
    """Arrays and tuples that are arguments, and what is made of them and of ranges there: who has a name may be used
    before, and lists change."""
    found = _definition(func_ir, variable)
    if isinstance(found, ir.Arg):
        return isinstance(kinds[found.index], types.Array | types.BaseTuple)
    if not isinstance(found, ir.Expr) or found.op != "call" or not variable.name.startswith("$"):
        return False
    name = guard(find_callname, func_ir, found)
    if name is None or name[0] not in _COUNTED:
        return False
    sources = found.args[:1] if name[0] == "enumerate" else found.args
    return name[0] == "range" or all(_has_length(func_ir, value, kinds) for value in sources)


@intrinsic
def length_of_iterator(typing_context: Any, iterator: Any) -> Any:
    """How many members an iterator gives that has given none yet."""
    if not isinstance(iterator, types.EnumerateType | types.ZipType):
        numbas: Any = importlib.import_module("numba.core.inline_closurecall").length_of_iterator
        return numbas._defn(typing_context, iterator)
    is_zip = isinstance(iterator, types.ZipType)
    inner = list(iterator.source_types) if is_zip else [iterator.source_type]

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        members = context.make_helper(builder, iterator, value=args[0])
        lengths = []
        for position, kind in enumerate(inner):
            member = getattr(members, f"iter{position}" if is_zip else "iter")
            called, write = length_of_iterator._defn(typing_context, kind)  # type: ignore[attr-defined]
            length = write(context, builder, called, [member])
            lengths.append(context.cast(builder, length, called.return_type, types.intp))
        least = lengths[0]
        for length in lengths[1:]:
            least = builder.select(builder.icmp_signed("<", length, least), length, least)
        return least

    return types.intp(iterator), generate
