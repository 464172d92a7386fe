"""The relay: a real process between a client and a real server, which passes messages on and leaves with its client."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from inference_server.shared import client, endpoint, messages, processes
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.relay_link import Relays

from ..servers import RELAY, long_job, needs_posix, wait_until, works

READY = b"\x06\0\0\0\0"  # the one message of a relay that is told nothing
pytestmark = needs_posix  # which says how many processes there are


def all_relays() -> list[int]:
    """The relays of this process that run."""
    own = str(os.getpid())
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()
            if state[1] == own and state[0] != "Z" and b"relay" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            pass
    return found


@pytest.fixture
def relayed():
    """The relays of a plug-in."""
    own = Relays(RELAY)
    yield own
    own.close()


@pytest.fixture
def relays():
    """A function that gives those that run since this test has begun; in the end there must be none."""
    before = set(all_relays())

    def since() -> list[int]:
        return [one for one in all_relays() if one not in before]

    yield since
    wait_until(lambda: not since())


@pytest.fixture
def open_link(relays, relayed):
    return relayed.open


def test_one_that_was_started_in_advance_is_used_and_then_kept(serving, relays, relayed):
    relayed.prepare()
    (first,) = relays()
    with serving() as connection:
        assert connection.hello() and relays() == [first]
        with serving() as other:
            assert other.hello() and len(relays()) == 2
    wait_until(lambda: len(relays()) == 1)
    relayed.prepare()  # which is for the first link alone
    for _ in range(3):
        with serving() as connection:
            assert connection.hello()
        wait_until(lambda: relayed._waiting is not None)
    assert len(relays()) == 1


def test_one_that_waits_and_is_killed_is_replaced(serving, relays, relayed):
    serving().close()
    wait_until(lambda: relayed._waiting is not None)
    os.kill(relays()[0], signal.SIGKILL)
    assert serving().hello()


def test_what_comes_late_reaches_no_later_link(serving, relays, relayed):
    message, frames = long_job()
    with serving() as connection:
        connection._send("the former link's", message, frames)
    wait_until(lambda: relayed._waiting is not None)
    with serving() as connection:
        assert len(relays()) == 1 and connection.hello()


def test_what_prints_in_it_does_not_get_between_the_messages(serving):
    code = "import os, sys; from inference_server.cli import relay; threading = relay.threading\n"
    code += "start = threading.Thread.start\n"
    code += "threading.Thread.start = lambda self: (print('noise', flush=True), start(self))\n"
    command = [sys.executable, "-c", f"{code}sys.exit(relay.run())"]
    serving()
    noisy = Relays(command)
    with client.Client(endpoint.running(), noisy.open) as connection:
        assert connection.hello()
    noisy.close()


@pytest.mark.parametrize("after", [0.0, 0.3])
def test_one_that_is_killed_is_said_and_the_next_request_works(serving, relays, after):
    message, frames = long_job()
    connection = serving()
    (victim,) = relays()
    threading.Timer(after, os.kill, (victim, signal.SIGKILL)).start()
    for _ in range(2):
        with pytest.raises(UserError, match="connection to the inference server has broken") as refused:
            connection.request(message, frames)
        assert refused.value.code == ErrorCode.SERVER_GONE
    assert works(serving())


def test_the_server_cancels_what_a_killed_ones_client_asked_for(serving, relays):
    message, frames = long_job()
    connection = serving()
    (victim,) = relays()
    threading.Timer(0.3, os.kill, (victim, signal.SIGKILL)).start()
    with pytest.raises(UserError, match="has broken"):
        connection.request(message, frames)
    other = serving()
    wait_until(lambda: other.hello().jobs_waiting == 0)


PLUG_IN = """
import sys, tests.servers as t
from inference_server.shared import client, relay_link
connection = client.connect(t.SERVE, open_link=relay_link.Relays(t.RELAY).open)
print(connection._link._relay.process.pid, flush=True)
message, frames = t.long_job()
connection.request(message, frames)
"""


def test_it_leaves_with_a_plug_in_that_is_killed(serving):
    connection = serving()
    with subprocess.Popen([sys.executable, "-c", PLUG_IN], stdout=subprocess.PIPE, text=True) as plug_in:
        assert plug_in.stdout
        relay = int(plug_in.stdout.readline())
        wait_until(lambda: connection.hello().jobs_waiting == 1)
        plug_in.kill()
    wait_until(lambda: not Path(f"/proc/{relay}").exists())
    wait_until(lambda: connection.hello().jobs_waiting == 0)


def test_what_was_sent_last_arrives(serving):
    """Stop has no answer: whoever sends it closes the link at once."""
    with serving() as connection:
        connection.stop_server()
    wait_until(lambda: endpoint.running() is None)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["/nowhere/python"], "/nowhere/python: No such file or directory. Run install.py again"),
        ([sys.executable, "-c", "import no_such_module"], "ModuleNotFoundError: No module named 'no_such_module'"),
        ([sys.executable, "-c", "print('Welcome to Python!')"], "could not be started: it left without a word"),
    ],
)
def test_one_that_does_not_start_is_explained(serving, command, says):
    serving()
    with pytest.raises(UserError, match="could not be started") as refused:
        client.Client(endpoint.running(), Relays(command).open).hello()
    assert refused.value.code == ErrorCode.NO_SERVER and says in str(refused.value)


def test_one_that_takes_long_to_start_is_waited_for(serving, tmp_path):
    """The server is given seconds to answer, and a cold disk may take longer."""
    code = "import pathlib, sys, time\nwhile not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.02)\n"
    code += "from inference_server.cli import relay; sys.exit(relay.run())"
    go, opened = tmp_path / "go", []
    serving()
    slow = Relays([sys.executable, "-c", code, str(go)])
    opening = threading.Thread(target=lambda: opened.append(client.Client(endpoint.running(), slow.open)))
    opening.start()
    opening.join(0.5)
    assert opening.is_alive()
    go.touch()
    opening.join()
    with opened[0] as connection:
        assert connection.hello()
    slow.close()


def test_random_bytes_end_it_without_harm(serving):
    connection = serving()
    for k in range(2):
        with subprocess.Popen(RELAY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            said, complained = process.communicate(random.Random(k).randbytes(5000), timeout=20)
        assert said == READY and b"Traceback" not in complained
    assert connection.request(messages.Hello(client="x"))


def test_gimps_python_variables_do_not_reach_it(serving, monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH"):
        monkeypatch.setenv(name, "/nowhere")
    assert not any(name.startswith("PYTHON") for name in processes.environment())
    assert serving().hello()


def test_a_folder_and_a_python_with_spaces_and_other_scripts(serving, tmp_path):
    odd = tmp_path / "Công cụ của tôi – 修复" / ("x" * 150)
    odd.mkdir(parents=True)
    (odd / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (odd / "python").chmod(0o755)
    serving()
    from_there = Relays([str(odd / "python"), *RELAY[1:]])
    with client.Client(endpoint.running(), from_there.open) as connection:
        assert connection.hello()
    from_there.close()
