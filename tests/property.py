"""How many examples a property test tries: a tenth by default, all with `pytest --thorough`, a few with `--least`."""

from enum import Enum


class Effort(Enum):
    """How much is tried."""

    LEAST = "least"  # where the same tests run elsewhere with more
    USUAL = "usual"
    THOROUGH = "thorough"


effort = Effort.USUAL  # set by the options, before any test is collected
LEAST = 10


def examples(count: int) -> int:
    """Examples for Hypothesis to try, of `count` in a thorough run."""
    if effort is Effort.THOROUGH:
        return count
    least = min(count, LEAST)
    return least if effort is Effort.LEAST else max(least, count // 10)
