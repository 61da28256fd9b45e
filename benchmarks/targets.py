"""The figures that the project set itself, and whether a set of results meets them.

Each target yields one `Verdict` per workload that it speaks of; the page prints those that miss, with a
reason where one is known. No test asserts any of this: a shared machine would make it lie.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .peers import ENZYME, HAND, OWN

HAND_LIMIT, HAND_USUAL = 1.15, 1.05
ENZYME_LIMIT, ENZYME_AHEAD = 1.10, 0.90
AHEAD_OF_ENZYME = ("lstm", "brusselator", "mlp")
NORMALISE_LIMIT = 1.2
FIRST_FACTOR, FIRST_SECONDS = 1.5, 0.2
OWN_PERCENT = 20.0
WARM_MICROSECONDS = 3.0
LINEAR_SLACK = 1.5  # growth of the time over growth of n, from the smallest to the largest size


@dataclass(frozen=True)
class Verdict:
    target: str
    subject: str
    value: float
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        return self.value <= self.limit


def ratio(row: dict[str, Any], peer: str) -> float | None:
    times = row["milliseconds"]
    return times[OWN] / times[peer] if OWN in times and peer in times else None


def verdicts(results: dict[str, Any]) -> Iterator[Verdict]:
    by_hand = {row["name"]: ratio(row, HAND) for row in results["rows"]}
    measured = {name: value for name, value in by_hand.items() if value is not None}
    for name, value in measured.items():
        limit = NORMALISE_LIMIT if name == "normalise" else HAND_LIMIT
        yield Verdict("time over hand-written adjoint", name, value, limit)
    if measured:
        ahead = sum(value <= HAND_USUAL for value in measured.values())
        yield Verdict(f"workloads above {HAND_USUAL} of hand", "all", len(measured) - ahead, (len(measured) - 1) // 2)
    for row in results["rows"]:
        value = ratio(row, ENZYME)
        if value is not None:
            limit = ENZYME_AHEAD if row["name"] in AHEAD_OF_ENZYME else ENZYME_LIMIT
            yield Verdict("time over Enzyme C++", row["name"], value, limit)
    for row in results["rows"]:
        seconds = row.get("first use")
        if seconds:
            limit = FIRST_FACTOR * seconds["plain"] + FIRST_SECONDS
            yield Verdict("first gradient", row["name"], seconds["gradient"], limit, " s")
            yield Verdict("own Python in the first gradient", row["name"], 100 * seconds["share"], OWN_PERCENT, " %")
    for found in results["growth"]:
        sizes = sorted(found["growth"], key=int)
        small, large = (found["growth"][size].get(OWN) for size in (sizes[0], sizes[-1]))
        if small and large:
            grown = large / small / (int(sizes[-1]) / int(sizes[0]))
            yield Verdict("growth of time over growth of n", found["name"], grown, LINEAR_SLACK)
    if results["warm"]:
        gap = results["warm"]["from Python"] - results["warm"]["compiled"]
        yield Verdict("warm call over compiled code", "10 elements", gap, WARM_MICROSECONDS, " µs")
