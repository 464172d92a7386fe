"""Multipart messages over a pipe, between the plug-in and its relay.  Standard library only.

    kind (1 byte), number of parts (4 bytes), bytes of each part (4 bytes each), the parts        all little-endian

Both ends are this program's own; the bounds keep what is not a message from asking for memory.
"""

import array
import contextlib
import enum
import os
import struct
import sys
from collections.abc import Callable, Sequence
from functools import partial

from .link import MAX_PART, Bytes

CAPACITY = 1 << 20  # bytes of a pipe, where it can be made larger than it is
MAX_PARTS = 1 << 16  # of a message: 16 GB
_MOST_BUFFERS = 1024  # of one system call
_HEADER = struct.Struct("<BI")


class Kind(enum.IntEnum):
    """What a message is about."""

    OPEN = 0  # to the relay: the endpoint in JSON, which it is to connect to
    MESSAGE = 1  # in either direction: the parts of a message
    EVENT = 2  # from the relay: the number of a `LinkEvent`
    FAILURE = 3  # from the relay, its last: a `Failure` in its multipart form
    CLOSE = 4  # to the relay: the end of the connection; another OPEN may follow
    CLOSED = 5  # from the relay: nothing of that connection follows
    READY = 6  # from the relay, its first: it has started


class PipeClosedError(Exception):
    """The other end is gone, or does not speak this language."""


def enlarge(file: int) -> None:
    """Let a pipe hold `CAPACITY`, where the system can and lets this user."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, CAPACITY)


def write(file: int, kind: Kind, parts: Sequence[Bytes]) -> None:
    """Write a message to a file descriptor, without copying its parts.  Raises PipeClosedError."""
    views = [memoryview(part).cast("B") for part in parts]
    header = _HEADER.pack(kind, len(views)) + _little_endian(array.array("I", map(len, views))).tobytes()
    _move(_writer(file), [memoryview(header), *views])


def read(file: int) -> tuple[Kind, list[Bytes]] | None:
    """The next message of a file descriptor, None where it has ended.  Raises PipeClosedError."""
    header = bytearray(_HEADER.size)
    try:
        _move(_reader(file), [memoryview(header)])
    except PipeClosedError:
        return None
    kind, count = _HEADER.unpack(header)
    if kind not in Kind._value2member_map_ or count > MAX_PARTS:
        raise PipeClosedError("not a message")
    lengths = array.array("I", bytes(4 * count))
    _move(_reader(file), [memoryview(lengths).cast("B")])
    if any(length > MAX_PART for length in _little_endian(lengths)):
        raise PipeClosedError("too long a part")
    parts: list[Bytes] = [bytearray(length) for length in lengths]
    _move(_reader(file), [memoryview(part) for part in parts])
    return Kind(kind), parts


def _little_endian(numbers: "array.array[int]") -> "array.array[int]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _move(step: Callable[[list[memoryview]], int], buffers: Sequence[memoryview]) -> None:
    """Call step(buffers), which returns how many bytes it has moved, until all are.  Raises PipeClosedError."""
    left = [buffer for buffer in buffers if len(buffer)]
    first = 0
    while first < len(left):
        try:
            moved = step(left[first : first + _MOST_BUFFERS])
        except OSError as error:
            raise PipeClosedError(str(error)) from None
        if not moved:
            raise PipeClosedError("the other end is closed")
        while first < len(left) and moved >= len(left[first]):
            moved -= len(left[first])
            first += 1
        if moved:
            left[first] = left[first][moved:]


def _writer(file: int) -> Callable[[list[memoryview]], int]:
    if hasattr(os, "writev"):  # not on Windows
        return partial(os.writev, file)
    return lambda buffers: os.write(file, buffers[0])


def _reader(file: int) -> Callable[[list[memoryview]], int]:
    if hasattr(os, "readv"):
        return partial(os.readv, file)

    def read_first(buffers: list[memoryview]) -> int:
        data = os.read(file, len(buffers[0]))
        buffers[0][: len(data)] = data
        return len(data)

    return read_first
