"""The structural named tuple: a tuple, a named tuple for other libraries, and any field name."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import threading

import numpy as np
import pytest

from numzyme.values import is_structural, structural_type

from .models import Plain, TwoThings


def make(*values):
    return structural_type(TwoThings, ("a", "b"))(*values)


def test_is_a_tuple_that_shows_class_and_fields():
    value = make(1.0, None)
    assert repr(value) == "TwoThings(a=1.0, b=None)"
    assert isinstance(value, tuple) and value == (1.0, None) and len(value) == 2 and hash(value) == hash((1.0, None))
    assert (value.a, value.b, value[0], [*value]) == (1.0, None, 1.0, [1.0, None])
    assert type(value).__name__ == "TwoThings" and type(value) is not TwoThings and is_structural(value)


def test_equal_fields_of_equal_classes_give_the_same_type():
    assert structural_type(TwoThings, ["a", "b"]) is structural_type(TwoThings, ("a", "b"))
    assert structural_type(TwoThings, ("a",)) is not structural_type(TwoThings, ("a", "b"))
    assert structural_type(Plain, ("a", "b")) is not structural_type(TwoThings, ("a", "b"))
    types = []
    threads = [threading.Thread(target=lambda: types.append(structural_type(Plain, ("fresh",)))) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(set(types)) == 1


NAMES = ("_private", "count", "index", "class", "two words", "_fields", "_make", "__len__", "__self__", "self", "cls")


def test_any_field_name():
    value = structural_type(Plain, NAMES)(*range(len(NAMES)))
    for position, name in enumerate(NAMES):
        assert value._asdict()[name] == position
        if name not in ("_fields", "_make", "__len__"):
            assert getattr(value, name) == position
    assert value._fields == NAMES and len(value) == len(NAMES)
    assert value._replace(count=20, self=30, cls=40)[1] == 20
    assert pickle.loads(pickle.dumps(value)) == value


def test_protocol_of_named_tuples():
    value = make(1.0, 2.0)
    assert type(value).__bases__ == (tuple,) and type(value)._fields == ("a", "b")
    assert type(value)._make(iter([3.0, 4.0])) == make(3.0, 4.0)
    assert type(value)(*(2 * v for v in value)) == make(2.0, 4.0)
    assert value._asdict() == {"a": 1.0, "b": 2.0}
    assert value._replace(b=5.0) == make(1.0, 5.0) and type(value._replace(b=5.0)) is type(value)
    match value:
        case tuple(a=first, b=2.0):
            assert first == 1.0
        case _:
            pytest.fail("no match")


def test_wrong_construction():
    with pytest.raises(TypeError, match="TwoThings has 2 fields, got 1"):
        make(1.0)
    with pytest.raises(ValueError, match="no fields"):
        make(1.0, 2.0)._replace(z=1)
    with pytest.raises(AttributeError):
        make(1.0, 2.0).a = 3.0


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    array = np.ones(2)
    value = [make(array, {"b": array})]
    back = pickle.loads(pickle.dumps(value, protocol))
    assert type(back[0]) is type(value[0]) and back[0].a is back[0].b["b"]


def test_copies():
    array = np.ones(2)
    value = make(array, [array])
    assert copy.copy(value).a is array and type(copy.copy(value)) is type(value)
    deep = copy.deepcopy(value)
    assert type(deep) is type(value) and deep.a is deep.b[0] and deep.a is not array


def test_local_classes():
    class Local:
        pass

    value = structural_type(Local, ("w",))(1.0)
    assert repr(value) == "Local(w=1.0)"
    assert type(pickle.loads(pickle.dumps(value))) is type(value)


def test_repr_of_a_cycle_ends():
    loop: list = []
    loop.append(make(loop, 1.0))
    assert "..." in repr(loop[0])


def test_not_structural():
    assert not is_structural((1, 2)) and not is_structural(TwoThings(1, 2)) and not is_structural(None)


@pytest.mark.skipif(importlib.util.find_spec("optree") is None, reason="optree is not installed")
def test_optree_sees_a_tree():
    import optree

    value = make(1.0, {"x": 2.0})
    assert optree.tree_leaves(value) == [1.0, 2.0]
    assert optree.tree_map(lambda leaf: 2 * leaf, value) == make(2.0, {"x": 4.0})
