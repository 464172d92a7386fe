"""A worker whose work is done elsewhere: one that dies costs its request another try, and no answer comes twice."""

import os
import threading
import time
from collections.abc import Callable

import pytest

from inference_server.serve import channel
from inference_server.serve.bridge import Bridge
from inference_server.serve.channel import Tag
from inference_server.shared import messages, wire
from inference_server.shared.errors import ErrorCode, UserError, wrong_input
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Depth, Failure, Located, MaskProposals, Preview, Raster

from ..servers import needs_posix
from . import obedient
from .test_workers import cancelling_once_begun


@pytest.fixture
def bridged(serve, small_home):
    """A server with one worker that computes, behind a bridge."""
    return serve(f"ipc://{small_home}/server.sock", "1", "bridged")


@needs_posix
def test_a_worker_that_dies_costs_a_try_and_no_job(bridged, tmp_path, small_home):
    first = bridged.do("nothing")
    second = bridged.do(f"kill-once {tmp_path / 'killed'}")
    assert second != first and bridged.do("nothing") == second
    log = (small_home / "server.log").read_text()
    assert "job=2 lost its worker in try 1" in log and "job=2 Locate done" in log


@needs_posix
def test_a_job_that_ends_each_worker_fails_with_a_sentence(bridged):
    error = bridged.failure("kill")
    assert error.code == ErrorCode.FAILED and "ended twice" in error.sentence
    assert bridged.do("nothing") > 0


def test_what_travels_over_a_bridge_is_what_was_sent(bridged):
    with bridged.connect() as connection:
        _, frames = connection.request(obedient.order("answer 3"))
    assert frames == [bytes(3 << 20)]
    assert "secret.jpg is no photo" in bridged.failure("refuse secret.jpg").sentence


def test_a_cancel_crosses_the_bridge(bridged):
    worker = bridged.do("nothing")
    begun = time.monotonic()
    with pytest.raises(UserError) as refused:
        bridged.do("work 60", monitor=cancelling_once_begun())
    assert refused.value.code == ErrorCode.CANCELLED
    assert bridged.do("nothing") == worker and time.monotonic() - begun < 60, "it gave up, and was not ended"


# -- with a host that says what a test wants


class Scripted:
    """A host that says so, whatever it is told, and then ends."""

    def __init__(self, said):
        self.said, self.told, self.was_told, self.ends = said, [], threading.Event(), threading.Event()

    def tell(self, tag, parts):
        self.told.append((tag, parts))
        self.was_told.set()

    def hear(self):
        self.was_told.wait(60)
        yield from self.said


class Staying(Scripted):
    """One that ends when it is told to, with a last word."""

    def hear(self):
        yield from super().hear()
        self.ends.wait(60)
        yield said(Tag.RESULT, Located(bounds=Window(0, 0, 9, 9), window=Window(0, 0, 9, 9), score=0.0))

    def end(self):
        self.ends.set()


def said(tag: Tag, message: messages.Message) -> list[bytes]:
    return [tag.encode(), *wire.encode("1", message, [b"\0\0\0"])]


def answers_of(
    hosts: list[Scripted | UserError], better: Callable[[], Scripted | None] = lambda: None, requests: int = 1
) -> list[messages.Message]:
    """What the server hears of requests that these hosts get, one after the other; without the log."""

    def begin():
        host = left.pop(0)
        if isinstance(host, UserError):
            raise host
        return host

    left = [*hosts]
    orders, to_bridge = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    from_bridge, answers = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    threading.Thread(target=Bridge(orders, answers, begin, better).work, daemon=True).start()
    OPEN.extend((to_bridge, from_bridge))  # a bridge whose server is gone ends its process, which is this one
    heard = []
    for number in range(requests):
        channel.write(to_bridge, Tag.REQUEST, [b"%d" % number, *wire.encode("1", obedient.order("nothing"))])
        tag = ""
        while tag != Tag.RESULT:
            tag, *parts = channel.read(from_bridge)
            tag = tag.decode()
            if tag != Tag.LOG:
                heard.append(wire.decode(parts)[1])
    return heard


OPEN: list[object] = []
PICTURE = Preview(picture=Raster(1, 1, 3, Depth.UINT8, 0))
DONE = Located(bounds=Window(0, 0, 1, 1), window=Window(0, 0, 9, 9), score=1.0)


def first_of(more: int) -> MaskProposals:
    return MaskProposals(proposals=(), more=more)


def test_an_answer_that_was_passed_on_already_is_not_passed_on_again():
    loses = Scripted([said(Tag.ANSWER, first_of(2)), said(Tag.ANSWER, PICTURE)])
    takes_over = Scripted(
        [said(Tag.ANSWER, PICTURE), *(said(Tag.ANSWER, first_of(more)) for more in (2, 1)), said(Tag.RESULT, DONE)]
    )
    assert answers_of([loses, takes_over]) == [first_of(2), PICTURE, PICTURE, first_of(1), DONE]
    assert [tag for tag, _ in takes_over.told] == [Tag.REQUEST] and takes_over.told == loses.told


def test_a_better_host_takes_over_with_the_next_request():
    stand_in, wanted = Staying([said(Tag.RESULT, DONE)]), Staying([said(Tag.ANSWER, PICTURE), said(Tag.RESULT, DONE)])
    offered = [wanted]
    heard = answers_of([stand_in], lambda: offered.pop() if offered else None, requests=2)
    assert heard == [DONE, PICTURE, DONE]
    assert stand_in.ends.is_set() and not wanted.ends.is_set()
    assert len(stand_in.told) == len(wanted.told) == 1
    wanted.end()


def test_where_no_host_can_be_begun_it_is_said_why():
    (failure,) = answers_of([wrong_input("Ray cannot be reached.")])
    assert isinstance(failure, Failure) and failure.sentence == "Ray cannot be reached."
    (failure,) = answers_of([Scripted([]), wrong_input("Ray cannot be reached.")])
    assert isinstance(failure, Failure) and failure.sentence == "Ray cannot be reached."
