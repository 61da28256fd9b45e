"""One taped run of a compiled function on Python arguments, and its sweeps.

Decides how arguments become LLVM parameters (the `Parameter` roles of `frontend`), how the result is read
back from the return pointer, and which tape nodes belong to which float of the inputs, the result, and the
final memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.core import types
from numba.np.numpy_support import as_dtype

from numzyme.frontend import RawFunction
from numzyme.ir import read

from ..arguments import Arguments, Scalar, Vector, View
from ..buffers import is_float, places, reals, with_reals
from .blas import BLAS
from .externals import EXTERNALS
from .interpreter import Interpreter
from .memory import Memory, OracleError
from .tape import Number

_RETURN_AREA = 4096
_KINDS = {4: "float", 8: "double"}


@dataclass(frozen=True)
class Pair:
    """A complex number of the run."""

    real: Number
    imag: Number


@dataclass
class Trace:
    """A finished run; `result` and `buffers` hold `Number`s and None in the shape of the Python values."""

    run: Interpreter
    result: Any
    buffers: list[np.ndarray]
    inputs: list[list[int]]
    status: int

    def reverse(self, arguments: Arguments, result_seed: Any, seeds: list[np.ndarray]) -> Vector:
        """The adjoint of every input, for adjoints of the result and of the memory that the call leaves."""
        pairs = list(_seeded(self.result, result_seed))
        for buffer, seed in zip(self.buffers, seeds, strict=True):
            if buffer.dtype == object:
                pairs += [(n.node, float(s)) for n, s in zip(buffer.ravel(), reals(seed), strict=True)]
        adjoints = self.run.tape.reverse(pairs)
        return self._arrange(arguments, adjoints)

    def forward(self, direction: Vector) -> tuple[Any, list[np.ndarray]]:
        """Tangents of the result and of the memory that the call leaves."""
        flat = [np.array(_parts(direction.scalars)), *direction.buffers]
        tangents = {}
        for nodes, values in zip(self.inputs, flat, strict=True):
            if nodes:
                tangents.update(zip(nodes, map(float, reals(values)), strict=True))
        found = self.run.tape.forward(tangents)

        def tangent(value: Any) -> Any:
            if isinstance(value, Pair):
                return complex(tangent(value.real), tangent(value.imag))
            return found[value.node] if value.node >= 0 else 0.0

        lift = _lifted(tangent)
        buffers = [
            with_reals(original, lift(b)) if b.dtype == object else np.zeros(b.shape)
            for b, original in zip(self.buffers, direction.buffers, strict=True)
        ]
        return _map_result(self.result, tangent, lift), buffers

    def _arrange(self, arguments: Arguments, adjoints: list[float]) -> Vector:
        found = iter([adjoints[node] for node in self.inputs[0]])
        scalars = [
            complex(next(found), next(found)) if np.iscomplexobj(value) else next(found)
            for value in arguments.point.scalars
        ]
        buffers = [
            with_reals(buffer, np.array([adjoints[n] for n in nodes])) if nodes else np.zeros(buffer.shape)
            for nodes, buffer in zip(self.inputs[1:], arguments.point.buffers, strict=True)
        ]
        return Vector(scalars, buffers)


def trace(raw: RawFunction, text: str, arguments: Arguments) -> Trace:
    """Run the canonical `text` of `raw` on `arguments`."""
    run = Interpreter(read(text), {**EXTERNALS, **BLAS})
    scalars = [list(map(run.tape.variable, _parts([value]))) for value in arguments.point.scalars]
    places = [_place(run, buffer) for buffer in arguments.point.buffers]
    area = run.memory.allocate(_RETURN_AREA)
    run.memory.fill(area, 0, _RETURN_AREA)
    exception = run.memory.allocate(64)
    run.memory.fill(exception, 0, 64)  # callers hand in a null exception: try blocks read it
    values = list(_parameters(raw, arguments, scalars, [address for address, _ in places]))
    values = [{"return": area, "exception": exception}.get(v, v) if isinstance(v, str) else v for v in values]
    symbol = next(name for name in run.module.functions if name.strip('@"') == raw.symbol)
    status = run.call(symbol, values)
    kind: Any = raw.return_type
    if isinstance(kind, types.Optional):  # another status says that it is None
        kind = kind.type
    result = _Result(run.memory, area, list(raw.return_layout)).read(kind) if status == 0 else None
    buffers = [
        _read_buffer(run.memory, address, buffer)
        for (address, _), buffer in zip(places, arguments.point.buffers, strict=True)
    ]
    inputs = [[number.node for numbers in scalars for number in numbers], *(nodes for _, nodes in places)]
    return Trace(run, result, buffers, inputs, status)


def _place(run: Interpreter, buffer: np.ndarray) -> tuple[int, list[int]]:
    """Copy an argument's memory in; every float becomes a variable. Returns address and nodes."""
    address = run.memory.allocate(max(buffer.nbytes, 8))
    if not is_float(buffer):
        run.memory.write(address, buffer.tobytes())
        return address, []
    run.memory.write(address, buffer.tobytes())
    numbers = [run.tape.variable(float(value)) for value in reals(buffer)]
    for (offset, kind), number in zip(_floats(buffer), numbers, strict=True):
        run.memory.store(address + offset, kind, number)
    return address, [number.node for number in numbers]


def _floats(buffer: np.ndarray) -> Iterator[tuple[int, str]]:
    """Offset and LLVM type of every float of a buffer, in the order of `reals`."""
    listed = list(places(buffer.dtype))
    for element in range(buffer.size):
        for offset, kind, count in listed:
            for number in range(count):
                yield element * buffer.itemsize + offset + number * kind.itemsize, _KINDS[kind.itemsize]


def _read_buffer(memory: Memory, address: int, buffer: np.ndarray) -> np.ndarray:
    """The memory of an argument after the run: an array of `Number`s for floats."""
    if not is_float(buffer):
        data = b"".join(memory.load(address + k, "i8").to_bytes(1, "little") for k in range(buffer.nbytes))  # type: ignore
        return np.frombuffer(data, buffer.dtype)
    numbers: list[Any] = [memory.load(address + offset, kind) for offset, kind in _floats(buffer)]
    return _objects(numbers, (len(numbers),))


def _parameters(
    raw: RawFunction, arguments: Arguments, scalars: list[list[Number]], addresses: list[int]
) -> Iterator[Any]:
    """The value of every LLVM parameter; the roles return and exception are given as their names."""
    axis: dict[tuple, int] = {}
    for parameter in raw.parameters:
        if parameter.role in ("return", "exception"):
            yield parameter.role
            continue
        if parameter.argument is None:
            raise OracleError(f"parameter without argument: {parameter}")
        part = arguments.arrangement[parameter.argument]
        for index in parameter.path:
            part = part[index]
        key = (parameter.argument, parameter.path, parameter.role)
        axis[key] = axis.get(key, -1) + 1
        if isinstance(part, Scalar):
            yield scalars[part.index][axis[key]]
        elif isinstance(part, View):
            yield _array_field(parameter.role, axis[key], part, arguments.point.buffers[part.buffer], addresses)
        else:
            yield int(part) % (1 << 64) if parameter.llvm_type == "i64" else int(part)


def _array_field(role: str, axis: int, view: View, buffer: np.ndarray, addresses: list[int]) -> int:
    if role in ("meminfo", "parent"):
        return 0
    if role == "data":
        return addresses[view.buffer] + view.offset * buffer.itemsize
    if role == "shape":
        return view.shape[axis]
    if role == "stride":
        return view.strides[axis] * buffer.itemsize % (1 << 64)
    return int(np.prod(view.shape)) if role == "nitems" else buffer.itemsize


def _width(kind: Any) -> int:
    """How many scalars a value of a type consists of."""
    if isinstance(kind, types.Tuple | types.UniTuple):
        return sum(map(_width, kind.types))
    if isinstance(kind, types.Array):
        return 5 + 2 * kind.ndim
    return 2 if isinstance(kind, types.Complex) else 1


class _Result:
    """Reads a value of a Numba type from the return area, scalar by scalar."""

    def __init__(self, memory: Memory, area: int, layout: list[tuple[int, str]]) -> None:
        self._memory, self._area, self._layout = memory, area, layout

    def _next(self) -> Any:
        offset, kind = self._layout.pop(0)
        return self._memory.load(self._area + offset, kind)

    def read(self, kind: Any) -> Any:
        if isinstance(kind, (types.Tuple, types.UniTuple)):
            return tuple(self.read(member) for member in kind.types)
        if isinstance(kind, types.Array):
            return self._read_array(kind)
        if isinstance(kind, types.Float):
            return self._next()
        if isinstance(kind, types.Complex):
            return Pair(self._next(), self._next())  # type: ignore[arg-type]
        if isinstance(kind, (types.Integer, types.Boolean)):
            self._next()
            return None
        if isinstance(kind, types.Optional):
            return self._read_optional(kind)
        if isinstance(kind, types.NoneType):
            return None
        raise OracleError(f"result of type {kind}")

    def _read_optional(self, kind: types.Optional) -> Any:
        """Behind the value a byte says whether it is there."""
        width = _width(kind.type)
        offset, byte = self._layout[width]
        there = self._memory.load(self._area + offset, byte)
        found = self.read(kind.type) if there else None
        del self._layout[: 1 if there else width + 1]
        return found

    def _read_array(self, kind: types.Array) -> Any:
        _, _, _, _, data, *rest = (int(self._next()) for _ in range(5 + 2 * kind.ndim))
        shape, strides = rest[: kind.ndim], rest[kind.ndim :]
        if isinstance(kind.dtype, types.Float | types.Complex | types.Record):
            return self._numbers(as_dtype(kind.dtype), data, shape, strides)
        return None

    def _numbers(self, dtype: np.dtype, data: int, shape: list[int], strides: list[int]) -> Any:
        """An array of numbers; of records one for each of their fields that has floats."""
        if dtype.subdtype is not None:
            inner, more = dtype.subdtype
            steps = np.empty(more, inner).strides
            return self._numbers(inner, data, [*shape, *more], [*strides, *steps])
        if dtype.names is not None:
            fields = [dtype.fields[name][:2] for name in dtype.names]  # type: ignore[index]
            found = [self._numbers(field, data + offset, shape, strides) for field, offset in fields]
            return tuple(
                part for one in found for part in (one if isinstance(one, tuple) else (one,)) if part is not None
            )
        if dtype.kind not in "fc":
            return None
        width = dtype.itemsize // (2 if dtype.kind == "c" else 1)
        found = np.empty(shape, object)
        for place in np.ndindex(*shape):
            step = sum(index * stride for index, stride in zip(place, strides, strict=True))
            parts: Any = [
                self._memory.load((data + step + offset) % (1 << 64), _KINDS[width])
                for offset in range(0, dtype.itemsize, width)
            ]
            found[place] = Pair(*parts) if len(parts) == 2 else parts[0]
        return found


def _objects(numbers: list[Number], shape: tuple[int, ...]) -> np.ndarray:
    """An object array of `Number`s; NumPy would make a table of the named tuples itself."""
    found = np.empty(len(numbers), object)
    for k, number in enumerate(numbers):
        found[k] = number
    return found.reshape(shape)


def _parts(scalars: list[Any]) -> list[float]:
    return [float(part) for x in scalars for part in ((x.real, x.imag) if np.iscomplexobj(x) else (x,))]


def _lifted(scalar: Callable[[Number], float]) -> Callable[[np.ndarray], np.ndarray]:
    """`scalar` of every element of an object array."""
    return lambda objects: np.array([scalar(n) for n in objects.ravel()]).reshape(objects.shape)


def _map_result(value: Any, scalar: Any, lift: Any) -> Any:
    if isinstance(value, Number | Pair):
        return scalar(value)
    if isinstance(value, tuple):
        return tuple(_map_result(member, scalar, lift) for member in value)
    if isinstance(value, np.ndarray):
        return lift(value)
    return None


def _seeded(value: Any, seed: Any) -> Iterator[tuple[int, float]]:
    if isinstance(value, Number):
        yield value.node, float(seed)
    elif isinstance(value, Pair):
        yield from ((value.real.node, float(np.real(seed))), (value.imag.node, float(np.imag(seed))))
    elif isinstance(value, tuple):
        for member, member_seed in zip(value, seed, strict=True):
            yield from _seeded(member, member_seed)
    elif isinstance(value, np.ndarray):
        yield from zip((n.node for n in value.ravel()), map(float, np.ravel(seed)), strict=True)
