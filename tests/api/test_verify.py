"""`verify=True`: right derivatives pass in silence, wrong ones are named, and where it cannot tell it says so."""

from __future__ import annotations

import math
import pickle
import warnings
from typing import NamedTuple

import numpy as np
import pytest
from numba import njit

from numzyme import (
    Active,
    Const,
    DifferentiationTypeError,
    Duplicated,
    Forward,
    ForwardWithPrimal,
    MixedDuplicated,
    Reverse,
    ReverseHolomorphic,
    ReverseWithPrimal,
    VerificationError,
    VerificationWarning,
    autodiff,
    grad,
    gradient,
    make_zero,
    value_and_grad,
    vjp,
)
from numzyme.api import verification
from numzyme.api.differences import Verdict, judged

pytestmark = pytest.mark.filterwarnings("error")


def recurrence(x, n):
    total = 0.0
    for i in range(n):
        total += np.sin(x[i]) * x[i - 1]
        x[i] *= 2.0
    return total


@njit
def helper(a, b):
    return a * b + math.exp(-a)


class Pair(NamedTuple):
    a: float
    b: np.ndarray


class Growing:
    """An object that its calls change."""

    def __init__(self):
        self.weight, self.bias = np.array([0.5, -1.0, 2.0]), 2.0

    def __call__(self, x):
        self.bias = self.bias + 1.0
        self.weight[0] *= 1.5
        return np.sum(np.tanh(self.weight * x)) * self.bias


X = np.array([1.0, 2.0, -0.5])
RIGHT = {
    "mutation": lambda: gradient(Reverse, recurrence, X.copy(), Const(3), verify=True),
    "value": lambda: gradient(ReverseWithPrimal, helper, 1.5, 2.5, verify=True),
    "forward": lambda: gradient(Forward, helper, 1.5, 2.5, verify=True),
    "jacobian": lambda: gradient(Forward, lambda x: np.outer(x, x), X, verify=True),
    "single": lambda: gradient(Reverse, lambda x: np.sum(x * x * x), X.astype(np.float32), verify=True),
    "complex": lambda: gradient(Reverse, lambda z: (z * z * np.conj(z)).real, 1.0 + 2.0j, verify=True),
    "holomorphic": lambda: gradient(ReverseHolomorphic, lambda z: np.exp(z) * z, 1.0 + 2.0j, verify=True),
    "zero": lambda: gradient(Reverse, lambda x: np.sum(np.cos(x)), np.zeros(3), verify=True),
    "tiny": lambda: gradient(Reverse, lambda x: x * x + 1.0, 1e-30, verify=True),
    "large": lambda: gradient(Reverse, lambda x: np.sqrt(x), 1e200, verify=True),
    "tuple": lambda: gradient(Reverse, lambda p: p.a * np.sum(p.b**2), Pair(2.0, X), verify=True),
    "shared": lambda: gradient(Reverse, lambda x, y: np.sum(x * y), X, X, verify=True),
    "overlap": lambda: gradient(Reverse, lambda x, y: np.sum(x**2 * y), X[:2], X[1:], verify=True),
    "object": lambda: gradient(Reverse, lambda it, x: it(x), Growing(), X, verify=True),
    "overlap, forward": lambda: gradient(Forward, lambda x, y: np.sum(x**2 * y), X[:2], X[1:], verify=True),
    "complex of real": lambda: gradient(Forward, lambda x: x * x * 1j + x, 2.0, verify=True),
    "callable": lambda: gradient(Reverse, Growing(), X, verify=True),
    "dict": lambda: gradient(Forward, lambda d: d["a"] * d["b"][0], {"a": 2.0, "b": [3.0, "s"]}, verify=True),
    "random": lambda: gradient(Reverse, lambda x: x * np.random.normal(), 2.0, verify=True),
    "active": lambda: autodiff(Reverse, helper, Active(3), Active(2.0), verify=True),
    "duplicated": lambda: autodiff(Reverse, recurrence, Duplicated(X.copy(), np.ones(3)), Const(3), verify=True),
    "tangent": lambda: autodiff(Forward, recurrence, Duplicated(X.copy(), np.ones(3)), Const(3), verify=True),
    "array": lambda: autodiff(ForwardWithPrimal, lambda x: x * x[0], Duplicated(X, np.ones(3)), verify=True),
    "mixed": lambda: autodiff(
        ReverseWithPrimal, lambda p: p.a * np.sum(p.b**2), MixedDuplicated(Pair(2.0, X), make_zero(Pair(2.0, X))),
        verify=True,
    ),
    "grad": lambda: grad(recurrence, verify=True)(X.copy(), n=3),
    "value_and_grad": lambda: value_and_grad(helper, argnums=(0, 1), verify=True)(1.0, 2.0),
    "second": lambda: grad(grad(lambda x: x**3), verify=True)(2.0),
    "vjp": lambda: vjp(lambda x: np.sin(x) * x[0], X, verify=True)[1](np.array([1.0, -2.0, 0.5])),
}  # fmt: skip


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(verification, "_verified", set())


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass_once_for_each_kind(name):
    RIGHT[name]()
    assert verification._verified


def test_the_result_is_that_without_and_the_arguments_are_changed_once():
    plain, verified = X.copy(), X.copy()
    expected = gradient(Reverse, recurrence, plain, Const(3))[0]
    assert np.array_equal(gradient(Reverse, recurrence, verified, Const(3), verify=True)[0], expected)
    assert np.array_equal(verified, plain)
    growing = Growing()
    gradient(Reverse, growing, X, verify=True)
    assert growing.bias == 3.0 and growing.weight[0] == 0.75


def test_random_numbers_are_those_of_the_call_without():
    @njit
    def seed():
        np.random.seed(3)

    found = []
    for verify in (False, True):
        seed()
        found.append([grad(lambda x: x * np.random.normal(), verify=verify)(2.0) for _ in range(2)])
    assert found[0] == found[1] and found[0][0] != found[0][1]


def test_it_is_checked_once_for_each_kind(monkeypatch):
    asked = []
    monkeypatch.setattr(verification, "judged", lambda *args: asked.append(args) or judged(*args))
    for argument in (1.0, 2.0, X, X, 2 * X, X.reshape(1, 3)):
        grad(lambda x: np.sum(np.sin(x)), verify=True)(argument)

    def function(x):
        return np.sum(np.sin(x))

    for argument in (1.0, 2.0, X, X, 2 * X, X.reshape(1, 3)):
        grad(function, verify=True)(argument)
    assert len(asked) == 6 + 3  # a lambda that is written anew is another function


WRONG = {  # what a derivative would be for something else
    "sign": lambda f, args: -np.cos(args[0]),
    "element": lambda f, args: np.cos(args[0]) * np.array([1.0, 1.0, 0.0]),
    "slightly": lambda f, args: np.cos(args[0]) + 1e-5,
    "nan": lambda f, args: np.cos(args[0]) * np.nan,
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_are_named(name):
    def sines(x):
        return np.sum(np.sin(x))

    with pytest.raises(VerificationError, match="the derivative of `sines` is not that of its values") as caught:
        verification.gradient(Reverse, sines, [X], True, WRONG[name], None, None)
    assert caught.value.where.file == __file__
    assert pickle.loads(pickle.dumps(caught.value)).what == caught.value.what
    assert not verification._verified


def test_single_precision_hides_no_gradient_that_is_small_beside_the_value():
    def offset(x):
        return np.float32(1.0) + np.float32(1e-2) * np.sum(x)

    def right(f, args):
        return np.full_like(args[0], 1e-2)

    def wrong(f, args):
        return np.full_like(args[0], 2e-2)

    x = X.astype(np.float32)
    verification.gradient(Reverse, offset, [x], True, right, None, None)
    verification._verified.clear()
    with pytest.raises(VerificationError):
        verification.gradient(Reverse, offset, [x], True, wrong, None, None)


def test_a_check_that_cannot_be_made_is_not_passed_over(monkeypatch):
    def fails(*_):
        raise DifferentiationTypeError("no direction")

    monkeypatch.setattr(verification._Point, "at", fails)
    with pytest.warns(VerificationWarning, match="could not be verified: no direction"):
        assert grad(lambda x: x * x, verify=True)(2.0) == 4.0


def test_wrong_adjoints_of_memory_are_named():
    """Shadows of what the function overwrites: the result alone would not show them."""

    def scales(x):
        x[0] *= 3.0
        return np.sum(x)

    def forgets_to_scale(function, activities):
        (activity,) = activities
        activity.shadow += 1.0
        return (None,)

    def right(function, activities):
        return autodiff(Reverse, function, *activities, boundscheck=True)

    arguments = [Duplicated(X, np.zeros(3))]
    verification.autodiff(Reverse, scales, arguments, None, True, right, None)
    verification._verified.clear()
    with pytest.raises(VerificationError):
        verification.autodiff(Reverse, scales, arguments, None, True, forgets_to_scale, None)


def test_wrong_tangents_are_named():
    def result_only(function, activities):
        return 2.0 * activities[0].primal[0] * activities[0].shadow[0]

    def squares(x):
        x[1] = x[0]
        return x[0] ** 2

    with pytest.raises(VerificationError):
        verification.autodiff(Forward, squares, [Duplicated(X.copy(), np.zeros(3))], None, True, result_only, None)


def test_a_function_that_is_not_holomorphic_is_named():
    with pytest.raises(VerificationError, match="is the function holomorphic"):
        gradient(ReverseHolomorphic, lambda z: z * z.conjugate(), 1.0 + 2.0j, verify=True)


@pytest.mark.parametrize("function", [lambda x: abs(x), lambda x: max(x, 0.0), lambda x: math.sqrt(x * x * x)])
def test_kinks_and_ends_are_not_held_against_the_derivative(function):
    for _ in range(2):  # and are looked at again
        with pytest.warns(VerificationWarning, match="could not be verified"):
            grad(function, verify=True)(0.0)


def test_values_that_end_beside_the_point():
    def root(x):
        return None if x < 0.0 else x * np.sqrt(x)

    def grows(x):
        return np.ones(3 + int(x > 0.0)) * x

    class Ends(Exception):
        pass

    def raises(x):
        if x < 0.0:
            raise Ends
        return x * np.sqrt(x)

    for function, mode in ((root, Reverse), (root, Forward), (grows, Forward), (raises, Reverse)):
        with pytest.warns(VerificationWarning):
            gradient(mode, function, 0.0, verify=True)


def test_exceptions_of_the_function_arrive_as_they_are():
    def raises(x):
        x[0] = 7.0
        if x[1] > 0.0:
            raise ValueError("too large")
        return x[0]

    x = np.ones(2)
    with pytest.raises(ValueError, match="too large"):
        gradient(Reverse, raises, x, verify=True)
    assert x[0] == 7.0


def test_indices_are_checked():
    def beyond(x, n):
        return x[n]

    with pytest.raises(IndexError):
        gradient(Reverse, beyond, X, Const(3), verify=True)
    with pytest.raises(IndexError):
        grad(beyond, verify=True)(X, 3)


def test_refusals_are_those_of_the_call_without():
    for arguments in [(X,), (X, Const(X)), (X, Duplicated(X, X)), (Const(X), Const(3)), (3, 3)]:
        with pytest.raises(DifferentiationTypeError) as without:
            gradient(Reverse, recurrence, *arguments)
        with pytest.raises(DifferentiationTypeError) as verified, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it could not be verified
            gradient(Reverse, recurrence, *arguments, verify=True)
        assert str(without.value) == str(verified.value)
    with pytest.raises(DifferentiationTypeError, match="happens in calls from Python only"):
        grad(grad(lambda x: x**3, verify=True))(2.0)
    compiled = njit(lambda x: x * x)
    for inside in (
        njit(lambda x: gradient(Reverse, compiled, x, verify=True)),
        njit(lambda x: autodiff(Reverse, compiled, Active(x), verify=True)),
        njit(lambda x: grad(compiled, verify=True)(x)),
    ):
        with pytest.raises(DifferentiationTypeError, match="happens in calls from Python only"):
            inside(2.0)
    with pytest.raises(DifferentiationTypeError, match="with respect to the function itself"):
        autodiff(Reverse, Duplicated(Growing(), Growing()), Const(X), verify=True)


def test_transforms_that_verify_pickle():
    again = pickle.loads(pickle.dumps(grad(math.sin, verify=True)))
    assert again(0.5) == math.cos(0.5) and verification._verified


CURVES = {  # function, its derivative at 0, verdict on it, verdict on it plus a tenth
    "smooth": (lambda t: math.exp(3 * t), 3.0, Verdict.AGREES, Verdict.DIFFERS),
    "steep": (lambda t: math.sin(1e3 * t), 1e3, Verdict.AGREES, Verdict.DIFFERS),
    "constant": (lambda t: 5.0, 0.0, Verdict.AGREES, Verdict.DIFFERS),
    "complex": (lambda t: (1 + 1j) * math.sin(t), 1 + 1j, Verdict.AGREES, Verdict.DIFFERS),
    "kink beside": (lambda t: 2 * t + max(0.0, t - 0.01), 2.0, Verdict.AGREES, Verdict.DIFFERS),
    "kink": (abs, 1.0, Verdict.OPEN, Verdict.DIFFERS),
    "jump": (lambda t: t + (t > 0.0), 1.0, Verdict.OPEN, Verdict.OPEN),
    "end": (lambda t: math.nan if t < 0 else t, 1.0, Verdict.OPEN, Verdict.OPEN),
    "raises": (lambda t: 1 / 0 if t > 0.01 else 3.0 * t, 3.0, Verdict.AGREES, Verdict.DIFFERS),
}


@pytest.mark.parametrize("name", CURVES)
def test_verdicts(name):
    function, slope, right, wrong = CURVES[name]
    assert judged(function, slope, 1.0, 1e-6)[0] is right
    assert judged(function, slope + 0.1, 1.0, 1e-6)[0] is wrong


@pytest.mark.parametrize("seed", range(50))
def test_noise_contradicts_nothing(seed):
    noise = np.random.default_rng(seed)
    assert judged(lambda t: math.sin(t) + 1e-4 * noise.normal(), 1.0, 1.0, 1e-6)[0] is not Verdict.DIFFERS


def test_nothing_is_said_when_all_is_well(capsys):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        grad(math.sin, verify=True)(0.5)
    assert not found and capsys.readouterr() == ("", "")
