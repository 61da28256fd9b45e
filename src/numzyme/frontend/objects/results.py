"""What a function of objects returns: taken apart in compiled code, so that Python can put it together again.

Decides which parts of a result Numba itself turns into Python objects (numbers, arrays, strings, tuples of these);
everything else is described by a `Returned`, made of those parts. Invariants: a mutable object that came in says which
one it is; memory leaves with its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from numba.core import cgutils, types
from numba.extending import intrinsic

from ..escape import escaped
from .attributes import constant_value, load_field
from .cyclic import is_cyclic, parts_of
from .kinds import IDENTITY, BoundMethod, ObjectType, is_static, stays_in_compiled_code


@dataclass(frozen=True)
class Returned:
    """How one value is put together. `source`: native, static, members, fields, method or reference (an object of the
    arguments, or None); `kind`: its type.

    `index`: which of the parts that Numba gives; of a mutable object, the one with its identity.
    """

    kind: Any
    source: str
    index: int = 0
    members: tuple[Returned, ...] = ()


class Noted(list[Returned]):
    """What the typing of a function found out about its result: nothing, as long as Numba gives it back."""

    def numzyme_fingerprint(self) -> str:
        return "noted by compilation"


class _Parts:
    """The parts of a result: their types, and how each is read from the whole."""

    def __init__(self) -> None:
        self.kinds: list[Any] = []
        self.readers: list[Callable[[Any, Any], Any]] = []  # (context, builder) -> value, borrowed

    def describe(self, kind: Any, read: Callable[[Any, Any], Any]) -> Returned:
        """The description of a value of type `kind`; `read` gives the code for it."""
        if is_static(kind):
            return Returned(kind, "static")
        if not (stays_in_compiled_code(kind) or _holds_constants(kind)):
            return Returned(kind, "native", self._add(kind, read))
        if isinstance(kind, types.BaseTuple | types.LiteralStrKeyDict):
            return Returned(kind, "members", members=tuple(self._members(kind, read)))
        if isinstance(kind, types.Optional) and is_cyclic(kind.type):
            return Returned(kind, "reference", self._add(types.intp, _reader_of_reference(kind, read)))
        if isinstance(kind, BoundMethod):
            return Returned(kind, "method", members=(self.describe(kind.receiver, read),))
        if isinstance(kind, ObjectType):
            index = self._add(types.intp, _reader_of_identity(kind, read)) if kind.mutable else 0
            if is_cyclic(kind):  # compiled code makes none
                return Returned(kind, "fields", index)
            members = [self.describe(part, _reader_of_field(kind, read, name)) for name, part in kind.fields.items()]
            return Returned(kind, "fields", index, tuple(members))
        return Returned(kind, "unknown")

    def _members(self, kind: Any, read: Any) -> Iterator[Returned]:
        for position, member in enumerate(kind.types):
            yield self.describe(member, _reader_of_member(kind, read, position))

    def _add(self, kind: Any, read: Callable[[Any, Any], Any]) -> int:
        self.kinds.append(kind)
        self.readers.append(read)
        return len(self.kinds) - 1


def _holds_constants(kind: Any) -> bool:
    """Whether a tuple has members that Numba does not give back, or not as they are: strings, functions, None."""
    return isinstance(kind, types.BaseTuple) and any(
        is_static(member) or _holds_constants(member)
        for member in kind.types  # type: ignore[attr-defined]
    )


def _reader_of_identity(kind: Any, read: Any) -> Any:
    def identity(context: Any, builder: Any) -> Any:
        model, parts = parts_of(context, builder, kind, read(context, builder))
        return model.get(builder, parts, IDENTITY)

    return identity


def _reader_of_reference(kind: Any, read: Any) -> Any:
    def identity(context: Any, builder: Any) -> Any:
        optional = context.make_helper(builder, kind, value=read(context, builder))
        found = cgutils.alloca_once_value(builder, context.get_constant(types.intp, 0))
        with builder.if_then(cgutils.as_bool_bit(builder, optional.valid)):
            builder.store(_reader_of_identity(kind.type, lambda *_: optional.data)(context, builder), found)
        return builder.load(found)

    return identity


def _reader_of_field(kind: Any, read: Any, name: str) -> Any:
    return lambda context, builder: load_field(context, builder, kind, read(context, builder), name)


def _reader_of_member(kind: Any, read: Any, position: int) -> Any:
    return lambda context, builder: builder.extract_value(read(context, builder), position)


def give_back(noted: Noted) -> Any:
    """The intrinsic through which the result of a flat function leaves; `noted` gets what its parts make."""

    @intrinsic
    def leave(typing_context: Any, value: Any) -> Any:
        parts = _Parts()
        whole: list[Any] = []
        kept = is_static(value) or isinstance(value, types.Literal)
        described = parts.describe(value if kept else types.unliteral(value), lambda *_: whole[-1])
        is_native = not (stays_in_compiled_code(value) or _holds_constants(value))
        if not is_native:
            noted.append(described)
        result: Any = value if is_native else types.Tuple(parts.kinds)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            if is_native and is_static(value):
                return constant_value(context, builder, value)
            if is_native and not context.data_model_manager[value].contains_nrt_meminfo():
                return args[0]
            whole.append(args[0])
            made = (
                args[0]
                if is_native
                else context.make_tuple(builder, result, [r(context, builder) for r in parts.readers])
            )
            whole.pop()
            context.nrt.incref(builder, result, made)
            return escaped(context, builder, [result], [made])[0]

        return result(value), generate

    return leave
