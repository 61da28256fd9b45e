"""Calls with objects: one flat function for each structure of the arguments, and their gradients put together again.

A `Plan` belongs to a function and the skeletons of its arguments. Its `flat` function takes the arrays and three
buffers of numbers, rebuilds the objects in compiled code and calls the user's function; so all that differentiates
arrays differentiates objects. Invariant: whatever the call changes is seen on the user's objects afterwards, whether it
returns or raises.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.core import types
from numba.np.numpy_support import as_dtype

from .. import values
from ..diagnostics import DifferentiationValueError
from ..frontend.objects.cells import publish, publish_no_more, publish_when_raising, room, start_of
from ..frontend.objects.construct import Skeleton, rebuild
from ..frontend.objects.outside import version_of
from ..frontend.objects.results import Noted, give_back
from ..runtime.escape_text import NO_MEMORY
from ..values import Kind, Path
from ..values.paths import NestedIn
from .cycles import Component, ReferenceCycle, components
from .report import note_structure
from .walk import Walk


@dataclass(frozen=True)
class Plan:
    """What is compiled for one structure of the arguments. `flat`: the function of arrays and buffers."""

    flat: Any
    array_count: int


@dataclass(frozen=True)
class PlanKey:
    """Everything that a flat function depends on. `function`: None when the first value is what is called.

    `rebinds`: the classes of the values that can change, with the names of their fields that have cells.
    """

    function: Any
    skeletons: tuple[Skeleton, ...]
    array_count: int
    labels: tuple[str, ...]
    cells: tuple[tuple, ...]
    rebinds: frozenset[tuple[type, frozenset[str]]]


_plans: dict[PlanKey, Plan] = {}


def plan_for(key: PlanKey, name: str, code: Any, labels: tuple[str, ...]) -> Plan:
    """The plan for `key`, made on first use; `name`, `code` and `labels` of its values are the user's, for messages."""
    if key not in _plans:
        if code is not None:  # not `np.sum`, which many callers share
            note_structure(code, name, labels, key.skeletons)
        _plans[key] = Plan(_flat_function(key, name, code, labels), key.array_count)
    return _plans[key]


def _flat_function(key: PlanKey, name: str, code: Any, labels: tuple[str, ...]) -> Any:
    names = [*(f"array{n}" for n in range(key.array_count)), "floats", "fixed", "integers"]
    returned = Noted()
    scope: dict[str, Any] = {
        "__name__": __name__,
        "_rebuild": rebuild(key.skeletons, key.array_count, tuple(cell[:3] for cell in key.cells)),
        "_function": key.function,
        "_start_of": start_of,
        "_publish": publish,
        "_publish_when_raising": publish_when_raising,
        "_publish_no_more": publish_no_more,
        "_give_back": give_back(returned),
    }
    listed = ", ".join(names)
    count = len(key.skeletons)
    if key.function is None:
        called, passed = "_values[0]", range(1, count)
    else:
        called, passed = "_function", range(count)
    arguments = ", ".join(f"_values[{n}]" for n in passed)
    lines, cells = [f"_values = _rebuild({listed})"], []
    for n, (_, _, _, array, offset) in enumerate(key.cells):
        cells.append(f"_values[{count + n}], array{array}, _integers, {offset}")
    if cells:
        lines.append("_integers = _start_of(integers)")
    lines += [f"_publish_when_raising({cell})" for cell in cells]
    lines.append(f"_result = {called}({arguments})")
    if cells:
        lines += ["_publish_no_more()", *(f"_publish({cell})" for cell in cells)]
    lines.append("return _give_back(_result)")
    exec(f"def flat({listed}):\n" + "".join(f"    {line}\n" for line in lines), scope)
    flat = scope["flat"]
    flat.__name__ = flat.__qualname__ = name
    if code is not None:
        changed = {"co_filename": code.co_filename, "co_firstlineno": code.co_firstlineno}
        flat.__code__ = flat.__code__.replace(co_name=name, co_qualname=name, **changed)
    flat.numzyme_release = functools.partial(_release, key.cells)
    flat.numzyme_returned = returned
    flat.numzyme_rebinds = dict(key.rebinds)
    paths = [path for pair in zip(labels, key.skeletons, strict=True) for path in _constant_numbers(*pair)]
    constant = " or ".join(paths) if 0 < len(paths) < 4 else "with the constant numbers"
    flat.numzyme_labels = (*key.labels, "the numbers", constant, "the integers")
    return flat


def _constant_numbers(path: str, skeleton: Skeleton) -> Iterator[str]:
    """Where the numbers of a constant value are."""
    if skeleton.source == "fixed":
        yield path
    fields = getattr(skeleton.kind, "fields", {})
    names = [f".{name}" for name in fields] if skeleton.source == "fields" else [f"[{n}]" for n in range(256)]
    for name, member in zip(names, skeleton.members, strict=False):
        yield from _constant_numbers(path + name, member)


@dataclass(eq=False)
class Flattened:
    """One call's arguments, taken apart. `values`: with the function itself first, when it is an object."""

    walk: Walk
    values: tuple[Any, ...]
    skeletons: tuple[Skeleton, ...]
    floats: np.ndarray
    fixed: np.ndarray
    integers: np.ndarray

    @staticmethod
    def of(walk: Walk, parts: tuple[tuple[Any, str, bool], ...]) -> Flattened:
        """`parts`: the values with their names, and whether each is differentiated."""
        try:
            skeletons = _skeletons(walk, parts)
        except ReferenceCycle:
            roots = tuple(value for value, _, _ in parts)
            walk = Walk(walk.typing_context, walk.cells, cyclic=components(roots))
            if not walk.cyclic:
                walk.cyclic[0] = Component([])  # lists alone: refused by path
            skeletons = _skeletons(walk, parts)
        return Flattened(
            walk,
            tuple(value for value, _, _ in parts),
            tuple(skeletons),
            np.array(walk.floats, np.float64),
            np.array(walk.fixed, np.float64),
            np.array(walk.integers, np.int64),
        )

    def arguments(self) -> list[np.ndarray]:
        """What the flat function is called with."""
        return [*self.walk.arrays, self.floats, self.fixed, self.integers]

    def activities(self) -> tuple[bool, ...]:
        """Which of them are differentiated."""
        return (*self.walk.active, True, False, False)

    def key(self, function: Any) -> PlanKey:
        labels = tuple(map(str, self.walk.paths))
        cells = tuple(owner.key() for owner in self.walk.cell_owners)
        classes = {type(value) for value in self.walk.kept}
        rebinds = frozenset((c, frozenset(name for cls, name in self.walk.cells if cls is c)) for c in classes)
        return PlanKey(version_of(function), self.skeletons, len(self.walk.arrays), labels, cells, rebinds)

    def write_back(self) -> None:
        """Give the numbers that compiled code changed to the objects that they belong to."""
        buffers = {
            "float": (self.walk.floats, self.floats),
            "fixed": (self.walk.fixed, self.fixed),
            "integer": (self.walk.integers, self.integers),
        }
        changed = []
        for owner in self.walk.owners:
            before, after = buffers[owner.source]
            current = _current(owner)
            width = 2 if owner.source != "integer" and isinstance(current, complex | np.complexfloating) else 1
            old, new = before[owner.index : owner.index + width], after[owner.index : owner.index + width].tolist()
            if differ(old, new):
                number = complex(*new) if width == 2 else new[0]
                changed.append((owner, type(current)(number) if isinstance(current, np.generic) else number))
        made: dict[Any, np.ndarray] = {}
        for cell in self.walk.cell_owners:
            sent = Sent.read(self.integers, cell.offset, cell.kind)
            if sent.address:
                copied = sent.taken_over()
                if sent.tangent:
                    sent.tangent_taken_over()  # nobody asked for it
                self.integers[cell.offset : cell.offset + 2] = 0  # taken: this may be called again
                if sent.key not in made:
                    made[sent.key] = sent.among(self.walk.arrays, copied)
                changed.append((cell, made[sent.key]))
        for owner, _ in changed:
            if self.walk.in_both_activities(owner.value):
                raise DifferentiationValueError(
                    f"a {type(owner.value).__qualname__} is passed both as Const and to be differentiated, and the "
                    f"function changes {owner.step}",
                    why="the derivative of what is stored would be lost",
                    todo=("pass a copy of the object as Const", "differentiate with respect to both"),
                )
        for owner, value in changed:
            values.set_child(owner.value, owner.step, value)

    def bind_tangents(self, shadow: Walk) -> None:
        """Bind fields of the shadows as forward mode bound those of the values; before `write_back`."""
        made: dict[Any, np.ndarray] = {}
        pairs = [  # the shadow of a constant array is the array itself: what is bound to one has a tangent of zeros
            pair for *pair, active in zip(self.walk.arrays, shadow.arrays, self.walk.active, strict=True) if active
        ]
        for cell, of_shadow in zip(self.walk.cell_owners, shadow.cell_owners, strict=True):
            sent = Sent.read(self.integers, cell.offset, cell.kind)
            if not sent.address:
                continue
            copied = sent.tangent_taken_over()
            self.integers[cell.offset + 1] = 0  # taken
            if of_shadow.value is cell.value:
                continue  # a constant
            if sent.key not in made:
                made[sent.key] = sent.among_shadows(pairs, copied)
            values.set_child(of_shadow.value, of_shadow.step, made[sent.key])

    def shadows(self, arrays: list[Any], floats: np.ndarray) -> tuple[Any, ...]:
        """The shadow of every value, from the gradients of the arrays and of the number buffer."""
        read = _ShadowReader(arrays, floats, self.walk.kept)
        return tuple(read(value, skeleton) for value, skeleton in zip(self.values, self.skeletons, strict=True))

    def updated(self, floats: np.ndarray) -> tuple[Any, ...]:
        """The values around the same arrays and mutable objects, with `floats` for their immutable numbers."""
        read = _NumberReader(floats, self.walk.kept)
        return tuple(read(value, skeleton) for value, skeleton in zip(self.values, self.skeletons, strict=True))


def _skeletons(walk: Walk, parts: tuple[tuple[Any, str, bool], ...]) -> list[Skeleton]:
    found = []
    for value, name, active in parts:
        with NestedIn(Path(name)):
            found.append(walk.skeleton(value, Path(name), active))
    return found


@dataclass(frozen=True)
class Sent:
    """An array that compiled code bound to a field: a copy at `address`, its tangent at `tangent` (0: it has none), and
    where it was itself."""

    address: int
    tangent: int
    place: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype

    @property
    def key(self) -> tuple:
        """Equal for fields that hold one array."""
        return self.place, self.shape, self.strides, self.dtype

    @staticmethod
    def read(integers: np.ndarray, offset: int, kind: Any) -> Sent:
        address, tangent, place, *rest = integers[offset : offset + room(kind.ndim)].tolist()
        shape, strides = tuple(rest[: kind.ndim]), tuple(rest[kind.ndim :])
        return Sent(address, tangent, place, shape, strides, as_dtype(kind.dtype))

    def taken_over(self) -> np.ndarray:
        """The copy, in memory of Python; the memory that it was in is freed."""
        return self._copied(self.address)

    def tangent_taken_over(self) -> np.ndarray:
        """The same for the tangent, which is zero where none was sent."""
        return self._copied(self.tangent) if self.tangent else np.zeros(self.shape, self.dtype)

    def _copied(self, address: int) -> np.ndarray:
        if address == NO_MEMORY:
            raise MemoryError(f"numzyme: no memory for an array of shape {self.shape} that is bound to a field")
        made = np.empty(self.shape, self.dtype)
        if made.nbytes:
            raw = (ctypes.c_uint8 * made.nbytes).from_address(address)
            made.reshape(-1).view(np.uint8)[:] = np.ctypeslib.as_array(raw)
        free = ctypes.CDLL(None).free
        free.argtypes = [ctypes.c_void_p]
        free(address)
        return made

    def among(self, arrays: list[np.ndarray], copied: np.ndarray) -> np.ndarray:
        """The array of the call that it was, or a view of one; `copied` when it was none."""
        for array in arrays:
            if (array.ctypes.data, array.shape, array.strides, array.dtype) == (
                self.place,
                self.shape,
                self.strides,
                self.dtype,
            ):
                return array
        for array in arrays:
            low, high = np.lib.array_utils.byte_bounds(array)
            if array.dtype == self.dtype and low <= self.place < high and copied.size:
                owner = array
                while isinstance(owner.base, np.ndarray):
                    owner = owner.base
                owner = owner if owner.flags.c_contiguous else owner.T
                if owner.flags.c_contiguous:
                    return np.ndarray(self.shape, self.dtype, owner, self.place - owner.ctypes.data, self.strides)  # pyright: ignore[reportArgumentType]
        return copied

    def among_shadows(self, pairs: list[list[np.ndarray]], copied: np.ndarray) -> np.ndarray:
        """The shadow of the array of the call that it was, or the same view of one; `copied` when it was none.

        `pairs`: the arrays that are differentiated, each with its shadow.
        """
        for array, shadow in pairs:
            low, high = np.lib.array_utils.byte_bounds(array)
            if array.dtype != self.dtype or not low <= self.place < high or not copied.size:
                continue
            if (array.shape, array.strides) == (self.shape, self.strides) and array.ctypes.data == self.place:
                return shadow
            if array.strides == shadow.strides:
                moved = dataclasses.replace(self, place=self.place - array.ctypes.data + shadow.ctypes.data)
                return moved.among([shadow], copied)
        return copied


def _release(cells: tuple[tuple, ...], arguments: list[Any]) -> None:
    """Free what a call sent that nobody takes over; `arguments` are those of the flat function."""
    for _, _, kind, _, offset in cells:
        sent = Sent.read(arguments[-1], offset, kind)
        if sent.address:
            sent.taken_over()
            sent.tangent_taken_over()


def _current(owner: Any) -> Any:
    return getattr(owner.value, owner.step.key) if owner.step.attribute else owner.value[owner.step.key]


def differ(old: list, new: list) -> bool:
    """Whether numbers differ, the sign of a zero included; NaNs are equal."""
    return any(
        (a != b and not (a != a and b != b)) or (a == 0 and math.copysign(1.0, a) != math.copysign(1.0, b))
        for a, b in zip(old, new, strict=True)
    )


def holds_immutable_numbers(value: Any) -> bool:
    """Whether some float of `value` is in an immutable place: nobody could add to its shadow."""
    waiting, met = [value], {}  # by address, and kept, so that none is used twice
    if values.classify(value) is Kind.SCALAR:
        return True
    while waiting:
        container = waiting.pop()
        if id(container) in met:
            continue
        met[id(container)] = container
        immutable = not values.is_mutable(container)
        for _, child in values.children(container):
            if values.classify(child) is not Kind.SCALAR:
                waiting.append(child)
            elif immutable:
                return True
    return False


class _ShadowReader:
    """Builds shadows; one for each mutable object."""

    def __init__(self, arrays: list[Any], floats: np.ndarray, kept: list[Any]) -> None:
        self.arrays, self.floats, self.kept = arrays, floats, kept
        self.memo: dict[tuple[int, int], Any] = {}
        self.as_primals: dict[int, Any] = {}  # by array
        self.in_cycles: dict[int | None, Any] = {}  # by identity

    def __call__(self, value: Any, skeleton: Skeleton) -> Any:
        if skeleton.source in ("array", "record"):
            return self._array(value, skeleton.index)
        if skeleton.source == "float":
            return self._number(skeleton)
        if skeleton.source == "reference":
            return self.in_cycles[skeleton.identity]
        if skeleton.source == "after":
            self._component(skeleton.members[0])
            return self(value, skeleton.members[1])
        if not skeleton.members:
            return value
        if skeleton.source == "optional":
            return self(value, skeleton.members[0])
        key = id(value), id(skeleton)  # the same object has other skeletons where it is constant
        if key in self.memo:
            return self.memo[key]
        made = self._container(value, skeleton)
        if values.is_mutable(value):
            self.memo[key] = made
        return made

    def _array(self, value: Any, index: int) -> Any:
        """One object for each array; of the class of its primal."""
        shadow = self.arrays[index]
        if shadow is None or (type(value) is np.ndarray and value.dtype.names is None):
            return value if shadow is None else shadow
        if index not in self.as_primals:
            self.as_primals[index] = values.like(value, shadow)
        return self.as_primals[index]

    def _component(self, component: Skeleton) -> None:
        """The shadows of objects that lead to each other: all are made, then filled."""
        for one in component.members:
            assert one.identity is not None
            value = self.kept[one.identity]
            self.in_cycles[one.identity] = values.make_shell(values.classify(value), value)
        for one in component.members:
            assert one.identity is not None
            parts = values.children(self.kept[one.identity])
            filled = [self(part, member) for (_, part), member in zip(parts, one.members, strict=True)]
            values.fill(self.in_cycles[one.identity], parts, filled)

    def _number(self, skeleton: Skeleton) -> Any:
        kind: Any = skeleton.kind
        number = self.floats[skeleton.index] + 0.0
        if isinstance(kind, types.Complex):
            number = complex(number, self.floats[skeleton.index + 1])
            return number if kind is types.complex128 else np.complex64(number)
        return float(number) if kind is types.float64 else np.float32(number)

    def _container(self, value: Any, skeleton: Skeleton) -> Any:
        kind = values.classify(value)
        parts = [child for _, child in values.children(value)]
        if kind in (Kind.SPARSE, Kind.METHOD):
            return values.rebuild(value, [self(parts[0], skeleton.members[0])])
        if kind is Kind.CONSTANT:
            return value  # a function, with what it captures
        if kind is Kind.PARTIAL:
            function, *rest = (self(*pair) for pair in zip(_partial_parts(value), skeleton.members, strict=True))
            count = len(value.args)
            keywords = dict(zip(value.keywords, rest[count:], strict=True))
            return values.rebuild(value, [function, tuple(rest[:count]), keywords])
        return values.rebuild(value, [self(*pair) for pair in zip(parts, skeleton.members, strict=True)])


def _partial_parts(value: Any) -> list[Any]:
    return [value.func, *value.args, *value.keywords.values()]


class _NumberReader(_ShadowReader):
    """Gives immutable values their numbers; what is mutable stays the object that it is."""

    def __init__(self, floats: np.ndarray, kept: list[Any]) -> None:
        super().__init__([], floats, kept)

    def __call__(self, value: Any, skeleton: Skeleton) -> Any:
        if skeleton.source == "array" or values.is_mutable(value):
            return value
        return super().__call__(value, skeleton)
