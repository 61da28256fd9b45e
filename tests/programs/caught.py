"""Exceptions of functions that stay calls (recursive ones), which a caller catches: what they did is differentiated."""

import math

import numpy as np

from numzyme.testing.program import Corpus, array, real

CORPUS = Corpus()
program = CORPUS.program


class Unusual(ValueError):
    """One of the user's."""


def changes_on_the_way_down(x, a, i):
    if i >= x.size:
        return a * a
    x[i] = x[i] * a + math.sin(x[i])
    if x[i] > 2.0:
        x[0] *= a
        raise ValueError("large", i)
    if x[i] < -2.0:
        raise Unusual("small", x[i])
    r = changes_on_the_way_down(x, a * 1.1, i + 1)
    x[i] *= r
    return r + x[i]


def catches_and_raises_another(x, a, n):
    if n <= 0:
        if a > 1.0:
            raise ValueError("a")
        return a
    y = x * a
    try:
        return catches_and_raises_another(y, a * 1.2, n - 1) + np.sum(y)
    except ValueError:
        y[0] *= a
        if n == 3:
            raise Unusual("b", y[0])  # noqa: B904
        return y[0] * a


def raises_in_loops(x, a, n):
    if n < 0:
        return 0.0
    t = a
    for i in range(x.size):
        while t < 10.0:
            t = t * 1.5 + x[i] * x[i]
            if t > 6.0:
                x[i] = t
                raise KeyError("k")
        x[i] += t
    return t + raises_in_loops(x, a, n - 1)


def keeps_a_list(x, a, n):
    kept = [a]
    for v in x:
        kept.append(v * kept[-1])
    if n == 0:
        x[0] = kept[-1] * kept[1]
        raise IndexError("i")
    if n < 0:
        return a
    return keeps_a_list(x, kept[2], n - 1) * a


@program(array(4, low=-1.5, high=2.2), real(0.5, 1.4), tolerance=1e-6)
def caught_behind_changes(x, a):
    try:
        r = changes_on_the_way_down(x, a, 0)
    except ValueError:
        r = x[0] * a
    return r + np.sum(x * x)


@program(array(4, low=-1.5, high=2.2), real(0.5, 1.4), tolerance=1e-6)
def caught_by_class_in_a_loop(x, a):
    s = 0.0
    for k in range(3):
        try:
            s += changes_on_the_way_down(x, a, k) * s + 1.0
        except Unusual:
            s += x[1] * a
        except ValueError:
            s *= x[0]
        finally:
            a *= 0.9
    return s + np.sum(x * x)


@program(array(4, low=-1.5, high=2.2), real(0.5, 1.4), tolerance=1e-6)
def caught_and_raised_again_in_between(x, a):
    try:
        return (
            catches_and_raises_another(x, a, 2)
            + catches_and_raises_another(x, 0.1 * a, 4) * x[0]
            + catches_and_raises_another(x, a * a, 3)
        )
    except ValueError:
        return a * x[1] * x[1]


@program(array(4, low=-1.5, high=2.2), real(0.5, 1.4), tolerance=1e-6)
def caught_from_loops(x, a):
    s = 0.0
    try:
        s = raises_in_loops(x, a, 2)
    except KeyError:
        s += x[1] * x[0] * a
    return s + x[0]


@program(array(4, low=-1.5, high=2.2), real(0.5, 1.4), tolerance=1e-6)
def caught_with_a_list(x, a):
    try:
        return keeps_a_list(x, a, 2)
    except IndexError:
        return x[0] * a


@program(array(4, low=-1.5, high=2.2), real(0.5, 1.4), tolerance=1e-6)
def caught_from_a_closure(x, a):
    s = a

    def rec(t, n: int):
        if n <= 0:
            if t > 1.0:
                raise ValueError("x")
            return t * x[0]
        return rec(t * a, n - 1) * t

    try:
        s += rec(x[0] * 10, 3)
    except ValueError:
        s += x[1] * a
    try:
        s += rec(x[0], 3)
    except ValueError:
        s += x[1] * a
    return s
