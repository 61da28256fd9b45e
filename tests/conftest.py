"""What all tests share: no test reads or writes the cache in the user's home; those of the cache make their own.

`NUMZYME_TEST_CACHE_DIR` runs all other tests with a cache, which they must not notice.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys

os.environ["NUMZYME_CACHE_DIR"] = os.environ.get(
    "NUMZYME_TEST_CACHE_DIR", "off"
)  # before anything compiles, and for processes that tests start
# Half a second of each process that tests start: to compile numzyme's own sources again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


# Tests of a minute, most of them in other processes: first, so that no worker waits for one of them at the end.
LONG = ("test_random.py", "test_isolation.py", "test_second_process.py")


def pytest_collection_modifyitems(items: list) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_collection_finish() -> None:
    """Numba's compiler makes so many objects that the collector takes a fifth of the time, mostly on what stays."""
    _keep_what_stays()
    gc.set_threshold(20_000, 20, 20)


_FINISHED = itertools.count(1)


def pytest_runtest_logfinish() -> None:
    """Many tests collect garbage to count what is left: they are not to look at what earlier tests compiled."""
    if next(_FINISHED) % 20 == 0:
        _keep_what_stays()


def _keep_what_stays() -> None:
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """With such a cache, say what it did."""
    if os.environ["NUMZYME_CACHE_DIR"] != "off":
        from numzyme import cache

        with open(os.path.join(os.environ["NUMZYME_CACHE_DIR"], f"statistics.{os.getpid()}"), "w") as file:
            print(*cache.statistics(), sep="\n", file=file)
