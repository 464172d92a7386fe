"""The server: sockets, routing, lifetime.  It knows no model and imports none.

One thread owns the ROUTER socket that clients are connected to, and reads of a message its small header alone, and of
which image it is.  The work is done in other processes: one for each device, which does one request at a time; one for
downloads, which take long, and one for what else is asked about models: neither keeps a click waiting, and none this
thread.
"""

import itertools
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from .. import __version__
from ..shared import endpoint, keys, messages, paths, wire
from ..shared.endpoint import Endpoint
from ..shared.errors import ErrorCode, UserError, cancelled_error, wrong_input
from ..shared.link import MAX_PART, PIECE
from ..shared.messages import AskMetrics, Cancel, Failure, Hello, PreviewMasks, Progress, Request, Stop, Welcome
from ..shared.text import Translatable, tr
from . import limits, places
from .admission import Admission
from .channel import Tag
from .connections import Connections
from .failures import ended_error, failure, not_admitted_error, too_much_error
from .metrics import Metrics, Outcome
from .requests import REPORT_SECONDS, QueuedRequest, Sender
from .worker import INBOX, Launch, Worker
from .workers import Workers

if TYPE_CHECKING:
    from .metrics_page import MetricsPage

log = logging.getLogger("inference_server")

TICK_MS = 50
SETTLED_MS = 1000  # between two checks whether it is idle
MOST_AT_ONCE = 20  # messages taken of one socket before the others have their turn
MOST_PARTS = limits.LARGEST_REQUEST // PIECE + 2 * wire.MAX_FRAMES
ENDLESS = limits.LARGEST_REQUEST + (limits.LARGEST_REQUEST >> 3)  # bytes of a message, with what encrypting adds
HANDSHAKE_MS = 5000  # in which whoever connects has to prove who they are
MOST_ANSWERS = 10_000  # that a client has not taken yet
LEAVING_SECONDS = 2
HANDOVER_SECONDS = 10
LONGEST_SOCKET_PATH = 100  # sun_path holds 104 bytes on macOS, 108 on Linux
BEST_DEVICE = (Launch(),)


class Server:
    """Answers clients until told to stop, or until nobody has asked for anything for `idle_seconds()`.

    address: "ipc://…" in a private folder, or "tcp://host:port" with CURVE keys (port 0 or *: any free one).
    launches: of the workers that compute.  page: which shows what it does, if it is to be shown.
    """

    def __init__(
        self,
        address: str,
        idle_seconds: Callable[[], float],
        launches: Sequence[Launch] = BEST_DEVICE,
        page: "MetricsPage | None" = None,
    ) -> None:
        self._address, self._idle_seconds = address, idle_seconds
        self._metrics, self._page, self._numbers = Metrics(), page, itertools.count(1)
        self._context = zmq.Context()
        self._admission: Admission | None = None
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 1000
        # Sending to a client that is gone then fails at once: that is how a killed GIMP frees the device.
        self._router.router_mandatory = True
        self._router.sndhwm = MOST_ANSWERS
        self._router.rcvhwm = 2  # messages of one client that wait to be looked at; with more its connection waits
        self._router.maxmsgsize = MAX_PART
        self._router.handshake_ivl = HANDSHAKE_MS
        self._connections = Connections(self._router)
        self._inbox = self._context.socket(zmq.PULL)
        self._inbox.bind(INBOX)
        self._workers = Workers(self._context, launches)
        self._unread = Unread()
        self._own_key = ""
        self._stopping = False

    # -- lifetime -------------------------------------------------------------------------------------------------

    def bind(self) -> Endpoint:
        """Open the socket; returns how this machine's programs reach it.  Raises UserError."""
        _check_address(self._address)
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
        poller = zmq.Poller()
        for one in (self._router, self._inbox, self._connections.events):
            poller.register(one, zmq.POLLIN)
        if self._admission:
            poller.register(self._admission.socket, zmq.POLLIN)
        last_use = looked_at = time.monotonic()
        while not self._stopping and time.monotonic() - last_use < self._idle_seconds():
            busy = any(worker.is_busy for worker in self._workers)
            ready = dict(poller.poll(TICK_MS if busy else SETTLED_MS))
            if busy or self._router in ready:
                last_use = time.monotonic()
            if self._admission and self._admission.socket in ready:
                self._admission.answer()
            if self._connections.take_events():
                self._report_soon()
            if time.monotonic() - looked_at > SETTLED_MS / 1000:
                self._connections.end_endless(ENDLESS)
                if self._page:
                    self._page.text = self._metrics.text(self._workers)
                looked_at = time.monotonic()
            self._take_all(self._inbox, self._forward)
            self._take_all(self._router, self._receive)
            for worker in self._workers:
                worker.start_next()
            self._report()

    def close(self) -> None:
        """Cancel what runs and give the socket back."""
        for worker in self._workers:
            worker.stop()
        self._connections.close()
        self._router.close()
        for worker in self._workers:
            worker.join(LEAVING_SECONDS)
        if self._admission:
            self._admission.close()
        self._inbox.close(0)
        if self._page:
            self._page.close()

    def _require_keys(self) -> str:
        """Answer only clients whose public key is admitted; returns the server's public key.  Raises UserError."""
        public = keys.demand()
        self._own_key = keys.kept(keys.OWN)[0]
        self._admission = Admission(self._context)
        self._router.curve_publickey, self._router.curve_secretkey = (key.encode() for key in keys.kept("server"))
        self._router.curve_server = True
        return public

    # -- from clients ---------------------------------------------------------------------------------------------

    def _take_all(self, source: "zmq.Socket[bytes]", take: Callable[[list[zmq.Frame]], None]) -> None:
        """Take what has come, but not for ever."""
        for _ in range(MOST_AT_ONCE):
            if self._stopping or not source.poll(0):
                return
            parts = [source.recv(copy=False)]
            while parts[-1].more:
                part = source.recv(copy=False)
                if len(parts) > MOST_PARTS:  # no message of ours: the rest is of no interest
                    parts.pop()
                parts.append(part)
            try:
                take(parts)
            except Exception as error:  # whatever one message does, the others are answered
                log.error("a message could not be dealt with: %s", places.of(error))

    def _receive(self, parts: list[zmq.Frame]) -> None:
        """One message from a client."""
        client, *parts = parts
        sender = Sender(client.bytes, self._key_of(parts))
        if self._admission and parts:
            self._connections.take_message(int(parts[0].get(zmq.SRCFD)))
        try:
            if not parts or len(parts) > MOST_PARTS:
                raise wire.ProtocolError("no message of ours")
            envelope = wire.read_envelope(parts[0].buffer)
            wire.check_parts(envelope, [len(part) for part in parts[1:]])
        except wire.ProtocolError as error:
            self._refuse(sender, parts, error)
            return
        kind = envelope.message_type
        if not self._may_be_answered(sender):
            self._send(sender.client, envelope.request_id, failure(not_admitted_error()))
        elif kind in (Hello, AskMetrics):
            self._say(sender, envelope.request_id, kind)
        elif kind is Cancel:
            self._cancel(sender.client, envelope.request_id)
        elif kind is Stop:
            self._stop(sender)
        elif issubclass(kind, Request):
            request = QueuedRequest(sender, envelope, parts[0].bytes, parts[1:], next(self._numbers))
            self._enqueue(request, kind)
        else:
            refusal = UserError(ErrorCode.BAD_REQUEST, "That is an answer, not a request.")
            self._send(sender.client, envelope.request_id, failure(refusal))

    def _key_of(self, parts: list[zmq.Frame]) -> str:
        """The key that another computer has proved to have; "" for this user's own programs."""
        if self._admission is None or not parts:
            return ""
        key = str(parts[0].get("User-Id"))
        return "" if key == self._own_key else key

    def _may_be_answered(self, sender: Sender) -> bool:
        """Whether the sender's key is still listed."""
        return self._admission is None or self._admission.is_listed(sender.key or self._own_key)

    def _say(self, sender: Sender, request_id: str, kind: type) -> None:
        """Answer what is asked about the server itself."""
        if kind is AskMetrics:
            self._send(sender.client, request_id, messages.Metrics(text=self._metrics.text(self._workers)))
            return
        waiting, running = len(self._workers.unfinished), self._metrics.running
        welcome = Welcome(server=__version__, pid=os.getpid(), jobs_waiting=waiting, running=running)
        self._send(sender.client, request_id, welcome)

    def _stop(self, sender: Sender) -> None:
        if sender.key:
            log.warning("another computer may not stop this server")
        else:
            log.info("asked to stop")
            self._stopping = True

    def _refuse(self, sender: Sender, parts: list[zmq.Frame], error: wire.ProtocolError) -> None:
        """Answer what is no message of this version of the protocol."""
        log.warning("a message that is not ours")
        sentence = tr(
            "This server speaks version {version} of the protocol; the message was not: {error}.",
            version=messages.VERSION,
            error=error,
        )
        refusal = UserError(ErrorCode.VERSION, sentence, "Run install.py again.")
        request_id = wire.request_id_of([part.buffer for part in parts[:1]])
        self._send(sender.client, request_id, failure(refusal))

    def _enqueue(self, request: QueuedRequest, kind: type) -> None:
        """Put a request in its worker's queue, or refuse it."""
        if kind is PreviewMasks:  # a client shows the newest only
            for older in self._workers.unfinished:
                if older.sender.client == request.sender.client and older.envelope.message_type is PreviewMasks:
                    self._cancel(older.sender.client, older.envelope.request_id)
        try:
            limits.check(request, self._workers.unfinished, self._workers.waiting)
        except UserError as error:
            log.warning("job=%d %s refused: %s", request.number, kind.__name__, error.code)
            self._metrics.take(request, Outcome.REFUSED)
            self._send(request.sender.client, request.envelope.request_id, failure(error))
        else:
            self._workers.choose(request).add(request)

    def _cancel(self, client: bytes, request_id: str) -> None:
        for worker in self._workers:
            for request in worker.unfinished:
                if request.sender.client == client and request.envelope.request_id == request_id:
                    self._give_up(worker, request)
                    self._send(client, request_id, failure(cancelled_error()))

    def _give_up(self, worker: Worker, request: QueuedRequest) -> None:
        worker.cancel(request)
        self._metrics.take(request, Outcome.CANCELLED)

    # -- to clients -----------------------------------------------------------------------------------------------

    def _forward(self, parts: list[zmq.Frame]) -> None:
        """One message from a worker's process."""
        name, process, tag_name, *answer = parts
        worker = self._workers.named(name.bytes.decode())
        tag = Tag(tag_name.bytes.decode())
        if tag == Tag.LOG:
            level, text = (part.bytes.decode() for part in answer)
            log.log(int(level), "worker=%s %s", worker.name, text)
            return
        request = worker.take(process.bytes, tag)
        if tag == Tag.ENDED:
            log.error("the process for %s has ended: %s", worker.name, answer[0].bytes.decode())
        if request is None:
            return
        if tag in (Tag.RESULT, Tag.ENDED):
            self._metrics.take(request, _outcome(tag, answer))
        if tag == Tag.ENDED:
            error = ended_error(answer[0].bytes.decode(), paths.home() / "server.log")
            self._send(request.sender.client, request.envelope.request_id, failure(error))
        elif tag == Tag.PROGRESS:
            progress = wire.decode([part.bytes for part in answer])[1]
            assert isinstance(progress, Progress)
            request.share, request.progress_message = progress.share, progress.message
        elif not self._pass_on(request.sender.client, answer):
            self._send(request.sender.client, request.envelope.request_id, failure(too_much_error()))
            if tag == Tag.ANSWER:
                self._give_up(worker, request)

    def _report(self) -> None:
        """Send each client the progress of its request now and then; that shows too which client is gone."""
        now = time.monotonic()
        for worker in self._workers:
            for place, request in enumerate(worker.unfinished, 0 if worker.current in worker.unfinished else 1):
                if now - request.reported < REPORT_SECONDS:
                    continue
                request.reported = now
                message = request.progress_message
                if request is not worker.current:
                    message = tr("Waiting, place {place} in the queue", place=place)
                news: messages.Message = Progress(share=request.share, message=Translatable.of(message))
                listed = self._may_be_answered(request.sender)
                if not listed:
                    news = failure(not_admitted_error())
                if not self._send(request.sender.client, request.envelope.request_id, news) or not listed:
                    log.info("job=%d a client left; its job is cancelled", request.number)
                    self._give_up(worker, request)

    def _report_soon(self) -> None:
        """Have each client hear of its request at the next tick, as one of them may be gone."""
        due = time.monotonic() - REPORT_SECONDS + TICK_MS / 1000
        for request in self._workers.unfinished:
            request.reported = min(request.reported, due)

    def _send(self, client: bytes, request_id: str, message: messages.Message) -> bool:
        """Send a message of the server's own.  Returns whether the client is still there."""
        try:
            self._router.send_multipart([client, *wire.encode(request_id, message)], zmq.DONTWAIT)
        except zmq.ZMQError:  # EHOSTUNREACH: the client is gone; EAGAIN: it takes nothing
            return False
        return True

    def _pass_on(self, client: bytes, answer: list[zmq.Frame]) -> bool:
        """Send an answer of a worker's.  Returns whether the client is there and takes what it is sent."""
        size = sum(map(len, answer))
        if not self._unread.has_room(client, limits.MOST_UNREAD):
            log.warning("a client does not take its answers")
            return False
        last = zmq.Frame(answer[-1].bytes, track=True, copy=False, copy_threshold=0)
        try:
            self._router.send_multipart([client, *answer[:-1]], zmq.DONTWAIT | zmq.SNDMORE, copy=False)
            self._router.send(last, zmq.DONTWAIT, copy=False)
        except zmq.ZMQError:
            return False
        self._unread.add(client, last.tracker, size)
        return True


class Unread:
    """Answers that clients have not taken yet: their bytes are in this process's memory."""

    def __init__(self) -> None:
        self._sent: dict[bytes, list[tuple[zmq.MessageTracker, int]]] = {}

    def add(self, client: bytes, tracker: zmq.MessageTracker, size: int) -> None:
        """Take note of an answer of so many bytes, which has left the process when `tracker` is done."""
        self._sent.setdefault(client, []).append((tracker, size))

    def has_room(self, client: bytes, most: int) -> bool:
        """Whether fewer bytes than `most` wait for this client."""
        for other, sent in [*self._sent.items()]:
            left = [(tracker, size) for tracker, size in sent if not tracker.done]
            self._sent[other] = left
            if not left:
                del self._sent[other]
        return sum(size for _, size in self._sent.get(client, ())) < most


def _outcome(tag: Tag, answer: Sequence[zmq.Frame]) -> Outcome:
    """What became of a request whose result, or whose process's end, this is."""
    if tag == Tag.ENDED or wire.read_envelope(answer[0].buffer).message_type is Failure:
        return Outcome.FAILED
    return Outcome.DONE


def _check_address(address: str) -> None:
    """Raise UserError where a server at this address would answer just anybody."""
    scheme, _, path = address.partition("://")
    if scheme == "tcp":
        return
    folder = Path(path).parent
    if scheme != "ipc" or path.startswith("@") or path == "*" or not folder.is_dir():
        raise wrong_input(
            tr("A server cannot be reached safely at {address}.", address=address),
            "Take tcp://HOST:PORT, or ipc:// and the path of a file in a folder that is yours alone.",
        )
    if not paths.is_private(folder):
        raise wrong_input(
            tr("Others on this machine could talk to a server at {address}.", address=address),
            tr("See to it that {folder} is yours alone: chmod 700.", folder=folder),
        )


def _fall_silent() -> None:
    """Say nothing more to whoever has started this process: libraries' warnings are for nobody, and without an end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def default_address() -> str:
    """A Unix socket in the private folder; loopback TCP where there are none or the folder's path is too long."""
    path = paths.home() / "server.sock"
    if os.name == "posix" and zmq.has("ipc") and len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return f"ipc://{path}"
    return "tcp://127.0.0.1:*"


def run(
    address: str | None,
    idle_seconds: Callable[[], float],
    launches: Sequence[Launch] = BEST_DEVICE,
    page: "MetricsPage | None" = None,
) -> int:
    """Be this user's server, unless one runs already.  Returns the exit status.  Raises UserError.

    launches, page: as in `Server`.
    """
    home = paths.private_folder(paths.home())
    begun = time.monotonic()
    # Whoever holds the lock without an endpoint is a client asking whether a server runs, for an instant, or a server
    # that is leaving and still waits for its worker, or one that is just starting: wait and see.
    while time.monotonic() - begun < HANDOVER_SECONDS:
        with paths.only_instance(home / "server.lock") as alone:
            if alone:
                _run_alone(Server(address or default_address(), idle_seconds, launches, page))
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
    _fall_silent()
    try:
        server.serve()
    finally:
        endpoint.withdraw()
        server.close()
        log.info("left")
