"""Keys, and a server on another machine: on this one, in another private folder, over loopback TCP."""

import json
import os
import re
import socket
import stat
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from inference_server.__main__ import main
from inference_server.shared import client, endpoint, keys, paths, preferences
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import ListModels
from inference_server.shared.preferences import Preferences

from ..servers import SERVE, locate, wait_until

pytestmark = pytest.mark.usefixtures("shared_encoder_passes")


@pytest.fixture
def run(home, capsys):
    """A function that runs one command: (exit status, what it printed)."""

    def run(*arguments: str) -> tuple[int, str]:
        status = main(arguments)
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def new_key() -> str:
    """The public key of somebody else."""
    while (key := zmq.curve_keypair()[0].decode()).startswith("-"):  # as our own never do
        pass
    return key


@contextmanager
def at(folder: Path):
    """Within it, this is the other machine."""
    before = os.environ[paths.HOME_VARIABLE]
    os.environ[paths.HOME_VARIABLE] = str(folder)
    try:
        yield
    finally:
        os.environ[paths.HOME_VARIABLE] = before


@pytest.fixture
def studio(home, models, tmp_path):
    """Another machine with a server that others may reach: (its private folder, how it is reached)."""
    folder = tmp_path / "studio"
    folder.mkdir()
    (folder / "models").symlink_to(models)
    environment = {**os.environ, paths.HOME_VARIABLE: str(folder)}
    server = subprocess.Popen([*SERVE, "--address", "tcp://127.0.0.1:*"], env=environment, stdout=subprocess.DEVNULL)
    wait_until((folder / "server.json").exists)
    found = json.loads((folder / "server.json").read_text())
    yield folder, Preferences(address=found["address"], server_key=found["server_key"])
    server.terminate()
    server.wait()


# -- the command line


def test_keys_are_shown_with_what_to_do_with_them(run, home):
    status, printed = run("keys")
    assert status == 0
    assert keys.kept("client")[0] in printed and keys.kept("server")[0] in printed
    assert "keys admit 'KEY' --name NAME" in printed and "serve --lan" in printed
    for secret in (keys.kept("client")[1], keys.kept("server")[1]):
        assert secret not in printed
    assert run("keys")[1] == printed, "they stay"
    for file in (home / "keys").rglob("*.key*"):
        assert os.name != "posix" or stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_key_is_listed_and_forgotten(run, home):
    key = new_key()
    assert run("keys", "admit", key, "--name", "laptop") == (0, "The server answers laptop from now on.\n")
    listed = home / "keys" / "clients" / "laptop.key"
    assert os.name != "posix" or stat.S_IMODE(listed.stat().st_mode) == 0o600
    assert keys.admitted()["laptop"] == key and f"{key}  laptop" in run("keys")[1]
    assert run("keys", "admit", key, "--name", "laptop")[0] == 1, "a name means one"
    assert run("keys", "forget", "laptop")[0] == 0 and not listed.exists()
    assert "Nobody called laptop is answered" in run("keys", "forget", "laptop")[1]


@pytest.mark.parametrize("name", ["", "..", "../../x", "a/b", "a\\b", "client", ".x", "x" * 64, "é", "a b"])
def test_a_name_that_could_be_another_file_is_refused(run, home, name):
    key = new_key()
    status, printed = run("keys", "admit", key, "--name", name)
    assert status == 1 and "cannot be a name here" in printed
    assert run("keys", "forget", name)[0] == 1
    assert not list(home.rglob("*.key"))


@given(st.text(max_size=50))
def test_what_is_no_key_is_none(text):
    assert not keys._is_key(text)


@pytest.mark.parametrize("key", ["", "x" * 39, "x" * 41, "#" * 40, f"{'x' * 39}~", f"{'x' * 39}\n"])
def test_what_is_no_key_is_not_listed(run, home, key):
    assert "not a public key" in run("keys", "admit", key, "--name", "laptop")[1]
    assert not (home / "keys" / "clients" / "laptop.key").exists()


def test_a_damaged_entry_lists_nobody(home):
    keys.demand()
    (home / "keys" / "clients" / "odd.key").write_bytes(b"\xff no key")
    assert list(keys.admitted()) == [keys.OWN]


# -- another machine's server


def test_a_listed_client_uses_another_machines_server_and_starts_none_here(home, studio, photo):
    folder, there = studio
    own = keys.pair("client")[0]
    preferences.write(there)
    with pytest.raises(UserError, match="does not know this computer") as refused:
        client.connect(["/nowhere/python"])
    assert refused.value.code == ErrorCode.NOT_ADMITTED and own in refused.value.remedy
    with at(folder):
        keys.admit(own, "laptop")  # while the server runs
    with client.connect(["/nowhere/python"]) as connection:
        assert locate(connection, photo).score > 0.5
        assert any(model.installed for model in connection.request(ListModels())[0].models)
    with at(folder):
        keys.forget("laptop")
    with pytest.raises(UserError, match="does not know this computer"):
        client.connect(["/nowhere/python"])
    assert not (home / "server.json").exists() and not (home / "server.log").exists()
    assert "was turned away" in (folder / "server.log").read_text()


def test_a_server_with_another_key_is_not_talked_to(studio):
    stranger = zmq.curve_keypair()[0].decode()
    preferences.write(Preferences(address=studio[1].address, server_key=stranger))
    with pytest.raises(UserError, match="is not the server that this key belongs to") as refused:
        client.connect(["/nowhere/python"])
    assert refused.value.code == ErrorCode.WRONG_KEY


def test_a_server_that_is_not_there_is_said_and_none_is_started(home):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    preferences.write(Preferences(address=f"127.0.0.1:{port}", server_key=zmq.curve_keypair()[0].decode()))
    with pytest.raises(UserError, match=f"server at tcp://127.0.0.1:{port} cannot be reached") as refused:
        client.connect(["/nowhere/python"])
    assert refused.value.code == ErrorCode.NO_SERVER
    assert not (home / "server.lock").exists()


def test_what_never_answers_is_given_up(home):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        preferences.write(
            Preferences(address=f"127.0.0.1:{mute.getsockname()[1]}", server_key=zmq.curve_keypair()[0].decode())
        )
        with pytest.raises(UserError, match="does not answer") as refused:
            client.connect(["/nowhere/python"])
    assert refused.value.code == ErrorCode.SILENT


def test_a_server_that_leaves_meanwhile_is_said(home, studio):
    folder, there = studio
    own = keys.pair("client")[0]
    with at(folder):
        keys.admit(own, "laptop")
    preferences.write(there)
    with client.connect() as connection:
        with at(folder), client.Client(endpoint.running()) as own:
            own.stop_server()
        with pytest.raises(UserError, match=r"has left\. Nothing was changed") as refused:
            while True:
                connection.hello()
                time.sleep(0.1)
    assert refused.value.code == ErrorCode.SERVER_GONE


def test_doctor_says_which_server_is_used(run, studio):
    folder, there = studio
    preferences.write(there)
    assert "does not know this computer" in run("doctor")[1]
    own = keys.kept("client")[0]
    with at(folder):
        keys.admit(own, "laptop")
    used = next(line for line in run("doctor")[1].splitlines() if line.startswith("used here"))
    assert f" the server at {there.address}, version" in used


def test_by_itself_a_server_is_reached_from_this_machine_alone(serving):
    serving()
    assert re.match(r"ipc://|tcp://127\.0\.0\.1:", endpoint.running().address)


def test_a_server_for_others_is_reached_here_too(home, serving):
    serving("--address", "tcp://0.0.0.0:*")
    assert endpoint.running().address.startswith("tcp://127.0.0.1:")


def test_a_key_is_never_taken_for_an_option(home, monkeypatch):
    good, secret = new_key(), zmq.curve_keypair()[1].decode()
    drawn = iter([(b"-" + good.encode()[1:], secret.encode()), (good.encode(), secret.encode())])
    monkeypatch.setattr(zmq, "curve_keypair", lambda: next(drawn))
    assert keys.pair("client") == (good, secret)


def test_keys_made_by_several_threads_are_one(home):
    made = []
    threads = [threading.Thread(target=lambda: made.append(keys.pair("client"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4 and set(made) == {keys.kept("client")}
