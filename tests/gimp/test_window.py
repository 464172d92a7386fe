"""The plug-in by keyboard and mouse, in a real GIMP window on a virtual screen."""

import time

from .conftest import IN_GIMP
from .window import HEIGHT, WIDTH, wait_for

pytestmark = IN_GIMP


def test_the_photo_is_looked_at_while_the_dialog_is_open_and_one_undo_takes_all_back(window, home, tmp_path):
    gimp, log = window("click"), home / "server.log"

    def looked() -> None:
        wait_for(lambda: log.exists() and "Look done" in log.read_text(), 30, "nobody looks at the photo ahead")

    assert gimp.layers() == 1
    gimp.start("Remove Object", looked)
    wait_for(lambda: gimp.layers() == 4, 60, "no result")  # the photo, the group and the two in it
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 1, 10, "one undo does not bring back the former layers")
    gimp.press("ctrl+y")
    wait_for(lambda: gimp.layers() == 4, 10, "redo does not bring the result again")
    assert "undo" not in (tmp_path / "said").read_text(), "GIMP has complaints about the undo steps"


def test_selecting_asks_whether_the_shadow_is_meant_too(window):
    gimp = window("click")
    gimp.start("Select Object", lambda: gimp.do("key", "alt+d"), found_by="Select the object that was")
    wait_for(lambda: gimp.layers() == 3, 60, "no result")  # the photo, the group and the mask


def test_gimps_cancel_button_frees_the_server_and_leaves_the_image_alone(window, home):
    gimp = window("long")
    gimp.start("Remove Object")
    log = home / "server.log"
    wait_for(lambda: log.exists() and "Locate done" in log.read_text(), 60, "the server has no work")
    time.sleep(2)
    for x in range(WIDTH - 250, WIDTH - 350, -15):  # Cancel is at the right end of the status bar
        gimp.do("mousemove", str(x), str(HEIGHT - 22), "click", "1")
        time.sleep(0.3)
    wait_for(lambda: "a client left; its job is cancelled" in log.read_text(), 10, "the server was not freed")
    wait_for(lambda: "Inpaint refused: Cancelled" in log.read_text(), 3, "the work went on")
    assert gimp.layers() == 1
