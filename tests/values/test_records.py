"""Arrays of records as values: zeros, sums, maps, comparison; single records are places in memory."""

import numpy as np
import pytest

from numzyme import (
    DifferentiationTypeError,
    DifferentiationValueError,
    accumulate,
    congruent,
    make_zero,
    make_zero_inplace,
    remake_zero,
    strip_types,
    tree_map,
)

DTYPE = np.dtype([("x", "f8"), ("n", "i4"), ("inner", [("z", "c8"), ("ok", "?")], (2,)), ("name", "U2")])


def filled(kind=np.ndarray, count=3):
    p = np.zeros(count, DTYPE)
    p["x"], p["n"], p["name"] = np.arange(count) + 1.0, 7, "ab"
    p["inner"]["z"], p["inner"]["ok"] = 1 + 2j, True
    return p.view(kind)


@pytest.mark.parametrize("kind", [np.ndarray, np.recarray])
def test_zero(kind):
    p = filled(kind)
    dp = make_zero(p)
    assert type(dp) is kind and dp.dtype == p.dtype and dp.shape == p.shape
    assert dp.tobytes() == bytes(dp.nbytes)  # integers and text as well: it is one buffer
    assert congruent(p, dp) and not congruent(p, p) and not congruent(p, np.zeros(3))
    assert strip_types(p, dp) is dp
    assert make_zero(np.zeros(2, "i4, i8")).dtype == np.dtype("i4, i8")  # constant


def test_zero_in_place():
    dp = {"p": filled(), "one": filled()[1]}
    make_zero_inplace(dp)
    assert dp["p"].tobytes() == bytes(dp["p"].nbytes) and dp["one"]["x"] == 0.0 and dp["one"]["name"] == ""
    p = filled()
    assert remake_zero(p) is p and p["x"].tolist() == [0.0] * 3
    p.flags.writeable = False
    with pytest.raises(DifferentiationValueError, match="read-only"):
        make_zero_inplace(p)


def test_sum():
    p, q = filled(), filled()
    q["n"], q["name"] = 100, "zz"
    assert accumulate(p, q) is p
    assert p["x"].tolist() == [2.0, 4.0, 6.0] and p["inner"]["z"][0, 1] == 2 + 4j
    assert p["n"].tolist() == [7] * 3 and p["name"][0] == "ab" and p["inner"]["ok"].all()
    one = filled()[1]
    assert accumulate(one, q[1]) is one and one["x"] == 4.0
    with pytest.raises(DifferentiationTypeError):
        accumulate(p, np.zeros(3, [("x", "f8")]))


def test_sum_of_records_that_overlap():
    p, q = filled(count=4), filled(count=4)
    accumulate([p[:3], p[1:]], [q[:3], q[1:]])
    assert p["x"].tolist() == [2.0, 4.0, 6.0, 8.0]
    p = filled(count=2)
    accumulate([p, p["x"]], [filled(count=2), np.array([10.0, 20.0])])
    assert p["x"].tolist() == [1 + 1 + 10.0, 2 + 2 + 20.0]


def test_map():
    p = filled(np.recarray)
    q = tree_map(lambda x, dx: x - 0.5 * dx, p, filled())
    assert type(q) is np.recarray and q.x.tolist() == [0.5, 1.0, 1.5] and q.inner.z[2, 0] == 0.5 + 1j
    assert q.n.tolist() == [7] * 3 and q.name[0] == "ab" and p.x[0] == 1.0
    assert tree_map(lambda x: -x, {"p": p, "one": p[1]})["one"]["x"] == -2.0
    assert tree_map(lambda x, dx: x + dx, p, None) is p


def test_overlap_is_kept():
    p = filled()
    shadow = make_zero({"all": p, "some": p[1:], "field": p["x"], "one": p[2]})
    shadow["some"]["x"][1] = 5.0
    assert shadow["all"]["x"][2] == shadow["field"][2] == shadow["one"]["x"] == 5.0
    assert congruent({"all": p, "field": p["x"]}, {"all": shadow["all"], "field": shadow["field"]})
    assert not congruent({"all": p, "field": p["x"]}, {"all": filled(), "field": np.zeros(3)})
    mapped = tree_map(lambda x: x + 1.0, {"all": p, "one": p[2]})
    assert mapped["all"]["x"][2] == mapped["one"]["x"] == 4.0


def test_memory_with_two_meanings_is_refused():
    p = np.zeros(3, [("n", "i8"), ("x", "f8")])
    with pytest.raises(DifferentiationValueError, match="as different numbers"):
        make_zero([p, p["n"].view("f8")])
    with pytest.raises(DifferentiationValueError, match="as different numbers"):
        make_zero([p, p["x"].view([("a", "f4"), ("b", "i4")])])


def test_refusals_name_the_field_and_the_path():
    with pytest.raises(DifferentiationTypeError, match=r"x\['a'\]\[0\].*the field who holds Python objects"):
        make_zero({"a": [np.zeros(1, [("x", "f8"), ("who", "O")])]})
    with pytest.raises(DifferentiationTypeError, match="byte-swapped"):
        make_zero(np.zeros(1, [("x", ">f8")])[0])
