"""The slow path of the glue, in Python: arrays that overlap, broadcast arrays, shadows with other strides.

The compiled glue compares the ranges of the buffers. When something is not plain it asks `prepare`, which
knows the exact answer: it refuses (section 10 of the contract), chooses the derivative that allows overlap,
lays out shadows like the primals they belong to, or puts dense copies in the place of arrays that the
derivative cannot take. `finish` copies back what such copies received, whatever the derivative's status.

Invariant: everything is checked before the derivative runs. The record that glue and Python share is an array
of 64-bit words, described by `Record`.
"""

from __future__ import annotations

import ctypes
import itertools
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from numba.np.numpy_support import as_dtype

from ..values.memory import is_broadcast
from . import refusals
from .calls import Call, Leaf, Role, TypedCall
from .pipeline import compile_derivative

READY, REFUSED, NO_MEMORY = 0, 1, 2
# What compiled code can say; called from Python, `this_thread` has the details.
REFUSAL = "arguments or shadows overlap or do not fit; called from Python, the details are given"
HEADER_WORDS = 3  # address of the derivative to call or 0, bytes of all new shadows, ticket for `finish` or 0
ADDRESS, SHADOW_BYTES, TICKET = range(HEADER_WORDS)
_ALIGNMENT = 64
# `np.shares_memory` is exact but may take long on many dimensions; beyond this bounds decide.
_EXACT_WORK: Any = 100_000
# A strided array whose span is larger than this times its size is differentiated on a dense copy.
SPARSE_SPAN = 4


@dataclass(frozen=True)
class Record:
    """Where the words of one array are: primal data, shape, strides, then the same of the shadow.

    On return the primal's words hold what the derivative shall use. For a shadow that the glue has to make,
    the data word holds its offset in the new memory.
    """

    start: int
    dimensions: int

    @property
    def words(self) -> int:
        return 2 * (1 + 2 * self.dimensions)

    def data(self, shadow: bool) -> int:
        return self.start + (1 + 2 * self.dimensions) * shadow

    def shape(self, shadow: bool) -> range:
        first = self.data(shadow) + 1
        return range(first, first + self.dimensions)

    def strides(self, shadow: bool) -> range:
        first = self.data(shadow) + 1 + self.dimensions
        return range(first, first + self.dimensions)


def records(leaves: tuple[Leaf, ...]) -> list[Record]:
    """The records of all arrays, one behind the other."""
    found, start = [], HEADER_WORDS
    for leaf in leaves:
        found.append(Record(start, leaf.kind.ndim))
        start += found[-1].words
    return found


class ThisThread(threading.local):
    """What the glue cannot hand to its caller.

    `error`: the full text of the last refusal, of which compiled code can raise only a constant; `overlaps`: how many
    calls had arrays with gradients in common, which lets callers skip the search for them.
    """

    error: Exception | None = None
    overlaps: int = 0


this_thread = ThisThread()
_plans: list[SlowPath] = []
paths: dict[str, SlowPath] = {}  # by symbol
_tickets = itertools.count(1)
_open: dict[int, list[Callable[[], None]]] = {}


@dataclass
class _Array:
    """One array while a call is prepared. `temporary`: what the derivative gets instead of the user's
    array."""

    leaf: Leaf
    record: Record
    primal: np.ndarray
    shadow: np.ndarray | None
    dense: bool = False
    offset: int = 0
    shadow_strides: tuple[int, ...] = ()


@dataclass
class _Preparation:
    """What a call needs beyond the words: the end of the new memory, what to copy back, which derivative."""

    overlapping: bool = False
    shadow_bytes: int = 0
    copy_back: list[Callable[[], None]] = field(default_factory=list)


@dataclass(frozen=True)
class Overlapping:
    """The derivative that allows arrays to overlap, and the LLVM parameters whose memory it writes."""

    symbol: str
    address: int
    written: frozenset[int]


def overlapping(typed: TypedCall) -> Overlapping:
    """That derivative for `typed`, compiled on first use."""
    compiled = compile_derivative(typed.overlapping_key())
    assert compiled.linked is not None
    return Overlapping(compiled.linked.symbol, compiled.linked.address, compiled.written())


class SlowPath:
    """The slow path of one typed call. `find_overlapping` is asked when the first arrays overlap."""

    def __init__(self, call: Call, leaves: tuple[Leaf, ...], find_overlapping: Callable[[], Overlapping]) -> None:
        self.call = call
        self.function = call.function
        self.leaves = leaves
        self.records = records(leaves)
        self.words = HEADER_WORDS + sum(record.words for record in self.records)
        self.number = len(_plans)
        self._find_overlapping = find_overlapping
        self._cell: ctypes.c_int64 | None = None
        _plans.append(self)

    @staticmethod
    def of(typed: TypedCall) -> SlowPath:
        """The slow path of a call that this process compiles."""
        return SlowPath(typed.call, typed.leaves, lambda: overlapping(typed))

    def symbol(self, name: str | None = None) -> str:
        """A name by which machine code finds the number of this path, of all processes the only one."""
        name = name or f"numzyme.path.{secrets.token_hex(16)}"
        self._cell = ctypes.c_int64(self.number)
        paths[name] = self
        llvm.add_symbol(name, ctypes.addressof(self._cell))
        return name

    @cached_property
    def overlapping(self) -> Overlapping:
        return self._find_overlapping()

    def prepare(self, address: int) -> int:
        """Check and rewrite the words at `address`."""
        words = np.ctypeslib.as_array((ctypes.c_int64 * self.words).from_address(address))
        arrays = [
            _Array(
                leaf,
                record,
                _view(words, leaf, record, shadow=False),
                _view(words, leaf, record, shadow=True) if leaf.role is Role.DUPLICATED else None,
            )
            for leaf, record in zip(self.leaves, self.records, strict=True)
        ]
        plan = _Preparation()
        self._check_shapes(arrays)
        pairs = self._check_overlap(arrays, plan)
        self._densify(arrays, pairs, plan)
        pairs = {(i, j) for i, j in pairs if _overlap(arrays[i].primal, arrays[j].primal)}
        self._match_strides(arrays, pairs, plan)
        self._lay_out(arrays, pairs, plan)
        self._store(words, arrays, plan)
        return READY

    def _check_shapes(self, arrays: list[_Array]) -> None:
        for array in arrays:
            if array.shadow is not None and array.shadow.shape != array.primal.shape:
                raise refusals.shadow_shape(self.function, array.leaf.label, array.primal.shape, array.shadow.shape)

    def _check_overlap(self, arrays: list[_Array], plan: _Preparation) -> set[tuple[int, int]]:
        """Refuse what section 10 refuses; the pairs of shadowed arrays that share memory."""
        shared = set()
        for (i, a), (j, b) in itertools.combinations(enumerate(arrays), 2):
            if not _overlap(a.primal, b.primal):
                self._check_apart(a, b)
                continue
            written = self._is_written(a.leaf) or self._is_written(b.leaf)
            if a.leaf.shadowed and b.leaf.shadowed:
                self._check_likewise(a, b)
                shared.add((i, j))
            elif written and (a.leaf.shadowed or b.leaf.shadowed):
                constant, active = (b, a) if a.leaf.shadowed else (a, b)
                raise refusals.constant_overlap(self.function, constant.leaf.label, active.leaf.label)
            plan.overlapping |= written or (i, j) in shared
        for a, b in itertools.product(arrays, repeat=2):
            if a.shadow is not None and _overlap(a.shadow, b.primal):
                raise refusals.shadow_overlap(self.function, a.leaf.label, f"`{b.leaf.label}`")
        this_thread.overlaps += bool(shared)
        return shared

    def _check_apart(self, a: _Array, b: _Array) -> None:
        if a.shadow is not None and b.shadow is not None and _overlap(a.shadow, b.shadow):
            raise refusals.shadow_overlap(self.function, a.leaf.label, f"the shadow of `{b.leaf.label}`")

    def _check_likewise(self, a: _Array, b: _Array) -> None:
        if a.shadow is None or b.shadow is None:
            return
        if _address(a.primal) - _address(b.primal) != _address(a.shadow) - _address(b.shadow):
            raise refusals.shadows_apart(self.function, a.leaf.label, b.leaf.label)

    def _is_written(self, leaf: Leaf) -> bool:
        return not leaf.readonly and leaf.data in self.overlapping.written

    def _densify(self, arrays: list[_Array], pairs: set[tuple[int, int]], plan: _Preparation) -> None:
        """Dense copies in the place of broadcast arrays, and of views that are spread over much more memory.

        The same array in two places gets one copy, so that it still has one gradient.
        """
        copies: dict[tuple, np.ndarray] = {}
        for index, array in enumerate(arrays):
            primal = array.primal
            if not array.leaf.shadowed or array.leaf.kind.layout != "A":
                continue
            spread = array.leaf.role is Role.WANTED and _span(primal) > SPARSE_SPAN * primal.nbytes
            if is_broadcast(primal) or (spread and not any(index in pair for pair in pairs)):
                if not self.call.reverse:
                    raise refusals.strides(self.function, array.leaf.label)
                if not array.leaf.readonly and any(index in pair for pair in pairs):
                    raise refusals.broadcast_overlap(self.function, array.leaf.label)
                array.dense = True
                key = (_address(primal), primal.shape, primal.strides)
                array.primal = copies.setdefault(key, primal.copy("C"))
                if not array.leaf.readonly:
                    plan.copy_back.append(_copier(primal, array.primal))

    def _match_strides(self, arrays: list[_Array], pairs: set[tuple[int, int]], plan: _Preparation) -> None:
        """A temporary in the place of a shadow whose strides are not those of its primal."""
        for index, array in enumerate(arrays):
            shadow = array.shadow
            if shadow is None or _same_strides(array.primal, shadow):
                continue
            if not self.call.reverse or any(index in pair for pair in pairs):
                raise refusals.strides(self.function, array.leaf.label)
            array.shadow = _like(array.primal)
            array.shadow[...] = shadow
            plan.copy_back.append(_copier(shadow, array.shadow))

    def _lay_out(self, arrays: list[_Array], pairs: set[tuple[int, int]], plan: _Preparation) -> None:
        """Offsets of new shadows: arrays that share memory get shadows that share it in the same way."""
        groups = _groups(len(arrays), pairs)
        for group in groups:
            wanted = [arrays[i] for i in group if arrays[i].leaf.role is Role.WANTED]
            members = [array for array in wanted if array.primal.size]
            if members:
                low = min(np.lib.array_utils.byte_bounds(m.primal)[0] for m in members)
                high = max(np.lib.array_utils.byte_bounds(m.primal)[1] for m in members)
                for member in members:
                    member.offset = plan.shadow_bytes + _address(member.primal) - low
                plan.shadow_bytes += -(-(high - low) // _ALIGNMENT) * _ALIGNMENT

    def _store(self, words: np.ndarray, arrays: list[_Array], plan: _Preparation) -> None:
        for array in arrays:
            record = array.record
            words[record.data(False)] = _address(array.primal)
            words[list(record.strides(False))] = array.primal.strides
            words[record.data(True)] = array.offset if array.shadow is None else _address(array.shadow)
        words[ADDRESS] = 0
        if plan.overlapping:
            words[ADDRESS] = self.overlapping.address
        words[SHADOW_BYTES] = plan.shadow_bytes
        words[TICKET] = 0
        keep = [array.primal for array in arrays if array.dense]
        keep += [array.shadow for array in arrays if array.shadow is not None]
        if plan.copy_back or any(array.dense for array in arrays):
            ticket = next(_tickets)
            _open[ticket] = [*plan.copy_back, lambda: keep.clear()]
            words[TICKET] = ticket


def _view(words: np.ndarray, leaf: Leaf, record: Record, shadow: bool) -> np.ndarray:
    """The array that a record describes, on its own memory."""
    shape = tuple(int(words[i]) for i in record.shape(shadow))
    strides = tuple(int(words[i]) for i in record.strides(shadow))
    dtype = as_dtype(leaf.kind.dtype)
    data = int(words[record.data(shadow)])
    steps = [(n - 1) * stride for n, stride in zip(shape, strides, strict=True)] if 0 not in shape else []
    low = sum(min(step, 0) for step in steps)
    size = sum(max(step, 0) for step in steps) - low + dtype.itemsize if 0 not in shape else 0
    buffer: Any = (ctypes.c_char * size).from_address(data + low) if size else b""
    return np.ndarray(shape, dtype, buffer, -low if size else 0, strides)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _overlap(a: np.ndarray, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=_EXACT_WORK)
    except np.exceptions.TooHardError:
        return True


def _span(array: np.ndarray) -> int:
    low, high = np.lib.array_utils.byte_bounds(array)
    return high - low if array.size else 0


def _same_strides(a: np.ndarray, b: np.ndarray) -> bool:
    triples = zip(a.shape, a.strides, b.strides, strict=True)
    return a.size == 0 or all(n == 1 or first == second for n, first, second in triples)


def _like(array: np.ndarray) -> np.ndarray:
    """A new array with the strides of `array`."""
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = np.zeros(max(high - low, array.itemsize), np.uint8)
    return np.ndarray(array.shape, array.dtype, memory, _address(array) - low, array.strides)


def _copier(target: np.ndarray, source: np.ndarray) -> Callable[[], None]:
    return lambda: np.copyto(target, source)


def _groups(count: int, pairs: set[tuple[int, int]]) -> list[list[int]]:
    """Connected components of `pairs` over `range(count)`."""
    leader = list(range(count))
    for a, b in sorted(pairs):
        old, new = leader[b], leader[a]
        leader = [new if entry == old else entry for entry in leader]
    return [[i for i in range(count) if leader[i] == first] for first in sorted(set(leader))]


@ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
def prepare(number: int, address: int) -> int:
    """Called by the glue; ctypes takes the GIL."""
    try:
        return _plans[number].prepare(address)
    except MemoryError:
        return NO_MEMORY
    except Exception as error:  # it must not get lost in ctypes, which would go on as if all were well
        this_thread.error = error
        return REFUSED


@ctypes.CFUNCTYPE(None, ctypes.c_int64)
def finish(ticket: int) -> None:
    """Called by the glue after the derivative, with 0 too: copy back and let the temporary arrays go."""
    for action in _open.pop(ticket, ()):
        action()


PREPARE_ADDRESS = ctypes.cast(prepare, ctypes.c_void_p).value or 0
FINISH_ADDRESS = ctypes.cast(finish, ctypes.c_void_p).value or 0
PREPARE, FINISH = "numzyme.prepare", "numzyme.finish"
llvm.add_symbol(PREPARE, PREPARE_ADDRESS)
llvm.add_symbol(FINISH, FINISH_ADDRESS)
