"""What is said of a piece of work: a progress bar in a terminal, plain lines elsewhere.  Standard library only."""

import sys
import time


class Bar:
    """A progress bar: one line, redrawn, and cleared at the end.  It is called as `Monitor.on_progress`."""

    WIDTH = 24

    def __init__(self, title: str, *, steps: bool = True, quiet: bool = False) -> None:
        """steps: each step gets a line where there is no terminal, not only the end.  quiet: nothing is said."""
        self._title, self._steps, self._quiet = title, steps, quiet
        self._is_terminal = not quiet and sys.stderr.isatty()
        self._shown = self._message = ""
        self._begun = time.monotonic()

    def __call__(self, share: float, message: str) -> None:
        """Show that `share` of the work, 0 to 1, is done, and what is being done."""
        if self._is_terminal:
            full = round(self.WIDTH * min(max(share, 0.0), 1.0))
            line = f"{self._title}  [{'#' * full}{'.' * (self.WIDTH - full)}] {message}"
            print(f"\r{line:{len(self._shown)}}", end="", file=sys.stderr, flush=True)
            self._shown = line
        elif self._steps and message.split(",")[0] != self._message:
            self._message = message.split(",")[0]
            self.say(f"{self._title}: {self._message}")

    def say(self, text: str) -> None:
        """Say something about this work, on lines of its own."""
        if not self._quiet:
            self.clear()
            print(text, file=sys.stderr, flush=True)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.clear()
        if kind is None:
            self.say(f"{self._title}: done in {time.monotonic() - self._begun:.1f} s")

    def clear(self) -> None:
        """Take the bar away until it is drawn again."""
        if self._shown:
            print(f"\r{' ' * len(self._shown)}\r", end="", file=sys.stderr, flush=True)
            self._shown = ""
