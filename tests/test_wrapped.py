"""Programs of the corpus whose functions' bodies are inside of `try`, of a handler, of a loop, of another function."""

import pytest
from test_corpus import EVERY, TURN
from wrapped import BODIES, wrapped

from numzyme.testing.checks import check

SHARE = 1 if EVERY else 64
CHOSEN = [
    (kind, name) for turn, kind in enumerate(BODIES) for name in list(wrapped(kind))[(TURN + 7 * turn) % SHARE :: SHARE]
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind, name", CHOSEN)
def test_wrapped_program(kind, name):
    failures = check(wrapped(kind)[name], (0,), quick=True)
    wrong = [failure for failure in failures if not failure.refused]  # with a line of the program
    assert not wrong, "\n".join(map(str, wrong))
