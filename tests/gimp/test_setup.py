"""Set up, in a real GIMP with windows: the plug-in as it is downloaded, with nothing else, and a stand-in for uv."""

import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from inference_server.shared import paths

from ..virtual_screen import skip_without, wait_for
from .conftest import IN_GIMP, stop_server
from .window import DIALOG, PROGRAMS, Dialog, Window, WindowedGimp, as_downloaded

pytestmark = IN_GIMP
REPOSITORY = Path(__file__).resolve().parents[2]
SET_UP, GONE = "^Set Up Inpaint Anything", "^Inpaint Anything is gone"


@pytest.fixture
def downloaded(tmp_path, monkeypatch, models):
    """The private folder of a plug-in that was unpacked, and of which nothing is installed but the models."""
    skip_without(PROGRAMS)
    profile, programs = tmp_path / "profile", tmp_path / "programs"
    shutil.copytree(os.environ["GIMP3_DIRECTORY"], profile)
    as_downloaded(profile)
    programs.mkdir()
    script = (REPOSITORY / "tests" / "setup" / "fake_uv.py").read_text()
    (programs / "uv").write_text(f"#!{sys.executable}\n{script}")
    (programs / "uv").chmod(0o755)
    home = paths.private_folder(tmp_path / "home")
    shutil.copytree(models, home / "models", copy_function=os.symlink)
    monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
    monkeypatch.setenv("GIMP3_DIRECTORY", str(profile))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    path = [str(REPOSITORY), sysconfig.get_path("platlib")]
    monkeypatch.setenv("FAKE_UV", json.dumps({"path": path, "venv sleeps": 2}))
    yield home
    stop_server(home)


def test_the_server_is_installed_by_mouse_and_the_dialog_opens(downloaded, tmp_path, photo, photo_file):
    gimp = WindowedGimp(tmp_path / "gimp", downloaded)
    try:
        window = gimp.open(photo_file, "nothing", {})
        window.call("remove")
        wait_for(lambda: window.shows(SET_UP), 120, "Set up does not open")
        press(window, "alt+c")
        wait_for(lambda: not window.shows(SET_UP), 120, "Set up does not close")
        window.wait_for_plug_in()
        assert not window.shows(DIALOG) and not (downloaded / "venv").exists()
        window.call("remove")
        wait_for(lambda: window.shows(SET_UP), 120, "Set up does not open again")
        press(window, "alt+i")
        wait_for(lambda: (downloaded / "commands").exists(), 120, "nothing is installed")
        press(window, "alt+c")  # which stops it, and the window stays
        wait_for(lambda: go_on(window), 120, "it does not go on")
        dialog = Dialog(window, DIALOG, window.find(DIALOG))
        wait_for(dialog.state, 120, "the dialog is not drawn")
        dialog.point(photo, 322, 200)
        assert dialog.wait_settled().objects == 1
        dialog.leave()
        uninstall(window)
        assert [path.name for path in downloaded.iterdir()] == ["commands"], "which is the stand-in's"
        assert not (tmp_path / "gimp" / "profile" / "plug-ins" / "inpaint-anything").exists()
    finally:
        gimp.close()


def press(window: Window, keys: str) -> None:
    """Press keys in Set up, once it has the keyboard."""
    wait_for(lambda: window.has_keyboard(window.find(SET_UP)), 120, "Set up does not get the keyboard")
    window.do("key", keys)


def go_on(window: Window) -> bool:
    """Press Go On until all is installed."""
    if window.shows(DIALOG):
        return True
    if window.shows(SET_UP):
        window.do("key", "alt+g")
    return False


def uninstall(window: Window) -> None:
    """By keyboard, in the settings."""
    settings = window.open("settings", "^Inpaint Anything Settings$")
    settings.press("alt+d")
    settings.press("alt+u")
    wait_for(lambda: window.shows("^Uninstall"), 120, "nobody asks")
    window.do("key", "alt+u")
    wait_for(lambda: window.shows(GONE), 120, "it is not said that it is gone")
    window.do("key", "alt+c")
    window.wait_for_plug_in()


def test_a_script_hears_what_is_missing(downloaded, gimp):
    environment = {"GIMP3_DIRECTORY": os.environ["GIMP3_DIRECTORY"]}
    status, sentence, unchanged = gimp("refused", home=downloaded, environment=environment)
    assert status == "execution-error" and unchanged
    assert "is not installed. Open Filters > Inpaint Anything > Settings" in sentence
