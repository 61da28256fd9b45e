"""Extraction: parameters, options, errors, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numba import njit, types
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload

from numzyme.frontend import canonical_text, extract, normalise

from .execution import callable_of, outcome
from .programs import integer, matrix, number, strided, vector


def element(x, i):
    return x[i]


def quotient(x, y):
    return x / y


def test_parameters_of_nested_tuples() -> None:
    def f(t, n):
        return t[0] * t[1][0][n]

    raw = extract(f, (types.Tuple((number, types.UniTuple(matrix, 1))), integer))
    roles = [p.role for p in raw.parameters]
    array = ["meminfo", "parent", "nitems", "itemsize", "data", "shape", "shape", "stride", "stride"]
    assert roles == ["return", "exception", "scalar", *array, "scalar"]
    data = raw.parameters[roles.index("data")]
    assert (data.argument, data.path, data.label, data.memory) == (0, (1, 0), "t[1][0]", "double")
    assert raw.parameters[-1].argument == 1 and raw.parameters[-1].llvm_type == "i64"


@pytest.mark.parametrize(
    ("dtype", "memory"),
    [(types.float64, "double"), (types.float32, "float"), (types.int64, "i64"), (types.boolean, "i8")]
    + [(types.complex128, "double"), (types.complex64, "float"), (types.uint8, "i8")],
)
def test_memory_of_arrays(dtype, memory: str) -> None:
    raw = extract(element, (types.Array(dtype, 1, "C"), integer))
    assert [p.memory for p in raw.parameters if p.role == "data"] == [memory]


def test_readonly_arrays_are_known() -> None:
    raw = extract(element, (types.Array(number, 1, "C", readonly=True), integer))
    assert {p.readonly for p in raw.parameters if p.argument == 0} == {True}


def test_return_layouts() -> None:
    def f(x, n):
        return x[0], n, np.float32(x[1])

    assert extract(f, (vector, integer)).return_layout == ((0, "double"), (8, "i64"), (16, "float"))
    layout = extract(np_copy, (vector,)).return_layout
    assert [kind for _, kind in layout] == ["ptr", "ptr", "i64", "i64", "ptr", "i64", "i64"]
    assert [offset for offset, _ in layout] == [0, 8, 16, 24, 32, 40, 48]


def np_copy(x):
    return x.copy()


def test_options_come_from_the_dispatcher() -> None:
    plain = extract(quotient, (number, number)).options
    assert plain["error_model"] == "python" and plain["fastmath"] == () and not plain["nogil"]
    jitted = njit(error_model="numpy", fastmath={"contract"}, nogil=True)(quotient)
    options = extract(jitted, (number, number)).options
    assert options["error_model"] == "numpy" and options["fastmath"] == ("contract",) and options["nogil"]


def test_error_model_decides_about_zero_division() -> None:
    python = canonical_text(njit(quotient), (number, number))
    numpy = canonical_text(njit(error_model="numpy")(quotient), (number, number))
    assert "ZeroDivisionError" in python and "fcmp oeq" in python
    assert "ZeroDivisionError" not in numpy and "fcmp" not in numpy


def test_fastmath_flags_arrive_on_the_instructions() -> None:
    assert "fdiv fast double" in canonical_text(njit(fastmath=True, error_model="numpy")(quotient), (number, number))
    assert "fdiv double" in canonical_text(njit(error_model="numpy")(quotient), (number, number))


def test_helpers_keep_their_own_options() -> None:
    exact = njit(fastmath=False)(lambda a, b: a + b)
    loose = njit(fastmath=True)(lambda a, b: a - b)

    @njit
    def both(a, b):
        return exact(a, b) * loose(a, b)

    text = canonical_text(both, (number, number))
    assert "fsub fast double" in text and "fadd double" in text and "fmul double" in text


def test_bounds_checks_on_demand_and_by_option() -> None:
    unchecked = extract(element, (vector, integer))
    checked = extract(element, (vector, integer), boundscheck=True)
    by_option = extract(njit(boundscheck=True)(element), (vector, integer))
    assert not unchecked.options["boundscheck"]
    assert checked.options["boundscheck"] and by_option.options["boundscheck"]
    for raw in (checked, by_option):
        compiled = callable_of(raw, normalise(raw, disjoint=True, ownership="nrt"))
        assert outcome(compiled, [np.ones(3), 3])[0][0] == "IndexError"
        assert outcome(compiled, [np.ones(3), 2])[0][0] == "result"


def test_forced_bounds_checks_reach_helpers() -> None:
    helper = njit(lambda x, i: x[i + 1])

    def f(x, i):
        return helper(x, i)

    raw = extract(f, (strided, integer), boundscheck=True)
    compiled = callable_of(raw, normalise(raw, disjoint=True, ownership="nrt"))
    assert outcome(compiled, [np.ones(6)[::2], 2])[0][0] == "IndexError"


def test_bounds_checks_of_the_environment(monkeypatch) -> None:
    def f(x, i):
        return x[i] * 3.0

    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    assert "IndexError" in extract(f, (vector, integer)).text
    monkeypatch.delenv("NUMBA_BOUNDSCHECK")
    njit(lambda: 0)()  # Numba reads its environment when it compiles


def test_defaults_and_extra_arguments_are_filled_in() -> None:
    def scaled(x, n=3):
        return x * n

    def first_two(*values):
        return values[0] * values[1]

    raw = extract(scaled, (number,))
    assert raw.argument_types == (number, types.Omitted(3))
    assert [p.label for p in raw.parameters[2:]] == ["x"]
    raw = extract(first_two, (number, number))
    assert [p.label for p in raw.parameters[2:]] == ["values[0]", "values[1]"]


def test_names_that_are_not_ascii() -> None:
    def produit(α, β):
        return α[0] * β

    raw = extract(produit, (vector, number))
    text = normalise(raw, disjoint=True, ownership="arena")
    assert [p.label for p in raw.parameters if p.role == "scalar"] == ["β"]
    assert text.count("noalias") > normalise(raw, disjoint=False, ownership="arena").count("noalias")


def test_user_overloads_and_typed_containers() -> None:
    raw = extract(with_dictionary, (number,))
    assert callable_of(raw, normalise(raw, disjoint=True, ownership="nrt"))(2.0) == 6.0 + 14.0


def with_dictionary(x):
    table = {}
    table[1] = x
    table[2] = x * 2
    return table[1] + table[2] + overloaded(x)


def overloaded(x):
    raise NotImplementedError


@overload(overloaded)
def _overloaded(x):
    return lambda x: x * 7.0


def test_a_recursive_function_with_several_types() -> None:
    @njit
    def countdown(x, n):
        if n <= 0:
            return x * 1.0
        return countdown(x * 0.5, n - 1)

    def f(n):
        return countdown(3, n)

    raw = extract(f, (integer,))
    assert callable_of(raw, normalise(raw, disjoint=True, ownership="arena"))(3) == 3 / 8


def test_typing_errors_are_numbas_own() -> None:
    def wrong(x):
        return x.no_such_attribute

    for _ in range(2):
        with pytest.raises(TypingError, match="no_such_attribute"):
            extract(wrong, (vector,))


def test_lambdas_and_dispatchers_as_arguments() -> None:
    raw = extract(lambda x: x * 2.0, (number,))
    assert callable_of(raw, normalise(raw, disjoint=True, ownership="nrt"))(4.0) == 8.0

    square = njit(lambda x: x * x)

    def apply(function, x):
        return function(x) + 1.0

    text = canonical_text(apply, (types.Dispatcher(square), number))
    assert "fmul double" in text


def test_extraction_from_many_threads() -> None:
    def f(x, i):
        return x[i] + np.sum(x) * x.mean()

    with ThreadPoolExecutor(4) as pool:
        raws = list(pool.map(lambda _: extract(f, (vector, integer)), range(8)))
        texts = set(pool.map(lambda raw: normalise(raw, disjoint=True, ownership="arena"), raws))
    assert len(set(map(id, raws))) == 1 and len(texts) == 1


def test_a_callers_options_do_not_leak_into_an_extraction() -> None:
    def target(x, y):
        return x / y

    found = []

    @intrinsic
    def probe(typing_context, x):
        found.append(extract(target, (number, number)))
        return types.float64(x), lambda context, builder, signature, arguments: arguments[0]

    njit(fastmath=True, error_model="numpy")(lambda x: probe(x))(1.0)
    assert found[0].options["error_model"] == "python" and "fdiv double" in found[0].text
