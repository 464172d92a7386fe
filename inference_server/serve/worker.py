"""A worker, as the server sees it: a queue, and a process that works through it, one request after the other.

The process is started with the first request.  Where it ends, for want of memory say, the request it had fails with a
sentence and the next one gets a new process.  A request that nobody wants any more is answered at once; the process is
asked to give it up, and what it still says of it is dropped.

Two threads own the process's pipes, so that the server's thread never waits for them.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import zmq

from ..shared.link import Bytes
from ..shared.text import tr
from . import channel
from .channel import Tag
from .requests import FairQueue, QueuedRequest

INBOX = "inproc://workers"  # where the server's thread gets what they say: [name, process number, tag, *parts]
STUBBORN_SECONDS = 15  # after which a process that does not give up a cancelled request makes way for the next one
NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows a console would show for a moment
OWN_COMMAND = (sys.executable, "-m", "inference_server.serve.performer")
MOST_IMAGES = 100  # that a process is expected to have embeddings of


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a worker's process is started.

    device: what it computes on, "" for the best there is.  environment: what it finds there beside this process's own.
    """

    command: Sequence[str] = OWN_COMMAND
    device: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


class Worker:
    """A queue and its process.  For the server's thread alone.

    kinds: the classes of the messages that belong here.  current: the request the process works on.  starts: how many
    processes there have been, one after the other.
    """

    def __init__(
        self,
        name: str,
        kinds: tuple[type, ...],
        context: "zmq.Context[zmq.Socket[bytes]]",
        launch: Launch,
    ) -> None:
        self.name, self.kinds, self.launch = name, kinds, launch
        self._context = context
        self._waiting = FairQueue()
        self._images: OrderedDict[str, None] = OrderedDict()  # that the process was asked about, the latest last
        self.starts = 0
        self._process: _Process | None = None
        self.current: QueuedRequest | None = None

    @property
    def waiting(self) -> Iterator[QueuedRequest]:
        """The requests that the process does not have yet, in their order."""
        return iter(self._waiting)

    @property
    def unfinished(self) -> list[QueuedRequest]:
        """The requests that somebody waits for, in their order."""
        current = [self.current] if self.current and self.current.cancelled is None else []
        return [*current, *self._waiting]

    @property
    def is_busy(self) -> bool:
        """Whether there is anything to do, be it to get rid of a cancelled request."""
        return self.current is not None or any(self._waiting)

    @property
    def load(self) -> int:
        """The number of requests to be done, or to be got rid of, before another one would be begun."""
        return (self.current is not None) + len([*self._waiting])

    @property
    def images(self) -> set[str]:
        """The keys of the images whose embeddings its process has, or will have."""
        return {*self._images, *(request.image for request in self._waiting)} - {""}

    def add(self, request: QueuedRequest) -> None:
        """Put a request in the queue."""
        self._waiting.add(request)

    def start_next(self) -> None:
        """Hand the next request to the process if it has none."""
        if self.current is None:
            self.current = self._waiting.take()
            if self.current is not None:
                self.current.progress_message = tr("Starting")
                self._hand_over(self.current)
        elif self._is_stubborn() and self._process:
            self._process.kill()  # and `take` hears that it has ended

    def cancel(self, request: QueuedRequest) -> None:
        """Give up an unfinished request, whose client needs no answer from the process any more."""
        request.cancelled = time.monotonic()
        if not self._waiting.remove(request) and self._process and request is self.current:
            self._process.send(_Order(Tag.CANCEL, [str(request.number).encode()]))

    def take(self, process: bytes, tag: Tag) -> QueuedRequest | None:
        """Take note of what came from a process.  Returns the request it is about; None where nobody is interested."""
        if process != str(self.starts).encode():
            return None
        request = self.current
        if tag in (Tag.RESULT, Tag.ENDED):
            self.current = None
        if tag == Tag.ENDED:
            self._process = None
            self._images.clear()
        return request if request and request.cancelled is None else None

    def stop(self) -> None:
        """Have the process end."""
        if self._process:
            self._process.send(None)

    def join(self, seconds: float) -> None:
        """Wait until the process has ended; one that has not after so long is killed."""
        if self._process:
            self._process.join(seconds)

    def _hand_over(self, request: QueuedRequest) -> None:
        if self._process is None or self._process.has_ended:  # it may have, a moment before it is heard of
            self.starts += 1
            self._process = _Process(self.name, self.starts, self.launch, self._context)
            self._images.clear()
        self._remember(request.image)
        request.begun = time.monotonic()
        number = str(request.number).encode()
        lengths = [len(number), len(request.header), *request.envelope.sizes]
        parts: list[Bytes] = [number, request.header, *(frame.buffer for frame in request.pieces)]
        request.pieces = ()
        self._process.send(_Order(Tag.REQUEST, parts, lengths))

    def _remember(self, image: str) -> None:
        self._images[image] = None
        self._images.move_to_end(image)
        if len(self._images) > MOST_IMAGES:
            self._images.popitem(last=False)

    def _is_stubborn(self) -> bool:
        """Whether others wait for the process to give up what it was asked to long ago."""
        if self.current is None or self.current.cancelled is None or not any(self._waiting):
            return False
        return time.monotonic() - self.current.cancelled > STUBBORN_SECONDS


@dataclass
class _Order:
    """A message to a process, as in `channel.write`."""

    tag: Tag
    parts: list[Bytes]
    lengths: list[int] | None = None


class _Process:
    """A worker's process and the two threads at its pipes."""

    def __init__(self, name: str, number: int, launch: Launch, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        self._source = [name.encode(), str(number).encode()]
        self._launch, self._context = launch, context
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_silent = False  # whether it has closed its output
        self._thread = threading.Thread(target=self._listen, name=name, daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """Whether the process was started and has ended since, as far as this can be known."""
        # Popen does not say so while the thread that reads waits for the exit status.
        return self._is_silent or (self._process is not None and self._process.poll() is not None)

    def send(self, order: _Order | None) -> None:
        """Give the process something to do; None has it end."""
        self._orders.put(order)

    def kill(self) -> None:
        """End the process at once."""
        if self._process:
            self._process.kill()

    def join(self, seconds: float) -> None:
        """Wait until the process has ended; one that has not after so long is killed."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.kill()

    def _listen(self) -> None:
        """The thread that starts the process and reads what it says."""
        outbox = self._context.socket(zmq.PUSH)
        outbox.linger = 0
        outbox.connect(INBOX)
        try:
            process = self._process = subprocess.Popen(
                self._launch.command,
                env={**os.environ, **self._launch.environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                creationflags=NO_WINDOW,
            )
        except OSError as error:
            outcome = f"not started: {error.strerror}"
        else:
            threading.Thread(target=self._talk, args=(process,), daemon=True).start()
            assert process.stdout
            with contextlib.suppress(zmq.ZMQError):
                while parts := channel.read(process.stdout):
                    outbox.send_multipart([*self._source, *parts], copy=False)
            self._is_silent = True
            self._orders.put(None)
            outcome = str(process.wait())
        with contextlib.suppress(zmq.ZMQError):  # the server has closed its sockets
            outbox.send_multipart([*self._source, Tag.ENDED.encode(), outcome.encode()])
        outbox.close()

    def _talk(self, process: "subprocess.Popen[bytes]") -> None:
        """The thread that writes what the process is to do."""
        assert process.stdin
        with contextlib.suppress(OSError, ValueError):  # it has ended
            while (order := self._orders.get()) is not None:
                channel.write(process.stdin, order.tag, order.parts, order.lengths)
                del order  # its pixels
        with contextlib.suppress(OSError):
            process.stdin.close()
