"""Functions made by `guvectorize`, called without arrays for their outputs, and by NumPy's `vectorize`."""

import math

import numpy as np
import pytest
from numba import guvectorize, njit

from numzyme import DifferentiationTypeError, grad

from .checking import check, check_raises, copies


@guvectorize(["void(float64[:], float64[:], float64[:])"], "(n),(n)->()")
def inner(x, y, out):
    out[0] = 0.0
    for i in range(x.size):
        out[0] += x[i] * y[i]


@guvectorize(["void(float64[:,:], float64[:,:], float64[:,:], float64[:])"], "(m,n),(n,p)->(m,p),(m)")
def multiplied(a, b, out, norms):
    for i in range(a.shape[0]):
        norms[i] = 0.0
        for j in range(b.shape[1]):
            out[i, j] = 0.0
            for k in range(a.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
            norms[i] += out[i, j] ** 2


@guvectorize(["void(float64[:], float64, float64[:])"], "(n),()->(n)")
def scaled(x, factor, out):
    for i in range(x.size):
        out[i] = x[i] ** 2 * factor


def two_outputs(a, b):
    product, norms = multiplied(a, b)
    return np.sum(product**2) * norms[0]


def output_that_is_given(x):
    out = np.empty(3)
    return np.sum(scaled(x, 2.0, out)) * out[1]


ROWS, COLUMN = np.arange(1.0, 7.0).reshape(2, 3), np.array([[[2.0, 1.0, 3.0]], [[1.0, 0.5, 2.0]]])


@pytest.mark.parametrize(
    ("f", "arguments"),
    [
        (lambda x: np.sum(inner(x, 2.0 * x) ** 2), (ROWS,)),
        (lambda x, y: np.sum(inner(x, y) ** 2), (ROWS, COLUMN)),
        (lambda x: inner(x, x) * x[0], (ROWS[0],)),
        (lambda x: inner(x, np.arange(3)) * x[0], (ROWS[0],)),
        (lambda x, s: np.sum(scaled(x, s)), (ROWS, 2.5)),
        (lambda x, s: np.sum(scaled(x, s)), (ROWS, np.array([2.0, 0.5]))),
        (two_outputs, (ROWS, ROWS.T[:, :1] + 1.0)),
        (output_that_is_given, (ROWS[0],)),
    ],
)
def test_outputs_of_guvectorized_functions_were_to_be_given(f, arguments):
    check(f, copies(*arguments), tolerance=1e-5)


def test_core_dimensions_that_do_not_fit_raise_what_numpy_raises():
    check_raises(lambda x, y: np.sum(inner(x, y)), copies(np.ones((2, 3)), np.ones(4)))


# -- numpy.vectorize


def cubed(v):
    return v**3 if v > 0.0 else v


def raises_above(v):
    if v > 2.0:
        raise ValueError("too large", 2)
    return v * v


FACTOR, WEIGHTS = 3.0, np.array([1.0, 2.0])
cube, above = np.vectorize(cubed), np.vectorize(raises_above)
product = np.vectorize(lambda a, b=3.0: a * b + math.sin(a))
pair = np.vectorize(lambda a, b: (a * b, a + b * b))
positive = np.vectorize(lambda v: v if v > 0.0 else 0, otypes=[float])
undecided = np.vectorize(lambda v: v if v > 0.0 else 0)
remembering = np.vectorize(lambda v: v * v, cache=True)
weighted = np.vectorize(lambda v: v * FACTOR + WEIGHTS[0] * v * v)
error_function = np.vectorize(math.erf)
partly = np.vectorize(lambda v, w: v, excluded=["w"])
of_jitted = np.vectorize(njit(cubed))


def both(x):
    first, second = pair(x, 2.0)
    return np.sum(first * second)


VALUES = np.array([1.5, -2.0, 0.5])


@pytest.mark.parametrize(
    ("f", "arguments"),
    [
        (lambda x: np.sum(cube(x)), (ROWS - 2.5,)),
        (lambda x: cube(x) * 2.0, (1.5,)),
        (lambda x: np.sum(product(x) * product(x, x)), (VALUES,)),
        (lambda x, y: np.sum(product(x, y)), (VALUES, np.array([[1.0], [2.0]]))),
        (both, (VALUES,)),
        (lambda x: np.sum(positive(x)), (VALUES,)),
        (lambda x: np.sum(positive(x)), (np.zeros(0),)),
        (lambda x: np.sum(remembering(x)), (VALUES,)),
        (lambda x: np.sum(weighted(cube(x))), (VALUES,)),
        (lambda x: np.sum(error_function(x)), (VALUES,)),
        (lambda x: np.sum(of_jitted(x)), (VALUES,)),
        (lambda z: np.sum(np.abs(remembering(z))), (VALUES + 1j,)),
        (lambda x: np.sum(x * remembering(np.arange(3))), (VALUES,)),
    ],
)
def test_numpys_vectorize_was_refused(f, arguments):
    check(f, copies(*arguments))


@pytest.mark.parametrize(
    ("f", "argument"),
    [
        (lambda x, f: np.sum(f(x)), cube),
        (lambda x, f: np.sum(f(x)), weighted),
        (lambda x, o: np.sum(o["f"](x)), {"f": weighted}),
    ],
)
def test_numpys_vectorize_as_an_argument_was_refused(f, argument):
    check(f, lambda: (VALUES.copy(), argument))


def test_exceptions_of_numpys_vectorize():
    check_raises(lambda x: np.sum(above(x)), copies(np.array([1.0, 3.0])))
    check_raises(lambda x: np.sum(cube(x)), copies(np.zeros(0)))


@pytest.mark.parametrize(
    ("f", "x", "why"),
    [
        (lambda x: np.sum(undecided(x)), VALUES, "returns float64 and int64, and which one comes first decides"),
        (lambda x: np.sum(cube(x)), VALUES.astype(np.float32), "np.vectorize of float32, where the first element"),
        (lambda x: np.sum(x * cube(x > 0.0)), VALUES, "np.vectorize of bool, where the first element decides"),
        (lambda x: np.sum(partly(x, 1.0)), VALUES, "np.vectorize with excluded"),
    ],
)
def test_numpys_vectorize_where_the_type_is_not_known(f, x, why):
    with pytest.raises(DifferentiationTypeError, match=why) as refused:
        grad(f)(x)
    assert refused.value.where is not None
    assert refused.value.where.file == __file__


def test_numpys_vectorize_that_is_made_inside():
    with pytest.raises(DifferentiationTypeError, match="make the vectorized function outside") as refused:
        grad(lambda x: np.sum(np.vectorize(cubed)(x)))(VALUES)
    assert refused.value.where is not None
    assert refused.value.where.file == __file__


def test_function_of_numpys_vectorize_was_stale():
    function = np.vectorize(lambda v: v * v)

    def f(x):
        return np.sum(function(x))

    assert grad(f)(VALUES).tolist() == (2.0 * VALUES).tolist()
    function.pyfunc = lambda v: v * v * v
    assert np.allclose(grad(f)(VALUES), 3.0 * VALUES**2, rtol=1e-15)
