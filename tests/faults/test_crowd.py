"""Strangers, crowds and greedy clients: the others' hellos come at once, and memory stays within its bound."""

import contextlib
import socket
import sys
import threading
import time

import pytest
import zmq

from inference_server.serve import limits
from inference_server.serve.connections import Connections
from inference_server.serve.requests import REPORT_SECONDS
from inference_server.shared import endpoint, keys, messages, wire
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import Failure
from inference_server.shared.monitor import Monitor

from ..servers import PATIENCE, answer_on, needs_posix, raw_socket, wait_until
from . import obedient
from .strangers import GREETING, READY, enveloped, stranger

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
SECONDS = 10  # a hello takes: far more than is promised (bench measures that), as tests run beside others


def hellos(connection, count: int) -> list[float]:
    """Seconds that so many hellos took, the longest last."""
    taken = []
    for _ in range(count):
        begun = time.monotonic()
        connection.hello()
        taken.append(time.monotonic() - begun)
        time.sleep(0.005)
    return sorted(taken)


@needs_proc
def test_strangers_get_next_to_no_memory(reachable):
    before, connections = reachable.memory(), []
    for size in (64 << 20, 64 << 20, wire.PIECE - 1, wire.PIECE - 1):
        connections.append(stranger(endpoint.running().address, size))
    assert reachable.memory() - before < 10
    assert reachable.connect().hello()
    for connection in connections:
        connection.close()


@needs_proc
def test_a_crowd_of_strangers_keeps_nobody_waiting(reachable):
    connection = reachable.connect()
    before, address = reachable.memory(), endpoint.running().address
    with contextlib.ExitStack() as crowd:
        for _ in range(400):
            crowd.enter_context(stranger(address, 1 << 17))
        assert hellos(connection, 50)[-2] < SECONDS
        assert reachable.memory() - before < 150
    assert reachable.do("nothing")


def test_strangers_that_come_and_go_have_nothing_reported(reachable):
    """Each that left had every client told at once how far its job is."""
    told, begun = [], time.monotonic()
    job = threading.Thread(
        target=reachable.do, args=("work 1",), kwargs={"monitor": Monitor(on_progress=lambda *_: told.append(1))}
    )
    job.start()
    while job.is_alive():
        stranger(endpoint.running().address, 0).close()
        time.sleep(0.01)
    job.join()
    assert len(told) <= 4 + 2 * (time.monotonic() - begun) / REPORT_SECONDS


def test_connections_beyond_what_there_is_room_for_are_ended():
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        watched = Connections(router)
        watched._most = 3
        port = router.bind_to_random_port("tcp://127.0.0.1")
        there = [socket.create_connection(("127.0.0.1", port)) for _ in range(6)]
        ended = 0
        limit = time.monotonic() + PATIENCE
        while ended < 3 and time.monotonic() < limit:
            watched.take_events()
            time.sleep(0.02)
            ended = sum(not is_open(connection) for connection in there)
        assert ended == 3
        for connection in there:
            connection.close()
        watched.close()


def is_open(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    try:
        while data := connection.recv(100):
            assert data
        return False
    except TimeoutError:
        return True
    except OSError:
        return False


def raw(parts: list[bytes]) -> Failure:
    """What the server answers to these bytes."""
    context, connection = raw_socket(endpoint.running().address)
    connection.send_multipart(parts)
    _, answer = answer_on(connection)
    connection.close()
    context.term()
    assert isinstance(answer, Failure)
    return answer


@needs_posix
@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([b"[" * (200 << 10)], ErrorCode.VERSION),
        ([b'{"version":5,"id":"1","kind":"hello","body":{"client":"' + b"x" * 200_000 + b'"}}'], ErrorCode.VERSION),
        ([b"{}"] * 20_000, ErrorCode.VERSION),
        (enveloped(b'{"points":[' + b"[0.5,0.5]," * 400_000 + b"0]}"), ErrorCode.BAD_REQUEST),
        (enveloped(b"[" * (4 << 20)), ErrorCode.BAD_REQUEST),
        (enveloped(b'{"model":"' + b"\\u0000" * 600_000 + b'"}'), ErrorCode.BAD_REQUEST),
    ],
    ids=["long header", "old header", "many parts", "many points", "deep body", "long text"],
)
def test_no_message_keeps_anothers_hello_waiting(server, parts, code):
    connection, answers = server.connect(), []
    server.do("nothing")
    hostile = threading.Thread(target=lambda: answers.append(raw(parts)))
    hostile.start()
    taken = []
    while hostile.is_alive():
        taken += hellos(connection, 1)
    assert [answer.code for answer in answers] == [code]
    assert max(hellos(connection, 5) + taken) < SECONDS
    assert server.do("nothing") > 0


@needs_posix
def test_a_long_call_in_the_worker_keeps_no_hello_waiting(server):
    job = threading.Thread(target=lambda: server.do("hold 2"))
    job.start()
    connection = server.connect()
    taken = hellos(connection, 60)
    job.join()
    assert taken[-2] < SECONDS


@needs_posix
def test_a_client_gets_its_share_of_the_queue_and_no_more(server, tmp_path):
    """While its first request is worked on, two of its others may wait: so many of 24 MB fit in a share."""
    first, codes, fit = tmp_path / "first", [], limits.MOST_BYTES // (24 << 20)
    context, greedy = raw_socket(endpoint.running().address)
    greedy.send_multipart(wire.encode("first", obedient.order(f"await {first}")))
    pixels = bytes(24 << 20)
    for k in range(20):
        greedy.send_multipart(wire.encode(str(k), obedient.order("nothing"), [pixels]))
    refused = [answer_on(greedy)[1] for _ in range(20 - fit)]
    assert {answer.code for answer in refused} == {ErrorCode.TOO_MUCH}
    assert server.memory() < 250
    honest = threading.Thread(target=lambda: codes.append(server.do("nothing")))
    honest.start()
    first.touch()
    assert all(isinstance(answer_on(greedy)[1], messages.Located) for _ in range(fit + 1))
    honest.join(PATIENCE)
    assert codes
    greedy.close()
    context.term()


@needs_posix
def test_clients_take_turns(server, tmp_path):
    """Who comes last waits for one of a greedy client's requests: the next one would not end before it is served."""
    watcher, first, later = server.connect(), tmp_path / "first", tmp_path / "later"

    def wait_for_waiting(count: int) -> None:
        wait_until(lambda: watcher.hello().jobs_waiting == count)

    busy = threading.Thread(target=server.do, args=(f"await {first}",))
    busy.start()
    wait_for_waiting(1)
    context, greedy = raw_socket(endpoint.running().address)
    for k, words in enumerate(["nothing", *[f"await {later}"] * 9]):
        greedy.send_multipart(wire.encode(str(k), obedient.order(words)))
    wait_for_waiting(11)
    honest = threading.Thread(target=server.do, args=("nothing",))
    honest.start()
    wait_for_waiting(12)
    first.touch()
    honest.join(PATIENCE)
    assert not honest.is_alive(), "it waits for more than one of the greedy client's"
    later.touch()
    greedy.close()
    context.term()
    busy.join()


@needs_posix
def test_a_client_that_takes_no_answers_fills_no_memory(server):
    context, mute = raw_socket(endpoint.running().address)
    mute.rcvhwm = 1
    for k in range(8):
        mute.send_multipart(wire.encode(str(k), obedient.order("answer 100")))
    time.sleep(1)
    server.do("nothing")
    assert server.memory() < 50 + 2 * limits.MOST_UNREAD / 2**20
    mute.close()
    context.term()
    assert server.do("nothing") > 0


def test_a_key_that_is_forgotten_is_refused_from_the_next_message_on(reachable, small_home):
    found = endpoint.running()
    context, other = listed(found, "laptop")

    def greet(request_id: str) -> messages.Message:
        other.send_multipart(wire.encode(request_id, messages.Hello(client="laptop")))
        while True:
            answered, answer = answer_on(other)
            if answered == request_id:
                return answer

    assert isinstance(greet("1"), messages.Welcome)
    other.send_multipart(wire.encode("2", messages.Stop()))  # which is for this user's own programs
    other.send_multipart(wire.encode("3", obedient.order("work 30")))
    own = reachable.connect()
    while own.hello().jobs_waiting != 1:
        time.sleep(0.02)
    keys.forget("laptop")
    refused = greet("4")
    assert isinstance(refused, Failure) and refused.code == ErrorCode.NOT_ADMITTED
    wait_until(lambda: own.hello().jobs_waiting == 0)
    log = small_home / "server.log"
    wait_until(lambda: "Locate refused: cancelled" in log.read_text())  # and not done, half a minute later
    other.close()
    context.term()


@pytest.mark.parametrize("damage", [b"public-key\n", b"\xff\xfe\0", b"curve\n public-key = \n", b"", b"[" * 99999])
def test_a_damaged_key_keeps_only_its_owner_out(reachable, small_home, damage):
    (small_home / "keys" / "clients" / "odd.key").write_bytes(damage)
    (small_home / "keys" / "clients" / "folder.key").mkdir()
    for _ in range(2):
        assert reachable.connect().hello()
    with pytest.raises(UserError, match=r"folder\.key"):
        keys.admit(zmq.curve_keypair()[0].decode(), "folder")


@needs_proc
def test_a_message_without_an_end_is_ended():
    """libzmq sends no message before it has all of it; others may, and it keeps what has come."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        watched = Connections(router)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        endless, honest = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
        for connection in (endless, honest):
            connection.sendall(GREETING.replace(b"CURVE", b"NULL\0") + READY)
        for _ in range(8):  # flags: long, and more to come
            endless.sendall(b"\x03" + (1 << 20).to_bytes(8, "big") + bytes(1 << 20))
        for _ in range(2):
            for _ in range(3):
                honest.sendall(b"\x02" + (1 << 20).to_bytes(8, "big") + bytes(1 << 20))
                assert router.poll(120_000)
                watched.take_events()
                watched.take_message(router.recv_multipart(copy=False)[1].get(zmq.SRCFD))
            watched.end_endless(4 << 20)
            assert is_open(honest)
        limit = time.monotonic() + 60
        while is_open(endless) and time.monotonic() < limit:
            pass
        assert not is_open(endless)
        endless.close()
        honest.close()
        watched.close()


def listed(found, name: str) -> tuple[zmq.Context, zmq.Socket]:
    """The socket of another computer, whose key the server admits."""
    context = zmq.Context()
    other = context.socket(zmq.DEALER)
    other.linger = 0
    public, other.curve_secretkey = zmq.curve_keypair()
    other.curve_publickey, other.curve_serverkey = public, found.server_key.encode()
    keys.admit(public.decode(), name)
    other.reconnect_ivl = -1
    other.connect(found.address)
    return context, other
