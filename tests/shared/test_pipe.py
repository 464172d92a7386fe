"""Messages over a pipe, as POSIX moves them and as Windows does."""

import contextlib
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.shared import pipe
from inference_server.shared.link import MAX_PART
from inference_server.shared.pipe import Kind, PipeClosedError


@pytest.fixture(params=["many parts at a time", "one part at a time"])
def ends(request, monkeypatch):
    """The two ends of a pipe."""
    if request.param == "one part at a time":
        monkeypatch.delattr(os, "writev", raising=False)
        monkeypatch.delattr(os, "readv", raising=False)
    source, target = os.pipe()
    yield source, target
    for end in (source, target):
        with contextlib.suppress(OSError):
            os.close(end)


def sent(ends, *messages):
    """What comes out at the other end."""

    def write() -> None:
        for kind, parts in messages:
            pipe.write(target, kind, parts)
        os.close(target)

    source, target = ends
    thread = threading.Thread(target=write)
    thread.start()
    came = []
    while (message := pipe.read(source)) is not None:
        came.append((message[0], [bytes(part) for part in message[1]]))
    thread.join()
    return came


def test_messages_of_every_size_arrive(ends):
    messages = [
        (Kind.OPEN, [b"{}"]),
        (Kind.MESSAGE, []),
        (Kind.MESSAGE, [b"", b"x" * MAX_PART, b""]),
        (Kind.MESSAGE, [bytes([k % 256]) * (k % 7) for k in range(3000)]),
        (Kind.EVENT, [b"1"]),
    ]
    assert sent(ends, *messages) == messages


def test_a_pipe_that_ends_in_a_message_is_broken(ends):
    source, target = ends
    os.write(target, b"\1\2\0\0\0" + b"\5\0\0\0" * 2 + b"only")
    os.close(target)
    with pytest.raises(PipeClosedError):
        pipe.read(source)


def test_who_reads_no_more_is_noticed(ends):
    source, target = ends
    os.close(source)
    with pytest.raises(PipeClosedError):
        pipe.write(target, Kind.MESSAGE, [b"anybody?"])


@pytest.mark.parametrize(
    "data", [b"Traceback (most recent call last)", b"\1\xff\xff\xff\xff", b"\1\1\0\0\0\xff\xff\xff\xff"]
)
def test_what_is_no_message_asks_for_no_memory(ends, data):
    source, target = ends
    os.write(target, data)
    os.close(target)
    with pytest.raises(PipeClosedError):
        pipe.read(source)


@given(st.binary(max_size=200))
def test_nothing_else_is_raised_whatever_comes(data):
    source, target = os.pipe()
    os.write(target, data)
    os.close(target)
    try:
        while pipe.read(source) is not None:
            pass
    except PipeClosedError:
        pass
    finally:
        os.close(source)
