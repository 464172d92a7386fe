"""A conversation with the server on a thread of its own, for a window that must never freeze."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from inference_server.shared.errors import ErrorCode, UserError, cancelled_error
from inference_server.shared.messages import R
from inference_server.shared.monitor import Monitor
from inference_server.shared.text import tr

from .background import BackgroundTasks, internal_error
from .connection import Partial, PhotoRequest, connect

if TYPE_CHECKING:
    from inference_server.shared.client import Client


def _ignore_progress(share: float, message: str) -> None:
    pass


def _ignore_partial(message: object, frames: list[bytes]) -> None:
    pass


@dataclass(eq=False, kw_only=True)
class PendingRequest(Generic[R]):
    """A request that was asked and is not answered yet; the callbacks are those of `RequestWorker.ask`."""

    request: PhotoRequest[R]
    answered: Callable[[R, list[bytes]], None]
    failed: Callable[[UserError], None]
    progress: Callable[[float, str], None]
    partial: Partial
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _dropped: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Have the server stop.  The only callback that follows is failed(error), with ErrorCode.CANCELLED."""
        self._cancelled.set()

    def drop(self) -> None:
        """Have the server stop.  No callback follows."""
        self._dropped.set()
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether the server is to stop."""
        return self._cancelled.is_set()

    @property
    def is_dropped(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._dropped.is_set()


class RequestWorker:
    """One thread with one connection, which asks one request after the other.

    A server that is gone is started again and asked again, once.  Everything here is called on the main loop's thread,
    where the callbacks are called too.
    """

    def __init__(self, tasks: BackgroundTasks) -> None:
        """tasks: what the callbacks are delivered by; none is once it is closed."""
        self.tasks = tasks
        self._queue: queue.SimpleQueue[PendingRequest[Any] | None] = queue.SimpleQueue()
        self._slots: dict[str, PendingRequest[Any]] = {}
        self._closed = threading.Event()
        self._client: Client | None = None  # the thread's alone
        threading.Thread(target=self._work, name="requests", daemon=True).start()

    def ask(
        self,
        request: PhotoRequest[R],
        answered: Callable[[R, list[bytes]], None],
        failed: Callable[[UserError], None],
        *,
        progress: Callable[[float, str], None] = _ignore_progress,
        partial: Partial = _ignore_partial,
        slot: str = "",
    ) -> PendingRequest[R]:
        """Ask; in the end answered(result, frames) or failed(error) is called.

        progress(share, message), partial(message, frames): called before that, as in `Client.request`.  slot: a name
        under which only the newest request counts: those before it are dropped.
        """
        pending = PendingRequest(request=request, answered=answered, failed=failed, progress=progress, partial=partial)
        if slot:
            self.cancel(slot)
            self._slots[slot] = pending
        self._queue.put(pending)
        return pending

    def cancel(self, slot: str) -> None:
        """Drop the request in this slot, if there is one."""
        if slot in self._slots:
            self._slots.pop(slot).drop()

    def close(self) -> None:
        """Drop every request and end the connection."""
        self._closed.set()
        self._queue.put(None)

    # -- on the main loop -----------------------------------------------------------------------------------------

    def _deliver_news(self, pending: PendingRequest[Any], callback: Callable[..., None], *news: object) -> None:
        if not pending.is_cancelled and not self._closed.is_set():
            callback(*news)

    def _deliver_result(self, pending: PendingRequest[Any], result: object, frames: list[bytes]) -> None:
        if pending.is_cancelled:  # too late for the server
            self._deliver_error(pending, cancelled_error())
        elif not self._closed.is_set():
            pending.answered(result, frames)

    def _deliver_error(self, pending: PendingRequest[Any], error: UserError) -> None:
        if not pending.is_dropped and not self._closed.is_set():
            pending.failed(cancelled_error() if pending.is_cancelled else error)

    # -- on the thread --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (pending := self._queue.get()) is not None:
            if pending.is_dropped or self._closed.is_set():
                continue
            try:
                result, frames = self._send(pending)
            except UserError as error:
                self.tasks.post(self._deliver_error, pending, error)
            except Exception as error:
                self.tasks.post(self._deliver_error, pending, internal_error(error))
            else:
                self.tasks.post(self._deliver_result, pending, result, frames)
        self._disconnect()

    def _send(self, pending: PendingRequest[R]) -> tuple[R, list[bytes]]:
        """Ask the server and wait.  Raises UserError."""

        def progress(share: float, message: str) -> None:
            self.tasks.post(self._deliver_news, pending, pending.progress, share, message)

        def partial(message: object, frames: list[bytes]) -> None:
            self.tasks.post(self._deliver_news, pending, pending.partial, message, frames)

        monitor = Monitor(on_progress=progress, is_cancelled=lambda: pending.is_cancelled or self._closed.is_set())
        may_retry = self._client is not None
        while True:
            try:
                if self._client is None:
                    self._client = connect(lambda sentence: progress(0.0, sentence))
                return pending.request.send(self._client, monitor=monitor, partial=partial)
            except UserError as error:
                if error.code in (ErrorCode.SERVER_GONE, ErrorCode.SILENT):
                    self._disconnect()
                if error.code != ErrorCode.SERVER_GONE or not may_retry or pending.is_cancelled:
                    raise
                may_retry = False
                progress(0.0, tr("The inference server stopped. It is started again…"))

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
