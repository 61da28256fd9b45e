"""Slots that functions share, taken apart: by LLVM's own execution before and after, and where they have to stay."""

import ctypes
import re

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import njit

from numzyme import Const, Forward, gradient, vjp
from numzyme.derive.slots import split_slots
from numzyme.ir import read, write

MODULE = """
define double @root(double %x, i64 %n) {
entry:
  %out = alloca { double, i64, double }, align 8
  %status = call i32 @inner(ptr %out, double %x, i64 %n)
  %first = load double, ptr %out, align 8
  %count.at = getelementptr inbounds i8, ptr %out, i64 8
  %count = load i64, ptr %count.at, align 8
  %second.at = getelementptr inbounds i8, ptr %count.at, i64 8
  %second = load double, ptr %second.at, align 8
  %counted = sitofp i64 %count to double
  %sum = fadd double %first, %counted
  %result = fmul double %sum, %second
  ret double %result
}

define internal i32 @inner(ptr noalias nonnull dereferenceable(24) %result, double %x, i64 %n) {
entry:
  %last = icmp eq i64 %n, 0
  %count.at = getelementptr inbounds i8, ptr %result, i64 8
  %second.at = getelementptr inbounds i8, ptr %result, i64 16
  br i1 %last, label %bottom, label %deeper

bottom:
  store double %x, ptr %result, align 8
  store i64 3, ptr %count.at, align 8
  store double 5.000000e-01, ptr %second.at, align 8
  ret i32 0

deeper:
  %slot = alloca { double, i64, double }, align 8
  call void @llvm.memset.p0.i64(ptr align 8 %slot, i8 0, i64 24, i1 false)
  %less = sub i64 %n, 1
  %status = call i32 @inner(ptr nonnull %slot, double %x, i64 %less)
  %first = load double, ptr %slot, align 8
  %from = getelementptr inbounds i8, ptr %slot, i64 8
  %count = load i64, ptr %from, align 8
  %last.at = getelementptr inbounds i8, ptr %slot, i64 16
  %second = load double, ptr %last.at, align 8
  %product = fmul double %first, %x
  %more = add i64 %count, 2
  %half = fmul double %second, %x
  store double %product, ptr %result, align 8
  store i64 %more, ptr %count.at, align 8
  store double %half, ptr %second.at, align 8
  ret i32 0
}

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""


def taken_apart(text):
    module = read(text)
    split_slots(module, "@root")
    return write(module)


def value_of(text, x, n):
    njit(lambda a: a)(1.0)  # Numba initialises LLVM
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine()
    with llvm.create_mcjit_compiler(module, machine) as engine:
        engine.finalize_object()
        function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_int64)
        return function(engine.get_function_address("root"))(x, n)


def test_every_scalar_gets_a_slot_and_the_value_stays():
    text = taken_apart(MODULE)
    assert value_of(text, 1.25, 3) == value_of(MODULE, 1.25, 3) == (1.25**4 + 9.0) * 0.5 * 1.25**3
    header = next(line for line in text.splitlines() if line.startswith("define internal"))
    assert header.count("ptr noalias") == 3 and "dereferenceable" not in header
    assert sorted(re.findall(r"alloca (\w+),", text)) == ["double"] * 4 + ["i64"] * 2


_FROM = "  %from = getelementptr inbounds i8, ptr %slot, i64 8\n"
_WHOLE = {
    "its address is stored": [("ret i32 0\n\ndeeper", "store ptr %result, ptr @cell\n  ret i32 0\n\ndeeper")],
    "a part of a scalar is filled": [("i64 24, i1 false", "i64 12, i1 false")],
    "it is filled with something else": [("i8 0, i64 24", "i8 1, i64 24")],
    "a part of a scalar is read": [
        ("%count = load i64, ptr %from", "%part = load i32, ptr %from"),
        ("%more = add i64 %count, 2", "%count = sext i32 %part to i64\n  %more = add i64 %count, 2"),
    ],
    "an access is volatile": [("%count = load i64, ptr %count.at", "%count = load volatile i64, ptr %count.at")],
    "a part of it is handed on": [
        (_FROM, ""),
        ("  %less =", _FROM + "  %less ="),
        ("@inner(ptr nonnull %slot", "@inner(ptr nonnull %from"),
    ],
    "another pointer is handed on": [("@inner(ptr nonnull %slot", "@inner(ptr null")],
    "its address is compared": [("%sum = fadd", "%same = icmp eq ptr %out, null\n  %sum = fadd")],
}


@pytest.mark.parametrize("why", _WHOLE)
def test_a_slot_stays_whole_where(why):
    text = MODULE + "@cell = global ptr null\n"
    for old, new in _WHOLE[why]:
        assert old in text
        text = text.replace(old, new)
    llvm.parse_assembly(text).verify()
    assert taken_apart(text) == write(read(text))


def test_a_function_that_is_asked_for_is_copied_for_its_own_calls():
    text = (
        MODULE[MODULE.index("define internal") :].replace("internal i32 @inner", "i32 @root").replace("@inner", "@root")
    )
    llvm.parse_assembly(text).verify()
    changed = taken_apart(text)
    llvm.parse_assembly(changed).verify()
    headers = [line for line in changed.splitlines() if line.startswith("define")]
    assert headers[0] == text.splitlines()[0]
    assert headers[1].startswith('define internal i32 @"root.called"(') and headers[1].count("ptr ") == 3
    assert "@root(" not in changed.replace(headers[0], "")


def powers(x, n):
    if n == 0:
        return x * 1.0, 1.0
    y, total = powers(x, n - 1)
    return y * x, total + y[0]


@pytest.mark.parametrize("powers", [powers, njit(powers)])  # the second calls the first by its plain name
def test_both_modes_of_a_function_that_calls_itself(powers):
    x = np.array([2.0, 3.0])
    (of_array, _), (of_total, _) = gradient(Forward, powers, x, Const(3))
    assert np.array_equal(of_array, np.diag(4.0 * x**3))
    assert np.array_equal(of_total, [1.0 + 2.0 * 2.0 + 3.0 * 4.0, 0.0])
    (y, total), pullback = vjp(powers, x, Const(3))
    assert np.array_equal(y, x**4) and total == 15.0
    found, _ = pullback((np.array([0.5, -1.0]), 2.0))
    assert np.array_equal(found, [0.5 * 32.0 + 2.0 * 17.0, -108.0])


def test_functions_whose_address_is_taken_keep_their_parameters():
    text = MODULE + "@table = constant ptr @inner\n"
    assert taken_apart(text) == write(read(text))


def test_slots_of_floats_alone_stay():
    text = MODULE.replace("{ double, i64, double }", "[3 x double]").replace("load i64, ptr %", "load double, ptr %")
    text = text.replace("store i64 3,", "store double 3.0,").replace("store i64 %more", "store double %more")
    text = text.replace("%counted = sitofp i64 %count to double", "%counted = fneg double %count")
    text = text.replace("%more = add i64 %count, 2", "%more = fadd double %count, 2.0")
    llvm.parse_assembly(text).verify()
    assert taken_apart(text) == write(read(text))
