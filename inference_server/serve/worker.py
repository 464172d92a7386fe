"""The queue's worker threads: each works through the requests of some kinds, one after the other.

A worker's thread is handed a request over a queue and passes its answers back over an inproc socket, so that only the
server's thread ever touches the sockets that clients are connected to.  Progress is a plain attribute of the request:
written by the worker's thread, read by the server's.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import zmq

from ..shared import messages, paths, wire
from ..shared.errors import ErrorCode, UserError
from ..shared.messages import Failure
from ..shared.monitor import Monitor
from ..shared.text import tr

log = logging.getLogger("inference_server")

INBOX = "inproc://finished"  # where the server's thread gets answers: [finished, client, *message]
UNFINISHED = b""  # `finished` is the worker's name if it has no more to say on its request, else this
REPORT_SECONDS = 0.5
SHORT_SECONDS = 1  # what takes no longer is not reported: an overlay that comes at once needs no progress bar

Answer = tuple[messages.Message, list[bytes]]
Send = Callable[[messages.Message, list[bytes]], None]
# (request, its frames, monitor, send) -> (result, its frames); raises UserError, and ProtocolError for a request that
# contradicts itself.
Perform = Callable[[messages.AnyRequest, list[bytes], Monitor, Send], Answer]


@dataclass(eq=False)
class QueuedRequest:
    """A request on its way through the queue.

    share, progress_message: how far its work is, as in `Monitor`.  reported: when (`time.monotonic`) its client was
    last told.  cancelled: set when nobody wants its result any more.
    """

    client: bytes
    request_id: str
    message: messages.AnyRequest
    frames: list[bytes]
    share: float = 0.0
    progress_message: str = tr("Waiting")
    reported: float = field(default_factory=lambda: time.monotonic() + SHORT_SECONDS - REPORT_SECONDS)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def set_progress(self, share: float, message: str) -> None:
        """Take note of how far the work is."""
        self.share, self.progress_message = share, message


class Worker:
    """A thread and its queue.  All but the thread's own methods are for the server's thread alone.

    kinds: the classes of the messages that belong here.  current: the request the thread works on.
    """

    def __init__(
        self, name: str, kinds: tuple[type, ...], perform: Perform, context: "zmq.Context[zmq.Socket[bytes]]"
    ) -> None:
        self.name, self.kinds = name.encode(), kinds
        self._perform, self._context = perform, context
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._handed_over: queue.SimpleQueue[QueuedRequest | None] = queue.SimpleQueue()
        self._waiting: deque[QueuedRequest] = deque()
        self.current: QueuedRequest | None = None

    @property
    def unfinished(self) -> list[QueuedRequest]:
        """The current request and those that wait, in their order."""
        return [self.current, *self._waiting] if self.current else [*self._waiting]

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, request: QueuedRequest) -> None:
        """Put a request at the end of the queue."""
        self._waiting.append(request)

    def start_next(self) -> None:
        """Hand the next request to the thread if it has none."""
        if self.current is None and self._waiting:
            self.current = self._waiting.popleft()
            self.current.progress_message = tr("Starting")
            self._handed_over.put(self.current)

    def cancel(self, request: QueuedRequest) -> bool:
        """Cancel an unfinished request.  Returns whether it only waited, so that no answer to it will come."""
        request.cancelled.set()
        if request not in self._waiting:
            return False
        self._waiting.remove(request)
        return True

    def finish(self) -> None:
        """Take note that the thread has sent the result of the current request."""
        self.current = None

    def stop(self) -> None:
        """Cancel what runs, and have the thread end after it."""
        if self.current:
            self.current.cancelled.set()
        self._handed_over.put(None)

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, at most so long."""
        self._thread.join(seconds)

    # -- the thread's own -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        outbox = self._context.socket(zmq.PUSH)
        outbox.connect(INBOX)
        while (request := self._handed_over.get()) is not None:
            result, frames = self._result(request, partial(_pass_on, outbox, UNFINISHED, request))
            _pass_on(outbox, self.name, request, result, frames)
        outbox.close(0)

    def _result(self, request: QueuedRequest, send: Send) -> Answer:
        """The result of a request, or the Failure that takes its place."""
        begun = time.monotonic()
        kind = type(request.message).__name__
        monitor = Monitor(on_progress=request.set_progress, is_cancelled=request.cancelled.is_set)
        try:
            result, frames = self._perform(request.message, request.frames, monitor, send)
        except UserError as error:
            log.info("%s refused: %s", kind, error)
            return failure(error), []
        except wire.ProtocolError as error:
            log.warning("%s was malformed: %s", kind, error)
            return failure(UserError(ErrorCode.BAD_REQUEST, tr("The request was malformed: {error}.", error=error))), []
        except Exception as error:
            return failure(_fault(kind, error)), []
        received, sent = (sum(map(len, some)) / 1e6 for some in (request.frames, frames))
        log.info("%s done in %.3f s, %.2f MB in, %.2f MB out", kind, time.monotonic() - begun, received, sent)
        return result, frames


def failure(error: UserError) -> Failure:
    """An error as it travels."""
    return Failure(code=error.code, sentence=error.sentence, remedy=error.remedy)


def _fault(kind: str, error: Exception) -> UserError:
    """What a person is told of an exception that nobody foresaw; the log gets its traceback."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, of a device
        log.exception("%s ran out of memory", kind)
        remedy = "Close other programs, or work on a smaller part of the photo."
        return UserError(ErrorCode.NO_MEMORY, "There is not enough memory for this.", remedy)
    log.exception("%s failed", kind)
    remedy = tr("Nothing was changed. Please report it with the file {file}.", file=paths.home() / "server.log")
    return UserError(ErrorCode.INTERNAL, "Something went wrong in the inference server.", remedy)


def _pass_on(
    outbox: "zmq.Socket[bytes]", finished: bytes, request: QueuedRequest, message: messages.Message, frames: list[bytes]
) -> None:
    """Give an answer to the server's thread."""
    parts = wire.encode(request.request_id, message, frames)
    outbox.send_multipart([finished, request.client, *parts], copy=False)
