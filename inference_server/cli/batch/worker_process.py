"""A worker as a process of its own: tasks come as lines of JSON, and the manifest's lines go back.

    python -m inference_server.cli.batch.worker_process

The first line says what all of them are about (`Start`).  The process ends with the pipe that it reads from.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from ...models.store import Store

READY = "ready"  # what a worker says first, when it can be given photos


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a worker has to know.  text: the recipe's; name: what to call that; base: what its paths are relative to;
    folder: of the results; threads: that OpenCV and libvips may use; here: what the paths of photos are relative to."""

    text: str
    name: str
    base: str
    folder: str
    threads: int
    here: str

    def to_json(self) -> str:
        """For another process; `of_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, line: str) -> "Start":
        """What another process of the batch has written."""
        return cls(**json.loads(line))


def prepared(start: Start, store: "Store | None" = None) -> Callable[[str], str]:
    """Load what a worker needs; returns what turns a task into the manifest's line, both as JSON.

    store: where models are, by default this user's.  Several threads may call it.  Raises UserError.
    """
    # Read when libraries are loaded.  One thread for each worker: several that share one photo wait for one another.
    os.environ.update(OMP_NUM_THREADS="1", VIPS_CONCURRENCY=str(start.threads))
    os.chdir(start.here)
    import cv2

    from . import manifest, recipes
    from .photo_worker import PhotoWorker, Task

    cv2.setNumThreads(start.threads)
    worker = PhotoWorker(recipes.parse(start.text, start.name, Path(start.base)), Path(start.folder), store)

    def do(task: str) -> str:
        return json.dumps(manifest.as_dict(worker.do(Task.of_json(task))))

    return do


def main() -> None:
    """Work until there is nobody left to work for."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what a library prints must not get between the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the batch
    do, talking = prepared(Start.of_json(sys.stdin.readline())), threading.Lock()
    _say(answers, talking, READY)

    def answer(task: str) -> None:
        try:
            _say(answers, talking, do(task))
        except BaseException:
            os._exit(1)  # otherwise the batch would wait for ever

    pool = ThreadPoolExecutor()
    for line in sys.stdin:
        pool.submit(answer, line)
    os._exit(0)  # whatever is being worked on


def _say(answers: TextIO, talking: threading.Lock, line: str) -> None:
    try:
        with talking:
            answers.write(line + "\n")
    except OSError:
        os._exit(0)  # nobody is left


if __name__ == "__main__":
    main()
