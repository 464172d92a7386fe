"""A link that is a ZeroMQ socket of this process.  Needs pyzmq."""

import struct
import time
import weakref
from collections.abc import Sequence

import zmq

from .link import MAX_PART, Bytes, LinkEvent

LINGER_MS = 500
WHY_SECONDS = 0.5  # after which no further event tells why a connection has ended
EVENTS = {
    zmq.EVENT_HANDSHAKE_SUCCEEDED: LinkEvent.AUTHENTICATED,
    zmq.EVENT_DISCONNECTED: LinkEvent.DISCONNECTED,
    zmq.EVENT_CLOSED: LinkEvent.UNREACHABLE,
    zmq.EVENT_HANDSHAKE_FAILED_AUTH: LinkEvent.REFUSED,
}


class SocketLink:
    """A `Link`.

    context: for further sockets; poller: what `receive` waits for, which then may be registered with it.
    """

    def __init__(self, address: str, server_key: str = "", *, remote: bool = False) -> None:
        """Parameters as in `Endpoint`.  Raises UserError where this user's key is missing."""
        own = _own_keys(remote=remote) if server_key else None
        self.context = zmq.Context()
        self._socket = self.context.socket(zmq.DEALER)
        self._socket.linger = LINGER_MS
        # Without these events a killed server would look like one that works for long.
        self._events = self._socket.get_monitor_socket(sum(EVENTS))
        # Not left to the collector of garbage: it may meet the context before its sockets, which that waits for.
        self._end = weakref.finalize(self, _close, self.context, self._socket, self._events)
        self._end.atexit = False
        self._socket.maxmsgsize = MAX_PART
        self._socket.connect_timeout = 3000
        self._socket.reconnect_ivl = -1  # a server that comes back has forgotten the request: better to say so
        if own:
            self._socket.curve_publickey, self._socket.curve_secretkey = own[0].encode(), own[1].encode()
            self._socket.curve_serverkey = server_key.encode()
        self._socket.ipv6 = "[" in address
        self._socket.connect(address)
        self._unsent_since: float | None = None
        self.poller = zmq.Poller()
        self.poller.register(self._socket, zmq.POLLIN)
        self.poller.register(self._events, zmq.POLLIN)

    def send(self, parts: Sequence[Bytes | zmq.Frame]) -> None:
        """As in `Link`."""
        try:
            self._socket.send_multipart(parts, zmq.DONTWAIT, copy=False)
        except zmq.Again:  # nobody is at the other end any more, and there is no second attempt to connect
            self._unsent_since = self._unsent_since or time.monotonic()

    def receive(self, seconds: float | None) -> list[Bytes] | LinkEvent | None:
        """As in `Link`; also None where another socket of the poller is ready.  seconds: None for any time."""
        if self._unsent_since is not None:
            seconds = WHY_SECONDS if seconds is None else min(seconds, WHY_SECONDS)
        ready = dict(self.poller.poll(None if seconds is None else round(1000 * seconds)))
        if self._socket in ready:
            return [frame.buffer for frame in self._socket.recv_multipart(copy=False)]
        if self._events in ready:
            return EVENTS[zmq.Event(monitor_event(self._events.recv_multipart())[0])]
        if self._unsent_since is not None and time.monotonic() - self._unsent_since > WHY_SECONDS:
            self._unsent_since = None
            return LinkEvent.DISCONNECTED
        return None

    def close(self) -> None:
        """As in `Link`."""
        self._end()


def _close(context: "zmq.Context[zmq.Socket[bytes]]", connection: "zmq.Socket[bytes]", events: zmq.SyncSocket) -> None:
    connection.disable_monitor()
    events.close(0)
    connection.close()
    context.term()


def monitor_event(parts: list[bytes]) -> tuple[int, int]:
    """The event of a monitor's message, and its value (zmq_socket_monitor(3)).

    zmq.utils.monitor would bring asyncio, which takes longer to import than all the rest.
    """
    event, value = struct.unpack("=Hi", parts[0])
    return event, value


def _own_keys(*, remote: bool) -> tuple[str, str]:
    """This user's keys, made if need be for another machine's server: one's own has made them.  Raises UserError."""
    from . import keys

    return keys.pair(keys.OWN) if remote else keys.kept(keys.OWN)
