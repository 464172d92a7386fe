"""A worker process that has its work done elsewhere: it passes on what the server and that say.

Where the other side ends with a request, another one gets the request, once: a machine that is lost costs time.
"""

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Protocol

from ..shared import wire
from ..shared.errors import ErrorCode, UserError, cancelled_error
from ..shared.messages import Preview
from . import channel
from .channel import Tag
from .failures import failure

TRIES = 2  # that a request has


class Host(Protocol):
    """Where the work is done: a `worker_process.WorkerProcess`, which reads and says messages of `channel`."""

    def tell(self, tag: Tag, parts: Sequence[bytes]) -> None:
        """Send it a message, without waiting; one that has ended takes it, too."""

    def hear(self) -> Iterator[list[bytes]]:
        """What it says, message by message, until it has ended."""

    def end(self) -> None:
        """Nothing more is asked of it, and what it still says does not count."""


class Bridge:
    """Between the server's pipes and a host, which is there from the first request on.

    One thread reads from the server, and one from each host; what they hear is dealt with by the thread that calls
    `work`.
    """

    def __init__(
        self,
        source: BinaryIO,
        sink: BinaryIO,
        begin: Callable[[], Host],
        better: Callable[[], Host | None] = lambda: None,
    ) -> None:
        """begin: gives another host, or raises UserError.  better: one that is to take over from the one that is there,
        from the next request on."""
        self._source, self._sink, self._begin, self._better = source, sink, begin, better
        self._heard: queue.SimpleQueue[tuple[Host | None, list[bytes] | None]] = queue.SimpleQueue()
        self._host: Host | None = None
        self._order: _Order | None = None

    def work(self) -> None:
        """Pass on what is said, for ever."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            origin, parts = self._heard.get()
            if origin is None and parts:
                self._take(parts)
            elif origin is self._host and parts:
                self._answer(parts)
            elif origin is self._host:
                self._lose_host()

    def _read(self) -> None:
        while parts := channel.read(self._source):
            self._heard.put((None, parts))
        os._exit(0)  # the server is gone, and what works for this process goes with it

    def _listen(self, host: Host) -> None:
        for parts in host.hear():
            self._heard.put((host, parts))
        self._heard.put((host, None))

    def _take(self, parts: list[bytes]) -> None:
        """What the server says."""
        if parts[0].decode() == Tag.REQUEST:
            self._order = _Order(parts[1:])
            if self._host and (better := self._better()):
                self._host.end()
                self._take_on(better)
            self._try()
        elif self._order and self._order.number == parts[1]:
            self._order.is_cancelled = True
            if self._host:
                self._host.tell(Tag.CANCEL, parts[1:])

    def _try(self) -> None:
        """Give the request to the host, if need be to a new one."""
        assert self._order
        self._order.begin()
        try:
            host = self._host or self._take_on(self._begin())
        except UserError as error:
            self._fail(error)
        else:
            host.tell(Tag.REQUEST, self._order.parts)

    def _take_on(self, host: Host) -> Host:
        self._host = host
        threading.Thread(target=self._listen, args=(host,), daemon=True).start()
        return host

    def _answer(self, parts: list[bytes]) -> None:
        """What the host says."""
        tag, *said = parts
        if self._order and tag.decode() == Tag.ANSWER and self._order.was_passed_on(said):
            return
        if tag.decode() == Tag.RESULT:
            self._order = None
        self._write(Tag(tag.decode()), said)

    def _lose_host(self) -> None:
        self._host, order = None, self._order
        if order is None:
            return
        log = f"job={order.number.decode()} lost its worker in try {order.tries}"
        self._write(Tag.LOG, [str(logging.WARNING).encode(), log.encode()])
        if order.is_cancelled:
            self._fail(cancelled_error())
        elif order.tries < TRIES:
            self._try()
        else:
            self._fail(lost_error())

    def _fail(self, error: UserError) -> None:
        assert self._order
        self._write(Tag.RESULT, wire.encode(self._order.envelope.request_id, failure(error)))
        self._order = None

    def _write(self, tag: Tag, parts: Sequence[wire.Bytes]) -> None:
        try:
            channel.write(self._sink, tag, parts)
        except OSError:
            os._exit(0)  # the server is gone


class _Order:
    """A request under way.

    parts: as in `channel.Tag.REQUEST`.  tries: how often it was given to a host.
    """

    def __init__(self, parts: list[bytes]) -> None:
        self.parts, self.number, self.envelope = parts, parts[0], wire.read_envelope(parts[1])
        self.is_cancelled = False
        self.tries = self._answers = self._passed_on = 0

    def begin(self) -> None:
        """Take note of another try."""
        self.tries += 1
        self._passed_on, self._answers = max(self._passed_on, self._answers), 0

    def was_passed_on(self, answer: Sequence[bytes]) -> bool:
        """Whether an earlier try has given this answer, which comes before the result.  Of previews nobody counts."""
        if wire.read_envelope(answer[0]).message_type is Preview:
            return False
        self._answers += 1
        return self._answers <= self._passed_on


def lost_error() -> UserError:
    """The error for a request whose workers have ended."""
    return UserError(
        ErrorCode.FAILED,
        "What worked on this has ended twice.",
        "Nothing was changed. See whether the other machines run, and have enough memory; then try again.",
    )
