"""A link through a relay: a process of the server's Python that has pyzmq, where this one's has none.

Standard library only.  A relay lives as long as the pipe to it: it leaves when this process ends, however that ends.
"""

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Sequence

from . import pipe, processes, wire
from .endpoint import Endpoint
from .errors import ErrorCode, UserError
from .link import Bytes, LinkEvent
from .messages import Failure
from .pipe import Kind

STARTING_SECONDS = 30  # a cold disk and a virus scanner in the way
# Have glibc keep what is freed for the next message: to get it from the system again takes a quarter of the time that
# the relay works on one (12 MB both ways: 16 ms of the processor, with this 12).
KEPT = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}  # bytes, at most
News = list[Bytes] | LinkEvent | UserError


class Relays:
    """The relays of this process: one for each link that is open, and one that waits.  May be used on any thread."""

    def __init__(self, command: Sequence[str]) -> None:
        """command: that starts one."""
        self._command = command
        self._lock = threading.Lock()
        self._waiting: Relay | None = None
        self._is_used = self._is_closed = False

    def prepare(self) -> None:
        """Start the relay of the first link, which is then there when it is needed."""
        with self._lock, contextlib.suppress(UserError):  # whoever opens the link hears of it
            if not self._is_used:
                self._is_used, self._waiting = True, Relay(self._command, self._put_back)

    def open(self, endpoint: Endpoint) -> "RelayLink":
        """A link to a server.  Raises UserError."""
        with self._lock:
            relay, self._waiting, self._is_used = self._waiting, None, True
        if relay is None or not relay.runs:
            relay = Relay(self._command, self._put_back)
        return RelayLink(relay, endpoint)

    def close(self) -> None:
        """Have the one that waits leave, and each whose link is closed from now on."""
        with self._lock:
            self._is_closed = True
            if self._waiting:
                self._waiting.end()
            self._waiting = None

    def _put_back(self, relay: "Relay") -> None:
        """Keep a relay whose link is closed for the next one."""
        with self._lock:
            if self._is_closed or (self._waiting and self._waiting.runs):
                relay.end()
            else:
                self._waiting = relay


class Relay:
    """A relay, with at most one link at a time.

    news: what the present link hears.  started: set once it has started, or has ended without.
    """

    def __init__(self, command: Sequence[str], closed: Callable[["Relay"], None]) -> None:
        """closed(relay): called once its link is closed.  Raises UserError where it cannot be started."""
        self.process = processes.start(command, pipes=True, variables=KEPT)
        for end in (self.process.stdin, self.process.stdout):
            assert end
            pipe.enlarge(end.fileno())
        self.news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self.started = threading.Event()
        self._closed = closed
        threading.Thread(target=self._listen, name="relay", daemon=True).start()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def write(self, kind: Kind, parts: Sequence[Bytes]) -> None:
        """Say something to it.  Where it does not take that, the news say why."""
        assert self.process.stdin
        with contextlib.suppress(pipe.PipeClosedError, ValueError):
            pipe.write(self.process.stdin.fileno(), kind, parts)

    def end(self) -> None:
        """Have it leave."""
        assert self.process.stdin
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def _listen(self) -> None:
        """Take what it says, until it ends.  On a thread of its own."""
        assert self.process.stdout
        said: News | None = None
        is_ready = False
        with self.process.stdout as source, contextlib.suppress(pipe.PipeClosedError, wire.ProtocolError):
            while (came := pipe.read(source.fileno())) is not None:
                if came[0] == Kind.READY:
                    is_ready = True
                    self.started.set()
                elif came[0] == Kind.CLOSED:
                    self.news = queue.SimpleQueue()
                    self._closed(self)
                else:
                    said = _news(*came)
                    self.news.put(said)
        self.process.kill()  # where it has not ended, but is not understood
        self.process.wait()
        if not isinstance(said, UserError):
            self.news.put(_ended_error() if is_ready else processes.not_started_error(self.process))
        self.started.set()
        assert self.process.stderr
        self.process.stderr.close()


class RelayLink:
    """A `Link`."""

    def __init__(self, relay: Relay, endpoint: Endpoint) -> None:
        """relay: one that has no link; until it has started the server cannot have been silent."""
        relay.started.wait(STARTING_SECONDS)
        self._relay, self._news, self._is_open = relay, relay.news, True
        reached = {"address": endpoint.address, "server_key": endpoint.server_key, "remote": endpoint.remote}
        relay.write(Kind.OPEN, [json.dumps(reached).encode()])

    def send(self, parts: Sequence[Bytes]) -> None:
        """As in `Link`."""
        self._relay.write(Kind.MESSAGE, parts)

    def receive(self, seconds: float) -> list[Bytes] | LinkEvent | None:
        """As in `Link`."""
        try:
            news = self._news.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(news, UserError):
            self._news.put(news)  # it is the last, and stays so
            raise news
        return news

    def close(self) -> None:
        """As in `Link`."""
        if self._is_open:  # or the relay would close the link of somebody else
            self._is_open = False
            self._relay.write(Kind.CLOSE, [])


def _news(kind: Kind, parts: list[Bytes]) -> News:
    """What a relay has said.  Raises ProtocolError."""
    if kind == Kind.MESSAGE:
        return parts
    if kind == Kind.EVENT and len(parts) == 1 and bytes(parts[0]).isdigit():
        with contextlib.suppress(ValueError):
            return LinkEvent(int(bytes(parts[0])))
    if kind == Kind.FAILURE:
        failure = wire.decode(parts)[1]
        if isinstance(failure, Failure):
            return UserError(failure.code, failure.sentence, failure.remedy)
    raise wire.ProtocolError("a relay of another version")


def _ended_error() -> UserError:
    return UserError(
        ErrorCode.SERVER_GONE,
        "The connection to the inference server has broken.",
        "Nothing was changed. Try again; it is made anew.",
    )
