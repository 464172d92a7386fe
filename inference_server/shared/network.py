"""Downloading files: every wait can be cancelled, and a download resumes where it stopped.

Nothing here trusts what arrives: the digest decides.  Standard library only, and the HTTP modules are
imported only when something is downloaded: a missing model must be reported at once.  What goes wrong on the network is
a `NetworkError`; what goes wrong on the disk stays an OSError.
"""

import hashlib
import os
import queue
import threading
import time
import urllib.parse
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .monitor import UNWATCHED, Monitor

if TYPE_CHECKING:
    import http.client

HUB = "https://huggingface.co"
CHUNK = 1 << 20  # bytes read at once
SILENCE = 15.0  # seconds without a byte after which a connection is given up
TRIES = 3  # a source is given up after so many connections in a row that bring nothing new
PAUSE = 1.0  # seconds between two connections
POLL = 0.2  # seconds between two checks whether the work was cancelled
TRANSIENT = (408, 416, 425, 429, 500, 502, 503, 504)  # HTTP statuses after which another try may succeed
T = TypeVar("T")


class NetworkError(Exception):
    """A download failed.  status: the HTTP status, 0 where there was no answer."""

    def __init__(self, reason: object, status: int = 0) -> None:
        super().__init__(str(reason))
        self.status = status


def endpoint() -> str:
    """The address of the model hub, which a person may change to that of a mirror."""
    return (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")


def open_url(url: str, monitor: Monitor = UNWATCHED, start: int = 0) -> "http.client.HTTPResponse":
    """The response to a GET of `url` from byte `start` on, its body unread.  Raises NetworkError."""
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        """Follows to where the connection is no less safe."""

        def redirect_request(self, req: urllib.request.Request, *rest: Any) -> urllib.request.Request | None:
            found = super().redirect_request(req, *rest)
            if found:
                _check_scheme(found.full_url, (_origin(req.full_url)[0], "https"))
            return found

    class Token(urllib.request.BaseHandler):
        """Sends $HF_TOKEN to the hub only.  Every redirect passes through here, so none takes it to another host."""

        def https_request(self, request: urllib.request.Request) -> urllib.request.Request:
            token = os.environ.get("HF_TOKEN")
            if token and _origin(request.full_url) == _origin(endpoint()):
                request.add_unredirected_header("Authorization", f"Bearer {token}")
            return request

        http_request = https_request

    if url.startswith(HUB + "/"):
        url = endpoint() + url.removeprefix(HUB)
    _check_scheme(url, ("http", "https"))
    headers = {"Range": f"bytes={start}-"} if start else {}
    opener = urllib.request.build_opener(Token(), Redirects())

    def answer() -> "http.client.HTTPResponse":
        response: http.client.HTTPResponse = opener.open(urllib.request.Request(url, headers=headers), timeout=SILENCE)
        return response

    return cancellable(answer, monitor)


def cancellable(work: Callable[[], T], monitor: Monitor) -> T:
    """The result of `work`, which waits for the network.  Raises NetworkError, and UserError when cancelled.

    `work` runs in a thread of its own, so that a cancel is noticed while it waits.  The thread of cancelled work is
    left alone: it ends after SILENCE at the latest.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError

    results: queue.SimpleQueue[tuple[T] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put((work(),))
        except Exception as error:
            results.put(error)

    threading.Thread(target=run, daemon=True).start()
    while True:
        monitor.check()
        try:
            came = results.get(timeout=POLL)
        except queue.Empty:
            continue
        if isinstance(came, tuple):
            return came[0]
        if isinstance(came, HTTPError):
            came.close()
            raise NetworkError(came, came.code)
        if isinstance(came, (OSError, HTTPException, ValueError)):  # ValueError: not an address at all
            raise NetworkError(getattr(came, "reason", None) or came)
        raise came


def from_url(url: str, part: Path, size: int, on_bytes: Callable[[int], None], monitor: Monitor = UNWATCHED) -> None:
    """Bring the file `part` to `size` bytes from `url`, appending to those it has.

    on_bytes(count): called as they arrive, with the number of bytes the file has.  Raises NetworkError when a source
    has failed TRIES times in a row, and UserError when cancelled; `part` then keeps what has arrived.  Whether they are
    the right bytes is not checked.
    """
    if not size:
        part.touch()
    furthest, failures = _length(part), 0
    while _length(part) < size:
        try:
            _append(url, part, size, on_bytes, monitor)
            reason = NetworkError("the connection ended early")
        except NetworkError as error:
            if error.status >= 400 and error.status not in TRANSIENT:
                raise
            reason = error
        length = _length(part)
        failures = 0 if length > furthest else failures + 1
        furthest = max(furthest, length)
        if failures == TRIES:
            raise reason
        if length < size:
            _pause(monitor)


def _append(url: str, part: Path, size: int, on_bytes: Callable[[int], None], monitor: Monitor) -> None:
    """Append what one connection brings to `part`."""
    start = _length(part)
    try:
        response = open_url(url, monitor, start)
    except NetworkError as error:
        if error.status == 416:  # there is no such byte, so what is here is not the beginning of that file
            part.unlink(missing_ok=True)
        raise
    if response.status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        response.close()
        part.unlink(missing_ok=True)
        raise NetworkError("it sent another part than was asked for")
    if response.status != 206:  # the server does not know ranges: it sends the whole file
        start = 0
    with part.open("ab" if start else "wb") as out:
        while start <= size and (piece := cancellable(lambda: _read_some(response), monitor)):
            out.write(piece)
            start += len(piece)
            on_bytes(start)
    response.close()


def _read_some(response: "http.client.HTTPResponse") -> bytes:
    """What arrives within POLL, at most CHUNK; empty at the end.  Bytes that came before a fault are not lost."""
    end, arrived = time.monotonic() + POLL, bytearray()
    try:
        while len(arrived) < CHUNK and (piece := response.read1(CHUNK - len(arrived))):
            arrived += piece
            if time.monotonic() > end:
                break
    except OSError:
        if not arrived:
            raise
    return bytes(arrived)


def _pause(monitor: Monitor) -> None:
    end = time.monotonic() + PAUSE
    while time.monotonic() < end:
        monitor.check()
        time.sleep(min(POLL, PAUSE))


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def digest(path: Path, like: str = "", monitor: Monitor = UNWATCHED) -> str:
    """The digest of a file, of the same kind as the digest `like`: SHA-256, or git's of a blob.  Raises OSError."""
    if len(like) == 40:
        state = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        state = hashlib.sha256()
    with path.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            monitor.check()
            state.update(chunk)
    return state.hexdigest()


def _check_scheme(url: str, allowed: Collection[str]) -> None:
    """Raise NetworkError unless an address has one of these schemes."""
    if _origin(url)[0] not in allowed:
        raise NetworkError("it refers to an address that is not safe")


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc
