"""What a `Client` reaches its server through: a ZeroMQ socket of its own, or a relay that has one.

Standard library only, and little of that: the relay must be there at once.
"""

import enum
from collections.abc import Sequence
from typing import Protocol

PIECE = 256 << 10  # bytes of the largest part of a message
MAX_PART = PIECE + 1024  # bytes of one that is encrypted

Bytes = bytes | bytearray | memoryview


class LinkEvent(enum.IntEnum):
    """What becomes of a connection.  All but the first are its end."""

    AUTHENTICATED = 0  # the other side is the server, and takes messages
    DISCONNECTED = 1
    UNREACHABLE = 2  # nobody is at the address
    REFUSED = 3  # the server does not know this client's key


class Link(Protocol):
    """A connection to a server.  Not to be shared between threads."""

    def send(self, parts: Sequence[Bytes]) -> None:
        """Send a multipart message.  Where that cannot be, `receive` says why."""

    def receive(self, seconds: float) -> list[Bytes] | LinkEvent | None:
        """The next message or event, None where there is none within so many seconds.  Raises UserError."""

    def close(self) -> None:
        """End the connection.  What was sent may still arrive."""
