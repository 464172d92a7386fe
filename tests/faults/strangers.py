"""Whoever speaks ZeroMQ's protocol by hand (ZMTP 3.1), and messages that no client of ours would send."""

import contextlib
import json
import socket

from inference_server.shared import messages, wire

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE".ljust(23, b"\0") + bytes(32)
READY = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER"


def connected(address: str) -> socket.socket:
    """A connection to a server's port."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)))


def stranger(address: str, size: int) -> socket.socket:
    """A connection that announces a command of so many bytes before any key is checked, and sends them."""
    connection = connected(address)
    with contextlib.suppress(OSError):
        connection.sendall(GREETING)
        connection.recv(64)
        connection.sendall(b"\x06" + size.to_bytes(8, "big"))
        for _ in range(size >> 16):
            connection.sendall(bytes(1 << 16))
    return connection


def enveloped(body: bytes, kind: str = "locate") -> list[bytes]:
    """The parts of a message with this body, whatever it is."""
    header = {"version": messages.VERSION, "id": "1", "kind": kind, "sizes": [len(body)]}
    pieces = [body[k : k + wire.PIECE] for k in range(0, len(body), wire.PIECE)]
    return [json.dumps(header).encode(), *pieces]
