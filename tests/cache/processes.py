"""Programs that run in processes of their own and say what they computed and what the cache did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_RUNNER = """
import json, sys
import numpy as np
import numzyme
import program

def shown(value):
    if isinstance(value, (tuple, list)):
        return [shown(part) for part in value]
    if isinstance(value, np.ndarray):
        return value.tobytes().hex()
    return value.hex() if isinstance(value, float) else repr(value)

result = shown(program.main())
from numba.core.registry import cpu_target
from numzyme.api import pipeline
print(json.dumps({
    "result": result,
    "statistics": numzyme.cache.statistics()._asdict(),
    "derivatives": len(pipeline._compiled),
    "extractions": len(pipeline._extraction_seconds),
    "numba_can_compile": "numba.np.linalg" in sys.modules,
}))
"""


@dataclass(frozen=True)
class Ran:
    """`result`: what `program.main()` returned, to the bit."""

    result: Any
    statistics: dict[str, Any]
    derivatives: int
    extractions: int
    numba_can_compile: bool

    @property
    def compiled_nothing(self) -> bool:
        return not (self.derivatives or self.extractions or self.numba_can_compile)


@dataclass
class Project:
    """A folder with the modules of a program, and a cache."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def write(self, **modules: str) -> Project:
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(text)
        return self

    def start(self, **environment: str) -> subprocess.Popen[str]:
        """The process that runs `program.main()`."""
        (self.folder / "runner.py").write_text(_RUNNER)
        given = {"NUMZYME_CACHE_DIR": str(self.cache), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        command = [sys.executable, str(self.folder / "runner.py")]
        return subprocess.Popen(
            command, env=os.environ | given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, **environment: str) -> Ran:
        return finished(self.start(**environment))


def finished(process: subprocess.Popen[str]) -> Ran:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return Ran(**json.loads(output.splitlines()[-1]))
