"""Loops over unlike members, dicts, nested containers, optional fields, strings, and structures that change."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from numzyme import DifferentiationError, Reverse, gradient, tree_map

from .checking import check, copies


class Point(NamedTuple):
    x: Any
    y: Any

    def norm2(self):
        return self.x * self.x + np.sum(self.y * self.y)


@dataclass(frozen=True)
class Dense:
    w: Any
    b: Any = None
    act: Any = None
    name: str = "dense"

    def __call__(self, x):
        y = self.w @ x if self.w.ndim == 2 else self.w * x
        if self.b is not None:
            y = y + self.b
        if self.name == "skip":
            y = y + x
        return y if self.act is None else self.act(y)


@dataclass(frozen=True)
class Residual:
    inner: tuple
    scale: float = 0.5

    def __call__(self, x):
        y = x
        for layer in self.inner:
            y = layer(y)
        return x + self.scale * y


def loops(layers, xs):
    total = 0.0
    for i, (layer, x) in enumerate(zip(layers, xs)):  # noqa: B905
        if isinstance(layer, Dense):
            if layer.name == "stop":
                break
            if layer.name == "pass":
                continue
            total += (i + 1) * np.sum(layer(x))
        else:
            for part in layer:
                total += part * x[0]
                if i > 1:
                    break
            else:
                total *= 1.5
    else:
        total *= 100.0
    return total


def test_loops_over_unlike_members():
    w = np.array([[0.5, -1.0], [2.0, 0.25]])

    def make(last="stop"):
        layers = (
            Dense(w.copy(), np.ones(2), np.tanh),
            (2.0, np.float32(1.5)),
            Dense(np.array([0.5, 3.0]), None, np.abs, "pass"),
            [1.25],
            Dense(np.array([1.0, 2.0]), None, np.sin, last),
        )
        return layers, [np.array([0.5, 1.5]) * (n + 1) for n in range(5)]

    check(loops, make, forward=False, step=1e-3, tolerance=2e-4)


def turns(layers):
    total, k = 0.0, 0
    while k < 2:
        for layer in reversed(layers):
            if isinstance(layer, Dense) and layer.b is not None:
                total += np.sum(layer.b) * (k + 1)
        for layer in layers:
            if layer is None:
                break
        else:
            total *= 100.0
        k += 1
    return total


def test_loops_in_a_while_loop():
    for last in (None, (2.0,)):
        check(turns, copies((Dense(np.ones(2), np.ones(2)), last)), forward=False)


def deep(model):
    total = 0.0
    for name, group in model.items():
        for block in group["blocks"]:
            for key, pair in block.items():
                for point in pair:
                    if key == "first" or name != "a":
                        total += point.norm2()
                    else:
                        total += point.x * 3.0
    for value in model["b"]["blocks"][0].values():
        total *= value[0].x
    for key in model.keys():  # noqa: SIM118
        total += 1.0 if key == "b" else 2.0
    return total


def test_containers_four_deep():
    def point(x):
        return Point(x, np.array([x, 1.0]))

    def block(x):
        return {"first": [point(x), point(2 * x)], "second": (point(3 * x),)}

    check(deep, copies({"a": {"blocks": (block(0.5),)}, "b": {"blocks": [block(0.75)]}}), forward=False)


@dataclass
class Node:
    value: float
    next: Any = None

    def total(self):
        return self.value**2 + (self.next.total() if self.next is not None else 0.0)


def summed(node):
    if node is None:
        return 0.0
    return node.value * 2.0 + summed(node.next)


def test_linked_structures():
    node = Node(0.5, Node(1.5, Node(2.5)))
    check(lambda n: n.total() * summed(n), copies(node))


@dataclass(frozen=True)
class Options:
    w: Any
    scale: Any = None
    flag: bool = False
    items: tuple = ()
    f: Any = None


def options(o, fs):
    x = np.sum(o.w)
    if o.scale:
        x *= o.scale
    if not o.flag and o.items:
        for item in o.items:
            x += item
    if o.f is not None:
        x = o.f(x)
    for f in fs["list"]:
        x = f(x)
    return fs["named"](x, 2.0) if "named" in fs else x


def power(x, n):
    return x**n + x


def test_one_function_many_structures():
    fs = {"list": [np.sin, lambda x: x * 3.0], "named": power}
    w = np.array([0.5, 0.25])
    for o in (Options(w), Options(w, 2.0), Options(w, None, False, (1.5, 2)), Options(w, 0.5, True, (1.5,), np.exp)):
        for functions in (fs, {"list": []}):
            check(options, copies(o, functions), forward=False)


def test_structure_that_changes_at_every_call():
    def total(xs):
        found = 0.0
        for x in xs["list"]:
            found += x * x
        return found

    for n in range(1, 8):
        found = gradient(Reverse, total, {"list": [float(k) for k in range(n)]})
        assert found["list"] == [2.0 * k for k in range(n)]


def test_threads_with_different_objects():
    model = Residual((Dense(np.eye(2), np.ones(2), np.tanh), Dense(np.ones((2, 2)))))

    def loss(m, x):
        return np.sum(m(x) ** 2)

    inputs = [np.array([0.1 * n, 1.0]) for n in range(8)]
    expected = [gradient(Reverse, loss, model, x)[0].inner[0].w for x in inputs]
    found: list[Any] = [None] * 8

    def run(n):
        for _ in range(20):
            found[n] = gradient(Reverse, loss, model, inputs[n])[0].inner[0].w

    threads = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_by_tree_map():
    model = Residual((Dense(np.full((2, 2), 0.3), np.zeros(2), np.tanh), Dense(np.ones((2, 2)), np.zeros(2))))
    x, y = np.array([0.5, -1.0]), np.array([1.0, 0.5])

    def loss(m, x, y):
        return np.sum((m(x) - y) ** 2)

    start = loss(model, x, y)
    check(loss, lambda: (tree_map(lambda p, d: p + d, model, model), x.copy(), y.copy()), constant=(1, 2))
    for _ in range(60):
        step = gradient(Reverse, lambda m: loss(m, x, y), model)
        model = tree_map(lambda p, d: p - 0.05 * d, model, step)
    assert type(model) is Residual and loss(model, x, y) < 0.01 * start


def test_empty_and_constant_containers():
    assert gradient(Reverse, lambda x, e: x * len(e) + x, 2.0, {}) == (1.0, {})
    assert gradient(Reverse, lambda d: d["n"] * 2.0, {"n": 3, "s": "x", "e": ((), [])}) == {
        "n": None,
        "s": None,
        "e": ((), []),
    }


BAD = {
    "x\\['f'\\]\\[1\\] is a <class 'object'>": {"f": [1.0, object()]},
    "key 1": {"f": {1: 2.0}},
    "x\\['f'\\].*set": {"f": {1.0, 2.0}},
    "more than 64 bits": {"f": 2**70, "x": 1.0},
    "dtype object": {"f": np.array([None, 1.0])},
    "dtype float16|float16": {"f": np.float16(1.0)},
}


@pytest.mark.parametrize("message", BAD)
def test_unsupported_leaves_are_named_by_their_path(message):
    with pytest.raises(DifferentiationError, match=message):
        gradient(Reverse, lambda x: 1.0, BAD[message])


def wrong_key(d):
    return d["zz"]


def wrong_name(d):
    return d["p"].zz


def wrong_arity(d):
    return power(d["x"])


def deeper(d):
    return wrong_name(d)


def appends(d):
    d["list"].append(1.0)
    return d["x"]


def new_key(d):
    d["new"] = d["x"]
    return d["x"]


WRONG = {
    wrong_key: ("no key 'zz'; the keys are 'x', 'p', 'list'", wrong_key),
    wrong_name: ("Point has no field, property or method 'zz'", wrong_name),
    wrong_arity: ("parameters \\(x, n\\): missing a required argument: 'n'", wrong_arity),
    deeper: ("Point has no field, property or method 'zz'", wrong_name),
    appends: ("append", appends),
    new_key: ("dict has no field 'new'", new_key),
}


@pytest.mark.parametrize("f", WRONG)
def test_wrong_code_is_refused_at_its_line(f):
    message, place = WRONG[f]
    with pytest.raises(DifferentiationError, match=message) as caught:
        gradient(Reverse, f, {"x": 1.0, "p": Point(1.0, 2.0), "list": [1.0]})
    where = caught.value.where
    assert (where.file, where.line, where.function) == (__file__, place.__code__.co_firstlineno + 1, place.__name__)
    assert "array(" not in str(caught.value) and "Numba" not in str(caught.value)


def test_a_ufunc_in_the_first_call_of_a_process_was_unknown():
    code = (
        "from numzyme import *; import numpy as np; "
        "print(gradient(Reverse, lambda d: d['f'](d['x']), {'f': np.sin, 'x': 0.0}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{'f': None, 'x': 1.0}\n"


def test_wrong_number_of_arguments():
    for arguments in ((), ({"x": 1.0}, 2.0)):
        with pytest.raises((DifferentiationError, TypeError)) as caught:
            gradient(Reverse, wrong_key, *arguments)
        assert "numba" not in type(caught.value).__module__
