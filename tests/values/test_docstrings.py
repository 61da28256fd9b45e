"""The examples in the docstrings run, and importing the room does not import what is slow."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

from numzyme import values

MODULES = [module.name for module in pkgutil.iter_modules(values.__path__)]
PUBLIC = ["make_zero", "make_zero_inplace", "remake_zero", "accumulate", "congruent", "check_congruent"]
PUBLIC += ["tree_map", "strip_types", "register_wrapper", "natural_fields", "structural_type", "rebuild"]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(f"numzyme.values.{name}")).failed == 0


@pytest.mark.parametrize("name", PUBLIC)
def test_public_functions_have_an_example(name):
    text = getattr(values, name).__doc__
    assert ">>> " in text and "Arguments:" in text


def test_scipy_is_not_imported():
    code = (
        "import sys, types; from pathlib import Path; import importlib.util as u\n"
        "package = types.ModuleType('numzyme'); package.__path__ = [sys.argv[1]]; sys.modules['numzyme'] = package\n"
        "import numzyme.values as v; v.make_zero({'a': 1.0})\n"
        "assert not {'scipy', 'numba', 'llvmlite'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, f"{values.__path__[0]}/.."], check=True)
