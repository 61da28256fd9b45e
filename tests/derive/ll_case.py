"""A `.ll` file as a test case: what its comments say, and its function and derivatives as machine code.

    ; activities: %out=duplicated:double %x=duplicated:double %s=active
    ; arguments: %out=zeros(1) %x=uniform(5) %s=uniform %n=5 %index=[0,2,1] %y=alias(%x,1)
    ; EXPECT loops: a whole line of the printed facts
    ; EXPECT-NOT plan: a beginning of a line that must not be printed
    ; REFUSED: part of the message of the error that both modes must raise (or REFUSED forward, REFUSED reverse)

Each `arguments` line is one run; `status=1` on it tells the status that the function returns.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from numzyme.derive import Activity, differentiate
from numzyme.ir import read
from numzyme.opt import Annotations, read_annotations
from numzyme.runtime import link

DTYPES = {"double": np.float64, "float": np.float32, "i64": np.int64, "i32": np.int32, "i8": np.int8, "i1": np.int8}
C_TYPES = {
    "double": ctypes.c_double,
    "float": ctypes.c_float,
    "i64": ctypes.c_int64,
    "i32": ctypes.c_int32,
    "i8": ctypes.c_int8,
    "i1": ctypes.c_bool,
    "ptr": ctypes.c_void_p,
}
# what Numba's runtime does for forward mode and for the plain function, without its library
_ALLOCATE = """
define internal noalias ptr @{}(i64 %size) {{
  %memory = call ptr @malloc(i64 %size)
  ret ptr %memory
}}
"""


@dataclass(frozen=True)
class Run:
    """One set of arguments: the text of each by parameter name, and the status that the function returns."""

    arguments: dict[str, str]
    status: int


@dataclass
class Values:
    """Arguments in memory: a buffer for each pointer, a number for each scalar."""

    buffers: dict[str, np.ndarray]
    scalars: dict[str, float]

    def copy(self) -> Values:
        bases = {id(b.base if b.base is not None else b): None for b in self.buffers.values()}
        copies: dict[int, np.ndarray] = {}
        buffers = {}
        for name, buffer in self.buffers.items():
            base = buffer.base if buffer.base is not None else buffer
            assert id(base) in bases
            copied = copies.setdefault(id(base), base.copy())
            offset = (buffer.ctypes.data - base.ctypes.data) // buffer.itemsize
            buffers[name] = copied[offset : offset + buffer.size]
        return Values(buffers, dict(self.scalars))


class Case:
    """Annotated LLVM text, most often a file of `tests/ll`."""

    def __init__(self, text: str, *, keep_primal: bool = True) -> None:
        self.text, self.keep_primal = text, keep_primal
        self.module = read(self.text)
        self.annotations: Annotations = read_annotations(self.text, self.module)
        self.parameters = self.annotations.function.parameters
        self.activity = dict(zip((p.name for p in self.parameters), self.annotations.activities, strict=True))
        self.kind = dict(zip((p.name for p in self.parameters), self.annotations.memory, strict=True))

    # -- what the comments say -----------------------------------------------------------------------------------------
    def comments(self, word: str) -> list[tuple[str, str]]:
        """(argument, text) of the comments `; WORD argument: text`."""
        return re.findall(rf"^; {word} ?(\w*): ?(.*?) *$", self.text, re.MULTILINE)

    @property
    def runs(self) -> list[Run]:
        found = []
        for _, text in self.comments("arguments"):
            items = dict(item.split("=", 1) for item in text.split())
            status = int(items.pop("status", 0))
            found.append(Run(items, status))
        return found

    def refusal(self, mode: str) -> str | None:
        """Part of the message with which `mode` is refused."""
        return next((text for word, text in self.comments("REFUSED") if word in ("", mode)), None)

    # -- arguments -----------------------------------------------------------------------------------------------------
    def values(self, run: Run, generator: np.random.Generator) -> Values:
        result = Values({}, {})
        for parameter in self.parameters:
            text = run.arguments[parameter.name]
            if parameter.type != "ptr":
                result.scalars[parameter.name] = generator.uniform(0.5, 1.5) if text == "uniform" else float(text)
            elif alias := re.match(r"alias\((%\w+),(\d+)\)$", text):
                base = result.buffers[alias[1]]
                result.buffers[parameter.name] = base[int(alias[2]) :]
            else:
                result.buffers[parameter.name] = _buffer(text, self.kind[parameter.name] or "i64", generator)
        return result

    def shadowed(self) -> list[str]:
        return [name for name, activity in self.activity.items() if activity is Activity.DUPLICATED]

    def active_scalars(self) -> list[str]:
        return [name for name, activity in self.activity.items() if activity is Activity.ACTIVE]

    def vector(self, values: Values, run: Run, *, scalars: bool) -> np.ndarray:
        """All differentiable memory, each buffer once, then with `scalars` the active scalars."""
        own = [n for n in self.shadowed() if not run.arguments[n].startswith("alias")]
        parts = [values.buffers[n].astype(np.float64) for n in own]
        if scalars:
            parts.append(np.array([values.scalars[n] for n in self.active_scalars()]))
        return np.concatenate([np.zeros(0), *parts])

    def random_like(self, values: Values, generator: np.random.Generator) -> Values:
        """Random numbers for everything differentiable, with the aliasing of `values`."""
        result = values.copy()
        for name in self.shadowed():
            result.buffers[name][:] = generator.uniform(-1, 1, result.buffers[name].size)
        for name in self.active_scalars():
            result.scalars[name] = self.rounded(name, generator.uniform(-1, 1))
        return result

    def rounded(self, name: str, value: float) -> float:
        """`value` in the precision of the scalar parameter."""
        kind = next(p.type for p in self.parameters if p.name == name)
        return float(np.float32(value)) if kind == "float" else value

    def moved(self, values: Values, direction: Values, step: float) -> Values:
        """`values + step * direction`."""
        result = values.copy()
        for name in self.shadowed():
            result.buffers[name][:] = values.buffers[name] + step * direction.buffers[name]
        for name in self.active_scalars():
            result.scalars[name] += step * direction.scalars[name]
        return result

    @property
    def single(self) -> bool:
        """Whether some of the differentiable values are of single precision."""
        kinds = {self.kind[n] for n in self.shadowed()} | {p.type for p in self.parameters}
        return "float" in kinds

    def without_noalias(self) -> Case:
        """The same function for arguments that may overlap, and without its primal result if it has one."""
        header = self.annotations.function.header
        in_place = self.parameters[0].name != "%out"
        return Case(self.text.replace(header, header.replace(" noalias", "")), keep_primal=in_place)

    # -- machine code --------------------------------------------------------------------------------------------------
    @cached_property
    def _primal(self):
        return self._compiled(self.text, self.annotations.symbol, [])

    @cached_property
    def _forward(self):
        derivative = differentiate(self.text, self.annotations.request("forward"))
        scalar = [p.type for p in self.parameters if self.activity[p.name] is not Activity.CONST]
        return self._compiled(derivative.text, derivative.symbol, scalar)

    @cached_property
    def _reverse(self):
        request = self.annotations.request("reverse", keep_primal=self.keep_primal)
        derivative = differentiate(self.text, request)
        return self._compiled(derivative.text, derivative.symbol, ["ptr"] * (len(self.shadowed()) + 1))

    def _compiled(self, text: str, symbol: str, extra: list[str]):
        declared = re.compile(r"^declare .*@(numzyme\.allocate(?:\.tape)?)\(.*\n", re.MULTILINE)
        names = declared.findall(text)
        if names:
            text = declared.sub("", text) + "\ndeclare ptr @malloc(i64)\n" + "".join(map(_ALLOCATE.format, names))
        library = link(text, symbol)
        types = [C_TYPES[p.type] for p in self.parameters] + [C_TYPES[kind] for kind in extra]
        return ctypes.CFUNCTYPE(ctypes.c_int32, *types)(library.address), library

    def _arguments(self, values: Values) -> list:
        found = []
        for parameter in self.parameters:
            if parameter.type == "ptr":
                found.append(values.buffers[parameter.name].ctypes.data)
            else:
                value = values.scalars[parameter.name]
                found.append(value if parameter.type in ("double", "float") else int(value))
        return found

    def run(self, values: Values) -> int:
        """The plain function, in place; returns its status."""
        return self._primal[0](*self._arguments(values))

    def run_forward(self, values: Values, tangent: Values) -> int:
        """The forward derivative, in place on values and tangents."""
        extra = []
        for name, activity in self.activity.items():
            if activity is Activity.DUPLICATED:
                extra.append(tangent.buffers[name].ctypes.data)
            elif activity is Activity.ACTIVE:
                extra.append(tangent.scalars[name])
        return self._forward[0](*self._arguments(values), *extra)

    def run_reverse(self, values: Values, adjoint: Values) -> int:
        """The reverse derivative, in place on values and adjoints."""
        slots = np.full(max(1, len(self.active_scalars())), np.nan)
        shadows = [adjoint.buffers[name].ctypes.data for name in self.shadowed()]
        status = self._reverse[0](*self._arguments(values), *shadows, slots.ctypes.data)
        for position, name in enumerate(self.active_scalars()):
            kind = next(p.type for p in self.parameters if p.name == name)
            adjoint.scalars[name] = float(slots[position : position + 1].view(DTYPES[kind])[0])
        return status


def _buffer(text: str, kind: str, generator: np.random.Generator) -> np.ndarray:
    dtype = DTYPES[kind]
    if text.startswith("["):
        return np.array([float(item) for item in text[1:-1].split(",") if item], dtype=dtype)
    name, size = re.match(r"(\w+)\((\d+)\)$", text).groups()  # type: ignore[union-attr]
    if name == "zeros":
        return np.zeros(int(size), dtype=dtype)
    assert name == "uniform", text
    return generator.uniform(0.5, 1.5, int(size)).astype(dtype)
