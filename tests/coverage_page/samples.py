"""What Numba supports, from its own registry, and one program for each function.

Decides the arguments: a function with a program in `PROGRAMS` is shown by that, any other by the first of `ARGUMENTS`
that Numba compiles it for. A program is Python source of named values; what its last line gives is the result.
"""

from __future__ import annotations

import builtins
import cmath
import math
import operator
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba.core import types as numba_types
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target

X = np.array([0.31, 0.72, 0.15, 0.53])
VALUES: dict[str, Any] = {
    "x": X,
    "y": X[::-1].copy() * 0.9 + 0.05,
    "a": np.array([[0.31, 0.72, 0.15], [0.53, 0.24, 0.68], [0.45, 0.87, 0.36]]),
    "b": np.array([[0.4, 0.1, 0.7], [0.8, 0.6, 0.2], [0.25, 0.35, 0.9]]),
    "s": 0.45,
    "t": 0.8,
    "z": 0.45 + 0.3j,
    "n": 2,
    "i": np.array([2, 0, 3]),
}
DISCRETE = frozenset("ni")
ARGUMENTS = (
    "x",
    "x, y",
    "a",
    "a, b",
    "x, n",
    "(x, y)",
    "x, (2, 2)",
    "x > 0.3, x, y",
    "s",
    "s, t",
    "s + 1.0",
    "n, s",
    "z",
)

_TOTAL = "total = 0.0\nfor {loop}:\n    total += {term}\ntotal"
_POSITIVE_DEFINITE = "a @ a.T + np.eye(3)"
PROGRAMS: dict[str, str] = {
    "math.gcd": "math.gcd(n, 4)",
    "math.ldexp": "math.ldexp(s, n)",
    "cmath.rect": "cmath.rect(s, t)",
    "np.array_split": "np.array_split(x, 2)[0]",
    "np.bartlett": "np.bartlett(n)",
    "np.bincount": "np.bincount(i, y[:3])",
    "np.bitwise_and": "np.bitwise_and(n, 3)",
    "np.bitwise_invert": "np.bitwise_invert(n)",
    "np.bitwise_left_shift": "np.bitwise_left_shift(n, 3)",
    "np.bitwise_not": "np.bitwise_not(n)",
    "np.bitwise_or": "np.bitwise_or(n, 3)",
    "np.bitwise_right_shift": "np.bitwise_right_shift(n, 3)",
    "np.bitwise_xor": "np.bitwise_xor(n, 3)",
    "np.blackman": "np.blackman(n)",
    "np.broadcast_shapes": "np.broadcast_shapes((2, 1), (1, 3))",
    "np.broadcast_to": "np.broadcast_to(x, (2, 4))",
    "np.clip": "np.clip(x, 0.2, s)",
    "np.cross": "np.cross(x[:3], y[1:])",
    "np.divmod": "np.divmod(x, s)",
    "np.dsplit": "np.dsplit(x.reshape(1, 2, 2), 2)[0]",
    "np.empty": "np.empty(n).size",
    "np.expand_dims": "np.expand_dims(x, 1)",
    "np.eye": "np.eye(n)",
    "np.fill_diagonal": "c = a.copy()\nnp.fill_diagonal(c, s)\nc",
    "np.finfo": "np.finfo(np.float64).eps",
    "np.full": "np.full(3, s)",
    "np.full_like": "np.full_like(x, s)",
    "np.gcd": "np.gcd(n, 4)",
    "np.geomspace": "np.geomspace(s, t, 4)",
    "np.hamming": "np.hamming(n)",
    "np.hanning": "np.hanning(n)",
    "np.hsplit": "np.hsplit(x, 2)[0]",
    "np.histogram": "np.histogram(x, 3)",
    "np.identity": "np.identity(n)",
    "np.iinfo": "np.iinfo(np.int64).max",
    "np.indices": "np.indices((2, 2))",
    "np.insert": "np.insert(x, 1, s)",
    "np.interp": "np.interp(y, np.sort(x), x)",
    "np.invert": "np.invert(n)",
    "np.isnat": "np.isnat(np.datetime64('2026-01-01'))",
    "np.kaiser": "np.kaiser(4, s)",
    "np.lcm": "np.lcm(n, 4)",
    "np.left_shift": "np.left_shift(n, 3)",
    "np.linspace": "np.linspace(s, t, 4)",
    "np.logspace": "np.logspace(s, t, 4)",
    "np.moveaxis": "np.moveaxis(a, 0, 1)",
    "np.ndenumerate": _TOTAL.format(loop="index, value in np.ndenumerate(a)", term="value * index[0]"),
    "np.ndindex": _TOTAL.format(loop="index in np.ndindex(a.shape)", term="a[index] * index[0]"),
    "np.nditer": _TOTAL.format(loop="value in np.nditer(x)", term="value[()] ** 2"),
    "np.nonzero": "np.nonzero(x > 0.3)",
    "np.ones": "np.ones(n)",
    "np.percentile": "np.percentile(x, 30.0)",
    "np.nanpercentile": "np.nanpercentile(x, 30.0)",
    "np.quantile": "np.quantile(x, 0.3)",
    "np.nanquantile": "np.nanquantile(x, 0.3)",
    "np.right_shift": "np.right_shift(n, 3)",
    "np.roots": "np.roots(np.array([1.0 + 0.0j, s - 3.0, 2.0]))",
    "np.select": "np.select([x > 0.5, x > 0.2], [x, y])",
    "np.shape": "np.shape(x)",
    "np.split": "np.split(x, 2)[0]",
    "np.swapaxes": "np.swapaxes(a, 0, 1)",
    "np.take": "np.take(x, i)",
    "np.take_along_axis": "np.take_along_axis(x, i, 0)",
    "np.tri": "np.tri(n)",
    "np.tril_indices": "np.tril_indices(n)",
    "np.tril_indices_from": "np.tril_indices_from(a)",
    "np.triu_indices": "np.triu_indices(n)",
    "np.triu_indices_from": "np.triu_indices_from(a)",
    "np.vander": "np.vander(x, 3)",
    "np.vsplit": "np.vsplit(a[:2], 2)[0]",
    "np.where": "np.where(x > 0.3, x, y)",
    "np.zeros": "np.zeros(n)",
    "np.linalg.cholesky": f"np.linalg.cholesky({_POSITIVE_DEFINITE})",
    "np.linalg.cond": "np.linalg.cond(b)",
    "np.linalg.norm": "np.linalg.norm(x) * np.linalg.norm(b, 2)",
    "np.linalg.eig": f"np.linalg.eig({_POSITIVE_DEFINITE})",
    "np.linalg.eigh": f"np.linalg.eigh({_POSITIVE_DEFINITE})",
    "np.linalg.lstsq": "np.linalg.lstsq(a, x[:3])",
    "np.linalg.matrix_power": "np.linalg.matrix_power(a, n)",
    "np.linalg.solve": "np.linalg.solve(a, x[:3])",
    "np.linalg.svd": "np.linalg.svd(a)",
    "builtins.abs": "abs(s - t)",
    "builtins.bool": "bool(s)",
    "builtins.chr": "ord(chr(n))",
    "builtins.complex": "complex(s, t)",
    "builtins.dict": "made = {'k': s}\nmade['k'] * t",
    "builtins.divmod": "divmod(s, t)",
    "builtins.enumerate": _TOTAL.format(loop="k, value in enumerate(x)", term="value * k"),
    "builtins.filter": _TOTAL.format(loop="value in filter(lambda v: v > 0.3, x)", term="value"),
    "builtins.float": "float(s)",
    "builtins.getattr": "getattr(x, 'size')",
    "builtins.hasattr": "hasattr(x, 'size')",
    "builtins.hash": "hash(n)",
    "builtins.int": "int(s * 9.0)",
    "builtins.isinstance": "isinstance(s, float)",
    "builtins.iter": "next(iter([s, t])) * t",
    "builtins.len": "len(x)",
    "builtins.list": "made = list((s, t))\nmade[0] * made[1]",
    "builtins.map": _TOTAL.format(loop="value in map(lambda v: v * v, x)", term="value"),
    "builtins.max": "max(s, t)",
    "builtins.min": "min(s, t)",
    "builtins.next": "next(iter((s, t))) * t",
    "builtins.ord": "ord('a')",
    "builtins.pow": "pow(s, t)",
    "builtins.print": "print(n)\ns * t",
    "builtins.range": _TOTAL.format(loop="k in range(x.size)", term="x[k] * k"),
    "builtins.repr": "len(repr(n))",
    "builtins.round": "round(s * t, 1)",
    "builtins.set": "len(set((n, 3)))",
    "builtins.slice": "x[slice(1, 3)]",
    "builtins.sorted": "made = sorted([t, s])\nmade[0] * made[1] ** 2",
    "builtins.str": "len(str(n))",
    "builtins.sum": "sum([s, t * t])",
    "builtins.tuple": "tuple((s, t))[0] * t",
    "builtins.type": "type(s)(t)",
    "builtins.zip": _TOTAL.format(loop="v, w in zip(x, y)", term="v * w"),
    "operator.contains": "operator.contains([n, 3], 2)",
    "operator.delitem": "made = [s, t]\noperator.delitem(made, 0)\nmade[0]",
    "operator.getitem": "operator.getitem(x, 1)",
    "operator.setitem": "c = x.copy()\noperator.setitem(c, 1, s)\nc",
    "operator.matmul": "operator.matmul(a, b)",
    "operator.pow": "operator.pow(x, y)",
    "operator.truth": "operator.truth(s > t)",
    "operator.is_": "operator.is_(x, y)",
    "operator.is_not": "operator.is_not(x, y)",
    "x.astype": "x.astype(np.complex128)",
    "x.clip": "x.clip(0.2, s)",
    "x.ctypes": "x.ctypes.data != 0",
    "x.flags": "x.flags.c_contiguous",
    "x.flat": _TOTAL.format(loop="value in x.flat", term="value ** 2"),
    "x.dot": "x.dot(y)",
    "x.fill": "c = x.copy()\nc.fill(s)\nc",
    "x.item": "x[:1].item()",
    "x.repeat": "x.repeat(2)",
    "x.reshape": "x.reshape(2, 2)",
    "x.searchsorted": "np.sort(x).searchsorted(s)",
    "x.sort": "c = x.copy()\nc.sort()\nc",
    "x.take": "x.take(i)",
    "x.transpose": "a.transpose()",
    "x.T": "a.T",
    "x.view": "x.view(np.int64)",
    "x.partition": "c = x.copy()\nc.partition(2)\nc",
}
_INTEGER_OPERATORS = ("and_", "iand", "ilshift", "invert", "ior", "irshift", "ixor", "lshift", "or_", "rshift", "xor")
PROGRAMS |= {f"operator.{name}": f"operator.{name}(n, 3)" for name in _INTEGER_OPERATORS if name != "invert"}
PROGRAMS["operator.invert"] = "operator.invert(n)"

_DRAWS = {  # their parameters
    "beta": "s, t", "binomial": "3, s", "chisquare": "s", "choice": "x", "dirichlet": "x", "exponential": "s",
    "f": "s, t", "gamma": "s, t", "geometric": "s", "gumbel": "s, t", "hypergeometric": "3, 4, 2", "laplace": "s, t",
    "logistic": "s, t", "lognormal": "s, t", "logseries": "s", "multinomial": "3, x / np.sum(x)",
    "negative_binomial": "3, s", "noncentral_chisquare": "s, t", "normal": "s, t", "pareto": "s", "permutation": "x",
    "poisson": "s", "power": "s", "rand": "", "randint": "n, 5", "randn": "", "random": "", "random_sample": "",
    "ranf": "", "rayleigh": "s", "sample": "", "standard_cauchy": "", "standard_exponential": "", "standard_gamma": "s",
    "standard_normal": "", "standard_t": "s", "triangular": "s - 1.0, s, t", "uniform": "s, t", "vonmises": "s, t",
    "wald": "s, t", "weibull": "s", "zipf": "s + 1.0",
}  # fmt: skip
PROGRAMS |= {f"np.random.{name}": f"np.random.seed(3)\nnp.random.{name}({given})" for name, given in _DRAWS.items()}
PROGRAMS["np.random.seed"] = "np.random.seed(n)\ns * t"
PROGRAMS["np.random.shuffle"] = "np.random.seed(3)\nc = x.copy()\nnp.random.shuffle(c)\nc"

MODULES = {
    "builtins": builtins,
    "operator": operator,
    "math": math,
    "cmath": cmath,
    "np": np,
    "np.linalg": np.linalg,
    "np.random": np.random,
}
METHODS = "x"  # of float arrays
# Names that stand for types and values, not for functions.
_KINDS_OF_VALUES = numba_types.NumberClass | numba_types.Module | numba_types.Number | numba_types.Literal
_KINDS_OF_VALUES |= (
    numba_types.Boolean
    | numba_types.EllipsisType
    | numba_types.DType
    | numba_types.ClassType
    | numba_types.NoneType
    | numba_types.ExceptionClass
)


def supported() -> Iterator[tuple[str, str]]:
    """(module, name) of all functions that Numba says it knows, and of methods and attributes of float arrays."""
    context: Any = cpu_target.typing_context
    context.refresh()
    for shown, module in MODULES.items():
        for name in sorted(dir(module)):
            value = getattr(module, name)
            if name.startswith("_") or isinstance(value, types.ModuleType):
                continue
            try:
                kind = context.resolve_value_type(value)
            except (NumbaError, ValueError, TypeError):
                continue
            is_exception = isinstance(value, type) and issubclass(value, BaseException)
            if not isinstance(kind, _KINDS_OF_VALUES) and not is_exception:
                yield shown, name
    array = numba_types.Array(numba_types.float64, 1, "C")
    for name in sorted(dir(np.ndarray)):
        if not name.startswith("_") and context.resolve_getattr(array, name) is not None:
            yield METHODS, name
