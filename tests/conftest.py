"""What all tests share: no test reads or writes the cache in the user's home; those of the cache make their own.

`NUMZYME_TEST_CACHE_DIR` runs all other tests with a cache, which they must not notice.
"""

from __future__ import annotations

import os

os.environ["NUMZYME_CACHE_DIR"] = os.environ.get(
    "NUMZYME_TEST_CACHE_DIR", "off"
)  # before anything compiles, and for processes that tests start


def pytest_sessionfinish() -> None:
    """With such a cache, say what it did."""
    if os.environ["NUMZYME_CACHE_DIR"] != "off":
        from numzyme import cache

        with open(os.path.join(os.environ["NUMZYME_CACHE_DIR"], f"statistics.{os.getpid()}"), "w") as file:
            print(*cache.statistics(), sep="\n", file=file)
