"""What all tests share: no test reads or writes the cache in the user's home; those of the cache make their own."""

from __future__ import annotations

import os

os.environ["NUMZYME_CACHE_DIR"] = "off"  # before anything compiles, and for processes that tests start
