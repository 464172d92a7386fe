"""The person's preferences, and the file they are in."""

import json
import os
import stat
import string
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference_server import UserError
from inference_server.__main__ import main
from inference_server.serve import server
from inference_server.shared import paths, preferences
from inference_server.shared.errors import ErrorCode
from inference_server.shared.preferences import Preferences, checked, read, write

from ..property import examples

KEY = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
OTHER = Preferences(address="tcp://studio.local:5590", server_key=KEY, idle_minutes=60)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home" / "settings.json"


def test_without_a_file_this_machines_own_server_is_meant(file):
    assert read() == Preferences(address="", server_key="", idle_minutes=15)
    assert not file.parent.exists(), "who only reads makes nothing"


def test_what_is_written_is_read_again_and_is_nobody_elses(file):
    write(OTHER)
    assert read() == OTHER
    assert os.name != "posix" or stat.S_IMODE(file.stat().st_mode) == 0o600
    write(Preferences())
    assert read() == Preferences() and [path.name for path in file.parent.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 5000,
        b'{"address": "tcp://a:1"}',
        b'{"address": 5, "server_key": "", "idle_minutes": 15}',
        b'{"address": "", "server_key": "", "idle_minutes": true}',
        b'{"address": "", "server_key": "", "idle_minutes": 15, "more": 1}',
        b'{"address": "ipc:///x", "server_key": "", "idle_minutes": 15}',
    ],
)
def test_a_damaged_file_is_as_none_and_stays_until_something_is_changed(file, content):
    file.parent.mkdir()
    file.write_bytes(content)
    assert read() == Preferences()
    assert file.read_bytes() == content
    write(OTHER)
    assert read() == OTHER


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(60))
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner)), st.data())
def test_whatever_is_in_the_file_what_is_read_can_be_meant(file, value, data):
    file.parent.mkdir(exist_ok=True)
    name = data.draw(st.sampled_from(["address", "server_key", "idle_minutes"]))
    file.write_text(json.dumps({**vars(OTHER), name: value}))
    assert checked(read()) == read()


@pytest.mark.parametrize(
    "address", ["studio.local:5590", " tcp://studio.local:5590 ", "192.168.0.7:1", "[fe80::1]:65535"]
)
def test_an_address_may_be_written_as_a_person_would(address):
    found = checked(Preferences(address=address, server_key=f" {KEY}\n")).address
    assert found == f"tcp://{address.strip().removeprefix('tcp://')}"


@pytest.mark.parametrize("address", ["studio", "studio:0", "studio:65536", "http://a:80", "a b:80", "a:80/x", "*:80"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(UserError, match="is not the address of a server"):
        checked(Preferences(address=address, server_key=KEY))


@given(st.text(string.printable, max_size=45).filter(lambda text: not preferences.KEY.fullmatch(text.strip())))
def test_what_is_no_key_is_refused(key):
    with pytest.raises(UserError, match="40 letters"):
        checked(Preferences(address="studio:1", server_key=key))


@pytest.mark.parametrize("minutes", [0, -1, 7 * 24 * 60 + 1])
def test_the_idle_time_has_limits(file, minutes):
    with pytest.raises(UserError, match="idle time"):
        write(Preferences(idle_minutes=minutes))
    assert not file.exists()


def test_an_error_says_what_cannot_be_written(file):
    file.mkdir(parents=True)
    with pytest.raises(UserError, match=r"settings\.json cannot be written"):
        write(OTHER)
    assert read() == Preferences() and [path.name for path in file.parent.iterdir()] == ["settings.json"]


def test_the_server_leaves_after_the_preferred_time_unless_the_command_line_says_otherwise(file, monkeypatch):
    seen = []

    def run(address, idle_seconds, launches, page):
        seen.append(idle_seconds)
        raise UserError(ErrorCode.TAKEN, "That is enough.")

    monkeypatch.setattr(server, "run", run)
    assert main(["serve"]) == main(["serve", "--idle", "7"]) == 1
    preferred, given = seen
    assert (preferred(), given()) == (900, 7)
    write(OTHER)
    assert (preferred(), given()) == (3600, 7)


def test_a_running_server_hears_of_another_idle_time(file):
    paths.private_folder(file.parent)
    seconds = 100.0
    running = server.Server(server.default_address(), lambda: seconds)
    running.bind()
    thread = threading.Thread(target=running.serve)
    thread.start()
    thread.join(1.5)
    assert thread.is_alive()
    seconds = 0.5
    thread.join(120)
    assert not thread.is_alive()
    running.close()
