"""Talking to the server: find it, start it if need be, ask, wait, cancel.  Standard library and pyzmq only.

Where the person's preferences name another machine's server, that one is meant, and none is started here.

    with connect(waiting=show) as client:
        reply, frames = client.request(Locate(...), frames, progress=show, cancelled=asked_to_stop)

Every failure comes out as a `UserError`.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import typing
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import zmq
from zmq.utils import monitor

from . import keys, messages, paths, preferences, wire
from .errors import UserError, cancelled_by_user, say
from .preferences import Preferences

STARTING_SECONDS = 30  # a cold disk and a virus scanner in the way
SILENCE_SECONDS = 20  # the server reports twice a second while it works on a request
POLL_MS = 10  # who points at another thing waits this long at most until the server hears of it
SLOWEST = 100_000  # bytes a second that a network takes a request's pixels at, at least
LEAVING_SECONDS = 3  # a server that leaves, or was killed, may hold its lock for longer than its socket
WHY_MS = 500  # after which nothing more is heard of why a connection has ended

Report = Callable[[float, str], None]


class Client:
    """One conversation with a running server.  Not to be shared between threads."""

    def __init__(self, endpoint: dict):
        """endpoint: "address", "server_key" where it is encrypted, and "remote" where it is another machine's."""
        self._remote = endpoint["address"] if endpoint.get("remote") else ""
        self._answered = False  # whether the other side was ever found to be who it should be
        key = endpoint.get("server_key", "")
        own = (keys.pair("client") if self._remote else keys.kept("client")) if key else None
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger = 500
        self._socket.connect_timeout = 3000
        self._socket.reconnect_ivl = -1  # a server that comes back has forgotten the request: better to say so
        if own:
            self._socket.curve_publickey, self._socket.curve_secretkey = own[0].encode(), own[1].encode()
            self._socket.curve_serverkey = key.encode()
        # Without the monitor a killed server would look like one that thinks for long.
        self._events = self._socket.get_monitor_socket(
            zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        )
        self._socket.ipv6 = "[" in endpoint["address"]
        self._socket.connect(endpoint["address"])
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._events, zmq.POLLIN)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.disable_monitor()
        self._events.close(0)
        self._socket.close()
        self._context.term()

    def hello(self, timeout: float = 5.0) -> messages.Welcome:
        """Check that a server of this version answers.  Raises UserError."""
        welcome, _ = self.request(messages.Hello(client="inpaint-anything"), silence=timeout)
        assert isinstance(welcome, messages.Welcome)
        return welcome

    def stop_server(self) -> None:
        """Have the server leave; one that has left already is no failure."""
        with contextlib.suppress(UserError):
            self._send(uuid.uuid4().hex, messages.Stop())

    def request(
        self,
        message: messages.Message,
        frames: Sequence[bytes] = (),
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
        partial: Callable[[messages.Message, list[bytes]], None] | None = None,
        silence: float = SILENCE_SECONDS,
    ) -> tuple[messages.Message, list[bytes]]:
        """Send a request and wait for its result: (result message, its frames).

        progress(share, word) is called with share from 0 to 1; cancelled() is asked every `POLL_MS`.  partial(message,
        frames) gets what comes before the last result: a `Preview`, or a result with more to come.
        Raises UserError: the server's own Failure, or what became of the server.
        """
        request_id = uuid.uuid4().hex
        self._send(request_id, message, frames)
        on_the_way = sum(map(len, frames)) / SLOWEST if self._remote else 0.0
        heard, cancel_sent = time.monotonic() + on_the_way, False
        try:
            while True:
                answer = self._receive(request_id)
                if answer is None:
                    if time.monotonic() - heard > silence:
                        raise self._silent()
                    if cancelled and not cancel_sent and cancelled():
                        self._send(request_id, messages.Cancel())
                        cancel_sent = True
                    continue
                heard = time.monotonic()
                reply, reply_frames = answer
                if isinstance(reply, messages.Failure):
                    raise UserError(reply.code, reply.sentence, reply.remedy)
                if isinstance(reply, messages.Progress):
                    if progress:
                        progress(reply.share, reply.word)
                elif isinstance(reply, messages.Preview) or (
                    isinstance(reply, messages.Found | messages.Inpainted | messages.Surveyed) and reply.more
                ):
                    if partial:
                        partial(reply, reply_frames)
                else:
                    return reply, reply_frames
        except KeyboardInterrupt:
            self._send(request_id, messages.Cancel())
            raise cancelled_by_user() from None

    def _send(self, request_id: str, message: messages.Message, frames: Sequence[bytes] = ()) -> None:
        try:
            self._socket.send_multipart(wire.encode(request_id, message, frames), zmq.DONTWAIT, copy=False)
        except zmq.Again:  # nobody is at the other end any more, and there is no second attempt to connect
            while self._events.poll(WHY_MS):
                self._take_event()
            raise self._gone(zmq.EVENT_DISCONNECTED) from None

    def _receive(self, request_id: str) -> tuple[messages.Message, list[bytes]] | None:
        """The next message that belongs to the request, or None if there is none yet."""
        ready = dict(self._poller.poll(POLL_MS))
        if self._socket in ready:
            parts = self._socket.recv_multipart()
            try:
                answered, reply, frames = wire.decode(parts)
                reply = wire.unpacked(reply, frames)  # here, and not where a window would wait for it
            except wire.ProtocolError as error:
                raise UserError(
                    "version",
                    say("The inference server speaks another version ({error}).", error=error),
                    "Run install.py again, so that both sides are of one version.",
                ) from None
            return (reply, frames) if answered == request_id else None
        if self._events in ready:
            self._take_event()
        return None

    def _take_event(self) -> None:
        """Hear what has become of the connection.  Raises UserError where it has ended, or has never come about."""
        event = monitor.recv_monitor_message(self._events)["event"]
        if event != zmq.EVENT_HANDSHAKE_SUCCEEDED:
            raise self._gone(event)
        self._answered = True

    def _silent(self) -> UserError:
        if self._remote:
            return UserError(
                "silent",
                say("The inference server at {address} does not answer.", address=self._remote),
                "See whether it runs there and whether the network is there; then try again.",
            )
        return UserError(
            "silent",
            "The inference server does not answer.",
            say("End the process named in {file} and try again.", file=paths.home() / "server.json"),
        )

    def _gone(self, event: int) -> UserError:
        """What it means that the connection has ended, or has never come about."""
        if not self._remote:
            return UserError(
                "server-gone",
                "The inference server stopped while it was working.",
                say(
                    "Nothing was changed. Try again; it is started anew. What happened is in {file}.",
                    file=paths.home() / "server.log",
                ),
            )
        if self._answered:
            return UserError(
                "server-gone",
                say("The inference server at {address} has left.", address=self._remote),
                "Nothing was changed. Try again when it is there.",
            )
        if event == zmq.EVENT_CLOSED:
            return UserError(
                "no-server",
                say("The inference server at {address} cannot be reached.", address=self._remote),
                "See whether it runs there, and whether the address is right.",
            )
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            return UserError(
                "not-admitted",
                say("The inference server at {address} does not know this computer.", address=self._remote),
                say(
                    "Whoever runs it lists this computer's key there: keys admit '{key}' --name NAME",
                    key=keys.kept("client")[0],
                ),
            )
        return UserError(
            "wrong-key",
            say("What answers at {address} is not the server that this key belongs to.", address=self._remote),
            "Compare the key with what “keys” prints on the server's machine.",
        )


def endpoint() -> dict | None:
    """How to reach the running server, or None where none runs."""
    if not paths.server_runs():
        return None
    try:
        found = json.loads((paths.home() / "server.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("address"), str) else None


def connect(start_with: Sequence[str] | None = None, waiting: Callable[[str], None] | None = None) -> Client:
    """A client of the server that the person's preferences name: this user's own is started first where none runs.

    start_with: the command that starts a server; by default this Python's own `inference_server serve`.
    waiting(sentence) is called while the server is being started.  Raises UserError.
    """
    chosen = preferences.read()
    if chosen.address:
        return reach(chosen)
    command = start_with or [sys.executable, "-m", "inference_server", "serve"]
    give_up = time.monotonic() + LEAVING_SECONDS
    while True:
        client = Client(endpoint() or _start(command, waiting or (lambda _: None)))
        try:
            client.hello()
            return client
        except BaseException as error:
            client.close()
            gone = isinstance(error, UserError) and error.code == "server-gone"
            if not gone or time.monotonic() > give_up:
                raise
        time.sleep(POLL_MS / 1000)


def reach(chosen: Preferences) -> Client:
    """A client of another machine's server.  Raises UserError."""
    client = Client({"address": chosen.address, "server_key": chosen.server_key, "remote": True})
    try:
        client.hello()
    except BaseException:
        client.close()
        raise
    return client


def _start(command: Sequence[str], waiting: Callable[[str], None]) -> dict:
    """Start a server that outlives this process, and wait until it can be reached."""
    home = paths.private_folder(paths.home())
    apart: dict[str, typing.Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    environment = {**os.environ, paths.HOME_VARIABLE: str(home)}
    environment.pop("PYTHONPATH", None)  # GIMP sets one for its own Python
    environment.pop("PYTHONHOME", None)
    output = home / "server.start"
    try:
        with output.open("wb") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=home, env=environment, **apart
            )
    except OSError as error:
        sentence = say(
            "The inference server could not be started: {command}: {error}.", command=command[0], error=error.strerror
        )
        raise UserError("no-server", sentence, "Run install.py again.") from None
    begun = time.monotonic()
    while time.monotonic() - begun < STARTING_SECONDS:
        waiting("Starting the inference server…")
        found = endpoint()
        if found is not None:
            return found
        # A server that finds another one running leaves with 0: then that one is the one to wait for.
        if process.poll():
            raise UserError(
                "no-server",
                say("The inference server could not be started: {reason}", reason=_last_line(output)),
                say("More about it is in {file}.", file=home / "server.log"),
            )
        time.sleep(0.02)
    raise UserError(
        "no-server",
        say("The inference server did not start within {seconds} seconds.", seconds=STARTING_SECONDS),
        say("What it did is in {file}.", file=home / "server.log"),
    )


def _last_line(file: Path) -> str:
    lines = file.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else say("it left without a word.")
