"""The window that shows how a painting goes: a preview, Cancel, and what is kept of several results."""

import json
import os
import signal

import pytest

from inference_server import client

from .conftest import IN_GIMP
from .window import Window, wait_for

pytestmark = IN_GIMP
FILL = "Put something else in the place of"


def fill_in(gimp: Window, model: str, variations: int = 1):
    """What to do in the dialog of Fill."""

    def write() -> None:
        for letter, text in (("p", "a cat"), ("m", model), ("v", str(variations))):
            gimp.do("key", f"alt+{letter}")
            gimp.do("key", "ctrl+a")
            gimp.do("type", text)

    return write


def height(gimp: Window, name: str) -> int:
    """Of a window, in pixels; 0 where it is not there."""
    lines = gimp.do("search", "--onlyvisible", "--name", name, "getwindowgeometry", "--shell").splitlines()
    return next((int(line.removeprefix("HEIGHT=")) for line in lines if line.startswith("HEIGHT=")), 0)


def test_escape_while_a_picture_forms_changes_nothing_and_frees_the_server(window, home, model):
    gimp, log = window("long"), home / "server.log"
    gimp.start("Fill", fill_in(gimp, model), found_by=FILL)
    wait_for(lambda: height(gimp, "^Filling$"), 30, "no window shows how it goes")
    without = height(gimp, "^Filling$")
    wait_for(lambda: height(gimp, "^Filling$") > without + 100, 120, "no picture is shown")
    assert gimp.layers() == 1
    gimp.do("key", "Escape")
    wait_for(lambda: not gimp.shows("^Filling$"), 20, "the window stays")
    assert "Inpaint refused: Cancelled" in log.read_text()
    with client.Client(client.endpoint()) as connection:
        assert connection.hello().jobs_waiting == 0
    assert gimp.layers() == 1


@pytest.mark.parametrize("how", ["Escape", "the server is killed"])
def test_what_has_come_is_kept_and_one_undo_takes_it_back(window, home, model, how):
    gimp = window("click")
    gimp.start("Fill", fill_in(gimp, model, 16), found_by=FILL)
    wait_for(lambda: gimp.layers() >= 5, 120, "no results")  # the photo, the group, the mask, and two
    if how == "Escape":
        gimp.do("key", "Escape")
    else:
        os.kill(json.loads((home / "server.json").read_text())["pid"], signal.SIGKILL)
    wait_for(lambda: not gimp.shows("^Filling$"), 20, "the window stays")
    kept = gimp.layers()
    assert 5 <= kept < 3 + 16
    if how != "Escape":
        wait_for(lambda: gimp.shows("GIMP Message"), 10, "nothing is said")
        gimp.do("key", "Escape")
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 1, 10, "one undo does not take all back")
