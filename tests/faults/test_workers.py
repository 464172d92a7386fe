"""A worker's process that dies, hangs, or fails: its request gets a sentence, the others go on."""

import sys
import threading
import time

import pytest
import zmq

from inference_server.serve.requests import QueuedRequest, Sender
from inference_server.serve.worker import INBOX, Launch, Worker
from inference_server.shared import endpoint, paths, wire
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import Locate
from inference_server.shared.monitor import Monitor

from ..servers import needs_posix, raw_socket, wait_until
from . import obedient
from .processes import is_running


@needs_posix
@pytest.mark.parametrize("words", ["kill", "abort", "lack"])
def test_a_job_without_memory_ends_with_a_sentence_and_the_next_one_works(server, words):
    assert server.failure(words).code == ErrorCode.NO_MEMORY
    assert server.do("nothing") > 0
    assert server.process.poll() is None


def test_a_request_is_not_given_to_a_process_that_has_just_ended():
    """As one that was idle may have, a moment before the server hears of it."""
    header, *body = wire.encode("1", obedient.order("nothing"))

    def start(worker: Worker) -> list[bytes]:
        """What is heard next, once it was given a request."""
        request = QueuedRequest(Sender(b"somebody", ""), wire.read_envelope(header), header, [*map(zmq.Frame, body)])
        worker.add(request)
        worker.start_next()
        assert inbox.poll(60_000)
        return inbox.recv_multipart()

    with zmq.Context() as context, context.socket(zmq.PULL) as inbox:
        inbox.bind(INBOX)
        worker = Worker("device", (Locate,), context, Launch(command=[sys.executable, "-c", ""]))
        assert start(worker)[:3] == [b"device", b"1", b"ended"]
        worker.current = None  # as it was before the process ended, which is not heard of yet
        assert start(worker)[:3] == [b"device", b"2", b"ended"]


@needs_posix
def test_the_requests_of_others_go_on_when_a_process_dies(server):
    done = []
    others = [threading.Thread(target=lambda: done.append(server.do("work 0.2"))) for _ in range(3)]
    first = threading.Thread(target=lambda: server.failure("kill"))
    for thread in (first, *others):
        thread.start()
    for thread in (first, *others):
        thread.join()
    assert len(done) == 3


def test_a_fault_nobody_foresaw_is_answered_and_named_without_its_text(server, small_home):
    assert server.failure("fail secret-text").code == ErrorCode.INTERNAL
    assert "secret.jpg is no photo" in server.failure("refuse secret.jpg").sentence
    log = (small_home / "server.log").read_text()
    assert "Locate failed: ValueError at obedient.py:" in log and "Locate refused: wrong-input" in log
    assert "secret" not in log


def cancelling_once_begun() -> Monitor:
    """It cancels when the worker has said that it has begun."""
    begun = threading.Event()
    return Monitor(
        on_progress=lambda share, _: begun.set() if share >= obedient.BEGUN else None, is_cancelled=begun.is_set
    )


def test_a_job_that_is_deaf_is_cancelled_before_it_ends_and_its_result_dropped(server):
    with pytest.raises(UserError) as refused:
        server.do("sleep 1000", monitor=cancelling_once_begun())
    assert refused.value.code == ErrorCode.CANCELLED
    assert server.connect().hello().jobs_waiting == 0
    assert server.do("nothing") > 0  # and its answer is not the other's


def test_a_job_that_never_gives_up_makes_way_for_the_next(server):
    deaf = server.do("nothing")
    with pytest.raises(UserError):
        server.do("sleep 1000", monitor=cancelling_once_begun())
    assert server.do("nothing") != deaf


@needs_posix
def test_no_process_outlives_its_server(server):
    worker = server.do("nothing")
    busy = threading.Thread(target=lambda: server.failure("sleep 60"))
    busy.start()
    wait_until(lambda: server.connect().hello().jobs_waiting == 1)
    server.process.kill()
    busy.join(60)
    wait_until(lambda: not is_running(worker), seconds=60)


@needs_posix
def test_the_job_of_a_client_that_has_left_is_given_up_long_before_a_report_is_due(server):
    server.do("nothing")
    context, leaver = raw_socket(endpoint.running().address)
    leaver.send_multipart(wire.encode("1", obedient.order("work 60")))
    watcher = server.connect()
    wait_until(lambda: watcher.hello().jobs_waiting == 1)
    begun = time.monotonic()
    leaver.close()
    context.term()
    wait_until(lambda: watcher.hello().jobs_waiting == 0, seconds=50)
    assert server.do("nothing") > 0
    log = (paths.home() / "server.log").read_text()
    assert "a client left" in log and time.monotonic() - begun < 55
