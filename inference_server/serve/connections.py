"""The connections there are, as ZeroMQ tells: those beyond what this process can hold are ended.

So is one that sends a message without an end, which ZeroMQ would keep until it has all of it.  How much has come over a
connection is known of TCP on Linux; a Unix socket is for this user's own programs.
"""

import contextlib
import os
import socket
import struct
import sys

import zmq

from ..shared.socket_link import monitor_event

MOST = 1000
BYTES_RECEIVED = 128  # where they are in the tcp_info of tcp.h
SPARE = 100  # file descriptors for all the rest


class Connections:
    """The connections of a socket."""

    def __init__(self, connected: "zmq.Socket[bytes]") -> None:
        self._connected = connected
        self.events = connected.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._open: set[int] = set()
        self._received: dict[int, int] = {}  # bytes that had come over a connection with its last whole message
        self._most = most()

    def take_events(self) -> bool:
        """Take note of connections that were made and ended.

        Returns whether one has ended that somebody's request may have come over: strangers come and go.
        """
        has_ended = False
        while self.events.poll(0):
            event, descriptor = monitor_event(self.events.recv_multipart())
            if event == zmq.EVENT_DISCONNECTED:
                self._open.discard(descriptor)
                was_used = self._received.pop(descriptor, None) is not None
                has_ended |= was_used or not self._received  # over Unix sockets there are no strangers: none is noted
                continue
            self._open.add(descriptor)
            if len(self._open) > self._most:
                _end(descriptor)
        return has_ended

    def take_message(self, descriptor: int) -> None:
        """Take note of a whole message that has come over the connection with this file descriptor."""
        if descriptor in self._open:
            self._received[descriptor] = _received(descriptor)

    def end_endless(self, most_bytes: int) -> None:
        """End connections over which more bytes have come than a message may have, and no whole message."""
        for descriptor in self._open:
            if _received(descriptor) - self._received.get(descriptor, 0) > most_bytes:
                _end(descriptor)

    def close(self) -> None:
        """End watching."""
        self._connected.disable_monitor()
        self.events.close(0)


def most() -> int:
    """The number of connections that this process can hold."""
    if sys.platform == "win32":
        return MOST
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if limit == resource.RLIM_INFINITY else max(SPARE, min(MOST, limit - SPARE))


def _received(descriptor: int) -> int:
    """Bytes that have come over a connection; 0 where that is not known."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, struct.error), socket.socket(fileno=os.dup(descriptor)) as connection:
            information = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_RECEIVED + 8)
            return int(struct.unpack_from("<Q", information, BYTES_RECEIVED)[0])
    return 0


def _end(descriptor: int) -> None:
    """End the connection with this file descriptor, which is ZeroMQ's."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)  # unless it has ended by itself
