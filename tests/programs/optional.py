"""Values that may be None: as results, as members of results, out of helpers that stay calls, in loops."""

import numpy as np
from numba import njit

from numzyme.testing.program import Corpus, Program, array, exactly, real

CORPUS = Corpus()


def sometimes_none(function):
    """Two programs of an array and a flag: one where the value is there, one where it is None."""
    for suffix, there in (("there", True), ("none", False)):
        name = f"{function.__name__}_{suffix}"
        CORPUS[name] = Program(name, function, (array(4), exactly(there)))
    return function


@sometimes_none
def optional_float(x, there):
    x[1] *= x[0]
    if there:
        return np.sum(x * x)
    x[2] *= x[1]
    return None


@sometimes_none
def optional_array(x, there):
    if there:
        return x * x[0]
    x[0] *= x[1]
    return None


@sometimes_none
def optional_view(x, there):
    x[0] *= x[1]
    if not there:
        return None
    return x[1:]


@sometimes_none
def optional_tuple(x, there):
    if there:
        return x[0] * x[1], x * 2.0, 3
    return None


@sometimes_none
def tuple_of_optionals(x, there):
    first, second = None, None
    if there:
        first, second = x[0] * x[1], x * x[2]
    return first, x[1] ** 2, second


@sometimes_none
def optional_integer(x, there):
    x[0] *= x[1]
    if there:
        return 3
    return None


@sometimes_none
def optional_complex(x, there):
    if there:
        return complex(x[0], x[1]) ** 2
    return None


@sometimes_none
def optional_made_in_a_loop(x, there):
    best = None
    if there:
        for value in x:
            if best is None or value * value > best:
                best = value * value
    return best


@sometimes_none
def optional_compared_and_dropped(x, there):
    best = None
    for value in x:
        if there and (best is None or value < best):
            best = value * x[0]
    if best is None:
        return x[1] * x[2]
    return best * best


@njit
def _descend(x, i, there):
    """May return None, a number, or what its own call returned; changes `x` in all three."""
    if i >= x.size:
        return None
    x[i] *= 2.0 + x[0]
    found = _descend(x, i + 1, there)
    if i == 2 and not there:
        x[i] = x[i] * x[i - 1]
        return None
    if i == 1:
        return found
    if found is None:
        return x[i] * x[i]
    return found + x[i] * x[0]


@sometimes_none
def optional_of_a_recursion(x, there):
    found = _descend(x, 1, there)
    total = np.sum(x * x)
    if found is not None:
        total += found
    return total


@sometimes_none
def optional_result_of_a_recursion(x, there):
    return _descend(x, 1, there)


@njit
def _checked(x, i, there):
    """The same with exceptions."""
    if i >= x.size:
        return None if not there else x[0]
    if x[i] > 5.0:
        raise ValueError("too large")
    found = _checked(x, i + 1, there)
    x[i] *= x[0]
    return None if found is None else found * x[i]


def optional_of_a_recursion_or_raises(x, there):
    found = _checked(x, 1, there)
    return x[1] if found is None else found * x[2]


for _there in (False, True):
    _name = f"optional_of_a_recursion_or_raises_{'there' if _there else 'none'}"
    CORPUS[_name] = Program(
        _name,
        optional_of_a_recursion_or_raises,
        (array(4), exactly(_there)),
        failing=((np.array([1.0, 2.0, 7.0, 1.0]), _there),),
    )


@CORPUS.program(real(0.1, 0.9), real(1.1, 1.9))
def optional_of_a_helper_twice(x, y):
    def root(value):
        return np.sqrt(value) if value < 1.0 else None

    first, second = root(x), root(y)
    total = 0.0
    if first is not None:
        total += first * y
    if second is not None:
        total += second
    return total
