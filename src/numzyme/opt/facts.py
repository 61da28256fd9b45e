"""The fact sets of `numzyme.opt --print`: what the analyses know about the root, in words.

`plan` is what the forward sweep stores for the reverse sweep, and why; the others are printed by the analyses
themselves. Facts are those of the function after `split-returns`, as the differentiator uses them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..analysis import Activity, Cfg, Kinds, LoopForest, Memory, MemoryObject, Summaries
from ..derive import differentiate
from ..ir import Module
from ..rules import is_inactive
from .annotations import Annotations, read_annotations
from .passes import split, verified


def _cfg(module: Module, annotations: Annotations) -> Cfg:
    return Cfg(module.functions[annotations.function.name])


def _memory(module: Module, annotations: Annotations) -> Memory:
    return Memory(module, _cfg(module, annotations), Summaries(module))


def _kinds(module: Module, annotations: Annotations) -> Kinds:
    parameters = annotations.function.parameters
    seed = {
        MemoryObject("argument", parameter.name): kind
        for parameter, kind in zip(parameters, annotations.memory, strict=True)
        if kind
    }
    return Kinds(_memory(module, annotations), seed)


def _activity(module: Module, annotations: Annotations) -> Activity:
    kinds = _kinds(module, annotations)
    names = [parameter.name for parameter in annotations.function.parameters]
    statuses = dict(zip(names, annotations.activities, strict=True))
    return Activity(kinds.memory.cfg, kinds.memory, kinds, statuses, {}, is_inactive)


def _plan(text: str, annotations: Annotations) -> str:
    report = differentiate(text, annotations.request("reverse")).report
    lines = []
    for stored in report.stored:
        nest = f" of a nest of {stored.loops} loops" if stored.loops > 1 else ""
        size = "1 byte" if stored.bytes == 1 else f"{stored.bytes} bytes"
        often = size + (f" per iteration{nest}" if stored.loops else "")
        where = f" ({stored.where})" if stored.where is not None else ""
        lines.append(f"{stored.value}: {often}, {stored.why}{where}")
    return "\n".join(lines) or "nothing is stored"


FACTS: dict[str, Callable[[str, Annotations], str]] = {
    "cfg": lambda text, annotations: _cfg(split(verified(text)), annotations).describe(),
    "loops": lambda text, annotations: LoopForest(_cfg(split(verified(text)), annotations)).describe(),
    "memory": lambda text, annotations: _memory(split(verified(text)), annotations).describe(),
    "kinds": lambda text, annotations: _kinds(split(verified(text)), annotations).describe(),
    "activity": lambda text, annotations: _activity(split(verified(text)), annotations).describe(),
    "plan": _plan,
}


def describe(text: str, name: str, symbol: str | None = None, activities: Sequence[str] = ()) -> str:
    """The fact set `name` of the root of the module `text`."""
    if name not in FACTS:
        raise ValueError(f"there are no facts `{name}`; the fact sets are {', '.join(FACTS)}")
    return FACTS[name](text, read_annotations(text, verified(text), symbol, activities))
