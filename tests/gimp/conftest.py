"""What the tests inside GIMP share: a server of their own, and a way to run a scenario."""

import os
from pathlib import Path

import cv2
import pytest

from inference_server.shared import client, endpoint, paths

from .. import small_pipelines
from ..conftest import new_home
from ..virtual_screen import seen, skip_without
from . import screen
from .running import RunningGimp
from .window import PROGRAMS, Log, Window, WindowedGimp

SCENARIOS = Path(__file__).with_name("scenarios.py")
BARE = ("--no-data", "--no-fonts")  # what these tests do not paint with takes a quarter of GIMP's start
WITHOUT_SHADOW = {"include_shadow": False}  # which takes half a second to look for after each click
IN_GIMP = [
    pytest.mark.gimp,
    pytest.mark.skipif("GIMP_CONSOLE" not in os.environ, reason="needs a GIMP 3: run python3 install.py test"),
]


os.environ["LANGUAGE"] = "en"  # what the tests read of GIMP and of the plug-in, whatever the machine's is


@pytest.fixture(scope="module", autouse=True)
def quick_servers(shared_encoder_passes) -> None:
    """What the servers here encode, another has encoded."""


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory, models):
    """A private folder whose server serves all the tests here that do not mind."""
    folder = new_home(tmp_path_factory, models)
    yield folder
    stop_server(folder)


def stop_server(folder: Path) -> None:
    before = os.environ.get(paths.HOME_VARIABLE)
    os.environ[paths.HOME_VARIABLE] = str(folder)
    found = endpoint.running()
    if found:
        with client.Client(found) as connection:
            connection.stop_server()
    if before is not None:
        os.environ[paths.HOME_VARIABLE] = before


@pytest.fixture(scope="session")
def srgb_photo(photo_file, tmp_path_factory) -> str:
    """The photograph without the profile in it, from which each process of GIMP searches its way to sRGB for a second.

    What becomes of profiles a few tests ask, of several.
    """
    data, profile = photo_file.read_bytes(), b"ICC_PROFILE"
    start = data.index(profile) - 4  # a segment: its marker, its length, and what it holds
    length = 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    file = tmp_path_factory.mktemp("srgb") / "rocket.jpg"
    file.write_bytes(data[:start] + data[start + length :])
    return str(file)


@pytest.fixture(scope="session")
def gimp(shared_home, srgb_photo):
    """A function that runs one scenario in GIMP and gives what it saw.

    Scenarios that share the home and need no environment of their own share one GIMP; others that need the same one
    after the other share one, too.
    """
    running: dict[bool, RunningGimp] = {}

    def run(scenario: str, home: Path = shared_home, environment=None, file: Path = SCENARIOS, **arguments):
        if scenario not in ("menus", "registered", "remove_from_files", "plug_ins_folder"):
            arguments.setdefault("photo", srgb_photo)
        own = {paths.HOME_VARIABLE: str(home), **(environment or {})}
        is_shared = home == shared_home and not environment
        before = running.get(is_shared)
        if before is None or not before.running or before.environment != own:
            if before:
                before.close()
            running[is_shared] = RunningGimp(own)
        return running[is_shared].run(file, scenario=scenario, **arguments)

    yield run
    for each in running.values():
        each.close()


@pytest.fixture(scope="session")
def few_plug_ins(gimp, tmp_path_factory) -> str:
    """A line for the gimprc of a GIMP in another language: it would ask a hundred plug-ins how they are called in it.

    These are left: ours, and what the scenarios need.
    """
    there, folder = Path(gimp("plug_ins_folder")), tmp_path_factory.mktemp("plug-ins")
    for name in ("python-eval", "file-jpeg", "web-browser"):
        (folder / name).symlink_to(there / name)
    return f'(plug-in-path "${{gimp_dir}}/plug-ins{os.pathsep}{folder}")\n'


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> str:
    """The folder of a small model."""
    for package in ("torch", "diffusers"):
        pytest.importorskip(package, reason="painting from a prompt needs the full packages")
    return str(small_pipelines.sd15(tmp_path_factory.mktemp("small") / "sd15"))


@pytest.fixture(scope="session")
def klein(tmp_path_factory) -> Path:
    """The folder of a small model that can be shown a picture of what it is to paint."""
    pytest.importorskip("diffusers", reason="painting from a prompt needs the full packages")
    return small_pipelines.flux2(tmp_path_factory.mktemp("klein") / "flux2-klein")


@pytest.fixture(scope="module")
def window_home(tmp_path_factory, models):
    """The private folder of the server that a module's GIMPs with windows share."""
    folder = new_home(tmp_path_factory, models)
    yield folder
    stop_server(folder)


@pytest.fixture
def log(window, window_home):
    """What the windows' server logs in this test, whose private folder `window` has chosen."""
    return Log.of(window_home)


@pytest.fixture(scope="module")
def kept_gimps(window_home):
    """GIMPs with windows that a module's tests use one after the other: none or one."""
    kept: list[WindowedGimp] = []
    yield kept
    for gimp in kept:
        gimp.close()


@pytest.fixture
def window(kept_gimps, window_home, photo, tmp_path, monkeypatch):
    """A function that opens the photo in a GIMP window, prepared in one of the ways of prepare_window.py.

    last: the settings that each job was last done with, by default WITHOUT_SHADOW; other arguments, a WindowedGimp's,
    need a GIMP of their own.
    """
    skip_without(PROGRAMS)
    monkeypatch.setenv(paths.HOME_VARIABLE, str(window_home))
    file = tmp_path / "photo.png"
    cv2.imwrite(str(file), photo[..., ::-1])
    opened: list[Window] = []
    own: list[WindowedGimp] = []

    def open_window(prepare: str, last: dict[str, dict[str, object]] | None = None, **arguments) -> Window:
        gimps = own if arguments else kept_gimps
        if not gimps:
            gimps.append(WindowedGimp(tmp_path, window_home, **{"options": BARE, **arguments}))
        last = {job: WITHOUT_SHADOW for job in ("select", "remove", "fill")} | (last or {})
        opened.append(gimps[0].open(file, prepare, last))
        return opened[-1]

    yield open_window
    for seen_last in opened:
        screen.keep(seen(seen_last.environment), f"end-of-{tmp_path.name}")
    left = all(seen_last.leave_dialogs() for seen_last in opened)
    for seen_last in opened:
        seen_last.display.close()
    while own or (kept_gimps and not left):
        (own or kept_gimps).pop().close()
