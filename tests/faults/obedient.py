"""A real server whose worker does what a request says, so that faults come when a test wants them, and cost little.

    python -m tests.faults.obedient ADDRESS [COUNT [bridged]]   the server, with its log in the private folder, and so
                                                                many workers that compute, behind bridges or not
    python -m tests.faults.obedient                             such a worker
    python -m tests.faults.obedient bridge                      the bridge to one

The order is the `model` of a `Locate`: one of the words below, and a number, or the file that is waited for.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from inference_server.serve import bridge, channel, process, server, worker, worker_process
from inference_server.serve.worker import Launch
from inference_server.serve.worker_process import Answer, Send
from inference_server.shared import paths
from inference_server.shared.errors import wrong_input
from inference_server.shared.geometry import Window
from inference_server.shared.messages import AnyRequest, ImageRef, Job, Locate, Located, Target
from inference_server.shared.monitor import Monitor
from inference_server.shared.text import tr

PROGRAM = [sys.executable, "-m", "tests.faults.obedient"]
IDLE_SECONDS = 60
BEGUN = 0.5
"""The progress that says that the worker has begun with an order."""


def order(words: str, image: str = "") -> Locate:
    """A request to do so.  image: the key of the image that it is about."""
    return Locate(job=Job.REMOVE, image=ImageRef(width=9, height=9, key=image), target=Target(), model=words)


def obey(message: AnyRequest, frames: list[bytes], monitor: Monitor, send: Send) -> Answer:
    """As `worker_process.Perform`."""
    assert isinstance(message, Locate)
    word, _, argument = message.model.partition(" ")
    monitor.report(BEGUN, "Begun")
    if word == "work":
        end = time.monotonic() + float(argument)
        while time.monotonic() < end:
            monitor.report(BEGUN, "Working")
            time.sleep(0.01)
    while word == "await" and not Path(argument).exists():
        monitor.report(BEGUN, "Waiting")
        time.sleep(0.01)
    if word == "answer":
        return _located(os.getpid()), [bytes(int(argument) << 20)]
    DEEDS.get(word, str)(argument)
    return _located(os.getpid()), []


def _raise(error: Exception) -> NoReturn:
    raise error


def _kill_once(file: str) -> None:
    """End this process, unless one has ended so before."""
    if not Path(file).exists():
        Path(file).touch()
        os.kill(os.getpid(), signal.SIGKILL)


DEEDS: dict[str, Callable[[str], object]] = {
    "sleep": lambda seconds: time.sleep(float(seconds)),  # deaf to any cancel
    "hold": lambda seconds: sum(range(int(float(seconds) * 3e7))),  # the interpreter's lock, as a long call does
    "refuse": lambda secret: _raise(wrong_input(tr("{secret} is no photo.", secret=secret))),
    "fail": lambda secret: _raise(ValueError(secret)),
    "lack": lambda secret: _raise(MemoryError(secret)),
    "abort": lambda _: os.abort(),
    "kill-once": _kill_once,
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
}


class ObedientHost:
    """A worker at the other end of a bridge, as `bridge.Host`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, tag: channel.Tag, parts: Sequence[bytes]) -> None:
        with contextlib.suppress(OSError):
            channel.write(self._process.stdin, tag, parts)

    def hear(self) -> Iterator[list[bytes]]:
        while parts := channel.read(self._process.stdout):
            yield parts
        self._process.wait()


def _located(x: int) -> Located:
    """An answer that says which process gives it."""
    return Located(bounds=Window(x, 0, 1, 1), window=Window(0, 0, 9, 9), score=1.0)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        worker_process.run(obey)
    elif sys.argv[1] == "bridge":
        bridge.Bridge(*worker_process.pipes(), ObedientHost).work()
    else:
        process._start_log(paths.home())
        worker.STUBBORN_SECONDS = 1
        address, count, bridged = [*sys.argv[1:], "1", ""][:3]
        command = [*PROGRAM, "bridge"] if bridged else PROGRAM
        os._exit(server.run(address, lambda: IDLE_SECONDS, [Launch(command=command)] * int(count)))
