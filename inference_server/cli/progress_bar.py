"""A progress bar for a terminal; plain lines where there is none.  Standard library only."""

import sys
import time


class Bar:
    """Call it with (share, word), as every long job in this program reports: one line, redrawn; cleared at the end."""

    WIDTH = 24

    def __init__(self, title: str):
        self._title, self._live = title, sys.stderr.isatty()
        self._shown = self._word = ""
        self._begun = time.monotonic()

    def __call__(self, share: float, word: str) -> None:
        if self._live:
            full = round(self.WIDTH * min(max(share, 0.0), 1.0))
            line = f"{self._title}  [{'#' * full}{'.' * (self.WIDTH - full)}] {word}"
            print(f"\r{line:{len(self._shown)}}", end="", file=sys.stderr, flush=True)
            self._shown = line
        elif word.split(",")[0] != self._word:
            self._word = word.split(",")[0]
            print(f"{self._title}: {self._word}", file=sys.stderr, flush=True)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._live:
            print(f"\r{' ' * len(self._shown)}\r", end="", file=sys.stderr)
        if kind is None:
            print(f"{self._title}: done in {time.monotonic() - self._begun:.1f} s", file=sys.stderr)
