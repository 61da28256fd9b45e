"""Every allocation of a derivative is looked at before it is used: without memory there is an error, no crash."""

import importlib
import re

import numpy as np
import pytest

from numzyme import grad

ALLOCATION = re.compile(
    r'^\s*(%"[^"]*"|%\S+) = (?:tail )?call (?:noalias )?ptr @numzyme\.arena\.allocate', re.MULTILINE
)
link = importlib.import_module("numzyme.runtime.link")


def calls_itself(x, n):
    return x[0] if n == 0 else np.sin(calls_itself(x, n - 1)) * x[1]


def unknown_number_of_trips(x, n):
    total, y = x[0], np.zeros(n)
    while total < 9.0:
        total = total * 1.5 + np.sin(total) ** 2
        y[n - 1] += total * x[1]
        for i in range(n):
            y[i] = np.cos(y[i]) * total
    return total * y[0]


def factors_overwritten(x, n):
    a = np.outer(x, x)
    total = 0.0
    for _ in range(n):
        b = a @ a
        total += b[0, 1]
        a[0, 0] = np.sin(total)
    return total


def list_that_grows(x, n):
    powers = [x[0]]
    for _ in range(n):
        powers.append(powers[-1] * x[1])
    return sum(powers)


@pytest.mark.parametrize("f", [calls_itself, unknown_number_of_trips, factors_overwritten, list_that_grows])
def test_every_allocation_is_compared_with_null(f, monkeypatch):
    texts, with_runtime = [], link._with_runtime
    monkeypatch.setattr(link, "_with_runtime", lambda text: texts.append(text) or with_runtime(text))
    gradient = grad(f)(np.array([0.5, 1.25]), 3)
    assert np.isfinite(gradient).all() and texts
    made = ALLOCATION.findall("\n".join(texts))
    assert made
    unseen = [name for name in made if not any(f"icmp eq ptr {name}, null" in text for text in texts)]
    assert not unseen
