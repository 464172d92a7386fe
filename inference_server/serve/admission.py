"""Who may talk to a server that is reached over TCP: those whose public key is listed, for as long as it is.

ZeroMQ asks about each client that connects over a socket of its own (ZAP, RFC 27); the answer names the client's key,
which ZeroMQ then attaches to each of its messages.
"""

import logging

import zmq

from ..shared import keys

log = logging.getLogger("inference_server")

ASKED = "inproc://zeromq.zap.01"  # where ZeroMQ asks
ZAP = b"1.0"


class Admission:
    """The list of those who may, and the socket on which ZeroMQ asks about a client.  For the server's thread alone."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        """Opens the socket, which must be there before the one that clients connect to."""
        self.socket = context.socket(zmq.REP)
        self.socket.linger = 0
        self.socket.bind(ASKED)
        self._listed: frozenset[str] = frozenset()
        self._state: object = None

    def answer(self) -> None:
        """Answer one question of ZeroMQ's.  Whatever is wrong with it, or with the list, means no."""
        version, number, *question = [*self.socket.recv_multipart(), b"", b""][:8]
        admitted = b""
        try:
            *_, mechanism, key = question[:5]
            if version == ZAP and mechanism == b"CURVE" and len(key) == 32:
                admitted = self._admitted(key)
        except Exception as error:  # a damaged list must not keep everybody out for ever
            log.error("the list of keys could not be read: %s", type(error).__name__)
        status = [b"200", b"OK"] if admitted else [b"400", b"not admitted"]
        self.socket.send_multipart([ZAP, number, *status, admitted, b""])

    def is_listed(self, key: str) -> bool:
        """Whether the client with this public key may be answered now."""
        try:
            state = keys.list_state()
            if state != self._state:
                self._listed, self._state = frozenset(keys.admitted().values()), state
        except OSError as error:
            log.error("the list of keys could not be read: %s", type(error).__name__)
            return False
        return key in self._listed

    def close(self) -> None:
        """Give the socket back."""
        self.socket.close()

    def _admitted(self, key: bytes) -> bytes:
        from zmq.utils import z85

        text = z85.encode(key)
        if self.is_listed(text.decode()):
            return text
        log.warning("a client was turned away: its key is not admitted")
        return b""
