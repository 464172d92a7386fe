"""The file that says how the running server is reached."""

import json
import os
import stat
from collections.abc import Iterator

import pytest

from inference_server.shared import endpoint, paths
from inference_server.shared.endpoint import Endpoint
from inference_server.shared.messages import VERSION

OWN = Endpoint(address="ipc:///somewhere/server.sock", pid=7)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def locked(home) -> Iterator[None]:
    """As long as a server runs."""
    with paths.only_instance(home / "server.lock") as alone:
        assert alone
        yield


def test_what_is_published_is_found_until_it_is_withdrawn(home, locked):
    assert endpoint.running() is None
    endpoint.publish(OWN)
    assert endpoint.running() == OWN and OWN.version == VERSION and not OWN.remote
    assert os.name != "posix" or stat.S_IMODE(endpoint.file().stat().st_mode) == 0o600
    endpoint.publish(Endpoint(address="tcp://127.0.0.1:5", server_key="k" * 40, pid=8))
    assert endpoint.running().server_key == "k" * 40
    endpoint.withdraw()
    endpoint.withdraw()
    assert endpoint.running() is None and [path.name for path in home.iterdir()] == ["server.lock"]


def test_what_a_killed_server_left_is_not_found_and_is_taken_away(home):
    endpoint.publish(OWN)
    assert endpoint.running() is None, "nothing holds the lock"
    (home / "server.lock").touch()
    assert endpoint.running() is None and not endpoint.file().exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 100_000,
        b"null",
        b'"ipc:///x"',
        b"{}",
        json.dumps({"address": 5}).encode(),
        json.dumps({"address": "ipc:///x", "server_key": None}).encode(),
        json.dumps({"address": "ipc:///x", "more": 1}).encode(),
    ],
)
def test_a_damaged_file_is_as_none(home, locked, content):
    endpoint.file().write_bytes(content)
    assert endpoint.running() is None


def test_a_file_of_another_version_is_read_so_that_its_server_can_be_told(home, locked):
    endpoint.file().write_text(json.dumps({"address": "ipc:///x", "pid": 1, "version": VERSION - 1}))
    assert endpoint.running() == Endpoint(address="ipc:///x", pid=1, version=VERSION - 1)
