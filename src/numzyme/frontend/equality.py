"""Tests of floats for equality, hidden from LLVM until the function is differentiated.

Behind `if x == 1.5:` LLVM replaces `x` by 1.5. The value is the same, the derivative is not: x * x becomes a constant.
So a test for equality is a call that LLVM knows nothing of but that it is a function of its operands, and becomes a
comparison again in the canonical text. Tests against a literal zero stay as they are (Numba makes one for every
division): LLVM draws no such conclusion from them, since 0.0 and -0.0 are equal but not the same.

Tests of two literals, which inlining makes, are given back to LLVM, or code that no call reaches would stay.

Invariant: `reveal(hide(text))` has the instructions of `text`.
"""

from __future__ import annotations

import re

PREFIX = "numzyme.compare."

_VALUE = r'(?:%(?:"[^"]*"|[-\w.$]+)|[-+.\w]+)'
_TEST = re.compile(rf"= fcmp ((?:\w+ )*?)(oeq|une|ueq|one) (double|float) ({_VALUE}), ({_VALUE})")
_CALL = re.compile(
    rf'= (?:tail |notail )?call (?:\w+ )*?i1 @"?{re.escape(PREFIX)}(\w+)\.(double|float)"?'
    rf"\((?:double|float) (?:\w+ )*?({_VALUE}), (?:double|float) (?:\w+ )*?({_VALUE})\)(?: #\d+)?"
)
_COMPARISON = r"= fcmp \1 \2 \3, \4"
_DECLARATION = re.compile(rf'^declare [^\n]*@"?{re.escape(PREFIX)}[^\n]*\n', re.M)
_ZERO = re.compile(r"^-?0\.0+(?:e[+-]0+)?$|^0x8?0+$")


def hide(text: str) -> str:
    """`text` with its tests for equality as calls."""
    used: set[tuple[str, str]] = set()

    def replace(match: re.Match[str]) -> str:
        _, predicate, kind, a, b = match.groups()
        if _ZERO.match(a) or _ZERO.match(b) or a == b:
            return match[0]
        used.add((predicate, kind))
        return f"= call i1 @{PREFIX}{predicate}.{kind}({kind} {a}, {kind} {b})"

    text = _TEST.sub(replace, text)
    declarations = [
        f"declare i1 @{PREFIX}{predicate}.{kind}({kind}, {kind}) memory(none) nounwind willreturn speculatable\n"
        for predicate, kind in sorted(used)
    ]
    return text + "".join(declarations)


def reveal_known(text: str) -> str:
    """`text` with the tests of two literals as comparisons; `text` itself when there are none."""
    if PREFIX not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        return match[0] if "%" in match[3] + match[4] else match.expand(_COMPARISON)

    return _CALL.sub(replace, text)


def reveal(text: str) -> str:
    """`text` with the calls as tests again."""
    if PREFIX not in text:
        return text
    text = _CALL.sub(_COMPARISON, text)
    return _DECLARATION.sub("", text)
