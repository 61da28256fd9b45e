"""`strip_types`: each row of the contract's table, identity, wrappers, projection, cycles, refusals."""

from __future__ import annotations

import collections
import functools

import numpy as np
import pytest
import scipy.sparse as sp

from numzyme import DifferentiationTypeError, DifferentiationValueError
from numzyme.values import is_structural, make_zero, register_wrapper, strip_types, structural_type

from .models import Chain, Colour, Computed, Embedding, Frozen, Node, Plain, Point, Slotted, TwoThings, softmax
from .wrappers import Adjoint, Bidiagonal, Circulant, Diagonal, LinRange, Reshaped, SVector, Symmetric


@pytest.mark.parametrize("kind", [float, complex, np.float32, np.float64, np.complex64, np.complex128])
def test_numbers(kind):
    result = strip_types(kind(3), kind(2))
    assert type(result) is kind and result == 2


@pytest.mark.parametrize("value", [3, True, "s", b"s", None, Colour.RED, np.arange(2), softmax, np.sin, np.dtype("f8")])
def test_constants(value):
    assert strip_types(value, make_zero(value)) is None


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_arrays(dtype):
    x = np.ones((2, 3), dtype)
    dx = make_zero(x)
    assert strip_types(x, dx) is dx


def test_containers():
    assert strip_types((1.0, "a"), (2.0, "a")) == (2.0, None)
    assert strip_types([1.0, 2, [3.0]], [2.0, 2, [4.0]]) == [2.0, None, [4.0]]
    assert strip_types({"a": 1.0, 3: "s"}, {3: "s", "a": 2.0}) == {"a": 2.0, 3: None}
    point = strip_types(Point(1.0, 2), Point(5.0, 2))
    assert type(point) is Point and point == Point(5.0, None)
    ordered = collections.OrderedDict(b=1.0)
    assert type(strip_types(ordered, ordered)) is collections.OrderedDict
    assert strip_types([1, ("a",), {}], [1, ("a",), {}]) == [None, (None,), {}]


def test_objects_are_named_tuples():
    for x, text in [
        (TwoThings(1.0, "a"), "TwoThings(a=1.0, b=None)"),
        (Frozen(1.0), "Frozen(w=1.0, n=None)"),
        (Slotted(1.0), "Slotted(w=1.0, b=0.5)"),
        (Plain(1.0), "Plain(w=1.0, _name=None)"),
        (Computed(1.0), "Computed(w=1.0, total=10.0)"),
        (Chain((softmax, Frozen(2.0))), "Chain(layers=(None, Frozen(w=2.0, n=None)))"),
        (functools.partial(softmax, 1.0, k=2), "partial(func=None, args=(1.0,), keywords={'k': None})"),
    ]:
        result = strip_types(x, x)
        assert repr(result) == text and is_structural(result)
        assert type(result) is type(strip_types(x, make_zero(x)))
    assert strip_types(Plain(1.0).scaled, Plain(2.0).scaled)._asdict() == {"__self__": Plain_gradient(2.0)}


def Plain_gradient(w):
    return structural_type(Plain, ("w", "_name"))(w, None)


def test_a_field_without_value_has_none():
    x = object.__new__(Computed)
    x.w = 1.0
    assert repr(strip_types(x, make_zero(x))) == "Computed(w=0.0, total=None)"


@pytest.mark.parametrize("make", [sp.csc_array, sp.csr_matrix, sp.coo_array])
def test_sparse(make):
    x = make(np.array([[5.0, 0.0, 6.0]]))
    dx = make_zero(x)
    dx.data[:] = 1.0
    g = strip_types(x, dx)
    assert type(g) is make and g.nnz == 2 and g.shape == (1, 3)
    np.testing.assert_array_equal(g.toarray(), [[1, 0, 1]])
    integers = make(np.eye(2, dtype=int))
    assert strip_types(integers, integers) is None


# -- identity
def test_two_objects():
    p, q = TwoThings(3.0, 4.0), TwoThings(3.0, 4.0)
    x = {"x": p, "y": q}
    dx = make_zero(x)
    dx["x"].a, dx["x"].b, dx["y"].a, dx["y"].b = 1.0, 20.0, 1.0, 20.0
    g = strip_types(x, dx)
    assert g["x"] == (1.0, 20.0) == g["y"] and g["x"] is not g["y"]
    x = {"x": p, "y": p}
    dx = make_zero(x)
    dx["x"].a, dx["y"].b = 2.0, 40.0
    g = strip_types(x, dx)
    assert g["x"] == (2.0, 40.0) and g["x"] is g["y"]


def test_lists_of_arrays():
    arrays = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    x = {"a": arrays, "b": arrays}
    dx = make_zero(x)
    for shadow in dx["a"]:
        shadow += 2
    g = strip_types(x, dx)
    assert g["a"] is g["b"] and g["a"][0] is g["b"][0] and g["a"][0] is not g["a"][1]
    assert [part.tolist() for part in g["b"]] == [[2, 2], [2, 2]]


def test_immutable_values_have_no_identity_but_what_is_inside_keeps_its_own():
    array = np.ones(2)
    pair, frozen = (1.0, array), Frozen(1.0, array)
    shadow = np.zeros(2)
    x = [pair, pair, frozen, frozen]
    dx = [(5.0, shadow), (6.0, shadow), Frozen(7.0, shadow), Frozen(8.0, shadow)]
    g = strip_types(x, dx)
    assert [part[0] for part in g] == [5.0, 6.0, 7.0, 8.0]
    assert all(part[1] is shadow for part in g)


def test_distinct_empty_objects_have_distinct_gradients():
    x = [[], [], {}, {}, TwoThings(None, None), TwoThings(None, None), np.zeros(0), np.zeros(0)]
    g = strip_types(x, make_zero(x))
    assert len(set(map(id, g))) == len(x)


def test_wrong_sharing_is_refused():
    x, y = np.ones(2), np.ones(2)
    shadow, other = np.ones(2), np.ones(2)
    with pytest.raises(DifferentiationValueError, match=r"m\[1\] has two shadows"):
        strip_types([x, x], [shadow, other], name="m")
    with pytest.raises(DifferentiationValueError, match=r"m\[1\] has the same shadow as another object"):
        strip_types([x, y], [shadow, shadow], name="m")


# -- wrappers
def with_shadow(x, **values):
    dx = make_zero(x)
    for name, value in values.items():
        getattr(dx, name)[...] = value
    return x, dx


def test_natural_where_the_forms_agree():
    g = strip_types(*with_shadow(Diagonal(np.array([1.0, 2.0])), diag=[1, 0]))
    assert type(g) is Diagonal and g.diag.tolist() == [1, 0]
    g = strip_types(*with_shadow(Bidiagonal(np.ones(2), np.ones(1), "U"), dv=3, ev=4))
    assert type(g) is Bidiagonal and (g.dv.tolist(), g.ev.tolist(), g.uplo) == ([3, 3], [4], "U")


def test_structural_over_what_has_no_derivative():
    def check(x, text):
        g = strip_types(x, make_zero(x))
        assert is_structural(g) and repr(g) == text

    check(Diagonal(np.array([1, 2, 3])), "Diagonal(diag=None)")
    check(Adjoint(SVector(1, 2, 3)), "Adjoint(parent=SVector(data=(None, None, None)))")
    check(Bidiagonal(1.0, np.ones(1, int), "U"), "Bidiagonal(dv=0.0, ev=None, uplo=None)")
    check(Adjoint(TwoThings(1.0, 2)), "Adjoint(parent=TwoThings(a=0.0, b=None))")


def test_nested_wrappers():
    x = Reshaped(Adjoint(SVector(1.0, 2.0, 3.0, 4.0)), (2, 2))
    dx = Reshaped(Adjoint(SVector(1.0, 0.0, 0.0, 0.0)), (2, 2))
    assert strip_types(x, dx) == dx and type(strip_types(x, dx)) is Reshaped
    x = Reshaped(Adjoint(LinRange(1.0, 2.0, 4, 3)), (2, 2))
    dx = Reshaped(Adjoint(LinRange(1.0, 0.0, 4, 3)), (2, 2))
    text = "Reshaped(parent=Adjoint(parent=LinRange(start=1.0, stop=0.0, len=None, lendiv=None)), dims=(None, None))"
    assert repr(strip_types(x, dx)) == text
    x = Adjoint(sp.csc_array([[1.0, 2.0], [3.0, 0.0]]))
    g = strip_types(x, make_zero(x))
    assert type(g) is Adjoint and type(g.parent) is sp.csc_array and g.parent.nnz == 3


def test_structural_unless_projected():
    x, dx = with_shadow(Symmetric(np.ones((3, 3))), data=[[1, 2, 2], [0, 1, 2], [0, 0, 1]])
    g = strip_types(x, dx)
    assert is_structural(g) and type(g).__name__ == "Symmetric" and g.uplo is None and g.data is dx.data
    g = strip_types(x, dx, project=True)
    assert type(g) is Symmetric and g.uplo == "U" and (g.data == 1).all()
    assert dx.data[0, 1] == 2


def test_projection_everywhere():
    inner, shadow = with_shadow(Symmetric(np.ones((2, 2))), data=[[1, 2], [0, 1]])
    x, dx = {"a": [Adjoint(inner)], "b": 1.0}, {"a": [Adjoint(shadow)], "b": 2.0}
    g = strip_types(x, dx, project=True)
    assert type(g["a"][0]) is Adjoint and type(g["a"][0].parent) is Symmetric and g["b"] == 2.0
    assert (g["a"][0].parent.data == 1).all()
    assert is_structural(strip_types(x, dx)["a"][0])
    integers = Symmetric(np.ones((2, 2), int))
    assert repr(strip_types(integers, integers, project=True)) == "Symmetric(data=None, uplo=None)"


def test_what_cannot_be_projected_is_refused_by_path():
    x, dx = with_shadow(Symmetric(np.ones((2, 2))), data=[[0, 0], [1, 0]])
    with pytest.raises(DifferentiationValueError, match=r"model\['A'\]\.parent: the gradient lies"):
        strip_types({"A": Adjoint(x)}, {"A": Adjoint(dx)}, project=True, name="model")


def test_a_users_circulant():
    """The projected gradient has the inner product of the structural one, with all changes that the class can make."""
    rng = np.random.default_rng(0)
    x, dx = with_shadow(Circulant(rng.normal(size=4)), column=rng.normal(size=4))
    natural, projected = strip_types(x, dx), strip_types(x, dx, project=True)
    assert type(natural) is Circulant and natural.column is dx.column
    change = Circulant(rng.normal(size=4))
    np.testing.assert_allclose(np.sum(projected.dense() * change.dense()), dx.column @ change.column)
    integers = Circulant(np.arange(3))
    assert repr(strip_types(integers, integers)) == "Circulant(column=None)"


def test_sharing_below_wrappers():
    d = np.ones(2)
    x = [Diagonal(d), Adjoint(Diagonal(d)), d]
    g = strip_types(x, make_zero(x))
    assert g[0].diag is g[1].parent.diag is g[2]
    wrapper = Bidiagonal(np.ones(2), np.ones(1), "U")
    x = {"a": wrapper, "b": [wrapper], "c": Bidiagonal(np.ones(2), np.ones(1), "U")}
    g = strip_types(x, make_zero(x))
    assert g["a"] is g["b"][0] and g["a"] is not g["c"]


def test_containers_below_wrappers():
    blocks = [np.ones(2), Diagonal(np.ones(1))]
    x = {"first": [blocks], "wrapper": Adjoint(blocks)}
    g = strip_types(x, make_zero(x))
    assert type(g["wrapper"]) is Adjoint and g["wrapper"].parent is g["first"][0]
    x = {"first": [blocks], "wrapper": Adjoint({"a": [np.ones(2), "text"]})}
    assert repr(strip_types(x, make_zero(x))["wrapper"]) == "Adjoint(parent={'a': [array([0., 0.]), None]})"
    wrapper = Bidiagonal(1.0, [2.0], "U")
    x = {"a": [wrapper], "b": wrapper}
    g = strip_types(x, make_zero(x))
    assert g["a"][0] is g["b"] and type(g["b"]) is Bidiagonal


def test_subclasses_of_wrappers_are_structural():
    class Scaled(Diagonal):
        pass

    x = Scaled(np.ones(2))
    assert is_structural(strip_types(x, make_zero(x)))


def test_registering():
    class Wrapper:
        def __init__(self, data):
            self.data = data

    x = Wrapper(1.0)
    assert is_structural(strip_types(x, make_zero(x)))
    assert register_wrapper(Wrapper, natural=lambda x, dx, strip: Wrapper(strip(x.data, dx.data))) is Wrapper
    assert type(strip_types(x, make_zero(x))) is Wrapper
    register_wrapper(Wrapper, natural=lambda x, dx, strip: NotImplemented)
    assert is_structural(strip_types(x, make_zero(x)))
    with pytest.raises(TypeError, match="wants a class"):
        register_wrapper(x)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="wants functions"):
        register_wrapper(Wrapper, natural="data")  # type: ignore[arg-type]


# -- cycles
def test_cycles_through_lists_and_dicts():
    loop: list = [1.0]
    loop.append({"back": loop})
    g = strip_types(loop, make_zero(loop))
    assert g[0] == 0.0 and g[1]["back"] is g
    parent = TwoThings(1.0, [])
    child = TwoThings(2.0, parent)
    parent.b.append(child)
    g = strip_types(parent, make_zero(parent))
    assert g.b[0].b is g and (g.a, g.b[0].a) == (0.0, 0.0)
    assert strip_types(child, make_zero(child)).b.b[0].a == 0.0


def test_cycles_of_objects():
    first, second = Node(1.0), Node(2.0)
    first.next, second.next = second, first
    shadow = make_zero(first)
    shadow.value, shadow.next.value = 3.0, 4.0
    g = strip_types(first, shadow)
    assert g.next.next is g and (g.value, g.next.value) == (3.0, 4.0)
    assert tuple(g.next) == (4.0, None)  # a tuple cannot contain itself
    assert isinstance(g.next, type(strip_types(Node(1.0), make_zero(Node(1.0)))))
    alone = Node(1.0)
    alone.next = alone
    g = strip_types(alone, make_zero(alone))
    assert g.next is g and g._asdict()["next"] is g


def test_cycles_that_a_tuple_closes_are_refused_by_path():
    node = Node(1.0)
    node.next = (node,)
    with pytest.raises(DifferentiationValueError) as caught:
        strip_types(node, make_zero(node), name="list")
    assert str(caught.value).startswith("list.next[0] is part of a reference cycle")


# -- shadows that do not fit
@pytest.mark.parametrize(
    ("x", "dx", "text"),
    [
        ([np.ones(2)], [np.ones(3)], r"m\[0\] is an array of shape \(2,\) and dtype float64, its shadow an array of"),
        ([np.ones(2)], [np.ones(2, "f4")], "dtype float32"),
        ([1.0], [1j], r"m\[0\] is a float, its shadow a complex"),
        ([1.0], [1.0, 2.0], "m is a list of length 1, but what belongs to it is a list of length 2"),
        ({"a": 1.0}, {"b": 1.0}, "m is a dict"),
        (TwoThings(1.0, 2.0), Plain(1.0), "m is a TwoThings, its shadow a Plain"),
        ([(1.0,)], [None], r"m\[0\] is a tuple, its shadow a NoneType"),
        (sp.csr_array(np.eye(2)), sp.csr_array(np.ones((2, 2))), "2 stored entries"),
    ],
)
def test_shadows_that_do_not_fit(x, dx, text):
    with pytest.raises(DifferentiationTypeError, match=text):
        strip_types(x, dx, name="m")


def test_the_model_of_the_contract():
    x = Chain((Embedding(np.array([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])), softmax))
    dx = make_zero(x)
    dx.layers[0].weight[:, 0] = [-0.5, 0.5]
    g = strip_types(x, dx)
    assert type(g).__name__ == "Chain" and type(g.layers[0]).__name__ == "Embedding" and g.layers[1] is None
    assert g.layers[0].weight is dx.layers[0].weight
