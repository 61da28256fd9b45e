"""What Python code does with tuples, lists and NamedTuples of layers: loops, slices, unpacking, sums, matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from numzyme import DifferentiationError, Forward, Reverse, gradient
from numzyme.arrays import SVector

from .checking import check, check_raises, copies


@dataclass
class Dense:
    w: Any
    b: Any

    def __call__(self, x):
        return self.w @ x + self.b

    def penalty(self):
        return np.sum(self.w**2) + self.b


@dataclass
class Scale:
    s: float

    def __call__(self, x):
        return self.s * x

    def penalty(self):
        return self.s**3


@dataclass
class Chain:
    layers: Any


class Pair(NamedTuple):
    first: Any
    second: Any


def layers():
    return (
        Dense(np.array([[0.3, -0.2], [0.1, 0.7]]), 0.25),
        Scale(0.75),
        Dense(np.array([[1.5, 0.5], [-1.0, 0.2]]), 0.5),
    )


def as_tuple():
    return Chain(layers()), np.array([0.5, -1.5])


def as_list():
    return Chain(list(layers())), np.array([0.5, -1.5])


BOTH = pytest.mark.parametrize("make", (as_tuple, as_list), ids=("tuple", "list"))


def counted(m, x):
    total = 0.0
    for i, layer in enumerate(m.layers, 1):
        x = layer(x)
        total += i * layer.penalty()
    for i, layer in enumerate(m.layers[::-1], start=2):
        total = total * i + layer.penalty()
    for layer, k in zip(m.layers, [1.0, 2, 3.0], strict=True):
        total += k * layer.penalty()
    for a, b in zip(m.layers[:-1], m.layers[1:], strict=False):
        total += a.penalty() * b.penalty()
    for i, (layer, k) in enumerate(zip(reversed(m.layers), (0.5, 0.25), strict=False)):
        total += i * k * layer.penalty()
    return total * np.sum(x) * len(m.layers)


@BOTH
def test_loops_with_numbers_and_in_step(make):
    check(counted, make)


def inside_of_try(m, x):
    total = 0.0
    for i, layer in enumerate(m.layers):
        try:
            for k, other in zip((1.0, 2.0), m.layers[1:], strict=False):
                total += k * other.penalty() * layer.penalty()
                if layer is other:
                    continue
                if total > 20.0:
                    raise ValueError("large")
                total *= 0.9
            else:
                total += 0.5 * i
            for view in (x, x[1:], x[::-1]):
                if view.size < i:
                    break
                view[0] += 0.25 * total
        except ValueError:
            total = np.sin(total) + np.sum(x)
        finally:
            total *= 1.5
    return total


@BOTH
def test_loops_over_tuples_inside_of_try_were_refused(make):
    check(inside_of_try, make)


def unpacked(m, x):
    first, *rest = m.layers
    *others, last = m.layers
    a, b, c = m.layers
    x = first(x)
    for layer in rest:
        x = layer(x)
    kept = 2.0 if isinstance(rest, list) else 3.0
    one, *none, other = rest
    return np.sum(x) * kept * others[1].s + last.penalty() * len(others) + b(a.b) * c.b + one.s * other.b + len(none)


@BOTH
def test_unpacking(make):
    check(unpacked, make)


def folded(m, x):
    total = sum(layer.penalty() for layer in m.layers) + sum((layer.penalty() for layer in m.layers), 1.5)
    total += max(layer.penalty() for layer in m.layers) - 2.0 * min(layer.penalty() for layer in m.layers)
    total *= 2.0 if any(layer.penalty() > 100.0 for layer in m.layers) else 3.0
    total *= 5.0 if all(layer.penalty() > 0.0 for layer in m.layers) else 7.0
    total += sum(layer.s for layer in m.layers if isinstance(layer, Scale))
    total += sum(layer.penalty() for layer in m.layers if layer.penalty() > 0.5)
    total += max([layer.penalty() for layer in m.layers], default=0.0)
    total += sum(v * v for v in x) + max(v * total for v in x)
    a, b, c = tuple(layer.penalty() for layer in m.layers)
    listed = list(layer.penalty() for layer in m.layers)  # noqa: C400
    return total + a * b * c + listed[0] * listed[-1]


@BOTH
def test_generator_expressions(make):
    check(folded, make)


def nested(m, x):
    pairs = sum(a.penalty() * b.penalty() for a in m.layers[:2] for b in m.layers if b is not a)
    return pairs + sum(sum(layer.penalty() for layer in m.layers[n:]) for n in range(2))


def stops_early(values):
    return 2.0 * values[0] if any(1.0 / v > 0.5 for v in values) else values[1]


def test_any_stops_at_the_first():
    _, slope = gradient(Reverse, lambda values, k: stops_early(values) * k, [1.5, 0.0, 1.0], 1.0)
    assert slope == 3.0
    check_raises(stops_early, copies([0.0, 1.5, 1.0]))
    check_raises(lambda x, n: max(v * v for v in x[:n]), copies(np.ones(3), 0))


def matched(m, x):
    for layer in m.layers:
        match layer:
            case Dense(w=w, b=0.0):
                x = w @ x
            case Dense(w, b):
                x = w @ x + b
            case Scale(s=s):
                x = s * x
    match m.layers:
        case (_, Scale(s)):
            return s
        case (Dense(b=b), Scale(), _):
            return np.sum(x) * b
    return 0.0


@BOTH
def test_match(make):
    check(matched, make)


def assembled(m, x):
    own = [Dense(x[0] * np.eye(2), x[1]), Scale(x[1])]
    for layer in m.layers + own if isinstance(m.layers, list) else (*m.layers, *own):
        x = layer(x)
    total = np.sum(x)
    for layer in (m.layers[1],) * 2 + (Scale(total),):
        total = total * 2.0 + layer.penalty()
    i = 1
    for n in range(len(m.layers)):
        total += m.layers[n].penalty() * (n + 1)
    total += m.layers[i].penalty() * m.layers[i + 1].penalty() * m.layers[-2].s
    stacked = np.stack([x, m.layers[0].w[0], own[0].w[1]]) * np.concatenate([x, x])[0]
    return total + np.sum(stacked**2) * (2.0 if isinstance(m.layers[1:], list) else 3.0)


@BOTH
def test_indices_sums_and_lists_made_inside(make):
    check(assembled, make)


def of_pair(p):
    a, b = p
    first, *rest = p
    total = a * b + p[0] * p[-1] + sum(p) + first * rest[0] + sum(v * v for v in p)
    for i, v in enumerate(p):
        total += i * v
    for i in range(2):
        total += p[i] * (i + 1)
    return total + p[:1][0]


def test_named_tuples_are_sequences():
    check(of_pair, copies(Pair(1.5, 2.5)))


def test_membership_and_identity_of_layers():
    def f(m, n):
        total = 2.0 * m.layers[0].s if n in m.layers else m.layers[1].s
        return total * 3.0 if m.layers[0] is n or m.layers[1] is not n else total

    def make(index):
        m = Chain([Scale(1.5), Scale(2.5)])
        return lambda: (m, m.layers[index]) if index is not None else (m, Scale(3.5))

    for index in (0, 1, None):
        _, g = gradient(Reverse, f, *make(index)())
        expected = {0: 6.0, 1: 0.0, None: 0.0}[index]
        assert g.s == expected


def effect(m):
    if isinstance(bumped(m), float):
        m.s *= 2.0
    return m.s


def bumped(m):
    m.s += 1.0
    return m.s


def test_the_call_in_a_decided_test_was_left_out():
    check(effect, copies(Scale(1.5)))


REFUSED = {
    "strict": (lambda m: sum(a.s * k for a, k in zip(m.layers, (1.0,), strict=True)), "different lengths: 2, 1"),
    "unpack": (lambda m: starred(m.layers), "expected at least 3, got 2"),
    "generator": (lambda m: np.sum(np.fromiter((a.s for a in m.layers), float)), "generator expression"),
}


def starred(values):
    a, b, c, *rest = values
    return a.s


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    f, message = REFUSED[name]
    with pytest.raises(DifferentiationError, match=message):
        gradient(Reverse, f, Chain((Scale(1.5), Scale(2.0))))


class Data:
    """Read by `len` and indices."""

    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


class Squares:
    """Read by a generator."""

    def __init__(self, data):
        self.data = data

    def __iter__(self):
        for k in range(len(self.data)):
            yield self.data[k] * self.data[k]


def enumerated(v):
    total = 0.0
    for i, e in enumerate(v):
        if i == 2:
            break
        total += (i + 1) * e * e
    for i, e in enumerate(v, start=2):
        total += i * e * e * e
    return total


@pytest.mark.parametrize("make", [lambda x: SVector(*x), Data, Squares], ids=["SVector", "Data", "Squares"])
@pytest.mark.parametrize("mode", [Reverse, Forward])
def test_enumerate_of_objects(mode, make):
    x = np.array([0.5, -1.5, 0.75])
    found = gradient(mode, enumerated, make(x))
    found = np.asarray(found if isinstance(found, SVector) else found.data)
    steps = np.eye(3) * 1e-6
    expected = [(enumerated(make(x + step)) - enumerated(make(x - step))) / 2e-6 for step in steps]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)
