"""The process that does the work: it reads requests, calls the engine, and writes the answers.

One thread reads, so that a cancel is heard while the other works; the process ends with the pipe that it reads from.
"""

import contextlib
import ctypes
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from ..shared import messages, paths, wire
from ..shared.errors import ErrorCode, UserError, no_memory_error
from ..shared.messages import Progress
from ..shared.monitor import Monitor
from ..shared.text import Translatable, tr
from . import channel, places
from .channel import Tag
from .failures import failure, internal_error

log = logging.getLogger("inference_server")

YIELDING = 5  # so that the server answers, and GIMP draws, while all cores work
PROGRESS_SECONDS = 0.1  # between two reports, at least
IDLE_SECONDS = 1.0

Answer = tuple[messages.Message, list[bytes]]
Send = Callable[[messages.Message, list[bytes]], None]
# (request, its frames, monitor, send) -> (result, its frames); raises UserError, and ProtocolError for a request that
# contradicts itself.
Perform = Callable[[messages.AnyRequest, list[bytes], Monitor, Send], Answer]


def run(perform: Perform) -> None:
    """Work until the server ends.  The process's own input and output are the pipes to it."""
    source, sink = pipes()
    if os.name == "posix":
        os.nice(YIELDING)
    _volunteer_for_the_lack_of_memory()
    WorkerProcess(perform, source, sink).work()


def pipes() -> tuple[BinaryIO, BinaryIO]:
    """What the process reads from the server and writes to it, which were its own input and output."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what a library prints must not get between the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server
    return source, sink


class WorkerProcess:
    """Two threads between two pipes."""

    def __init__(self, perform: Perform, source: BinaryIO, sink: BinaryIO) -> None:
        self._perform, self._source, self._sink = perform, source, sink
        self._requests: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._newest: _Order | None = None
        self._progressed = threading.Event()
        self._writing = threading.Lock()
        log.addHandler(_LogSender(self._log))
        log.setLevel(logging.INFO)
        log.propagate = False

    def work(self) -> None:
        """Do what is asked for, for ever."""
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._report, daemon=True).start()
        while True:
            self._work_on(self._next())

    def _next(self) -> "_Order":
        """The next request.  Memory is given back while none comes: a click does not wait for that."""
        try:
            return self._requests.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            _give_memory_back()
            return self._requests.get()

    def _listen(self) -> None:
        while parts := channel.read(self._source):
            tag, number, *rest = parts
            if tag.decode() == Tag.REQUEST:
                self._newest = _Order(number, *rest)
                self._requests.put(self._newest)
            elif self._newest and self._newest.number == number:
                self._newest.cancelled.set()
        os._exit(0)  # the server is gone, whatever is being worked on

    def _work_on(self, order: "_Order") -> None:
        send = partial(self._send, Tag.ANSWER, order)
        result, frames = self._result(order, send)
        self._send(Tag.RESULT, order, result, frames)

    def _result(self, order: "_Order", send: Send) -> Answer:
        """The result of a request, or the Failure that takes its place."""
        begun, kind = time.monotonic(), f"job={order.number.decode()} {order.envelope.message_type.__name__}"

        def on_progress(share: float, message: str) -> None:
            order.progress = Progress(share=share, message=Translatable.of(message))
            self._progressed.set()

        monitor = Monitor(on_progress=on_progress, is_cancelled=order.cancelled.is_set)
        try:
            message = cast(messages.AnyRequest, wire.read_body(order.envelope, order.body))
            result, frames = self._perform(message, order.frames, monitor, send)
        except UserError as error:
            log.info("%s refused: %s", kind, error.code)
            return failure(error), []
        except wire.ProtocolError as error:
            log.warning("%s was malformed", kind)
            return failure(UserError(ErrorCode.BAD_REQUEST, tr("The request was malformed: {error}.", error=error))), []
        except Exception as error:
            return failure(_fault(kind, error)), []
        received, sent = (sum(map(len, some)) / 1e6 for some in (order.frames, frames))
        log.info("%s done in %.3f s, %.2f MB in, %.2f MB out", kind, time.monotonic() - begun, received, sent)
        return result, frames

    def _report(self) -> None:
        """Tell the server how far the work is, now and then."""
        while self._progressed.wait():
            self._progressed.clear()
            order = self._newest
            if order and order.progress:
                self._send(Tag.PROGRESS, order, order.progress, [])
            time.sleep(PROGRESS_SECONDS)

    def _send(self, tag: Tag, order: "_Order", message: messages.Message, frames: list[bytes]) -> None:
        parts = wire.encode(order.envelope.request_id, message, frames)
        with self._writing:
            if not order.done:
                order.done = tag == Tag.RESULT
                self._write(tag, parts)

    def _log(self, *parts: bytes) -> None:
        with self._writing:
            self._write(Tag.LOG, parts)

    def _write(self, tag: Tag, parts: Sequence[wire.Bytes]) -> None:
        try:
            channel.write(self._sink, tag, parts)
        except OSError:
            os._exit(0)  # the server is gone


class _Order:
    """A request as it has come.

    cancelled: set when nobody wants its result any more.  progress: how far it is.  done: whether its result was sent.
    """

    def __init__(self, number: bytes, header: bytes, body: bytes, *frames: bytes) -> None:
        self.number, self.envelope, self.body, self.frames = number, wire.read_envelope(header), body, list(frames)
        self.cancelled = threading.Event()
        self.progress: Progress | None = None
        self.done = False


class _LogSender(logging.Handler):
    """Passes on what is logged here to the server, whose file it is."""

    def __init__(self, send: Callable[[bytes, bytes], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(str(record.levelno).encode(), record.getMessage().encode())


def _fault(kind: str, error: Exception) -> UserError:
    """What a person is told of an exception that nobody foresaw; the log gets its kind and where it was raised."""
    from ..imaging.files import memory

    if memory.is_lack(error):
        log.error("%s ran out of memory", kind)
        return no_memory_error()
    log.error("%s failed: %s", kind, places.of(error))
    return internal_error(paths.home() / "server.log")


def _give_memory_back() -> None:
    """Give the system what the C library keeps of the arrays that are gone, where that can be said: glibc."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim:
            trim(0)


def _volunteer_for_the_lack_of_memory() -> None:
    """Have Linux end this process before others, where it runs out of memory: it is started anew, they are not."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
