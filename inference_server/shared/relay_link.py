"""A link through a relay: a process of the server's Python that has pyzmq, where this one's has none.

Standard library only.  The relay lives as long as the pipe to it: it leaves when the link is closed, and when this
process ends, however that ends.
"""

import contextlib
import json
import queue
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import pipe, processes, wire
from .endpoint import Endpoint
from .errors import ErrorCode, UserError
from .link import Bytes, LinkEvent
from .messages import Failure

if TYPE_CHECKING:
    import subprocess

News = list[Bytes] | LinkEvent | UserError


class Relays:
    """Starts relays.  May be used on any thread."""

    def __init__(self, command: Sequence[str]) -> None:
        """command: that starts one."""
        self._command = command
        self._lock = threading.Lock()
        self._prepared: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Start the relay of the next link, which is then there when it is needed."""
        with self._lock, contextlib.suppress(UserError):  # whoever opens the link hears of it
            self._prepared = self._prepared or self._start()

    def open(self, endpoint: Endpoint) -> "RelayLink":
        """A link to a server.  Raises UserError."""
        with self._lock:
            process, self._prepared = self._prepared, None
        return RelayLink(process or self._start(), endpoint)

    def _start(self) -> "subprocess.Popen[bytes]":
        """A relay, which waits to be told where to connect.  Raises UserError."""
        return processes.start(self._command, pipe_size=pipe.CAPACITY)


class RelayLink:
    """A `Link`."""

    def __init__(self, process: "subprocess.Popen[bytes]", endpoint: Endpoint) -> None:
        """process: a relay that was just started."""
        assert process.stdin
        self._process, self._pipe = process, process.stdin
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        reached = {"address": endpoint.address, "server_key": endpoint.server_key, "remote": endpoint.remote}
        self._write(pipe.Kind.OPEN, [json.dumps(reached).encode()])
        threading.Thread(target=self._listen, name="relay", daemon=True).start()

    def send(self, parts: Sequence[Bytes]) -> None:
        """As in `Link`."""
        self._write(pipe.Kind.MESSAGE, parts)

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
        with contextlib.suppress(OSError):
            self._pipe.close()

    def _write(self, kind: pipe.Kind, parts: Sequence[Bytes]) -> None:
        with contextlib.suppress(pipe.PipeClosedError, ValueError):  # the listener says why
            pipe.write(self._pipe.fileno(), kind, parts)

    def _listen(self) -> None:
        """Take what the relay says, until it ends.  On a thread of its own."""
        assert self._process.stdout
        last: News | None = None
        with self._process.stdout as source, contextlib.suppress(pipe.PipeClosedError, wire.ProtocolError):
            while (came := pipe.read(source.fileno())) is not None:
                last = _news(*came)
                self._news.put(last)
        self._process.kill()  # where it has not ended, but is not understood
        self._process.wait()
        if not isinstance(last, UserError):
            self._news.put(_ended_error() if last is not None else processes.not_started_error(self._process))


def _news(kind: pipe.Kind, parts: list[Bytes]) -> News:
    """What a relay has said.  Raises ProtocolError."""
    if kind == pipe.Kind.MESSAGE:
        return parts
    if kind == pipe.Kind.EVENT and len(parts) == 1 and bytes(parts[0]).isdigit():
        with contextlib.suppress(ValueError):
            return LinkEvent(int(bytes(parts[0])))
    if kind == pipe.Kind.FAILURE:
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
