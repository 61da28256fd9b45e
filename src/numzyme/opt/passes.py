"""The passes of `numzyme.opt`: each takes a module's text and gives text, so that each can be run alone.

Invariant: the text between two passes has been read and verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ..analysis import Summaries
from ..derive import Report, differentiate
from ..derive.augment import augment
from ..derive.exits import split_returns
from ..derive.facts import FunctionFacts, Signature
from ..ir import Module, Parameter, read, verify, write
from ..ir.reader import matching
from .annotations import Annotations, read_annotations


class Pass(Protocol):
    """`name` is how `--passes` spells it; a `final` pass gives text that no other pass accepts."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def final(self) -> bool: ...
    def apply(self, text: str, annotations: Annotations) -> str: ...


@dataclass(frozen=True)
class Read:
    """Read and print back."""

    name: str = "read"
    summary: str = "read the module and print it back"
    final: bool = False

    def apply(self, text: str, annotations: Annotations) -> str:
        return write(verified(text))


@dataclass(frozen=True)
class SplitReturns:
    """Give every error its own return."""

    name: str = "split-returns"
    summary: str = "give each known status that reaches a return a return of its own"
    final: bool = False

    def apply(self, text: str, annotations: Annotations) -> str:
        return write(split(verified(text)))


@dataclass(frozen=True)
class Augment:
    """Shadow pointers, loop counters, trip counts and origins, as the saving plan sees them."""

    name: str = "augment"
    summary: str = "add shadow pointers, loop counters, trip counts and origins of joins to the root"
    final: bool = True

    def apply(self, text: str, annotations: Annotations) -> str:
        module = split(verified(text))
        facts = facts_of(module, annotations)
        augmented = augment(facts, counters=True)
        function = facts.function
        for block in function.blocks:
            block.instructions = augmented.blocks.get(block.label, block.instructions)
        names = [augmented.shadow[p.name] for p in function.parameters if p.name in augmented.shadow]
        function.parameters += [Parameter(name, "ptr") for name in names]
        end = matching(function.header, function.header.index(function.name + "(") + len(function.name))
        shadows = "".join(f", ptr {name}" for name in names)
        function.header = function.header[:end] + shadows + function.header[end:]
        return write(module)


@dataclass(frozen=True)
class Differentiate:
    """The derivative of the root."""

    mode: Literal["forward", "reverse"]
    final: bool = True

    @property
    def name(self) -> str:
        return self.mode

    @property
    def summary(self) -> str:
        return f"differentiate the root in {self.mode} mode"

    def apply(self, text: str, annotations: Annotations) -> str:
        return differentiate(text, annotations.request(self.mode)).text


PASSES: dict[str, Pass] = {
    a_pass.name: a_pass
    for a_pass in (Read(), SplitReturns(), Augment(), Differentiate("forward"), Differentiate("reverse"))
}


class PassError(ValueError):
    """A list of passes that cannot be run."""


def run_passes(text: str, names: Sequence[str], symbol: str | None = None, activities: Sequence[str] = ()) -> str:
    """Run the passes one after the other; annotations are read once, from the text as it was given."""
    unknown = [name for name in names if name not in PASSES]
    if unknown:
        raise PassError(f"there is no pass `{unknown[0]}`; the passes are {', '.join(PASSES)}")
    final = next((i for i, name in enumerate(names) if PASSES[name].final), None)
    if final is not None and final + 1 < len(names):
        raise PassError(f"`{names[final]}` must be the last pass: the activities do not describe what it prints")
    annotations = read_annotations(text, verified(text), symbol, activities)
    for name in names:
        text = PASSES[name].apply(text, annotations)
    return text


def verified(text: str) -> Module:
    """The module, read and structurally checked."""
    module = read(text)
    verify(module)
    return module


def split(module: Module) -> Module:
    """The module with its returns split, in place."""
    for function in module.functions.values():
        split_returns(function)
    return module


def facts_of(module: Module, annotations: Annotations) -> FunctionFacts:
    """All analyses of the root, in `module`, under its annotations."""
    function = module.functions[annotations.function.name]
    names = tuple(parameter.name for parameter in function.parameters)
    kept = tuple(True for _ in names)
    signature = Signature(function.name, annotations.activities, annotations.memory, kept, names, is_root=True)
    return FunctionFacts(module, function, signature, Summaries(module), Report())
