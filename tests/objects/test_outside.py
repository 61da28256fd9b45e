"""What functions find outside has the value that it has at the call, and changing it does not compile anew."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from numzyme import Duplicated, Forward, Reverse, autodiff, grad, gradient
from numzyme.plans import plan

weights = np.array([1.0, 2.0])
factor = 2.0
power = 2
POINT = np.array([3.0, 4.0])


@dataclass
class Settings:
    slopes: Any
    scale: float


settings = Settings(np.array([1.0, 1.0]), 2.0)


def weighted(x):
    return np.sum(weights * x) * factor


def objective(x):
    return weighted(x) ** power


def expected():
    inner = np.sum(weights * POINT) * factor
    return power * inner ** (power - 1) * weights * factor


@pytest.fixture
def changed(monkeypatch):
    def change(**new):
        for name, value in new.items():
            monkeypatch.setitem(globals(), name, value)

    return change


@pytest.mark.parametrize("derivative", [grad(objective), lambda x: gradient(Reverse, objective, x),
                                        lambda x: gradient(Forward, objective, x)])  # fmt: skip
def test_globals_have_their_values_of_the_call(changed, derivative):
    np.testing.assert_allclose(derivative(POINT), expected(), rtol=1e-13)
    changed(weights=np.array([5.0, -1.0]))  # bound anew
    np.testing.assert_allclose(derivative(POINT), expected(), rtol=1e-13)
    weights[0] = 0.5  # changed in place
    np.testing.assert_allclose(derivative(POINT), expected(), rtol=1e-13)
    plans = len(plan._plans)
    changed(factor=-3.0)
    np.testing.assert_allclose(derivative(POINT), expected(), rtol=1e-13)
    assert len(plan._plans) == plans
    changed(power=3)  # an exponent is a constant of the code
    np.testing.assert_allclose(derivative(POINT), expected(), rtol=1e-13)


def test_a_new_closure_of_the_same_code_shares_its_compiled_code():
    def model(slopes):
        return lambda x: np.sum(slopes * x * x)

    np.testing.assert_allclose(gradient(Reverse, model(np.array([1.0, 2.0])), POINT), [6.0, 16.0])
    plans = len(plan._plans)
    for slope in (0.0, 3.0, -1.5):
        found = gradient(Reverse, model(np.full(2, slope)), POINT)
        np.testing.assert_allclose(found, 2 * slope * POINT)
    assert len(plan._plans) == plans


def test_a_captured_object_is_constant_and_current(changed):
    def energy(x):
        return np.sum(settings.slopes * x) * settings.scale

    derivative = grad(energy)
    np.testing.assert_array_equal(derivative(POINT), [2.0, 2.0])
    settings.scale = 5.0
    np.testing.assert_array_equal(derivative(POINT), [5.0, 5.0])
    changed(settings=Settings(np.array([2.0, 3.0]), 1.0))
    np.testing.assert_array_equal(derivative(POINT), [2.0, 3.0])


def test_a_captured_array_that_the_function_changes_is_changed(changed):
    changed(weights=np.array([1.0, 1.0]))

    def overwriting(x):
        weights[0] = 7.0
        return np.sum(weights * x)

    np.testing.assert_array_equal(gradient(Reverse, overwriting, POINT), [7.0, 1.0])
    np.testing.assert_array_equal(weights, [7.0, 1.0])


def helper(v):
    return 2.0 * v


def calling_helper(x):
    return np.sum(helper(x))


def test_a_helper_that_is_defined_anew_is_called(changed):
    derivative = grad(calling_helper)
    np.testing.assert_array_equal(derivative(POINT), [2.0, 2.0])
    original = helper
    changed(helper=lambda v: 5.0 * v)
    np.testing.assert_array_equal(derivative(POINT), [5.0, 5.0])
    np.testing.assert_array_equal(gradient(Reverse, calling_helper, POINT), [5.0, 5.0])
    shadow = np.zeros(2)
    autodiff(Reverse, calling_helper, Duplicated(POINT, shadow))
    np.testing.assert_array_equal(shadow, [5.0, 5.0])
    changed(helper=original)
    np.testing.assert_array_equal(derivative(POINT), [2.0, 2.0])


@dataclass
class Model:
    weight: Any

    def loss(self):
        return np.sum(self.weight) * factor * helper(1.0)


def test_globals_that_methods_use_are_current(changed):
    def loss(model):
        return model.loss()

    model = Model(POINT)
    np.testing.assert_array_equal(gradient(Reverse, loss, model).weight, [4.0, 4.0])
    changed(factor=7.0)
    np.testing.assert_array_equal(gradient(Reverse, loss, model).weight, [14.0, 14.0])
    changed(helper=lambda v: v)
    np.testing.assert_array_equal(gradient(Reverse, loss, model).weight, [7.0, 7.0])


def test_a_recursive_function_that_captures_data(changed):
    changed(weights=np.array([5.0, 1.0]))

    def recursive(x, n):
        if n == 0:
            return x[0] * weights[0]
        return recursive(x, n - 1) * x[1]

    found, _ = gradient(Reverse, recursive, POINT, 2)
    np.testing.assert_allclose(found, [5.0 * 16.0, 3.0 * 5.0 * 2.0 * 4.0])


class Tree:
    def __init__(self, value, lift):
        self.value, self.lift = value, lift

    def total(self, n):
        if n == 0:
            return self.value
        return self.value * self.total(n - 1) + self.lift[0]


def test_a_recursive_method():
    found = gradient(Reverse, lambda tree: tree.total(3), Tree(2.0, np.array([1.0])))
    assert found.value == pytest.approx(37.0)
    np.testing.assert_allclose(found.lift, [7.0])


# -- modules and classes that change


@pytest.fixture
def module_of_settings(monkeypatch):
    module, inner = ModuleType("settings_of_a_test"), ModuleType("settings_of_a_test.inner")
    module.rate, module.table, module.inner = 2.0, np.ones(2), inner  # type: ignore[attr-defined]
    module.scaled = lambda x: 2.0 * x  # type: ignore[attr-defined]
    inner.offset = 3.0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_attribute_that_a_module_gets_later_was_not_noticed(module_of_settings):
    module = module_of_settings

    def loss(x):
        return x * x if hasattr(module, "squares") else x

    derivative = grad(loss)
    assert derivative(3.0) == 1.0
    module.squares = True
    assert derivative(3.0) == 6.0
    del module.squares
    assert derivative(3.0) == 1.0


def test_attributes_of_modules_were_frozen(module_of_settings):
    module = module_of_settings

    def f(x):
        return x * module.rate + module.scaled(x) + x * module.table[0] + x * module.inner.offset

    for change, expected in (
        (lambda: None, 8.0),
        (lambda: setattr(module, "rate", 3.0), 9.0),
        (lambda: setattr(module, "scaled", lambda x: 7.0 * x), 14.0),
        (lambda: module.table.fill(5.0), 18.0),
        (lambda: setattr(module.inner, "offset", 1.0), 16.0),
    ):
        change()
        assert gradient(Reverse, f, 1.5) == expected
        assert grad(f)(1.5) == expected


class Changing:
    weights = (1.0, 2.0)

    def __init__(self, v):
        self.v = v

    def method(self):
        return self.v * 2.0

    @property
    def half(self):
        return self.v * 0.5


class Inheriting(Changing):
    pass


def test_methods_and_tuples_of_classes_were_frozen(monkeypatch):
    def f(o):
        return o.method() + o.half + o.v * o.weights[1]

    def both():
        return gradient(Reverse, f, Changing(1.5)).v, gradient(Reverse, f, Inheriting(1.5)).v

    assert both() == (4.5, 4.5)
    monkeypatch.setattr(Changing, "method", lambda self: self.v * 10.0)
    assert both() == (12.5, 12.5)
    monkeypatch.setattr(Inheriting, "method", lambda self: self.v * 20.0, raising=False)
    assert both() == (12.5, 22.5)
    monkeypatch.setattr(Changing, "half", property(lambda self: self.v * 3.0))
    assert both() == (15.0, 25.0)
    monkeypatch.setattr(Changing, "weights", (1.0, 4.0))
    assert both() == (17.0, 27.0)
