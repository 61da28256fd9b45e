"""The machine: one core, one thread, the CPU's own vector width, and a line that describes it.

`limit_threads` must run before NumPy or any peer is imported: their thread pools read the environment once.
"""

from __future__ import annotations

import functools
import os
import platform
from importlib import metadata
from pathlib import Path

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NPROC",
    "NUMBA_NUM_THREADS",
)


def limit_threads() -> None:
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pin(core: int | None = None) -> None:
    """Stay on one core, by default the last one that we may use (the first serves most interrupts)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0)) if core is None else core})


@functools.cache
def _cpu_information() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().split("\n\n")[0].splitlines() if path.exists() else []
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def cpu_flags() -> frozenset[str]:
    return frozenset(_cpu_information().get("flags", "").split())


def describe() -> str:
    model = _cpu_information().get("model name") or platform.processor() or platform.machine()
    width = "AVX-512" if "avx512f" in cpu_flags() else "AVX2" if "avx2" in cpu_flags() else "no AVX2"
    return f"{model} ({width}), one of {os.cpu_count()} cores, {platform.system()}"


def versions(packages: tuple[str, ...]) -> dict[str, str | None]:
    """Installed version of each package; None for what is missing."""
    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    return found
