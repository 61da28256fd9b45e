"""`isinstance` and `hasattr` in ordinary functions: Python's answers, or a refusal."""

import math
from collections import namedtuple

import numpy as np
import pytest

from numzyme import DifferentiationError, grad, value_and_grad

Pair = namedtuple("Pair", "a b")


def of_modules(x):
    """Numba knows neither `math.fmod` nor `np.meshgrid`, and said that they are not there."""
    scale = 2.0 if hasattr(math, "fmod") else 1.0
    if hasattr(np, "meshgrid") and not hasattr(np, "nothing"):
        scale *= 3.0
    return x * scale * (1 + hasattr(np.linalg, "multi_dot"))


def of_values(x):
    pair, names, several = Pair(x, x), {"a": x}, [x, x]
    scale = 2.0 if hasattr(x, "is_integer") else 1.0
    scale *= 3.0 if hasattr("text", "format") else 1.0
    scale *= 5.0 if hasattr(names, "fromkeys") and not hasattr(names, "append") else 1.0
    scale *= 7.0 if hasattr(pair, "b") and hasattr(pair, "_asdict") and not hasattr(pair, "c") else 1.0
    scale *= 11.0 if hasattr(several, "append") and hasattr(None, "__bool__") else 1.0
    return x * scale + several[0] + names["a"]


def of_numbers(x):
    n = 3
    return x * (2.0 if isinstance(n, int | np.integer) else 1.0) * (1 + isinstance(x, float))


@pytest.mark.parametrize("f", [of_modules, of_values, of_numbers])
def test_answers_are_pythons(f):
    assert value_and_grad(f)(1.5) == (f(1.5), f(1.0))  # all are multiples of x


def of_arrays(x):
    is_vector = isinstance(x, np.ndarray) and x.ndim == 1
    scale = 2.0 if is_vector and hasattr(x, "tolist") and not hasattr(x, "append") else 1.0
    return np.sum(x) * scale * (1 + isinstance(x, list))


def test_answers_of_arrays_are_pythons():
    assert value_and_grad(of_arrays)(np.ones(3))[0] == of_arrays(np.ones(3))
    np.testing.assert_array_equal(grad(of_arrays)(np.ones(3)), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(grad(of_arrays)(np.ones((1, 2))), [[1.0, 1.0]])


def helper(x):
    return x


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: x if hasattr(helper, "scale") else 2.0 * x, "whether it has a scale is not known"),
        (lambda x: x if hasattr(x, "shape") else 2.0 * x, "float and float64 are one type"),
        (lambda x: x if isinstance(x, np.floating) else 2.0 * x, "float and float64 are one type"),
        (lambda x: x if isinstance(3, np.integer) else 2.0 * x, "int and int64 are one type"),
    ],
)
def test_what_python_tells_apart_and_compiled_code_does_not_is_refused(f, what):
    with pytest.raises(DifferentiationError, match=what):
        grad(f)(1.5)
