"""Loops with several entries get one: random control flow computes the same bits afterwards, its loops are found."""

from __future__ import annotations

import ctypes
import random

import llvmlite.binding as llvm
import pytest

from numzyme import frontend
from numzyme.analysis import Cfg, IrreducibleFlowError, LoopForest
from numzyme.derive import parse, with_reducible_loops

INPUTS = [(0.75, 1), (-1.5, 2), (0.25, 5), (2.5, 40), (-0.125, 41), (1.0, 1000)]


def random_flow(seed: int) -> str:
    """A function of a float and a number of steps, which go from block to block as bits of a number say."""
    draw = random.Random(seed)
    count = draw.randrange(2, 8)
    lines = [
        "define double @flow(double %x, i64 %steps) {",
        "entry:",
        "  %value = alloca double",
        "  %step = alloca i64",
        "  %bits = alloca i64",
        "  store double %x, ptr %value",
        "  store i64 0, ptr %step",
        f"  store i64 {draw.randrange(2**62)}, ptr %bits",
        "  %start = fptosi double %x to i64",
        "  switch i64 %start, label %b0 [",
        f"    i64 1, label %b{draw.randrange(count)}",
        f"    i64 -1, label %b{draw.randrange(count)} ]",
    ]
    for n in range(count):
        operation = draw.choice(["fadd", "fmul", "fsub"])
        targets = [f"label %b{draw.randrange(count)}" for _ in range(3)]
        last = f"br i1 %bit{n}, {targets[0]}, {targets[1]}"
        if draw.random() < 0.3:
            last = f"switch i64 %mixed{n}, {targets[0]} [ i64 3, {targets[1]} i64 4, {targets[2]} i64 5, {targets[1]} ]"
        lines += [
            f"b{n}:",
            f"  %v{n} = load double, ptr %value",
            f"  %w{n} = {operation} double %v{n}, {draw.uniform(0.5, 1.5)}",
            f"  store double %w{n}, ptr %value",
            f"  %s{n} = load i64, ptr %step",
            f"  %t{n} = add i64 %s{n}, 1",
            f"  store i64 %t{n}, ptr %step",
            f"  %done{n} = icmp sge i64 %t{n}, %steps",
            f"  br i1 %done{n}, label %exit, label %go{n}",
            f"go{n}:",
            f"  %a{n} = load i64, ptr %bits",
            f"  %m{n} = mul i64 %a{n}, 6364136223846793005",
            f"  %c{n} = add i64 %m{n}, 1442695040888963407",
            f"  store i64 %c{n}, ptr %bits",
            f"  %mixed{n} = lshr i64 %c{n}, 61",
            f"  %bit{n} = trunc i64 %mixed{n} to i1",
            f"  {last}",
        ]
    lines += ["exit:", "  %result = load double, ptr %value", "  ret double %result", "}"]
    return with_phis("\n".join(lines))


def with_phis(text: str) -> str:
    module = llvm.parse_assembly(text)
    builder = llvm.create_pass_builder(machine(), llvm.create_pipeline_tuning_options(0))
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.run(module, builder)
    return str(module)


def machine():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine()


def values(text: str) -> list[float]:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine())
    engine.finalize_object()
    run = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_int64)(engine.get_function_address("flow"))
    return [run(*one) for one in INPUTS]


def is_reducible(text: str) -> bool:
    (function,) = parse(text).functions.values()
    try:
        LoopForest(Cfg(function))
    except IrreducibleFlowError:
        return False
    return True


@pytest.mark.parametrize("seed", range(40))
def test_random_flow(seed):
    text = random_flow(seed)
    mended = frontend.simplified(with_reducible_loops(text))
    assert is_reducible(mended)
    assert values(mended) == values(text)


def test_flow_that_was_mended_before():
    """The new blocks must not have the names of older ones."""
    text = next(text for text in map(random_flow, range(40)) if "%dispatch.0" in with_reducible_loops(text))
    named = text.replace("%b0", "%dispatch.0").replace("b0:", "dispatch.0:")
    assert values(frontend.simplified(with_reducible_loops(named))) == values(text)


def test_most_random_flow_is_irreducible():
    """Or the test above would test little."""
    irreducible = [not is_reducible(frontend.simplified(random_flow(seed))) for seed in range(40)]
    assert sum(irreducible) > 20
