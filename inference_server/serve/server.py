"""The server: sockets, queue, progress, cancel.  It knows no model and imports none.

One thread (this one) owns the ROUTER socket.  The device has one worker thread that runs one job at a time, and so have
downloads, which take long, and what else there is to ask about models: neither keeps a click waiting.  A worker gets a
job through `Worker.jobs` and hands its answers back over an inproc socket, so that only one thread ever touches the
ROUTER.  Between the two, progress is a plain attribute of the job: written by one, read by the other.
"""

import contextlib
import json
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING

import zmq

if TYPE_CHECKING:  # brings asyncio with it: only for TCP
    from zmq.auth.thread import ThreadAuthenticator

from .. import __version__
from ..shared import keys, messages, paths, wire
from ..shared.errors import ErrorCode, UserError, cancelled_error
from ..shared.text import Translatable, tr

log = logging.getLogger("inference_server")

REPORT_SECONDS = 0.5
SHORT_SECONDS = 1  # what takes no longer is not reported: an overlay that comes at once needs no progress bar
TICK_MS = 50
HANDOVER_SECONDS = 10
LONGEST_SOCKET_PATH = 100  # sun_path holds 104 bytes on macOS, 108 on Linux
FOR_OTHERS = "serve --address tcp://0.0.0.0:5590 --idle 1e9"
INBOX = "inproc://finished"

DOWNLOADS = messages.FetchModel
SHELVES = messages.ListModels | messages.RemoveModel
DEVICE = messages.Request  # that is, all others: the first worker that takes a message has it
LAST, MORE = b"last", b"more"  # what a worker hands over is the end of its job, or there is more to come

# (message, frames, progress, cancelled, send) -> (answer, frames); raises UserError or ProtocolError
Answer = tuple[messages.Message, list[bytes]]
Send = Callable[[messages.Message, list[bytes]], None]
Perform = Callable[..., Answer]


@dataclass(eq=False)
class Job:
    """A request on its way through the queue."""

    client: bytes
    request_id: str
    message: messages.Message
    frames: list[bytes]
    share: float = 0.0
    word: str = tr("Waiting")
    reported: float = field(default_factory=lambda: time.monotonic() + SHORT_SECONDS - REPORT_SECONDS)
    cancel: threading.Event = field(default_factory=threading.Event)

    def progress(self, share: float, word: str) -> None:
        self.share, self.word = share, word


class Worker:
    """Runs the jobs of some kinds, one after the other."""

    def __init__(self, context: zmq.Context, perform: Perform, kinds: UnionType | type):
        self._context, self._perform, self.kinds = context, perform, kinds
        self.thread = threading.Thread(target=self._work, name="worker", daemon=True)
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        # Both are touched by the server's thread only.
        self.job: Job | None = None
        self.waiting: deque[Job] = deque()

    @property
    def unfinished(self) -> list[Job]:
        return [self.job, *self.waiting] if self.job else [*self.waiting]

    def _work(self) -> None:
        outbox = self._context.socket(zmq.PUSH)
        outbox.connect(INBOX)
        while (job := self.jobs.get()) is not None:

            def send(answer: messages.Message, frames: list[bytes], place: bytes = MORE, job: Job = job) -> None:
                parts = wire.encode(job.request_id, answer, frames)
                outbox.send_multipart([place, job.client, *parts], copy=False)

            send(*self._answer(job, send), LAST)
        outbox.close(0)

    def _answer(self, job: Job, send: Send) -> Answer:
        begun = time.monotonic()
        kind = type(job.message).__name__
        try:
            answer, frames = self._perform(job.message, job.frames, job.progress, job.cancel.is_set, send)
            taken, sent = (sum(map(len, some)) / 1e6 for some in (job.frames, frames))
            log.info("%s done in %.3f s, %.2f MB in, %.2f MB out", kind, time.monotonic() - begun, taken, sent)
            return answer, frames
        except UserError as error:
            log.info("%s refused: %s", kind, error)
            return _failure(error), []
        except wire.ProtocolError as error:
            log.warning("%s was malformed: %s", kind, error)
            return _failure(
                UserError(ErrorCode.BAD_REQUEST, tr("The request was malformed: {error}.", error=error))
            ), []
        except Exception as error:
            if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, of a device
                log.exception("%s ran out of memory", kind)
                remedy = "Close other programs, or work on a smaller part of the photo."
                return _failure(UserError(ErrorCode.NO_MEMORY, "There is not enough memory for this.", remedy)), []
            log.exception("%s failed", kind)
            remedy = tr("Nothing was changed. Please report it with the file {file}.", file=paths.home() / "server.log")
            return _failure(UserError(ErrorCode.INTERNAL, "Something went wrong in the inference server.", remedy)), []


def _failure(error: UserError) -> messages.Failure:
    return messages.Failure(error.code, error.sentence, error.remedy)


class Server:
    """Answers clients until told to stop, or until nobody has asked for anything for `idle_seconds()`.

    address: "ipc://…" in a private folder, or "tcp://host:port" with CURVE keys (port 0 or *: any free one).
    """

    def __init__(self, address: str, perform: Perform, idle_seconds: Callable[[], float]):
        self._address, self._idle_seconds, self._begun = address, idle_seconds, time.monotonic()
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 1000
        # Sending to a client that is gone then fails at once: that is how a killed GIMP frees the device.
        self._router.router_mandatory = True
        self._router.sndhwm = self._router.rcvhwm = 0
        self._inbox = self._context.socket(zmq.PULL)
        self._inbox.bind(INBOX)
        self._workers = [Worker(self._context, perform, kinds) for kinds in (DOWNLOADS, SHELVES, DEVICE)]
        self._stopping = False
        self._authenticator: ThreadAuthenticator | None = None

    def bind(self) -> dict:
        """Open the socket; returns the endpoint that `client.Client` takes.  Raises UserError."""
        endpoint: dict = {"version": messages.VERSION, "pid": os.getpid()}
        if self._address.startswith("tcp://"):
            endpoint["server_key"] = self._encrypt()
        self._router.ipv6 = "[" in self._address
        try:
            self._router.bind(self._address)
        except zmq.ZMQError as error:
            raise UserError(
                ErrorCode.TAKEN,
                tr("The address {address} cannot be used: {error}.", address=self._address, error=error.strerror),
                "Another program may hold it; end that one or choose another address.",
            ) from None
        bound = self._router.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
        endpoint["address"] = bound.replace("//0.0.0.0:", "//127.0.0.1:")  # this machine's own way to it
        return endpoint

    def serve(self) -> None:
        """Work until stopped or idle for long.  Call `bind` first."""
        for worker in self._workers:
            worker.thread.start()
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._inbox, zmq.POLLIN)
        last_use = time.monotonic()
        while not self._stopping and time.monotonic() - last_use < self._idle_seconds():
            busy = any(worker.unfinished for worker in self._workers)
            ready = dict(poller.poll(TICK_MS if busy else 1000))
            if busy or ready:
                last_use = time.monotonic()
            if self._inbox in ready:
                self._finish(self._inbox.recv_multipart(copy=False))
            if self._router in ready:
                self._take(self._router.recv_multipart())
            self._hand_out()
            self._report()

    def _take(self, parts: list[bytes]) -> None:
        """One message from a client."""
        client, *parts = parts
        try:
            request_id, message, frames = wire.decode(parts)
        except wire.ProtocolError as error:
            log.warning("a message that is not ours: %s", error)
            sentence = tr(
                "This server speaks version {version} of the protocol; the message was not: {error}.",
                version=messages.VERSION,
                error=error,
            )
            self._send(client, _id_of(parts), _failure(UserError(ErrorCode.VERSION, sentence, "Run install.py again.")))
            return
        if isinstance(message, messages.Hello):
            busy = sum(len(worker.unfinished) for worker in self._workers)
            running = time.monotonic() - self._begun
            self._send(client, request_id, messages.Welcome(__version__, os.getpid(), busy, running))
        elif isinstance(message, messages.Cancel):
            self._cancel(client, request_id)
        elif isinstance(message, messages.Stop):
            log.info("asked to stop")
            self._stopping = True
        elif isinstance(message, messages.Request):
            if isinstance(message, messages.PreviewMasks):
                self._give_up_older(client)
            worker = next(worker for worker in self._workers if isinstance(message, worker.kinds))
            worker.waiting.append(Job(client, request_id, message, frames))
        else:
            self._send(
                client, request_id, _failure(UserError(ErrorCode.BAD_REQUEST, "That is an answer, not a request."))
            )

    def _give_up_older(self, client: bytes) -> None:
        """Cancel what this client wanted to find before: it looks at the newest answer only."""
        for job in [job for worker in self._workers for job in worker.unfinished]:
            if job.client == client and isinstance(job.message, messages.PreviewMasks):
                self._cancel(client, job.request_id)

    def _cancel(self, client: bytes, request_id: str) -> None:
        for worker in self._workers:
            for job in worker.unfinished:
                if job.client == client and job.request_id == request_id:
                    job.cancel.set()
                    if job in worker.waiting:
                        worker.waiting.remove(job)
                        self._send(client, request_id, _failure(cancelled_error()))

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.job is None and worker.waiting:
                worker.job = worker.waiting.popleft()
                worker.job.word = tr("Starting")
                worker.jobs.put(worker.job)

    def _finish(self, parts: list[zmq.Frame]) -> None:
        place, client, header = (part.bytes for part in parts[:3])
        for worker in self._workers:
            if (
                place == LAST
                and worker.job
                and worker.job.client == client
                and worker.job.request_id == _id_of([header])
            ):
                worker.job = None
        # A client that is gone, or one that cancelled by leaving, does not want it any more.
        with contextlib.suppress(zmq.ZMQError):
            self._router.send_multipart(parts[1:], copy=False)

    def _report(self) -> None:
        """Tell each client now and then how its job goes; find out that way who is gone."""
        now = time.monotonic()
        for worker in self._workers:
            for place, job in enumerate(worker.unfinished):
                if now - job.reported < REPORT_SECONDS or job.cancel.is_set():
                    continue
                job.reported = now
                word = job.word if job is worker.job else tr("Waiting, place {place} in the queue", place=place)
                if not self._send(job.client, job.request_id, messages.Progress(job.share, Translatable.of(word))):
                    log.info("a client left; its job is cancelled")
                    job.cancel.set()
                    if job in worker.waiting:
                        worker.waiting.remove(job)

    def _send(self, client: bytes, request_id: str, message: messages.Message) -> bool:
        try:
            self._router.send_multipart([client, *wire.encode(request_id, message)])
        except zmq.ZMQError:  # EHOSTUNREACH: the client is gone
            return False
        return True

    def _encrypt(self) -> str:
        """Answer only clients whose public key is admitted; returns the server's public key."""
        from zmq.auth.thread import ThreadAuthenticator

        public = keys.demand()
        self._authenticator = ThreadAuthenticator(self._context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback("*", _Doorman())
        self._router.curve_publickey, self._router.curve_secretkey = (key.encode() for key in keys.kept("server"))
        self._router.curve_server = True
        return public

    def close(self) -> None:
        """Cancel what runs and give the socket back."""
        for worker in self._workers:
            if worker.job:
                worker.job.cancel.set()
            worker.jobs.put(None)
        for worker in self._workers:
            worker.thread.join(2)
        if self._authenticator:
            self._authenticator.stop()
        self._router.close()
        self._inbox.close(0)


class _Doorman:
    """Whom pyzmq asks about each client that comes."""

    def callback(self, domain: str, key: bytes) -> bool:
        listed = key.decode() in keys.admitted().values()
        if not listed:
            log.warning("a client was turned away: its key %s is not admitted", key.decode())
        return listed


def _id_of(parts: list[bytes]) -> str:
    """The request's id as far as it can be read, so that even a misunderstood request gets its answer."""
    try:
        found = json.loads(parts[0])["id"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def default_address() -> str:
    """A Unix socket in the private folder; loopback TCP where there are none or the folder's path is too long."""
    path = paths.home() / "server.sock"
    if os.name == "posix" and zmq.has("ipc") and len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return f"ipc://{path}"
    return "tcp://127.0.0.1:*"


def run(perform: Perform, address: str | None, idle_seconds: Callable[[], float]) -> int:
    """Be this user's server, unless one runs already.  Returns the exit status.  Raises UserError."""
    home = paths.private_folder(paths.home())
    endpoint_file = home / "server.json"
    begun = time.monotonic()
    # Whoever holds the lock without an endpoint is a client asking whether a server runs, for an instant, or a server
    # that is leaving and still waits for its worker, or one that is just starting: wait and see.
    while time.monotonic() - begun < HANDOVER_SECONDS:
        with paths.only_instance(home / "server.lock") as alone:
            if alone:
                return _run_alone(endpoint_file, Server(address or default_address(), perform, idle_seconds))
        if endpoint_file.exists():
            break
        time.sleep(0.02)
    print("A server of this user runs already.")
    return 0


def _run_alone(endpoint_file: Path, server: Server) -> int:
    endpoint_file.unlink(missing_ok=True)
    endpoint = server.bind()
    unfinished = endpoint_file.with_suffix(".part")
    unfinished.touch(0o600)
    unfinished.write_text(json.dumps(endpoint), "utf-8")
    unfinished.replace(endpoint_file)
    log.info("version %s answers at %s", __version__, endpoint["address"])
    try:
        server.serve()
    finally:
        endpoint_file.unlink(missing_ok=True)
        server.close()
        log.info("left")
    return 0
