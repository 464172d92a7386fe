"""The installer: where it finds GIMP, what it puts there, and that it takes everything away again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference_server.cli import gimp_installs, plug_in_files
from inference_server.shared import paths

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

import install  # noqa: E402

from .servers import needs_posix, wait_until  # noqa: E402


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A person with an empty home folder."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "APPDATA", "LOCALAPPDATA", "GIMP3_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(paths.HOME_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(gimp_installs, "program", lambda: None)
    return tmp_path


@pytest.mark.parametrize(
    "profile",
    [
        ".config/GIMP/3.0",
        ".config/GIMP/3.2",
        ".var/app/org.gimp.GIMP/config/GIMP/3.0",
        "Library/Application Support/GIMP/3.0",
    ],
)
def test_profiles_are_found_where_each_platform_has_them(user, profile):
    (user / profile).mkdir(parents=True)
    assert gimp_installs.profiles() == [user / profile]


def test_profiles_are_found_on_windows(user, monkeypatch):
    monkeypatch.setenv("APPDATA", str(user / "AppData" / "Roaming"))
    (user / "AppData/Roaming/GIMP/3.0").mkdir(parents=True)
    assert gimp_installs.profiles() == [user / "AppData/Roaming/GIMP/3.0"]


def test_gimp_2_is_left_alone(user):
    (user / ".config/GIMP/2.10").mkdir(parents=True)
    assert gimp_installs.profiles() == []


def test_every_profile_is_served_and_a_gimp_never_started_gets_its_own(user, monkeypatch):
    monkeypatch.setattr(gimp_installs, "program", lambda: "/usr/bin/gimp-console")
    monkeypatch.setattr(gimp_installs, "series", lambda gimp: "3.2")
    assert gimp_installs.profiles() == [user / ".config/GIMP/3.2"]
    for series in ("3.0", "3.2"):
        (user / ".config/GIMP" / series).mkdir(parents=True)
    assert gimp_installs.profiles() == [user / ".config/GIMP/3.0", user / ".config/GIMP/3.2"]


def test_a_python_that_cannot_draw_the_dialog_is_told_at_installation(user, monkeypatch, tmp_path):
    python = tmp_path / "python3"
    monkeypatch.setattr(gimp_installs, "SYSTEM_PYTHON", python)
    assert gimp_installs.lacks() == "", "no GIMP"
    monkeypatch.setattr(gimp_installs, "program", lambda: str(tmp_path / "gimp-console"))
    assert gimp_installs.lacks() == "", "no Python of the machine's own"
    python.symlink_to("/bin/false")
    assert "python3-gi-cairo" in gimp_installs.lacks()
    monkeypatch.setattr(gimp_installs, "program", lambda: "/opt/gimp/bin/gimp-console")
    assert gimp_installs.lacks() == "", "a GIMP with its own Python"


def test_the_private_folder_follows_the_platform(user, monkeypatch):
    assert paths.home() == user / ".local/share/inpaint-anything"
    monkeypatch.setenv("XDG_DATA_HOME", str(user / "data"))
    assert paths.home() == user / "data/inpaint-anything"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert paths.home() == user / "Library/Application Support/Inpaint Anything"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(user / "Local"))
    assert paths.home() == user / "Local" / "Inpaint Anything"


def test_the_plug_in_is_complete_and_executable_and_replaces_an_older_one(user):
    profile = user / ".config/GIMP/3.0"
    old = profile / "plug-ins/inpaint-anything/older.py"
    old.parent.mkdir(parents=True)
    old.touch()
    place = plug_in_files.put(profile, Path("/somewhere/python"), Path("/somewhere"))
    assert not old.exists()
    program = place / "inpaint-anything.py"
    assert program.stat().st_mtime > (REPOSITORY / "gimp_plugin" / program.name).stat().st_mtime, "GIMP asks it anew"
    assert os.access(program, os.X_OK) and program.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    ours = {path.name for path in (REPOSITORY / "gimp_plugin").iterdir()} | {"inference_server"}
    assert {path.name for path in place.iterdir()} | {"__pycache__"} == ours | {"installation.json", "__pycache__"}
    assert (place / "locale" / "vi" / "LC_MESSAGES" / "inpaint-anything.mo").is_file()
    assert (place / "help" / "en" / "index.html").is_file()
    record = json.loads((place / "installation.json").read_text())
    assert record == {"python": "/somewhere/python", "home": "/somewhere"}


def test_what_the_plug_in_brings_needs_only_the_standard_library(user):
    """-I -S: a Python that has nothing but itself, like GIMP's."""
    place = plug_in_files.put(user / "profile", Path("/python"), Path("/home"))
    code = (
        f"import sys; sys.path.insert(0, {str(place)!r})\n"
        "import inference_server.shared.client, inference_server.shared.keys, inference_server.shared.relay_link\n"
        "print(*sorted(m for m in sys.modules if m.split('.')[0] in ('numpy', 'cv2', 'torch', 'onnxruntime')))"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_uninstalling_takes_everything_and_nothing_else(user, capsys):
    profile = user / ".config/GIMP/3.0"
    profile.mkdir(parents=True)
    neighbour = profile / "plug-ins/other/other.py"
    neighbour.parent.mkdir(parents=True)
    neighbour.touch()
    plug_in_files.put(profile, Path("/python"), paths.private_folder(paths.home()))
    assert install.uninstall(None) == 0
    left = {str(path.relative_to(user)) for path in user.rglob("*") if path.is_file()}
    assert left == {".config/GIMP/3.0/plug-ins/other/other.py"}
    assert install.uninstall(None) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["demo", "--image", "nothing.jpg", "--click", "1,2"], "There is no file nothing.jpg"),
        (["demo", "--click", "1,2"], "--image and --click belong together"),
        (["demo", "--image", "install.py"], "--image and --click belong together"),
        (["demmo"], "invalid choice"),
        (["--fast"], "what is --fast"),
    ],
)
def test_wrong_use_is_told_in_a_sentence(user, arguments, says):
    done = subprocess.run([sys.executable, "install.py", *arguments], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode in (1, 2) and says in done.stderr and "Traceback" not in done.stderr


def test_a_process_of_tests_that_is_ended_by_one_of_them_does_not_pass():
    """A thread of a server's worker, whose server was gone, ended all tests after it with the status of success."""
    ends = "from tests.conftest import fail_where_the_process_is_ended as guard; guard(); import os; os._exit(0)"
    done = subprocess.run([sys.executable, "-c", ends], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 70 and "say_and_end" in done.stderr


@needs_posix
def test_lanes_that_are_ended_leave_nothing_running(tmp_path):
    """What a lane had started went on for minutes after the tests were ended, and a GIMP without a task for ever."""
    program = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
import install
install.lane_command = lambda lane, chosen: ["sh", "-c", "sleep 600 & echo $! > {tmp_path}/" + lane.name + "; wait"]
install.side_by_side([install.LANES["code"], install.LANES["jobs"]])
"""
    both = [tmp_path / name for name in ("code", "jobs")]
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL) as tests:
        wait_until(lambda: all(file.is_file() and file.read_text().endswith("\n") for file in both))
        tests.send_signal(signal.SIGTERM)
    assert tests.returncode == 128 + signal.SIGTERM
    for file in both:
        wait_until(lambda file=file: is_gone(int(file.read_text())))


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").exists() and ") Z " in Path(f"/proc/{pid}/stat").read_text("ascii")
