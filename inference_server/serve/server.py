"""The server: sockets, routing, lifetime.  It knows no model and imports none.

One thread owns the ROUTER socket that clients are connected to.  The device has one worker, which runs one request at a
time; downloads, which take long, have another, and so has what else is asked about models: neither keeps a click
waiting.
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import zmq

if TYPE_CHECKING:  # brings asyncio with it: only for TCP
    from zmq.auth.thread import ThreadAuthenticator

from .. import __version__
from ..shared import endpoint, keys, messages, paths, wire
from ..shared.endpoint import Endpoint
from ..shared.errors import ErrorCode, UserError, cancelled_error
from ..shared.messages import Cancel, Hello, PreviewMasks, Progress, Request, Stop, Welcome
from ..shared.text import Translatable, tr
from .worker import INBOX, REPORT_SECONDS, Perform, QueuedRequest, Worker, failure

log = logging.getLogger("inference_server")

TICK_MS = 50
HANDOVER_SECONDS = 10
LONGEST_SOCKET_PATH = 100  # sun_path holds 104 bytes on macOS, 108 on Linux

# The workers and the kinds of messages they take; a message belongs to the first that takes its kind.
WORKERS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("downloads", (messages.FetchModel, messages.ImportModel)),
    ("models", (messages.ListModels, messages.RemoveModel)),
    ("device", (Request,)),
)


class Server:
    """Answers clients until told to stop, or until nobody has asked for anything for `idle_seconds()`.

    address: "ipc://…" in a private folder, or "tcp://host:port" with CURVE keys (port 0 or *: any free one).
    """

    def __init__(self, address: str, perform: Perform, idle_seconds: Callable[[], float]) -> None:
        self._address, self._idle_seconds, self._begun = address, idle_seconds, time.monotonic()
        self._context = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 1000
        # Sending to a client that is gone then fails at once: that is how a killed GIMP frees the device.
        self._router.router_mandatory = True
        self._router.sndhwm = self._router.rcvhwm = 0
        self._inbox = self._context.socket(zmq.PULL)
        self._inbox.bind(INBOX)
        self._workers = [Worker(name, kinds, perform, self._context) for name, kinds in WORKERS]
        self._stopping = False
        self._authenticator: ThreadAuthenticator | None = None

    # -- lifetime -------------------------------------------------------------------------------------------------

    def bind(self) -> Endpoint:
        """Open the socket; returns how this machine's programs reach it.  Raises UserError."""
        server_key = self._require_keys() if self._address.startswith("tcp://") else ""
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
        own_address = bound.replace("//0.0.0.0:", "//127.0.0.1:")
        return Endpoint(address=own_address, server_key=server_key, pid=os.getpid())

    def serve(self) -> None:
        """Work until stopped or idle for long.  Call `bind` first."""
        for worker in self._workers:
            worker.start()
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
                self._forward(self._inbox.recv_multipart(copy=False))
            if self._router in ready:
                self._receive(self._router.recv_multipart())
            for worker in self._workers:
                worker.start_next()
            self._report()

    def close(self) -> None:
        """Cancel what runs and give the socket back."""
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join(2)
        if self._authenticator:
            self._authenticator.stop()
        self._router.close()
        self._inbox.close(0)

    def _require_keys(self) -> str:
        """Answer only clients whose public key is admitted; returns the server's public key.  Raises UserError."""
        from zmq.auth.thread import ThreadAuthenticator

        public = keys.demand()
        self._authenticator = ThreadAuthenticator(self._context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback("*", _KeyCheck())
        self._router.curve_publickey, self._router.curve_secretkey = (key.encode() for key in keys.kept("server"))
        self._router.curve_server = True
        return public

    # -- from clients ---------------------------------------------------------------------------------------------

    def _receive(self, parts: list[bytes]) -> None:
        """One message from a client."""
        client, *parts = parts
        try:
            request_id, message, frames = wire.decode(parts)
        except wire.ProtocolError as error:
            self._refuse(client, parts, error)
            return
        match message:
            case Hello():
                waiting = sum(len(worker.unfinished) for worker in self._workers)
                running = time.monotonic() - self._begun
                welcome = Welcome(server=__version__, pid=os.getpid(), jobs_waiting=waiting, running=running)
                self._send(client, request_id, welcome)
            case Cancel():
                self._cancel(client, request_id)
            case Stop():
                log.info("asked to stop")
                self._stopping = True
            case Request():
                self._enqueue(QueuedRequest(client, request_id, cast(messages.AnyRequest, message), frames))
            case _:
                refusal = UserError(ErrorCode.BAD_REQUEST, "That is an answer, not a request.")
                self._send(client, request_id, failure(refusal))

    def _refuse(self, client: bytes, parts: list[bytes], error: wire.ProtocolError) -> None:
        """Answer what is no message of this version of the protocol."""
        log.warning("a message that is not ours: %s", error)
        sentence = tr(
            "This server speaks version {version} of the protocol; the message was not: {error}.",
            version=messages.VERSION,
            error=error,
        )
        refusal = UserError(ErrorCode.VERSION, sentence, "Run install.py again.")
        self._send(client, wire.request_id_of(parts), failure(refusal))

    def _enqueue(self, request: QueuedRequest) -> None:
        """Put a request in its worker's queue."""
        if isinstance(request.message, PreviewMasks):  # a client shows the newest only
            for older in [older for worker in self._workers for older in worker.unfinished]:
                if older.client == request.client and isinstance(older.message, PreviewMasks):
                    self._cancel(older.client, older.request_id)
        next(worker for worker in self._workers if isinstance(request.message, worker.kinds)).add(request)

    def _cancel(self, client: bytes, request_id: str) -> None:
        for worker in self._workers:
            for request in worker.unfinished:
                wanted = request.client == client and request.request_id == request_id
                if wanted and worker.cancel(request):
                    self._send(client, request_id, failure(cancelled_error()))

    # -- to clients -----------------------------------------------------------------------------------------------

    def _forward(self, parts: list[zmq.Frame]) -> None:
        """One answer from a worker."""
        finished, *answer = parts
        for worker in self._workers:
            if worker.name == finished.bytes:
                worker.finish()
        # A client that is gone, or one that cancelled by leaving, does not want it any more.
        with contextlib.suppress(zmq.ZMQError):
            self._router.send_multipart(answer, copy=False)

    def _report(self) -> None:
        """Send each client the progress of its request now and then; that shows too which client is gone."""
        now = time.monotonic()
        for worker in self._workers:
            for place, request in enumerate(worker.unfinished):
                if now - request.reported < REPORT_SECONDS or request.cancelled.is_set():
                    continue
                request.reported = now
                message = request.progress_message
                if request is not worker.current:
                    message = tr("Waiting, place {place} in the queue", place=place)
                progress = Progress(share=request.share, message=Translatable.of(message))
                if not self._send(request.client, request.request_id, progress):
                    log.info("a client left; its job is cancelled")
                    worker.cancel(request)

    def _send(self, client: bytes, request_id: str, message: messages.Message) -> bool:
        """Returns whether the client is still there."""
        try:
            self._router.send_multipart([client, *wire.encode(request_id, message)])
        except zmq.ZMQError:  # EHOSTUNREACH: the client is gone
            return False
        return True


class _KeyCheck:
    """Whom pyzmq asks about each client that connects."""

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether the client with this public key is admitted."""
        listed = key.decode() in keys.admitted().values()
        if not listed:
            log.warning("a client was turned away: its key %s is not admitted", key.decode())
        return listed


def default_address() -> str:
    """A Unix socket in the private folder; loopback TCP where there are none or the folder's path is too long."""
    path = paths.home() / "server.sock"
    if os.name == "posix" and zmq.has("ipc") and len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return f"ipc://{path}"
    return "tcp://127.0.0.1:*"


def run(perform: Perform, address: str | None, idle_seconds: Callable[[], float]) -> int:
    """Be this user's server, unless one runs already.  Returns the exit status.  Raises UserError."""
    home = paths.private_folder(paths.home())
    begun = time.monotonic()
    # Whoever holds the lock without an endpoint is a client asking whether a server runs, for an instant, or a server
    # that is leaving and still waits for its worker, or one that is just starting: wait and see.
    while time.monotonic() - begun < HANDOVER_SECONDS:
        with paths.only_instance(home / "server.lock") as alone:
            if alone:
                _run_alone(Server(address or default_address(), perform, idle_seconds))
                return 0
        if endpoint.file().exists():
            break
        time.sleep(0.02)
    print("A server of this user runs already.", flush=True)  # the process may leave without flushing
    return 0


def _run_alone(server: Server) -> None:
    endpoint.withdraw()
    reached = server.bind()
    endpoint.publish(reached)
    log.info("version %s answers at %s", __version__, reached.address)
    try:
        server.serve()
    finally:
        endpoint.withdraw()
        server.close()
        log.info("left")
