"""The private target and Numba's own do not disturb each other, whoever comes first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("order", ["pc", "np", "cnp"])
def test_targets_do_not_disturb_each_other(order: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "frontend.isolation_script", order],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert found.returncode == 0, found.stderr[-3000:]
    assert found.stdout.strip() == "done"
