"""What a later call gives against what the first gave: the general way, forced by forgetting what was prepared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from numzyme import Reverse, gradient, values
from numzyme.api import warm
from numzyme.plans import Flattened
from numzyme.values import Kind


class Walks:
    """Counts how often arguments are taken apart in the general way."""

    def __init__(self, monkeypatch: Any) -> None:
        self.count = 0
        general = Flattened.of

        def counting(*arguments: Any) -> Any:
            self.count += 1
            return general(*arguments)

        monkeypatch.setattr(Flattened, "of", staticmethod(counting))

    def during(self, call: Callable[[], Any]) -> tuple[Any, int]:
        before = self.count
        found = call()
        return found, self.count - before


def forget() -> None:
    warm._entries.clear()


def check(walks: Walks, f: Any, make: Callable[[], tuple], mode: Any = Reverse, **options: Any) -> Any:
    """The first call takes the general way, the others do not, and give the same; `make` gives new arguments."""
    forget()
    first, count = walks.during(lambda: gradient(mode, f, *make(), **options))
    assert count == 1
    for _ in range(2):
        later, count = walks.during(lambda: gradient(mode, f, *make(), **options))
        assert count == 0, "not the quick way"
        same(later, first)
    return first


def general(f: Any, *arguments: Any, mode: Any = Reverse, **options: Any) -> Any:
    """The gradient in the general way."""
    kept = dict(warm._entries)
    forget()
    try:
        return gradient(mode, f, *arguments, **options)
    finally:
        forget()
        warm._entries.update(kept)


def same(found: Any, expected: Any, path: str = "gradient", pairs: dict[int, Any] | None = None) -> None:
    """Equal to the bit, in types, dtypes, and in what is the same object."""
    pairs = {} if pairs is None else pairs
    assert type(found) is type(expected), f"{path}: {type(found)} instead of {type(expected)}"
    if expected is None or isinstance(expected, int | str):
        assert found == expected, path
        return
    if isinstance(expected, float | complex | np.generic):
        assert str(found) == str(expected), f"{path}: {found} instead of {expected}"
        return
    if isinstance(expected, list | dict | np.ndarray) or sparse.issparse(expected) or values.is_mutable(expected):
        known = pairs.setdefault(id(expected), found)
        assert known is found, f"{path} is not shared alike"
        if len(pairs) != len({id(one) for one in pairs.values()}):
            raise AssertionError(f"{path} is shared, but was not")
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype and found.strides == expected.strides, path
        np.testing.assert_array_equal(found, expected, path)
    elif sparse.issparse(expected):
        assert vars(found).keys() == vars(expected).keys() and found.shape == expected.shape, path
        np.testing.assert_array_equal(found.toarray(), expected.toarray(), path)
        assert found.nnz == expected.nnz
    elif values.classify(expected) is not Kind.CONSTANT:
        ours, theirs = values.children(found), values.children(expected)
        assert [step for step, _ in ours] == [step for step, _ in theirs], path
        for (step, a), (_, b) in zip(ours, theirs, strict=True):
            same(a, b, path + str(step), pairs)
