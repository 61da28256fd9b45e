"""What Numba cannot compile, in the user's terms: which name, which line, what to write instead."""

import linecache
import math

import numpy as np
import pytest

from numzyme import DifferentiationError, grad

EXPECTED = {
    "np.sum(np.meshgrid(x, x)[0])": "Numba has no numpy.meshgrid: write x[np.newaxis, :] and y[:, np.newaxis]",
    "np.einsum('i,i', x, x)": "Numba has no numpy.einsum: write `@`",
    "np.sum(np.matmul(x, x))": "Numba has no numpy.matmul: write `a @ b`",
    "np.sum(np.lexsort((x, x)) * x)": "Numba has no numpy.lexsort, or not as it is used here",
    "np.linalg.multi_dot([x, x])": "Numba has no numpy.linalg.multi_dot",
    "np.sum(np.fft.fft(x))": "Numba has no numpy.fft.fft",
    "np.add.reduce(x)": "Numba has no numpy.add.reduce: write a loop, or np.sum",
    "math.fmod(x[0], 2.0)": "Numba has no math.fmod",
    "np.sum(np.concatenate([x, x]))": "np.concatenate takes a tuple of arrays: write (a, b)",
    "np.sum(np.vstack([x, x]))": "np.vstack takes a tuple of arrays: write (a, b)",
    "np.sum(np.array([x, x]))": "np.array of arrays is not known: write np.stack((a, b))",
    "np.sum(np.max(x.reshape(1, 2), axis=0))": "max(...) is not known for array(float64, 2d, C), axis=0",
}


@pytest.mark.parametrize("expression", EXPECTED)
def test_what_numba_does_not_compile(expression: str):
    file = f"<{expression}>"
    source = f"def f(z):\n    x = z * 2.0\n    return {expression}\n"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    scope = {"np": np, "math": math}
    exec(compile(source, file, "exec"), scope)
    with pytest.raises(DifferentiationError) as caught:
        grad(scope["f"])(np.ones(2))
    assert str(caught.value.why).startswith(EXPECTED[expression])
    assert caught.value.where is not None and (caught.value.where.file, caught.value.where.line) == (file, 3)
