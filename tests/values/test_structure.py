"""Taking values apart: kinds, children, paths, rebuilding, refusals."""

from __future__ import annotations

import collections
import datetime
import decimal
import functools
import math
import random
import threading
import typing

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from numzyme import DifferentiationTypeError
from numzyme.values import Kind, Path, all_fields, children, classify, is_mutable, make_zero, rebuild

from .models import (
    AddsAttributes,
    Chain,
    Colour,
    Computed,
    Derived,
    Frozen,
    FrozenSlotted,
    Plain,
    Point,
    Slotted,
    Tagged,
    TwoThings,
    WithSlots,
    explodes,
    softmax,
)

NUMBERS = [1.0, 1j, np.float32(1), np.float64(1), np.complex64(1), np.complex128(1)]
CONSTANTS = [
    *(3, True, "s", b"s", None, Colour.RED, Colour.BLUE, np.dtype("f8"), math, range(3), ..., slice(1, None)),
    *(datetime.datetime(2020, 1, 1), datetime.timedelta(1), np.datetime64("2020"), np.timedelta64(1, "s")),
    *(np.int32(1), np.bool_(True), np.arange(3), np.array([True]), np.array(["a"]), np.array(["2020"], "M8[D]")),
    *(softmax, math.sin, np.sin, np.sum, len, int.__add__, np.float64, Plain, Plain.make, numba.njit(softmax)),
    *(
        {1, 2},
        frozenset("ab"),
        {(1, "a")},
        np.random.default_rng(),
        list[int],
        typing.Any,
        typing.Callable[[int], float],
        functools.cache(softmax),
    ),
    sp.csr_array(np.eye(2, dtype=int)),
]


@pytest.mark.parametrize("value", NUMBERS, ids=repr)
def test_numbers(value):
    assert classify(value) is Kind.SCALAR and children(value) == [] and not is_mutable(value)


@pytest.mark.parametrize("value", CONSTANTS, ids=lambda value: type(value).__name__)
def test_constants(value):
    assert classify(value) is Kind.CONSTANT and children(value) == [] and not is_mutable(value)
    assert make_zero(value) is value and rebuild(value, []) is value


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_arrays(dtype, shape):
    array = np.ones(shape, dtype)
    assert classify(array) is Kind.ARRAY and is_mutable(array)
    array.flags.writeable = False
    assert classify(array[..., None].T) is Kind.ARRAY


def steps(value):
    return [(str(step), child) for step, child in children(value)]


def test_steps_print_as_the_user_writes_them():
    assert steps((1.0, "a")) == [("[0]", 1.0), ("[1]", "a")]
    assert steps([1.0]) == [("[0]", 1.0)]
    assert steps({"key": 1.0, 3: 2.0}) == [("['key']", 1.0), ("[3]", 2.0)]
    assert steps(Point(1.0, 2)) == [(".x", 1.0), (".y", 2)]
    assert steps(Frozen(1.0)) == [(".w", 1.0), (".n", 3)]
    assert str(Path("model").then(children({"a": 1})[0][0]).then(children(Plain(1.0))[1][0])) == "model['a']._name"


def test_fields_of_instances():
    assert steps(Plain(1.0)) == [(".w", 1.0), ("._name", "plain")]
    assert steps(Slotted(1.0)) == [(".w", 1.0), (".b", 0.5)]
    assert steps(Derived(1.0)) == [(".w", 1.0), (".kind", "base"), (".extra", 1.0)]
    assert steps(AddsAttributes(1.0)) == [(".w", 1.0), (".kind", "base"), (".added", 2.0)]
    assert steps(Computed(1.0)) == [(".w", 1.0), (".total", 10.0)]
    assert steps(Tagged[int](1.0)) == [(".w", 1.0)]
    assert rebuild(Tagged[int](1.0), [2.0]).__orig_class__ == Tagged[int]
    assert steps(WithSlots(1.0)) == [("._WithSlots__private", 2.0), (".w", 1.0)]


def test_a_field_without_value_is_a_field():
    value = object.__new__(Computed)
    value.w = 1.0
    assert steps(value) == [(".w", 1.0)]
    assert all_fields(value) == ("w", "total")


def test_partials_and_bound_methods_are_objects():
    value = functools.partial(softmax, 1.0, scale=2.0)
    assert steps(value) == [(".func", softmax), (".args", (1.0,)), (".keywords", {"scale": 2.0})]
    plain = Plain(1.0)
    assert steps(plain.scaled) == [(".__self__", plain)]
    new = Plain(3.0)
    method = rebuild(plain.scaled, [new])
    assert method.__self__ is new and method(2.0) == 6.0
    keywords = {"scale": 3.0}
    made = rebuild(value, {"keywords": keywords})
    assert type(made) is functools.partial and made.func is softmax and made.args == (1.0,)
    assert made.keywords is keywords


@pytest.mark.parametrize("format", ["csc", "csr", "coo"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_sparse(format, kind):
    value = getattr(sp, f"{format}_{kind}")(np.array([[1.0, 0.0], [2.0, 3.0]]))
    assert is_mutable(value)
    [(step, data)] = children(value)
    assert str(step) == ".data" and data is value.data
    made = rebuild(value, [2 * data])
    assert type(made) is type(value)
    np.testing.assert_array_equal(made.toarray(), [[2, 0], [4, 6]])
    for name in ("indices", "indptr") if format != "coo" else ("row", "col"):
        assert getattr(made, name) is getattr(value, name)
    np.testing.assert_array_equal(value.toarray(), [[1, 0], [2, 3]])


def test_identity():
    assert all(map(is_mutable, [[], {}, TwoThings(1, 2), Plain(1), Slotted(1), np.ones(1)]))
    values = [(), (1.0,), Point(1, 2), Frozen(1), FrozenSlotted(1), functools.partial(softmax), Plain(1).scaled]
    assert not any(map(is_mutable, values))


@pytest.mark.parametrize(
    "value",
    [
        *((1.0, 2), [1.0, [2]], {"a": 1.0, 3: "x"}, collections.OrderedDict(b=1.0, a=2.0), Point(1.0, "a")),
        *(TwoThings(1.0, [2]), Frozen(1.0), Slotted(1.0), FrozenSlotted(2.0), Derived(1.0, "k", 3.0), Computed(2.0)),
    ],
    ids=repr,
)
def test_rebuilt_from_its_own_children(value):
    made = rebuild(value, [child for _, child in children(value)])
    assert type(made) is type(value) and made == value and made is not value
    assert list(map(str, children(made))) == list(map(str, children(value)))


def test_no_code_of_the_user_runs(monkeypatch):
    values = [TwoThings(1.0, 2.0), Frozen(1.0), Slotted(1.0), Plain(1.0), Computed(1.0), Point(1.0, 2.0)]
    expected = [[child for _, child in children(value)] for value in values]
    for value in values:
        for name in ("__init__", "__post_init__", "__setattr__", "__copy__", "__reduce__"):
            monkeypatch.setattr(type(value), name, explodes, raising=False)
    for value, parts in zip(values, expected, strict=True):
        assert [child for _, child in children(rebuild(value, parts))] == parts


def test_constructors_do_not_run():
    class Guarded:
        __new__ = explodes

    value = object.__new__(Guarded)
    value.w = 1.0
    assert rebuild(value, [2.0]).w == 2.0


def test_state_that_is_no_field_is_taken_over_but_not_what_was_computed():
    value = Computed(-2.0)
    assert value.norm == 2.0
    made = rebuild(value, {"w": -5.0})
    assert made.note is value.note and made.total == -20.0
    assert made.norm == 5.0


def test_rebuild_knows_its_children():
    with pytest.raises(KeyError, match="no 'z'"):
        rebuild(TwoThings(1, 2), {"z": 1})
    with pytest.raises(ValueError, match="2 children, got 1"):
        rebuild((1, 2), [1])


class Untakable(list):
    pass


REFUSED = [
    (np.array([1.0, None]), "an array of dtype object"),
    (np.ones(2).astype(">f8"), "a byte-swapped array (>f8)"),
    (np.ones(2, np.float16), "an array of dtype float16"),
    (np.float16(1), "<class 'numpy.float16'>"),
    (np.longdouble(1), "<class 'numpy.longdouble'>"),
    (np.zeros(2, [("a", "f8"), ("b", "O")]), "an array of records of which the field b holds Python objects"),
    (np.ma.masked_array([1.0]), "MaskedArray"),
    (np.matrix([[1.0]]), "numpy.matrix"),
    ({1.0, 2}, "a <class 'set'> that holds a <class 'float'>"),
    ([1.0].append, "that holds a <class 'list'>"),
    (np.ones(2).sum, "that holds a <class 'numpy.ndarray'>"),
    (slice(1.0), "a <class 'slice'> that holds a <class 'float'>"),
    (decimal.Decimal(1), "<class 'decimal.Decimal'>"),
    (random.Random(1), "<class 'random.Random'>"),
    (threading.Lock(), "lock"),
    (ValueError("x"), "<class 'ValueError'>"),
    (iter([1.0]), "list_iterator"),
    (object(), "<class 'object'>"),
    (Untakable([1.0]), "Untakable"),
    (collections.defaultdict(list), "defaultdict"),
    (sp.lil_array(np.eye(2)), "a scipy.sparse lil_array (format lil)"),
    (sp.dia_matrix(np.eye(2)), "a scipy.sparse dia_matrix (format dia)"),
    (sp.csr_array(np.eye(2, dtype=np.longdouble)), "an array of dtype float128"),
    (numba.typed.List([1.0]), "numba.typed"),
]


@pytest.mark.parametrize(("value", "text"), REFUSED, ids=lambda value: type(value).__name__)
def test_refused_by_path(value, text):
    model = Chain(layers=[1.0, {"act": TwoThings(2.0, value)}])
    with pytest.raises(DifferentiationTypeError) as caught:
        make_zero(model, name="model")
    message = str(caught.value)
    assert message.startswith("model.layers[1]['act'].b is ") and text in message
    assert "supported: float and complex numbers" in message
