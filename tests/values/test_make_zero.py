"""`make_zero`: same layout, zeros, identity, overlap."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
import scipy.sparse as sp

from numzyme import DifferentiationValueError
from numzyme.values import congruent, make_zero

from .models import Chain, Computed, Embedding, Frozen, Node, Plain, Point, Slotted, TwoThings, WithSlots, softmax


@pytest.mark.parametrize("value", [3.0, 2j, np.float32(3), np.float64(3), np.complex64(3), np.complex128(3)], ids=repr)
def test_numbers(value):
    zero = make_zero(value)
    assert type(zero) is type(value) and zero == 0


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_arrays(dtype, order, shape):
    array = np.ones(shape, dtype, order)
    array.flags.writeable = False
    zero = make_zero(array)
    assert type(zero) is np.ndarray and (zero.dtype, zero.shape) == (array.dtype, array.shape)
    assert zero.flags.writeable and not zero.any() and not np.shares_memory(zero, array)
    assert (zero.flags.c_contiguous, zero.flags.f_contiguous) == (array.flags.c_contiguous, array.flags.f_contiguous)
    assert (array == 1).all()


def test_memory_order_of_strided_arrays():
    array = np.ones((2, 3, 4)).transpose(1, 2, 0)
    assert make_zero(array).strides == array.strides
    assert make_zero(array[:, ::2]).strides == array[:, ::2].strides
    assert make_zero(array[::-1]).strides == array[::-1].strides


def test_broadcast_arrays_are_dense():
    array = np.broadcast_to(np.ones(3), (2, 3))
    zero = make_zero(array)
    assert zero.strides == (24, 8) and zero.flags.writeable
    x = np.ones(3)
    dx, zero = make_zero((x, np.broadcast_to(x, (2, 3))))
    assert not np.shares_memory(dx, zero)


def test_a_small_slice_of_a_large_array_has_a_small_shadow():
    base = np.ones(1_000_000)
    zero = make_zero([base[10:13], base[12:20]])
    owner = zero[0].base
    assert np.asarray(owner).nbytes == 10 * 8
    column = make_zero(np.lib.stride_tricks.as_strided(np.ones(1), (2,), (1 << 40,)))  # would span a terabyte
    assert column.shape == (2,) and column.nbytes == 16


def test_unaligned_arrays_have_aligned_shadows():
    x = np.zeros(33, np.uint8)[1:].view(np.float64)
    dx, dy = make_zero((x[:3], x[1:]))
    dx[1:] = 5.0
    assert dy.tolist() == [5.0, 5.0, 0.0] and dx.flags.aligned and dy.flags.aligned


def grid():
    return np.zeros((4, 6))


OVERLAPS = {
    "forward slices": lambda: (lambda b: [b[1:5], b[3:8]])(np.zeros(10)),
    "reversed": lambda: (lambda b: [b, b[::-1]])(np.zeros(10)),
    "reversed slices": lambda: (lambda b: [b[7:2:-1], b[1:5]])(np.zeros(10)),
    "strided": lambda: (lambda b: [b[::2], b[::3], b[1::2]])(np.zeros(12)),
    "the same twice": lambda: (lambda b: [b, b[:], b.view()])(np.zeros(4)),
    "transposed": lambda: (lambda b: [b, b.T])(grid()),
    "blocks": lambda: (lambda b: [b[:3, :3], b[1:, 2:], b[0:1, 5:]])(grid()),
    "rows and columns": lambda: (lambda b: [b[1], b[:, 2], b[:, 3]])(grid()),
    "flat": lambda: (lambda b: [b.reshape(-1)[5:9], b[1:2]])(grid()),
    "chain": lambda: (lambda b: [b[:3], b[4:7], b[2:5]])(np.zeros(10)),
    "windows": lambda: (lambda b: [b, np.lib.stride_tricks.sliding_window_view(b, 3)])(np.zeros(6)),
    "fortran": lambda: (lambda b: [b[1:], b[:2]])(np.zeros((3, 4), order="F")),
    "complex": lambda: (lambda b: [b, b.imag, b[1:].real])(np.zeros(4, np.complex128)),
    "diagonal": lambda: (lambda b: [b, np.lib.stride_tricks.as_strided(b, (4,), (56,))])(grid()),
}


@pytest.mark.parametrize("pieces", [make() for make in OVERLAPS.values()], ids=list(OVERLAPS))
def test_overlap(pieces):
    """Two shadow elements are one memory exactly when the primals' are: every element is told by its address."""
    shadows = make_zero(pieces)
    assert congruent(pieces, shadows)
    for a, b in itertools.combinations_with_replacement(range(len(pieces)), 2):
        primal = np.subtract.outer(addresses(pieces[a]), addresses(pieces[b]))
        shadow = np.subtract.outer(addresses(shadows[a]), addresses(shadows[b]))
        np.testing.assert_array_equal(primal == 0, shadow == 0)
    assert all(shadow.flags.writeable for shadow in shadows)
    for piece, shadow in zip(pieces, shadows, strict=True):
        assert not np.shares_memory(piece, shadow) and (piece.shape, piece.dtype) == (shadow.shape, shadow.dtype)


def addresses(array):
    offsets = sum(
        (np.arange(n).reshape([-1 if k == axis else 1 for k in range(array.ndim)]) * array.strides[axis])
        for axis, n in enumerate(array.shape)
    )
    return array.__array_interface__["data"][0] + np.broadcast_to(offsets, array.shape).ravel()


def test_neighbours_do_not_overlap():
    base = np.zeros((4, 6))
    columns = make_zero([base[:, 0], base[:, 1]])
    columns[0][...] = 1.0
    assert not columns[1].any()


def test_memory_shared_as_other_numbers_is_refused():
    x = np.ones(4)
    with pytest.raises(DifferentiationValueError, match=r"m\['a'\] and m\['b'\] share memory as different numbers"):
        make_zero({"a": x, "b": x.view(np.float32)}, name="m")
    half = np.ndarray((3,), np.float64, x.view(np.uint8).data, 4)
    with pytest.raises(DifferentiationValueError):
        make_zero([x, half])


def test_containers():
    x = {"a": 1.0, 2: (3.0, "s", [4.0]), "p": Point(1.0, 2)}
    zero = make_zero(x)
    assert zero == {"a": 0.0, 2: (0.0, "s", [0.0]), "p": Point(0.0, 2)}
    assert type(zero["p"]) is Point and list(zero) == list(x)


def test_objects():
    labels, dims = np.arange(3), (2, 3)
    assert make_zero(TwoThings(1.0, labels)).b is labels
    frozen = make_zero(Frozen(1.0, dims))
    assert type(frozen) is Frozen and frozen.w == 0.0 and frozen.n is dims
    assert make_zero(Slotted(1.0)) == Slotted(0.0, 0.0)
    computed = make_zero(Computed(1.0))
    assert (computed.w, computed.total, computed.note) == (0.0, 0.0, "not a field")
    slots = make_zero(WithSlots(1.0))
    assert (slots.w, slots.private(), hasattr(slots, "unset")) == (0.0, 0.0, False)
    model = Chain((Embedding(np.ones((2, 3))), softmax))
    zero = make_zero(model)
    assert zero.layers[1] is softmax and not zero.layers[0].weight.any()


def test_what_has_no_derivative_is_the_primals_own():
    value = (1, "a", (2, None), Frozen(3))
    assert make_zero(value) is value
    assert make_zero([value])[0] is value


def test_mutable_containers_are_new_even_without_floats():
    x = {"sizes": [1, 2], "config": TwoThings(1, "a"), "empty": []}
    zero = make_zero(x)
    assert zero == x and all(zero[key] is not x[key] for key in x)


def test_partials_and_bound_methods():
    array = np.ones(2)
    zero = make_zero(functools.partial(softmax, array, scale=array))
    assert zero.func is softmax and zero.args[0] is zero.keywords["scale"] and not zero.args[0].any()
    method = make_zero(Plain(3.0).scaled)
    assert method(5.0) == 0.0 and method.__self__.w == 0.0


@pytest.mark.parametrize("make", [sp.csc_array, sp.csr_matrix, sp.coo_array, sp.coo_matrix])
def test_sparse_keeps_pattern_and_explicit_zeros(make):
    value = make(np.array([[1.0, 0.0], [2.0, 3.0]]))
    value.data[1] = 0.0
    zero = make_zero(value)
    assert type(zero) is make and zero.nnz == 3 and not zero.data.any() and zero.shape == (2, 2)
    for name in ("row", "col") if value.format == "coo" else ("indices", "indptr"):
        assert getattr(zero, name) is getattr(value, name)
    both = make_zero({"A": value, "data": value.data})
    assert both["A"].data is both["data"]


def test_sharing():
    array, part = np.ones(2), TwoThings(1.0, 2.0)
    x = {"a": [array, part], "b": (array, part), "c": np.ones(2), "d": TwoThings(1.0, 2.0)}
    zero = make_zero(x)
    assert zero["a"][0] is zero["b"][0] and zero["a"][1] is zero["b"][1]
    assert len({id(v) for v in (zero["a"][0], zero["c"], zero["a"][1], zero["d"])}) == 4


def test_cycles():
    loop: list = [1.0]
    loop.append((loop, 2.0))
    zero = make_zero(loop)
    assert zero[0] == 0.0 and zero[1][0] is zero and zero[1][1] == 0.0
    first, second = Node(1.0), Node(2.0)
    first.next, second.next = second, first
    zero = make_zero(first)
    assert zero.next.next is zero and (zero.value, zero.next.value) == (0.0, 0.0)
    holder: dict = {}
    holder["frozen"] = Frozen(1.0, holder)
    zero = make_zero(holder)
    assert zero["frozen"].n is zero and zero["frozen"].w == 0.0


def test_cycles_of_frozen_instances():
    x = Frozen(1.0, None)
    object.__setattr__(x, "n", (x, "s"))
    zero = make_zero(x)
    assert zero.w == 0.0 and zero.n[0] is zero and zero.n[1] == "s"


def test_many_references_take_linear_time():
    value: tuple = (1.0,)
    for _ in range(60):
        value = (value, value)
    assert make_zero(value)[0][1][0] is not None
