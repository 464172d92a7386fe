"""The relay: passes messages between the pipe to a GIMP plug-in and the server's socket, until the pipe ends.

It has one connection after the other, as the plug-in opens and closes them.

For a GIMP whose Python has no pyzmq.  Nothing that takes long is imported: the plug-in waits for it.
"""

import contextlib
import json
import os
import threading

import zmq

from ..shared import pipe
from ..shared.errors import UserError
from ..shared.link import LinkEvent
from ..shared.pipe import Kind
from ..shared.socket_link import SocketLink

INBOX = "inproc://pipe"


def run() -> int:
    """Be one; returns the exit status."""
    source, target = os.dup(0), os.dup(1)
    os.dup2(2, 1)  # what anything prints must not get between the messages
    with contextlib.suppress(pipe.PipeClosedError):
        pipe.write(target, Kind.READY, [])
        while (opening := pipe.read(source)) is not None:
            try:
                link = SocketLink(**json.loads(bytes(opening[1][0])))
            except UserError as error:
                _fail(target, error)
                return 1
            _Relay(link, source, target).run()
            link.close()
            pipe.write(target, Kind.CLOSED, [])
    return 0


class _Relay:
    """A link at work.  source, target: file descriptors of the pipe."""

    def __init__(self, link: SocketLink, source: int, target: int) -> None:
        self._link, self._source, self._target = link, source, target
        self._inbox, self._outbox = link.context.socket(zmq.PULL), link.context.socket(zmq.PUSH)
        self._inbox.bind(INBOX)
        self._outbox.connect(INBOX)
        link.poller.register(self._inbox, zmq.POLLIN)
        self._reader = threading.Thread(target=self._read_pipe, daemon=True)

    def run(self) -> None:
        """Pass on what comes, until the connection is closed or the pipe ends."""
        self._reader.start()
        while True:
            news = self._link.receive(None)
            # A plug-in that takes no more has left, or closes the pipe.
            with contextlib.suppress(pipe.PipeClosedError):
                if isinstance(news, LinkEvent):
                    pipe.write(self._target, Kind.EVENT, [b"%d" % news])
                elif news is not None:
                    pipe.write(self._target, Kind.MESSAGE, news)
            while self._inbox.poll(0):
                parts = self._inbox.recv_multipart(copy=False)
                if len(parts) == 1 and not len(parts[0]):
                    self._reader.join()
                    self._outbox.close()
                    self._inbox.close()
                    return
                self._link.send(parts)

    def _read_pipe(self) -> None:
        """Pass on what the plug-in sends, on a thread of its own: on Windows a pipe cannot be polled.

        At the end a single empty part is sent.
        """
        with contextlib.suppress(pipe.PipeClosedError):
            while (came := pipe.read(self._source)) is not None and came[0] == Kind.MESSAGE:
                self._outbox.send_multipart(came[1], copy=False)
        self._outbox.send(b"")


def _fail(target: int, error: UserError) -> None:
    """Tell the plug-in what keeps the server from being reached.  Raises PipeClosedError."""
    from ..shared import wire
    from ..shared.messages import Failure

    failure = Failure(code=error.code, sentence=error.sentence, remedy=error.remedy)
    pipe.write(target, Kind.FAILURE, wire.encode("", failure))
