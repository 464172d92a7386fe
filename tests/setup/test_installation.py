"""The installation, with a stand-in for uv that a real server hands out, and real environments and processes."""

import hashlib
import http.server
import json
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
import zipfile
from functools import partial
from pathlib import Path

import pytest

import inference_server
from inference_server.shared import disk, paths
from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.monitor import Monitor

from ..servers import needs_posix, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "gimp_plugin"))

from inpaint_anything.setup import installation, uv  # noqa: E402

pytestmark = needs_posix  # the stand-in is a script


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def releases(tmp_path, monkeypatch):
    """The folder of a server that has a stand-in for uv, which is the only one that is found."""
    folder = tmp_path / "releases"
    folder.mkdir()
    script = (Path(__file__).with_name("fake_uv.py")).read_text()
    with zipfile.ZipFile(folder / "uv.whl", "w") as wheel:
        wheel.writestr(f"uv-1.data/scripts/{uv.PROGRAM}", f"#!{sys.executable}\n{script}")
    data = (folder / "uv.whl").read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(uv, "INDEX", tmp_path / "index")
    uv.INDEX.write_text(f"http://127.0.0.1:{server.server_port}/")
    found = uv.Wheel("uv.whl", len(data), hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(uv, "wheel", lambda: found)
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)
    yield folder
    server.shutdown()
    server.server_close()


@pytest.fixture
def behaviour(monkeypatch):
    """A function that says what the stand-in does."""

    def say(**given: object) -> None:
        words = {name.replace("_", " "): value for name, value in given.items()}
        path = [str(REPOSITORY), sysconfig.get_path("platlib")]
        monkeypatch.setenv("FAKE_UV", json.dumps({"path": path, **words}))

    say()
    return say


@pytest.fixture
def server(home, releases, behaviour, tmp_path) -> installation.Installation:
    """What is to be installed; the models are here already."""
    return installation.Installation(new_wheel(tmp_path, "1"))


def new_wheel(folder: Path, content: str) -> Path:
    wheel = folder / "my “wheels” [ệ] 100 %" / "inference_server-1-py3-none-any.whl"
    wheel.parent.mkdir(exist_ok=True)
    wheel.write_text(content)
    return wheel


def commands(home: Path) -> list[str]:
    return (home / "commands").read_text().split()


def test_what_is_there_is_installed_once(server, home):
    heard = []
    plan = server.plan()
    assert not server.is_current() and not plan.update and plan.download > 100e6 and plan.disk > plan.download
    assert server.run(Monitor(on_progress=lambda *progress: heard.append(progress))) == server.python
    assert server.is_current() and not (home / "uv").exists()
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and heard[-1] == (1.0, "Installed")
    assert (server.python.parent / uv.PROGRAM).is_file(), "where the server looks for it"
    done = subprocess.run([server.python, "-m", "inference_server", "--version"], capture_output=True, text=True)
    assert done.returncode == 0
    server.run()
    assert commands(home) == ["venv", "install"]


def test_another_wheel_is_an_update_that_keeps_the_environment(server, home, tmp_path):
    server.run()
    newer = installation.Installation(new_wheel(tmp_path, "2"))
    assert not newer.is_current() and newer.plan().update
    newer.run()
    assert newer.is_current() and commands(home) == ["venv", "install", "install"]


def test_what_was_installed_with_torch_stays_so_and_without_is_not_enough_for_it(server, home, tmp_path):
    server.run()
    wheel = new_wheel(tmp_path, "1")
    full = installation.Installation(wheel, [installation.FULL])
    assert server.is_current() and not full.is_current()
    full.run()
    assert server.is_current() and full.is_current()
    newer = installation.Installation(new_wheel(tmp_path, "2"))
    newer.run()
    assert newer.is_current() and (home / "venv" / "installed").read_text().endswith(" full")


def test_torch_comes_from_the_package_index_where_the_network_gives_no_other(server, home, behaviour, tmp_path):
    behaviour(torch_fails="Failed to fetch: https://builds.example/whl/cpu/torch/\n  cause: dns error")
    installation.Installation(new_wheel(tmp_path, "1"), [installation.FULL]).run()
    assert commands(home) == ["venv", "install", "install"]


def test_of_two_wheels_that_of_this_version_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(installation, "WHEELS", tmp_path)
    assert installation.bundled() is None
    for version in ("0.0.1", inference_server.__version__, "999"):
        (tmp_path / f"inference_server-{version}-py3-none-any.whl").touch()
    assert f"-{inference_server.__version__}-" in installation.bundled()._wheel.name


@pytest.mark.parametrize("moment", ["uv", "venv", "install"])
def test_cancelled_at_any_moment_it_is_not_there_and_goes_on(server, home, releases, behaviour, moment):
    behaviour(venv_sleeps=60 * (moment == "venv"), install_sleeps=60 * (moment == "install"))

    def is_cancelled() -> bool:
        return moment == "uv" or ((home / "commands").exists() and commands(home)[-1] == moment)

    with pytest.raises(UserError) as refused:
        server.run(Monitor(is_cancelled=is_cancelled))
    assert refused.value.code == ErrorCode.CANCELLED and not server.is_current()
    behaviour()
    server.run()
    assert server.is_current()


@pytest.mark.parametrize(
    ("said", "code"),
    [("dns error", ErrorCode.NO_NETWORK), ("No space left on device (os error 28)", ErrorCode.DISK_FULL)],
)
def test_what_fails_is_one_sentence_and_goes_on(server, behaviour, said, code):
    behaviour(install_fails=said)
    with pytest.raises(UserError) as refused:
        server.run()
    assert refused.value.code == code and not server.is_current()
    behaviour()
    server.run()
    assert server.is_current()


def test_without_network_it_is_said(server, releases, monkeypatch):
    from inference_server.shared import network

    monkeypatch.setattr(network, "PAUSE", 0)
    uv.INDEX.write_text("http://127.0.0.1:9/")
    with pytest.raises(UserError, match="could not be downloaded") as refused:
        server.run()
    assert refused.value.code == ErrorCode.NO_NETWORK


def test_what_is_not_what_was_asked_for_is_not_run(server, home, releases):
    data = bytearray((releases / "uv.whl").read_bytes())
    data[50] ^= 1
    (releases / "uv.whl").write_bytes(data)
    with pytest.raises(UserError, match="is not what was asked for"):
        server.run()
    assert not (home / "commands").exists()


def test_a_full_disk_is_said_before_anything_is_downloaded(server, home, monkeypatch):
    monkeypatch.setattr(disk, "free", lambda _: 1 << 20)
    with pytest.raises(UserError, match="MB are needed") as refused:
        server.run()
    assert refused.value.code == ErrorCode.DISK_FULL and not (home / "uv").exists()


ELSEWHERE = """
import sys; sys.path.insert(0, "gimp_plugin")
from pathlib import Path
from inpaint_anything.setup import installation, uv
uv.INDEX = Path(sys.argv[1]); found = uv.Wheel(*eval(sys.argv[2])); uv.wheel = lambda: found
installation.Installation(Path(sys.argv[3])).run()
"""


def test_two_at_once_and_one_that_is_killed(server, home, behaviour, tmp_path):
    """What the killed one has started goes on, and until it has ended nobody else touches the environment."""
    behaviour(install_sleeps=3)
    found = uv.wheel()
    line = [sys.executable, "-c", ELSEWHERE, str(uv.INDEX), repr((found.path, found.size, found.sha256))]
    with subprocess.Popen([*line, str(server._wheel)], cwd=REPOSITORY) as other:
        wait_until(lambda: (home / "commands").exists() and "install" in commands(home))
        with pytest.raises(UserError, match="under way already") as refused:
            server.run()
        assert refused.value.code == ErrorCode.IN_USE
        other.kill()
    with pytest.raises(UserError, match="under way already"):
        server.run()
    behaviour()
    limit = time.monotonic() + 30
    while not server.is_current():
        assert time.monotonic() < limit
        try:
            server.run()
        except UserError:
            time.sleep(0.1)


def test_an_environment_whose_python_is_gone_is_made_anew(server, home):
    server.run()
    server.python.unlink()
    server.python.symlink_to("/nowhere/python")
    assert not server.is_current()
    server.run()
    assert server.is_current() and commands(home) == ["venv", "install"] * 2


def test_only_what_is_ours_is_removed(server, home):
    server.run()
    (home / "commands").rename(home / "somebody's own")
    assert {path.name for path in installation.remove(home)} == {"models", "venv", "packages.log", "setup.lock"}
    assert [path.name for path in home.iterdir()] == ["somebody's own"]
    (home / "somebody's own").unlink()
    (home / "venv").mkdir()
    installation.remove(home)
    assert not home.exists() and not installation.remove(home)


def test_gimps_variables_do_not_reach_the_installer_and_the_systems_proxy_does(monkeypatch):
    for name in ("PYTHONHOME", "PYTHONPATH", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://here")
    seen = installation._environment(paths.home())
    assert "PYTHONHOME" not in seen and "PYTHONPATH" not in seen and seen["HTTPS_PROXY"] == "http://here"


def test_every_wheel_of_uv_is_pinned():
    for wheel in uv.WHEELS.values():
        assert len(wheel.sha256) == 64 and f"uv-{uv.VERSION}-py3-none-" in wheel.path and wheel.size > 1e7
    assert {system for system, _ in uv.WHEELS} == {"linux", "darwin", "win32"}
