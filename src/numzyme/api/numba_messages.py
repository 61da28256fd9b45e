"""What Numba says when it cannot compile a function, in the user's terms: where, and why.

Decides the line (the innermost one of the user's own files) and rewrites the messages that speak of Numba's types and
templates. Invariant: a message that is not known here arrives as Numba wrote it, without the names of its pipeline.
"""

from __future__ import annotations

import linecache
import os
import re
from typing import Any

import numba
from numba.core import ir

from ..diagnostics import SourceLocation

_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+):')
# what our own functions say when they are typed
_DURING = re.compile(
    r'^During: (?:lowering ".*"|typing of [\w -]+) at (?P<file>[^\n]+) \((?P<line>\d+)\)$', re.MULTILINE
)
_OWN_ERROR = re.compile(
    r"raised a specific error:\s+\w+: (?P<message>[^\n]*)\s+raised from "
    r"\S*numzyme/frontend/(?:(?:objects|numerics)/)?\w+\.py"
)
_NOISE = re.compile(r"^Failed in .* mode pipeline \(step: .*\)$")
_END = ("During:", "File ", "There are", "This error may have been caused", "To see Python", "Overload of")
_LIBRARIES = tuple(os.path.dirname(path) + os.sep for path in (numba.__file__, os.path.dirname(__file__)))
_OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@",
    "lt": "<", "le": "<=", "eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "getitem": "[...]", "setitem": "[...] =",
    "contains": "in", "iadd": "+=", "isub": "-=", "imul": "*=", "itruediv": "/=", "imatmul": "@=", "neg": "-",
    "is_": "is",
}  # fmt: skip


def place_of(text: str, function_name: str) -> SourceLocation | None:
    """The user's line that a message is about; numba names the innermost first."""
    raised = re.search(r"Raised from (?P<file>[^\n]+) \((?P<line>\d+)\)", text)  # by what reads the bytecode
    places = [(_full_name(raised["file"]), int(raised["line"]))] if raised else []
    places += [(_full_name(found["file"]), int(found["line"])) for found in _PLACE.finditer(text)]
    places += [(_full_name(found["file"]), int(found["line"])) for found in _DURING.finditer(text)]
    own = [p for p in places if not p[0].startswith(_LIBRARIES) and os.path.basename(p[0]) != "<string>"] or places
    return SourceLocation(*own[0], _function_at(*own[0], function_name)) if own else None


def _full_name(file: str) -> str:
    """The name by which Python knows a file; what is no file (`<ipython-input-1>`) is in no folder."""
    last = os.path.basename(file)
    return last if last.startswith("<") and last.endswith(">") else os.path.abspath(file)


def place_in(error: BaseException, function_name: str) -> SourceLocation | None:
    """The user's line at which Numba's compiler failed, by what its frames were at; the innermost that is known."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    for frame in reversed(frames):
        for name in ("inst", "loc", "expr", "stmt", "self"):
            found = frame.f_locals.get(name)
            loc = found if isinstance(found, ir.Loc) else getattr(found, "loc", None)
            if isinstance(loc, ir.Loc) and loc.line:
                path = os.path.abspath(loc.filename)
                if not path.startswith(_LIBRARIES) and os.path.isfile(path):
                    return SourceLocation(path, loc.line, _function_at(path, loc.line, function_name))
    return None


def _function_at(path: str, line: int, default: str) -> str:
    """The name of the function that a line belongs to, by its indentation."""
    if "lambda" in linecache.getline(path, line):
        return "<lambda>"
    indentation = 1000
    for number in range(line, 0, -1):
        text = linecache.getline(path, number)
        found = re.match(r"(\s*)(def (\w+)|\S)", text)
        if found and (found[3] or number == line):
            if found[3] and (number == line or len(found[1]) < indentation):
                return found[3]
            indentation = min(indentation, len(found[1]))
    return default


def without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def reason(text: str) -> str:
    """The sentences of a message that say what is wrong."""
    own = _OWN_ERROR.search(text)
    if own:
        return translated(own["message"])
    kept = []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith(
            ("During:", "File ", "There are", "This error may have been caused", "To see Python", "Overload of")
        ):
            break
        if line and not _NOISE.match(line) and not line.startswith(("<source", "There are", "-", "^")):
            kept.append(line.removeprefix(">>> "))
    return translated(" ".join(kept[:4]))


def is_known(text: str) -> bool:
    """Whether a message has another form in the user's terms."""
    return any(pattern.search(text) for pattern, _ in _REWRITTEN)


def translated(sentence: str) -> str:
    """One message of Numba in the user's terms."""
    for pattern, write in _REWRITTEN:
        found = pattern.search(sentence)
        if found:
            return write(*map(shown, found.groups()))
    return shown(sentence)


_FIXED = (
    "a list from outside the function, or one written out, has a fixed length and fixed members in compiled code: "
    "build a new one"
)


def _no_attribute(name: str, kind: str) -> str:
    if re.match(r"(MixedList|EvenList)", kind) and hasattr(list, name):
        return f"list.{name}: {_FIXED}"
    module, ufunc = re.match(r"Module\(<module '([\w.]+)'", kind), re.match(r"Function\(<ufunc '(\w+)'>\)", kind)
    if module:
        return f"Numba has no {module[1]}.{name}"
    if ufunc:
        return f"Numba has no numpy.{ufunc[1]}.{name}: write a loop, or np.sum, np.prod, np.max or np.min"
    if name == "add" and kind.startswith("iter("):
        return "set comprehensions are not known in compiled code"
    return f"{kind} has no field, property or method '{name}' that compiled code knows"


_OPCODES = {
    "STORE_GLOBAL": "a global name is assigned: return the value instead",
    "DICT_MERGE": "**keywords from a dict: write the keywords out",
    "SET_ADD": "a set comprehension",
    "RETURN_GENERATOR": "a generator or coroutine",
    "MATCH_MAPPING": "`case {...}`: test the keys with `in`",
    "DELETE_ATTR": "an attribute is deleted",
    "LOAD_BUILD_CLASS": "a class is defined inside the function: move it out",
    "IMPORT_NAME": "an import inside the function: move it out",
}


def _no_opcode(name: str) -> str:
    return f"Numba does not compile this construct: {_OPCODES.get(name, name)}"


_READ_ONLY = (
    "an array is changed that cannot be: a default, an attribute of a class or of a module, or a view without "
    "permission to write; pass the array as an argument"
)


_STARRED = (
    "`*items` in a call or tuple beside keywords, or beside an item with a branch or, inside of `try`, with a call or "
    "operation: give the other items names first"
)
_BOUND_LATER = (
    "a function or comprehension that is made here captures a variable that has no value yet, as where two functions "
    "call each other, or a comprehension has `:=`: make the one that is called outside, or write a loop"
)
_INSTEAD = {
    "apply_along_axis": "a loop", "block": "np.concatenate", "c_": "np.column_stack", "copyto": "`target[:] = source`",
    "einsum": "`@`, or np.sum of products of arrays with np.newaxis", "float_power": "`**`",
    "gradient": "differences of slices", "heaviside": "np.where", "inner": "np.dot", "insert": "np.concatenate",
    "matmul": "`a @ b`", "meshgrid": "x[np.newaxis, :] and y[:, np.newaxis], which broadcast",
    "mgrid": "np.arange with np.newaxis", "moveaxis": "np.transpose", "ogrid": "np.arange with np.newaxis",
    "pad": "an array of zeros, and an assignment to a slice of it", "piecewise": "np.where", "polyval": "a loop",
    "r_": "np.concatenate", "squeeze": "reshape, or an index", "tensordot": "reshape to matrices, and `@`",
    "unravel_index": "`//` and `%`",
}  # fmt: skip
_JOINING = ("concatenate", "stack", "hstack", "vstack", "dstack", "column_stack")


def _no_numpy(name: str) -> str:
    instead = _INSTEAD.get(name)
    return f"Numba has no numpy.{name}" + (f": write {instead}" if instead else ", or not as it is used here")


def _no_function(function: str, arguments: str) -> str:
    listed = re.match(r"(MixedList|EvenList)", arguments)
    if arguments.startswith("list(array("):
        if function in _JOINING:
            return f"np.{function} takes a tuple of arrays: write (a, b) in place of [a, b]"
        if function == "array":
            return "np.array of arrays is not known: write np.stack((a, b))"
    if function == "setitem" and listed:
        return _FIXED
    if function == "setitem" and arguments.startswith("readonly array"):
        return _READ_ONLY
    if function == "getitem" and (listed or arguments.startswith("Tuple(")) and "int64" in arguments:
        return (
            f"`[...]` of {arguments.partition(', int64')[0]} with an index that is known only while the code runs: its "
            "members are unlike; loop over it, or write the index out"
        )
    if function == "getitem" and "dict with the keys" in arguments and arguments.endswith("unicode_type"):
        return (
            f"`[...]` of {arguments.removesuffix(', unicode_type')} with a key that is known only while the code runs"
        )
    if re.search(r"\bnone\b", arguments):
        arguments += " (none: what a function gives that returns nothing, or only raises)"
    operator = _OPERATORS.get(function)
    what = f"`{operator}`" if operator else f"{function}(...)"
    return f"{what} is not known for {arguments}"


def _no_class(name: str) -> str:
    if name == "super":
        return "super() is not known in compiled code: name the class, as in Base.method(self, x)"
    return (
        f"compiled code cannot make a {name}: it makes dataclasses and NamedTuples whose constructor Python wrote "
        "(no __init__, __new__ or InitVar of their own)"
    )


def _no_binding(signature: str, problem: str) -> str:
    parameters = ", ".join(part for part in signature.split(", ") if part != "closure_values")
    return f"a call does not fit the parameters ({parameters}): {problem}"


_REWRITTEN: list[tuple[re.Pattern, Any]] = [
    (re.compile(r"Untyped global name '\w+': (`.* compiled code .*)"), lambda own: own),
    (re.compile(r"Use of unsupported NumPy function 'numpy\.([\w.]+)'"), _no_numpy),
    (re.compile(r"Unknown attribute '(\w+)' of type (.*)"), _no_attribute),
    (re.compile(r"No type info available for constant\(<class '(?:[\w<>]+\.)*(\w+)'>\) as a callable"), _no_class),
    (re.compile(r"Cannot bind .* to signature '\((.*)\)' due to \"TypeError: (.*)\""), _no_binding),
    (
        re.compile(r"Invalid use of getiter with parameters \((.*)\)$"),
        lambda kind: f"compiled code cannot loop over {kind}: its class has no __iter__ (of a dict: use items())",
    ),
    (
        re.compile(r"found for signature: (\w+)\((.*)\)"),
        _no_function,
    ),
    (
        re.compile(r"Untyped global name '(\w+)': Cannot determine Numba type of <class '(.*)'>"),
        lambda name, kind: f"the name '{name}' stands for a {kind}, which compiled code cannot use",
    ),
    (
        re.compile(r"Cannot unify (.*) and (.*) for '([^'.]*)[^']*'"),
        lambda one, other, name: (
            f"{'a value' if name.startswith('$') else f'the variable {name!r}'} is {one} in one place and "
            + (f"{other} in another" if one != other else f"{other} with members of other types in another")
        ),
    ),
    (
        re.compile(r"use of yield in a closure is unsupported"),
        lambda: (
            "a generator expression that is kept: write a list comprehension, or a function with yield (sum, any, all, "
            "max, min, list, tuple and sorted take generator expressions as they are)"
        ),
    ),
    (re.compile(r"Use of unsupported opcode \((\w+)\) found"), _no_opcode),
    (
        re.compile(r"No type info available for (\S+) as a callable"),
        lambda kind: f"{kind} cannot be called",
    ),
    (
        re.compile(r"cannot type infer runaway recursion"),
        lambda: "the function calls itself without end: some path must return without calling it",
    ),
    (
        re.compile(r"^(list|DictType|set|reflected)\W.* (cannot leave compiled code: .*)"),
        lambda kind, what: f"a {'dict' if kind == 'DictType' else 'list' if kind == 'reflected' else kind} {what}",
    ),
    (re.compile(r"Unsupported constraint encountered: del "), lambda: "compiled code cannot delete attributes"),
    (re.compile(r"Cannot modify readonly array"), lambda: _READ_ONLY),
    (re.compile(r"Illegal IR, del found at: del (\w+)"), "`del {0}` of a variable: leave it out".format),
    (re.compile(r"op_LIST_\w+ at the start of a block|CALL_FUNCTION_EX with \*\*kwargs"), lambda: _STARRED),
    (re.compile(r"Unsupported use of cell variable encountered"), lambda: _BOUND_LATER),
    (re.compile(r"with's head-block"), lambda: "this `with` is not known in compiled code: leave it out"),
    (
        re.compile(r"OverloadSelector object at \w+>, \(List\("),
        lambda: "a list that is a default, or belongs to a class or a module, cannot be a constant: write a tuple",
    ),
    (
        re.compile(r"Exception object cannot be stored into variable \((\w+)\)"),
        lambda name: f"compiled code has no exceptions as values: write `except Exception:` without `as {name}`",
    ),
]


def shown(text: str) -> str:
    """`text` with the types of objects as the names of their classes."""
    pattern = re.compile(r"(?:[\w<>]+\.)+([\w<>]+)\(")
    position = 0
    while found := pattern.search(text, position):
        end = _closing(text, found.end())
        inside = text[found.end() : end]
        if end < len(text) and (not inside or ": " in inside):
            name = "dict" if found.group(0) == "builtins.dict(" else found.group(1)
            if name == "dict":
                keys = ", ".join(map(repr, _names(inside)))
                name = f"a dict with the keys {keys}" if keys else "an empty dict"
            text = text[: found.start()] + name + text[end + 1 :]
            position = found.start() + len(name)
        else:
            position = found.end()
    text = re.sub(r"<class '(?:[\w<>]+\.)*(\w+)'>", r"\1", text)
    return re.sub(r"\b(method|constant)\((\w+)\)", r"\2", _without_literals(text))


def _without_literals(text: str) -> str:
    text = re.sub(r"Literal\[str\]\(([^()]*)\)", r"the string '\1'", text)
    return re.sub(r"Literal\[\w+\]\((\w+)\)", r"\1", text)


def _closing(text: str, start: int) -> int:
    depth = 1
    for position in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth == 0:
            return position
    return len(text)


def _names(fields: str) -> list[str]:
    depth, names, start = 0, [], 0
    for position, character in enumerate(fields + ","):
        depth += {"(": 1, ")": -1, "[": 1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            names.append(fields[start:position].strip().partition(":")[0])
            start = position + 1
    return [name for name in names if name]
