"""Messages between the server and its worker processes, over a pipe.  Standard library only.

    count, length of part 0, length of part 1, …    as little-endian integers of 8 bytes
    part 0, part 1, …                               the first is a `Tag`

Both ends are this program's own, so what comes is trusted.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import IO

from ..shared.link import Bytes
from ..shared.strenum import StrEnum


class Tag(StrEnum):
    """What a message is.  In brackets: its parts."""

    REQUEST = "request"  # to the worker: a number, the envelope, the body, and the frames
    CANCEL = "cancel"  # to the worker: the number of the request that nobody wants any more
    ANSWER = "answer"  # from the worker: what comes before the result, as it goes to the client
    RESULT = "result"  # from the worker: the result, or the failure that takes its place, as it goes to the client
    PROGRESS = "progress"  # from the worker: a `messages.Progress`, as it would go to the client
    LOG = "log"  # from the worker: a level of `logging`, and a line of text
    ENDED = "ended"  # from the thread that reads: the exit status of a worker process, or why it could not be started


def write(pipe: IO[bytes], tag: Tag, parts: Sequence[Bytes], lengths: Sequence[int] | None = None) -> None:
    """Write one message.  lengths: of the parts as they are to be read, where `parts` are pieces of those.

    Raises OSError where nobody reads any more.
    """
    first = tag.encode()
    lengths = [len(part) for part in parts] if lengths is None else lengths
    pipe.write(struct.pack(f"<{2 + len(lengths)}Q", 1 + len(lengths), len(first), *lengths))
    _write_all(pipe, (first, *parts))


def read(pipe: IO[bytes]) -> list[bytes] | None:
    """The next message's parts; None at the end."""
    start = pipe.read(8)
    if len(start) < 8:
        return None
    (count,) = struct.unpack("<Q", start)
    lengths = struct.unpack(f"<{count}Q", pipe.read(8 * count).ljust(8 * count))
    parts = [pipe.read(length) for length in lengths]
    return parts if [*map(len, parts)] == [*lengths] else None


def _write_all(pipe: IO[bytes], parts: Iterable[Bytes]) -> None:
    for part in parts:
        pipe.write(part)
    pipe.flush()
