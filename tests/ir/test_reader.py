"""Reader and writer: what LLVM prints becomes the model, and the model becomes what LLVM reads."""

from __future__ import annotations

from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from numba import njit, types

from numzyme.frontend import canonical_text
from numzyme.ir import Module, ReadError, read, read_instruction, verify, write
from numzyme.ir.reader import split_commas, split_type

FILES = sorted((Path(__file__).parents[1] / "ll").glob("*.ll"))
FLOATS = types.Array(types.float64, 1, "C")


def wave(x, n):
    total = 0.0
    for i in range(n):
        if x[i] < 0:
            raise ValueError("negative")
        total += np.sqrt(x[i]) * i
    return total


def views(x):
    y = x[::2] * 2.0
    y[1:] += x[0]
    return np.concatenate((y, x)).sum()


@njit
def choose(x, k):
    if k == 0:
        return x
    elif k == 1:
        return x * x
    elif k == 7:
        return np.sin(x)
    return choose(x + 1.0, k - 1)


PYTHON = {
    "wave": (wave, (FLOATS, types.int64)),
    "views": (views, (FLOATS,)),
    "choose": (choose, (types.float64, types.int64)),
    "product": (lambda a, b: a @ b, (types.Array(types.float64, 2, "C"), FLOATS)),
}


def text_of(name: str) -> str:
    if name in PYTHON:
        return canonical_text(*PYTHON[name])
    return (Path(__file__).parents[1] / "ll" / f"{name}.ll").read_text()


def same(first: Module, second: Module) -> None:
    assert first.functions == second.functions
    assert first.declarations == second.declarations
    assert first.globals == second.globals
    assert first.attributes == second.attributes
    assert first.metadata == second.metadata


@pytest.mark.parametrize("name", [*(path.stem for path in FILES), *PYTHON])
def test_round_trip(name: str) -> None:
    """Writing and reading again changes nothing, and LLVM reads what is written as it reads the original."""
    text = text_of(name)
    module = read(text)
    verify(module)
    written = write(module)
    same(module, read(written))
    again = llvm.parse_assembly(written)
    again.verify()
    original = llvm.parse_assembly(text)
    assert [f.name for f in again.functions] == [f.name for f in original.functions] or name in PYTHON
    assert sum(1 for _ in module.functions["@" + _root(module)].instructions()) == _count(original, _root(module))


def _root(module: Module) -> str:
    return next(f.name for f in module.functions.values() if " internal " not in f.header.partition("@")[0])[1:]


def _count(module: llvm.ModuleRef, name: str) -> int:
    return sum(1 for block in module.get_function(name.strip('"')).blocks for _ in block.instructions)


def test_locations_survive() -> None:
    module = read(canonical_text(*PYTHON["wave"]))
    function = next(iter(module.functions.values()))
    lines = {location.line for i in function.instructions() if (location := module.location(i))}
    first = wave.__code__.co_firstlineno
    assert lines and lines <= set(range(first, first + 7))


def fields(line: str) -> dict:
    """The fields of the instruction that are not empty, without its text."""
    i = read_instruction(line)
    names = ("opcode", "name", "type", "operands", "types", "labels", "callee", "predicate", "element_type", "indices")
    return {n: getattr(i, n) for n in names if getattr(i, n) not in ("", [], (), "void")} | (
        {"debug": i.debug} if i.debug >= 0 else {}
    )


def expect(**expected) -> dict:
    return expected


INSTRUCTIONS = [
    ("%c = fadd fast double %a, 0x7FF0000000000000",
     expect(opcode="fadd", name="%c", type="double", operands=["%a", "0x7FF0000000000000"], types=["double"] * 2)),
    ("  %c = add nuw nsw i64 %a, -1, !dbg !17",
     expect(opcode="add", name="%c", type="i64", operands=["%a", "-1"], types=["i64"] * 2, debug=17)),
    ('%"a, b" = load double, ptr %"p (q)", align 8, !tbaa !3, !dbg !4',
     expect(opcode="load", name='%"a, b"', type="double", operands=['%"p (q)"'], types=["ptr"], debug=4)),
    ("%x = load atomic i64, ptr %p seq_cst, align 8",
     expect(opcode="load", name="%x", type="i64", operands=["%p"], types=["ptr"])),
    ("store volatile ptr getelementptr inbounds (i8, ptr @g, i64 16), ptr %.2, align 8",
     expect(opcode="store", operands=["getelementptr inbounds (i8, ptr @g, i64 16)", "%.2"], types=["ptr", "ptr"])),
    ("store { ptr, i32 } { ptr @\"a b\", i32 7 }, ptr %p, align 8",
     expect(opcode="store", operands=['{ ptr @"a b", i32 7 }', "%p"], types=["{ ptr, i32 }", "ptr"])),
    ("%p = getelementptr inbounds nuw { ptr, [2 x i64] }, ptr %s, i64 0, i32 1, i64 %i",
     expect(opcode="getelementptr", name="%p", type="ptr", element_type="{ ptr, [2 x i64] }",
          operands=["%s", "0", "1", "%i"], types=["ptr", "i64", "i32", "i64"])),
    ("%a = alloca [3 x { double, i64 }], align 16",
     expect(opcode="alloca", name="%a", type="ptr", element_type="[3 x { double, i64 }]")),
    ("%i = phi i64 [ 0, %entry ], [ %i.next, %\"loop, 1\" ]",
     expect(opcode="phi", name="%i", type="i64", operands=["0", "%i.next"], types=["i64"] * 2,
          labels=["%entry", '%"loop, 1"'])),
    ("%x = phi nnan ninf float [ -0.000000e+00, %a ], [ %y, %b ]",
     expect(opcode="phi", name="%x", type="float", operands=["-0.000000e+00", "%y"], types=["float"] * 2,
          labels=["%a", "%b"])),
    ("br i1 %\"c d\", label %then, label %\"else.1\", !prof !9",
     expect(opcode="br", operands=['%"c d"'], types=["i1"], labels=["%then", '%"else.1"'])),
    ("br label %then", expect(opcode="br", labels=["%then"])),
    ("switch i32 %s, label %bad [ i32 0, label %good i32 -2, label %\"none 1\" ]",
     expect(opcode="switch", operands=["%s", "0", "-2"], types=["i32"] * 3, labels=["%bad", "%good", '%"none 1"'])),
    ("%t = icmp samesign ult i64 %a, 7",
     expect(opcode="icmp", name="%t", type="i1", predicate="ult", operands=["%a", "7"], types=["i64"] * 2)),
    ("%t = fcmp ninf uno double %a, 0.000000e+00",
     expect(opcode="fcmp", name="%t", type="i1", predicate="uno", operands=["%a", "0.000000e+00"],
            types=["double"] * 2)),
    ("%s = select nnan i1 %t, double %a, double 1.000000e+00",
     expect(opcode="select", name="%s", type="double", operands=["%t", "%a", "1.000000e+00"],
          types=["i1", "double", "double"])),
    ("%n = fneg double %a", expect(opcode="fneg", name="%n", type="double", operands=["%a"], types=["double"])),
    ("%z = zext nneg i32 %a to i64", expect(opcode="zext", name="%z", type="i64", operands=["%a"], types=["i32"])),
    ("%e = extractvalue { i64, { double, i1 } } %a, 1, 0",
     expect(opcode="extractvalue", name="%e", type="double", operands=["%a"], types=["{ i64, { double, i1 } }"],
          indices=(1, 0))),
    ("%e = insertvalue { i64, i1 } undef, i64 %a, 0",
     expect(opcode="insertvalue", name="%e", type="{ i64, i1 }", operands=["undef", "%a"],
          types=["{ i64, i1 }", "i64"], indices=(0,))),
    ("ret i32 0", expect(opcode="ret", operands=["0"], types=["i32"])),
    ("ret void", expect(opcode="ret")),
    ("unreachable", expect(opcode="unreachable")),
]  # fmt: skip
CALLS = [
    ("%y = tail call nnan double @llvm.sin.f64(double %x) #7, !dbg !5",
     expect(opcode="call", name="%y", type="double", callee="@llvm.sin.f64", operands=["%x"],
            types=["double"], debug=5)),
    ('%m = call noalias noundef align 16 dereferenceable_or_null(24) ptr @"a(b)"(i64 noundef 8, i32 signext 3)',
     expect(opcode="call", name="%m", type="ptr", callee='@"a(b)"', operands=["8", "3"], types=["i64", "i32"])),
    ("call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(16) captures(none) %d, "
     "ptr align 8 @g, i64 16, i1 false)",
     expect(opcode="call", callee="@llvm.memcpy.p0.p0.i64", operands=["%d", "@g", "16", "false"],
          types=["ptr", "ptr", "i64", "i1"])),
    ("%r = call i32 (ptr, ...) @printf(ptr @.str, double %x)",
     expect(opcode="call", name="%r", type="i32", callee="@printf", operands=["@.str", "%x"], types=["ptr", "double"])),
    ("%r = call { i64, i1 } @llvm.smul.with.overflow.i64(i64 %a, i64 8)",
     expect(opcode="call", name="%r", type="{ i64, i1 }", callee="@llvm.smul.with.overflow.i64",
          operands=["%a", "8"], types=["i64", "i64"])),
    ("%s = call i32 @f(ptr nonnull %out, ptr inttoptr (i64 3 to ptr), double -1.5)",
     expect(opcode="call", name="%s", type="i32", callee="@f", operands=["%out", "inttoptr (i64 3 to ptr)", "-1.5"],
          types=["ptr", "ptr", "double"])),
    ('call void @llvm.assume(i1 true) [ "align"(ptr %p, i64 16) ]',
     expect(opcode="call", callee="@llvm.assume", operands=["true"], types=["i1"])),
    ("%v = call fastcc range(i32 0, 2) i32 %pointer(i64 range(i64 0, 8) %n)",
     expect(opcode="call", name="%v", type="i32", callee="%pointer", operands=["%n"], types=["i64"])),
]  # fmt: skip


@pytest.mark.parametrize("line,expected", [*INSTRUCTIONS, *CALLS], ids=[line for line, _ in [*INSTRUCTIONS, *CALLS]])
def test_instruction(line: str, expected: dict) -> None:
    assert fields(line) == expected


def test_text_is_kept_without_metadata() -> None:
    i = read_instruction("  %x = load double, ptr %p, align 8, !tbaa !1, !dbg !12")
    assert (i.text, i.debug) == ("%x = load double, ptr %p, align 8", 12)


def test_unknown_opcodes_are_kept() -> None:
    i = read_instruction("%old = atomicrmw fadd ptr %p, double 1.0 seq_cst, align 8")
    assert (i.opcode, i.type, i.text) == (
        "atomicrmw",
        "unknown",
        "%old = atomicrmw fadd ptr %p, double 1.0 seq_cst, align 8",
    )


def test_switch_over_several_lines() -> None:
    text = """\
define i32 @f(i64 %x) {
entry:
  switch i64 %x, label %other [
    i64 0, label %zero
    i64 -1, label %zero
  ], !dbg !3

zero:
  ret i32 0

other:
  ret i32 1
}
"""
    function = read(text).functions["@f"]
    assert function.entry.terminator.operands == ["%x", "0", "-1"]
    assert function.entry.successors == ["%other", "%zero", "%zero"]
    assert [b.label for b in function.blocks] == ["%entry", "%zero", "%other"]


NUMBERED = """\
@text = internal constant [5 x i8] c"%7 ;\\00"

define i32 @f(ptr %0, double %1) {
  %3 = fcmp ogt double %1, 0.0
  br i1 %3, label %4, label %6

4:                                                ; preds = %2
  %5 = fmul double %1, 2.0
  store double %5, ptr %0, align 8
  br label %6

6:                                                ; preds = %4, %2
  %7 = phi i32 [ 0, %2 ], [ 1, %4 ]
  ret i32 %7
}
"""


@pytest.mark.parametrize("start", [0, NUMBERED.index("define")], ids=["after a global", "at the start"])
def test_numbered_values_get_names(start: int) -> None:
    module = read(NUMBERED[start:])
    verify(module)
    function = module.functions["@f"]
    assert [p.name for p in function.parameters] == ["%.v0", "%.v1"]
    assert [b.label for b in function.blocks] == ["%.v2", "%.v4", "%.v6"]
    assert function.blocks[2].phis[0].labels == ["%.v2", "%.v4"]
    llvm.parse_assembly(write(module)).verify()
    if start == 0:
        assert module.globals["@text"].endswith('c"%7 ;\\00"')


def test_given_names_are_new() -> None:
    text = "define double @f(double %v0, double %0) {\n  %v1 = fadd double %v0, %0\n  ret double %v1\n}\n"
    module = read(text)
    verify(module)
    llvm.parse_assembly(write(module)).verify()


def test_parameters_with_attributes() -> None:
    text = (
        'define internal noundef range(i32 0, 2) i32 @"f [1]"(ptr noalias nonnull align 8 dereferenceable(8) %out, '
        'ptr captures(none) initializes((0, 8)) %"a b", [2 x double] %pair, i64 range(i64 0, 9) %n) #0 {\n'
        "entry:\n  ret i32 0\n}\n"
    )
    function = read(text).functions['@"f [1]"']
    assert function.return_type == "i32"
    assert [(p.name, p.type) for p in function.parameters] == [
        ("%out", "ptr"),
        ('%"a b"', "ptr"),
        ("%pair", "[2 x double]"),
        ("%n", "i64"),
    ]
    assert function.parameters[0].attributes == "noalias nonnull align 8 dereferenceable(8)"


def test_commas_and_types() -> None:
    assert split_commas('i32 1, { i8, i8 } zeroinitializer, ptr @"a, b", [2 x i8] c"x,"') == [
        "i32 1",
        "{ i8, i8 } zeroinitializer",
        'ptr @"a, b"',
        '[2 x i8] c"x,"',
    ]
    assert split_type("ptr addrspace(1) %p") == ("ptr addrspace(1)", "%p")
    assert split_type("<2 x double> %v") == ("<2 x double>", "%v")


@pytest.mark.parametrize(
    "text,message",
    [
        ("define i32 @f() {\nentry:\n  ret i32 0\n", "line 1 starts a function that does not end"),
        ("define i32 @f() {\nentry:\n  %x = load\n  ret i32 0\n}\n", "line 3 is not an instruction"),
        ("define i32 f() {\n}\n", "line 1 is not a function definition"),
    ],
)
def test_what_is_not_llvm(text: str, message: str) -> None:
    with pytest.raises(ReadError) as caught:
        read(text)
    assert message in str(caught.value)
