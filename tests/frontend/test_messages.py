"""What Numba cannot compile, in the user's terms: which name, which line, what to write instead."""

from __future__ import annotations

import inspect

import numba
import pytest

from numzyme import DifferentiationError, Reverse, gradient


def takes_any_keywords(x, **keywords):
    return x * 2.0


def square(x):
    return x * x


def passes_keywords(x):
    return takes_any_keywords(x, a=1)  # here


def decorates_inside(x):
    jitted = numba.njit(square)  # here
    return jitted(x)


def catches_what_it_finds(x):
    try:
        if x > 0.0:
            raise ValueError("a")
        return x
    except ValueError if x > 1.0 else KeyError:  # here  # noqa: B030
        return 2.0 * x


def keeps_a_generator(x):
    multiples = (i * x for i in range(3))  # here
    total = 0.0
    for multiple in multiples:
        total += multiple
    return total


def keeps_an_exception(x):
    try:
        x = x / 0.0
    except Exception as error:  # here
        x = x + len(str(error))
    return x


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (keeps_an_exception, "no exceptions as values: write `except Exception:` without `as error`"),
        (
            passes_keywords,
            "`takes_any_keywords` takes any keywords, .* write the keywords out in place of [*]{2}keywords",
        ),
        (decorates_inside, "`njit` takes any keywords, .*: decorate functions outside"),
        (catches_what_it_finds, "the classes behind `except` are not known .*: write their names"),
        (keeps_a_generator, "a generator expression that is kept: write a list comprehension"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_reason_and_line(function, reason):
    lines, start = inspect.getsourcelines(function)
    (line,) = [start + n for n, text in enumerate(lines) if "# here" in text]
    with pytest.raises(DifferentiationError, match=reason) as refused:
        gradient(Reverse, function, 1.5)
    assert refused.value.where is not None
    assert refused.value.where.file == __file__
    assert refused.value.where.line == line
