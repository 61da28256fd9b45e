"""How Sphinx builds these pages: `make docs`."""

from __future__ import annotations

import re
from typing import Any

project = "numzyme"
author = "the numzyme developers"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "numzyme"
html_static_path: list[str] = []
default_role = "code"  # single backticks in docstrings
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
highlight_language = "python"

SECTION = re.compile(r"(Arguments|Arguments, errors|Returns|Raises|Fields):(.*)")
ENTRY = re.compile(r"    (\w+): (.*)")


def sections_as_fields(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings of numzyme say `Returns: ...` in a line of its own; reStructuredText has fields for that."""
    shown: list[str] = []
    within = listed = False  # in a section, in the list of its entries
    for line in lines:
        section, entry = SECTION.fullmatch(line), ENTRY.fullmatch(line)
        if section:
            within, listed = True, False
            shown += ["", f":{section[1]}:", f"    {section[2].strip()}", ""]
        elif within and entry:
            listed = True
            shown += ["", f"    - `{entry[1]}`: {entry[2]}"]
        elif within and listed and line.startswith("        "):
            shown.append("      " + line.strip())
        elif within and line and not line.startswith(">>>"):
            shown += [""] * listed + ["    " + line.strip()]
            listed = False
        else:
            within = False
            shown.append(line)
    lines[:] = shown


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", sections_as_fields)
