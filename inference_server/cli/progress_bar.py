"""A progress bar for a terminal; plain lines where there is none.  Standard library only."""

import sys
import time


class Bar:
    """A progress bar: one line, redrawn, and cleared at the end.  It is called as `Monitor.on_progress`."""

    WIDTH = 24

    def __init__(self, title: str) -> None:
        self._title, self._is_terminal = title, sys.stderr.isatty()
        self._shown = self._message = ""
        self._begun = time.monotonic()

    def __call__(self, share: float, message: str) -> None:
        """Show that `share` of the work, 0 to 1, is done, and what is being done."""
        if self._is_terminal:
            full = round(self.WIDTH * min(max(share, 0.0), 1.0))
            line = f"{self._title}  [{'#' * full}{'.' * (self.WIDTH - full)}] {message}"
            print(f"\r{line:{len(self._shown)}}", end="", file=sys.stderr, flush=True)
            self._shown = line
        elif message.split(",")[0] != self._message:
            self._message = message.split(",")[0]
            print(f"{self._title}: {self._message}", file=sys.stderr, flush=True)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._is_terminal:
            print(f"\r{' ' * len(self._shown)}\r", end="", file=sys.stderr)
        if kind is None:
            print(f"{self._title}: done in {time.monotonic() - self._begun:.1f} s", file=sys.stderr)
