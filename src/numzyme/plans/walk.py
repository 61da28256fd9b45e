"""A call's Python values taken apart: what compiled code gets of them, and how it puts them together again.

Decides for every value whether it is an array that is passed, a number in a buffer, or a constant of compiled code.
Numbers of differentiated arguments, of constant arguments and integers have a buffer each. Invariants: equal skeletons
need no new code; one mutable object is one skeleton wherever it is met; an array object is passed once.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np
from numba import typeof
from numba.core import types
from numba.core.errors import NumbaError
from numba.np.numpy_support import as_dtype, from_dtype

from .. import values
from ..diagnostics import DifferentiationTypeError
from ..frontend.objects.cells import room
from ..frontend.objects.classes import hook_of
from ..frontend.objects.closures import ClosureType
from ..frontend.objects.construct import Skeleton, object_type_of
from ..frontend.objects.kinds import BoundMethod, ConstantType, DictType, members_kind
from ..frontend.objects.lifting import MOST_INTEGER
from ..frontend.objects.outside import Outside, moving_values
from ..frontend.vectorized import function_of
from ..values import Path, Step
from .cycles import Component, ReferenceCycle, enter_component


@dataclass(eq=False)
class Owner:
    """A number of a mutable object: where it is kept while compiled code runs, and where its value goes afterwards."""

    value: Any
    step: Step
    source: str
    index: int


@dataclass(eq=False)
class CellOwner:
    """A field that compiled code may bind to a new array: its place among the arrays, and in the integers."""

    value: Any
    step: Step
    identity: int
    kind: Any
    array: int
    offset: int

    def key(self) -> tuple:
        return self.identity, str(self.step.key), self.kind, self.array, self.offset


@dataclass(eq=False)
class Walk:
    """The leaves of a call's values.

    `typing_context`: that of the target that will compile them; `like`: the walk over what these values are the
    shadows of, whose dicts say in which order the keys are walked.
    """

    typing_context: Any
    cells: frozenset[tuple[type, str]] = frozenset()
    like: Walk | None = None
    arrays: list[np.ndarray] = field(default_factory=list)
    active: list[bool] = field(default_factory=list)  # for each array
    paths: list[Path] = field(default_factory=list)  # of each array
    floats: list[float] = field(default_factory=list)
    fixed: list[float] = field(default_factory=list)
    integers: list[int] = field(default_factory=list)
    owners: list[Owner] = field(default_factory=list)
    cell_owners: list[CellOwner] = field(default_factory=list)
    met: dict[tuple[int, bool], Any] = field(default_factory=dict)  # by address and activity; None: on the way
    keys: list[list[str]] = field(default_factory=list)  # of each dict
    within: list[FunctionType] = field(default_factory=list)  # functions whose captured values are being walked
    cyclic: dict[int, Component] = field(default_factory=dict)  # by address
    identities: dict[int, int] = field(default_factory=dict)  # of objects, by address: the first
    kept: list[Any] = field(default_factory=list)  # what has an identity, so that no address is used twice

    def skeleton(self, value: Any, path: Path, active: bool) -> Skeleton:
        """How compiled code makes `value` from the leaves, which are collected here."""
        kind = values.classify(value, path)
        return getattr(self, "_" + kind.name.lower())(value, path, active)

    def in_both_activities(self, value: Any) -> bool:
        """Whether a value was met as constant and as differentiated."""
        return (id(value), True) in self.met and (id(value), False) in self.met

    # -- leaves
    def _scalar(self, value: Any, path: Path, active: bool) -> Skeleton:
        buffer, source = (self.floats, "float") if active else (self.fixed, "fixed")
        numba_type: Any = typeof(value)
        index = len(buffer)
        buffer.append(float(value.real))
        if isinstance(numba_type, types.Complex):
            buffer.append(float(value.imag))
        return Skeleton(numba_type, source, index)

    def _array(self, value: Any, path: Path, active: bool) -> Skeleton:
        key = id(value), active
        if key not in self.met:
            spread = any(n > 1 and stride == 0 for n, stride in zip(value.shape, value.strides, strict=True))
            if spread and not value.flags.writeable:
                self.kept.append(value)
                value = value.copy()  # nothing can be written to it
                value.setflags(write=False)
            self.met[key] = Skeleton(typeof(value), "array", len(self.arrays))
            self.arrays.append(_as_numba_gives(value))
            self.active.append(active)
            self.paths.append(path)
        return self.met[key]

    def _record(self, value: Any, path: Path, active: bool) -> Skeleton:
        """A single record is passed as an array of no dimensions, whose memory is that of the record."""
        key = id(value), active
        if key not in self.met:
            array = self._array(values.array_of(value), path, active)
            self.kept.append(value)
            self.met[key] = Skeleton(typeof(value), "record", array.index)
        return self.met[key]

    def _constant(self, value: Any, path: Path, active: bool) -> Skeleton:
        if isinstance(value, np.ndarray):
            return self._array(value, path, False)
        if isinstance(value, np.void):
            return self._record(value, path, False)
        if isinstance(value, bool | np.bool_):
            return Skeleton(types.literal(bool(value)), "static")
        if type(value) in (str, np.str_):
            return Skeleton(types.literal(str(value)), "static")
        if type(value) is int or isinstance(value, np.integer):
            if abs(int(value)) > MOST_INTEGER:
                raise DifferentiationTypeError(f"{path} is {value}, which is more than 64 bits hold")
            self.integers.append(int(value))
            kind = typeof(value) if isinstance(value, np.integer) else types.int64
            return Skeleton(kind, "integer", len(self.integers) - 1)
        if value is None:
            return Skeleton(types.none, "static")
        if isinstance(value, FunctionType | np.vectorize):
            return self._function(value if isinstance(value, FunctionType) else function_of(value), path, active)
        if values.is_sparse(value):
            return self._sparse(value, path, active)
        return Skeleton(self._static_kind(value, path), "static")

    def _function(self, value: FunctionType, path: Path, active: bool) -> Skeleton:
        """A function is a constant of compiled code, but what it captures is not."""
        moving = moving_values(value)
        if not moving:
            return Skeleton(types.Dispatcher(self.typing_context.descriptor.dispatcher_of(value)), "static")
        if value in self.within:
            raise DifferentiationTypeError(
                f"{path} calls functions that lead back to it, and they use names from outside: {', '.join(moving)}",
                todo=("pass these as arguments",),
            )
        self.within.append(value)
        members = tuple(self._captured(part, path.then(Step(name, True)), active) for name, part in moving.items())
        self.within.pop()
        fields = tuple((name, member.kind) for name, member in zip(moving, members, strict=True))
        return Skeleton(ClosureType(value, fields, Outside(value, tuple(moving))), "fields", members=members)

    def _captured(self, value: Any, path: Path, active: bool) -> Skeleton:
        """Integers are constants of the code: it may use them as exponents, or as places in tuples."""
        if type(value) is int and abs(value) <= MOST_INTEGER:
            return Skeleton(types.literal(value), "static")
        return self.skeleton(value, path, active)

    def _static_kind(self, value: Any, path: Path) -> Any:
        try:
            kind = self.typing_context.resolve_value_type(value)
        except ValueError:
            kind = None
        if kind is not None and (isinstance(kind, types.Dummy | types.Opaque | types.Function)):
            return kind
        try:
            hash(value)
        except TypeError:
            raise DifferentiationTypeError(
                f"{path} is a {type(value)!r}, which compiled code cannot use", why=values.SUPPORTED
            ) from None
        return ConstantType(value)

    # -- containers
    def _tuple(self, value: Any, path: Path, active: bool) -> Skeleton:
        members = tuple(self.skeleton(part, path.then(Step(n)), active) for n, part in enumerate(value))
        kind = members_kind(tuple(member.kind for member in members), listed=isinstance(value, list))
        return Skeleton(kind, "members", members=members)

    def _list(self, value: Any, path: Path, active: bool) -> Skeleton:
        """A tuple for compiled code, which cannot change it; but one list has one gradient, which can change."""
        key = id(value), active
        if key in self.met:
            return self._met_again(key, path)
        first = self._component(value, path, active)
        if first is not None:  # which has met the list
            return Skeleton(self.met[key].kind, "after", members=(first, self.met[key]))
        self.met[key] = None
        made = self._tuple(value, path, active)
        for n, member in enumerate(made.members):
            if member.source == "float":
                self.owners.append(Owner(value, Step(n), member.source, member.index))
        self.met[key] = made
        self.kept.append(value)
        return made

    def _met_again(self, key: tuple[int, bool], path: Path) -> Skeleton:
        found = self.met[key]
        if found is None:
            if not self.cyclic:
                raise ReferenceCycle
            raise DifferentiationTypeError(
                f"{path} is part of a cycle of references without an object or a dict in it",
                why="lists are tuples in compiled code, and have no type of finite depth then",
                todo=("let an object hold one of the references",),
            )
        return found

    def first_identity(self, value: Any, identity: int | None) -> int | None:
        """The identity under which an object was met in the other activity."""
        return None if identity is None else self.identities.setdefault(id(value), identity)

    def _component(self, value: Any, path: Path, active: bool) -> Skeleton | None:
        """The objects that lead to `value` and back, when they are met for the first time."""
        component = self.cyclic.get(id(value))
        if component is None or (id(component.objects[0]), active) in self.met:
            return None
        return enter_component(self, component, path, active)

    def _named_tuple(self, value: Any, path: Path, active: bool) -> Skeleton:
        return self._fields(value, type(value), path, active)

    def _dict(self, value: Any, path: Path, active: bool) -> Skeleton:
        for key in value:
            if not isinstance(key, str):
                raise DifferentiationTypeError(
                    f"{path} is a dict with the key {key!r}", why="compiled code knows dicts with string keys only"
                )
        return self._fields(value, None, path, active)

    def _object(self, value: Any, path: Path, active: bool) -> Skeleton:
        hook = hook_of(type(value), "__getattribute__")
        if hook is not None:
            raise DifferentiationTypeError(
                f"{path} is a {type(value)!r}", why=f"its {hook} would not run in compiled code", todo=("a property",)
            )
        missing = [name for name in values.all_fields(value) if not hasattr(value, name)]
        if missing:
            raise DifferentiationTypeError(f"{path}.{missing[0]} has no value", why="every field must be set")
        return self._fields(value, type(value), path, active)

    def _fields(self, value: Any, python_class: type | None, path: Path, active: bool) -> Skeleton:
        mutable = values.is_mutable(value)
        key = id(value), active
        if mutable and key in self.met:
            return self._met_again(key, path)
        first = self._component(value, path, active) if mutable else None
        if first is not None:
            return Skeleton(self.met[key].kind, "after", members=(first, self.met[key]))
        if mutable:
            self.met[key] = None
        steps = values.children(value, path)
        if python_class is None:
            keys = [*value] if self.like is None else self.like.keys[len(self.keys)]
            self.keys.append(keys)
            steps = [(Step(key), value[key]) for key in keys]
        members = tuple(self.skeleton(part, path.then(step), active) for step, part in steps)
        names = [step.key for step, _ in steps]
        fields = tuple((name, member.kind) for name, member in zip(names, members, strict=True))
        cells = frozenset(name for name in names if (python_class or dict, name) in self.cells)
        if python_class is None:
            kind: Any = DictType(dict, fields, cells)
        else:
            kind = object_type_of(python_class, fields, cells)
        identity = len(self.kept) if mutable else None
        made = Skeleton(kind, "fields", members=members, identity=identity, first=self.first_identity(value, identity))
        if mutable:
            self.own(value, steps, made, path)
            self.met[key] = made
            self.kept.append(value)  # one more: identities differ
        return made

    def own(self, value: Any, steps: Any, made: Skeleton, path: Path) -> None:
        """Note what compiled code may change in a mutable object, to be written back."""
        for (step, _), member in zip(steps, made.members, strict=True):
            if member.source == "array" and step.key in made.kind.cells and made.identity is not None:
                offset = len(self.integers)
                self.integers += [0] * room(member.kind.ndim)
                self.cell_owners.append(CellOwner(value, step, made.identity, member.kind, member.index, offset))
            if member.source not in ("float", "fixed", "integer"):
                continue
            if member.kind not in (types.float64, types.int64, types.complex128):
                raise DifferentiationTypeError(
                    f"{path}{step} is {member.kind}, in an object that can change",
                    todo=("use float, int or complex for numbers of mutable objects",),
                )
            self.owners.append(Owner(value, step, member.source, member.index))

    def _partial(self, value: Any, path: Path, active: bool) -> Skeleton:
        python_class = partial_class(len(value.args), tuple(value.keywords))
        parts = [("func", value.func), *((f"value{n}", part) for n, part in enumerate(value.args)),
                 *value.keywords.items()]  # fmt: skip
        members = tuple(self.skeleton(part, path.then(Step(name, True)), active) for name, part in parts)
        fields = tuple((name, member.kind) for (name, _), member in zip(parts, members, strict=True))
        return Skeleton(object_type_of(python_class, fields), "fields", members=members)

    def _method(self, value: Any, path: Path, active: bool) -> Skeleton:
        receiver = self.skeleton(value.__self__, path.then(Step("__self__", True)), active)
        function = types.Dispatcher(self.typing_context.descriptor.dispatcher_of(value.__func__))
        return Skeleton(BoundMethod(receiver.kind, function), "alias", members=(receiver,))

    def _sparse(self, value: Any, path: Path, active: bool) -> Skeleton:
        from ..arrays import mirror_of

        key = id(value), active
        if key in self.met:
            return self.met[key]
        mirror = mirror_of(value)
        self.kept += [mirror, value]
        parts = [(name, getattr(mirror, name)) for name in values.all_fields(mirror)]
        members = tuple(self.skeleton(part, path.then(Step(name, True)), active) for name, part in parts)
        fields = tuple((name, member.kind) for (name, _), member in zip(parts, members, strict=True))
        self.met[key] = Skeleton(object_type_of(type(mirror), fields), "fields", members=members)
        return self.met[key]


@functools.cache
def partial_class(count: int, keywords: tuple[str, ...]) -> type:
    """The frozen class that stands for `functools.partial` objects with so many values and these keywords."""
    names = ["func", *(f"value{n}" for n in range(count)), *keywords]
    bound = "".join(f"self.value{n}, " for n in range(count))
    given = "".join(f"{name}=self.{name}, " for name in keywords)

    @functools.cache
    def call_for(arity: int) -> Any:
        rest = "".join(f"rest{n}, " for n in range(arity))
        scope: dict[str, Any] = {}
        exec(f"def partial(self, {rest}):\n    return self.func({bound}{rest}{given})\n", scope)
        return scope["partial"]

    made: type = dataclasses.make_dataclass(
        "partial", names, frozen=True, namespace={"call_for": staticmethod(call_for)}
    )
    made.__module__ = __name__
    return made


def is_partial_class(python_class: type) -> bool:
    """Whether a class is one that `partial_class` makes."""
    return python_class.__module__ == __name__


def is_flat(value: Any) -> bool:
    """Whether Numba itself takes `value` as an argument, at no cost in Python: numbers, arrays, tuples of these."""
    cls = type(value)
    if cls is np.ndarray:
        return value.dtype.names is None or keeps_dtype(value.dtype)
    if cls is tuple:
        return all(map(is_flat, value))
    return cls in _FLAT or (isinstance(value, np.generic) and cls not in _RECORDS)


def keeps_dtype(dtype: np.dtype) -> bool:
    """Whether Numba gives arrays of this dtype back with the same dtype.

    It does not if the records are of a class, or their fields in an order of their own.
    """
    return dtype.type is np.void and _is_restored(dtype)


@functools.lru_cache(maxsize=1024)  # dtypes are equal whatever the class of the records
def _is_restored(dtype: np.dtype) -> bool:
    try:
        return as_dtype(from_dtype(dtype)) == dtype and values.problem_of(dtype) is None
    except NumbaError:
        return False


def _as_numba_gives(array: np.ndarray) -> np.ndarray:
    """The array itself, or a view of its memory as records without a class."""
    return array if is_flat(array) else array.view(as_dtype(from_dtype(array.dtype)), np.ndarray)


def captures(f: Any) -> bool:
    """Whether a Python function uses data from outside, or calls functions that do."""
    return type(f) is FunctionType and bool(moving_values(f))


def captured_data(f: Any) -> dict[str, Any]:
    """The data that a Python function uses from outside, by name."""
    return moving_values(f)


_FLAT = frozenset({float, int, bool, complex})
_RECORDS = (np.void, np.record)
