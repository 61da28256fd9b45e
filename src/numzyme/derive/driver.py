"""From a request to LLVM text: the root, then every function that it asks for, then what they all refer to."""

from __future__ import annotations

import re
import time
from dataclasses import replace

from ..analysis import Cfg, LoopForest, Summaries, fold_sign_tests, settle_carried_selects
from ..analysis.effects import ARENA_ALLOCATORS, is_arena_allocation
from ..diagnostics import UnsupportedCodeError
from ..ir import Function, Module, read, write, write_function
from ..ir.depth import nested_calls
from ..ir.symbols import HOLD, symbol_of
from . import calls, owned
from .accesses import split_accesses
from .aggregates import split_aggregates
from .exits import split_returns
from .facts import Signature
from .helpers import DIGAMMA_NEEDS, FIELDS_NEED, helper_text
from .reducible import make_reducible
from .request import Counted, Derivative, Report, Request
from .reverse import ARENA_DECLARATIONS, ReverseFunction
from .slots import split_slots

_CALLS = 100_000  # of our own passes, which follow operands: a frame each in a long chain of values


def differentiate(text: str, request: Request) -> Derivative:
    """Differentiate the function `request.symbol` of a canonical LLVM module.

    Arguments: `text`, LLVM text in the form that `frontend.normalise` gives; `request`, what is asked.
    Returns the derivative's LLVM text, its symbol and a report. Raises `DifferentiationError` for what has no
    derivative, naming the line of the user's code.
    """
    with nested_calls(_CALLS):
        return _differentiate(text, request)


def _differentiate(text: str, request: Request) -> Derivative:
    started = time.perf_counter()
    module = read(text)
    report = Report()
    report.seconds["read"] = time.perf_counter() - started
    for function in module.functions.values():
        prepare(function, request.nonnegative if symbol_of(function.name) == request.symbol else frozenset())
    root = next(name for name in module.functions if symbol_of(name) == request.symbol)
    split_slots(module, root)
    context = calls.Context(module, Summaries(module), report, counted=_counted(module, request))
    signature = Signature(
        root,
        request.activities,
        request.memory,
        tuple(True for _ in request.memory),
        request.labels,
        is_root=True,
        multiples=request.multiples,
    )
    symbol = f"numzyme.{request.mode}.{request.symbol}"
    if request.mode == "reverse":
        functions = [ReverseFunction(context, signature, request.keep_primal).write_root(symbol)]
        functions += _callees(context, lambda s, n: ReverseFunction(context, s, True).write_split(n))
    else:
        from .forward import ForwardFunction

        functions = [ForwardFunction(context, signature).write(f'@"{symbol}"', internal=False)]
        functions += _callees(
            context,
            lambda s, n: [ForwardFunction(context, s).write(calls.derived_name("forward", s, n), internal=True)],
        )
    result = _assemble(context, functions)
    report.seconds["differentiate"] = time.perf_counter() - started
    return Derivative(result, symbol, report)


def allocates_repeatedly(text: str, symbol: str) -> bool:
    """Whether the function `symbol` of a canonical module may allocate more than a fixed number of times.

    If not, forward mode can take its memory from an arena, which also releases what an exception leaves behind.
    """
    if "@numzyme.allocate" not in text:
        return False
    module = parse(text)
    for function in module.functions.values():
        if not any(is_arena_allocation(i) for i in function.instructions()):
            continue
        if symbol_of(function.name) != symbol:
            return True
        cfg = Cfg(function)
        loops = LoopForest(cfg).of
        for label in cfg.order:
            if loops[label] and any(map(is_arena_allocation, cfg.blocks[label].instructions)):
                return True
    return False


def with_reducible_loops(text: str) -> str:
    """A canonical module with one entry for every loop; `frontend.simplified` makes it canonical again."""
    module = read(text)
    make_reducible(module)
    return write(module)


def raises_memory(text: str) -> bool:
    """Whether an exception of a canonical module may have arguments in memory: they outlive every arena."""
    return owned.exceptions(parse(text)) != {}


def _counted(module: Module, request: Request) -> Counted | None:
    """What `request` says of reference counts; exceptions that are not understood may hold anything."""
    if request.counted is None or owned.exceptions(module) is not None:
        return request.counted
    return replace(request.counted, contained=False)


def _callees(context: calls.Context, write) -> list[str]:
    """Derivatives and plain copies of callees, until no new one is asked for."""
    texts: list[str] = []
    done: set[object] = set()
    while True:
        open_calls = [(s, n) for s, n in context.wanted.items() if s not in done]
        open_plain = [name for name in context.plain if name not in done]
        if not open_calls and not open_plain:
            break
        for signature, number in open_calls:
            done.add(signature)
            texts += write(signature, number)
        for name in open_plain:
            done.add(name)
            texts.append(calls.plain_function(context, context.module.functions[name]))
    return texts


def _assemble(context: calls.Context, functions: list[str]) -> str:
    body = "\n\n".join([*functions, *context.extra_functions.values()])
    for number, size in context.frame_sizes.items():
        body = body.replace(calls.frame_token(number), str(size))
    declarations = dict(context.module.declarations)
    for name in (*ARENA_ALLOCATORS, "numzyme.escape"):
        declarations.pop(f"@{name}", None)
        declarations.pop(f'@"{name}"', None)
    helpers = sorted(context.helpers)
    extra = {**ARENA_DECLARATIONS, **context.declarations}
    if context.counted:
        extra |= owned.DECLARATIONS
    if "numzyme.digamma" in helpers:
        extra |= DIGAMMA_NEEDS
    if any(name.startswith("numzyme.fields.") for name in helpers):
        extra |= FIELDS_NEED
    for name, declaration in extra.items():
        declarations.setdefault(name, declaration)
    body += "".join("\n\n" + text for text in _functions_by_pointer(context, body))
    parts = [*context.module.prelude, *_referenced_globals(context.module, body)]
    parts += [helper_text(name) for name in helpers]
    parts += [body, *declarations.values()]
    parts += [f"{key} = {value}" for key, value in context.module.attributes.items()]
    return _counted_down("\n".join(parts) + "\n")


def _counted_down(text: str) -> str:
    """What is exact for some derivatives is so for one less in a derivative."""
    return re.sub(rf"{re.escape(HOLD)}([1-9])", lambda found: f"{HOLD}{int(found[1]) - 1}", text)


_GLOBAL_NAME = re.compile(r'@(?:"[^"]*"|[-\w.$]+)')


def _normalised(name: str) -> str:
    return name[1:].strip('"')


def _referenced_globals(module: Module, body: str) -> list[str]:
    """The globals that the code refers to, directly or through other globals."""
    lines = {_normalised(name): line for name, line in module.globals.items()}
    wanted, stack = {}, [_normalised(n) for n in _GLOBAL_NAME.findall(body)]
    while stack:
        name = stack.pop()
        if name in lines and name not in wanted:
            wanted[name] = lines[name]
            stack += [_normalised(n) for n in _GLOBAL_NAME.findall(lines[name].partition(" = ")[2])]
    return [line for name, line in lines.items() if name in wanted]


def _functions_by_pointer(context: calls.Context, body: str) -> list[str]:
    """Functions whose address is taken are included as they are."""
    functions = {_normalised(name): f for name, f in context.module.functions.items()}
    defined = {_normalised(m) for m in re.findall(r"^define .*?(@(?:\"[^\"]*\"|[-\w.$]+))\(", body, re.MULTILINE)}
    texts, stack, seen = [], [body, *context.module.globals.values()], set(defined)
    while stack:
        for name in {_normalised(n) for n in _GLOBAL_NAME.findall(stack.pop())}:
            if name in functions and name not in seen and symbol_of(functions[name].name) == name:
                seen.add(name)
                text = re.sub(r" !dbg !\d+", "", write_function(functions[name], debug=False))
                texts.append(text)
                stack.append(text)
    return texts


def parse(text: str) -> Module:
    """Read a module and prepare its functions, as every analysis expects them."""
    module = read(text)
    for function in module.functions.values():
        prepare(function)
    return module


def prepare(function: Function, shapes: frozenset[str] = frozenset()) -> None:
    """Take structs apart, split returns by status, settle sign tests and carried selects, in place.

    `shapes` are never negative.
    """
    split_accesses(function)
    split_aggregates(function)
    split_returns(function)
    cfg = Cfg(function)
    try:
        forest = LoopForest(cfg)
    except UnsupportedCodeError:
        return  # refused, with its line, when it is differentiated
    fold_sign_tests(cfg, forest, shapes)
    settle_carried_selects(cfg, forest)
