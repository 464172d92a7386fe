"""A server for the network: the code that is pasted, who is answered, and the system's services."""

import configparser
import plistlib
import shlex
import subprocess
import sys

import pytest

from inference_server.cli import lan, service
from inference_server.shared import client, endpoint, keys, paths, preferences
from inference_server.shared.errors import UserError
from inference_server.shared.preferences import Preferences

from ..servers import SERVE, needs_posix, wait_until

KEY = "x" * 40


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"studio.local:5590 {KEY}", ("studio.local:5590", KEY)),
        (f"  tcp://[fe80::1]:5590\n{KEY} ", ("[fe80::1]:5590", KEY)),
        (preferences.code("tcp://192.168.1.2:5590", KEY), ("192.168.1.2:5590", KEY)),
        ("studio.local:5590", None),
        (f"studio.local {KEY}", None),
        (f"studio.local:5590 {KEY}x", None),
        (f"studio.local:5590 {KEY} more", None),
        ("", None),
    ],
)
def test_a_code_holds_the_address_and_the_key(text, found):
    assert preferences.of_code(text) == found


@needs_posix
def test_what_is_printed_is_enough_to_use_it_and_only_the_listed_are_answered(serving, home, tmp_path, monkeypatch):
    serving().close()  # the private server, which makes room
    line = SERVE.copy()
    code = "import sys; from inference_server.cli import lan, parser; lan.PORT = 0; lan.ADDRESS = 'tcp://127.0.0.1:*';"
    line[1:] = ["-c", f"{code} sys.exit(parser.main(['serve', '--lan']))"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        printed = [server.stdout.readline().strip() for _ in range(6)]
        assert "Nobody else is listed yet" in printed[3]
        wait_until(lambda: (found := endpoint.running()) is not None and found.address.startswith("tcp://"))
        address = endpoint.running().address
        pasted = preferences.of_code(printed[2])
        monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "laptop"))
        there = Preferences(address=address, server_key=pasted[1])
        with pytest.raises(UserError, match="does not know this computer"):
            client.connect_remote(there)
        laptop = keys.kept("client")[0]
        monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
        keys.admit(laptop, "laptop")
        assert "Listed, and answered: laptop" in lan.instructions()
        monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "laptop"))
        with client.connect_remote(there) as connection:
            assert connection.hello()
        monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
        server.terminate()


def test_it_is_told_which_options_exclude_each_other(run):
    assert "never leaves" in run("serve", "--lan", "--idle", "5")[1]


PYTHON = '/odd $place/100 % "quoted"/python'


def test_the_unit_of_systemd_starts_it_whatever_the_path():
    made = service.service("linux", PYTHON)
    unit = configparser.RawConfigParser()
    unit.optionxform = str
    unit.read_string(made.content.decode())
    line = unit["Service"]["ExecStart"].replace("%%", "%").replace("$$", "$")
    assert shlex.split(line) == [PYTHON, "-m", "inference_server", "serve", "--lan"]
    assert made.file.name == "inpaint-anything.service" and ("systemctl", "--user", "daemon-reload") in made.begin


def test_the_agent_of_launchd_starts_it():
    made = service.service("darwin", PYTHON)
    assert plistlib.loads(made.content)["ProgramArguments"][0] == PYTHON


def test_the_task_of_windows_starts_it():
    made = service.service("win32", r"C:\Program Files\x\python.exe")
    assert made.begin[0][-1] == r'"C:\Program Files\x\python.exe" -m inference_server serve --lan'


def test_where_the_system_has_no_services_nothing_stays(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    status, printed = run("service", "install")
    assert status == 1 and "failed" in printed
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sys.platform != "linux" or run("service", "remove") == (0, "There is no such service.\n")
