"""All that Numba offers of `math` and of NumPy's elementwise functions: each differentiates, or its derivative is zero.

Few compiled functions hold all of them, so each mode is compiled once per set and precision. References: difference
quotients at 50 digits. Double precision: 1e-12 relative plus 1e-15; single precision: 1e-5 relative plus 1e-6.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from mpmath import mp, mpf

from numzyme import DifferentiationError, Duplicated, Forward, Reverse, autodiff, grad, gradient, value_and_grad

from . import references
from .references import ROWS, partial

HALF, PAIR = (0.625,), (1.375, 2.25)
ZERO = None  # instead of a reference: the derivative is zero
Row = tuple[str, Callable | None, tuple[float, ...]]


def _known(name: str, reference: str = "", point: tuple[float, ...] = HALF) -> Row:
    return (f"{name}(x)", ROWS[reference or name.split(".")[1]][0], point)


MATH: list[Row] = [
    *(_known(f"math.{n}") for n in (
        "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh", "exp", "exp2", "expm1",
        "log", "log2", "log10", "log1p", "sqrt", "fabs", "erf", "erfc", "gamma", "lgamma")),
    _known("math.acosh", point=(1.375,)),
    _known("abs", "fabs", (-1.5,)),
    ("math.degrees(x)", mp.degrees, HALF),
    ("math.radians(x)", mp.radians, HALF),
    ("math.frexp(x)[0]", references.mantissa, (5.5,)),
    ("math.ldexp(x, 3)", lambda x: 8 * x, (-1.375,)),
    ("math.ldexp(x, int(y))", lambda x, y: x / 4, (0.0, -2.5)),
    ("math.atan2(x, y)", mp.atan2, PAIR),
    ("math.hypot(x, y)", mp.hypot, PAIR),
    ("math.pow(x, y)", mp.power, PAIR),
    ("math.copysign(x, y)", ROWS["copysign"][0], (1.375, -2.25)),
    ("math.nextafter(x, y)", lambda x, y: x, PAIR),
    ("x + y", ROWS["fadd"][0], PAIR),
    ("x - y", ROWS["fsub"][0], PAIR),
    ("x * y", ROWS["fmul"][0], PAIR),
    ("x / y", ROWS["fdiv"][0], PAIR),
    ("-x", ROWS["fneg"][0], HALF),
    ("+x", lambda x: x, HALF),
    ("x ** y", mp.power, PAIR),
    ("x ** 3", lambda x: x**3, (-1.375,)),
    ("x ** -2", lambda x: x**-2, (-1.375,)),
    ("x ** 2.5", lambda x: x ** mpf("2.5"), (1.375,)),
    ("x ** 0.5", mp.sqrt, (1.375,)),
    ("x ** int(y)", lambda x, y: x**5, (-1.375, 5.0)),
    ("math.pow(x, int(y))", lambda x, y: x**5, (-1.375, 5.0)),
    ("x % y", references.modulo, (-7.25, 2.0)),
    ("x % y", references.modulo, (1.0, 0.1)),
    ("divmod(x, y)[1]", references.modulo, (7.25, -2.0)),
    ("x // y", ZERO, (7.25, 2.0)),
    ("divmod(x, y)[0]", ZERO, (7.25, 2.0)),
    ("max(x, y)", max, PAIR),
    ("min(x, y)", min, PAIR),
    ("x if x < y else y * y", lambda x, y: x if x < y else y * y, PAIR),
    *((f"1.0 * ({expression})", ZERO, HALF) for expression in (
        "math.floor(x)", "math.ceil(x)", "math.trunc(x)", "round(x)", "int(x)", "math.isnan(x)", "math.isinf(x)",
        "math.isfinite(x)", "x > 0.5", "math.frexp(x)[1]")),
    ("round(x, 2)", ZERO, HALF),
    ("np.sign(x)", ZERO, HALF),
    ("abs(complex(x, y))", mp.hypot, PAIR),
    ("(complex(x, y) * complex(y, x)).imag", lambda x, y: x * x + y * y, PAIR),
    ("cmath.exp(complex(x, y)).real", lambda x, y: mp.exp(x) * mp.cos(y), PAIR),
    ("cmath.phase(complex(y, x))", mp.atan2, PAIR),
]  # fmt: skip

UFUNCS: list[Row] = [
    *(_known(f"np.{n}") for n in (
        "sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt",
        "cbrt", "fabs")),
    *(_known(f"np.arc{n}", f"a{n}") for n in ("sin", "cos", "tan", "sinh", "tanh")),
    _known("np.arccosh", "acosh", (1.375,)),
    _known("np.absolute", "fabs", (-1.5,)),
    _known("np.cbrt", "cbrt", (-1.5,)),
    ("np.square(x)", lambda x: x * x, HALF),
    ("np.reciprocal(x)", lambda x: 1 / x, HALF),
    ("np.negative(x)", lambda x: -x, HALF),
    ("np.positive(x)", lambda x: x, HALF),
    ("np.conjugate(x)", lambda x: x, HALF),
    ("np.degrees(x)", mp.degrees, HALF),
    ("np.rad2deg(x)", mp.degrees, HALF),
    ("np.radians(x)", mp.radians, HALF),
    ("np.deg2rad(x)", mp.radians, HALF),
    ("np.arctan2(x, y)", mp.atan2, PAIR),
    ("np.hypot(x, y)", mp.hypot, PAIR),
    ("np.power(x, y)", mp.power, PAIR),
    ("np.float_power(x, y)", mp.power, PAIR),
    ("x ** 3", lambda x: x**3, (-1.375,)),
    ("x ** 2", lambda x: x**2, (-1.375,)),
    ("x ** 1.5", lambda x: x ** mpf("1.5"), (1.375,)),
    ("np.copysign(x, y)", ROWS["copysign"][0], (1.375, -2.25)),
    ("np.fmod(x, y)", ROWS["fmod"][0], (-7.25, 2.0)),
    ("np.remainder(x, y)", references.modulo, (-7.25, 2.0)),
    ("np.mod(x, y)", references.modulo, (7.25, -2.0)),
    ("x % y", references.modulo, (7.25, 2.0)),
    ("np.fmin(x, y)", min, PAIR),
    ("np.fmax(x, y)", max, PAIR),
    ("np.minimum(x, y)", min, PAIR),
    ("np.maximum(x, y)", max, PAIR),
    ("np.logaddexp(x, y)", lambda x, y: mp.log(mp.exp(x) + mp.exp(y)), PAIR),
    ("np.logaddexp2(x, y)", lambda x, y: mp.log(mpf(2) ** x + mpf(2) ** y, 2), PAIR),
    ("np.add(x, y)", ROWS["fadd"][0], PAIR),
    ("np.subtract(x, y)", ROWS["fsub"][0], PAIR),
    ("np.multiply(x, y)", ROWS["fmul"][0], PAIR),
    ("np.divide(x, y)", ROWS["fdiv"][0], PAIR),
    ("np.true_divide(x, y)", ROWS["fdiv"][0], PAIR),
    ("np.nextafter(x, y)", lambda x, y: x, PAIR),
    ("np.spacing(x)", ZERO, HALF),
    ("np.floor_divide(x, y)", ZERO, (7.25, 2.0)),
    *((f"np.{name}(x)", ZERO, HALF) for name in (
        "sign", "floor", "ceil", "trunc", "rint", "signbit", "isnan", "isinf", "isfinite",
        "logical_not")),
    ("np.greater(x, y)", ZERO, PAIR),
    ("np.logical_and(x, y)", ZERO, PAIR),
]  # fmt: skip
# each has a loop of its own; the others are fused by Numba into one
FUNCTIONS: list[Row] = [
    ("np.sinc(x)", references.sinc, HALF),
    ("np.sinc(x)", references.sinc, (0.0,)),
    ("np.nan_to_num(x)", lambda x: x, HALF),
    ("np.real(x)", lambda x: x, HALF),
    ("np.clip(x, 0.5, 2.0)", lambda x: x, HALF),
    ("np.clip(x, 0.75, 2.0)", ZERO, HALF),
    ("np.where(x > 1.0, x * x, 3.0 * x)", lambda x: 3 * x, HALF),
    ("np.divmod(x, y)[1]", references.modulo, (7.25, 2.0)),
    ("np.divmod(x, y)[0]", ZERO, (7.25, 2.0)),
    ("np.round(x)", ZERO, HALF),
    ("np.around(x)", ZERO, HALF),
    ("np.isneginf(x)", ZERO, HALF),
    ("np.isposinf(x)", ZERO, HALF),
]


def _compiled(name: str, body: str):
    names: dict = {}
    exec(f"import cmath\nimport math\nimport numpy as np\n\n\ndef {name}(xs, ys, out):\n{body}", names)
    return names[name]


def _separate(name: str, rows: list[Row]):
    """out[i] = expression i of x[i] and y[i]."""
    lines = [f"    x = xs[{i}]\n    y = ys[{i}]\n    out[{i}] = {row[0]}\n" for i, row in enumerate(rows)]
    return _compiled(name, "".join(lines))


def _fused(name: str, rows: list[Row]):
    """out = the sum of all expressions, which Numba compiles as one loop over the elements."""
    lines = [f"    x{i}, y{i} = xs[{i}], ys[{i}]\n" for i in range(len(rows))]
    terms = (re.sub(r"\b([xy])\b", rf"\g<1>{i}", row[0]) for i, row in enumerate(rows))
    return _compiled(name, "".join(lines) + f"    out[:] = {' + '.join(terms)}\n")


def _arguments(rows: list[Row], dtype, elements: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns of x and y; with `elements`, rows of so many equal elements."""
    columns = np.array([(*point, 0.0)[:2] for _, _, point in rows], dtype=dtype).T
    if elements:
        columns = np.repeat(columns[:, :, None], elements, axis=2)
    return columns[0].copy(), columns[1].copy()


def _expected(rows: list[Row], dtype) -> np.ndarray:
    found = np.zeros((2, len(rows)))
    for i, (_, reference, point) in enumerate(rows):
        if reference is not ZERO:
            rounded = tuple(float(dtype(p)) for p in point)
            found[: len(point), i] = [float(partial(reference, rounded, k)) for k in range(len(point))]
    return found


def _compare(found: np.ndarray, expected: np.ndarray, rows: list[Row]) -> None:
    relative, absolute = TOLERANCES[found.dtype.name]
    for i, (expression, _, point) in enumerate(rows):
        wanted = np.broadcast_to(expected[i], found[i].shape)
        np.testing.assert_allclose(found[i], wanted, relative, absolute, err_msg=f"{expression} at {point}")


SEPARATE = {"scalar_math": (MATH, 0), "scalar_ufuncs": (UFUNCS, 0), "functions": (FUNCTIONS, 2)}
TOLERANCES = {"float64": (1e-12, 1e-15), "float32": (1e-5, 1e-6)}


@pytest.mark.parametrize(
    "name,dtype", [(n, d) for n in SEPARATE for d in (np.float64, np.float32) if (n, d) != ("functions", np.float32)]
)
def test_separate(name: str, dtype) -> None:
    rows, elements = SEPARATE[name]
    function = _separate(name, rows)
    xs, ys = _arguments(rows, dtype, elements)
    expected = _expected(rows, dtype)
    dx, dy, out, seed = np.zeros_like(xs), np.zeros_like(ys), np.zeros_like(xs), np.ones_like(xs)
    autodiff(Reverse, function, Duplicated(xs, dx), Duplicated(ys, dy), Duplicated(out, seed))
    _compare(dx, expected[0], rows)
    _compare(dy, expected[1], rows)
    for position in range(2):
        tangents = [np.zeros_like(xs), np.zeros_like(ys)]
        tangents[position][:] = 1
        result = np.full_like(out, 7.0)
        pairs = (Duplicated(xs, tangents[0]), Duplicated(ys, tangents[1]), Duplicated(out, result))
        autodiff(Forward, function, *pairs)
        _compare(result, expected[position], rows)


def test_array_ufuncs() -> None:
    dtype = np.float64
    function = _fused("array_ufuncs", UFUNCS)
    xs, ys = _arguments(UFUNCS, dtype, 2)
    expected = _expected(UFUNCS, dtype)
    dx, dy, out, seed = np.zeros_like(xs), np.zeros_like(ys), np.zeros_like(xs[0]), np.ones_like(xs[0])
    autodiff(Reverse, function, Duplicated(xs, dx), Duplicated(ys, dy), Duplicated(out, seed))
    _compare(dx, expected[0], UFUNCS)
    _compare(dy, expected[1], UFUNCS)
    generator, result = np.random.default_rng(2), np.full_like(out, 7.0)
    tx, ty = (generator.uniform(0.5, 1.5, xs.shape).astype(dtype) for _ in range(2))
    autodiff(Forward, function, Duplicated(xs, tx), Duplicated(ys, ty), Duplicated(out, result))
    terms = np.concatenate([tx * expected[0][:, None], ty * expected[1][:, None]])
    scale = np.abs(terms).sum()
    np.testing.assert_allclose(result, terms.sum(axis=0), rtol=0, atol=TOLERANCES[out.dtype.name][0] * scale)


def test_complex_power_is_right_or_refused() -> None:
    """Numba's complex power is a call through pointers: it must not count as a function without derivative."""

    def modulus(x):
        return abs(complex(x, 1.0) ** complex(0.5, 0.25))

    exact = partial(lambda x: abs(mp.mpc(x, 1) ** mp.mpc("0.5", "0.25")), (1.3,), 0)
    try:
        found = grad(modulus)(1.3)
    except DifferentiationError as error:
        assert "numba_cpow" in str(error)
    else:
        assert abs(found - exact) < 1e-12


def test_ties() -> None:
    """Where the operands of a comparison are equal, the derivative is that of the side which the code picks."""
    assert grad(lambda x: max(x, 1.0))(1.0) + grad(lambda x: max(1.0, x))(1.0) == 1.0
    assert grad(lambda x: min(x, 1.0))(1.0) + grad(lambda x: min(1.0, x))(1.0) == 1.0
    assert grad(lambda x: abs(x))(0.0) == 1.0
    assert grad(lambda x: abs(x))(-0.0) == -1.0


def test_equal_operands_had_a_branch_of_their_own() -> None:
    """Numba's `logaddexp` has `x + log(2)` for equal operands, where there is no kink."""
    assert grad(lambda x, y: np.logaddexp(x, y), argnums=(0, 1))(1.5, 1.5) == (0.5, 0.5)


def test_norm_of_a_reversed_vector_was_read_beyond_its_end() -> None:
    """Numba gives BLAS the negative step as it is."""

    def reversed_norm(x):
        return np.linalg.norm(x[::-1])

    x = np.array([1.0, 2.0, 3.0])
    packed = np.zeros(3, dtype=[("a", "f8"), ("n", "i4")])
    packed["a"], packed["n"] = x, 7
    for mode in (Reverse, Forward):
        np.testing.assert_allclose(gradient(mode, reversed_norm, x), x / np.sqrt(14.0), rtol=1e-15)
        np.testing.assert_allclose(gradient(mode, lambda x: np.linalg.norm(x), x[::-1]), x[::-1] / np.sqrt(14.0))
    result, derivative = value_and_grad(lambda records: np.linalg.norm(records["a"]))(packed)
    assert result == np.linalg.norm(x)
    np.testing.assert_allclose(derivative["a"], x / np.sqrt(14.0), rtol=1e-15)
    for mode in (Reverse, Forward):
        np.testing.assert_allclose(gradient(mode, lambda x: np.linalg.norm(x[::2]), x), [1.0, 0.0, 3.0] / np.sqrt(10.0))
