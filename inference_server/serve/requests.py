"""Requests on their way through the server, and the queue in which they wait for a worker."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import zmq

from ..shared import wire
from ..shared.text import tr
from ..shared.wire import Envelope

REPORT_SECONDS = 0.5
SHORT_SECONDS = 1  # what takes no longer is not reported: an overlay that comes at once needs no progress bar


class Sender(NamedTuple):
    """Who sent a message.  client: its connection; key: of another computer, "" for this user's own programs."""

    client: bytes
    key: str

    @property
    def owner(self) -> bytes:
        """Who takes turns with others, and has a share of the queue."""
        return self.key.encode() or self.client


@dataclass(eq=False)
class QueuedRequest:
    """A request on its way through the queue.

    number: its own among all of a server.  pieces: its body and frames, gone once the worker has them.  image: the key
    of the image that it is about, "" for none.  share, progress_message: how far its work is, as in `Monitor`.  Times,
    as of `time.monotonic`: came: when it came; begun: when a worker began with it, 0 before; reported: when its client
    was last told; cancelled: when nobody wanted its result any more, None while somebody does.
    """

    sender: Sender
    envelope: Envelope
    header: bytes
    pieces: Sequence[zmq.Frame]
    number: int = 0
    share: float = 0.0
    progress_message: str = tr("Waiting")
    reported: float = field(default_factory=lambda: time.monotonic() + SHORT_SECONDS - REPORT_SECONDS)
    cancelled: float | None = None
    came: float = field(default_factory=time.monotonic)
    begun: float = 0.0
    image: str = field(init=False)

    def __post_init__(self) -> None:
        self.image = wire.image_key_of(self.pieces[0].buffer) if self.pieces else ""

    @property
    def size(self) -> int:
        """Bytes of its body and frames."""
        return sum(self.envelope.sizes)


class FairQueue:
    """Requests that wait.  Their owners take turns; those of one owner come in their order."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, deque[QueuedRequest]] = {}  # by owner, whose turn is next first

    def __iter__(self) -> Iterator[QueuedRequest]:
        """In the order in which they are taken if no more come."""
        for k in range(max(map(len, self._waiting.values()), default=0)):
            yield from (waiting[k] for waiting in self._waiting.values() if k < len(waiting))

    def add(self, request: QueuedRequest) -> None:
        """Put a request behind its owner's others."""
        self._waiting.setdefault(request.sender.owner, deque()).append(request)

    def take(self) -> QueuedRequest | None:
        """The next request, which is no longer in the queue; None where there is none."""
        if not self._waiting:
            return None
        owner = next(iter(self._waiting))
        waiting = self._waiting.pop(owner)
        request = waiting.popleft()
        if waiting:
            self._waiting[owner] = waiting  # at the end
        return request

    def remove(self, request: QueuedRequest) -> bool:
        """Take out a request.  Returns whether it was there."""
        waiting = self._waiting.get(request.sender.owner, deque())
        if request not in waiting:
            return False
        waiting.remove(request)
        if not waiting:
            del self._waiting[request.sender.owner]
        return True
