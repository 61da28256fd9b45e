"""The corpus with the body of every function put into something that does not change what it computes.

`python tests/wrapped.py try` runs all programs inside of `try` (twenty minutes); `names` behind the kind: these only.
Constructs are tried alone in the corpus; what a construct does inside of another is found here: keywords of calls
inside of `try` were lost, and loops over tuples refused. Decides nothing about what is right: the checks are those of
the corpus, against plain Python.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import linecache
import sys
import types
import warnings

from programs import FAMILIES, blas, generalized, optional

from numzyme.testing.checks import check
from numzyme.testing.program import Corpus, Program

BODIES = {
    "try": "try:\n    pass\nexcept ZeroDivisionError:\n    raise",
    "finally": "done = 0\ntry:\n    pass\nfinally:\n    done = 1",
    "handler": "try:\n    raise KeyError('k')\nexcept KeyError:\n    pass",
    "loop": "while True:\n    pass\n    break",
    "inside": "def inside(ARGUMENTS):\n    pass\nreturn inside(ARGUMENTS)",
}
# generalized: arguments that a caller leaves out; optional: results that only Numba's types tell apart
FAMILIES_WRAPPED = [family for family in FAMILIES if family not in (generalized, optional, blas)]


class _Wrapping(ast.NodeTransformer):
    def __init__(self, kind: str) -> None:
        self.kind = kind

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Wrap a function of the module; those inside, and generators, stay."""
        kept = (ast.Yield, ast.YieldFrom, ast.Nonlocal, ast.Global)
        others = node.args.vararg or node.args.kwarg or node.args.kwonlyargs
        decorated = any("vectorize" in ast.unparse(decorator) for decorator in node.decorator_list)
        if decorated or any(isinstance(inner, kept) for inner in ast.walk(node)) or (others and self.kind == "inside"):
            return node
        arguments = ", ".join(argument.arg for argument in node.args.args)
        around = ast.parse(BODIES[self.kind].replace("ARGUMENTS", arguments)).body
        for statement in ast.walk(ast.Module(around, [])):
            body = getattr(statement, "body", [])
            if body and isinstance(body[0], ast.Pass):
                body[:1] = node.body
                break
        node.body = around
        return node


@functools.cache
def wrapped(kind: str) -> dict[str, Program]:
    """The programs of the corpus by name, each function's body wrapped as `kind` says; none for exceptions."""
    found: dict[str, Program] = {}
    for family in FAMILIES_WRAPPED:
        with open(family.__file__) as file:  # type: ignore[arg-type]
            tree = _Wrapping(kind).visit(ast.parse(file.read()))
        source = ast.unparse(ast.fix_missing_locations(tree))
        name = f"{family.__name__.rpartition('.')[2]}_in_{kind}"
        file_name = f"<{name}>"
        linecache.cache[file_name] = (len(source), None, source.splitlines(keepends=True), file_name)
        module = sys.modules[name] = types.ModuleType(name)
        exec(compile(source, file_name, "exec"), module.__dict__)
        corpus: Corpus = module.__dict__["CORPUS"]
        found.update({key: dataclasses.replace(program, failing=()) for key, program in corpus.items()})
    return found


def main(kind: str, *names: str) -> int:
    warnings.simplefilter("ignore")
    failed = 0
    programs = wrapped(kind)
    for name in names or programs:
        failures = check(programs[name], (0,), quick=True)
        failed += bool(failures)
        print(name, *failures, sep="\n  ", flush=True)
    print(f"{failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
