"""The command line of `numzyme.opt`.

Decides what goes where: modules and facts to standard output, errors to standard error. Exit status: 0, or 1 when the
differentiator refuses the program, or 2 when the request itself is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..diagnostics import DifferentiationError
from .facts import FACTS, describe
from .passes import PASSES, run_passes

_REFUSED, _MISUSED = 1, 2


def _parser() -> argparse.ArgumentParser:
    passes = "\n".join(f"  {a_pass.name:14} {a_pass.summary}" for a_pass in PASSES.values())
    parser = argparse.ArgumentParser(
        prog="python -m numzyme.opt",
        description="Run numzyme's passes on LLVM text, or print what its analyses know about it.",
        epilog=f"passes:\n{passes}\n\nactivities, in the file or with --activity; what is not named is const:\n"
        "  ; activities: %out=duplicated:double %x=duplicated:double %s=active %n=const\n\n"
        "example:\n  python -m numzyme.opt tests/ll/count_down_loop.ll --print loops,plan",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", help="LLVM text; - reads standard input")
    parser.add_argument("--passes", default="read", help="comma-separated list (default: read)")
    parser.add_argument("--print", dest="facts", default="", help=f"facts instead of a module: {', '.join(FACTS)}")
    parser.add_argument("--symbol", help="the function to differentiate (default: as the file says, else the first)")
    parser.add_argument("--activity", action="append", default=[], help="%%name=const|active|duplicated[:KIND]")
    return parser


def _names(option: str) -> list[str]:
    return [name.strip() for name in option.split(",") if name.strip()]


def _read(file: str) -> str:
    return sys.stdin.read() if file == "-" else Path(file).read_text()


def _output(text: str, options: argparse.Namespace) -> str:
    facts = _names(options.facts)
    if not facts:
        return run_passes(text, _names(options.passes), options.symbol, options.activity)
    found = [describe(text, name, options.symbol, options.activity) for name in facts]
    if len(facts) == 1:
        return found[0]
    return "\n\n".join(f"-- {name}\n{lines}" for name, lines in zip(facts, found, strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        print(_output(_read(options.file), options).rstrip("\n"))
    except OSError as error:
        print(f"error: {options.file}: {error.strerror}", file=sys.stderr)
        return _MISUSED
    except DifferentiationError as error:
        print(f"refused: {error}", file=sys.stderr)
        return _REFUSED
    except ValueError as error:
        print(f"error: {options.file}: {error}", file=sys.stderr)
        return _MISUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
