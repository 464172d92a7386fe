"""A real server whose worker does what a request says, so that faults come when a test wants them, and cost little.

    python -m tests.faults.obedient ADDRESS [COUNT]     the server, with its log in the private folder, and so many
                                                        workers that compute
    python -m tests.faults.obedient                     such a worker

The order is the `model` of a `Locate`: one of the words below, and a number.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from inference_server.serve import process, server, worker, worker_process
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
    if word == "answer":
        return _located(os.getpid()), [bytes(int(argument) << 20)]
    DEEDS.get(word, str)(argument)
    return _located(os.getpid()), []


def _raise(error: Exception) -> NoReturn:
    raise error


DEEDS: dict[str, Callable[[str], object]] = {
    "sleep": lambda seconds: time.sleep(float(seconds)),  # deaf to any cancel
    "hold": lambda seconds: sum(range(int(float(seconds) * 3e7))),  # the interpreter's lock, as a long call does
    "refuse": lambda secret: _raise(wrong_input(tr("{secret} is no photo.", secret=secret))),
    "fail": lambda secret: _raise(ValueError(secret)),
    "lack": lambda secret: _raise(MemoryError(secret)),
    "abort": lambda _: os.abort(),
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
}


def _located(x: int) -> Located:
    """An answer that says which process gives it."""
    return Located(bounds=Window(x, 0, 1, 1), window=Window(0, 0, 9, 9), score=1.0)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        worker_process.run(obey)
    else:
        process._start_log(paths.home())
        worker.STUBBORN_SECONDS = 1
        count = int([*sys.argv, "1"][2])
        os._exit(server.run(sys.argv[1], lambda: IDLE_SECONDS, [Launch(command=PROGRAM)] * count))
