"""Talking to the server: find it, start it if need be, ask, wait, cancel.  Standard library only, and pyzmq for a
process that reaches the server by itself: see `link`.

Where the person's preferences name another machine's server, that one is used, and none is started here.

    with connect(waiting=show) as client:
        located, frames = client.request(Locate(...), frames, monitor=Monitor(on_progress=show))

Every failure comes out as a `UserError`.
"""

import sys
import time
import typing
import uuid
from collections.abc import Callable, Sequence

from . import endpoint, keys, messages, paths, preferences, processes, wire
from .endpoint import Endpoint
from .errors import ErrorCode, UserError, cancelled_error
from .link import Link, LinkEvent
from .messages import Failure, Message, Preview, Progress, R, Request
from .monitor import UNWATCHED, Monitor
from .preferences import Preferences
from .text import tr

STARTING_SECONDS = 30  # a cold disk and a virus scanner in the way
SILENCE_SECONDS = 20  # the server reports twice a second while it works on a request
HELLO_SECONDS = 5
POLL_MS = 10  # how long the server waits at most to hear that a request was cancelled
SLOWEST = 100_000  # bytes a second that a network takes a request's pixels at, at least
LEAVING_SECONDS = 3  # a server that leaves, or was killed, may hold its lock for longer than its socket

Partial = Callable[[typing.Any, list[bytes]], None]
OpenLink = Callable[[Endpoint], Link]


def own_socket(reached: Endpoint) -> Link:
    """A link that is a socket of this process, which needs pyzmq.  Raises UserError."""
    from .socket_link import SocketLink

    return SocketLink(reached.address, reached.server_key, remote=reached.remote)


class Client:
    """One conversation with a running server.  Not to be shared between threads."""

    def __init__(self, reached: Endpoint, open_link: OpenLink = own_socket) -> None:
        """open_link: makes the connection.  Raises UserError."""
        self._remote = reached.address if reached.remote else ""
        self._authenticated = False  # whether the other side has proved to have the key it should have
        self._link = open_link(reached)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the conversation; the server cancels what it still does for it."""
        self._link.close()

    def hello(self, timeout: float = HELLO_SECONDS) -> messages.Welcome:
        """Check that a server of this version answers within `timeout` seconds.  Raises UserError."""
        return self.request(messages.Hello(client="inpaint-anything"), silence=timeout)[0]

    def stop_server(self) -> None:
        """Have the server leave; one that has left already is no failure."""
        self._send(uuid.uuid4().hex, messages.Stop())

    def request(
        self,
        message: Request[R],
        frames: Sequence[bytes] = (),
        *,
        monitor: Monitor = UNWATCHED,
        partial: Partial | None = None,
        silence: float = SILENCE_SECONDS,
    ) -> tuple[R, list[bytes]]:
        """Send a request and wait for its result: (result message, its frames).

        monitor: hears of the progress, and is asked every `POLL_MS` whether to cancel.  partial(message, frames) gets
        what comes before the last result: a `Preview`, or a result with more to come.  silence: seconds without a word
        from the server after which it counts as gone.  Raises UserError: the server's own Failure, or what became of
        the server.
        """
        request_id = uuid.uuid4().hex
        self._send(request_id, typing.cast(Message, message), frames)
        on_the_way = sum(map(len, frames)) / SLOWEST if self._remote else 0.0
        heard, cancel_sent = time.monotonic() + on_the_way, False
        try:
            while True:
                answer = self._receive(request_id)
                if answer is None:
                    if time.monotonic() - heard > silence:
                        raise self._silent_error()
                    if not cancel_sent and monitor.is_cancelled():
                        self._send(request_id, messages.Cancel())
                        cancel_sent = True
                    continue
                heard = time.monotonic()
                reply, reply_frames = answer
                if isinstance(reply, Failure):
                    raise UserError(reply.code, reply.sentence, reply.remedy)
                if isinstance(reply, Progress):
                    monitor.on_progress(reply.share, reply.message)
                elif isinstance(reply, Preview) or getattr(reply, "more", False):
                    if partial:
                        partial(reply, reply_frames)
                else:
                    return typing.cast(R, reply), reply_frames
        except KeyboardInterrupt:
            self._send(request_id, messages.Cancel())
            raise cancelled_error() from None

    def _send(self, request_id: str, message: Message, frames: Sequence[bytes] = ()) -> None:
        self._link.send(wire.encode(request_id, message, frames))

    def _receive(self, request_id: str) -> tuple[Message, list[bytes]] | None:
        """The next message that belongs to the request, or None if there is none yet.

        Raises UserError where the connection has ended, or was never made.
        """
        news = self._link.receive(POLL_MS / 1000)
        if news is None:
            return None
        if isinstance(news, LinkEvent):
            if news != LinkEvent.AUTHENTICATED:
                raise self._gone_error(news)
            self._authenticated = True
            return None
        try:
            answered, reply, frames = wire.decode(news)
            reply = wire.unpacked(reply, frames)  # here, beside the main loop of whoever asked
        except wire.ProtocolError as error:
            raise UserError(
                ErrorCode.VERSION,
                tr("The inference server speaks another version ({error}).", error=error),
                "Run install.py again, so that both sides are of one version.",
            ) from None
        return (reply, frames) if answered == request_id else None

    def _silent_error(self) -> UserError:
        if self._remote:
            return UserError(
                ErrorCode.SILENT,
                tr("The inference server at {address} does not answer.", address=self._remote),
                "See whether it runs there and whether the network is there; then try again.",
            )
        return UserError(
            ErrorCode.SILENT,
            "The inference server does not answer.",
            tr("End the process named in {file} and try again.", file=endpoint.file()),
        )

    def _gone_error(self, event: LinkEvent) -> UserError:
        """What it means that the connection has ended, or was never made."""
        if not self._remote:
            return UserError(
                ErrorCode.SERVER_GONE,
                "The inference server stopped while it was working.",
                tr(
                    "Nothing was changed. Try again; it is started anew. What happened is in {file}.",
                    file=paths.home() / "server.log",
                ),
            )
        if self._authenticated:
            return UserError(
                ErrorCode.SERVER_GONE,
                tr("The inference server at {address} has left.", address=self._remote),
                "Nothing was changed. Try again when it is there.",
            )
        if event == LinkEvent.UNREACHABLE:
            return UserError(
                ErrorCode.NO_SERVER,
                tr("The inference server at {address} cannot be reached.", address=self._remote),
                "See whether it runs there, and whether the address is right.",
            )
        if event == LinkEvent.REFUSED:
            return UserError(
                ErrorCode.NOT_ADMITTED,
                tr("The inference server at {address} does not know this computer.", address=self._remote),
                tr(
                    "Whoever runs it lists this computer's key there: keys admit '{key}' --name NAME",
                    key=keys.kept("client")[0],
                ),
            )
        return UserError(
            ErrorCode.WRONG_KEY,
            tr("What answers at {address} is not the server that this key belongs to.", address=self._remote),
            "Compare the key with what “keys” prints on the server's machine.",
        )


def connect(
    start_with: Sequence[str] | None = None,
    waiting: Callable[[str], None] | None = None,
    open_link: OpenLink = own_socket,
) -> Client:
    """A client of the server that the person's preferences name: this user's own is started first where none runs.

    start_with: the command that starts a server; by default this Python's own `inference_server serve`.
    waiting(sentence) is called while the server is being started.  Raises UserError.
    """
    chosen = preferences.read()
    if chosen.address:
        return connect_remote(chosen, open_link)
    command = start_with or [sys.executable, "-m", "inference_server", "serve"]
    give_up = time.monotonic() + LEAVING_SECONDS
    while True:
        client = Client(endpoint.running() or _start(command, waiting or (lambda _: None)), open_link)
        try:
            client.hello()
            return client
        except BaseException as error:
            client.close()
            gone = isinstance(error, UserError) and error.code == ErrorCode.SERVER_GONE
            if not gone or time.monotonic() > give_up:
                raise
        time.sleep(POLL_MS / 1000)


def connect_remote(chosen: Preferences, open_link: OpenLink = own_socket) -> Client:
    """A client of another machine's server.  Raises UserError."""
    client = Client(Endpoint(address=chosen.address, server_key=chosen.server_key, remote=True), open_link)
    try:
        client.hello()
    except BaseException:
        client.close()
        raise
    return client


def _start(command: Sequence[str], waiting: Callable[[str], None]) -> Endpoint:
    """Start a server that outlives this process, and wait until it can be reached."""
    process = processes.start(command)
    begun = time.monotonic()
    while time.monotonic() - begun < STARTING_SECONDS:
        waiting("Starting the inference server…")
        found = endpoint.running()
        if found is not None:
            return found
        # A server that finds another one running leaves with 0: then that one is to be waited for, unless it was killed
        # and has gone since.
        if process.poll():
            raise processes.not_started_error(process)
        if process.returncode == 0 and not paths.server_runs():
            process = processes.start(command)
        time.sleep(0.02)
    raise UserError(
        ErrorCode.NO_SERVER,
        tr("The inference server did not start within {seconds} seconds.", seconds=STARTING_SECONDS),
        tr("What it did is in {file}.", file=paths.home() / "server.log"),
    )
