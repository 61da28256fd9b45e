"""The second call with arguments like those of the first: quick, and the same in everything."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import sparse

from numzyme import Const, DifferentiationError, Forward, ForwardWithPrimal, Reverse, ReverseWithPrimal, gradient
from numzyme.arrays import (
    Adjoint,
    Diagonal,
    LinRange,
    PermutedDims,
    Reshaped,
    SMatrix,
    SVector,
    Symmetric,
    SymTridiagonal,
    Transpose,
    UniformScaling,
    UnitLowerTriangular,
)
from numzyme.values import natural_fields, register_wrapper

from .warm_calls import Walks, check, general, same


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> Walks:
    return Walks(monkeypatch)


class Point(NamedTuple):
    x: float
    y: float


@dataclass(frozen=True)
class Dense:
    weight: Any
    bias: Any
    units: int = 2

    def __call__(self, x: Any) -> Any:
        return x * np.sum(self.weight) + np.sum(self.bias)

    def scaled(self, x: Any) -> Any:
        return self.units * self(x)


@dataclass
class State:
    mass: float
    count: int
    x: Any


class Plain:
    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: Any) -> None:
        self.a = a


def first(A: Any) -> Any:
    return A[0, 0] * A[0, 1] + A[1, 1]


def element(v: Any) -> Any:
    return v[0] * v[0] + v[1]


def matrix() -> np.ndarray:
    return np.array([[1.0, 2.0], [3.0, 4.0]])


def pattern() -> np.ndarray:
    return np.array([[5.0, 0.0, 6.0], [0.0, 7.0, 0.0]])


WRAPPERS: dict[str, Callable[[], Any]] = {
    "Diagonal": lambda: Diagonal(np.array([1.0, 2.0])),
    "SymTridiagonal": lambda: SymTridiagonal(np.array([1.0, 2.0]), np.array([3.0])),
    "UnitLowerTriangular": lambda: UnitLowerTriangular(np.array([[0.0, 0.0], [3.0, 0.0]])),
    "Symmetric": lambda: Symmetric(matrix()),
    "Symmetric L": lambda: Symmetric(matrix(), "L"),
    "Adjoint of Diagonal": lambda: Adjoint(Diagonal(np.array([1.0, 2.0]))),
    "Transpose of Symmetric": lambda: Transpose(Symmetric(matrix())),
    "PermutedDims of csr": lambda: PermutedDims(sparse.csr_array(pattern()), (1, 0)),
    "Reshaped": lambda: Reshaped(Adjoint(SVector(1.0, 2.0, 3.0, 4.0)), (2, 2)),
    "Reshaped of LinRange": lambda: Reshaped(LinRange(1.0, 2.0, 4), (2, 2)),
    "SMatrix": lambda: SMatrix(((1.0, 2.0), (3.0, 4.0))),
    "UniformScaling": lambda: UniformScaling(3.0, 2),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrappers(walks: Walks, name: str) -> None:
    make = WRAPPERS[name]
    check(walks, first, lambda: (make(),))
    for mode in (Reverse, ReverseWithPrimal):
        try:
            gradient(mode, first, make(), project=True)
        except DifferentiationError as error:  # each time, in the same words
            with pytest.raises(type(error)) as again:
                gradient(mode, first, make(), project=True)
            assert str(again.value) == str(error)
        else:
            check(walks, first, lambda: (make(),), mode, project=True)


def test_integers_in_wrappers_have_no_derivative(walks: Walks) -> None:
    g = check(walks, lambda d, x: d[0, 0] * x, lambda: (Diagonal(np.array([1, 2])), 2.0))
    assert g[0].diag is None


@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "coo_array", "csr_matrix"])
def test_sparse(walks: Walks, kind: str) -> None:
    make = getattr(sparse, kind)

    def total(d: Any) -> Any:
        return np.sum(d["a"]) * 2.0 + np.sum(d["b"]) + d["a"].shape[1] * np.sum(d["n"])

    def arguments() -> tuple:
        a = make(pattern())
        return ({"a": a, "b": a, "n": make(np.array([[1, 0], [0, 2]]))},)

    check(walks, total, arguments)
    other = make(np.array([[1.0], [2.0], [0.0]]))  # another pattern and shape, the same code
    given = {"a": other, "b": other, "n": make(np.array([[4]]))}
    (found, count) = walks.during(lambda: gradient(Reverse, total, given))
    assert count == 0 and found["a"] is found["b"] and found["n"] is None
    same(found, general(total, given))
    assert found["a"].nnz == other.nnz and type(found["a"]) is type(other)
    names = ("row", "col") if other.format == "coo" else ("indices", "indptr")
    assert all(getattr(found["a"], name) is getattr(other, name) for name in names)
    apart = {**given, "b": other.copy()}  # other sharing
    found, count = walks.during(lambda: gradient(Reverse, total, apart))
    assert count == 1 and found["a"] is not found["b"]
    same(found, general(total, apart))


def test_another_sparse_class_is_another_structure(walks: Walks) -> None:
    def total(a: Any) -> Any:
        return np.sum(a)

    for _ in range(2):
        for make in (sparse.csr_array, sparse.csr_matrix, sparse.csc_array):
            found = gradient(Reverse, total, make(pattern()))
            assert type(found) is make
    assert walks.count == 3


def test_partials_and_methods(walks: Walks) -> None:
    def apply(d: Any, x: Any) -> Any:
        return d["p"](x) * d["m"](x)

    def scaled(w: Any, x: Any, factor: Any = 1.0, shift: Any = 0.0) -> Any:
        return w * x * factor + shift

    def arguments(shift: float = 2.0) -> tuple:
        p = functools.partial(scaled, 3.0, factor=np.float32(1.5), shift=shift)
        return {"p": p, "m": Dense(np.ones(2), np.ones(2)).scaled}, 2.0

    g = check(walks, apply, arguments)
    assert type(g[0]["p"].keywords["factor"]) is np.float32
    same(gradient(Reverse, apply, *arguments(5.0)), general(apply, *arguments(5.0)))
    other = {**arguments()[0], "p": functools.partial(scaled, 3.0, shift=1.0)}, 2.0
    found, count = walks.during(lambda: gradient(Reverse, apply, *other))
    assert count == 1
    same(found, general(apply, *other))
    reverse = {**arguments()[0], "p": functools.partial(scaled, 3.0, shift=1.0, factor=np.float32(2.0))}, 2.0
    same(gradient(Reverse, apply, *reverse), general(apply, *reverse))


def test_callables_as_functions(walks: Walks) -> None:
    model = Dense(np.ones(2), np.zeros(3))
    for f in (model, model.scaled, functools.partial(model.scaled), functools.partial(np.dot, np.ones(2))):
        x = np.ones(2) if getattr(f, "func", None) is np.dot else 3.0
        check(walks, f, lambda x=x: (x,))
    other = Dense(np.full(2, 2.0), np.zeros(3))
    gradient(Reverse, model.scaled, 3.0)
    found, count = walks.during(lambda: gradient(Reverse, other.scaled, 3.0))
    assert (found, count) == (8.0, 0)
    found, count = walks.during(lambda: gradient(Reverse, Dense(np.ones(2), np.zeros(3), 5).scaled, 3.0))
    assert found == 10.0


NUMBERS = {
    "float32": (np.float32(1.5), np.float64(2.5), 3.0),
    "constant complex": (2.0, Const(np.complex64(1 + 2j)), Const(3 - 1j)),
    "integers": (2.0, np.int32(3), np.uint8(4)),
    "booleans": (2.0, np.bool_(True), False),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(walks: Walks, name: str) -> None:
    def product(d: Any, b: Any, c: Any) -> Any:
        return d[0] * abs(b) * (abs(c) + 1.0)

    a, b, c = NUMBERS[name]
    g = check(walks, product, lambda: ([a], b, c))
    assert type(g[0][0]) is type(a)
    if not isinstance(c, Const | bool):
        given = [a], b, type(c)(7)
        same(gradient(Reverse, product, *given), general(product, *given))


def test_numbers_of_another_class_are_another_structure(walks: Walks) -> None:
    def square(d: Any) -> Any:
        return d[0] * d[0]

    for x in (3.0, np.float32(3.0), np.float64(3.0), 3.0):
        (found,) = gradient(Reverse, square, [x])
        assert found == 6.0 and type(found) is type(x)
    with pytest.raises(DifferentiationError):
        gradient(Reverse, square, ["a"])


def test_integers_that_are_too_wide(walks: Walks) -> None:
    def scaled(d: Any) -> Any:
        return d["x"] * d["n"]

    assert gradient(Reverse, scaled, {"x": 1.0, "n": 4})["x"] == 4.0
    for n in (2**63, -(2**70)):
        with pytest.raises(DifferentiationError, match="64 bits"):
            gradient(Reverse, scaled, {"x": 1.0, "n": n})
    assert gradient(Reverse, scaled, {"x": 1.0, "n": 5})["x"] == 5.0


def test_containers(walks: Walks) -> None:
    def total(d: Any) -> Any:
        return d["p"].x * d["l"][0][1] + d["t"][0].a * np.sum(d["t"][1]) + d["e"][0] * 0.0 + d["s"].a

    def arguments() -> tuple:
        shared = [1.0, 2.0]
        return (
            OrderedDict(
                p=Point(1.0, 2.0),
                l=(shared, shared, ()),
                t=(Plain(2.0, "b"), matrix().T),
                e=[3.0, None, "text", {}],
                s=Slotted(4.0),
            ),
        )

    g = check(walks, total, arguments)
    assert g["l"][0] is g["l"][1]
    forward = check(walks, total, arguments, ForwardWithPrimal)
    same(forward.derivs["p"], g["p"])
    check(walks, total, arguments, Forward)


def test_the_order_of_keys_and_attributes(walks: Walks) -> None:
    def horner(d: Any) -> Any:
        x = 1.0
        for v in d.values():
            x = x * v + v
        return x

    def read(o: Any) -> Any:
        return o.a * 3.0 + o.b

    for _ in range(3):
        assert gradient(Reverse, horner, {"a": 2.0, "b": 3.0}) == {"a": 6.0, "b": 5.0}
        assert gradient(Reverse, horner, {"b": 3.0, "a": 2.0}) == {"b": 4.0, "a": 7.0}
        one, other = Plain(1.0, 2.0), Plain(1.0, 2.0)
        del other.a
        other.a = 1.0
        assert gradient(Reverse, read, one)._fields == ("a", "b")
        assert gradient(Reverse, read, other)._fields == ("b", "a")
    assert walks.count == 4


def test_attributes_that_appear(walks: Walks) -> None:
    def read(o: Any) -> Any:
        return o.a * 2.0

    plain, slotted = Plain(1.0, 2.0), Slotted(3.0)
    for value in (plain, slotted):
        check(walks, read, lambda value=value: (value,))
    plain.c = 5.0
    slotted.b = 5.0
    assert gradient(Reverse, read, plain)._fields == ("a", "b", "c")
    assert gradient(Reverse, read, slotted)._fields == ("a", "b")
    del plain.c, plain.b
    assert gradient(Reverse, read, plain)._fields == ("a",)


def test_structures_that_change(walks: Walks) -> None:
    def total(m: Any) -> Any:
        result = 0.0
        for layer in m["layers"]:
            result += np.sum(layer.weight) * layer.units + np.sum(layer.bias) ** 2
        return result

    def dense(**changed: Any) -> Dense:
        return Dense(**{"weight": matrix(), "bias": np.ones(2), **changed})

    w = matrix()
    models = [
        {"layers": [dense(), dense()]},
        {"layers": [dense()]},  # another length
        {"layers": (dense(), dense())},
        {"layers": [dense(weight=w), dense(weight=w)]},  # sharing
        {"layers": [dense(weight=w.T), dense(weight=w[::-1])]},  # another layout
        {"layers": [dense(weight=w.astype("f4")), dense()]},
        {"layers": [dense(units=7), dense()]},
        {"layers": [dense(bias=np.empty(0)), dense(bias=np.empty(0))]},
        {"layers": [dense(), dense()], "name": "x"},
        {"layers": [dense(weight=2.0), dense()]},
        {"layers": [dense(bias=np.array([1, 2])), dense()]},
    ]
    for _ in range(2):
        for model in models:
            same(gradient(Reverse, total, model), general(total, model))
    shared = gradient(Reverse, total, models[3])
    assert shared["layers"][0].weight is shared["layers"][1].weight


def test_numbers_that_the_function_changes(walks: Walks) -> None:
    def step(state: Any, times: Any) -> Any:
        state.mass = state.mass * 2.0
        state.count += times
        state.x[0] = state.mass
        if state.count > 100:
            raise ValueError("too many")
        return state.mass * state.x[0] + state.x[1]

    def run(call: Any) -> tuple:
        state = State(3.0, 1, np.array([1.0, 2.0]))
        found = [call(step, state, 4), call(step, state, 0)]
        with pytest.raises(ValueError, match="too many"):
            call(step, state, 100)
        return found, state.mass, state.count, state.x.tolist()

    first, *state = run(general)
    for n in range(2):
        (found, *after), count = walks.during(lambda: run(lambda *args: gradient(Reverse, *args)))
        assert count == (0 if n else 1)
        same(found, first)
        assert after == state
    assert state == [24.0, 105, [24.0, 2.0]]


def test_an_object_in_two_places(walks: Walks) -> None:
    def total(d: Any) -> Any:
        return d["x"].mass + 20.0 * d["y"].mass

    p, q = State(3.0, 1, np.ones(1)), State(3.0, 1, np.ones(1))
    for _ in range(3):
        one = gradient(Reverse, total, {"x": p, "y": p})
        two = gradient(Reverse, total, {"x": p, "y": q})
        assert one["x"] is one["y"] and one["x"].mass == 21.0
        assert two["x"] is not two["y"] and (two["x"].mass, two["y"].mass) == (1.0, 20.0)
    assert walks.count == 2


def test_views_of_one_array(walks: Walks) -> None:
    def total(d: Any) -> Any:
        return np.sum(d[0]) + 2.0 * np.sum(d[1])

    base = np.arange(6.0)
    check(walks, total, lambda: ([np.ones(3), np.ones(3)],))
    found, count = walks.during(lambda: gradient(Reverse, total, [base[:4], base[2:5]]))
    assert count == 0
    np.testing.assert_array_equal(found[0], [1, 1, 3, 3])
    np.testing.assert_array_equal(found[1], [3, 3, 2])
    assert np.shares_memory(*found)
    given = [base[:3], base[:3]]  # equal views, but two objects
    same(gradient(Reverse, total, given), general(total, given))
    same(gradient(Reverse, total, [base, base]), general(total, [base, base]))


# -- registered wrappers


@dataclass(frozen=True)
class Circulant:
    column: Any
    name: str = "c"
    cache: dict = field(default_factory=dict)


@dataclass
class Scaled:
    parent: Any
    factor: float


def test_registered_functions_are_called(walks: Walks) -> None:
    calls = []

    def project(x: Any, dx: Any, strip: Any) -> Any:
        calls.append(strip.path)
        return Circulant(strip(x.column, dx.column) / len(x.column), x.name, x.cache)

    def total(d: Any) -> Any:
        return np.sum(d["a"].column) + 2.0 * np.sum(d["b"].parent.column) * d["b"].factor

    def arguments() -> tuple:
        circulant = Circulant(np.ones(2))
        return ({"a": circulant, "b": Scaled(circulant, 2.0), "n": 3},)

    check(walks, total, arguments)
    register_wrapper(Circulant, natural=natural_fields("column"), project=project)
    g, count = walks.during(lambda: gradient(Reverse, total, *arguments()))
    assert count == 1 and type(g["a"]) is Circulant and type(g["b"].parent) is Circulant
    check(walks, total, arguments)
    assert not calls
    projected = check(walks, total, arguments, project=True)
    assert len(calls) == 6 and calls[:2] == calls[2:4] and projected["a"].column.tolist() == [2.5, 2.5]
    given = arguments()
    found = gradient(Reverse, total, *given)
    assert found["a"].cache is given[0]["a"].cache and found["a"].column is found["b"].parent.column
    register_wrapper(Circulant, natural=lambda x, dx, strip: NotImplemented)
    g = check(walks, total, arguments, project=True)
    assert g["a"]._fields == ("column", "name", "cache")


def test_a_registered_class_that_can_change(walks: Walks) -> None:
    def total(d: Any) -> Any:
        return np.sum(d[0].parent) * d[1].factor

    def arguments() -> tuple:
        one = Scaled(np.ones(2), 2.0)
        return ([one, one],)

    register_wrapper(Scaled, natural=natural_fields("parent", "factor"))
    g = check(walks, total, arguments)
    assert type(g[0]) is Scaled and g[0] is g[1]
    register_wrapper(Scaled, natural=natural_fields("parent"))
    assert check(walks, total, arguments)[0].factor == 2.0  # taken from the primal
    register_wrapper(Scaled)
    assert check(walks, total, arguments)[0].factor == 2.0  # its derivative


def test_errors_of_registered_functions(walks: Walks) -> None:
    def refusing(x: Any, dx: Any, strip: Any) -> Any:
        if refuses:
            raise DifferentiationError(f"no gradient of {strip.path}")
        return Scaled(strip(x.parent, dx.parent), x.factor)

    def total(s: Any) -> Any:
        s.factor += 1.0
        return np.sum(s.parent) * s.factor

    register_wrapper(Scaled, natural=refusing)
    refuses, state = False, Scaled(np.ones(2), 2.0)
    gradient(Reverse, total, state)
    refuses = True
    with pytest.raises(DifferentiationError, match="no gradient of"):
        gradient(Reverse, total, state)
    assert state.factor == 4.0 and walks.count == 1
    register_wrapper(Scaled)


def test_functions_that_are_defined_anew(walks: Walks) -> None:
    def squared(x: float, power: int = 2) -> Any:
        return gradient(Reverse, lambda d, n: d[0] ** 2 * n, [x], power)[0]

    assert [squared(3.0), squared(3.0, 5), squared(4.0)] == [[12.0], [30.0], [16.0]]
    assert walks.count == 1


def test_an_array_that_is_constant_too(walks: Walks) -> None:
    def total(c: Any, x: Any) -> Any:
        return np.sum(c[0] * x[0])

    w = np.array([1.0, 2.0])
    for given in ((Const([w]), [w]), (Const([w]), [np.ones(2)]), (Const([np.ones(2)]), [w])):
        for _ in range(2):
            same(gradient(Reverse, total, *given), general(total, *given))


def test_threads() -> None:
    def total(m: Any, x: Any) -> Any:
        m.mass = m.mass * x
        return m.mass * np.sum(m.x)

    def run(number: int) -> bool:
        good = True
        for n in range(300):
            state = State(1.0 + number, n % 3, np.full(2 + n % 2, float(n)))
            g = gradient(Reverse, total, state, 2.0)
            mine = g[0].mass == 2.0 * np.sum(state.x) and g[1] == (1.0 + number) * np.sum(state.x)
            good = good and mine and state.mass == 2.0 + 2.0 * number
            if n % 100 == 50:
                register_wrapper(Circulant)  # what was prepared is dropped
        return good

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(run, range(4)))
