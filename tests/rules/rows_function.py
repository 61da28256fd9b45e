"""Many operations in one LLVM function: out[i] = operation i of x[3*i], x[3*i + 1], x[3*i + 2].

One compilation of each mode then gives the partial derivatives of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from derive.ll_case import Case, Run, Values

WIDTH = 4


def rows_case(spellings: Sequence[tuple[str, int]], kind: str) -> Case:
    """`spellings`: an opcode (`fadd`) or a callee (`@llvm.sin.f64`, `@tan`), each with its number of operands."""
    body, declarations = [], {}
    for i, (spelling, arity) in enumerate(spellings):
        names = [f"%a{i}.{k}" for k in range(arity)]
        for k, name in enumerate(names):
            body.append(f"  {name}.p = getelementptr inbounds {kind}, ptr %x, i64 {WIDTH * i + k}")
            body.append(f"  {name} = load {kind}, ptr {name}.p")
        if spelling.startswith("@"):
            operands = ", ".join(f"{kind} {name}" for name in names)
            body.append(f"  %y{i} = call {kind} {spelling}({operands})")
            parameters = ", ".join([kind] * arity)
            declarations[spelling] = f"declare {kind} {spelling}({parameters}) nounwind willreturn memory(none)"
        else:
            body.append(f"  %y{i} = {spelling} {kind} {', '.join(names)}")
        body.append(f"  %q{i} = getelementptr inbounds {kind}, ptr %out, i64 {i}")
        body.append(f"  store {kind} %y{i}, ptr %q{i}")
    lines = [
        f"; activities: %out=duplicated:{kind} %x=duplicated:{kind}",
        "define i32 @rows(ptr noalias %out, ptr noalias %x) {",
        "entry:",
        *body,
        "  ret i32 0",
        "}",
        *declarations.values(),
    ]
    return Case("\n".join(lines) + "\n")


def single_precision(spelling: str) -> str:
    """The spelling of an operation on `float`."""
    if not spelling.startswith("@"):
        return spelling
    return re.sub(r"\.f64$", ".f32", spelling) if spelling.startswith("@llvm.") else spelling + "f"


def _values(case: Case, points: Sequence[tuple[float, ...]]) -> Values:
    count = len(points)
    run = Run({"%out": f"zeros({count})", "%x": f"zeros({WIDTH * count})"}, 0)
    values = case.values(run, np.random.default_rng(0))
    for i, point in enumerate(points):
        values.buffers["%x"][WIDTH * i : WIDTH * i + len(point)] = point
    return values


def reverse_partials(case: Case, points: Sequence[tuple[float, ...]]) -> np.ndarray:
    """Partial derivatives, one row per operation, from one reverse sweep with a seed of ones."""
    values = _values(case, points)
    adjoint = values.copy()
    adjoint.buffers["%x"][:] = 0
    adjoint.buffers["%out"][:] = 1
    assert case.run_reverse(values, adjoint) == 0
    return adjoint.buffers["%x"].reshape(-1, WIDTH)


def forward_partials(case: Case, points: Sequence[tuple[float, ...]]) -> np.ndarray:
    """The same from one forward sweep per operand."""
    columns = []
    for k in range(WIDTH):
        values = _values(case, points)
        tangent = values.copy()
        tangent.buffers["%x"].reshape(-1, WIDTH)[:] = np.eye(WIDTH)[k]
        assert case.run_forward(values, tangent) == 0
        columns.append(tangent.buffers["%out"])
    return np.stack(columns, axis=1)
