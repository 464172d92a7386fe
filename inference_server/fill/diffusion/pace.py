"""How long steps take, to notice what no error says: a driver that brings a card's memory into the computer's.

Windows' drivers do so where memory runs out, instead of failing; then every step takes many times as long.
"""

import time
from collections.abc import Callable, Hashable

TIMES = 4  # as long as the fastest step of its kind has taken


class Pace:
    """The time between the ends of steps.  clock: gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._best: dict[Hashable, float] = {}
        self._kind: Hashable = None
        self._last: float | None = None

    def begin(self, kind: Hashable) -> None:
        """A picture begins whose steps should take as long as those of others of this kind."""
        self._kind, self._last = kind, None

    def is_slow(self) -> bool:
        """Note the end of a step: whether it took many times as long as others have.  The first has no beginning."""
        now = self._clock()
        last, self._last = self._last, now
        if last is None:
            return False
        seconds = now - last
        best = self._best[self._kind] = min(seconds, self._best.get(self._kind, seconds))
        return seconds > TIMES * best
