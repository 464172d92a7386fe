"""A screen that nobody sees: an X server of our own, pictures of what it shows, and waiting for what comes."""

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import pytest

POLL_SECONDS = 0.05
SLOWER, PATIENCE = 10, 300  # times as slow a machine may be as a quiet one, up to so many seconds
SHOTS = 30  # attempts at a picture: xwd gives up where a window comes or goes at that moment

T = TypeVar("T")


def wait_for(happened: Callable[[], T], seconds: float, what: str) -> T:
    """What happened() gives, once it is true; `what` is said where that is not within so many seconds.

    seconds: far more than it takes on a quiet machine.  A busy one gets longer.
    """
    limit = time.monotonic() + max(seconds, min(SLOWER * seconds, PATIENCE))
    while not np.any(found := happened()):
        assert time.monotonic() < limit, what
        time.sleep(POLL_SECONDS)
    return found


def skip_without(programs: Sequence[str]) -> None:
    """Skip the test where one of these programs is not installed."""
    missing = [name for name in programs if not shutil.which(name)]
    if missing:
        pytest.skip(f"needs a virtual screen: {', '.join(missing)} not installed")


@contextmanager
def killed(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Ends the process with the block."""
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def virtual_screen(width: int, height: int) -> Iterator[str]:
    """An X server with a screen of this size in pixels, as long as the block; gives its name, as in $DISPLAY."""
    read, write = os.pipe()
    command = ["Xvfb", "-noreset", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with killed(server), os.fdopen(read) as display:
        number = display.readline().strip()  # comes when it can be reached
        assert number, "the X server does not start"
        yield f":{number}"


def seen(environment: dict[str, str], window: str = "") -> np.ndarray:
    """What the screen shows, (height, width, 3) uint8 RGB.

    environment: with the $DISPLAY; window: the id of one that is shown alone, with its frame.
    """
    which = ["-id", window, "-frame"] if window else ["-root"]
    for _ in range(SHOTS):
        done = subprocess.run(["xwd", "-silent", *which], env=environment, capture_output=True)
        if not done.returncode:
            break
        time.sleep(POLL_SECONDS)
    done.check_returncode()
    return picture_of(done.stdout)


def picture_of(dump: bytes) -> np.ndarray:
    """The picture, (height, width, 3) uint8 RGB, in what `xwd` writes."""
    # An X window dump: a header of big-endian numbers, the colour map, the pixels.
    header = struct.unpack(">25I", dump[:100])
    start, width, height, row, colours = header[0], header[4], header[5], header[12], header[19]
    size = header[11] // 8
    pixels = np.frombuffer(dump, np.uint8, row * height, start + 12 * colours).reshape(height, row)
    return np.ascontiguousarray(pixels[:, : width * size].reshape(height, width, size)[..., 2::-1])
