"""How many examples a property test tries: a tenth by default, all of them with `pytest --thorough`."""

THOROUGH = False  # set by the option, before any test is collected
LEAST = 10


def examples(count: int) -> int:
    """Examples for Hypothesis to try, of `count` in a thorough run."""
    return count if THOROUGH else max(min(count, LEAST), count // 10)
