"""The workers of a batch: what it gives them and hears of them, and those that are processes of this machine."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import Protocol

from .manifest import Entry, of_json
from .photo_worker import Task
from .worker_process import READY, Start

COMMAND = (sys.executable, "-m", "inference_server.cli.batch.worker_process")
LEAVING = 5.0  # seconds a worker may take to end before it is killed


@dataclass(frozen=True)
class Ready:
    """A worker can be given photos."""

    slot: int


@dataclass(frozen=True)
class Answered:
    """A worker has done a photo, or has said why not."""

    slot: int
    entry: Entry


@dataclass(frozen=True)
class Ended:
    """A worker has ended with all the photos that it had; another one is on its way."""

    slot: int


Event = Ready | Answered | Ended


class Crew(Protocol):
    """Some workers, each in a slot of a number from 0 on."""

    slots: int

    def give(self, slot: int, task: Task) -> None:
        """Have a worker that is ready do a photo.  It may have several: reading, working and writing overlap."""

    def next(self, seconds: float) -> Event | None:
        """What has happened next; None where nothing has for so long."""

    def close(self) -> None:
        """End all workers, whatever they are doing."""


class LocalCrew:
    """Workers that are processes of this machine."""

    def __init__(self, start: Start, slots: int, lock: int) -> None:
        """lock: the file descriptor of the batch's lock, which its workers hold too."""
        self.slots = slots
        self._start, self._lock = start, lock
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._processes = [self._begin(slot) for slot in range(slots)]

    def give(self, slot: int, task: Task) -> None:
        """As `Crew.give`."""
        stdin = self._processes[slot].stdin
        assert stdin
        with contextlib.suppress(OSError):  # it has ended, which is heard of
            stdin.write(task.to_json() + "\n")
            stdin.flush()

    def next(self, seconds: float) -> Event | None:
        """As `Crew.next`."""
        try:
            event = self._events.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(event, Ended):
            self._processes[event.slot] = self._begin(event.slot)
        return event

    def close(self) -> None:
        """As `Crew.close`."""
        for process in self._processes:
            assert process.stdin
            with contextlib.suppress(OSError):
                process.stdin.close()
        for process in self._processes:
            try:
                process.wait(LEAVING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _begin(self, slot: int) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            pass_fds=(self._lock,) if os.name == "posix" else (),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        assert process.stdin
        with contextlib.suppress(OSError):
            process.stdin.write(self._start.to_json() + "\n")
            process.stdin.flush()
        threading.Thread(target=self._listen, args=(slot, process), daemon=True).start()
        return process

    def _listen(self, slot: int, process: "subprocess.Popen[str]") -> None:
        """The thread that hears what a worker says."""
        assert process.stdout
        with process.stdout as said:
            for line in said:
                if line == f"{READY}\n":
                    self._events.put(Ready(slot))
                elif entry := of_json(line.encode()):
                    self._events.put(Answered(slot, entry))
        process.wait()
        self._events.put(Ended(slot))
