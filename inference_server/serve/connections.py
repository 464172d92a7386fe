"""How many connections there are, as ZeroMQ tells: those beyond what this process can hold are ended at once."""

import contextlib
import os
import socket
import sys

import zmq
from zmq.utils.monitor import recv_monitor_message

MOST = 1000
SPARE = 100  # file descriptors for all the rest


class Connections:
    """The connections of a socket."""

    def __init__(self, connected: "zmq.Socket[bytes]") -> None:
        self._connected = connected
        self.events = connected.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self._open: set[int] = set()
        self._most = most()

    def take_events(self) -> bool:
        """Take note of connections that were made and ended.  Returns whether one has ended."""
        has_ended = False
        while self.events.poll(0):
            event = recv_monitor_message(self.events)
            if event["event"] == zmq.EVENT_DISCONNECTED:
                self._open.discard(event["value"])
                has_ended = True
                continue
            self._open.add(event["value"])
            if len(self._open) > self._most:
                _end(event["value"])
        return has_ended

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


def _end(descriptor: int) -> None:
    """End the connection with this file descriptor, which is ZeroMQ's."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        connection.shutdown(socket.SHUT_RDWR)  # unless it has ended by itself
