"""How this program is interrupted: by exceptions, so that nothing unfinished stays.  Standard library only."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

INTERRUPTING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def taken_as_exceptions() -> Iterator[None]:
    """Within, SIGTERM raises SystemExit, as Ctrl+C raises KeyboardInterrupt."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Within, an interruption waits for the end.

    For calls of libvips: an exception that is raised while it calls back is lost, and a traceback is printed.
    """
    if threading.current_thread() is not threading.main_thread():  # no signal interrupts another one
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in INTERRUPTING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
