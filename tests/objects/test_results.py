"""Objects as results: what came in comes back as itself, what compiled code made is made once."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import sparse

from numzyme import (
    Active,
    Const,
    DifferentiationError,
    Duplicated,
    Forward,
    ForwardWithPrimal,
    MixedDuplicated,
    Reverse,
    ReverseWithPrimal,
    autodiff,
    gradient,
    make_zero,
)
from numzyme.arrays import Diagonal

from .checking import balanced, same_state


@dataclass
class Part:
    weight: Any
    scale: float = 1.0
    count: int = 3


@dataclass(frozen=True)
class Frozen:
    weight: Any
    scale: float


class Named(NamedTuple):
    value: float
    part: Any


def part():
    return Part(np.array([1.0, 2.0]), 3.0, 7)


def seed():
    return Part(np.array([1.0, 0.5]), 0.25, 7)


def step(p, x):
    p.scale = p.scale * 2.0
    p.weight[0] = x * p.scale
    return p


def everything(p, x):
    q = Part(p.weight * x, p.scale + x, 4)
    return q, p, Frozen(p.weight, x), Named(x, q), None, p.weight


def test_an_input_object_comes_back_as_itself():
    for mode in (ForwardWithPrimal, ReverseWithPrimal):
        p, shadow, plain = part(), seed(), part()
        step(plain, 2.0)
        with balanced():
            if mode is ForwardWithPrimal:
                result = autodiff(mode, step, Duplicated(p, shadow), Const(2.0))
                assert result.derivs is shadow
                assert shadow.scale == 0.5 and list(shadow.weight) == [2.0 * 0.5, 0.5]
            else:
                result = autodiff(mode, step, Const, Duplicated(p, shadow), Active(2.0))
                # scale' = 2 s, weight'[0] = x scale': adjoints of the final values are the seed
                assert result.derivs == (None, 6.0 * 1.0)
                assert shadow.scale == 2.0 * (0.25 + 2.0 * 1.0) and list(shadow.weight) == [0.0, 0.5]
            assert result.val is p
            same_state(p, plain)


def test_reverse_mode_without_the_value():
    p, shadow = part(), seed()
    assert autodiff(Reverse, step, Const, Duplicated(p, shadow), Active(2.0)) == (None, 6.0)
    assert shadow.scale == 4.5


def test_new_objects_and_known_ones_in_one_result():
    plain = everything(part(), 2.0)
    for mode in (ForwardWithPrimal, ReverseWithPrimal):
        p, shadow = part(), seed()
        activity = (Const,) if mode is ReverseWithPrimal else ()
        x = Active(2.0) if mode is ReverseWithPrimal else Duplicated(2.0, 0.5)
        value = autodiff(mode, everything, *activity, Duplicated(p, shadow), x).val
        same_state(value, plain)
        assert value[1] is p and value[2].weight is p.weight is value[5] and value[3].part is value[0]


def test_tangents_of_new_objects():
    p, shadow = part(), seed()
    made, same, frozen, named, none, weight = autodiff(Forward, everything, Duplicated(p, shadow), Duplicated(2.0, 0.5))
    np.testing.assert_allclose(made.weight, 2.0 * shadow.weight + 0.5 * p.weight, rtol=1e-15)
    assert type(made) is Part and made.scale == 0.75 and made.count == 4
    assert same is shadow and frozen == Frozen(frozen.weight, 0.5) and frozen.weight is shadow.weight
    assert named.value == 0.5 and named.part is made and weight is shadow.weight
    assert none is None


def test_arrays_of_a_result_were_freed_while_they_were_in_use():
    """Numba's optimiser moved a count behind the end of the derivative, where the counts of its result are settled."""
    for _ in range(3):
        found = autodiff(ForwardWithPrimal, everything, Duplicated(part(), seed()), Duplicated(2.0, 0.5))
        assert [made[0].weight.base.refcount for made in found] == [1, 1]


def test_lists_and_dicts_come_back_as_themselves():
    def parts(d):
        return d["list"], d["part"], d

    d = {"list": [np.ones(2), 2.0], "part": part()}
    shadow = make_zero(d)
    value = autodiff(ForwardWithPrimal, parts, Duplicated(d, shadow))
    assert [a is b for a, b in zip(value.val, (d["list"], d["part"], d), strict=True)] == [True] * 3
    assert [a is b for a, b in zip(value.derivs, (shadow["list"], shadow["part"], shadow), strict=True)] == [True] * 3
    assert autodiff(ReverseWithPrimal, parts, Const, MixedDuplicated(d, shadow)).val[0] is d["list"]


def test_two_lists_that_cannot_be_told_apart():
    with pytest.raises(DifferentiationError, match="either of two"):
        autodiff(Forward, lambda a, b: (a, b), Duplicated([1.0], [0.0]), Duplicated([1.0], [0.0]))


def test_one_of_two_objects_is_returned():
    def larger(p, q):
        return p if p.scale > q.scale else q

    p, q = Part(np.ones(2), 1.0), Part(np.ones(2), 2.0)
    dp, dq = make_zero(p), make_zero(q)
    for first, second in (((p, dp), (q, dq)), ((q, dq), (p, dp))):
        found = autodiff(ForwardWithPrimal, larger, Duplicated(*first), Duplicated(*second))
        assert found.val is q and found.derivs is dq


def test_wrappers_sparse_arrays_partials_and_methods():
    diagonal = Diagonal(np.array([1.0, 2.0]))
    found = autodiff(ForwardWithPrimal, lambda d: d + d, Duplicated(diagonal, Diagonal(np.array([0.5, 1.0]))))
    assert type(found.val) is Diagonal is type(found.derivs)
    np.testing.assert_array_equal(found.derivs.diag, [1.0, 2.0])
    matrix = sparse.csc_array([[1.0, 0.0], [2.0, 3.0]])
    found = autodiff(ForwardWithPrimal, lambda s: (s * 2.0, s.T, s), Duplicated(matrix, matrix.copy()))
    assert [type(one).__name__ for one in found.val] == ["csc_array", "csr_array", "csc_array"]
    assert found.val[2] is matrix and found.derivs[0].nnz == 3
    np.testing.assert_array_equal(found.derivs[0].toarray(), 2.0 * matrix.toarray())
    found = autodiff(
        ForwardWithPrimal, lambda p: p, Duplicated(functools.partial(step, x=2.0), functools.partial(step, x=1.0))
    )
    assert found.val.func is step and found.val.keywords == {"x": 2.0} and found.derivs.keywords == {"x": 1.0}


def test_jacobians_with_respect_to_objects():
    def outputs(p, x):
        return p.weight * p.scale, p.scale * x

    (by_part, by_x), (of_number, number_by_x) = gradient(Forward, outputs, part(), 2.0)
    np.testing.assert_array_equal(by_part.weight, 3.0 * np.eye(2))
    np.testing.assert_array_equal(by_part.scale, [1.0, 2.0])
    assert by_part.count is None and list(by_x) == [0.0, 0.0]
    assert list(of_number.weight) == [0.0, 0.0] and of_number.scale == 2.0 and number_by_x == 3.0


def test_jacobians_of_objects():
    found = gradient(ForwardWithPrimal, lambda p, x: Part(p.weight * x, p.scale * p.scale), part(), Const(2.0))
    by_part, nothing = found.derivs.weight
    np.testing.assert_array_equal(by_part.weight, 2.0 * np.eye(2))
    assert nothing is None and found.derivs.scale[0].scale == 6.0 and found.derivs.count is None
    assert type(found.val) is Part and found.val.scale == 9.0


def test_jacobian_of_a_shared_array_is_one():
    weight = np.array([1.0, 2.0])
    found = gradient(Forward, lambda d: d["a"] * d["b"], {"a": weight, "b": weight})
    np.testing.assert_array_equal(found["a"], np.diag(2.0 * weight))
    assert found["a"] is found["b"]


def test_reverse_mode_needs_to_know_that_an_object_is_constant():
    with pytest.raises(DifferentiationError, match=r"returns a Part.*") as caught:
        autodiff(Reverse, step, Duplicated(part(), seed()), Active(2.0))
    assert "autodiff(Reverse, f, Const" in str(caught.value)


def test_new_objects_that_are_equal_were_one():
    def pair(p):
        return Part(p.weight, p.scale), Part(p.weight, p.scale), Part(p.weight, 3.0)

    first, second, third = autodiff(ReverseWithPrimal, pair, Const, Duplicated(part(), seed())).val
    assert first is not second and first.weight is second.weight and first is not third
    tangents = autodiff(Forward, pair, Duplicated(part(), seed()))
    assert [one.scale for one in tangents] == [0.25, 0.25, 0.0] and tangents[0] is not tangents[1]


class Colour(enum.Enum):
    RED = 1


def unlike(p, x):
    return (True, 3, x * p.scale), "abc", p.scale, np.sin, None, Colour.RED, p.count, p.weight * x


def as_dict(p, x):
    return {"moved": p.weight * x, "scale": p.scale, "name": "hi", "truth": True}


def test_tuples_of_unlike_constants_and_numbers():
    """They were refused as structs, or ended in errors of Numba's own."""
    p, x = part(), 2.0
    tangent, value = autodiff(ForwardWithPrimal, unlike, Duplicated(p, seed()), Duplicated(x, 0.5))
    assert value[:-1] == unlike(p, x)[:-1] and value[3] is np.sin and value[5] is Colour.RED
    assert tangent[:-1] == ((None, None, 0.5 * 3.0 + 2.0 * 0.25), None, 0.25, None, None, None, None)
    assert np.array_equal(tangent[-1], p.weight * 0.5 + seed().weight * x)


def test_new_dict_of_unlike_values():
    p, x = part(), 2.0
    tangent, value = autodiff(ForwardWithPrimal, as_dict, Duplicated(p, seed()), Duplicated(x, 0.5))
    assert value.keys() == tangent.keys() == as_dict(p, x).keys()
    assert np.array_equal(value["moved"], p.weight * x) and (value["scale"], value["name"]) == (3.0, "hi")
    assert np.array_equal(tangent["moved"], p.weight * 0.5 + seed().weight * x) and tangent["scale"] == 0.25


@pytest.mark.parametrize("mode", [ForwardWithPrimal, ReverseWithPrimal])
def test_strings_from_functions_of_numbers(mode):
    """The glue gave Numba's constant in the place of a string."""
    assert autodiff(ForwardWithPrimal, lambda x: ("abc", x * 2, True, 7), Duplicated(3.0, 0.5)) == (
        (None, 1.0, None, None),
        ("abc", 6.0, True, 7),
    )
    assert autodiff(mode, lambda x: "abc", Const, Const(2.0)).val == "abc"


def rebinds_and_returns_a_member(p, x):
    p.weight = p.weight * x
    return Colour.RED


def test_enumeration_member_as_result_kept_memory():
    p, shadow = part(), seed()
    for _ in range(2):
        with balanced():
            value = autodiff(
                ForwardWithPrimal, rebinds_and_returns_a_member, Duplicated(p, shadow), Duplicated(2.0, 0.5)
            )
            assert value.val is Colour.RED
            del value
