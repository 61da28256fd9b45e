"""The programs, in the order of the table."""

from __future__ import annotations

import importlib

from ..workload import Workload

MODULES = ("sum_of_sines", "gmm", "bundle_adjustment", "lstm", "brusselator", "normalise", "mlp")


def load() -> dict[str, Workload]:
    """Every workload by its name."""
    modules = (importlib.import_module(f".{name}", __name__) for name in MODULES)
    return {workload.name: workload for module in modules for workload in module.WORKLOADS}
